"""Polling as a Watcher: what is there is read whole, again and again, and compared with the Tree.

For network file systems, whose changes by others no kernel tells us, and wherever nothing else works. Directories are
not asked by their times what has changed in them: a write in place moves none of these, many network file systems are
careless with them, and a change within one tick of the clock would be hidden for ever. So a pass costs what a scan
costs, in a thread of its own and without the GIL. The comparison is made by the engine, which owns the Tree: measured,
0.15 µs an entry, where to reconcile a whole listing takes 6.5 µs.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

from smarttree._compare import KIND_ITSELF, KIND_LEFT, KIND_REPLACED, KIND_WRITTEN, Comparison
from smarttree._listing import Listing
from smarttree.printable import printable
from smarttree.tree import NO_ID, Tree
from smarttree.watch.base import Hints, Place, WakeUp
from smarttree.watch.mounts import is_below

logger = logging.getLogger(__name__)

SHARE: Final = 0.1
"""Of one core, at most. A pass is made by one thread, so it never takes more of the processor than of the clock."""

_NOT_THERE: Final = {errno.ENOENT, errno.ENOTDIR}
_CLOSED: Final = {errno.EACCES, errno.EPERM}


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


Pass = list[tuple[Polled, Listing | int]]
"""What was read of each place, or the errno for which it could not be."""


class PollingWatcher:
    """Polls `places` every `poll_s` seconds, or less often where a pass takes long. As a barrier it reads at once."""

    name = "polling"
    scan_handle = None

    def __init__(self, places: Sequence[Polled], reader: Reader, *, poll_s: float, degraded: str = "") -> None:
        self._reader, self._poll_s = reader, poll_s
        self.degraded = degraded
        self._lock = threading.Lock()  # guards the two below
        self._read: Pass = []  # what the last pass has found, until it is drained
        self._compared_s = 0.0  # what the engine has spent since on comparing
        self._bound, self._wanted, self._stop = threading.Event(), threading.Event(), threading.Event()
        self.replace(places)
        self._tree = Tree()
        self._thread: threading.Thread | None = None

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        self._tree = tree
        self._thread = threading.Thread(target=self._poll, args=(wake,), name=self.name, daemon=True)
        self._thread.start()

    def replace(self, places: Sequence[Polled]) -> None:
        """Poll these from the next pass on."""
        self.places = tuple(places)
        if self.places:
            self._wanted.set()
        elif not self._stop.is_set():
            self._wanted.clear()

    def add_root(self, path: bytes) -> None:
        self.replace([*self.places, Polled(path)])

    def drop_root(self, path: bytes) -> None:
        self.replace([place for place in self.places if not is_below(place.path, path)])

    @property
    def has_passed(self) -> bool:
        """Whether what a pass has found waits to be drained."""
        return bool(self._read)

    def _poll(self, wake: WakeUp) -> None:
        self._bound.wait()  # before the first scan has ended there is nothing to compare with
        rest_s = self._poll_s
        while self._wanted.wait() and not self._stop.wait(rest_s):
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

    def _read_all(self) -> Pass:
        return [(place, self._read_one(place)) for place in self.places]

    def _read_one(self, place: Polled) -> Listing | int:
        """An errno where it can't be read: the engine will look what is the matter."""
        try:
            return self._reader.read(*place)
        except InterruptedError:
            raise
        except OSError as error:
            logger.debug("can't poll %s: %s", printable(place.path), error)
            return error.errno or errno.EIO

    @contextmanager
    def placing(self) -> Iterator[None]:
        yield

    def bind(self, watches: Iterable[tuple[int, int]], asides: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
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
        for place, found in read:
            self._say(place.path, found, hints)
        with self._lock:
            self._compared_s += time.monotonic() - began
        return hints

    def _say(self, path: bytes, found: Listing | int, hints: Hints) -> None:
        eid = self._tree.resolve(path)
        if eid != NO_ID and self._tree.has_directory(eid):
            if isinstance(found, Listing):
                point_out(self._tree, eid, found, hints)
            elif found in _NOT_THERE:
                hints.whole.add(eid)  # wherever it is now
            else:
                hints.names.setdefault(eid, set())
        elif isinstance(found, Listing):
            self._say_it_came(path, hints)

    def _say_it_came(self, path: bytes, hints: Hints) -> None:
        """There is a directory that the Tree has not: look from the nearest above it that it has."""
        while path not in (b"", b"/"):
            above, _, name = path.rpartition(b"/")
            eid = self._tree.resolve(above or b"/")
            if eid != NO_ID and self._tree.has_directory(eid):
                hints.add(eid, name)
                return
            path = above

    def leaving(self) -> Collection[Place]:
        """What the next pass will find, nobody knows yet."""
        return ()

    def close(self) -> None:
        self._reader.cancel()
        self._stop.set()
        self._bound.set()
        self._wanted.set()
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
    if tree.row(top).identity != listing.row(0).identity:  # another directory is there
        hints.whole.add(top)
        hints.names.setdefault(top, set())
        return
    left: list[int] = []
    comparison = Comparison(tree, top, listing)
    if any(number in _CLOSED for _, name, number in listing.problems if not name):
        # What may not be read shows no difference: the engine finds out what is the matter, and says it.
        matched = comparison.matched()
        hints.whole.update(eid for eid, index in matched if listing.problems_of(index).get(b"") in _CLOSED)
    for kind, directory, name, eid, _ in comparison.findings():
        if kind == KIND_ITSELF:
            hints.names.setdefault(directory, set())
            continue
        hints.add(directory, name)
        if kind == KIND_WRITTEN:
            hints.written.add((directory, name))
        if kind in (KIND_LEFT, KIND_REPLACED):
            left.append(eid)
    _add_moves(tree, left, hints)


def _add_moves(tree: Tree, left: list[int], hints: Hints) -> None:
    """Of a directory that is elsewhere now, what is in it was not compared: it is read anew, and so is each that was in
    it, as that may have gone another way.
    """
    for eid in left:
        if not tree.row(eid).birth:
            continue
        hints.moved.add((tree.parent(eid), tree.name(eid)))
        for inner in filter(tree.is_dir, (eid, *tree.below(eid).tolist()) if tree.is_dir(eid) else ()):
            hints.moved.add((tree.parent(inner), tree.name(inner)))
            hints.whole.add(inner)
