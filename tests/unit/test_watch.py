"""The contract of a watcher, for each that there is: no hint is lost without a word, and `drain` is a barrier."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smarttree._scan import scan
from smarttree._watch import Inotify
from smarttree.watch.base import Hints
from smarttree.watch.queue import Q_OVERFLOW
from tests.storm.fake_watcher import FakeWatcher
from tests.watchers import FANOTIFY, INOTIFY, POLLING, Maker, Site, open_site, touch


def make_fake(top: bytes) -> FakeWatcher:
    return FakeWatcher()


FAKE = pytest.param(make_fake, id="fake")
MAKERS = [INOTIFY, FANOTIFY, FAKE]
ALL = [*MAKERS, POLLING]


@pytest.fixture(params=MAKERS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A running watcher, of those that place watches, over an empty directory."""
    yield from running(request.param, tmp_path)


@pytest.fixture(params=ALL)
def any_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A running watcher of any kind over an empty directory. One that polls compares with the tree, so that follows."""
    yield from running(request.param, tmp_path)


def running(make: Maker, top: Path) -> Iterator[Site]:
    made = open_site(make, os.fsencode(top))
    made.watcher.start(made.woken.set, made.tree)
    yield made
    made.watcher.close()


# ---------------------------------------------------------------- the barrier


def test_a_drain_sees_what_was_done_before_it(any_site: Site) -> None:
    """Read your writes, a thousand times over, while the watcher's own thread drains as well."""
    for n in range(1_000):
        name = b"f%d" % (n % 7)
        touch(any_site.top + b"/" + name, b"x")
        assert name in any_site.watcher.drain().names.get(any_site.root, ())


def test_a_wake_up_comes_without_a_drain(any_site: Site) -> None:
    for n in range(50):
        name = b"f%d" % n
        touch(any_site.top + b"/" + name)
        assert any_site.until(any_site.root, name)


def test_a_drain_of_nothing_is_nothing(any_site: Site) -> None:
    """Said once, or twice, and no more."""
    assert not any_site.watcher.drain()
    touch(any_site.top + b"/f")
    assert any_site.watcher.drain()
    any_site.follow()
    any_site.watcher.drain()
    assert not any_site.watcher.drain()


# ---------------------------------------------------------------- what is hinted


def test_every_kind_of_change_is_hinted(any_site: Site) -> None:
    path = any_site.top + b"/f"
    actions: dict[str, Callable[[], None]] = {
        "create": lambda: os.mknod(path),
        "write": lambda: touch(path, b"x"),
        "truncate": lambda: os.truncate(path, 0),
        "chmod": lambda: os.chmod(path, 0o600),
        "times": lambda: os.utime(path, (1, 1)),
        "link": lambda: os.link(path, any_site.top + b"/g"),
        "unlink": lambda: os.unlink(path),
        "symlink": lambda: os.symlink(b"x", path),
        "replace": lambda: os.rename(any_site.top + b"/g", path),
    }
    for what, action in actions.items():
        action()
        hints = any_site.watcher.drain()
        assert hints.names.get(any_site.root, set()) & {b"f", b"g"}, what
        assert not hints.overflow
        any_site.follow()


def test_writing_and_moving_are_evidence(site: Site) -> None:
    touch(site.top + b"/a", b"x")
    hints = site.watcher.drain()
    assert (site.root, b"a") in hints.written
    assert not hints.moved
    os.rename(site.top + b"/a", site.top + b"/b")
    hints = site.watcher.drain()
    assert hints.moved == {(site.root, b"a")}
    assert hints.names[site.root] >= {b"a", b"b"}
    os.chmod(site.top + b"/b", 0o600)
    assert not site.watcher.drain().written


def test_a_directory_keeps_its_id_through_a_rename(site: Site) -> None:
    """The watcher knows directories, not paths."""
    eid = site.add(b"d")
    os.rename(site.top + b"/d", site.top + b"/e")
    touch(site.top + b"/e/f")
    assert b"f" in site.watcher.drain().names[eid]


def test_what_is_below_a_renamed_directory_is_too(site: Site) -> None:
    above = site.add(b"d")
    eid = site.add(b"d/e", above)
    os.mkdir(site.top + b"/elsewhere")
    os.rename(site.top + b"/d", site.top + b"/elsewhere/d")
    touch(site.top + b"/elsewhere/d/e/f", b"x")
    hints = site.watcher.drain()
    assert (eid, b"f") in hints.written
    assert (site.root, b"d") in hints.moved


