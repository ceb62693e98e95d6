"""Selections: what someone asks for of the tree, kept as long as somebody does, and a part of each batch for each.

Law: from the clock that `use` gives on, every batch has the part. Bounded: there are at most SELECTIONS_MAX at a time,
and who comes when all are in use sees everything. The engine's thread makes the parts; anyone else may use the rest,
but for the event loop: all of it but `leave` may wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from smarttree._records import Records
from smarttree.clock import Clock
from smarttree.codec import decode_batch
from smarttree.modes import View
from smarttree.selection import Selection, Touched
from smarttree.stream.batch import Changes, Criteria, Part
from smarttree.stream.log import Log
from smarttree.tree import NO_ID, Totals, Tree

SELECTIONS_MAX: Final = 64
KEPT_S: Final = 60.0  # after the last user has left: mostly they come back


@dataclass(slots=True)
class _Kept:
    selection: Selection
    since: int  # the clock from which there are parts
    users: int = 0
    left_s: float = 0.0  # when the last user left


class Selections:
    """The selections of one Tree. `lock` guards that, its log, and what is here; `view` is a copy of it at a clock."""

    def __init__(
        self,
        tree: Tree,
        log: Log,
        lock: threading.Lock,
        view: Callable[[], View],
        *,
        compares: bool,
    ) -> None:
        """`compares`: changes may say that a content is as it was."""
        self._tree, self._log, self._lock, self._view = tree, log, lock, view
        self._compares = compares
        self._kept: dict[Criteria, _Kept] = {}
        self._making = threading.Lock()  # one is made at a time, without `lock`
        self._counting = threading.Lock()  # guards the counts of users, held for no more than that

    def use(self, criteria: Criteria) -> int | None:
        """See that there are parts for these criteria until `leave`: the clock from which there are. None where there
        are too many others. O(tree) where they are new.
        """
        with self._making:
            with self._lock, self._counting:
                kept = self._kept.get(criteria)
                if kept is None and not self._make_room():
                    return None
                if kept is not None:
                    kept.users += 1
                    return kept.since
            while kept is None:
                kept = self._begin(criteria)
            return kept.since

    def share(self, criteria: Criteria) -> None:
        """One more user of what is in use. This waits for nobody."""
        with self._counting:
            self._kept[criteria].users += 1

    def leave(self, criteria: Criteria, now_s: float) -> None:
        """One user fewer. This waits for nobody."""
        with self._counting:
            kept = self._kept[criteria]
            kept.users -= 1
            kept.left_s = now_s

    def view(self, criteria: Criteria, epoch: int) -> View:
        """What is seen now, by someone who uses it. Its digest is 0 where nobody can know it. O(what is seen)."""
        with self._lock:
            selection = self._kept[criteria].selection
            return View(Clock(epoch, self._log.head), selection.tree.copy(), selection.digest or 0)

    def totals(self, criteria: Criteria) -> list[tuple[bytes, Totals]]:
        """The paths of the roots that are seen, and what is seen below each."""
        with self._lock:
            tree = self._kept[criteria].selection.tree
            return [(tree.name(root), tree.totals(root)) for root in tree.roots()]

    def retire(self, now_s: float) -> None:
        """Forget those that nobody has used for a while."""
        with self._lock, self._counting:
            for criteria, kept in list(self._kept.items()):
                if not kept.users and now_s - kept.left_s > KEPT_S:
                    self._forget(criteria)

    def _make_room(self) -> bool:
        """Whether there may be one more; the one that is unused for longest may have to go."""
        if len(self._kept) >= SELECTIONS_MAX:
            unused = [criteria for criteria, kept in self._kept.items() if not kept.users]
            if not unused:
                return False
            self._forget(min(unused, key=lambda criteria: self._kept[criteria].left_s))
        return True

    def _forget(self, criteria: Criteria) -> None:
        del self._kept[criteria]

    def _begin(self, criteria: Criteria) -> _Kept | None:
        """Select from a copy, then take in what has happened meanwhile; None where the log does not tell that."""
        view = self._view()
        selection = Selection(criteria, view.tree)
        with self._lock:
            batches = self._log.after(view.clock.seq)
            if batches is None:
                return None
            touched = Touched()
            for batch in batches:
                touched.add(decode_batch(batch.data).records)
            selection.take_in(self._tree, touched, self._log.head)
            kept = self._kept[criteria] = _Kept(selection, self._log.head, users=1)
            return kept

    # --- the engine's thread ------------------------------------------------------------------------------------------

    def parts(
        self, clock: Clock, records: Records, changes: Changes, *, more: bool, is_news: bool
    ) -> Mapping[Criteria, Part]:
        """The parts of the batch that has led the Tree to `clock`. The lock is held."""
        if not self._kept:
            return {}
        touched = Touched()
        touched.add(records)
        touched.same = self._same(changes) if self._compares else None
        return {
            criteria: kept.selection.follow(self._tree, touched, clock, more=more, is_news=is_news)
            for criteria, kept in self._kept.items()
        }

    def _same(self, changes: Changes) -> dict[int, bool]:
        """Of which files it is known whether they have the content they had, by id."""
        known = {self._tree.resolve(c.path): c.content == "same" for c in changes if c.content is not None}
        known.pop(NO_ID, None)
        return known
