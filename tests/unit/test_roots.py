"""The law of roots at run time: they come and go as batches, and whoever follows holds what is on the disk."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from smarttree.disk.linux import LinuxDisk
from smarttree.errors import LastRoot, NotReady, PathError, RootsOverlap, TooManyRoots, WatcherUnavailable
from smarttree.rooting import Rooted
from smarttree.service import Service
from smarttree.stream.batch import Batch, RootState
from smarttree.tree import NO_ID, SERVICE_ID
from smarttree.watch.linux import InotifyWatcher
from tests.running import DEADLINE_S, Begin, Run, begin, config, top

__all__ = ["begin", "top"]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another directory with a few things in it."""
    other = tmp_path / "other"
    (other / "d" / "deep").mkdir(parents=True)
    (other / "d" / "deep" / "g").write_text("gggg")
    (other / "a").write_text("a")
    (other / "b").hardlink_to(other / "a")
    return other


def add(run: Run, path: Path) -> Rooted:
    return run.service.rooting.add(os.fsencode(path)).result(DEADLINE_S)


def remove(run: Run, path: Path) -> Rooted:
    return run.service.rooting.remove(os.fsencode(path)).result(DEADLINE_S)


def told(batches: list[Batch]) -> set[tuple[str, str]]:
    return {(change.type, os.fsdecode(change.path)) for batch in batches for change in batch.changes}


def news(batches: list[Batch]) -> list[tuple[str, str]]:
    return [(os.fsdecode(batch.root.path), batch.root.state) for batch in batches if batch.root is not None]


# ---------------------------------------------------------------- they come


def test_a_root_that_is_added_is_told(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top)
    rooted = add(run, other)
    assert rooted.is_new
    assert rooted.clock == run.service.clock
    batches = run.sync()
    below = {os.path.join(at, name) for at, dirs, files in os.walk(other) for name in dirs + files}
    assert told(batches) == {("created", path) for path in below}
    assert [batch.root for batch in batches] == [None] * (len(batches) - 1) + [RootState(bytes(other), "ready")]
    assert [batch.more for batch in batches] == [True] * (len(batches) - 1) + [False]
    assert [run.tree.name(root) for root in run.tree.roots()] == [bytes(top), bytes(other)]
    assert run.service.activity.summary(batches[-1].time_ns, bytes(other)).changes == len(below)


def test_it_is_watched_from_then_on(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top)
    add(run, other)
    run.sync()
    (other / "d" / "deep" / "new").touch()
    (other / "d" / "deep" / "g").rename(other / "moved")
    (top / "a").rename(other / "from top")
    changes = told(run.sync())
    assert ("created", str(other / "d" / "deep" / "new")) in changes
    assert ("renamed", str(other / "moved")) in changes
    assert ("renamed", str(other / "from top")) in changes


def test_it_is_cut_like_everything_else(top: Path, tmp_path: Path, begin: Begin) -> None:
    run = begin(top, batch_max_bytes=4096)
    many = tmp_path / "many"
    for n in range(20):
        (many / f"d{n}").mkdir(parents=True)
        for m in range(40):
            (many / f"d{n}" / f"file number {m}").touch()
    add(run, many)
    batches = run.sync()
    assert len(batches) > 5
    assert max(len(batch.data) for batch in batches) < 8192
    assert [batch.more for batch in batches] == [True] * (len(batches) - 1) + [False]
    assert news(batches) == [(str(many), "ready")]
    remove(run, many)
    batches = run.sync()
    assert news(batches) == [(str(many), "removed")]
    assert told(batches) == {("deleted", str(many / f"d{n}")) for n in range(20)}


def test_an_empty_root(top: Path, tmp_path: Path, begin: Begin) -> None:
    run = begin(top)
    (tmp_path / "empty").mkdir()
    add(run, tmp_path / "empty")
    (batch,) = run.sync()
    assert (len(batch.changes), batch.root) == (0, RootState(bytes(tmp_path / "empty"), "ready"))
    (tmp_path / "empty" / "x").mkdir()
    assert ("created", str(tmp_path / "empty" / "x")) in told(run.sync())


