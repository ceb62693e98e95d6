"""Compaction: one batch from a clock whose batches are gone to the present, from what is remembered of the time since.

Law: applied to the tree at that clock, its records give the present one, and so do its changes, one after the other.
Pure. It is judged by that effect: values may be told that are as they were.

The tree of that clock is made again as far as it matters, which is where something was touched: what moved or ended is
put where it was, all else is where it is now. How to get from there to the present is a plan like any other, and is
ordered, carried out and written down like any other; that knows of swaps, chains and what moves out of what ends.
"""

from __future__ import annotations

from typing import Final

from smarttree._records import Records
from smarttree.codec import encode_batch
from smarttree.ledger import Ledger, Limits
from smarttree.modes import View
from smarttree.order import Act, Step, order
from smarttree.plan import Plan
from smarttree.row import Row
from smarttree.stream.batch import Batch, Changes
from smarttree.stream.horizon import Left, Remembered
from smarttree.tree import SERVICE_ID, Tree
from smarttree.wire import MASK_MODE, MASK_MTIME, MASK_SIZE

WORTH_BYTES: Final = 64 << 10  # so few are sent, whatever the tree would take
SNAPSHOT_ENTRY_BYTES: Final = 6  # of most trees, a little less than a snapshot takes
RECORD_BYTES: Final = 3  # the least that one takes
TOUCHED_MAX: Final = 50_000  # about 15 µs each
_UNCUT: Final = Limits(1 << 62, 1 << 62)
_VALUES: Final = MASK_MODE | MASK_SIZE | MASK_MTIME


def bytes_max(tree: Tree) -> int:
    """How large a compacted batch may be: half of what a snapshot takes."""
    return max(WORTH_BYTES, SNAPSHOT_ENTRY_BYTES * len(tree) // 2)


def touched_max(tree: Tree) -> int:
    """How many ids one may be about at most, so that it is worth to try."""
    return min(TOUCHED_MAX, bytes_max(tree) // RECORD_BYTES)


def compact(view: View, seq: int, remembered: Remembered, last: Batch) -> Batch | None:
    """The batch from `seq` to the view's clock. `remembered` is of at least that time; `last` led to the view's clock.
    None where a root has gone and is there anew: the trees themselves tell that better.

    O(what was touched), and of all that is below a directory that swaps its place.
    """
    then = _Then(view.tree, seq, remembered)
    if not then.take_up():
        return None
    records, changes = then.lead()
    return Batch(
        from_seq=seq,
        to_seq=view.clock.seq,
        time_ns=last.time_ns,
        data=encode_batch(view.clock, seq, view.digest, records),
        changes=changes,
        digest=view.digest,
        totals=view.tree.totals(SERVICE_ID),
        more=last.more,
    )


class _Then:
    """The tree at a clock, as far as it is known to have differed, and the plan that leads to the present one."""

    def __init__(self, now: Tree, seq: int, remembered: Remembered) -> None:
        self._now, self._touched, self._places = now, remembered.touched, remembered.places
        self._born = {eid for eid, _, born in self._touched if born > seq}
        self._tree = Tree()
        self._tree.admit(now.ids)
        self._plan = Plan()
        self._values: dict[int, int] = {}  # masks of the values to be told
        self._gone_roots: list[int] = []

    def take_up(self) -> bool:
        """Plan what became of everything that was touched; whether that can be told."""
        for eid, mask, _ in self._touched:
            if eid in self._now:
                if eid in self._born:
                    self._begin(eid)
                else:
                    self._go_on(eid, mask & _VALUES)
            elif eid in self._places and eid not in self._born:
                self._end(eid)
        gone = {self._tree.name(root) for root in self._gone_roots}
        return gone.isdisjoint(self._now.name(root) for root in self._now.roots())

    def _begin(self, eid: int) -> None:
        """After all directories that are new and lead there."""
        missing = []
        while eid in self._born and eid not in self._plan.creates:
            missing.append(eid)
            eid = self._now.parent(eid)
        self._put(eid)
        for each in reversed(missing):
            place = (self._now.parent(each), self._now.name(each))
            self._plan.creates[each] = (place, self._now.row(each))

    def _go_on(self, eid: int, values: int) -> None:
        self._put(eid)
        place = (self._now.parent(eid), self._now.name(eid))
        if place != (self._tree.parent(eid), self._tree.name(eid)):
            self._put(place[0])
            self._plan.moves[eid] = place
        if values:
            self._values[eid] = values

    def _end(self, eid: int) -> None:
        """What ended with a directory goes without saying; but what was in a root that ended is told one by one."""
        parent = self._places[eid].parent
        if parent == SERVICE_ID:
            self._put(eid)
            self._gone_roots.append(eid)
        elif parent in self._now or self._place(parent).parent == SERVICE_ID:
            self._put(eid)
            self._plan.deletes.add(eid)

    def _put(self, eid: int) -> None:
        """See that an entry, unless it is new, is where it was at the clock, with all above it."""
        missing = []
        while eid != SERVICE_ID and eid not in self._tree and eid not in self._born:
            missing.append(eid)
            eid = self._place(eid).parent
        for each in reversed(missing):
            left = self._place(each)
            row = self._now.row(each) if each in self._now else Row(left.mode, left.size, 0, 0, 0, 0)
            self._tree.insert(each, left.parent, left.name, row)

    def _place(self, eid: int) -> Left:
        """Where an entry was at the clock."""
        return self._places.get(eid) or Left(self._now.parent(eid), self._now.name(eid), 0, 0)

    def lead(self) -> tuple[Records, Changes]:
        """What leads to the present."""
        tree, plan, ledger = self._tree, self._plan, Ledger(self._tree)
        groups = order(tree, plan)
        for act, eid in (step for group in groups for step in group):
            if act is Act.LIFT and tree.is_dir(eid):
                self._fill(eid)
        for _ in ledger.carry_out_all(plan, groups, _UNCUT):
            pass
        ledger.carry_out(Plan(), [Step(Act.DELETE, root) for root in self._gone_roots])
        ledger.restate(self._values)
        return ledger.take()

    def _fill(self, directory: int) -> None:
        """What is dropped again is told with all that is in it, so that must be there: also what was not touched."""
        for top in [directory, *self._tree.below(directory).tolist()]:
            for eid in self._now.below(top).tolist() if top in self._now else ():
                if eid not in self._tree and eid not in self._born:
                    self._tree.insert(eid, self._now.parent(eid), self._now.name(eid), self._now.row(eid))
