"""Commits: what was seen is carried out on the Tree and logged, as one step for whoever looks.

Law: no clock is shown before its batch is in the log, and who looks sees one clock's Tree whole. The engine's thread
commits, anyone looks. Wall time is passed in. A log that can't be written any more ends the epoch: what is told
from then on is told in a new one, from memory.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from smarttree.clock import Clock
from smarttree.codec import with_epoch
from smarttree.compaction import bytes_max, compact, touched_max
from smarttree.difference import Differences
from smarttree.ledger import Ledger, Limits, cut_batches
from smarttree.modes import View
from smarttree.order import Step, order
from smarttree.plan import Plan
from smarttree.selections import Selections
from smarttree.stream.activity import Activity
from smarttree.stream.batch import Batch, RootState, Switch
from smarttree.stream.horizon import Memory
from smarttree.stream.log import Log, Store
from smarttree.tree import SERVICE_ID, Tree
from smarttree.views import Views
from smarttree.watch.base import Watcher

T = TypeVar("T")

LOOKS_MAX: Final = 2  # at 550,000 entries, 15 ms each
READ_AT_ONCE: Final = 64
PAUSE_S: Final = 0.002  # between two reads: those who serve come first


class Commits:
    """The clocks of one epoch: `log` has their batches, `activity` their windows. `now_ns` is the wall clock.

    `lost` is called where the store takes no more, with the reason, before anything is told in the new epoch.
    """

    def __init__(
        self,
        tree: Tree,
        ledger: Ledger,
        log: Log,
        activity: Activity,
        epoch: int,
        limits: Limits,
        now_ns: Callable[[], int],
        *,
        compares: bool = False,
    ) -> None:
        self._tree, self._ledger, self._log, self._activity = tree, ledger, log, activity
        self._epoch, self._limits, self._now_ns = epoch, limits, now_ns
        self._lock = threading.Lock()  # guards the tree and the clock as one
        self._looked_at: Clock | None = None
        self._looks = 0  # at that clock
        self._growing = tree.growing = threading.Lock()
        self._views = Views(tree, log, self._lock, self._growing, lambda: self.clock)
        self.view, self.pinned = self._views.view, self._views.pinned
        self.selections = Selections(tree, log, self._lock, self.view, compares=compares)
        self.differences = Differences(log, self.pinned, lambda: self.clock)
        ledger.part_maker = self.selections.parts
        ledger.keep_traces()
        self.dead: deque[tuple[int, list[int]]] = deque()  # (seq, ids that ended in its batch)
        self._renewed = False
        self.lost: Callable[[OSError], None] = lambda error: None

    @property
    def clock(self) -> Clock:
        """The last committed clock."""
        return Clock(self._epoch, self._log.head)

    def keep_in(
        self, store: Store, epoch: int, dead: Iterable[tuple[int, list[int]]], memory: Memory | None = None
    ) -> None:
        """Log there from now on, in its epoch. `dead` are ids that may not be used again yet."""
        self._ledger.keep_identities()
        self._epoch = epoch
        self._log.keep_in(store, memory)
        self.dead.extend(dead)

    def recollect(self, stopped: threading.Event) -> None:
        """Count what the log has of an earlier run, too. Any thread but the engine's: a second for 50,000 batches."""
        self._activity.remember(self._logged(self._log.head, stopped), self._now_ns())

    def _logged(self, head: int, stopped: threading.Event) -> Iterator[Batch]:
        seq = self._log.oldest
        while seq < head and not stopped.wait(PAUSE_S):
            batches = self._log.after(seq, min(READ_AT_ONCE, head - seq))
            if not batches and self._log.oldest <= seq:
                return  # it can't be read, and the log has said so
            yield from batches or ()
            seq = batches[-1].to_seq if batches else self._log.oldest

    def take_identities(self) -> bytes:
        """Of what has changed without a word, between two windows."""
        return self._ledger.take_identities()

    def copy(self) -> Tree:
        """The Tree at the last committed clock, to be kept as it is."""
        with self._lock, self._growing:
            return self._tree.copy()

    def look(self, ask: Callable[[View], T], *, brief: bool = False) -> T:
        """What `ask` makes of the trees at the last committed clock; it may keep nothing of them.

        The first LOOKS_MAX at a clock are spared a view; commits wait meanwhile. Who comes then has one made, so that
        they need not wait again. `brief`: is over in microseconds, and never copied for.
        """
        with self._lock:
            clock = self.clock
            view = self._views.at_hand(clock)
            if self._looked_at != clock:
                self._looked_at, self._looks = clock, 0
            if view is None and (brief or self._looks < LOOKS_MAX):
                self._looks += not brief
                with self._growing:
                    return ask(View(clock, self._tree, self._tree.digest(SERVICE_ID)))
        return ask(view or self.view())

    def compact(self, since: Clock) -> Batch | None:
        """One batch from a clock whose batches are gone to the present; None where not enough is remembered, or where
        it would be more than half of what the tree takes. O(what was touched since), 15 µs each.
        """
        view, last = self.pinned()
        remembered = self._log.remembered(since.seq, touched_max(view.tree))
        if remembered is None or last is None or view.clock.epoch != since.epoch:
            return None
        batch = compact(view, since.seq, remembered, last)
        return batch if batch is not None and len(batch.data) <= bytes_max(view.tree) else None

    def release(self, now_s: float) -> None:
        """To be called now and then: a view that nobody asked for since the last time is not kept any longer, nor what
        of the tree nobody asks for any more.
        """
        self.selections.retire(now_s)
        self._views.release()

    def carry_out(self, plan: Plan, *, more: bool) -> None:
        """Bring the Tree to what was seen: a batch, or several, or none where nothing is told."""
        groups = order(self._tree, plan)
        with self._lock:
            batches = cut_batches(self._ledger, plan, groups, self.clock, self._now_ns(), self._limits, more=more)
            for batch in batches:
                self._keep(batch)

    def carry_out_in_pieces(
        self, plan: Plan, groups: list[list[Step]], news: RootState, *, more: bool
    ) -> Iterator[None]:
        """The same with the news in the last batch, which may be empty. Stops after each: there, views may be taken."""
        pieces, is_last = self._ledger.carry_out_all(plan, groups, self._limits), False
        while not is_last:
            with self._lock:
                is_last = not any(self._ledger.is_full(self._limits) for _ in pieces)
                self._append(more=more or not is_last, root=news if is_last else None)
            yield

    def tell(self, *, more: bool, vcs: Switch | None = None, root: RootState | None = None) -> None:
        """A batch of no changes, for what it says beside."""
        with self._lock:
            self._append(more=more, vcs=vcs, root=root)

    def tell_roots(self, news: list[RootState], *, more: bool) -> None:
        """Tell what has become of roots, and empty the list; the changes that it has led to were told with `more`."""
        while news:
            root = news.pop(0)
            self.tell(more=more or bool(news), root=root)

    def _append(self, *, more: bool, vcs: Switch | None = None, root: RootState | None = None) -> None:
        clock = Clock(self._epoch, self._log.head + 1)
        batch = self._ledger.cut(clock, self._now_ns(), more=more, vcs=vcs, root=root)
        self._keep(batch)

    def _keep(self, batch: Batch) -> None:
        try:
            self._log.append(self._in_epoch(batch))
        except OSError as error:
            self._renewed, self._epoch = True, secrets.randbits(64)
            self._log.keep_in(None)
            self.lost(error)
            self._log.append(self._in_epoch(batch))
        self._activity.add(batch)

    def _in_epoch(self, batch: Batch) -> Batch:
        """A batch may have been cut for an epoch that has ended since."""
        if not self._renewed:
            return batch
        parts = {
            criteria: part._replace(data=with_epoch(part.data, self._epoch)) if part.data else part
            for criteria, part in batch.parts.items()
        }
        return replace(batch, data=with_epoch(batch.data, self._epoch), parts=parts)

    def bury(self, watcher: Watcher) -> None:
        """Let ids that ended be used again when nothing that is retained or remembered speaks of their old bearers."""
        dead = self._ledger.take_dead()
        if dead:
            watcher.forget(dead)
            self.dead.append((self._log.head, dead))
        while self.dead and self.dead[0][0] <= self._log.horizon:
            self._tree.recycle(self.dead.popleft()[1])