def test_what_is_a_root_already_stays_as_it_is(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top)
    first = add(run, other)
    assert add(run, other) == Rooted(first.clock, False)
    assert not add(run, top).is_new


def test_roots_do_not_overlap(top: Path, begin: Begin) -> None:
    run = begin(top)
    for path in (top / "d", top.parent):
        with pytest.raises(RootsOverlap):
            add(run, path)
    assert run.sync() == []


def test_what_can_not_be_added_changes_nothing(top: Path, tmp_path: Path, begin: Begin) -> None:
    run = begin(top)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(top / "d")
    for name in ("nothing", "file", "link"):
        with pytest.raises(PathError):
            add(run, tmp_path / name)
    assert run.service.rooting.paths == (bytes(top),)
    assert run.sync() == []
    assert run.service.activity.summary(0, bytes(tmp_path / "nothing")).changes == 0


def test_a_path_that_leads_through_a_link_by_now_is_refused(top: Path, other: Path, begin: Begin) -> None:
    """It was resolved a moment ago; what it would lead to may be anywhere."""
    run = begin(top)
    (other.parent / "by").symlink_to(other)
    with pytest.raises(PathError):
        add(run, other.parent / "by" / "d")


def test_there_are_only_so_many(top: Path, tmp_path: Path, begin: Begin) -> None:
    run = begin(top, max_roots=10)
    paths = [tmp_path / "many" / f"r{n}" for n in range(10)]
    for path in paths:
        path.mkdir(parents=True)
    for path in paths[1:]:
        add(run, path)
    with pytest.raises(TooManyRoots):
        add(run, paths[0])
    remove(run, paths[1])
    add(run, paths[0])
    run.sync()


# ---------------------------------------------------------------- they go


def test_a_root_that_is_removed_is_told_and_forgotten(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top)
    add(run, other)
    run.sync()
    assert remove(run, other).clock == run.service.clock
    batches = run.sync()
    assert told(batches) == {("deleted", str(other / name)) for name in ("a", "b", "d")}
    assert news(batches) == [(str(other), "removed")]
    assert run.service.rooting.paths == (bytes(top),)
    (other / "new").touch()
    (other / "d" / "deep" / "g").unlink()
    assert run.sync() == []


def test_it_may_come_back(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top)
    for _ in range(5):
        add(run, other)
        (other / "d" / "deep" / "x").touch()
        run.sync()
        remove(run, other)
        (other / "d" / "deep" / "x").unlink()
        run.sync()


def test_a_root_of_the_start_may_go_but_not_the_last(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top, other)
    remove(run, top)
    with pytest.raises(LastRoot):
        remove(run, other)
    with pytest.raises(PathError, match="is not a root"):
        remove(run, top)
    (other / "x").touch()
    assert ("created", str(other / "x")) in told(run.sync())


def test_a_root_may_go_while_it_is_missing(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top, other)
    shutil.rmtree(other)
    run.service.sync().result(DEADLINE_S)
    remove(run, other)
    run.sync()
    other.mkdir()
    assert run.sync() == []
    assert not run.service.problems


# ---------------------------------------------------------------- meanwhile


def test_what_happens_meanwhile_is_told(top: Path, tmp_path: Path, begin: Begin) -> None:
    """Files are made in both roots while one of them comes and goes."""
    run = begin(top, batch_ms=0)
    busy = tmp_path / "busy"
    for n in range(50):
        (busy / f"d{n}").mkdir(parents=True)
    stop = threading.Event()

    def work() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            for root in (busy, top):
                (root / f"f{n % 50}").touch()
                (root / f"f{(n + 25) % 50}").unlink(missing_ok=True)
            (busy / f"d{n % 50}" / "in").touch()
            (busy / f"d{n % 50}" / "in").rename(busy / f"d{(n + 1) % 50}" / "in")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            add(run, busy)
            remove(run, busy)
        add(run, busy)
    finally:
        stop.set()
        thread.join()
    run.sync()


