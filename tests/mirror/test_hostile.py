"""Trees that no one would make on purpose: each entry is told right, or is a problem by name; the server lives on.

Law: the server is the real one, a process of its own, and what it tells is compared with `find` wherever `find` sees.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.clients.plain import get_json
from tests.disk import Listing, difference, listing, mirror_listing
from tests.integration.process import Process
from tests.mirror.watching import unprivileged
from tests.storm.perform import remove
from tests.storm.team import PROJECT
from tests.storm.witness import Witnesses

DEPTH_MAX = 512
NAMES = [
    b"\xff\xfe\x80",
    b"new\nline",
    b"\x01\x02\x1b[2J\x7f",
    b"n" * 255,
    b"\xf0\x9f\x98\x80" * 63,
    b" ",
    b"~",
    b"-rf",
]
NAMES += [b"data: x\r\n\r\nid: 1", b"'\"\\", b"%00%2f", b"...", b"\xed\xa0\x80", b"e\xcc\x81", b"\xc3\xa9", b"CON"]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty directory. It is removed here: pytest's own way of removing can't reach everything that is made."""
    path = tmp_path / "root"
    path.mkdir()
    yield path
    with suppress(FileNotFoundError):
        remove(bytes(path))


def go_deep(top: Path, levels: int, name: bytes) -> list[int]:
    """Directories in each other, made one by one as their path may be too long; descriptors of the top and the last."""
    fds = [os.open(top, os.O_RDONLY), os.open(top, os.O_RDONLY)]
    for _ in range(levels):
        os.mkdir(name, dir_fd=fds[1])
        inner = os.open(name, os.O_RDONLY, dir_fd=fds[1])
        os.close(fds[1])
        fds[1] = inner
    return fds


def problems(server: Process) -> list[dict[str, object]]:
    return list(get_json(f"{server.url}/stats")["problems"])


def look(root: Path, server: Process, witnesses: Witnesses, when: str) -> None:
    witnesses.look(when)
    assert server.popen.poll() is None
    assert "Traceback" not in server.log()


def make_names(root: Path) -> None:
    for name in NAMES:
        directory = bytes(root) + b"/" + name
        os.mkdir(directory)
        for below in NAMES:
            Path(os.fsdecode(directory + b"/" + below)).touch()


def make_links(root: Path) -> None:
    targets = {
        "dangling": "nowhere",
        "self": "self",
        "one": "other",
        "other": "one",
        "up": "..",
        "root": "/",
        "here": ".",
    }
    for name, target in targets.items():
        (root / name).symlink_to(target)
    (root / "long").symlink_to("x" * 4000)


def make_specials(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "socket"))
    if os.geteuid() == 0:
        with suppress(PermissionError):  # in a container even root may not
            os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
            os.mknod(root / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 200))
    (root / "sparse").touch()
    os.truncate(root / "sparse", (1 << 43) - 1)
    (root / "setuid").touch()
    (root / "setuid").chmod(0o7777)
    for name, when in (("before", -(1 << 31) * 10**9), ("far", (1 << 33) * 10**9 + 1)):
        (root / name).touch()
        os.utime(root / name, ns=(when, when))


@pytest.mark.parametrize("make", [make_names, make_links, make_specials], ids=lambda make: make.__name__)
def test_scanned_changed_and_moved(make: object, root: Path) -> None:
    """There before the server, made while it runs, moved, and removed."""
    assert callable(make)
    (root / "before").mkdir()
    make(root / "before")
    with Process(root) as server, closing(Witnesses(server.url, root)) as witnesses:
        look(root, server, witnesses, "scanned")
        (root / "live").mkdir()
        make(root / "live")
        look(root, server, witnesses, "made")
        (root / "live").rename(root / "before" / "moved")
        look(root, server, witnesses, "moved")
        remove(bytes(root / "before"))
        look(root, server, witnesses, "removed")
        assert problems(server) == []


@pytest.mark.parametrize("name", [b"d", b"long" * 50], ids=["short", "beyond PATH_MAX"])
def test_five_hundred_levels(name: bytes, root: Path) -> None:
    """`find` goes there too, level by level, and so does the server, by a path of up to 100,000 bytes."""
    top, bottom = go_deep(root, 500, name)
    os.close(os.open("early", os.O_CREAT, dir_fd=bottom))
    with Process(root) as server, closing(Witnesses(server.url, root, changes=False)) as witnesses:
        look(root, server, witnesses, "scanned")
        os.close(os.open("late", os.O_CREAT, dir_fd=bottom))
        os.mkdir("below", dir_fd=bottom)
        os.close(os.open("below/file", os.O_CREAT, dir_fd=bottom))
        look(root, server, witnesses, "changed at the bottom")
        os.rename(name, "renamed", src_dir_fd=top, dst_dir_fd=top)
        os.unlink("early", dir_fd=bottom)
        look(root, server, witnesses, "moved at the top, changed at the bottom")
        assert problems(server) == []
    os.close(top)
    os.close(bottom)


def shallow(root: Path, disk: Listing) -> Listing:
    """What stands no deeper than is told."""
    return {path: seen for path, seen in disk.items() if path[len(bytes(root)) :].count(b"/") <= DEPTH_MAX}


