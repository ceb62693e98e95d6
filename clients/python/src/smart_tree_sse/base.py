"""A snapshot as it came, with lookups: by id, by name in a directory, and what is in a directory.

Law: nothing is ever changed here, and nothing is made for entries that nobody asks for.
"""

from __future__ import annotations

import numpy as np

from .qtn.snapshot import Snapshot

__all__ = ["Base"]


class Base:
    """Lookups in one snapshot. An order by id is made once, and only where the ids don't ascend as they are."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        ids = snapshot.ids
        self._order = None if np.all(ids[1:] > ids[:-1]) else np.argsort(ids)
        self._ids = ids if self._order is None else ids[self._order]

    def row(self, entry_id: int) -> int | None:
        """The row of an entry; -1 for the top."""
        if entry_id == self.snapshot.top_id:
            return -1
        at = int(np.searchsorted(self._ids, np.int32(entry_id)))  # of its type: else the whole column is converted
        if at == self._ids.size or self._ids[at] != entry_id:
            return None
        return at if self._order is None else int(self._order[at])

    def shares_ids(self, other: Base) -> bool:
        """Whether an id is in both."""
        tops = self.row(other.snapshot.top_id), other.row(self.snapshot.top_id)
        return tops != (None, None) or bool(np.intersect1d(self._ids, other._ids, assume_unique=True).size)

    def values(self, row: int) -> tuple[int, bytes, int, int, int, int]:
        """Parent, name, mode, size, time and digest of the entry in a row."""
        told = self.snapshot
        above = int(told.parents[row])
        parent = told.top_id if above < 0 else int(told.ids[above])
        digest = self._digest(row)
        return parent, told.name(row), int(told.modes[row]), int(told.sizes[row]), int(told.mtimes_ns[row]), digest

    def _directory(self, row: int) -> int | None:
        """Which of the directories a row is."""
        at = int(np.searchsorted(self.snapshot.directories, row))
        found = at < self.snapshot.directories.size and self.snapshot.directories[at] == row
        return at if found else None

    def _digest(self, row: int) -> int:
        at = self._directory(row)
        low, high = self.snapshot.digests
        return 0 if at is None else int(low[at]) | int(high[at]) << 64

    def _children_rows(self, entry_id: int) -> range | None:
        """None for what is no directory of this snapshot."""
        row = self.row(entry_id)
        if row is None:
            return None
        if row < 0:
            return range(self.snapshot.top_child_count)
        at = self._directory(row)
        if at is None:
            return None
        start = int(self.snapshot.child_starts[at])
        return range(start, start + int(self.snapshot.child_counts[at]))

    def children(self, entry_id: int) -> dict[bytes, int] | None:
        """What is in a directory, by name, in their order; None for what is no directory of this snapshot."""
        rows = self._children_rows(entry_id)
        if rows is None:
            return None
        ids = self.snapshot.ids[rows.start : rows.stop].tolist()
        return dict(zip(map(self.snapshot.name, rows), ids, strict=True))

    def child(self, entry_id: int, name: bytes) -> int | None:
        """The id of what has this name in a directory."""
        rows = self._children_rows(entry_id) or range(0)
        low, high = rows.start, rows.stop
        while low < high:
            middle = (low + high) // 2
            if self.snapshot.name(middle) < name:
                low = middle + 1
            else:
                high = middle
        return int(self.snapshot.ids[low]) if low < rows.stop and self.snapshot.name(low) == name else None
