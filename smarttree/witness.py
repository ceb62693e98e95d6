"""Witness: one who hears, in process, of each step that is carried out on the Tree, when it is.

Batches tell less: they leave out what no reader of a tree needs (a ctime, what was below a directory that went).
"""

from __future__ import annotations

from typing import Protocol

from smarttree.ledger import Ledger
from smarttree.order import Act, Step
from smarttree.plan import Plan, Update
from smarttree.tree import NO_ID, SERVICE_ID, Row, Tree
from smarttree.watch.base import Hints, Place


class Witness(Protocol):
    """Hears of each step in the engine's thread, with the Tree as it is at that moment: what is below a directory that
    goes or moves is still to be seen there, and need not be told by anyone. It must not block.
    """

    def hear(self, hints: Hints) -> None:
        """These hints are about to be followed."""

    def created(self, tree: Tree, eid: int) -> None:
        """An entry is there now. What came with it is told by itself, after it."""

    def deleted(self, tree: Tree, eid: int) -> None:
        """An entry is about to go, with all below it."""

    def renamed(self, tree: Tree, eid: int, place: Place, path: bytes) -> None:
        """An entry has moved, with all below it; `place` and `path` are where it was."""

    def updated(self, tree: Tree, eid: int, before: Row, update: Update) -> None:
        """An entry has other values now; those may differ that no batch tells."""

    def settle(self, tree: Tree, missing: bool, waiting: Hints) -> None:
        """All hints were followed, but those that are `waiting`. `missing`: a root can't be opened."""


class WitnessedLedger(Ledger):
    """A ledger that lets a witness hear of each step. Its plans must have no routine: that is not told one by one.

    Told are only entries that hang from the service, as in batches: what is lifted out is gone until it is dropped.
    """

    def __init__(self, tree: Tree, witness: Witness) -> None:
        super().__init__(tree)
        self._witness = witness

    def carry_out(self, plan: Plan, steps: list[Step]) -> None:
        for step in steps:
            act, eid = step
            if act is Act.UPDATE:
                before = self._tree.row(eid)
                super().carry_out(plan, [step])
                self._witness.updated(self._tree, eid, before, plan.updates[eid])
            elif act is Act.CREATE:
                super().carry_out(plan, [step])
                if self._is_attached(eid):
                    self._witness.created(self._tree, eid)
            elif act in (Act.DELETE, Act.LIFT):
                if self._is_attached(eid):
                    self._witness.deleted(self._tree, eid)
                super().carry_out(plan, [step])
            else:
                self._move(plan, step)

    def _move(self, plan: Plan, step: Step) -> None:
        act, eid = step
        was_attached = act is not Act.DROP and self._is_attached(eid)
        will_be_attached = self._is_attached(plan.moves[eid][0])
        if was_attached and not will_be_attached:
            self._witness.deleted(self._tree, eid)
        place = (self._tree.parent(eid), self._tree.name(eid))
        path = self._tree.path(eid) if was_attached else b""
        super().carry_out(plan, [step])
        if was_attached and will_be_attached:
            self._witness.renamed(self._tree, eid, place, path)
        elif will_be_attached:
            for arrived in (eid, *self._tree.below(eid).tolist()):
                self._witness.created(self._tree, arrived)

    def _is_attached(self, eid: int) -> bool:
        """O(depth)."""
        while eid != SERVICE_ID:
            eid = self._tree.parent(eid)
            if eid == NO_ID:
                return False
        return True
