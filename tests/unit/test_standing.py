"""The law of a root's standing: whatever becomes of its directory is said, and what is there again is told as it is."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smarttree.disk.linux import LinuxDirectory, LinuxDisk
from smarttree.service import Service
from smarttree.stream.batch import Batch
from tests.mounting import mounted
from tests.running import DEADLINE_S, Begin, Run, begin, config, top

__all__ = ["begin", "top"]


def news(batches: list[Batch]) -> list[str]:
    """What has become of the one root in the end."""
    assert not any(batch.more for batch in batches[-1:])
    return [batch.root.state for batch in batches if batch.root is not None][-1:]


def state(run: Run) -> str:
    return run.service.state_of_root(run.tree.roots()[0])


def problems(run: Run) -> list[tuple[bytes, int]]:
    return [(problem.path, problem.errno) for problem in run.service.problems]


def require_alive(run: Run, top: Path) -> None:
    """The root is told as it is, and what happens in it is heard of."""
    run.follow()
    assert (state(run), problems(run)) == ("ready", [])
    (top / "here").mkdir()
    (top / "here" / "x").touch()
    run.sync()
    shutil.rmtree(top / "here")
    assert ("deleted", "here") in run.changes()


def remake(top: Path) -> None:
    (top / "d" / "new").mkdir(parents=True)
    (top / "d" / "new" / "f").write_text("x")


# ---------------------------------------------------------------- gone, and there again


def test_a_root_that_is_deleted(top: Path, begin: Begin) -> None:
    run = begin(top)
    shutil.rmtree(top)
    batches = run.follow()
    assert news(batches) == ["missing"]
    assert {change.path for batch in batches for change in batch.changes} >= {bytes(top / n) for n in "abde"}
    assert run.tree.totals(run.tree.roots()[0]) == (0, 0, 0)
    assert (state(run), problems(run)) == ("missing", [(bytes(top), errno.ENOENT)])
    assert run.follow() == []
    remake(top)
    batches = run.sync()
    assert news(batches) == ["ready"]
    require_alive(run, top)


def test_a_root_that_is_moved_away_and_back(top: Path, begin: Begin) -> None:
    run = begin(top)
    top.rename(top.with_name("away"))
    batches = run.follow()
    assert news(batches) == ["missing"]
    assert [(batch.more, bool(batch.root)) for batch in batches] == [(True, False), (False, True)]
    (top.with_name("away") / "d" / "meanwhile").touch()
    assert run.follow() == []
    top.with_name("away").rename(top)
    assert news(run.sync()) == ["ready"]
    require_alive(run, top)


def test_a_root_that_is_back_before_anyone_looks(top: Path, begin: Begin) -> None:
    run = begin(top)
    top.rename(top.with_name("away"))
    (top.with_name("away") / "d" / "meanwhile").touch()
    top.with_name("away").rename(top)
    run.sync()
    require_alive(run, top)


def test_another_directory_in_its_place(top: Path, begin: Begin) -> None:
    run = begin(top)
    remake(top.with_name("other"))
    top.rename(top.with_name("away"))
    top.with_name("other").rename(top)
    assert news(run.sync()) == ["ready"]
    (top.with_name("away") / "a").unlink()
    assert run.sync() == []
    require_alive(run, top)


def test_a_file_in_its_place(top: Path, begin: Begin) -> None:
    run = begin(top)
    top.rename(top.with_name("away"))
    top.touch()
    assert news(run.follow()) == ["missing"]
    assert problems(run) == [(bytes(top), errno.ENOTDIR)]
    top.unlink()
    top.with_name("away").rename(top)
    assert news(run.sync()) == ["ready"]
    require_alive(run, top)


def test_what_is_above_a_root_moves(tmp_path: Path, begin: Begin) -> None:
    """No hint tells of that: the kernel says it to the directory above, which is none of ours."""
    top = tmp_path / "above" / "it" / "top"
    remake(top)
    run = begin(top)
    (tmp_path / "above").rename(tmp_path / "aside")
    assert news(run.follow()) == ["missing"]
    remake(top)
    (top / "other").touch()
    assert news(run.sync()) == ["ready"]
    shutil.rmtree(tmp_path / "above")
    (tmp_path / "aside").rename(tmp_path / "above")
    assert news(run.sync()) == ["ready"]
    require_alive(run, top)


def test_it_is_found_out_without_anyone_asking(tmp_path: Path, begin: Begin) -> None:
    top = tmp_path / "above" / "top"
    remake(top)
    run = begin(top)
    (tmp_path / "above").rename(tmp_path / "aside")
    run.until(lambda: state(run) == "missing" and run.service.log.head > run.seq)
    (tmp_path / "aside").rename(tmp_path / "above")
    run.until(lambda: state(run) == "ready")
    require_alive(run, top)


# ---------------------------------------------------------------- links


def test_a_root_that_is_a_link(top: Path, tmp_path: Path, begin: Begin) -> None:
    """Whose target changes, and goes, and comes back."""
    one, two = tmp_path / "one", tmp_path / "two"
    top.rename(one)
    remake(two)
    top.symlink_to(one)
    run = begin(top)
    (one / "here").touch()
    assert ("created", "here") in run.changes()
    (tmp_path / "link").symlink_to(two)
    (tmp_path / "link").rename(top)
    assert news(run.sync()) == ["ready"]
    (one / "a").unlink()
    assert run.sync() == []
    require_alive(run, top)
    two.rename(tmp_path / "three")
    assert news(run.follow()) == ["missing"]
    (tmp_path / "three").rename(two)
    assert news(run.sync()) == ["ready"]
    require_alive(run, top)


def test_a_root_that_came_late_is_not_reached_through_a_link(top: Path, tmp_path: Path, begin: Begin) -> None:
    """It would lead out of where roots may be."""
    run, late = begin(top), tmp_path / "base" / "late"
    remake(late)
    run.service.rooting.add(bytes(late)).result(DEADLINE_S)
    run.sync()
    late.rename(tmp_path / "base" / "away")
    late.symlink_to(top / "d")
    assert news(run.follow()) == ["missing"]
    late.unlink()
    (tmp_path / "base").rename(tmp_path / "aside")
    remake(tmp_path / "secret" / "late")
    (tmp_path / "base").symlink_to(tmp_path / "secret")
    assert run.follow() == []
    (tmp_path / "base").unlink()
    remake(late)
    assert news(run.sync()) == ["ready"]


# ---------------------------------------------------------------- mounts


def test_what_is_mounted_on_a_root_goes_and_comes(top: Path, begin: Begin) -> None:
    run = begin(top)
    with mounted(top):
        remake(top)
        assert news(run.sync()) == ["ready"]
        require_alive(run, top)
    assert news(run.sync()) == ["ready"]
    require_alive(run, top)
    with mounted(top):
        assert news(run.sync()) == ["ready"]
        require_alive(run, top)
    assert news(run.sync()) == ["ready"]


def test_a_root_below_a_mount_goes_with_it(tmp_path: Path, begin: Begin) -> None:
    (tmp_path / "mnt").mkdir()
    top = tmp_path / "mnt" / "top"
    with mounted(tmp_path / "mnt"):
        remake(top)
        run = begin(top)
        require_alive(run, top)
    assert news(run.follow()) == ["missing"]
    with mounted(tmp_path / "mnt"):
        remake(top)
        assert news(run.sync()) == ["ready"]
        require_alive(run, top)
    assert news(run.follow()) == ["missing"]


# ---------------------------------------------------------------- closed


class Closed(LinuxDisk):
    """A disk on which a directory may be closed to us, with what an errno says; no privilege opens it."""

    def __init__(self, top: Path) -> None:
        super().__init__()
        self.top, self.to_open, self.to_scan = bytes(top), 0, 0

    def open(self, path: bytes, *, follow: bool = False) -> LinuxDirectory:
        if self.to_open and path.startswith(self.top):
            raise OSError(self.to_open, os.strerror(self.to_open))
        opened = super().open(path, follow=follow)
        return Shut(opened, self.to_scan) if self.to_scan and path == self.top else opened


class Shut(LinuxDirectory):
    """May be entered, not read."""

    def __init__(self, inner: LinuxDirectory, number: int) -> None:
        self._inner, self._number = inner, number
        self.row, self.look, self.close = inner.row, inner.look, inner.close  # type: ignore[method-assign]

    def scan(self, **_: object) -> None:  # type: ignore[override]
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("watcher", ["inotify", "fanotify"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_root_that_is_closed_stays_as_it_was_told(top: Path, watcher: str, number: int) -> None:
    disk = Closed(top)
    run = Run(Service(config(top, watcher=watcher), reader=disk))
    before = run.tree.digest(0)
    disk.to_open = number
    (top / "d" / "unseen").touch()
    assert news(run.follow()) == ["unreadable"]
    assert run.tree.digest(0) == before
    assert state(run) == "unreadable"
    assert (bytes(top), number) in problems(run)
    assert run.follow() == []
    disk.to_open = 0
    assert news(run.sync()) == ["ready"]
    require_alive(run, top)
    run.service.stop()


@pytest.mark.parametrize("watcher", ["inotify", "fanotify"])
def test_a_root_that_may_be_entered_but_not_read(top: Path, watcher: str) -> None:
    disk = Closed(top)
    run = Run(Service(config(top, watcher=watcher), reader=disk))
    total = run.tree.totals(0)
    disk.to_scan = errno.EACCES
    top.chmod(0o300)
    assert news(run.follow()) == ["unreadable"]
    assert run.tree.totals(0) == total
    assert problems(run) == [(bytes(top), errno.EACCES)]
    disk.to_scan = 0
    top.chmod(0o700)
    assert news(run.sync()) == ["ready"]
    require_alive(run, top)
    disk.to_scan = errno.EACCES  # another one, closed from the start: what was in the first is not in it
    top.rename(top.with_name("away"))
    remake(top)
    assert news(run.follow()) == ["unreadable"]
    assert run.tree.totals(0) == (0, 0, 0)
    disk.to_scan = 0
    assert news(run.sync()) == ["ready"]
    run.service.stop()


# ---------------------------------------------------------------- under load


def test_roots_that_come_and_go_in_a_storm(top: Path, tmp_path: Path, begin: Begin) -> None:
    """Whatever order it is seen in, the end is what is there."""
    other = tmp_path / "other"
    remake(other)
    run, away = begin(top, other, batch_ms=0), tmp_path / "away"
    acts: list[Callable[[], object]] = [
        lambda: top.rename(away),
        lambda: away.rename(top),
        lambda: other.rename(away),
        lambda: top.rename(other),
        lambda: away.rename(top),
        lambda: shutil.rmtree(other),
        lambda: remake(other),
    ]
    deadline = time.monotonic() + DEADLINE_S
    for _ in range(20):
        assert time.monotonic() < deadline
        for act in acts:
            act()
            for root in (top, other):
                if root.exists():
                    (root / "touched").touch()
        run.sync()
