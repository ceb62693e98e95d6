"""QTN1, section 4, *Apply*: a set of records worked out on copies of what they touch.

Law: the records are one statement, so only the result is checked. A draft raises QtnError, with the record's index as
offset, and the tree is as it was; or `commit` makes the tree what the draft is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from .errors import QtnError
from .qtn.layout import MAX_DEPTH
from .qtn.records import DELETED, MODE, MTIME, PLACE, SIZE, WHOLE, Record
from .tree import SERVICE, U128_MAX, Node, Tree

__all__ = ["Draft"]

U64_MAX: Final = (1 << 64) - 1


class Draft:
    """What becomes of a tree by some records; a `View` of the tree as it would be."""

    def __init__(self, tree: Tree, records: Iterable[Record]) -> None:
        self.tree = tree
        self.records = list(records)
        self.digest = tree.digest
        self.nodes: dict[int, Node | None] = {}  # copies of what is touched; None: gone
        self._children: dict[int, dict[bytes, int]] = {}
        self._weighed: dict[
            int, int
        ] = {}  # what the digest above an entry has of it, if not what the tree's entry weighs
        self._left: set[int] = set()  # directories that something was taken out of
        self._told = {record.id: index for index, record in enumerate(self.records) if record.mask != DELETED}
        self._take_out()
        for index, record in enumerate(self.records):
            if record.mask != DELETED:
                self._set(index, record)
        for index, record in enumerate(self.records):
            if record.mask & PLACE:
                self._place(index, record)
        self._remove()
        self._weigh()

    @property
    def digest_low(self) -> int:
        return self.digest & U64_MAX

    def commit(self) -> None:
        self.tree.update(self.nodes, self._children, self.digest)

    def get(self, entry_id: int) -> Node | None:
        return self.nodes[entry_id] if entry_id in self.nodes else self.tree.get(entry_id)

    def children(self, entry_id: int) -> dict[bytes, int]:
        return self._children[entry_id] if entry_id in self._children else self.tree.children(entry_id)

    # --- the copies

    def _own(self, entry_id: int, index: int = 0) -> Node:
        """The entry, to be written to."""
        node = self.get(entry_id)
        if node is None:
            raise QtnError("parent", index)
        if entry_id not in self.nodes:
            self.nodes[entry_id] = node = replace(node)
        return node

    def _own_children(self, entry_id: int) -> dict[bytes, int]:
        if entry_id not in self._children:
            self._children[entry_id] = dict(self.tree.children(entry_id))
        return self._children[entry_id]

    def _add(self, parent: int, weight: int) -> None:
        """To the digest of a directory, or of the service."""
        if parent == SERVICE:
            self.digest = (self.digest + weight) & U128_MAX
        else:
            node = self._own(parent)
            node.digest = (node.digest + weight) & U128_MAX

    # --- the steps

    def _take_out(self) -> None:
        for record in self.records:
            node = self.tree.get(record.id) if record.mask & (DELETED | PLACE) else None
            if node is not None:
                self._own(record.id)
                del self._own_children(node.parent)[node.name]
                self._add(node.parent, -self._weight_before(node))
                self._left.add(node.parent)
                self._weighed[record.id] = 0

    def _weight_before(self, node: Node) -> int:
        return self._weighed[node.id] if node.id in self._weighed else node.weight()

    def _set(self, index: int, record: Record) -> None:
        """The values, without the place."""
        if self.get(record.id) is None:
            if record.mask != WHOLE:
                raise QtnError("incomplete-record", index)
            self.nodes[record.id] = Node(record.id, SERVICE, b"", record.mode, record.size, record.mtime_ns)
            self._children[record.id] = {}
            self._weighed[record.id] = 0
        node = self._own(record.id)
        was_dir = node.is_dir
        if record.mask & MODE:
            node.mode = record.mode
        if record.mask & SIZE:
            node.size = record.size
        if record.mask & MTIME:
            node.mtime_ns = record.mtime_ns
        if node.is_dir != was_dir:
            raise QtnError("type-turned", index)
        if was_dir and node.size:
            raise QtnError("directory-size", index)

    def _place(self, index: int, record: Record) -> None:
        node = self._own(record.id)
        node.parent, node.name = record.parent, record.name
        if not (node.is_dir if record.parent == SERVICE else self._own(record.parent, index).is_dir):
            raise QtnError("parent", index)
        if self._own_children(record.parent).setdefault(record.name, record.id) != record.id:
            raise QtnError("name-twice", index)

    def _remove(self) -> None:
        """What was deleted, and what is still below it."""
        pending = [record.id for record in self.records if record.mask == DELETED and self.get(record.id) is not None]
        while pending:
            entry_id = pending.pop()
            if entry_id in self._told:  # received again, the batch would meet an entry it does not hold
                raise QtnError("below-deleted", self._told[entry_id])
            pending += self.children(entry_id).values()
            self.nodes[entry_id] = None
            self._children.pop(entry_id, None)

    def _weigh(self) -> None:
        """Checks that everything told hangs from a root, and brings the digests above it up to date."""
        depths: dict[int, int] = {}
        left = {entry_id: None for entry_id in self._left if entry_id != SERVICE and self.get(entry_id) is not None}
        for entry_id, index in (*self._told.items(), *left.items()):
            if entry_id not in depths or index is not None:
                chain = self._chain(entry_id, index)
                depths.update((above, len(chain) - step) for step, above in enumerate(chain))
        for entry_id in sorted(depths, key=depths.__getitem__, reverse=True):
            before = self.tree.get(entry_id)
            known = self._weighed.get(entry_id)
            counted = known if known is not None else before.weight() if before is not None else 0
            node = self._own(entry_id)
            self._add(node.parent, node.weight() - counted)

    def _chain(self, entry_id: int, index: int | None) -> list[int]:
        """The ids from the entry up to its root. Without a record's index nothing is checked: such a chain is only
        wrong if that of a record is, and may be deep because something above was moved."""
        chain: dict[int, None] = {}  # in order, and quick to ask
        while entry_id != SERVICE:
            if index is not None and (entry_id in chain or len(chain) > MAX_DEPTH):
                raise QtnError("below-itself" if entry_id in chain else "too-deep", index)
            chain[entry_id] = None
            entry_id = self._own(entry_id).parent
        return list(chain)
