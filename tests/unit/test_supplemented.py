"""What the kernel refuses to watch is polled: where it is, wherever it goes, and as long as it must be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from smarttree._scan import scan
from smarttree.disk.base import Reader
from smarttree.disk.linux import LinuxDisk
from smarttree.tree import Tree
from smarttree.watch import limits
from smarttree.watch.limits import Limit
from smarttree.watch.linux import InotifyWatcher
from smarttree.watch.polling import Polled, PollingWatcher
from smarttree.watch.supplemented import SupplementedWatcher

FULL = -errno.ENOSPC


class Site:
    """`top/{a/{b/c},d}`, where nothing was looked at yet; the poller makes no pass by itself."""

    def __init__(self, top: Path, *settled: bytes) -> None:
        self.top = bytes(top)
        for path in ("a/b/c", "d"):
            (top / path).mkdir(parents=True)
        self.tree = Tree()
        self.tree.graft(scan(self.top), self.top)
        self.poller = PollingWatcher([Polled(self.top + path, 1) for path in settled], Reader(LinuxDisk()), poll_s=1e6)
        self.watcher = SupplementedWatcher(InotifyWatcher(), self.poller)
        self.watcher.start(lambda: None, self.tree)

    def id(self, path: str) -> int:
        return self.tree.resolve(self.top + os.fsencode(path))

    def refuse(self, *paths: str, number: int = FULL) -> None:
        assert self.watcher.bind([(self.id(path), number) for path in paths]) == []

    @property
    def polled(self) -> list[tuple[str, int]]:
        return sorted((os.fsdecode(it.path.removeprefix(self.top)), it.depth) for it in self.poller.places)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> list[Limit]:
    """The limit; it can be replaced."""
    now = [Limit("fs.inotify.max_user_watches", 5)]
    monkeypatch.setattr(limits, "lowest", lambda settings: now[0])
    return now


def test_the_uppermost_are_polled_with_all_that_is_in_them(site: Site) -> None:
    assert site.watcher.name == "inotify"
    site.refuse("/a/b", "/a/b/c", "/d")
    assert site.polled == [("/a/b", 2), ("/d", 1)]
    assert site.watcher.name == "inotify and polling"
    os.mkdir(site.top + b"/a/b/c/new")
    assert b"new" in site.watcher.drain().names[site.id("/a/b/c")]
    site.watcher.close()


def test_it_is_said_with_the_command(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    assert site.watcher.degraded == ""
    site.refuse("/a/b", "/a/b/c")
    for part in ("fs.inotify.max_user_watches is 5", "2 directories", "sudo sysctl fs.inotify.max_user_watches=65536"):
        assert part in site.watcher.degraded
    site.refuse("/d")
    site.watcher.drain()
    assert "3 directories" in site.watcher.degraded
    assert len(caplog.records) == 1
    site.watcher.close()


def test_one_that_has_moved_is_read_where_it_is(site: Site) -> None:
    site.refuse("/a/b", "/a/b/c")
    os.rename(site.top + b"/a/b", site.top + b"/d/b")
    assert site.watcher.drain().whole == {site.id("/a/b")}
    os.mkdir(site.top + b"/a/b")  # another one in its place
    assert site.id("/a/b") in site.watcher.drain().whole
    site.watcher.close()


def test_one_that_has_left_a_place_that_is_polled_is_read_anew(site: Site) -> None:
    site.refuse("/a", "/a/b", "/a/b/c")
    if not site.tree.row(site.id("/a/b")).birth:
        pytest.skip("without a birth time it is another directory")
    os.rename(site.top + b"/a/b", site.top + b"/d/b")
    hints = site.watcher.drain()
    assert hints.whole == {site.id("/a/b"), site.id("/a/b/c")}
    assert (site.id("/a"), b"b") in hints.moved
    site.watcher.close()


def test_what_has_ended_or_is_watched_is_polled_no_more(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "smarttree")
    site.refuse("/a/b", "/a/b/c", "/d")
    ended = site.id("/d")
    site.tree.remove(ended)
    site.watcher.forget([ended])
    site.watcher.drain()
    assert site.polled == [("/a/b", 2)]
    site.watcher.bind([(site.id("/a/b"), 1), (site.id("/a/b/c"), 2)])
    site.watcher.drain()
    assert site.polled == []
    assert site.watcher.degraded == ""
    assert caplog.messages[-1] == "every directory is watched again"
    site.watcher.close()


def test_when_the_limit_changes_it_is_tried_again(site: Site, limit: list[Limit]) -> None:
    site.refuse("/a/b", "/a/b/c", "/d")
    assert site.watcher.drain().whole == set()
    limit[0] = Limit("fs.inotify.max_user_watches", 500)
    assert site.watcher.drain().whole == {site.id("/a/b"), site.id("/d")}
    assert site.watcher.drain().whole == set()
    site.watcher.close()


def test_a_file_system_that_can_not_be_watched(site: Site) -> None:
    site.refuse("/d", number=-errno.EOPNOTSUPP)
    assert "file system" in site.watcher.degraded
    site.watcher.close()


def test_what_is_polled_anyway_is_nothing_to_complain_of(tmp_path: Path) -> None:
    site = Site(tmp_path, b"/a")
    site.refuse("/a", "/a/b", number=-errno.EOPNOTSUPP)
    assert site.polled == [("/a", 1)]
    assert site.watcher.degraded == ""
    site.watcher.close()


def test_alone_the_kernels_watcher_does_not_pass_over_it(site: Site) -> None:
    alone = InotifyWatcher()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        alone.bind([(site.id("/d"), FULL)])
    alone.close()
    site.watcher.close()
