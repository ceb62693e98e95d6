"""The portable scan and watcher, forced on this system: they find what our own find, and a service on them mirrors."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from smarttree._listing import Listing
from smarttree.disk.base import Disk
from smarttree.disk.linux import LinuxDisk
from smarttree.disk.portable import PortableDisk
from smarttree.row import Row
from smarttree.service import Service
from smarttree.tree import NO_ID
from smarttree.watch.portable import PortableWatcher
from tests.running import DEADLINE_S, Run, churn, config, top

__all__ = ["top"]  # a fixture

# watchdog's own threads fall over on Linux when directories move about; the barrier does not depend on them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

MISSES = "x/y", "f/x", "nothing"


def read(disk: Disk, path: bytes, depth: int = 0) -> Listing:
    opened = disk.open(path)
    try:
        return opened.scan(watch=None, threads=1, depth=depth, progress=disk.progress())
    finally:
        opened.close()


def without_birth(row: Row) -> Row:
    """Python 3.11 tells no birth time on Linux."""
    return row._replace(birth=0)


def told(listing: Listing) -> list[tuple[bytes, Row, int, range]]:
    rows = [without_birth(listing.row(index)) for index in range(len(listing))]
    return [(listing.name(i), rows[i], listing.parent(i), listing.children(i)) for i in range(1, len(listing))]


@pytest.fixture
def planted(tmp_path: Path) -> bytes:
    """Every kind of entry, odd names, and a hard link."""
    here = os.fsencode(tmp_path)
    for name in (b"d", b"d/e", b"d/e/f", b"empty", b"\xff\xfe", b"new\nline"):
        os.mkdir(here + b"/" + name)
    for name in (b"a", b"d/b.txt", b"d/e/f/" + b"n" * 255, b"\xff\xfe/\x01"):
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    os.symlink("nowhere", here + b"/dangling")
    os.symlink("..", here + b"/d/circle")
    os.mkfifo(here + b"/fifo")
    os.link(here + b"/a", here + b"/d/a too")
    return here


def test_both_disks_read_the_same(planted: bytes) -> None:
    ours, theirs = read(LinuxDisk(), planted), read(PortableDisk(), planted)
    assert told(theirs) == told(ours)
    assert theirs.hard_linked() == ours.hard_linked()
    assert theirs.watches() == []


def test_both_disks_look_alike(planted: bytes) -> None:
    names = [*os.listdir(planted), *(name.encode() for name in MISSES)]
    seen = []
    for disk in (LinuxDisk(), PortableDisk()):
        opened = disk.open(planted)
        looks = opened.look(names)
        seen.append([without_birth(look) if isinstance(look, Row) else look for look in looks])
        assert stat.S_ISDIR(opened.row().mode)
        opened.close()
    assert seen[0] == seen[1]
    assert seen[0][-len(MISSES) :] == [None] * len(MISSES)


@pytest.mark.parametrize("disk", [LinuxDisk(), PortableDisk()], ids=["linux", "portable"])
def test_what_is_no_directory_is_refused(disk: Disk, planted: bytes) -> None:
    for name in (b"a", b"dangling", b"d/circle", b"nothing"):
        with pytest.raises(OSError):
            disk.open(planted + b"/" + name)
    disk.open(planted + b"/d/circle", follow=True).close()


@pytest.mark.parametrize("disk", [LinuxDisk(), PortableDisk()], ids=["linux", "portable"])
def test_the_limit_of_levels_and_cancellation(disk: Disk, planted: bytes) -> None:
    assert len(read(disk, planted, 511)) - 1 == len(os.listdir(planted))
    progress = disk.progress()
    progress.cancel()
    opened = disk.open(planted)
    with pytest.raises(InterruptedError):
        opened.scan(watch=None, threads=1, depth=0, progress=progress)
    opened.close()


@pytest.fixture
def run(top: Path) -> Iterator[Run]:
    """A service on portable means only."""
    settings = config(top)
    service = Service(settings, watcher=PortableWatcher(settings.roots), reader=PortableDisk())
    running = Run(service)
    yield running
    service.stop()


def test_each_change_is_found_at_the_barrier(run: Run, top: Path) -> None:
    assert run.changes() == []
    (top / "new").write_text("1")
    assert ("created", "new") in run.changes()  # and perhaps modified, where it was seen before it was written
    (top / "new").write_text("22")
    assert run.changes()[-1] == ("modified", "new")
    (top / "x" / "y").mkdir(parents=True)
    (top / "x" / "y" / "z").write_text("")
    assert {("created", "x"), ("created", "x/y"), ("created", "x/y/z")} <= set(run.changes())
    os.rename(top / "x", top / "moved")
    run.changes()
    os.remove(top / "moved" / "y" / "z")
    assert run.changes() == [("deleted", "moved/y/z")]


def test_a_change_is_told_without_anyone_asking(run: Run, top: Path) -> None:
    (top / "d" / "told").write_text("by watchdog")
    run.until(lambda: run.service.view().tree.resolve(os.fsencode(top / "d" / "told")) != NO_ID)


@pytest.mark.parametrize("seed", range(4))
def test_churn(run: Run, top: Path, seed: int) -> None:
    dice = Random(seed)
    for _ in range(6):
        churn(top, dice, 30)
        run.sync()


def test_the_end_is_in_order(top: Path) -> None:
    """Also where watchdog has lost count of its own watches."""
    settings = config(top)
    running = Run(Service(settings, watcher=PortableWatcher(settings.roots), reader=PortableDisk()))
    churn(top, Random(1), 60)
    running.service.stop()
    assert running.service.failure is None


def test_roots_come_and_go(top: Path, tmp_path: Path) -> None:
    late = tmp_path / "late"
    (late / "d").mkdir(parents=True)
    watcher = PortableWatcher([bytes(top)])
    run = Run(Service(config(top), watcher=watcher, reader=PortableDisk()))
    for _ in range(2):
        run.service.rooting.add(bytes(late)).result(DEADLINE_S)
        run.sync()
        (late / "d" / "x").touch()
        run.until(lambda: run.service.view().tree.resolve(bytes(late / "d" / "x")) != NO_ID)
        run.sync()
        run.service.rooting.remove(bytes(late)).result(DEADLINE_S)
        (late / "d" / "x").unlink()
        run.sync()
    run.service.stop()
