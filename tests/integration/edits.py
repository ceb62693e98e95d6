"""What people and their tools do to a tree: each edit a generator that stops wherever the mirror shall be looked at.

Law: an edit is given two empty directories, one watched and one not, on one file system; it uses nothing of the server,
and it ends what it starts. Between two stops things happen as fast as they can.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.integration.bursts import burst, git
from tests.integration.links import hard_links

Edit = Callable[[Path, Path], Iterator[None]]

RENAME_EXCHANGE = 2
AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> None:
    """renameat2 with RENAME_EXCHANGE: two entries change places in one step."""
    if _libc.renameat2(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2", str(one))


def grow(root: Path, files: int = 12) -> None:
    """A directory with directories with files."""
    for number in range(files):
        path = root / f"part{number % 3}" / "deep" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * number)


# --- one entry ----------------------------------------------------------------------------------------------------


def create(root: Path, _: Path) -> Iterator[None]:
    (root / "new").write_bytes(b"")
    yield
    (root / "full").write_bytes(b"full")
    (root / "directory").mkdir()
    (root / "link").symlink_to("full")
    (root / "dangling").symlink_to("nowhere" * 20)
    (root / "loop").symlink_to("loop")
    yield
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "socket"))
    yield


def append_and_truncate(root: Path, _: Path) -> Iterator[None]:
    path = root / "file"
    path.write_bytes(b"one\n")
    yield
    with path.open("ab") as file:
        file.write(b"two\n")
    yield
    with path.open("ab", buffering=0) as file:  # still open when it is looked at
        file.write(b"three\n")
        yield
        file.write(b"four\n")
        yield
    os.truncate(path, 3)
    yield
    os.truncate(path, 1 << 40)  # sparse
    yield
    path.write_bytes(b"")
    yield


def chmod(root: Path, _: Path) -> Iterator[None]:
    (root / "file").touch()
    (root / "directory").mkdir()
    yield
    (root / "file").chmod(0o4751)
    (root / "directory").chmod(0o1770)
    yield
    (root / "file").chmod(0)
    (root / "directory").chmod(0o700)
    yield


def touch(root: Path, _: Path) -> Iterator[None]:
    for name in ("file", "directory/below"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    yield
    for day in ("1998-05-17 10:30:00.123456789", "1969-12-31 23:59:59.9 UTC", "2100-01-01", "@0"):
        subprocess.run(["touch", "-d", day, root / "file", root / "directory"], check=True)
        yield
    os.utime(root / "file")
    yield


def atomic_save(root: Path, _: Path) -> Iterator[None]:
    path = root / "main.rs"
    path.write_bytes(b"fn main() {}\n")
    yield
    for version in range(3):
        spare = root / ".main.rs.swp"
        spare.write_bytes(b"fn main() {}\n" * version)
        spare.replace(path)
        yield
    path.rename(root / "main.rs~")  # as editors do that keep the old one
    path.write_bytes(b"fn main() { }\n")
    yield


def mapped_write(root: Path, _: Path) -> Iterator[None]:
    path = root / "mapped"
    path.write_bytes(bytes(8192))
    os.utime(path, ns=(0, 0))
    yield
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[4000:4100] = b"y" * 100
        memory.flush()
    yield


def same_size_same_mtime(root: Path, outside: Path) -> Iterator[None]:
    """As `cp -p` and `rsync -t`: only the ctime, or the inode, tells it."""
    (root / "file").write_bytes(b"old!")
    os.utime(root / "file", ns=(10**18, 10**18))
    (outside / "file").write_bytes(b"new!")
    shutil.copystat(root / "file", outside / "file")
    yield
    subprocess.run(["cp", "-p", outside / "file", root / "file"], check=True)
    yield
    (outside / "file").replace(root / "file")
    yield


# --- names --------------------------------------------------------------------------------------------------------


def rename(root: Path, _: Path) -> Iterator[None]:
    (root / "a").write_bytes(b"a")
    grow(root / "tree")
    yield
    (root / "a").rename(root / "b")
    yield
    (root / "b").rename(root / "tree" / "part0" / "b")
    yield
    (root / "tree").rename(root / "forest")
    (root / "forest" / "part0").rename(root / "forest" / "part9")
    (root / "forest" / "part9" / "b").write_bytes(b"bb")
    yield
    (root / "forest" / "part1" / "deep").rename(root / "up")
    (root / "forest").rename(root / "up" / "forest")  # what was above is now below
    yield


def rename_over(root: Path, _: Path) -> Iterator[None]:
    for name in ("a", "b", "c", "d"):
        (root / name).write_bytes(name.encode() * 3)
    for name in ("empty", "full"):
        (root / name).mkdir()
    (root / "full" / "below").touch()
    (root / "link").symlink_to("a")
    yield
    (root / "a").replace(root / "b")
    yield
    (root / "c").replace(root / "link")
    (root / "full").replace(root / "empty")
    yield
    (root / "b").rename(root / "t")
    (root / "d").rename(root / "b")
    (root / "t").replace(root / "b")
    yield


def rename_chain(root: Path, _: Path) -> Iterator[None]:
    for number in range(50):
        (root / f"log.{number}").write_bytes(b"l" * number)
    yield
    for number in reversed(range(50)):  # as a log is rotated
        (root / f"log.{number}").rename(root / f"log.{number + 1}")
    (root / "log.0").write_bytes(b"fresh")
    yield
    for number in range(50):  # and one entry through many names
        (root / f"way{number - 1}" if number else root / "log.0").rename(root / f"way{number}")
    yield


def swap(root: Path, _: Path) -> Iterator[None]:
    (root / "a").write_bytes(b"a")
    (root / "b").write_bytes(b"bb")
    grow(root / "left", 6)
    grow(root / "right", 9)
    yield
    for one, other in (("a", "b"), ("left", "right"), ("left/part0", "right/part1")):
        (root / one).rename(root / "t")
        (root / other).rename(root / one)
        (root / "t").rename(root / other)
        yield
    for one, other in (
        ("a", "b"),
        ("left", "right"),
        ("a", "left"),
        ("right/part2", "right/part0/deep"),
        ("right", "b"),
    ):
        exchange(root / one, root / other)
        yield
    exchange(root / "a", root / "b")  # and around, before anyone looks
    exchange(root / "b", root / "left")
    yield


def odd_names(root: Path, _: Path) -> Iterator[None]:
    names = [b"\xff\xfe", b"latin-\xe9", b"new\nline", b" ", b"\\", b"%2e%2e", b"'\"", b"n" * 255, b"\x1b[31m"]
    names += ["ｗｉｄｅ".encode(), "e\u0301".encode(), "\u00e9".encode(), b"data: x\n\nid: 1", b"\xe2\x80\xa8", b"..."]
    for name in names:
        with open(os.path.join(bytes(root), name), "wb") as file:
            file.write(name)
    yield
    os.mkdir(os.path.join(bytes(root), b"\x80dir"))
    for name in names:
        os.rename(os.path.join(bytes(root), name), os.path.join(bytes(root), b"\x80dir", name))
    yield
    os.rename(os.path.join(bytes(root), b"\x80dir"), os.path.join(bytes(root), b"\x81dir"))
    yield
    shutil.rmtree(os.path.join(bytes(root), b"\x81dir"))
    yield


# --- directories --------------------------------------------------------------------------------------------------


def grow_deep(root: Path, _: Path) -> Iterator[None]:
    path = root
    for level in range(60):
        path = path / f"level{level}"
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"deep")
    yield
    grow(path)
    (root / "level0" / "level1").rename(root / "moved")
    yield


def move_in_and_out(root: Path, outside: Path) -> Iterator[None]:
    grow(outside / "tree")
    (root / "place").mkdir()
    yield
    (outside / "tree").rename(root / "place" / "tree")
    yield
    (root / "place" / "tree" / "part1" / "deep" / "new").write_bytes(b"seen")
    yield
    (root / "place" / "tree").rename(outside / "tree")
    (outside / "tree" / "part1" / "deep" / "new").write_bytes(b"not seen")
    yield
    (outside / "tree" / "part1" / "deep" / "new").unlink()
    (outside / "tree").rename(root / "tree")
    (root / "tree" / "part2").rename(outside / "part2")
    yield
    grow(outside / "other", 5)
    (root / "tree").rename(outside / "gone")
    (outside / "other").rename(root / "tree")  # another one under the same name
    yield


def remove(root: Path, _: Path) -> Iterator[None]:
    grow(root / "tree", 60)
    yield
    subprocess.run(["rm", "-rf", root / "tree"], check=True)
    yield
    grow(root / "tree", 60)
    subprocess.run(["rm", "-rf", root / "tree"], check=True)
    yield


def make_anew(root: Path, _: Path) -> Iterator[None]:
    """ext4 hands a deleted entry's inode to the next that is made."""
    (root / "file").write_bytes(b"1234")
    grow(root / "tree")
    yield
    (root / "file").unlink()
    (root / "file").write_bytes(b"4321")
    yield
    shutil.rmtree(root / "tree")
    grow(root / "tree", 7)
    yield
    (root / "file").unlink()
    (root / "another").write_bytes(b"4321")
    yield
    for _round in range(100):
        (root / "tree" / "part0" / "brief").write_bytes(b"brief")
        (root / "tree" / "part0" / "brief").unlink()
    yield


def other_kinds(root: Path, _: Path) -> Iterator[None]:
    path = root / "thing"
    path.write_bytes(b"a file")
    yield
    path.unlink()
    grow(path)
    yield
    shutil.rmtree(path)
    path.symlink_to("a link")
    yield
    path.unlink()
    path.symlink_to("another target")
    yield
    path.unlink()
    path.write_bytes(b"a file again")
    yield
    path.unlink()
    path.mkdir()
    path.rmdir()
    os.mkfifo(path)
    yield


EDITS: tuple[Edit, ...] = (
    *(create, append_and_truncate, chmod, touch, atomic_save, mapped_write, same_size_same_mtime),
    *(rename, rename_over, rename_chain, swap, odd_names),
    *(grow_deep, move_in_and_out, remove, make_anew, other_kinds, hard_links),
    *(burst, git),
)
