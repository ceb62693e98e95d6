"""Doing a step, in the working directory, with the system's own calls.

Law: what can't be done now (others work on the same tree) is left, half done perhaps; nothing outside the working
directory is touched, as links lead to neighbours only, and nothing is left open.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from tests.storm.steps import Step

RENAME_EXCHANGE = 2
AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


def perform(step: Step) -> bool:
    """Whether it could be done altogether."""
    try:
        ACTS[step.act](step)
    except OSError:
        return False
    return True


def _write(path: bytes, flags: int, size: int) -> None:
    """Opening a pipe that no one reads fails at once instead of waiting."""
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | flags, 0o644)
    try:
        os.write(fd, b"x" * size)
    finally:
        os.close(fd)


def make(step: Step) -> None:
    _write(step.path, os.O_CREAT | os.O_TRUNC, step.number)


def append(step: Step) -> None:
    _write(step.path, os.O_CREAT | os.O_APPEND, step.number)


def truncate(step: Step) -> None:
    os.truncate(step.path, step.number)


def save(step: Step) -> None:
    """As editors do: written beside, then renamed over."""
    directory, slash, name = step.path.rpartition(b"/")
    spare = directory + slash + b"." + name[:200] + b".swp"
    _write(spare, os.O_CREAT | os.O_TRUNC, step.number)
    os.rename(spare, step.path)


def map_(step: Step) -> None:
    """Stores into a mapping: the kernel tells of them at the close only."""
    fd = os.open(step.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        if os.fstat(fd).st_size < 4096:
            os.ftruncate(fd, 4096 + step.number)
        with mmap.mmap(fd, 4096) as memory:
            memory[step.number] ^= 1
    finally:
        os.close(fd)


def hold(step: Step) -> None:
    fd = os.open(step.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.rename(step.path, step.other)
        os.write(fd, b"y" * step.number)
    finally:
        os.close(fd)


def swap(step: Step) -> None:
    """By three renames through a third name."""
    spare = b"swap-%d" % os.getpid()
    os.rename(step.path, spare)
    try:
        os.rename(step.other, step.path)
    finally:
        os.rename(spare, step.other if not os.path.lexists(step.other) else step.path)


def exchange(step: Step) -> None:
    if _libc.renameat2(AT_FDCWD, step.path, AT_FDCWD, step.other, RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def deep(step: Step) -> None:
    bottom = step.path + b"/deep" * step.number
    os.makedirs(bottom)
    _write(bottom + b"/file", os.O_CREAT, step.number)


def grow(step: Step) -> None:
    os.makedirs(step.path, exist_ok=True)
    for name in (b"e.c", b"g.h", b"h"):
        _write(step.path + b"/" + name, os.O_CREAT | os.O_TRUNC, step.number)


def remove(path: bytes, within: int | None = None) -> None:
    """A directory with everything below it, as far as that can be done now. shutil's would wait for ever for a pipe
    that has taken the place of a directory since it looked."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        for name in map(os.fsencode, os.listdir(fd)):
            with suppress(OSError):
                if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                    remove(name, fd)
                else:
                    os.unlink(name, dir_fd=fd)
    finally:
        os.close(fd)
    os.rmdir(path, dir_fd=within)


def copy(step: Step) -> None:
    """The first hundred entries: by a link, it may be going into itself."""
    left = 100
    for above, _, files in os.walk(step.path):
        to = step.other + above[len(step.path) :]
        os.makedirs(to, exist_ok=True)
        for name in files:
            _write(to + b"/" + name, os.O_CREAT, left)
        left -= 1 + len(files)
        if left <= 0:
            return


def again(step: Step) -> None:
    if stat.S_ISDIR(os.lstat(step.path).st_mode):
        remove(step.path)
        os.mkdir(step.path)
        _write(step.path + b"/a", os.O_CREAT, step.number)
    else:
        os.unlink(step.path)
        _write(step.path, os.O_CREAT | os.O_EXCL, step.number)


KINDS: tuple[Callable[[bytes], None], ...] = (
    lambda path: _write(path, os.O_CREAT, 9),
    os.mkdir,
    lambda path: os.symlink(b"h", path),
    os.mkfifo,
    lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
)


def turn(step: Step) -> None:
    for kind in (step.number // 25, step.number // 5 % 5, step.number % 5):
        if os.path.lexists(step.path):
            if os.path.isdir(step.path) and not os.path.islink(step.path):
                remove(step.path)
            else:
                os.unlink(step.path)
        KINDS[kind](step.path)


ACTS: dict[str, Callable[[Step], object]] = {
    "make": make,
    "append": append,
    "truncate": truncate,
    "save": save,
    "map": map_,
    "hold": hold,
    "swap": swap,
    "exchange": exchange,
    "deep": deep,
    "grow": grow,
    "rmtree": lambda step: remove(step.path),
    "copy": copy,
    "again": again,
    "turn": turn,
    "mkdir": lambda step: os.mkdir(step.path),
    "rename": lambda step: os.rename(step.path, step.other),
    "link": lambda step: os.link(step.path, step.other, follow_symlinks=False),
    "symlink": lambda step: os.symlink(step.other, step.path),
    "unlink": lambda step: os.unlink(step.path),
    "chmod": lambda step: os.chmod(step.path, step.number & 0o7777 | 0o700),
    "utime": lambda step: os.utime(step.path, ns=(step.number, step.number), follow_symlinks=False),
}
