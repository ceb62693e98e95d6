"""What is moved away between the kernel's word of something else and our look is told as renamed, none the less.

The race is made certain: a disk does it to the directory just before each look. Law at every barrier: see `running`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smarttree import disk
from smarttree._listing import Listing
from smarttree._looks import Looks
from smarttree._walk import Placer
from smarttree.disk.base import Directory, Disk, Progress
from smarttree.ignore import Rules
from smarttree.row import Row
from smarttree.service import Service
from smarttree.tree import NO_ID
from tests.running import DEADLINE_S, Change, Run, config, top
from tests.watchers import QUEUES

__all__ = ["top"]

Deed = Callable[[], object]


class Busy:
    """A disk on which something is done before a look at the name that is `struck`, once for each of the deeds."""

    def __init__(self) -> None:
        self._inner: Disk = disk.choose()
        self.struck = b""
        self.deeds: list[Deed] = []

    @property
    def name(self) -> str:
        return self._inner.name

    def now_ns(self) -> int:
        return self._inner.now_ns()

    def progress(self) -> Progress:
        return self._inner.progress()

    def open(self, path: bytes, *, follow: bool = False) -> Directory:
        return BusyDirectory(self._inner.open(path, follow=follow), self.strike)

    def strike(self, names: list[bytes]) -> None:
        if self.deeds and self.struck in names:
            self.deeds.pop(0)()


class BusyDirectory:
    """An open directory of a busy disk."""

    def __init__(self, inner: Directory, strike: Callable[[list[bytes]], None]) -> None:
        self._inner, self._strike = inner, strike

    def row(self) -> Row:
        return self._inner.row()

    def look(self, names: list[bytes]) -> Looks:
        self._strike(names)
        return self._inner.look(names)

    def read(self, path: bytes) -> bytes | int | None:
        return self._inner.read(path)

    def scan(
        self, *, watch: Placer | None, threads: int, depth: int, progress: Progress, rules: Rules | None = None
    ) -> Listing:
        return self._inner.scan(watch=watch, threads=threads, depth=depth, progress=progress, rules=rules)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(params=QUEUES)
def told(request: pytest.FixtureRequest, top: Path) -> Iterator[Callable[..., list[Change]]]:
    """What is told when `first` is done, and each of the deeds at the next look at `name`; without modifications."""
    busy = Busy()
    run = Run(Service(config(top, watcher=request.param, batch_ms=0.0), reader=busy))

    def tell(first: Deed, *deeds: Deed, name: bytes = b"a") -> list[Change]:
        busy.struck, busy.deeds = name, list(deeds)
        first()
        for _ in deeds:
            run.service.sync().result(DEADLINE_S)
        assert busy.deeds == []
        return [change for change in run.changes() if change[0] != "modified"]

    yield tell
    run.service.stop()


Tell = Callable[..., list[Change]]


def test_a_file_that_is_renamed_before_it_is_looked_at(top: Path, told: Tell) -> None:
    changes = told(lambda: os.truncate(top / "a", 9), lambda: (top / "a").rename(top / "e" / "c"))
    assert changes == [("renamed", "e/c")]


def test_a_directory_that_has_just_been_renamed_already(top: Path, told: Tell) -> None:
    changes = told(lambda: (top / "d").rename(top / "d2"), lambda: (top / "d2").rename(top / "e" / "c"), name=b"d2")
    assert changes == [("renamed", "e/c")]


def test_one_that_has_just_been_renamed_already(top: Path, told: Tell) -> None:
    changes = told(lambda: (top / "b").rename(top / "a2"), lambda: (top / "a2").rename(top / "e" / "c"), name=b"a2")
    assert changes == [("renamed", "e/c")]


def test_one_in_whose_place_there_is_another_by_then(top: Path, told: Tell) -> None:
    """As logs are rotated."""

    def rotate() -> None:
        (top / "a").rename(top / "a.1")
        (top / "a").write_text("new")

    assert set(told(lambda: os.truncate(top / "a", 9), rotate)) == {("renamed", "a.1"), ("created", "a")}


def test_one_that_leaves_the_tree(top: Path, tmp_path: Path, told: Tell) -> None:
    changes = told(lambda: os.truncate(top / "a", 9), lambda: (top / "a").rename(tmp_path / "a"))
    assert changes == [("deleted", "a")]


def test_one_that_is_deleted(top: Path, told: Tell) -> None:
    assert told(lambda: os.truncate(top / "a", 9), lambda: (top / "a").unlink()) == [("deleted", "a")]


def test_one_that_never_rests_is_told_in_the_end(top: Path, told: Tell) -> None:
    """It is renamed at each look at `b`, whose every look has a cause of its own."""
    names = [f"a{number}" for number in range(20)]

    def rename(number: int) -> Deed:
        def deed() -> None:
            (top / names[number]).rename(top / names[number + 1])
            os.utime(top / "b")

        return deed

    (top / "a").rename(top / names[0])
    changes = told(lambda: os.utime(top / "b"), *(rename(number) for number in range(19)), name=b"b")
    assert changes[-1][1] == names[19]


class Endless(Busy):
    """A slow disk, on which a directory is made whenever the one that was made before is looked at."""

    SLOW_S = 0.2

    def __init__(self, top: Path) -> None:
        super().__init__()
        self.top, self.ended = top, threading.Event()

    def strike(self, names: list[bytes]) -> None:
        numbers = [int(name) for name in names if name.isdigit()]
        if numbers and not self.ended.wait(self.SLOW_S):
            (self.top / f"{max(numbers) + 1}").mkdir(exist_ok=True)


@pytest.mark.parametrize("name", QUEUES)
def test_who_never_stops_is_not_waited_for(name: str, top: Path) -> None:
    """What was there before a barrier is in its answer, and that comes."""
    endless = Endless(top)
    run = Run(Service(config(top, watcher=name, batch_ms=0.0), reader=endless))
    try:
        (top / "0").mkdir()
        (top / "before").touch()
        run.service.sync().result(DEADLINE_S)
        assert run.service.view().tree.resolve(os.fsencode(top / "before")) != NO_ID
        endless.ended.set()
        run.sync()
    finally:
        run.service.stop()
