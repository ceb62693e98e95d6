"""The Tree's Python face: the compiled Tree with paths looked up, rows and totals by name."""

from __future__ import annotations

from typing import Final, NamedTuple

from smarttree import _tree
from smarttree.row import Row, Totals, kind_of

__all__ = ["NO_ID", "SERVICE_ID", "Memory", "Row", "Totals", "Tree", "kind_of"]

SERVICE_ID: Final = 0
NO_ID: Final = 0xFFFFFFFF


class Memory(NamedTuple):
    """What a Tree has taken; `tree_bytes` counts the names as well."""

    entries: int
    tree_bytes: int
    names_bytes: int


class Tree(_tree.Tree):
    """One service's entries under stable ids; see `_tree.Tree` for the operations, their costs and errors."""

    def row(self, eid: int) -> Row:
        """An entry's values. `nlink` is not kept and reads 1."""
        return Row(*self.values(eid))

    def totals(self, eid: int) -> Totals:
        """What is below an entry, itself not counted; of the service, what is below its roots. O(1)."""
        files, dirs, size = self.counts(eid)
        return Totals(files, dirs - len(self.roots()) if eid == SERVICE_ID else dirs, size)

    def has_directory(self, eid: int) -> bool:
        """Whether an id is alive and a directory's: false for one that ended, or that a file has by now."""
        return eid in self and self.is_dir(eid)

    def memory(self) -> Memory:
        """O(1)."""
        return Memory(len(self) - 1, self.nbytes, self.names_nbytes)

    def root_of(self, eid: int) -> int:
        """The root that an entry is below, or is."""
        while (parent := self.parent(eid)) != SERVICE_ID:
            eid = parent
        return eid

    def ancestors(self, eid: int) -> list[int]:
        """The directories an entry is in, innermost first, its root the last. O(depth)."""
        found = []
        while (eid := self.parent(eid)) != SERVICE_ID:
            found.append(eid)
        return found

    def height(self, eid: int) -> int:
        """How many levels are below an entry. O(what is below it)."""
        levels = {eid: 0}
        for below in self.below(eid).tolist():
            levels[below] = levels[self.parent(below)] + 1
        return max(levels.values())

    def resolve(self, path: bytes) -> int:
        """The entry with that absolute path, or NO_ID: a look-up in memory, name by name, so `..` leads nowhere."""
        for root in self.roots():
            top = self.name(root)
            if path == top:
                return root
            prefix = top if top.endswith(b"/") else top + b"/"
            if path.startswith(prefix):
                return self._descend(root, path[len(prefix) :].split(b"/"))
        return NO_ID

    def _descend(self, eid: int, names: list[bytes]) -> int:
        for name in names:
            if not self.is_dir(eid):
                return NO_ID
            eid = self.child(eid, name)
            if eid == NO_ID:
                return NO_ID
        return eid
