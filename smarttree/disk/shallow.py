"""A disk of which one level is seen: what is in a root, and no further. For whoever watches a directory alone.

A directory in it is an entry like any other: never read, never watched.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from smarttree._listing import Listing, ListingBuilder
from smarttree._looks import Looks
from smarttree.disk.base import Directory, Disk, Progress
from smarttree.ignore import Rules
from smarttree.row import Row
from smarttree.wire import DEPTH_MAX

if TYPE_CHECKING:
    from smarttree._walk import Placer


class ShallowDirectory:
    """An open directory of another disk; its scan ends at its own entries, and below a root at once."""

    def __init__(self, inner: Directory) -> None:
        self._inner = inner

    def row(self) -> Row:
        return self._inner.row()

    def look(self, names: list[bytes]) -> Looks:
        return self._inner.look(names)

    def read(self, path: bytes) -> bytes | int | None:
        return self._inner.read(path)

    def scan(
        self, *, watch: Placer | None, threads: int, depth: int, progress: Progress, rules: Rules | None = None
    ) -> Listing:
        """At the last level but one every directory in it is too deep: that is what was asked for, and no problem."""
        if depth > 0:
            return ListingBuilder(self.row()).finish()
        listing = self._inner.scan(watch=watch, threads=1, depth=DEPTH_MAX - 1, progress=progress, rules=rules)
        listing.problems[:] = [problem for problem in listing.problems if problem[2] != errno.EOVERFLOW]
        return listing

    def close(self) -> None:
        self._inner.close()


class ShallowDisk:
    """Another disk, one level of it."""

    def __init__(self, inner: Disk) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    def now_ns(self) -> int:
        return self._inner.now_ns()

    def progress(self) -> Progress:
        return self._inner.progress()

    def open(self, path: bytes, *, follow: bool = False) -> ShallowDirectory:
        return ShallowDirectory(self._inner.open(path, follow=follow))
