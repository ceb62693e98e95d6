"""Standing: how each root is doing. Its directory may go, be closed to us, come back, or be another one by now.

Law: a root stays an entry of the Tree whatever becomes of its directory, and what becomes of it is news, told once. One
that was added while we ran is never reached through a link: that might lead out of where roots may be.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Final

from smarttree.disk.base import Disk
from smarttree.row import Row
from smarttree.stream.batch import RootState
from smarttree.tree import Tree

READY: Final = "ready"
MISSING: Final = "missing"
UNREADABLE: Final = "unreadable"

GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Of a root that is not there. Whatever else forbids to open it, it may be, and what is in it stays as last told."""


class Standing:
    """The standing of one Tree's roots. The engine's own, but for `state_of`, which any thread may ask."""

    def __init__(self, tree: Tree, disk: Disk) -> None:
        self._tree, self._disk = tree, disk
        self._late: set[bytes] = set()  # roots that were added while we ran
        self.missing: dict[int, int] = {}  # roots that can't be opened or read now, and the errno that says why
        self.news: list[RootState] = []  # who tells it takes it out

    def state_of(self, root: int) -> str:
        number = self.missing.get(root)
        return READY if number is None else MISSING if number in GONE else UNREADABLE

    def is_any_gone(self) -> bool:
        return not GONE.isdisjoint(self.missing.values())

    def expect(self, path: bytes) -> None:
        """A root comes late. Raises OSError where it is reached through a link."""
        self._late.add(path)
        if self._is_led_astray(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    def drop(self, path: bytes) -> None:
        """A root is no longer in the Tree."""
        self._late.discard(path)
        self.missing = {root: number for root, number in self.missing.items() if root in self._tree}

    def strayed(self) -> Iterator[int]:
        """Roots that a glance doesn't find as they were told. What is done to a directory above a root is no hint."""
        for root in self._tree.roots():
            if root in self.missing or self._has_strayed(root):
                yield root

    def _has_strayed(self, root: int) -> bool:
        try:
            opened = self._disk.open(self._tree.name(root), follow=True)
            try:
                itself = opened.row()
            finally:
                opened.close()
        except OSError:
            return True
        return self.is_another(root, itself) or itself.mode != self._tree.row(root).mode

    def is_another(self, root: int, itself: Row) -> bool:
        """Whether the directory at a root's path is not the one that was told."""
        return itself.identity != self._tree.row(root).identity

    def must_be_read(self, root: int, itself: Row) -> bool:
        """Whether a root that could be opened must be read whole: after another mode, too, that may be forbidden."""
        return root in self.missing or self.is_another(root, itself) or itself.mode != self._tree.row(root).mode

    def leads_astray(self, root: int, itself: Row) -> bool:
        """Whether what could be opened at a root's path is none of ours."""
        return (root in self.missing or self.is_another(root, itself)) and self._is_led_astray(self._tree.name(root))

    def lose(self, root: int, number: int) -> bool:
        """A root can't be opened, or read, for the reason that an errno gives; whether it is gone."""
        before, self.missing[root] = self.state_of(root), number
        if self.state_of(root) != before:
            self._tell(root)
        return number in GONE

    def find(self, root: int, number: int, *, is_another: bool) -> bool:
        """A root was read whole, or could not be, says an errno; then, whether it is another one than was told."""
        if number:
            self.lose(root, number)
            return is_another
        if self.missing.pop(root, None) is not None or is_another:
            self._tell(root)
        return False

    def _tell(self, root: int) -> None:
        self.news.append(RootState(self._tree.name(root), self.state_of(root)))

    def _is_led_astray(self, path: bytes) -> bool:
        return path in self._late and os.path.realpath(path) != path
