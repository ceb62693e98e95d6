"""The ledger: carries out steps on the Tree and writes down what each one changed, until it is cut into a batch.

Pure but for the Tree it owns: the caller passes clocks and times in. The `change` events are told in the order of the
steps, each with the paths of its moment; the BATCH says for each id what is true at the cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from smarttree import wire
from smarttree.clock import Clock
from smarttree.codec import Records, encode_batch, encode_delta
from smarttree.order import Act, Step
from smarttree.reconcile import Plan, Update
from smarttree.stream.batch import Batch, Change, Switch
from smarttree.tree import NO_ID, SERVICE_ID, Row, Tree, kind_of

RECORD_BYTES = 12  # about what a record takes in a BATCH, its name not counted


class Ledger:
    """Steps in, batches out. `dead` collects the ids that ended: not reused before their batch is forgotten."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._masks: dict[int, int] = {}
        self._ended: set[int] = set()
        self._changes: list[Change] = []
        self.cost_bytes = 0  # about the size of the BATCH so far
        self.dead: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._masks or self._ended or self._changes)

    def carry_out(self, plan: Plan, steps: list[Step]) -> None:
        """Change the Tree, step by step. Each leaves it valid, but for what is lifted and not yet dropped."""
        for act, eid in steps:
            if act is Act.CREATE:
                self._create(eid, *plan.creates[eid])
            elif act is Act.UPDATE:
                self._update(eid, plan.updates[eid])
            elif act is Act.DELETE:
                self._delete(eid)
            elif act is Act.LIFT:
                self._lift(eid)
            else:
                self._place(eid, *plan.moves[eid], drop=act is Act.DROP)

    def cut(self, clock: Clock, time_ns: int, *, more: bool, vcs: Switch | None = None) -> Batch:
        """The batch that leads to `clock`, and a clean page. Without any change, it leads to the same tree."""
        records = Records()
        for eid, mask in self._masks.items():
            records.state(self._tree, eid, mask)
        for eid in self._ended:
            records.delete(eid)
        digest = self._tree.digest(SERVICE_ID)
        batch = Batch(
            from_seq=clock.seq - 1,
            to_seq=clock.seq,
            time_ns=time_ns,
            data=encode_batch(clock, clock.seq - 1, digest, records),
            changes=tuple(self._changes),
            digest=digest,
            totals=self._tree.totals(SERVICE_ID),
            more=more,
            vcs=vcs,
        )
        self._masks, self._ended, self._changes, self.cost_bytes = {}, set(), [], 0
        return batch

    # --- steps ------------------------------------------------------------------------------------------------------

    def _create(self, eid: int, place: tuple[int, bytes], row: Row) -> None:
        self._tree.insert(eid, *place, row)
        self._note(eid, wire.MASK_ALL, len(place[1]))
        if self._attached(eid):
            self._tell_created(eid)

    def _update(self, eid: int, update: Update) -> None:
        before = self._tree.row(eid)
        row = update.row
        self._tree.update(eid, row)
        mask = (
            wire.MASK_MODE * (before.mode != row.mode)
            | wire.MASK_SIZE * (before.size != row.size)
            | wire.MASK_MTIME * (before.mtime_ns != row.mtime_ns)
        )
        if update.told and not mask:
            mask = wire.MASK_MTIME
        if not mask:
            return
        self._note(eid, mask)
        is_root = self._tree.parent(eid) == SERVICE_ID
        if not is_root and (not row.is_dir or mask & wire.MASK_MODE):
            self._tell("modified", eid, mask, growth=row.size - before.size)

    def _delete(self, eid: int) -> None:
        if self._attached(eid):
            self._changes.append(self._deletion(eid))
        ended = self._tree.remove(eid)
        self.dead.extend(ended)
        for gone in ended:
            self._masks.pop(gone, None)
        self._ended.add(eid)
        self.cost_bytes += RECORD_BYTES

    def _lift(self, eid: int) -> None:
        if self._attached(eid):
            self._changes.append(self._deletion(eid))
        self._tree.detach(eid)

    def _place(self, eid: int, directory: int, name: bytes, *, drop: bool) -> None:
        """Move, or drop what was lifted. What the reader can't see leave or arrive is told as it looks to them."""
        was_attached = not drop and self._attached(eid)
        will_be_attached = self._attached(directory)
        old_path = self._tree.path(eid) if was_attached else None
        deletion = self._deletion(eid) if was_attached and not will_be_attached else None
        if drop:
            self._tree.attach(eid, directory, name)
        else:
            self._tree.move(eid, directory, name)
        self._note(eid, wire.MASK_PLACE, len(name))
        if deletion is not None:
            self._changes.append(deletion)
        elif was_attached:
            self._tell("renamed", eid, wire.MASK_PLACE, old_path=old_path)
        elif will_be_attached:
            self._tell_created(eid)
            for below in self._tree.below(eid).tolist():
                self._tell_created(below)

    # --- telling ----------------------------------------------------------------------------------------------------

    def _attached(self, eid: int) -> bool:
        """Whether an entry is in the tree as told, and not below something that is lifted. O(depth)."""
        while eid != SERVICE_ID:
            eid = self._tree.parent(eid)
            if eid == NO_ID:
                return False
        return True

    def _note(self, eid: int, mask: int, name_bytes: int = 0) -> None:
        if eid not in self._masks:
            self.cost_bytes += RECORD_BYTES
        self.cost_bytes += name_bytes
        self._masks[eid] = self._masks.get(eid, 0) | mask

    def _tell_created(self, eid: int) -> None:
        self._tell("created", eid, wire.MASK_ALL, growth=self._tree.row(eid).size)

    def _tell(self, kind: str, eid: int, mask: int, *, growth: int = 0, old_path: bytes | None = None) -> None:
        row = self._tree.row(eid)
        records = Records()
        records.state(self._tree, eid, mask)
        path, delta = self._tree.path(eid), encode_delta(records)
        self._changes.append(Change(kind, path, old_path, kind_of(row.mode), row.size, delta, growth))

    def _deletion(self, eid: int) -> Change:
        row = self._tree.row(eid)
        records = Records()
        records.delete(eid)
        growth = -self._tree.totals(eid).size if row.is_dir else -row.size
        return Change("deleted", self._tree.path(eid), None, kind_of(row.mode), row.size, encode_delta(records), growth)


def cut_batches(
    ledger: Ledger,
    plan: Plan,
    groups: list[list[Step]],
    clock: Clock,
    time_ns: int,
    max_bytes: int,
    *,
    more: bool = False,
) -> Iterator[Batch]:
    """Carry out a plan; one batch for it, or several with consecutive clocks after `clock` where one grows too large.

    A group of steps is never cut, even past the bound. Nothing to tell gives no batch. `more`: the last one is a piece
    of something larger, too.
    """
    held: Batch | None = None  # until it is known whether another one follows
    for group in groups:
        if ledger.cost_bytes >= max_bytes:
            if held is not None:
                yield held
            clock = Clock(clock.epoch, clock.seq + 1)
            held = ledger.cut(clock, time_ns, more=True)
        ledger.carry_out(plan, group)
    if ledger:
        if held is not None:
            yield held
        clock = Clock(clock.epoch, clock.seq + 1)
        held = ledger.cut(clock, time_ns, more=more)
    if held is not None:
        yield replace(held, more=more)
