"""Polling as a Watcher: what is there is read whole, again and again, and compared with the Tree.

For network file systems, whose changes by others no kernel tells us, and wherever nothing else works. Directories are
not asked by their times what has changed in them: a write in place moves none of these, many network file systems are
careless with them, and a change within one tick of the clock would be hidden for ever. So a pass costs what a scan
costs, in a thread of its own and without the GIL. The comparison is made by the engine, which owns the Tree: measured,
0.15 µs an entry, where to reconcile a whole listing takes 6.5 µs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

from smarttree._compare import KIND_CAME, KIND_ITSELF, KIND_LEFT, KIND_REPLACED, KIND_WRITTEN, compare
from smarttree._listing import Listing
from smarttree.printable import printable
from smarttree.tree import NO_ID, Tree
from smarttree.watch.base import Hints, WakeUp

logger = logging.getLogger(__name__)

SHARE: Final = 0.1
"""Of one core, at most. A pass is made by one thread, so it never takes more of the processor than of the clock."""


class Polled(NamedTuple):
    """A directory that is polled with everything below it, and how far below its root it is."""

    path: bytes
    depth: int = 0


class Reader(Protocol):
    """Reads directories whole, in the calling thread. Any thread may call it, and `cancel` it."""

    def read(self, path: bytes, depth: int) -> Listing:
        """Raises OSError, and InterruptedError from `cancel` on."""

    def cancel(self) -> None:
        """End what is being read, and all that would be."""


class PollingWatcher:
    """Polls `places` every `poll_s` seconds, or less often where a pass takes long. As a barrier it reads at once."""

    name = "polling"
    scan_handle = None

    def __init__(self, places: Sequence[Polled], reader: Reader, *, poll_s: float) -> None:
        self._places, self._reader, self._poll_s = places, reader, poll_s
        self._lock = threading.Lock()  # guards the two below
        self._read: list[Listing | None] = []  # what the last pass has read of each place, until it is drained
        self._compared_s = 0.0  # what the engine has spent since on comparing
        self._bound, self._stop = threading.Event(), threading.Event()
        self._tree = Tree()
        self._thread: threading.Thread | None = None

    def start(self, wake: WakeUp, tree: Tree) -> None:
        self._tree = tree
        self._thread = threading.Thread(target=self._poll, args=(wake,), name=self.name, daemon=True)
        self._thread.start()

    def _poll(self, wake: WakeUp) -> None:
        self._bound.wait()  # before the first scan has ended there is nothing to compare with
        rest_s = self._poll_s
        while not self._stop.wait(rest_s):
            began = time.monotonic()
            try:
                read = self._read_all()
            except InterruptedError:
                return
            passed_s = time.monotonic() - began
            with self._lock:
                self._read = read
                passed_s, self._compared_s = passed_s + self._compared_s, 0.0
            rest_s = rest_after(passed_s, self._poll_s)
            if rest_s > self._poll_s:
                logger.debug("a pass took %.1f s: the next in %.0f s", passed_s, rest_s)
            wake()

    def _read_all(self) -> list[Listing | None]:
        return [self._read_one(place) for place in self._places]

    def _read_one(self, place: Polled) -> Listing | None:
        """None where it can't be read: the engine will look what is the matter."""
        try:
            return self._reader.read(*place)
        except InterruptedError:
            raise
        except OSError as error:
            logger.debug("can't poll %s: %s", printable(place.path), error)
            return None

    @contextmanager
    def placing(self) -> Iterator[None]:
        yield

    def bind(self, watches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        self._bound.set()
        return []

    def forget(self, directories: Iterable[int]) -> None:
        """Nothing is kept by id."""

    def drain(self, *, barrier: bool = True) -> Hints:
        """With `barrier` everything is read now. Raises InterruptedError once the reader was cancelled."""
        with self._lock:
            read, self._read = self._read, []
        if barrier:
            read = self._read_all()
        hints, began = Hints(), time.monotonic()
        for place, listing in zip(self._places, read, strict=False):
            self._say(place, listing, hints)
        with self._lock:
            self._compared_s += time.monotonic() - began
        return hints

    def _say(self, place: Polled, listing: Listing | None, hints: Hints) -> None:
        eid = self._tree.resolve(place.path)
        if eid != NO_ID and self._tree.has_directory(eid):
            if listing is None:
                hints.names.setdefault(eid, set())
            else:
                point_out(self._tree, eid, listing, hints)
        elif listing is not None:
            self._say_it_came(place.path, hints)

    def _say_it_came(self, path: bytes, hints: Hints) -> None:
        """There is a directory that the Tree has not: look from the nearest above it that it has."""
        while path not in (b"", b"/"):
            above, _, name = path.rpartition(b"/")
            eid = self._tree.resolve(above or b"/")
            if eid != NO_ID and self._tree.has_directory(eid):
                hints.add(eid, name)
                return
            path = above

    def close(self) -> None:
        self._reader.cancel()
        self._stop.set()
        self._bound.set()
        if self._thread is not None:
            self._thread.join()


def rest_after(passed_s: float, poll_s: float) -> float:
    """How long to rest after a pass: never less than asked for, nor than keeps the share of one core."""
    return max(poll_s, passed_s * (1 / SHARE - 1))


def point_out(tree: Tree, top: int, listing: Listing, hints: Hints) -> None:
    """Add to `hints` where a Listing of the directory `top` differs from the Tree, and the evidence for what happened.

    That a known inode is at its place no more is evidence that it was moved, where there is a birth time: an inode
    alone may be another file's by now (law 5). That the ctime has moved is evidence that it was written.
    """
    left: list[int] = []
    came: list[int] = []
    for kind, directory, name, eid, index in compare(tree, top, listing):
        if not name:
            if kind != KIND_ITSELF:
                hints.whole.add(directory)  # another directory is at the top
            hints.names.setdefault(directory, set())
            continue
        hints.add(directory, name)
        if kind == KIND_WRITTEN:
            hints.written.add((directory, name))
        if kind in (KIND_LEFT, KIND_REPLACED):
            left.append(eid)
        if kind in (KIND_CAME, KIND_REPLACED) and listing.row(index).is_dir:
            came.append(index)
    _add_moves(tree, left, listing, came, hints)


def _add_moves(tree: Tree, left: list[int], listing: Listing, came: list[int], hints: Hints) -> None:
    """Of a directory that is elsewhere now, what is in it was not compared: it is read anew."""
    directories = [eid for eid in left if tree.is_dir(eid)]
    arrived = {listing.row(index).identity for index in _directories(listing, came)} if directories and came else set()
    for eid in left:
        if tree.row(eid).birth:
            hints.moved.add((tree.parent(eid), tree.name(eid)))
    for top in directories if arrived else ():
        for eid in (top, *tree.below(top).tolist()):
            if tree.is_dir(eid) and tree.row(eid).birth and tree.row(eid).identity in arrived:
                hints.moved.add((tree.parent(eid), tree.name(eid)))
                hints.whole.add(eid)


def _directories(listing: Listing, tops: Iterable[int]) -> Iterator[int]:
    """The indices of `tops` and of all directories below them."""
    todo = list(tops)
    while todo:
        index = todo.pop()
        yield index
        todo += [child for child in listing.children(index) if listing.row(child).is_dir]