def test_a_write_through_a_link_is_hinted_where_it_was_done(site: Site) -> None:
    site.add(b"one")
    other = site.add(b"other")
    touch(site.top + b"/one/f")
    os.link(site.top + b"/one/f", site.top + b"/other/g")
    site.watcher.drain()
    touch(site.top + b"/other/g", b"x")
    hints = site.watcher.drain()
    assert (other, b"g") in hints.written


def test_a_store_through_a_mapping_is_hinted_when_it_ends(site: Site) -> None:
    touch(site.top + b"/f", b"before")
    site.watcher.drain()
    fd = os.open(site.top + b"/f", os.O_RDWR)
    with mmap.mmap(fd, 0) as mapping:
        os.close(fd)
        mapping[:] = b"after!"
    assert (site.root, b"f") in site.watcher.drain().written


def test_a_file_deleted_and_one_created_is_no_move(site: Site) -> None:
    """Even where the new one has the old one's inode, as ext4 has it each time."""
    touch(site.top + b"/a")
    site.watcher.drain()
    os.unlink(site.top + b"/a")
    touch(site.top + b"/b")
    hints = site.watcher.drain()
    assert hints.names[site.root] == {b"a", b"b"}
    assert not hints.moved


def test_a_directory_itself_is_hinted(site: Site) -> None:
    eid = site.add(b"d")
    os.chmod(site.top + b"/d", 0o700)
    assert eid in site.watcher.drain().names
    os.rmdir(site.top + b"/d")
    hints = site.watcher.drain()
    assert eid in hints.names
    assert b"d" in hints.names[site.root]


# ---------------------------------------------------------------- placing, binding, forgetting


def test_nothing_is_lost_between_a_watch_and_its_id(site: Site) -> None:
    """What happens while a scan is under way is heard as soon as the watches have their ids."""
    for n in range(50):
        name = b"d%d" % n
        os.mkdir(site.top + b"/" + name)
        with site.watcher.placing():
            listing = scan(site.top + b"/" + name, watch=site.watcher.scan_handle, threads=1)
            touch(site.top + b"/" + name + b"/early")
            site.watcher.drain()  # the event is taken from the kernel before anyone knows whose it is
            eid = site.tree.issue()
            site.watcher.bind([(eid, listing.watch(0))])
        assert b"early" in site.watcher.drain().names.get(eid, ())


def test_a_watch_of_another_id_is_passed_on(site: Site) -> None:
    """A directory that was scanned again, as something new, has the same descriptor: what was heard is said of both."""
    old = site.add(b"d")
    touch(site.top + b"/d/written", b"x")
    os.rename(site.top + b"/d/written", site.top + b"/d/moved")
    with site.watcher.placing():
        listing = scan(site.top + b"/d", watch=site.watcher.scan_handle, threads=1)
        new = site.tree.issue()
        assert site.watcher.bind([(new, listing.watch(0))]) == [(old, new)]
    hints = site.watcher.drain()
    assert hints.names[new] >= {b"written", b"moved"}
    assert (new, b"written") in hints.moved & hints.written
    touch(site.top + b"/d/later")
    assert b"later" in site.watcher.drain().names[new]
    site.watcher.forget([old])
    touch(site.top + b"/d/last")
    assert b"last" in site.watcher.drain().names[new]


def test_binding_the_same_again_replaces_nothing(site: Site) -> None:
    eid = site.add(b"d")
    with site.watcher.placing():
        listing = scan(site.top + b"/d", watch=site.watcher.scan_handle, threads=1)
        assert site.watcher.bind([(eid, listing.watch(0))]) == []


def test_what_is_forgotten_is_silent(site: Site) -> None:
    eid = site.add(b"d")
    site.watcher.forget([eid])
    touch(site.top + b"/d/f")
    assert not site.watcher.drain().names.get(eid)
    site.watcher.forget([eid, 12_345])
    touch(site.top + b"/f")
    assert b"f" in site.watcher.drain().names[site.root]


def test_a_directory_that_ended_can_be_forgotten(site: Site) -> None:
    eid = site.add(b"d")
    os.rmdir(site.top + b"/d")
    site.watcher.drain()
    site.watcher.forget(site.tree.remove(eid))
    again = site.add(b"d")
    touch(site.top + b"/d/f")
    assert b"f" in site.watcher.drain().names[again]


