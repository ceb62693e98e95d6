"""A batch is a fact: the difference between two consecutive clocks, immutable, the same for every reader.

The service makes it, the log keeps it, the classes render it. Nothing here computes: it is the value they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from smarttree._changes import Change, Changes
from smarttree._traces import Traces
from smarttree.tree import Totals

__all__ = ["ALL_KINDS", "Batch", "Change", "Changes", "Criteria", "Part", "RootState", "Switch"]

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


ALL_KINDS: Final = frozenset({"file", "dir", "symlink", "other"})


class Criteria(NamedTuple):
    """What of the tree someone wants to see: what lies below `path` (None: everything), is of one of these kinds, is
    named by a glob of `include` (none: all are), or lies below what is, and by none of `exclude`, nor lies below. The
    globs are those of a `.gitignore`, relative to `path`, or to each root.
    """

    path: bytes | None = None
    include: tuple[bytes, ...] = ()
    exclude: tuple[bytes, ...] = ()
    kinds: frozenset[str] = ALL_KINDS

    @property
    def is_whole(self) -> bool:
        """Whether all that lies below `path` is asked for."""
        return not self.include and not self.exclude and self.kinds == ALL_KINDS


class Part(NamedTuple):
    """What a batch changed of what some criteria ask for. `digest` is None where that is not all below a path.

    `is_told`: it is news to who asked for it, even where it holds no change.
    """

    data: bytes
    changes: Changes
    digest: int | None
    totals: Totals
    is_told: bool

    @property
    def nbytes(self) -> int:
        """What it costs to keep, in bytes of memory."""
        return BATCH_OVERHEAD_BYTES + len(self.data) + self.changes.nbytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that changed between the clocks `from_seq` and `to_seq` of one epoch: in the log, one after the other.

    `data` is the binary BATCH; `digest` and `totals` are the whole service's after it; `more` says that it is one of
    several pieces of something larger, a cut batch or the work of version control, and not the last. `vcs` is what such
    work has led to; a batch that only ends it has no changes. `root`: what has become of a root with this batch.
    `parts`: the same for those who see only a part of the tree, as far as there was someone at its time.
    `identities` (ctimes, inodes and births of what changed, packed) are for the log on disk alone, and
    `traces` for what is remembered of a batch when it is gone.
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
    parts: Mapping[Criteria, Part] = field(default_factory=dict)
    identities: bytes = b""
    traces: Traces | None = None

    @property
    def nbytes(self) -> int:
        """What it costs to keep, in bytes of memory."""
        own = BATCH_OVERHEAD_BYTES + len(self.data) + self.changes.nbytes + len(self.identities)
        return own + sum(part.nbytes for part in self.parts.values())
