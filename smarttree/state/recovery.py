"""What is found at the start: which epoch goes on and from where, or why a new one begins. [disk]

    same boot, or a clean stop; all checks right; no shorter than this boot has seen it    the epoch goes on
    a record incomplete at the very end                                                    it is cut off, and so it does
    anything else                                                                          a new epoch, with the old ids

Law: no clock ever means two things. Where that can't be known, an epoch ends.
"""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

from smarttree._defect import Defect
from smarttree._delta import apply_records
from smarttree._store import free_ids, identify, reclaim
from smarttree._traces import Traces
from smarttree.clock import Clock
from smarttree.codec import decode_batch as decode_document
from smarttree.errors import QtnError, StateDamaged
from smarttree.state.place import Mark, Place
from smarttree.state.segments import Restore, Segments
from smarttree.state.snapshot import Dead, Kept, decode_tree
from smarttree.stream.horizon import Memory
from smarttree.stream.journal import BATCH, Damaged, Record, decode_batch, decode_traces
from smarttree.tree import SERVICE_ID, Tree

logger = logging.getLogger(__name__)

TREE_PREFIX: Final = "tree"


def tree_name(epoch: int, seq: int) -> str:
    return f"{TREE_PREFIX}.{epoch:016x}.{seq:020d}"


class Recovered(NamedTuple):
    """The Tree as it was told last. `more`: what was told last was a piece of something larger. `goes_on`: in the same
    epoch; else the clock is the parent's, up to which its log is known. `memory`: what is remembered of its batches.
    """

    tree: Tree
    clock: Clock
    dead: list[Dead]
    more: bool
    goes_on: bool
    memory: Memory


class _Rebuild(Restore):
    """Applies the log to a stored tree."""

    def __init__(self, kept: Kept) -> None:
        self.seq = kept.clock.seq
        self.tree, self.dead, self.more = kept.tree, kept.dead, False
        self.broken = False  # what did not fit may have been applied in part
        self._horizon = 0
        self._traces: deque[tuple[int, Traces | None]] = deque()

    def memory(self) -> Memory:
        """Of what came after the last horizon: ids of what had ended by then may have been used again. And those that
        are free must not be spoken of.
        """
        free = bytearray(self.tree.ids)
        for eid in free_ids(self.tree):
            free[eid] = 1
        spoken = max((seq for seq, traces in self._traces if traces is None or traces.tells_of_any(free)), default=0)
        horizon = max(self._horizon, spoken)
        return Memory(horizon, [(seq, traces) for seq, traces in self._traces if seq > horizon])

    def trace(self, seq: int, payload: memoryview) -> None:
        self._horizon, traces = decode_traces(payload)
        self._traces.append((seq, traces))
        while self._traces[0][0] <= self._horizon:
            self._traces.popleft()

    def take(self, record: Record, payload: memoryview) -> None:
        try:
            if record.type != BATCH:
                identify(self.tree, payload)
                return
            batch = decode_batch(payload, record.seq, identities=True)
            ended = apply_records(self.tree, decode_document(batch.data).records)
            identify(self.tree, batch.identities)
        except (Defect, QtnError, ValueError) as error:
            self.broken = True
            raise Damaged(f"the batch {record.seq} does not fit: {error}", record.offset) from error
        if self.tree.digest(SERVICE_ID) != batch.digest:
            self.broken = True
            raise Damaged(f"after the batch {record.seq} the digest is another", record.offset)
        if ended:
            self.dead.append((record.seq, ended))
        self.seq, self.more = record.seq, batch.more


def recover(place: Place, segments: Segments) -> Recovered | None:
    """None where nothing is kept, or nothing of it is of use. Raises OSError."""
    try:
        mark = place.read_mark()
    except (StateDamaged, ValueError) as error:
        logger.warning("%s: starting with a new epoch, clients fetch the tree anew", error)
        return None
    if mark is None:
        return None
    rebuild = _newest_tree(place.directory, mark.epoch)
    if rebuild is None:
        return None
    stored = rebuild.seq
    found = segments.load(mark.epoch, rebuild)
    why = _why_not(mark, place, rebuild.seq, found.damage)
    if not why and found.head != rebuild.seq:
        why = f"the log ends at {found.head}, the stored tree is of {rebuild.seq}"
    if found.torn and not why:
        logger.info("the last record of the log was never finished: cut off")
    if why:
        logger.warning("%s: a new epoch begins, clients fetch the tree anew", why)
    if rebuild.broken:
        return None
    segments.floor = stored
    reclaim(rebuild.tree, {eid for _, ids in rebuild.dead for eid in ids})
    clock = Clock(mark.epoch, rebuild.seq)
    return Recovered(rebuild.tree, clock, rebuild.dead, rebuild.more, not why, rebuild.memory())


def _why_not(mark: Mark, place: Place, seq: int, damage: Damaged | None) -> str:
    """Why this epoch can't go on; "" where it can."""
    if damage is not None:
        return str(damage)
    if mark.clean and seq != mark.seq:
        return f"the log ends at {seq}, but was at {mark.seq} when the server was stopped"
    if not mark.clean and (mark.boot != place.boot or not place.boot):
        return "the machine was started anew, and the server had not been stopped before"
    seen = place.witness.seen()
    if seen is not None and (seen[0] != mark.epoch or seen[1] > seq):
        return "the state directory is older than what was told: it was put back from a copy, or cut"
    return ""


def _newest_tree(directory: Path, epoch: int) -> _Rebuild | None:
    """The newest stored tree that can be read."""
    for path in sorted(directory.glob(f"{TREE_PREFIX}.{epoch:016x}.*"), reverse=True):
        if path.suffix == ".draft":
            continue
        try:
            return _Rebuild(decode_tree(memoryview(path.read_bytes())))
        except StateDamaged as error:
            logger.warning("%s: %s", path.name, error)
    return None
