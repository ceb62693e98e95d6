"""The disk by Python's own means, for systems without our system calls: by paths, one thread, some 5 µs an entry.

What it can't promise: a directory that is replaced between two of its steps is read under the path it had. The
identity in each `Row` (inode and birth time, as far as the system has them) lets the reader find that out.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from smarttree._listing import Listing, ListingBuilder
from smarttree._looks import Looks
from smarttree.disk import base
from smarttree.disk.base import unknown_ns
from smarttree.disk.rulefile import read_rule_file
from smarttree.ignore import RULE_FILES, Rules, obey
from smarttree.row import Row
from smarttree.wire import DEPTH_MAX

if TYPE_CHECKING:
    from smarttree._walk import Placer

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def row_of(seen: os.stat_result) -> Row:
    """What `lstat` says, as a Row."""
    born_ns = getattr(seen, "st_birthtime_ns", 0) or int(getattr(seen, "st_birthtime", 0.0) * 1e9)
    birth = (born_ns * 0x9E3779B97F4A7C15 >> 32) & 0xFFFFFFFF
    size = 0 if stat.S_ISDIR(seen.st_mode) else seen.st_size
    inode = seen.st_ino & 0xFFFFFFFFFFFFFFFF
    return Row(seen.st_mode & 0xFFFF, size, seen.st_mtime_ns, seen.st_ctime_ns, inode, birth, seen.st_nlink)


class PortableProgress:
    """Counts of a scan, and its cancellation."""

    def __init__(self) -> None:
        self.entries = self.dirs = 0
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    def check(self) -> None:
        """Raises InterruptedError once cancelled."""
        if self._cancelled.is_set():
            raise InterruptedError("the scan was cancelled")


class PortableDirectory:
    """A path that was a directory when it was opened."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def row(self) -> Row:
        return row_of(os.stat(self._path))

    def look(self, names: list[bytes]) -> Looks:
        return Looks(self._look(name) for name in names)

    def _look(self, name: bytes) -> Row | int | None:
        try:
            return row_of(os.lstat(os.path.join(self._path, name)))
        except OSError as error:
            return None if error.errno in _GONE else error.errno or errno.EIO

    def read(self, path: bytes) -> bytes | int | None:
        return read_rule_file(os.path.join(self._path, path))

    def scan(
        self, *, watch: Placer | None, threads: int, depth: int, progress: base.Progress, rules: Rules | None = None
    ) -> Listing:
        assert watch is None, "these scans place no watches"
        assert isinstance(progress, PortableProgress)
        return _Scan(self._path, depth, progress, rules).run()

    def close(self) -> None:
        pass


class PortableDisk:
    """`os.scandir` and `os.lstat`."""

    name = "portable"

    def progress(self) -> PortableProgress:
        return PortableProgress()

    def __init__(self, now_ns: Callable[[], int] = unknown_ns) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns()

    def open(self, path: bytes, *, follow: bool = False) -> PortableDirectory:
        seen = os.stat(path) if follow else os.lstat(path)
        if not stat.S_ISDIR(seen.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return PortableDirectory(path)


class _Scan:
    """One scan, directory by directory, depth first: so its blocks come in directory order."""

    def __init__(self, top: bytes, depth: int, progress: PortableProgress, rules: Rules | None) -> None:
        self._top, self._depth, self._progress, self._rules = top, depth, progress, rules
        self._builder = ListingBuilder(row_of(os.stat(top)))

    def run(self) -> Listing:
        todo = [(0, self._top, self._depth, self._rules)]
        while todo:
            self._progress.check()
            index, path, depth, rules = todo.pop()
            if depth >= DEPTH_MAX:
                self._builder.report(index, b"", errno.EOVERFLOW)
                continue
            entries = [] if rules and rules.closed else self._read(index, path)
            if rules:
                rules, entries = self._heed(index, rules, path, entries)
            first = self._builder.add(index, entries)
            self._progress.entries += len(entries)
            self._progress.dirs += 1
            inner = [(first + at, name) for at, (name, row) in enumerate(entries) if row.is_dir]
            for at, name in reversed(inner):
                todo.append((at, os.path.join(path, name), depth + 1, rules.enter(name) if rules else None))
        return self._builder.finish()

    def _heed(
        self, index: int, rules: Rules, path: bytes, entries: list[tuple[bytes, Row]]
    ) -> tuple[Rules, list[tuple[bytes, Row]]]:
        """What holds in a directory with its rule files, and the entries that are not left out."""
        closed: dict[bytes, int] = {}

        def read(file: bytes) -> bytes | int | None:
            content = read_rule_file(os.path.join(path, file))
            if isinstance(content, int):
                closed[file.partition(b"/")[0]] = content
            return content

        rules = obey(rules, {name for name, _ in entries if name in RULE_FILES}, read)
        entries = [(name, row) for name, row in entries if not rules.ignores(name, row.is_dir)]
        for name, _ in entries if closed else ():
            if name in closed:
                self._builder.report(index, name, closed[name])
        return rules, entries

    def _read(self, index: int, path: bytes) -> list[tuple[bytes, Row]]:
        found = []
        try:
            with os.scandir(path) as names:
                for entry in names:
                    row = self._row(index, entry)
                    if row is not None:
                        found.append((entry.name, row))
        except OSError as error:
            if error.errno in _SHORT or path == self._top:
                raise
            self._builder.report(index, b"", error.errno or errno.EIO)
            return []
        return sorted(found)

    def _row(self, index: int, entry: os.DirEntry[bytes]) -> Row | None:
        try:
            return row_of(entry.stat(follow_symlinks=False))
        except OSError as error:
            if error.errno in _SHORT:
                raise
            if error.errno not in _GONE:
                self._builder.report(index, entry.name, error.errno or errno.EIO)
            return None
