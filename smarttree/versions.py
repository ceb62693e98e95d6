"""Versions: which content a file has now, by its hash; and that very content, proven by the same hash, or nothing.

A file below a root is opened where it stands, by no link. Its hash is believed if the file was in one state (inode,
size, times) before it was read and after, and is kept for that state if no later write can leave it the same.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from typing import Final, NamedTuple

import xxhash

from smarttree._beneath import open_beneath, refusal
from smarttree.errors import ChangedWhileRead, TooLarge
from smarttree.hashing import CHUNK_BYTES, UNDONE, hash_open, outlast
from smarttree.printable import printable
from smarttree.row import Row

LOOKS_MAX: Final = 3
KEPT_MAX: Final = 10_000  # 300 bytes each


class Place(NamedTuple):
    """A root and a path below it, without links in it."""

    root: bytes
    relative: bytes

    @property
    def path(self) -> bytes:
        return os.path.join(self.root, self.relative)


class Version(NamedTuple):
    """What was at a place: the xxh3-128 of a content, how long that is, and when it was written."""

    place: Place
    digest: bytes
    size: int
    mtime_ns: int


class Versions:
    """From the states of files to their hashes, those asked for last. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, ...], bytes] = OrderedDict()

    def now(self, place: Place, max_bytes: int, check: Callable[[], None]) -> Version:
        """What is there now. Reads it, unless it did so before. `check` is called often, and may raise.

        Raises as `open_beneath`; TooLarge, before anything is read; and ChangedWhileRead.
        """
        for _ in range(LOOKS_MAX):
            fd = open_beneath(*place)
            try:
                version = self._look(place, fd, max_bytes, check)
            except OSError as error:
                raise refusal(error.errno or 0, place.path) from error
            finally:
                os.close(fd)
            if version is not None:
                return version
        raise changed(place)

    def _look(self, place: Place, fd: int, max_bytes: int, check: Callable[[], None]) -> Version | None:
        seen = os.fstat(fd)
        if seen.st_size > max_bytes:
            raise TooLarge(f"{printable(place.path)} has {seen.st_size:,} bytes; here a file may have {max_bytes:,}")
        row = Row(seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, 0)
        state = (seen.st_dev, *row[1:5])
        with self._lock:
            digest = self._kept.get(state)
            if digest is not None:
                self._kept.move_to_end(state)
        if digest is None:
            is_past = outlast(row.ctime_ns) > row.ctime_ns
            digest = hash_open(fd, row, _gives_up(check))
            if digest is None or digest == UNDONE:
                return None
            if is_past:
                self._keep(state, digest)
        return Version(place, digest, row.size, row.mtime_ns)

    def _keep(self, state: tuple[int, ...], digest: bytes) -> None:
        with self._lock:
            self._kept[state] = digest
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)


def _gives_up(check: Callable[[], None]) -> Callable[[], bool]:
    """It does so by what it raises."""

    def give_up() -> bool:
        check()
        return False

    return give_up


def changed(place: Place) -> ChangedWhileRead:
    return ChangedWhileRead(f"{printable(place.path)} is written while it is read; ask again when it has come to rest")


def content(version: Version) -> Generator[bytes]:
    """The pieces of it. Where they are not what was hashed, raises ChangedWhileRead in the place of the last; and as
    `open_beneath`.
    """
    hasher, left = xxhash.xxh3_128(), version.size
    fd = open_beneath(*version.place)
    try:
        while left > 0:
            try:
                piece = os.read(fd, min(left, CHUNK_BYTES))
            except OSError as error:
                raise refusal(error.errno or 0, version.place.path) from error
            left -= len(piece)
            hasher.update(piece)
            if not piece or (left == 0 and hasher.digest() != version.digest):
                raise changed(version.place)
            yield piece
    finally:
        os.close(fd)
