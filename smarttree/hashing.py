"""Hashing: the content of a file in one *state* (inode, size, mtime, ctime), or nothing.

A hash is believed only if the open file was in that state before it was read and after. What writes at the same time
shows in the ctime, with two exceptions that are the caller's to mind: a second write within one tick of the clock that
the kernel stamps with (`outlast` waits for its end), and a write that has been stamped and whose bytes come later (the
kernel says that it was written, after it was).
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, NamedTuple

import xxhash

from smarttree.row import Row

UNDONE: Final = b""  # in the place of a hash: there was no time, or the system was short of something
CHUNK_BYTES: Final = 1 << 20
TICK_S: Final = 0.001
TICKS_MAX: Final = 20  # a tick is 1 to 10 ms long
SLICE_S: Final = 0.005  # in the background, so much work is followed by as much rest: at most half of one core
_SHORT: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NO_ATIME: Final = getattr(os, "O_NOATIME", 0)
_ON_LINUX: Final = sys.platform in ("linux",)
_CLOCK_REALTIME_COARSE: Final = 5  # what Linux stamps files with


class File(NamedTuple):
    """An entry, where it is, and the state it should be in."""

    eid: int
    path: bytes
    row: Row


class Hashed(NamedTuple):
    """What came of it: the hash, None where the file is not in that state or can't be read, or `UNDONE`."""

    file: File
    digest: bytes | None


def hash_file(file: File, give_up: Callable[[], bool]) -> Hashed:
    """The xxh3-128 of a regular file. Follows no link at the end of its path, and waits for no writer of a pipe."""
    if give_up():
        return Hashed(file, UNDONE)
    try:
        fd = _open(file.path)
        try:
            return Hashed(file, hash_open(fd, file.row, give_up))
        finally:
            os.close(fd)
    except OSError as error:
        return Hashed(file, UNDONE if error.errno in _SHORT else None)


def _open(path: bytes) -> int:
    """Leaves the time of access alone, where it may: only a file's owner is let."""
    try:
        return os.open(path, _FLAGS | _NO_ATIME)
    except PermissionError:
        return os.open(path, _FLAGS)


def hash_open(fd: int, row: Row, give_up: Callable[[], bool]) -> bytes | None:
    """The same of an open file; None where it is not in that state, before or after."""
    if not _is_in_state(os.fstat(fd), row):
        return None
    hasher, left = xxhash.xxh3_128(), row.size
    while left > 0:
        if give_up():
            return UNDONE
        data = os.read(fd, min(left, CHUNK_BYTES))
        if not data:
            return None
        hasher.update(data)
        left -= len(data)
    return hasher.digest() if _is_in_state(os.fstat(fd), row) else None


def _is_in_state(seen: os.stat_result, row: Row) -> bool:
    return stat.S_ISREG(seen.st_mode) and row[1:5] == (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


def stamp_ns() -> int:
    """What a file that is changed now is stamped with, or less."""
    if _ON_LINUX:
        return time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - 10_000_000


def outlast(ctime_ns: int) -> int:
    """Wait until a later change has a later ctime than this, for 20 ms at most; what a change is stamped with then."""
    for _ in range(TICKS_MAX):
        if stamp_ns() > ctime_ns:
            break
        time.sleep(TICK_S)
    return stamp_ns()


class Background:
    """Hashes files one after the other in a thread of its own, resting as long as it works. `wake` is called, in that
    thread, when it has nothing to do.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hashing")  # makes its thread when there is work
        self._work: Future[None] | None = None
        self._done: SimpleQueue[Hashed] = SimpleQueue()
        self._ended = threading.Event()

    def is_busy(self) -> bool:
        """Whether there is work under way. Raises what made it fail."""
        if self._work is None or not self._work.done():
            return self._work is not None
        self._work.result()
        return False

    def begin(self, files: list[File]) -> None:
        """Hash these. Not while it is busy."""
        self._work = self._pool.submit(self._hash, files)
        self._work.add_done_callback(lambda _: self._wake())

    def take(self) -> Iterable[Hashed]:
        """What is done, each once."""
        while not self._done.empty():
            yield self._done.get()

    def close(self) -> None:
        """End within one read of a megabyte."""
        self._ended.set()
        self._pool.shutdown()

    def _hash(self, files: list[File]) -> None:
        busy_s = 0.0
        for file in files:
            if self._ended.is_set():
                return
            began = time.monotonic()
            self._done.put(hash_file(file, self._ended.is_set))
            busy_s += time.monotonic() - began
            if busy_s >= SLICE_S:
                self._ended.wait(busy_s)
                busy_s = 0.0
