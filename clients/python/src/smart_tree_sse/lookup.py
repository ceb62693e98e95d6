"""Lookups in a tree: by path, what is in a directory, everything in order. Paths are absolute.

Law: an answer is of one moment. What changes between two questions shows in the second; while one iterates, the tree
may move on, so take `list(…)` of it, or don't await meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from .globs import Glob
from .qtn.snapshot import Snapshot
from .told import Entry, entry_of
from .tree import Tree, below_root, joined_path, walk

__all__ = ["Lookup"]


class Lookup:
    """Of snapshots of one clock. `str` paths are as `os.fsdecode` gives them; `bytes` are taken too."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self._tree = Tree(snapshots)

    def get(self, path: str | bytes) -> Entry | None:
        """The entry at a path, or None."""
        where = os.fsencode(path)
        node = self._tree.find(where)
        return entry_of(where, node) if node is not None else None

    def __getitem__(self, path: str | bytes) -> Entry:
        entry = self.get(path)
        if entry is None:
            raise KeyError(path)
        return entry

    def __contains__(self, path: str | bytes) -> bool:
        return self._tree.find(os.fsencode(path)) is not None

    def __len__(self) -> int:
        """Entries, roots included."""
        return self._tree.count

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, root by root: each directory followed by what is in it, siblings by their bytes."""
        return (entry_of(path, node) for path, node in self._tree)

    def children(self, path: str | bytes) -> list[Entry]:
        """What is in a directory, by name. Raises KeyError where there is nothing, NotADirectoryError where there is
        something else."""
        where = os.fsencode(path)
        node = self._tree.find(where)
        if node is None:
            raise KeyError(path)
        if not node.is_dir:
            raise NotADirectoryError(os.fsdecode(where))
        below = sorted(self._tree.children(node.id).items())
        found = ((joined_path(where, name), self._tree.get(child)) for name, child in below)
        return [entry_of(at, child) for at, child in found if child is not None]

    def walk(self, path: str | bytes) -> Iterator[Entry]:
        """The entry at a path, and everything below it."""
        where = os.fsencode(path)
        node = self._tree.find(where)
        if node is None:
            raise KeyError(path)
        return (entry_of(at, child) for at, child in walk(self._tree, where, node))

    def glob(self, glob: str | bytes) -> Iterator[Entry]:
        """Every entry below the roots whose path, relative to its root, the glob matches."""
        pattern = Glob(glob)
        for root in self.roots():
            above = os.fsencode(root.path)
            for entry in self.walk(above):
                below = below_root(above, os.fsencode(entry.path))
                if below and pattern.matches(below):
                    yield entry

    def roots(self) -> list[Entry]:
        """The roots, in the order in which they were told."""
        found = ((path, self._tree.get(root_id)) for path, root_id in self._tree.roots().items())
        return [entry_of(path, node) for path, node in found if node is not None]

    @property
    def digest(self) -> str:
        """Of all roots together, 32 hex digits."""
        return f"{self._tree.digest:032x}"
