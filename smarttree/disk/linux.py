"""The disk on Linux: our own scan and looks, by descriptors, so that no path is followed twice."""

from __future__ import annotations

import os
from collections.abc import Callable

from smarttree._listing import Listing
from smarttree._looks import Looks
from smarttree._scan import scan
from smarttree._stat import look, look_at
from smarttree._walk import Placer, Progress
from smarttree.disk import base
from smarttree.disk.base import unknown_ns
from smarttree.disk.rulefile import read_rule_file
from smarttree.ignore import Rules
from smarttree.row import Row

_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_HOLD = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC  # enough to look at names; needs no right to list them
_PART_BYTES = 4000  # one open() takes a path of less than PATH_MAX (4,096) bytes


class LinuxDirectory:
    """A descriptor that holds the directory; it is opened for reading only to be scanned."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def row(self) -> Row:
        return look_at(self._fd)

    def look(self, names: list[bytes]) -> Looks:
        return look(self._fd, names)

    def read(self, path: bytes) -> bytes | int | None:
        return read_rule_file(path, self._fd)

    def scan(
        self, *, watch: Placer | None, threads: int, depth: int, progress: base.Progress, rules: Rules | None = None
    ) -> Listing:
        assert isinstance(progress, Progress)
        fd = os.open(b".", _READ, dir_fd=self._fd)
        try:
            return scan(fd, watch=watch, threads=threads, depth=depth, progress=progress, rules=rules)
        finally:
            os.close(fd)

    def close(self) -> None:
        os.close(self._fd)


class LinuxDisk:
    """`openat`, `getdents64` and `statx`, without the GIL."""

    name = "statx"

    def progress(self) -> Progress:
        return Progress()

    def __init__(self, now_ns: Callable[[], int] = unknown_ns) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns()

    def open(self, path: bytes, *, follow: bool = False) -> LinuxDirectory:
        """Paths longer than PATH_MAX are opened part by part."""
        how = _HOLD if follow else _HOLD | os.O_NOFOLLOW
        fd = os.open(b"/", _HOLD)
        rest = path.lstrip(b"/")
        while rest:
            part, rest = rest, b""
            if len(part) > _PART_BYTES:
                cut = part.rfind(b"/", 0, _PART_BYTES)
                part, rest = part[:cut], part[cut + 1 :]
            try:
                inner = os.open(part, _HOLD if rest else how, dir_fd=fd)
            finally:
                os.close(fd)
            fd = inner
        return LinuxDirectory(fd)
