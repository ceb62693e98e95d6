"""Hard links: which entries are names of one inode, so that a hint on one name looks at all of them.

Only inodes that were ever seen with several links are kept. What is kept is checked when it is used: an entry may have
ended, or its inode may be another file's by now. The kernel tells nothing to the directory of the *first* name when a
second one is made, so an inode that is met with several links for the first time is searched for in the whole Tree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from smarttree._listing import Listing
from smarttree.plan import Plan
from smarttree.tree import Tree
from smarttree.watch.base import Place

SWEEP_MIN = 1000


class HardLinks:
    """The names of inodes with several links. Used by the engine's thread only."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._names: dict[int, set[int]] = {}
        self._counts: dict[int, int] = {}  # how many links an inode had when it was last seen
        self._sweep_at = SWEEP_MIN

    @property
    def inodes(self) -> Collection[int]:
        """All that were seen with several links."""
        return self._names.keys()

    def add(self, inode: int, eid: int, count: int = 0) -> None:
        """`eid` is a name of `inode`, which has several links: `count`, where that is known."""
        self._names.setdefault(inode, set()).add(eid)
        if count:
            self._counts[inode] = count

    def count(self, listing: Listing) -> None:
        """A listing of what is known tells how many links there are."""
        for _, inode, count in listing.hard_linked():
            self._counts[inode] = count

    def partly_outside(self) -> Iterator[Place]:
        """One place of each inode that has more links than there are names in the Tree: what is written through the
        others, no hint tells. O(names).
        """
        for inode, names in self._names.items():
            here = [eid for eid in names if self._is_name(eid, inode)]
            if 0 < len(here) < self._counts.get(inode, 0):
                yield self._tree.parent(here[0]), self._tree.name(here[0])

    def is_linked(self, eid: int) -> bool:
        """Whether an entry was seen with several links."""
        return eid in self._names.get(self._tree.row(eid).ino, ())

    def names(self, inodes: Iterable[int]) -> set[int]:
        """All entries that are names of any of `inodes`. One pass over the Tree if one of them is met first."""
        found: set[int] = set()
        unknown: set[int] = set()
        for inode in inodes:
            names = {eid for eid in self._names.get(inode, ()) if self._is_name(eid, inode)}
            found |= names
            if not names:
                unknown.add(inode)
        if unknown:
            for inode, eid in self._tree.with_inodes(unknown):
                self.add(inode, eid)
                found.add(eid)
        return found

    def learn(self, plan: Plan) -> None:
        """Take in what a plan is about to create or change."""
        rows = {eid: row for eid, (_, row) in plan.creates.items()}
        rows |= {eid: update.row for eid, update in plan.updates.items()}
        linked = {row.ino for row in rows.values() if row.nlink > 1 and not row.is_dir}
        for eid, row in rows.items():
            if not row.is_dir and (row.ino in linked or row.ino in self._names):
                self.add(row.ino, eid, row.nlink)
        for inode, eid, count in plan.routine.linked():
            linked.add(inode)
            self.add(inode, eid, count)
        if len(self._names) > self._sweep_at:
            self._sweep(linked)

    def _is_name(self, eid: int, inode: int) -> bool:
        return eid in self._tree and self._tree.row(eid).ino == inode

    def _sweep(self, fresh: set[int]) -> None:
        """Drop what is no longer true. The next time comes when the table has doubled: O(1) a name, amortised."""
        for inode, names in list(self._names.items()):
            kept = {eid for eid in names if self._is_name(eid, inode)}
            if kept or inode in fresh:
                self._names[inode] = names if inode in fresh else kept
            else:
                del self._names[inode]
                self._counts.pop(inode, None)
        self._sweep_at = 2 * len(self._names) + SWEEP_MIN
