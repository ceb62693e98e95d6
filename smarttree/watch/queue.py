"""What the kernel's queues have in common: a thread drains the queue at all times, directories are known by watch key.

A key stays with its directory through every rename, so a late event still resolves to the right place and a directory's
rename costs nothing. How watches are placed and events read is the queue's own matter (inotify, fanotify).
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Collection, Container, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from smarttree._watched import Watched
from smarttree.ignore import EXCLUDE, GIT
from smarttree.tree import Tree
from smarttree.watch.base import Hints, Place, WakeUp

if TYPE_CHECKING:
    from smarttree._walk import Placer
    from smarttree._watched import Event

logger = logging.getLogger(__name__)

CLOSE_WRITE, MOVED_TO = 0x8, 0x80
Q_OVERFLOW, IGNORED = 0x4000, 0x8000

# After a wake the reader naps, so that a storm is read in blocks: measured, 0.46 instead of 2.6 µs an event. inotify
# queues 16,384 events by default, many times what arrives in a nap. The first event after a quiet time is not delayed.
NAP_S = 0.002
ORPHANS_MAX = 1_000_000
NAMES_MAX = 1_000_000
"""That wait to be looked at where the engine can't keep up. Beyond, everything is read anew, as after lost hints."""


class _Either:
    """What is in one of two."""

    def __init__(self, one: Container[int], other: Container[int]) -> None:
        self._one, self._other = one, other

    def __contains__(self, key: object) -> bool:
        return key in self._one or key in self._other


class Queue(Protocol):
    """One of the kernel's queues of events. Masks are as inotify's."""

    @property
    def fd(self) -> int:
        """Readable while events wait."""

    def drain(self) -> Iterable[list[Event]]:
        """(key, mask, name) of all that waited when it was called, in pieces. Raises OSError."""

    def settle(self, known: Container[int]) -> None:
        """A scan has ended: of what it placed, only the known keys are of use."""

    def forget(self, key: int, /) -> None:
        """Its directory is none of ours any more."""

    def close(self) -> None:
        """Give back what it holds."""


AnyQueue = TypeVar("AnyQueue", bound=Queue)