@pytest.mark.parametrize("live", [False, True], ids=["scanned", "made"])
def test_deeper_than_is_told(live: bool, root: Path) -> None:
    """Down to level 512 all is told; what is below is a problem by name, and does not keep the rest from being told."""
    fds = [] if live else go_deep(root, 600, b"d")
    with Process(root) as server, closing(Witnesses(server.url, root, changes=False)) as witnesses:
        if live:
            fds = go_deep(root, 600, b"d")
        (root / "after").touch()
        clock = witnesses.follow()
        disk = shallow(root, listing(bytes(root)))
        assert len(disk) == DEPTH_MAX + 1
        for follower in witnesses.everyone:
            assert follower.last_id == clock
            assert difference(disk, mirror_listing(follower.mirror)) == ""
        assert sorted({str(problem["message"]) for problem in problems(server)}) == ["deeper than 512 levels"]
        remove(bytes(root / "d"))
        look(root, server, witnesses, "removed")
    for fd in fds:
        os.close(fd)


def test_what_was_too_deep_is_told_once_it_is_moved_up(root: Path) -> None:
    top, bottom = go_deep(root, 600, b"d")
    middle = os.open("d/" * 300, os.O_RDONLY, dir_fd=top)
    with Process(root) as server, closing(Witnesses(server.url, root, changes=False)) as witnesses:
        witnesses.follow()
        assert len(problems(server)) == 1
        os.rename(b"d", b"up", src_dir_fd=middle, dst_dir_fd=top)
        look(root, server, witnesses, "moved up")
        assert problems(server) == []
        os.close(os.open("file", os.O_CREAT, dir_fd=bottom))
        look(root, server, witnesses, "changed at the bottom")
    for fd in (top, middle, bottom):
        os.close(fd)


# ---------------------------------------------------------------- closed doors


def without(whole: Listing, *closed: Path) -> Listing:
    """What is not below these directories."""
    return {path: seen for path, seen in whole.items() if not any(path.startswith(bytes(one) + b"/") for one in closed)}


@contextmanager
def opened(*closed: Path) -> Iterator[None]:
    """So that `find` gets in, for whom it may be closed too; what they are themselves is looked at before."""
    for path in closed:
        path.chmod(0o700)
    yield
    for path in closed:
        path.chmod(0)


def agree(root: Path, witnesses: Witnesses, *closed: Path) -> None:
    """What is beside closed directories is told. What is in them is not compared: it may have been told before."""
    witnesses.follow()
    with opened(*closed):
        disk = without(listing(bytes(root)), *closed)
    for path in closed:
        disk[bytes(path)] = disk[bytes(path)]._replace(permissions=0)
    for follower in witnesses.everyone:
        assert difference(disk, without(mirror_listing(follower.mirror), *closed)) == ""


def test_a_directory_that_may_not_be_read(root: Path) -> None:
    """It is an entry without children, and a problem by name; what is beside it is told."""
    for name in ("open", "closed"):
        (root / name).mkdir()
        (root / name / "file").touch()
    (root / "closed").chmod(0)
    with Process(root, command=unprivileged("auto")) as server:
        server.await_ready()
        with closing(Witnesses(server.url, root, changes=False)) as witnesses:
            assert [(one["path"], one["errno"]) for one in problems(server)] == [(str(root / "closed"), errno.EACCES)]
            assert bytes(root / "closed" / "file") not in mirror_listing(witnesses.full.mirror)
            agree(root, witnesses, root / "closed")
            (root / "late").mkdir(mode=0)
            (root / "open" / "more").touch()
            (root / "open").rename(root / "moved")
            agree(root, witnesses, root / "closed", root / "late")
            assert server.popen.poll() is None
            assert "Traceback" not in server.log()
    for name in ("closed", "late"):
        (root / name).chmod(0o700)


def test_names_may_be_looked_at_where_they_may_not_be_listed(root: Path) -> None:
    (root / "known").mkdir()
    (root / "known" / "gone").mkdir()
    (root / "known" / "file").touch()
    with Process(root, command=unprivileged("auto")) as server:
        server.await_ready()
        with closing(Witnesses(server.url, root, changes=False)) as witnesses:
            (root / "known").chmod(0o311)
            (root / "known" / "new").touch()
            (root / "known" / "gone" / "inner").touch()
            (root / "known" / "gone" / "inner").unlink()
            (root / "known" / "gone").rmdir()
            (root / "known" / "file").write_text("more")
            look(root, server, witnesses, "closed for listing only")
            assert problems(server) == []
            (root / "known").chmod(0o700)
            look(root, server, witnesses, "opened")


# ---------------------------------------------------------------- a race


SWAPPING = """
import os, sys
os.chdir(sys.argv[1])
print("swapping", flush=True)
while True:
    for number in range(40):
        os.rename("d%d" % number, "aside")
        os.symlink("../outside", "d%d" % number)
        os.unlink("d%d" % number)
        os.rename("aside", "d%d" % number)
"""


def test_a_directory_swapped_for_a_link_is_never_followed(tmp_path: Path) -> None:
    """While it is scanned, several times, and while it is served. What the link leads to is outside, and never told."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").touch()
    for number in range(40):
        (root / f"d{number}" / "below").mkdir(parents=True)
        (root / f"d{number}" / "file").touch()
    with subprocess.Popen([sys.executable, "-c", SWAPPING, root], stdout=subprocess.PIPE) as swapper:
        assert swapper.stdout is not None
        assert swapper.stdout.readline() == b"swapping\n"
        try:
            for _ in range(6):
                shown = subprocess.run(
                    [sys.executable, "-m", "smarttree", root, "--mode", "json"],
                    check=True,
                    capture_output=True,
                    env=os.environ | {"PYTHONPATH": str(PROJECT)},
                )
                assert b"secret" not in shown.stdout
            with Process(root) as server, closing(Witnesses(server.url, root)) as witnesses:
                for _ in range(20):
                    witnesses.follow()
                swapper.kill()
                swapper.wait()
                look(root, server, witnesses, "when all is quiet")
                assert not any(b"secret" in path for path in mirror_listing(witnesses.full.mirror))
        finally:
            swapper.kill()
