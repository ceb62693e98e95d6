"""What could not be read, by directory: told as values, and tried again when the directory has changed.

Law: what can't be read any more stays in the Tree as it was last told, and is a problem here until it can be read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from smarttree.tree import SERVICE_ID, Tree

PROBLEMS_MAX = 1000
"""Problems that are shown, and names kept for one directory; beyond, the directory stands for its names."""

FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
NONE: Mapping[bytes, int] = {}


class Problem(NamedTuple):
    """Something below a root that could not be read."""

    path: bytes
    errno: int
    message: str


class Problems:
    """The problems of one Tree, by the id of a directory. The engine's own, but for `shown`, which anyone may read."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._of: dict[int, dict[bytes, int]] = {}
        self.shown: tuple[Problem, ...] = ()  # the first thousand

    def note(self, directory: int, name: bytes, number: int) -> None:
        """`name` in the directory could not be looked at, or the directory (b"") not be read."""
        names = self._of.setdefault(directory, {})
        names[name if len(names) < PROBLEMS_MAX else b""] = number

    def replace(self, directory: int, names: Mapping[bytes, int]) -> None:
        """The directory was read: only this could not be."""
        self._of.pop(directory, None)
        for name, number in names.items():
            self.note(directory, name, number)

    def clear(self, directory: int, name: bytes) -> None:
        """`name` in the directory could be looked at."""
        names = self._of.get(directory)
        if names is not None and names.pop(name, None) is not None and not names:
            del self._of[directory]

    def names(self, directory: int) -> set[bytes]:
        """The names in the directory that could not be looked at."""
        return set(self._of.get(directory, NONE))

    def directories(self) -> set[int]:
        """Those of which something is known."""
        return set(self._of)

    def is_closed(self, directory: int) -> bool:
        """Whether it was not allowed to read the directory, or something in it."""
        return not FORBIDDEN.isdisjoint(self._of.get(directory, NONE).values())

    def closed(self) -> list[int]:
        """Directories below a root that may not be read, a thousand at most."""
        tree = self._tree
        closed = (eid for eid, names in self._of.items() if names.get(b"") in FORBIDDEN and tree.has_directory(eid))
        return list(islice((eid for eid in closed if tree.parent(eid) != SERVICE_ID), PROBLEMS_MAX))

    def too_deep(self) -> list[int]:
        """Directories at the last level that is told: what is in them was not read."""
        return [directory for directory, names in self._of.items() if names.get(b"") == errno.EOVERFLOW]

    def settle(self) -> None:
        """Forget directories that have ended, and show the others under the paths they have now. O(problems)."""
        if self._of or self.shown:
            self._of = {eid: names for eid, names in self._of.items() if self._tree.has_directory(eid)}
            self.shown = tuple(self._listed())

    def _listed(self) -> list[Problem]:
        found: list[Problem] = []
        for directory, names in self._of.items():
            if len(found) >= PROBLEMS_MAX:
                break
            path = self._tree.path(directory)
            found += [Problem(os.path.join(path, name) if name else path, *_told(it)) for name, it in names.items()]
        return found[:PROBLEMS_MAX]


def _told(number: int) -> tuple[int, str]:
    """An errno, and what it means here."""
    return number, "deeper than 512 levels" if number == errno.EOVERFLOW else os.strerror(number)
