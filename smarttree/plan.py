"""A Plan: what must happen to the Tree, by id. What reconciling comes to, and what is then ordered and carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from smarttree._routine import Routine
from smarttree.row import Row
from smarttree.tree import SERVICE_ID, Tree
from smarttree.watch.base import Place

Identity = tuple[int, int, int]


class Update(NamedTuple):
    """New values of an entry that stays. `told`: its content was written, even if no value shows it."""

    row: Row
    told: bool


@dataclass(slots=True)
class Plan:
    """The difference between the Tree and what was seen, by id. Places may name ids that the plan itself creates."""

    creates: dict[int, tuple[Place, Row]] = field(default_factory=dict)  # parents before their children
    moves: dict[int, Place] = field(default_factory=dict)
    updates: dict[int, Update] = field(default_factory=dict)
    deletes: set[int] = field(default_factory=set)
    routine: Routine = field(default_factory=Routine)  # last of all, and in any order
    same: dict[int, bool] | None = None  # of what gets new values: whether that is its old content; None: none compares

    def __bool__(self) -> bool:
        return bool(self.creates or self.moves or self.updates or self.deletes or self.routine)


def prune(plan: Plan, tree: Tree, place_of: Callable[[int], Place]) -> None:
    """Drop what would happen below something that ends. Looks at different times can disagree: this decides."""

    def reaches(eid: int) -> bool:
        """Whether an entry reaches the service when all is done. O(depth)."""
        steps = 0
        while eid != SERVICE_ID:
            steps += 1
            if eid in plan.deletes or steps > 2048:
                return False
            eid = place_of(eid)[0]
        return True

    while ended := [eid for eid in plan.moves if not reaches(eid)]:
        for eid in ended:
            del plan.moves[eid]
            plan.deletes.add(eid)
    alive: dict[int, bool] = {SERVICE_ID: True}

    def lives(eid: int) -> bool:
        if eid not in alive:
            alive[eid] = reaches(eid)
        return alive[eid]

    tree.recycle([eid for eid, it in plan.creates.items() if not lives(it[0][0])])
    tree.recycle(plan.routine.keep(lives))
    plan.creates = {eid: it for eid, it in plan.creates.items() if lives(it[0][0])}
    plan.updates = {eid: it for eid, it in plan.updates.items() if lives(eid)}
    plan.deletes = {eid for eid in plan.deletes if lives(tree.parent(eid))}
