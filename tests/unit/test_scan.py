"""The law of the scan: what it lists is what `find` lists, in directory order, with whatever number of threads."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smarttree import codec, wire
from smarttree._listing import Listing
from smarttree._scan import scan
from smarttree._stat import look, look_at
from smarttree._walk import Progress
from smarttree._watch import Inotify
from smarttree.clock import Clock
from smarttree.row import Row
from smarttree.tree import Tree
from spec.qtn1 import Entry
from tests.disk import KIND_OF_TYPE, Seen, difference
from tests.disk import Listing as DiskListing
from tests.disk import listing as find
from tests.plain_encoder import directory_order
from tests.trees import ON_DISK, plant_nested, write

THREADS = [1, 2, 8]
Plant = Callable[[Callable[[int], None]], bytes]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Makes a tree below a new directory and gives its path; `rm` takes it away, which knows no PATH_MAX."""
    top = os.fsencode(tmp_path / "top")

    def make(planter: Callable[[int], None]) -> bytes:
        os.mkdir(top)
        fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        planter(fd)
        os.close(fd)
        return top

    yield make
    subprocess.run(["rm", "-rf", top], check=True)


@pytest.fixture(scope="module")
def bushy(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tree BUSHY, for those who only read it."""
    top = os.fsencode(tmp_path_factory.mktemp("bushy"))
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    ON_DISK["BUSHY"](fd)
    os.close(fd)
    return top


def as_found(top: bytes, listing: Listing) -> DiskListing:
    """A listing in the shape of `find`'s."""
    paths, seen = [top], {}
    for index in range(1, len(listing)):
        paths.append(paths[listing.parent(index)] + b"/" + listing.name(index))
        row = listing.row(index)
        kind = KIND_OF_TYPE.get(row.mode & 0xF000, "other")
        seen[paths[index]] = Seen(kind, row.size, row.mode & 0o7777, row.mtime_ns)
    return seen


def items(listing: Listing) -> list[tuple[bytes, Row, int, range]]:
    return [(listing.name(i), listing.row(i), listing.parent(i), listing.children(i)) for i in range(len(listing))]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("name", ON_DISK)
def test_equals_find(name: str, plant: Plant) -> None:
    top = plant(ON_DISK[name])
    listings = [scan(top, threads=threads) for threads in THREADS]
    assert difference(find(top), as_found(top, listings[0])) == ""
    assert listings[0].problems == []
    for other in listings[1:]:
        assert items(other) == items(listings[0])
    check_order(listings[0])


def check_order(listing: Listing) -> None:
    """Items are in directory order, and each directory's children are one range of them."""
    entries = [Entry(i, listing.parent(i), listing.name(i), listing.row(i).mode, 0, 0) for i in range(1, len(listing))]
    order, counts = directory_order(entries, 0)
    assert [entry.id for entry in order] == list(range(1, len(listing)))
    for index in range(len(listing)):
        children = listing.children(index)
        assert len(children) == counts.get(index, 0)
        assert all(listing.parent(child) == index for child in children)


@pytest.mark.parametrize("name", ["EVERY_KIND", "ODD_NAMES", "BUSHY"])
def test_a_grafted_listing_has_ids_in_directory_order(name: str, plant: Plant) -> None:
    top, tree = plant(ON_DISK[name]), Tree()
    listing = scan(top)
    root = tree.graft(listing, top)
    assert tree.below(root).tolist() == list(range(root + 1, root + len(listing)))
    for index in range(1, len(listing)):
        assert tree.row(root + index) == listing.row(index)._replace(nlink=1)
        assert tree.name(root + index) == listing.name(index)
        assert tree.resolve(top + b"/" + listing.path(index)) == root + index


def test_hard_links_have_their_inodes(plant: Plant) -> None:
    top = plant(ON_DISK["EVERY_KIND"])
    listing = scan(top)
    inode = os.stat(top + b"/file").st_ino
    assert [(listing.path(index), ino) for index, ino, _ in listing.hard_linked()] == [
        (b"file", inode),
        (b"dir/other name", inode),
    ]


@pytest.mark.parametrize("threads", THREADS)
def test_too_deep_is_reported_and_not_in_the_listing(threads: int, plant: Plant) -> None:
    """Nothing is listed that the format cannot carry; the rest is as if the deep part were not there."""
    top = plant(lambda fd: plant_nested(fd, 600, b"d"))
    listing = scan(top, threads=threads)
    assert {number for _, _, number in listing.problems} == {errno.EOVERFLOW}
    depth = [0]
    for index in range(1, len(listing)):
        depth.append(depth[listing.parent(index)] + 1)
    assert max(depth) == wire.DEPTH_MAX
    (problem, *more) = listing.problems
    assert not more
    assert depth[problem[0]] >= wire.DEPTH_MAX - 1
    tree = Tree()
    root = tree.graft(listing, top)
    decoded = codec.decode_snapshot(codec.encode_snapshot(tree, root, Clock(1, 1)))
    assert decoded.digest == tree.digest(root)


AS_NOBODY = """
import json, os, sys
from smarttree._scan import scan
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
listing = scan(int(sys.argv[1]), threads=int(sys.argv[2]))
names = [listing.path(index).decode() for index in range(len(listing))]
problems = [[names[index], name.decode(), number] for index, name, number in listing.problems]
print(json.dumps([names, problems]))
"""


@pytest.mark.parametrize("threads", THREADS)
def test_an_unreadable_directory_is_a_problem_and_no_end(threads: int, plant: Plant) -> None:
    """As a user who may not read everything; the tree is reached by its descriptor."""

    def planter(fd: int) -> None:
        for name in (b"closed", b"listable", b"open"):
            os.mkdir(name, dir_fd=fd)
            write(fd, name + b"/inside", b"")
        os.chmod(b"closed", 0, dir_fd=fd)
        os.chmod(b"listable", 0o444, dir_fd=fd)

    fd = os.open(plant(planter), os.O_RDONLY | os.O_DIRECTORY)
    command = [sys.executable, "-c", AS_NOBODY, str(fd), str(threads)]
    done = subprocess.run(command, pass_fds=[fd], check=True, capture_output=True, cwd=Path(__file__).parents[2])
    os.chmod(b"closed", 0o755, dir_fd=fd)
    os.chmod(b"listable", 0o755, dir_fd=fd)
    os.close(fd)
    names, problems = json.loads(done.stdout)
    assert names == ["", "closed", "listable", "open", "open/inside"]
    assert sorted(problems) == [["closed", "", errno.EACCES], ["listable", "inside", errno.EACCES]]


# ---------------------------------------------------------------- what it needs and gives back


@pytest.mark.parametrize("threads", THREADS)
def test_descriptors_do_not_leak(threads: int, bushy: bytes) -> None:
    top = bushy
    scan(top, threads=threads)
    before = open_descriptors()
    for _ in range(3):
        scan(top, threads=threads)
        with pytest.raises(InterruptedError):
            scan(top, threads=threads, progress=cancelled())
        with pytest.raises(FileNotFoundError):
            scan(top + b"/nothing", threads=threads)
        with pytest.raises(NotADirectoryError):
            scan(__file__, threads=threads)
    assert open_descriptors() == before


def test_a_descriptor_that_was_given_stays_open_whatever_its_number(bushy: bytes) -> None:
    """Python has but one object for each number up to 256: of larger ones `is` tells nothing."""
    given = os.open(bushy, os.O_RDONLY | os.O_DIRECTORY)
    high = fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, 1000)
    try:
        for top in (given, high):
            assert len(scan(top)) == len(scan(bushy))
            os.fstat(top)
    finally:
        os.close(given)
        os.close(high)


