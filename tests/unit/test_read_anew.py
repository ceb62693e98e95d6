"""After lost hints all is read, and what moves while that is done is no exception: nothing in it was looked at.

Windows are made by hand: what the kernel says is drained and dropped, or passed on, as each test wants it. Law: when
nothing waits any more, the tree is what a fresh scan says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smarttree._listing import Listing
from smarttree._scan import scan
from smarttree._walk import Placer
from smarttree.clock import Clock
from smarttree.disk.base import Directory, Progress
from smarttree.ignore import Rules, command_rules
from smarttree.ledger import Ledger, Limits, cut_batches
from smarttree.observe import Observer
from smarttree.order import order
from smarttree.plan import Plan
from smarttree.tree import SERVICE_ID, Tree
from smarttree.watch.base import Hints
from smarttree.watch.linux import InotifyWatcher
from tests.unit.test_moved_meanwhile import Busy, BusyDirectory

Deed = Callable[[], object]
WINDOWS_MAX = 10


class Stirred(Busy):
    """A disk on which something is done before a scan, and something after it."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Deed] = []
        self.after: list[Deed] = []

    def open(self, path: bytes, *, follow: bool = False) -> Directory:
        return StirredDirectory(super().open(path, follow=follow), self)


class StirredDirectory(BusyDirectory):
    """An open directory of it."""

    def __init__(self, inner: Directory, disk: Stirred) -> None:
        super().__init__(inner, disk.strike)
        self._disk = disk

    def scan(
        self, *, watch: Placer | None, threads: int, depth: int, progress: Progress, rules: Rules | None = None
    ) -> Listing:
        while self._disk.before:
            self._disk.before.pop()()
        listing = super().scan(watch=watch, threads=threads, depth=depth, progress=progress, rules=rules)
        while self._disk.after:
            self._disk.after.pop()()
        return listing


class Windows:
    """The engine's windows over one directory, one by one."""

    def __init__(self, top: Path, *, rule_files: bool = False) -> None:
        self.top, self.tree, self.disk, self.watcher = top, Tree(), Stirred(), InotifyWatcher()
        self.rules = command_rules(rule_files=rule_files)
        self.observer = Observer(self.tree, self.watcher, self.disk, threads=1, rules=self.rules)
        self.watcher.start(lambda: None, self.tree)
        self.root = self.observer.add_root(os.fsencode(top), self.disk.progress())
        self._ledger, self._seq = Ledger(self.tree), 1

    def id(self, path: str) -> int:
        return self.tree.resolve(os.fsencode(self.top / path))

    def lose(self) -> None:
        """What the kernel has to say is said to nobody."""
        self.watcher.drain()

    def turn(self, hints: Hints) -> None:
        hints.merge(self.observer.later)
        self.observer.observe(hints, self._carry_out)

    def settle(self) -> None:
        """As at a barrier: until nothing waits."""
        for _ in range(WINDOWS_MAX):
            hints = self.watcher.drain()
            if not hints and not self.observer.later:
                break
            self.turn(hints)
        fresh = Tree()
        fresh.graft(scan(os.fsencode(self.top), rules=self.rules), os.fsencode(self.top))
        assert self.tree.digest(SERVICE_ID) == fresh.digest(SERVICE_ID)

    def _carry_out(self, plan: Plan) -> None:
        clock, limits = Clock(1, self._seq), Limits(1 << 20, 1000)
        self._seq += len(list(cut_batches(self._ledger, plan, order(self.tree, plan), clock, 0, limits, more=False)))


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Windows]:
    """Over `a/d/inner/file`, `b` and `c`."""
    top = tmp_path / "top"
    for path in ("a/d/inner", "b", "c"):
        (top / path).mkdir(parents=True)
    (top / "a/d/inner/file").touch()
    made = Windows(top)
    yield made
    made.watcher.close()


def test_a_directory_that_was_seen_at_its_new_place_before_all_was_read(windows: Windows) -> None:
    """Some of the hints were lost: those of what was done in it."""
    top = windows.top
    (top / "a/d/inner/lost").touch()
    (top / "a/d").rename(top / "b/d")
    windows.lose()
    top_itself: dict[int, set[bytes]] = {windows.root: set()}
    here = {windows.id("a"): {b"d"}, windows.id("b"): {b"d"}}
    windows.turn(Hints(names=top_itself | here, moved={(windows.id("a"), b"d")}, overflow=True))
    windows.settle()


def test_a_directory_that_was_elsewhere_while_all_was_read(windows: Windows, tmp_path: Path) -> None:
    """It was in no directory when that was read; the hints of how it moved are heard, those of what it held are not."""
    top = windows.top
    (top / "a/d/inner/lost").touch()
    windows.lose()
    windows.disk.before = [lambda: (top / "a/d").rename(tmp_path / "d")]
    windows.disk.after = [lambda: (tmp_path / "d").rename(top / "b/d")]
    windows.turn(Hints(overflow=True))
    windows.settle()


def test_a_directory_that_moved_out_of_one_that_is_still_to_be_read(windows: Windows, tmp_path: Path) -> None:
    top = windows.top
    (top / "a/d/inner/lost").touch()
    windows.lose()
    windows.disk.before = [lambda: (top / "a").rename(tmp_path / "a")]
    windows.disk.after = [lambda: (tmp_path / "a").rename(top / "b/a")]
    windows.turn(Hints(overflow=True))
    (top / "b/a/d").rename(top / "c/d")
    windows.disk.struck, windows.disk.deeds = b"a", [lambda: (top / "b/a").rename(tmp_path / "a")]
    windows.turn(windows.watcher.drain())
    (tmp_path / "a").rename(top / "b/a")
    windows.settle()


def test_a_directory_that_was_seen_before_all_was_read_and_left_then(windows: Windows) -> None:
    top = windows.top
    (top / "a/d/inner/lost").touch()
    windows.lose()
    windows.disk.before = [lambda: (top / "a/d").rename(top / "b/d")]
    hints: dict[int, set[bytes]] = {windows.root: {b"c"}, windows.id("b"): {b"d"}, windows.id("a"): {b"d"}}
    windows.turn(Hints(names=hints, overflow=True))
    windows.settle()


def test_the_same_where_one_directory_is_to_be_read_anew(windows: Windows, tmp_path: Path) -> None:
    top = windows.top
    (top / "a/d/inner/lost").touch()
    windows.lose()
    windows.disk.before = [lambda: (top / "a/d").rename(tmp_path / "d")]
    windows.disk.after = [lambda: (tmp_path / "d").rename(top / "b/d")]
    windows.turn(Hints(whole={windows.id("a")}))
    windows.settle()


def test_rules_that_changed_between_two_looks_at_one_place(windows: Windows) -> None:
    """Without a hint to come: git's own rule file was there before what it is in was watched."""
    top, windows = windows.top, Windows(windows.top, rule_files=True)
    rule_file = top / ".git" / "info" / "exclude"
    rule_file.parent.parent.mkdir()

    def rule() -> None:
        rule_file.parent.mkdir()
        rule_file.write_text("d")

    windows.disk.after = [rule]  # `a` has been read then, and is read once more with the whole
    hints = windows.watcher.drain()
    hints.whole.add(windows.id("a"))
    hints.names = {windows.root: {b".git"}, windows.id("a"): set()}
    windows.turn(hints)
    windows.settle()
    windows.watcher.close()
