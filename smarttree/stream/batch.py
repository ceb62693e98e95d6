"""A batch is a fact: the difference between two consecutive clocks, immutable, the same for every reader.

The service makes it, the log keeps it, the classes render it. Nothing here computes: it is the value they share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from smarttree._changes import Change, Changes
from smarttree.tree import Totals

__all__ = ["Batch", "Change", "Changes", "RootState", "Switch"]

BATCH_OVERHEAD_BYTES: Final = 400  # of what is no bytes: about what CPython 3.11 spends


class Switch(NamedTuple):
    """Version control went from one commit to another in one root. None: there was, or is, no commit."""

    root: bytes
    old: str | None
    new: str | None


class RootState(NamedTuple):
    """What has become of a root: `ready` (added, there again, or another directory in its place), `missing`,
    `unreadable` or `removed`.
    """

    path: bytes
    state: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that changed between the clocks `from_seq` and `to_seq` (= `from_seq` + 1) of one epoch.

    `data` is the binary BATCH; `digest` and `totals` are the whole service's after it; `more` says that it is one of
    several pieces of something larger, a cut batch or the work of version control, and not the last. `vcs` is what such
    work has led to; a batch that only ends it has no changes. `root`: what has become of a root with this batch.
    `identities` (ctimes, inodes and births of what changed, packed) are for the log on disk alone.
    """

    from_seq: int
    to_seq: int
    time_ns: int  # wall time of the commit; only told, never compared with another machine's
    data: bytes
    changes: Changes
    digest: int
    totals: Totals
    more: bool
    vcs: Switch | None = None
    root: RootState | None = None
    identities: bytes = b""

    @property
    def nbytes(self) -> int:
        """What it costs to keep, in bytes of memory."""
        return BATCH_OVERHEAD_BYTES + len(self.data) + self.changes.nbytes + len(self.identities)
