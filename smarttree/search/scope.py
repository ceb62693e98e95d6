"""Where is looked: entries of a frozen tree, below some and named by globs, in the order of paths."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from smarttree._find import find
from smarttree.ignore import command_rules
from smarttree.search.pattern import Needle
from smarttree.tree import Tree

FILES: Final = 1 << 8
ALL: Final = 0xFFFF


class Scope(NamedTuple):
    """Below `tops`, directories or single files, what is named by a glob of `only` (none: all is), or lies below what
    is, and by none of `without`, nor lies below. Globs are relative to each of `tops`; a single file needs none.
    """

    tree: Tree
    tops: Sequence[int]
    only: tuple[bytes, ...] = ()
    without: tuple[bytes, ...] = ()

    def entries(self, kinds: int, needle: Needle | None = None, most: int = 0xFFFFFFFF) -> array[int]:
        """The ids of the first `most`. O(entries): 25 ns each."""
        only = command_rules(self.only) if self.only else None
        without = command_rules(self.without) if self.without else None
        found = array("I")
        for top in sorted(self.tops, key=self.tree.path):
            if not self.tree.is_dir(top):
                found.append(top)
            elif len(found) < most:
                found += find(self.tree, top, only, without, kinds, needle, most - len(found))
        return found
