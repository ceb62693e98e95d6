"""A batch is a fact: the difference between two consecutive clocks, immutable, the same for every reader.

The service makes it, the log keeps it, the classes render it. Nothing here computes: it is the value they share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from smarttree.tree import Totals

# What CPython 3.11 on 64 bits spends beside the bytes themselves. A Change is a tuple of eight (120 with its GC head),
# two or three bytes objects (33 each), two integers (32 each). Retention is counted in these, not in wire bytes.
CHANGE_OVERHEAD_BYTES: Final = 120 + 2 * 33 + 2 * 32
BATCH_OVERHEAD_BYTES: Final = 400


class Change(NamedTuple):
    """One `change` event: what happened to one entry, told so that the changes of a batch can be applied in order.

    `path` and `old_path` are absolute. `delta` is the binary DELTA of this one change. `growth` is by how many bytes
    the service grew through it (a deleted directory counts everything that was below it).
    """

    type: str  # modified | created | deleted | renamed
    path: bytes
    old_path: bytes | None  # only of a rename
    kind: str  # file | dir | symlink | other
    size: int  # bytes, as `lstat` tells; 0 for a directory
    delta: bytes
    growth: int

    @property
    def nbytes(self) -> int:
        """What it costs to keep, in bytes of memory."""
        old_bytes = 33 + len(self.old_path) if self.old_path is not None else 0
        return CHANGE_OVERHEAD_BYTES + len(self.path) + len(self.delta) + old_bytes


class Switch(NamedTuple):
    """Version control went from one commit to another in one root. None: there was, or is, no commit."""

    root: bytes
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that changed between the clocks `from_seq` and `to_seq` (= `from_seq` + 1) of one epoch.

    `data` is the binary BATCH; `digest` and `totals` are the whole service's after it; `more` says that it is one of
    several pieces of something larger, a cut batch or the work of version control, and not the last. `vcs` is what such
    work has led to; a batch that only ends it has no changes.
    """

    from_seq: int
    to_seq: int
    time_ns: int  # wall time of the commit; only told, never compared with another machine's
    data: bytes
    changes: tuple[Change, ...]
    digest: int
    totals: Totals
    more: bool
    vcs: Switch | None = None

    @property
    def nbytes(self) -> int:
        """What it costs to keep, in bytes of memory. O(changes): the log asks once."""
        return BATCH_OVERHEAD_BYTES + len(self.data) + sum(change.nbytes for change in self.changes)