@pytest.mark.parametrize("make", MAKERS)
def test_a_directory_made_again_under_its_id_can_be_forgotten(make: Maker, tmp_path: Path) -> None:
    """As a root is. That the old watch has ended is heard only after the new one is bound."""
    site = open_site(make, os.fsencode(tmp_path))
    eid = site.add(b"d")
    os.rmdir(site.top + b"/d")
    os.mkdir(site.top + b"/d")
    with site.watcher.placing():
        listing = scan(site.top + b"/d", watch=site.watcher.scan_handle, threads=1)
        site.watcher.bind([(eid, listing.watch(0))])
    site.watcher.drain()
    touch(site.top + b"/d/f")
    assert b"f" in site.watcher.drain().names[eid]
    site.watcher.forget([eid])
    touch(site.top + b"/d/g")
    assert eid not in site.watcher.drain().names
    site.watcher.close()


# ---------------------------------------------------------------- loss, and the end


@pytest.mark.parametrize("make", [INOTIFY, FAKE])
def test_overflow_is_said(make: Maker, tmp_path: Path) -> None:
    """More events than the kernel queues, while no one drains: the watcher is not started."""
    site = open_site(make, os.fsencode(tmp_path))
    queued = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for n in range(queued + 1):  # by turns, for the kernel drops an event that says what the one before it said
        touch(site.top + b"/%d" % (n % 2))
    assert site.watcher.drain().overflow
    touch(site.top + b"/after")
    hints = site.watcher.drain()
    assert not hints.overflow
    assert b"after" in hints.names[site.root]
    site.watcher.close()


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("started", [False, True])
def test_everything_is_given_back(make: Maker, started: bool, tmp_path: Path) -> None:
    before, threads = os.listdir("/proc/self/fd"), threading.active_count()
    for _ in range(5):
        site = open_site(make, os.fsencode(tmp_path))
        if started:
            site.watcher.start(site.woken.set, site.tree)
            touch(site.top + b"/f")
        site.watcher.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert threading.active_count() == threads


def test_a_closed_inotify_says_so(tmp_path: Path) -> None:
    inotify = Inotify()
    assert inotify.drain() == [[]]
    inotify.close()
    inotify.close()
    with pytest.raises(OSError):
        inotify.drain()


def test_neighbours_that_say_the_same_are_said_once(tmp_path: Path) -> None:
    inotify, top = Inotify(), os.fsencode(tmp_path)
    listing = scan(top, watch=inotify)
    fd = os.open(top + b"/f", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x")
    os.fchmod(fd, 0o600)
    os.write(fd, b"y")
    os.close(fd)
    (events,) = inotify.drain()
    inotify.close()
    assert {(wd, name) for wd, _, name in events} == {(listing.watch(0), b"f")}
    assert len(events) == len(set(events)) + 1  # written, changed, written again


def test_a_storm_does_not_hold_a_drain(tmp_path: Path) -> None:
    """It returns while events still come in, with all that waited when it was called."""
    inotify, top = Inotify(), os.fsencode(tmp_path)
    scan(top, watch=inotify)
    stop = threading.Event()

    def storm() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            touch(top + b"/%d" % (turn % 5), b"x")

    team = [threading.Thread(target=storm) for _ in range(3)]
    for thread in team:
        thread.start()
    for n in range(100):
        os.mknod(top + b"/mark%d" % n)
        (events,) = inotify.drain()
        lost = any(mask & Q_OVERFLOW for _, mask, _ in events)  # on a busy machine the storm may outrun the queue
        assert lost or b"mark%d" % n in {name for _, _, name in events}
    stop.set()
    for thread in team:
        thread.join()
    inotify.close()


# ---------------------------------------------------------------- hints


def test_hints_merge() -> None:
    one, two = Hints(), Hints()
    assert not one
    one.add(1, b"a")
    two.add(1, b"b")
    two.names[3] = set()
    two.moved.add((1, b"b"))
    two.written.add((1, b"c"))
    two.whole.add(4)
    one.merge(two)
    assert (one.names, one.moved, one.written, one.whole, one.overflow) == (
        {1: {b"a", b"b"}, 3: set()}, {(1, b"b")}, {(1, b"c")}, {4}, False,
    )  # fmt: skip
    assert two.names[1] == {b"b"}
    one.merge(Hints(overflow=True))
    assert one.overflow
    assert Hints(overflow=True)
    assert Hints(whole={1})


def test_pass_on_says_it_of_both() -> None:
    hints = Hints()
    hints.add(1, b"a")
    hints.add(1, b"b")
    hints.moved.add((1, b"a"))
    hints.written.add((2, b"a"))
    hints.pass_on(1, 5)
    assert hints.names == {1: {b"a", b"b"}, 5: {b"a", b"b"}}
    assert hints.moved == {(1, b"a"), (5, b"a")}
    assert hints.written == {(2, b"a")}
    hints.pass_on(77, 78)
    assert set(hints.names) == {1, 5}
