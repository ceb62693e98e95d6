"""A watcher that takes every liberty: it doubles, delays and reorders hints, and drops them saying so.

Law: it passes on the real watcher's hints; what is dropped comes out as `overflow`, all else within `patience` drains
or at `release`. With no patience it keeps the barrier, and so the whole contract. Delay is the one thing that it does
beyond that: a change may then be told late, never wrongly.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager

from smarttree._walk import Placer
from smarttree.tree import Tree
from smarttree.watch.base import Hints, Place, WakeUp
from smarttree.watch.linux import InotifyWatcher


class FakeWatcher:
    """As `InotifyWatcher`, but `doubling` of the drains are said once more in the next, `dropping` of them are an
    overflow, and each hint waits for up to `patience` drains, its evidence apart from it."""

    name = "fake"
    degraded = ""

    def __init__(self, seed: int = 0, *, doubling: float = 1.0, dropping: float = 0.0, patience: int = 0) -> None:
        self._inner = InotifyWatcher()
        self._dice = random.Random(seed)
        self._doubling, self._dropping, self.patience = doubling, dropping, patience
        self._queue: list[Hints] = []  # what waits: for the next drain, for the one after it, ...
        self._released = False
        self._wake: WakeUp | None = None
        self.doubled = self.dropped = self.delayed = 0

    @property
    def has_struck(self) -> bool:
        """Whether each thing that was asked for has been done."""
        if self.patience:
            return self.delayed > 0 and (self.dropped > 0 or not self._dropping)
        return self.dropped > 0 if self._dropping else self.doubled > 0

    @property
    def scan_handle(self) -> Placer:
        return self._inner.scan_handle

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        self._wake = wake
        self._inner.start(wake, tree, ends=ends)

    def add_root(self, path: bytes) -> None:
        self._inner.add_root(path)

    def drop_root(self, path: bytes) -> None:
        self._inner.drop_root(path)

    def placing(self) -> AbstractContextManager[None]:
        return self._inner.placing()

    def bind(self, watches: Iterable[tuple[int, int]], asides: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        """What waits of a directory that has another id now is said of both, as by the real one."""
        replaced = self._inner.bind(watches, asides)
        for hints in self._queue:
            for old, new in replaced:
                hints.pass_on(old, new)
        return replaced

    def forget(self, directories: Iterable[int]) -> None:
        """Nothing is said any more of ids that another entry may soon have."""
        ended = set(directories)
        self._inner.forget(ended)
        for hints in self._queue:
            hints.names = {directory: names for directory, names in hints.names.items() if directory not in ended}
            hints.moved = {place for place in hints.moved if place[0] not in ended}
            hints.written = {place for place in hints.written if place[0] not in ended}

    def release(self) -> None:
        """Nothing is delayed from now on; what waits comes in the next drain."""
        self._released = True
        if self._wake is not None:
            self._wake()

    def drain(self, *, barrier: bool = True) -> Hints:
        heard = self._inner.drain(barrier=barrier)
        now = self._queue.pop(0) if self._queue else Hints()
        if self._released:
            while self._queue:
                now.merge(self._queue.pop())
        if heard and self._dice.random() < self._dropping:
            self.dropped += 1
            now.overflow = True
        elif self.patience and not self._released:
            self._delay(heard, now)
        else:
            now.merge(heard)
            self._double(heard)
        if self._queue and self._wake is not None:
            self._wake()
        return now

    def leaving(self) -> Collection[Place]:
        return self._inner.leaving()

    def _later(self, drains: int) -> Hints:
        while len(self._queue) < drains:
            self._queue.append(Hints())
        return self._queue[drains - 1]

    def _double(self, heard: Hints) -> None:
        if heard.names and self._dice.random() < self._doubling:
            self.doubled += 1
            later = self._later(1)
            later.merge(Hints(moved=set(heard.moved), written=set(heard.written)))
            for directory, names in heard.names.items():
                later.names.setdefault(directory, set()).update(names)

    def _delay(self, heard: Hints, now: Hints) -> None:
        """Each hint and each piece of evidence goes its own way, some of them twice."""
        now.overflow |= heard.overflow
        now.whole |= heard.whole
        for directory, names in heard.names.items():
            self._some_time(now).names.setdefault(directory, set())
            for name in names:
                for _ in range(1 + (self._dice.random() < self._doubling)):
                    self._some_time(now).add(directory, name)
        for place in heard.moved:
            self._some_time(now).moved.add(place)
        for place in heard.written:
            self._some_time(now).written.add(place)

    def _some_time(self, now: Hints) -> Hints:
        drains = self._dice.randint(0, self.patience)
        self.delayed += drains > 0
        return self._later(drains) if drains else now

    def close(self) -> None:
        self._inner.close()