class Held(LinuxDisk):
    """Reads a directory only when it may."""

    def __init__(self, held: Path) -> None:
        super().__init__()
        self.path = bytes(held)
        self.reached, self.open_now = threading.Event(), threading.Event()

    def open(self, path: bytes, *, follow: bool = False):  # type: ignore[no-untyped-def]
        if path == self.path:
            self.reached.set()
            assert self.open_now.wait(DEADLINE_S)
        return super().open(path, follow=follow)


def test_views_and_the_clock_do_not_wait_for_a_scan(top: Path, other: Path) -> None:
    disk = Held(other)
    run = Run(Service(config(top), reader=disk))
    future = run.service.rooting.add(bytes(other))
    assert disk.reached.wait(DEADLINE_S)
    assert run.service.view().clock == run.service.clock
    assert run.service.rooting.pending() == {bytes(other): 0}
    assert not future.done()
    disk.open_now.set()
    assert future.result(DEADLINE_S).is_new
    assert run.service.rooting.pending() == {}
    run.sync()
    run.service.stop()


def test_the_end_of_the_server_ends_the_wait(top: Path, other: Path) -> None:
    disk = Held(other)
    run = Run(Service(config(top), reader=disk))
    futures = [run.service.rooting.add(bytes(other)), run.service.rooting.remove(bytes(other))]
    assert disk.reached.wait(DEADLINE_S)
    stopping = threading.Thread(target=run.service.stop)
    stopping.start()
    assert run.service._stopping.wait(DEADLINE_S)
    disk.open_now.set()
    for future in futures:
        with pytest.raises(NotReady):
            future.result(DEADLINE_S)
    stopping.join(DEADLINE_S)
    with pytest.raises(NotReady):
        run.service.rooting.add(bytes(other))


# ---------------------------------------------------------------- version control


def test_a_root_may_go_while_git_is_at_work_in_it(top: Path, other: Path, begin: Begin) -> None:
    """The end of what was told with `more` is told, though the root's own end came in the middle of it."""
    (other / ".git").mkdir()
    (other / ".git" / "HEAD").write_text("a" * 40)
    run = begin(top)
    add(run, other)
    (other / ".git" / "index.lock").touch()
    (other / "half").touch()
    run.sync()
    assert run.service.log.after(run.seq - 1)[0].more  # type: ignore[index]
    remove(run, other)
    run.until(lambda: not run.service.log.after(run.service.log.head - 1)[0].more)  # type: ignore[index]
    run.sync()
    (top / "x").touch()
    assert not run.sync()[-1].more


# ---------------------------------------------------------------- watchers that can't


class Refusing(InotifyWatcher):
    """Can't watch any more."""

    def add_root(self, path: bytes) -> None:
        raise WatcherUnavailable("not there")


def test_a_root_that_can_not_be_watched_is_refused(top: Path, other: Path, begin: Begin) -> None:
    run = begin(top, watcher=Refusing())
    with pytest.raises(WatcherUnavailable):
        add(run, other)
    (top / "x").touch()
    assert ("created", str(top / "x")) in told(run.sync())


class Late(InotifyWatcher):
    """Finds out when all is told that a directory can't be watched."""

    def bind(self, watches, asides=()):  # type: ignore[no-untyped-def]
        placed = list(watches)
        if len(placed) == 3 and self.broken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().bind(placed, asides)

    broken = False


def test_a_root_that_fails_when_it_was_told_is_told_to_have_gone(top: Path, other: Path, begin: Begin) -> None:
    watcher = Late()
    run = begin(top, watcher=watcher)
    placed = watcher._placed()
    watcher.broken = True
    with pytest.raises(Exception, match="limit"):
        add(run, other)
    assert news(run.sync()) == [(str(other), "ready"), (str(other), "removed")]
    assert run.service.view().tree.child(SERVICE_ID, bytes(other)) == NO_ID
    assert watcher._placed() == placed
    watcher.broken = False
    add(run, other)
    run.sync()


def test_a_removed_root_gives_its_watches_back(top: Path, other: Path) -> None:
    watcher = InotifyWatcher()
    run = Run(Service(config(top), watcher=watcher))
    before = watcher._placed()
    add(run, other)
    assert len(watcher._placed()) == len(before) + 3
    remove(run, other)
    assert watcher._placed() == before
    run.service.stop()