def test_too_few_descriptors_are_an_error_and_leak_none(plant: Plant) -> None:
    """A listing without what could not be opened would be believed: directories deleted that are there.

    One thread holds a descriptor for each level; two may hand the chain to each other and need few.
    """
    top = plant(lambda fd: plant_nested(fd, 200, b"d"))
    before, (soft, hard) = open_descriptors(), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 100, hard))
    try:
        with pytest.raises(OSError) as caught:
            scan(top, threads=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EMFILE
    assert open_descriptors() == before


def cancelled() -> Progress:
    progress = Progress()
    progress.cancel()
    return progress


def test_cancel_ends_a_running_scan(bushy: bytes) -> None:
    """The scan is run again and again until the cancellation has met it under way."""
    deadline = time.monotonic() + 20
    met, everything = False, len(scan(bushy)) - 1
    while not met:
        assert time.monotonic() < deadline, "no scan was met under way"
        progress = Progress()
        watch = threading.Thread(target=cancel_when_begun, args=(progress,))
        watch.start()
        try:
            scan(bushy, progress=progress)
        except InterruptedError:
            met = progress.entries < everything
        progress.cancel()
        watch.join()


def cancel_when_begun(progress: Progress) -> None:
    deadline = time.monotonic() + 10
    while not progress.entries and time.monotonic() < deadline:
        time.sleep(0)
    progress.cancel()


def test_progress_counts_everything(bushy: bytes) -> None:
    progress = Progress()
    listing = scan(bushy, threads=8, progress=progress)
    assert progress.entries == len(listing) - 1
    assert progress.dirs == 1 + sum(listing.row(index).is_dir for index in range(1, len(listing)))


@pytest.mark.parametrize("threads", THREADS)
def test_every_directory_is_watched_and_nothing_else(threads: int, bushy: bytes) -> None:
    inotify = Inotify()
    listing = scan(bushy, watch=inotify, threads=threads)
    watched = dict(listing.watches())
    assert sorted(watched) == [i for i in range(len(listing)) if listing.row(i).is_dir]
    assert len(set(watched.values())) == len(watched)
    assert [watched[index] for index in sorted(watched)] == [listing.watch(index) for index in sorted(watched)]
    for index in sorted(watched)[::50]:
        place = bushy + b"/" + listing.path(index)
        os.mknod(place + b"/new")
        os.unlink(place + b"/new")
        assert {wd for events in inotify.drain() for wd, _, _ in events} == {watched[index]}
    inotify.close()


def test_the_working_directory_stays(bushy: bytes) -> None:
    """Watches are placed by threads that change a current directory of their own."""
    before, inotify = os.getcwd(), Inotify()
    scan(bushy, watch=inotify, threads=4)
    inotify.close()
    assert os.getcwd() == before


@pytest.mark.parametrize("threads", [0, 9, -1])
def test_threads_out_of_range(threads: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        scan(tmp_path, threads=threads)


def test_a_tree_that_changes_meanwhile_is_still_a_tree(plant: Plant) -> None:
    """Directories move, end and appear under the scan: each listing is a valid tree, whatever it caught."""
    top, stop = plant(ON_DISK["BUSHY"]), threading.Event()
    churning = threading.Thread(target=churn, args=(top, stop))
    churning.start()
    try:
        for _ in range(40):
            listing = scan(top, threads=4)
            check_order(listing)
            tree = Tree()
            tree.graft(listing, top)
            assert not listing.problems
    finally:
        stop.set()
        churning.join()
    assert difference(find(top), as_found(top, scan(top))) == ""


def churn(top: bytes, stop: threading.Event) -> None:
    inner = [entry.path for entry in os.scandir(top) if entry.is_dir()][:20]
    turn = 0
    while not stop.is_set():
        turn += 1
        away = b"%s/away%d" % (top, turn)
        for place in inner:
            os.rename(place, away)
            os.makedirs(place + b"/short/lived")
            os.removedirs(place + b"/short/lived")
            os.rename(away, place)


# ---------------------------------------------------------------- single looks


def test_a_look_says_what_a_scan_says(plant: Plant) -> None:
    top = plant(ON_DISK["EVERY_KIND"])
    listing = scan(top)
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    names = [listing.name(index) for index in listing.children(0)]
    seen = look(fd, [*names, b"none such", b"file/x"])
    assert list(seen) == [*(listing.row(i) for i in listing.children(0)), None, None]
    assert look_at(fd) == listing.row(0)
    assert list(look(fd, [b"x" * 300])) == [errno.ENAMETOOLONG]
    os.close(fd)
    with pytest.raises(OSError):
        look_at(fd)


def test_identity_stays_through_a_rename(tmp_path: Path) -> None:
    top = os.fsencode(tmp_path)
    write(-1, top + b"/a", b"")
    before = scan(top).row(1)
    os.rename(top + b"/a", top + b"/b")
    after = scan(top).row(1)
    assert before.identity == after.identity
    assert before.ino == os.stat(top + b"/b").st_ino
