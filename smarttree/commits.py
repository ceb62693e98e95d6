"""Commits: what was seen is carried out on the Tree and logged, as one step for whoever takes a view.

Law: no clock is shown before its batch is in the log, and a view is one clock's Tree whole. The engine's thread
commits, anyone takes views. Wall time is passed in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from smarttree.clock import Clock
from smarttree.ledger import Ledger, Limits, cut_batches
from smarttree.modes import View
from smarttree.order import Step, order
from smarttree.plan import Plan
from smarttree.selections import Selections
from smarttree.stream.activity import Activity
from smarttree.stream.batch import RootState, Switch
from smarttree.stream.log import Log
from smarttree.tree import SERVICE_ID, Tree
from smarttree.watch.base import Watcher


class Commits:
    """The clocks of one epoch: `log` has their batches, `activity` their windows. `now_ns` is the wall clock."""

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
        self._view: View | None = None
        self._view_wanted = False  # since `release`
        self.selections = Selections(tree, log, activity, self._lock, self.view, compares=compares)
        ledger.part_maker = self.selections.parts
        self._dead: deque[tuple[int, list[int]]] = deque()  # (seq, ids that ended in its batch)

    @property
    def clock(self) -> Clock:
        """The last committed clock."""
        return Clock(self._epoch, self._log.head)

    def view(self) -> View:
        """The trees at the last committed clock. Cached for each clock; else a copy: about 10 ms a million entries."""
        with self._lock:
            clock, self._view_wanted = self.clock, True
            if self._view is None or self._view.clock != clock:
                self._view = View(clock, self._tree.copy(), self._tree.digest(SERVICE_ID))
            return self._view

    def release(self, now_s: float) -> None:
        """To be called now and then: a view that nobody asked for since the last time is not kept any longer, nor what
        of the tree nobody asks for any more.
        """
        self.selections.retire(now_s)
        with self._lock:
            if not self._view_wanted:
                self._view = None
            self._view_wanted = False

    def carry_out(self, plan: Plan, *, more: bool) -> None:
        """Bring the Tree to what was seen: a batch, or several, or none where nothing is told."""
        groups = order(self._tree, plan)
        with self._lock:
            batches = cut_batches(self._ledger, plan, groups, self.clock, self._now_ns(), self._limits, more=more)
            for batch in batches:
                self._log.append(batch)
                self._activity.add(batch)

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
        self._log.append(batch)
        self._activity.add(batch)

    def bury(self, watcher: Watcher) -> None:
        """Let ids that ended be used again when no retained batch speaks of their old bearers."""
        dead = self._ledger.take_dead()
        if dead:
            watcher.forget(dead)
            self._dead.append((self._log.head, dead))
        while self._dead and self._dead[0][0] <= self._log.oldest:
            self._tree.recycle(self._dead.popleft()[1])
