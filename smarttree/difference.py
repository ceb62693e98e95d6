"""Differences: what has changed since a clock, for who asks now and then.

Law: its changes, one after the other, lead from that clock to its own. One that can't be told is None, and never less
than all. Told is what few words are enough for: values that came and went are not.

    a few batches in which nothing moved or ended      the last of each path; no tree is looked at
    what the horizon reaches                           one compacted batch
    what it does not, or too much of it                the batches themselves, one after the other
    a part of the tree, as far as the horizon reaches  what leads from what was seen of it to what is
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from smarttree.clock import Clock
from smarttree.compaction import TOUCHED_MAX, compact
from smarttree.modes import View
from smarttree.rewind import rewind
from smarttree.selection import Selection, Touched
from smarttree.stream.batch import Batch, Change, Criteria
from smarttree.stream.horizon import Remembered
from smarttree.stream.log import Log
from smarttree.wire import MASK_ALL, MASK_PLACE

FEW_BYTES: Final = 1 << 20  # of batches that are folded
MANY_BYTES: Final = 64 << 20  # of batches that are told one after the other
REMEMBERED_MAX: Final = 400_000  # ids; more than the horizon can hold


class Difference(NamedTuple):
    """`told`: changes, with the time at which they were committed. `data`: the BATCH that says the same, if one does;
    b"" where nothing has changed. `more`: it ends within something larger, of which the rest is to come.
    """

    since: Clock
    clock: Clock
    told: Sequence[tuple[int, Iterable[Change]]]
    data: bytes | None
    more: bool


class Differences:
    """Of one log, and the tree it leads to. `pinned` gives the view and the batch that led to it. For any thread."""

    def __init__(self, log: Log, pinned: Callable[[], tuple[View, Batch | None]], clock: Callable[[], Clock]) -> None:
        self._log, self._pinned, self._clock = log, pinned, clock

    def since(self, since: Clock, criteria: Criteria | None = None, *, binary: bool = False) -> Difference | None:
        """What has changed since a clock, of what is asked for. `binary`: its `data` is wanted, whatever it costs.

        None: the clock is of another epoch, was never issued, or is from too long ago. O(what has changed); for a part
        of the tree, and where something moved or ended, O(entries) too.
        """
        clock = self._clock()
        if since.epoch != clock.epoch:
            return None
        if since == clock:
            newest = self._log.after(since.seq - 1, 1)
            return Difference(since, clock, (), b"", newest[0].more if newest else False)
        if criteria is None and (few := self._fold(since, binary=binary)) is not None:
            return few
        view, last = self._pinned()
        if since.epoch != view.clock.epoch or since.seq >= view.clock.seq or last is None:
            return None
        if criteria is None:
            return self._whole(since, view, last, binary=binary)
        remembered = self._log.remembered(since.seq, REMEMBERED_MAX)
        return None if remembered is None else _in_part(since, view, last, remembered, criteria)

    def _fold(self, since: Clock, *, binary: bool) -> Difference | None:
        """The last word on each path, where only such words were said."""
        cost = self._log.cost_after(since.seq)
        batches = self._log.after(since.seq) if cost is not None and cost <= FEW_BYTES else None
        if not batches:
            return None
        clock, more = Clock(since.epoch, batches[-1].to_seq), batches[-1].more
        if len(batches) == 1:
            only = batches[0]
            return Difference(since, clock, [(only.time_ns, only.changes)], only.data, more)
        paths: dict[bytes, tuple[int, Change]] = {}
        for batch in batches:
            if binary or batch.root is not None:
                return None
            for change in batch.changes:
                if change.type not in ("created", "modified"):
                    return None
                known = paths.get(change.path)
                paths[change.path] = (batch.time_ns, change if known is None else _later(known[1], change))
        return Difference(since, clock, [(time_ns, (change,)) for time_ns, change in paths.values()], None, more)

    def _whole(self, since: Clock, view: View, last: Batch, *, binary: bool) -> Difference | None:
        remembered = self._log.remembered(since.seq, TOUCHED_MAX)
        batches = None
        if remembered is None and not binary:
            batches = self._kept(since, view)
        if remembered is None and batches is None:
            remembered = self._log.remembered(since.seq, REMEMBERED_MAX)
        if remembered is not None and (one := compact(view, since.seq, remembered, last)) is not None:
            return Difference(since, view.clock, [(last.time_ns, one.changes)], one.data, last.more)
        if batches is None and not binary:
            batches = self._kept(since, view)
        if batches is None:
            return None
        return Difference(since, view.clock, [(batch.time_ns, batch.changes) for batch in batches], None, last.more)

    def _kept(self, since: Clock, view: View) -> list[Batch] | None:
        """The batches from one clock to the other, where the log has them and they are not too many."""
        cost = self._log.cost_after(since.seq)
        if cost is None or cost > MANY_BYTES:
            return None
        batches = self._log.after(since.seq)
        return None if batches is None else [batch for batch in batches if batch.to_seq <= view.clock.seq]

    def unchanged(self, since: Clock) -> set[bytes]:
        """The files that were written since, if with the content they had: as far as that is known. For who leaves
        those out; none where something was renamed, as paths then mean two things.
        """
        cost = self._log.cost_after(since.seq)
        batches = self._log.after(since.seq) if cost is not None and cost <= MANY_BYTES else None
        same: dict[bytes, bool] = {}
        for batch in batches or ():
            for change in batch.changes:
                if change.type == "renamed":
                    return set()
                same[change.path] = same.get(change.path, True) and change.content == "same"
        return {path for path, known in same.items() if known}


def _later(before: Change, change: Change) -> Change:
    """What both come to, of one path. No delta says it."""
    content = before.content
    if content != change.content:
        content = "changed" if content and change.content else None
    both = change._replace(delta=b"", growth=before.growth + change.growth, content=content)
    return both._replace(type="created", content=None) if before.type == "created" else both


def _in_part(since: Clock, view: View, last: Batch, remembered: Remembered, criteria: Criteria) -> Difference:
    """What leads from what was seen to what is."""
    selection = Selection(criteria, rewind(view.tree, since.seq, remembered), since.seq)
    part = selection.follow(view.tree, _touched(view, since, remembered), view.clock, more=last.more)
    data = part.data if len(part.changes) or part.is_told else b""
    return Difference(since, view.clock, [(last.time_ns, part.changes)], data, last.more)


def _touched(view: View, since: Clock, remembered: Remembered) -> Touched:
    touched = Touched()
    for eid, mask, born in remembered.touched:
        if eid in view.tree:
            touched.written[eid] = MASK_ALL if born > since.seq else mask & MASK_ALL
    for eid in remembered.places:
        if eid not in view.tree:
            touched.ended.add(eid)
        elif eid in touched.written:
            touched.written[eid] |= MASK_PLACE
    return touched
