"""What is fanotify's own: it hears of a whole file system and keeps to its directories; file systems come and go."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarttree import watch
from smarttree._fanotify import Fanotify
from smarttree._scan import scan
from smarttree.disk.base import Reader
from smarttree.disk.linux import LinuxDisk
from smarttree.errors import WatcherUnavailable
from smarttree.service import Service
from smarttree.tree import NO_ID
from smarttree.watch import filesystem, queue
from smarttree.watch.base import Watcher
from smarttree.watch.linux import FanotifyWatcher
from smarttree.watch.mounts import Mount, Mounts, is_below, parse
from tests.mounting import mounted
from tests.running import DEADLINE_S, Run, config
from tests.storm.team import PROJECT
from tests.watchers import POLL_S, Site, make_fanotify, needs_fanotify, open_site, touch

pytestmark = needs_fanotify

FOREIGN = 20_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A watcher over an empty directory, with no thread that drains; `tmp_path` has room beside it."""
    (tmp_path / "top").mkdir()
    made = open_site(make_fanotify, os.fsencode(tmp_path / "top"))
    yield made
    made.watcher.close()


def choose(root: bytes, name: str = watch.AUTO) -> Watcher:
    return watch.choose([root], name, reader=Reader(LinuxDisk()), poll_s=POLL_S)


def append(path: Path) -> None:
    """One change: what empties a file and writes it again may be seen halfway."""
    with path.open("ab") as file:
        file.write(b"x")


def foreign_events(beside: bytes) -> None:
    """In a directory that is not watched; each of a name of its own, or the kernel would make one of them."""
    for number in range(FOREIGN):
        os.mknod(beside + b"/%d" % number)


# ---------------------------------------------------------------- the rest of the file system


def test_what_is_not_ours_is_counted_and_dropped(site: Site, tmp_path: Path) -> None:
    """Also while a scan is under way: then, too, it is known what is ours."""
    assert isinstance(site.watcher, FanotifyWatcher)
    with site.watcher.placing():
        before = site.watcher.foreign
        foreign_events(os.fsencode(tmp_path))
        touch(site.top + b"/f")
        tracemalloc.start()
        hints = site.watcher.drain()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert site.watcher.foreign - before >= FOREIGN
        assert hints.names == {site.root: {b"f"}}
        assert peak < FOREIGN  # bytes: less than one for each


def test_an_unlimited_queue_loses_nothing(site: Site) -> None:
    """More events than fit into a bounded queue, and nobody drains."""
    names = {b"%d" % number for number in range(20_000)}
    for name in names:
        os.mknod(site.top + b"/" + name)
    hints = site.watcher.drain()
    assert not hints.overflow
    assert hints.names[site.root] == names