class QueueWatcher(Generic[AnyQueue]):
    """A Watcher on one of the kernel's queues, which must be a `Placer` for scans too."""

    name: str
    degraded = ""

    def __init__(self, queue: AnyQueue) -> None:
        self._queue = queue
        self._lock = threading.Lock()  # guards everything below, and draining
        self._hints, self._names_n = Hints(), 0
        self._ends = 0  # the events of which it is kept that they end something, if anyone wants to know
        self._watched = Watched()
        self._asides = Watched()  # keys of directories with git's rule file, and the id of that for which it holds
        self._placing = False
        self._orphans: list[Event] = []  # events of watches that have no id yet
        self._stop_r, self._stop_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._reader: threading.Thread | None = None
        self._wake: WakeUp | None = None

    @property
    def scan_handle(self) -> Placer:
        return self._queue  # type: ignore[return-value]  # a Placer has nothing that a Protocol could ask for

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        self._ends = CLOSE_WRITE | MOVED_TO if ends else 0
        self._wake = wake
        self._reader = threading.Thread(target=self._read, args=(wake,), name=self.name, daemon=True)
        self._reader.start()

    def _sources(self) -> dict[int, int]:
        """What the reader waits for: descriptors, and the events of poll(2) on each."""
        return {self._queue.fd: select.POLLIN}

    def _waits(self) -> bool:
        return bool(self._hints)

    def _read(self, wake: WakeUp) -> None:
        poll = select.poll()
        for fd, events in {**self._sources(), self._stop_r: select.POLLIN}.items():
            poll.register(fd, events)
        stop = select.poll()
        stop.register(self._stop_r, select.POLLIN)
        while True:
            if any(fd == self._stop_r for fd, _ in poll.poll()):
                return
            with self._lock:
                self._take()
                waiting = self._waits()
            if waiting:
                wake()
            if stop.poll(NAP_S * 1000):
                return

    def add_root(self, path: bytes) -> None:
        """A scan places what is needed."""

    def drop_root(self, path: bytes) -> None:
        """What had an id is given back by `forget`."""

    @contextmanager
    def placing(self) -> Iterator[None]:
        with self._lock:
            self._placing = True
        try:
            yield
        finally:
            with self._lock:
                self._placing = False
                self._orphans.clear()
                self._queue.settle(_Either(self._watched, self._asides) if len(self._asides) else self._watched)

    def bind(self, watches: Iterable[tuple[int, int]], asides: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        with self._lock:
            placed = list(watches)
            for _, key in placed:
                if key < 0:
                    raise OSError(-key, os.strerror(-key))
            _, unused = self._asides.bind(asides)
            replaced, left = self._watched.bind(placed)
            for old, new in replaced:
                self._hints.pass_on(old, new)
            self._drop(left + unused)
            orphans, self._orphans = self._orphans, []
            self._hear(orphans)
        return replaced

    def forget(self, directories: Iterable[int]) -> None:
        """A directory that was scanned anew, under another id, keeps its key: that one is not dropped."""
        with self._lock:
            for directory in directories:
                keys = (self._watched.forget(directory), self._asides.forget(directory))
                self._drop(key for key in keys if key is not None)

    def _drop(self, keys: Iterable[int]) -> None:
        """These stand for nothing any more in one of the tables, but perhaps in the other."""
        for key in keys:
            if key not in self._watched and key not in self._asides:
                self._queue.forget(key)

    def drain(self, *, barrier: bool = True) -> Hints:
        """Emptying the kernel's queue is a barrier by itself, so each drain is one."""
        with self._lock:
            self._take()
            hints, self._hints, self._names_n = self._hints, Hints(), 0
        return hints

    def leaving(self) -> Collection[Place]:
        with self._lock:
            self._take()
            places, waits = self._hints.moved.copy(), self._waits()
        if waits and self._wake is not None:  # the reader does not see any more that there is something
            self._wake()
        return places

    def _take(self) -> None:
        for events in self._queue.drain():
            self._hear(events)

    def _hear(self, events: list[Event]) -> None:
        hints = self._hints
        fresh, others = self._watched.hear(events, hints.names, hints.moved, hints.written, hints.stored)
        self._names_n += fresh
        if self._ends:
            self._note_ends(events)
        for event in others:
            self._consider(*event)
        if self._names_n > NAMES_MAX:
            logger.warning("more than %d names wait to be looked at: reading everything anew", NAMES_MAX)
            self._hints, self._names_n = Hints(overflow=True), 0

    def _note_ends(self, events: list[Event]) -> None:
        for key, mask, name in events:
            directory = self._watched.directory(key) if name and mask & self._ends else None
            if directory is not None:
                (self._hints.closed if mask & CLOSE_WRITE else self._hints.arrived).add((directory, name))

    def _consider(self, key: int, mask: int, name: bytes) -> None:
        """An event that is more than a name to look at."""
        if mask & Q_OVERFLOW:
            logger.warning("the kernel's queue of events overflowed: reading everything anew")
            self._hints.overflow = True
            return
        if (directory := self._asides.directory(key)) is not None:
            self._hear_aside(directory, name)
        elif key not in self._watched:
            self._keep(key, mask, name)
        if (directory := self._watched.directory(key)) is not None:
            self._hints.names.setdefault(directory, set())
        if mask & IGNORED:
            self._asides.end(key)
            self._watched.end(key)

    def _hear_aside(self, directory: int, name: bytes) -> None:
        """From the directory with git's own rule file for another, of which only that counts, and its end."""
        if not name or name == EXCLUDE:
            self._hints.add(directory, GIT)

    def _keep(self, key: int, mask: int, name: bytes) -> None:
        """An event of a watch without an id: from a scan under way, or from a directory that left the tree."""
        if not self._placing:
            return
        if len(self._orphans) >= ORPHANS_MAX:
            self._hints.overflow = True
            self._orphans.clear()
        self._orphans.append((key, mask, name))

    def close(self) -> None:
        os.write(self._stop_w, b"\0")
        if self._reader is not None:
            self._reader.join()
        self._queue.close()
        os.close(self._stop_r)
        os.close(self._stop_w)