def test_what_waits_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a queue without a bound not everything is kept as names: that it was not is said, as of what is lost."""
    monkeypatch.setattr(queue, "NAMES_MAX", 100)
    for number in range(120):
        os.mknod(site.top + b"/%d" % number)
    hints = site.watcher.drain()
    assert hints.overflow
    assert sum(map(len, hints.names.values())) < 100
    touch(site.top + b"/after")
    hints = site.watcher.drain()
    assert not hints.overflow
    assert hints.names == {site.root: {b"after"}}


def test_a_limited_queue_says_what_it_loses(tmp_path: Path) -> None:
    top = os.fsencode(tmp_path)
    made = open_site(lambda top: FanotifyWatcher([top], group=Fanotify(unlimited=False)), top)
    room = int(Path("/proc/sys/fs/fanotify/max_queued_events").read_text())
    for number in range(room + 1):
        os.mknod(top + b"/%d" % number)
    assert made.watcher.drain().overflow
    touch(top + b"/after")
    hints = made.watcher.drain()
    assert not hints.overflow
    assert b"after" in hints.names[made.root]
    made.watcher.close()


def test_keys_are_known_until_they_are_forgotten(tmp_path: Path) -> None:
    """Thousands, forgotten in any order: exactly the others are heard of, at each turn."""
    top, dice, group = os.fsencode(tmp_path), random.Random(5), Fanotify()
    for number in range(3000):
        os.mkdir(top + b"/%d" % number)
    fd = os.open(top, os.O_RDONLY)
    group.mark(fd)
    os.close(fd)
    listing = scan(top, watch=group)
    keys = {listing.name(index): key for index, key in listing.watches() if index}
    group.settle({*keys.values(), listing.watch(0)})
    while keys:
        for name in dice.sample(sorted(keys), min(700, len(keys))):
            group.forget(keys.pop(name))
        for number in range(3000):
            os.utime(top + b"/%d" % number)
        assert {key for events in group.drain() for key, _, _ in events} == set(keys.values())
    group.close()


def test_what_a_scan_placed_for_nothing_is_dropped(site: Site) -> None:
    os.mkdir(site.top + b"/d")
    with site.watcher.placing():
        scan(site.top + b"/d", watch=site.watcher.scan_handle)
    assert isinstance(site.watcher, FanotifyWatcher)
    site.watcher.drain()
    before = site.watcher.foreign
    os.mknod(site.top + b"/d/f")
    assert not site.watcher.drain()
    assert site.watcher.foreign > before


def test_neighbours_that_say_the_same_are_said_once(tmp_path: Path) -> None:
    group, top = Fanotify(), os.fsencode(tmp_path)
    listing = scan(top, watch=group)
    os.mknod(top + b"/f")
    assert list(group.drain()) == [[(listing.watch(0), 0x100, b"f")]]
    for _ in range(3):
        touch(top + b"/f", b"x")
        touch(top + b"/g", b"x")
    events = [event for events in group.drain() for event in events]
    assert len(events) == len({*events})
    group.close()
    with pytest.raises(OSError):
        list(group.drain())


# ---------------------------------------------------------------- mounts


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "top" / "mnt").mkdir(parents=True)
    (tmp_path / "top" / "mnt" / "under").write_text("what the mount hides")
    return tmp_path / "top"


def start(top: Path) -> Run:
    return Run(Service(config(top, watcher="fanotify")))


def test_a_file_system_mounted_below_a_root_is_marked_too(top: Path) -> None:
    with mounted(top / "mnt"):
        (top / "mnt" / "d").mkdir()
        run = start(top)
        (top / "mnt" / "d" / "f").write_text("x")
        assert ("created", "mnt/d/f") in run.changes()
        run.service.stop()


def test_mounting_and_unmounting_are_changes(top: Path) -> None:
    run = start(top)
    with mounted(top / "mnt"):
        assert run.changes() == [("deleted", "mnt"), ("created", "mnt")]
        (top / "mnt" / "inner").mkdir()
        (top / "mnt" / "inner" / "f").write_text("x")
        run.sync()
        append(top / "mnt" / "inner" / "f")
        assert run.changes() == [("modified", "mnt/inner/f")]
    assert ("created", "mnt/under") in run.changes()
    append(top / "mnt" / "under")
    assert run.changes() == [("modified", "mnt/under")]
    run.service.stop()


def test_what_can_not_be_marked_is_polled_while_it_is_mounted(top: Path) -> None:
    """Handles on a ramfs would do, but it is not known to be such a kind."""
    run = Run(Service(config(top, watcher="fanotify", poll_s=POLL_S)))
    assert run.service.watching == ("fanotify", "")
    with mounted(top / "mnt", "ramfs"):
        (top / "mnt" / "d").mkdir()
        run.sync()
        assert run.service.watching.by == "fanotify and polling"
        assert "on a file system that can't be watched" in run.service.watching.degraded
        (top / "mnt" / "d" / "f").write_text("found by a pass")
        run.until(lambda: run.service.view().tree.resolve(bytes(top / "mnt" / "d" / "f")) != NO_ID)
    assert ("created", "mnt/under") in run.changes()
    run.sync()
    assert run.service.watching == ("fanotify", "")
    run.service.stop()


def test_a_network_file_system_below_a_root_is_polled_beside_it(
    top: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A ramfs that is taken for one: fanotify does as well without it."""
    caplog.set_level("INFO", "smarttree.watch")
    monkeypatch.setitem(filesystem.REMOTE, "ramfs", "a network file system")
    with mounted(top / "mnt", "ramfs"):
        (top / "mnt" / "d").mkdir()
        run = Run(Service(config(top, poll_s=POLL_S)))
        assert run.service.watching == ("fanotify and polling", "")
        assert f"polling {top / 'mnt'}: it is on a network file system" in caplog.text
        (top / "mnt" / "d" / "f").write_text("found by a pass")
        run.until(lambda: run.service.view().tree.resolve(bytes(top / "mnt" / "d" / "f")) != NO_ID)
        (top / "here").write_text("")
        (top / "mnt" / "there").write_text("")
        assert {("created", "here"), ("created", "mnt/there")} <= {*run.changes()}
        run.service.stop()


def test_where_something_below_can_not_be_marked_another_is_chosen(top: Path) -> None:
    with mounted(top / "mnt", "ramfs"):
        with pytest.raises(WatcherUnavailable, match="top/mnt: it is not of a kind"):
            choose(bytes(top), "fanotify")
        watcher = choose(bytes(top))
        assert watcher.name == "inotify"
        watcher.close()


def test_a_file_system_that_comes_back_is_marked_anew(top: Path, tmp_path: Path) -> None:
    """The very same one, before anyone could look: its mark went with it, and the table of mounts looks as before."""
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, check=False)
    loop = ["mount", "-o", "loop", str(image), str(top / "mnt")]
    if made.returncode or subprocess.run(loop, capture_output=True, check=False).returncode:
        pytest.skip("no file system in a file can be mounted here")
    try:
        (top / "mnt" / "f").write_text("x")
        run = start(top)
        subprocess.run(f"umount {top / 'mnt'} && {' '.join(loop)}", shell=True, check=True)
        run.sync()
        (top / "mnt" / "f").write_text("xx")
        assert ("modified", "mnt/f") in run.changes()
        run.service.stop()
    finally:
        subprocess.run(["umount", top / "mnt"], check=True)


def test_the_table_of_mounts_is_read_as_the_kernel_writes_it() -> None:
    table = (
        b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        b"30 22 0:27 /in/it /a\\040b\\134c rw - tmpfs none rw,size=4k\n"
    )
    assert list(parse(table)) == [
        Mount(b"/", b"22", b"254:0 /", "ext4"),
        Mount(b"/a b\\c", b"30", b"0:27 /in/it", "tmpfs"),
    ]


def test_what_is_mounted_below_a_root_that_comes_is_marked(top: Path, tmp_path: Path) -> None:
    (tmp_path / "late" / "mnt").mkdir(parents=True)
    with mounted(tmp_path / "late" / "mnt"):
        run = start(top)
        run.service.rooting.add(bytes(tmp_path / "late")).result(DEADLINE_S)
        run.sync()
        (tmp_path / "late" / "mnt" / "f").touch()
        assert [change.path for batch in run.sync() for change in batch.changes] == [
            bytes(tmp_path / "late" / "mnt" / "f")
        ]
    run.sync()
    with mounted(tmp_path / "late" / "mnt"):
        (tmp_path / "late" / "mnt" / "g").touch()
        run.sync()
    run.service.stop()


def test_what_can_not_be_marked_in_a_root_that_comes_is_polled(top: Path, tmp_path: Path) -> None:
    run = start(top)
    (tmp_path / "late" / "mnt").mkdir(parents=True)
    with mounted(tmp_path / "late" / "mnt", "ramfs"):
        run.service.rooting.add(bytes(tmp_path / "late")).result(DEADLINE_S)
        run.sync()
        assert "polled" in run.service.watching.degraded
        (tmp_path / "late" / "mnt" / "f").touch()
        run.sync()
        run.service.rooting.remove(bytes(tmp_path / "late")).result(DEADLINE_S)
        assert run.service.watching.degraded == ""
    run.sync()
    run.service.stop()


def test_other_roots_to_follow_hide_no_change(top: Path, tmp_path: Path) -> None:
    """What was mounted before a root came, and not asked for yet, is news still."""
    mounts = Mounts([bytes(top)])
    with mounted(top / "mnt"):
        assert mounts.has_changed()
        mounts.follow([bytes(top), bytes(tmp_path / "late")])
        assert mounts.renew() == {bytes(top / "mnt")}
        mounts.follow([bytes(tmp_path / "late")])
        assert bytes(top / "mnt") not in mounts.points
        mounts.follow([bytes(tmp_path)])
        assert bytes(top / "mnt") in mounts.points
        assert mounts.renew() == set()
    mounts.close()


@pytest.mark.parametrize(
    ("path", "above", "below"),
    [(b"/a/b", b"/a", True), (b"/a", b"/a", True), (b"/ab", b"/a", False), (b"/a", b"/", True)],
)
def test_below(path: bytes, above: bytes, below: bool) -> None:
    assert is_below(path, above) is below


# ---------------------------------------------------------------- the choice


def test_it_is_chosen_where_it_can_be_had(tmp_path: Path) -> None:
    for name, chosen in (("auto", "fanotify"), ("fanotify", "fanotify"), ("inotify", "inotify")):
        watcher = choose(os.fsencode(tmp_path), name)
        assert watcher.name == chosen
        watcher.close()


def test_what_can_not_be_marked_is_refused() -> None:
    """And where nothing was asked for, inotify is chosen."""
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(WatcherUnavailable, match=r"/proc/sys.*leave --watcher out"):
        choose(b"/proc/sys", "fanotify")
    watcher = choose(b"/proc/sys")
    assert watcher.name == "inotify"
    watcher.close()
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_without_the_capability_it_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "tests/storm/unprivileged.py"), "--serve", "--port", "0"]
    run = subprocess.run(
        [*command, "--watcher", "fanotify", tmp_path], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 3
    said = run.stderr.splitlines()[-1]
    assert said.startswith("st: fanotify can't be used here: it needs the capability CAP_SYS_ADMIN")
