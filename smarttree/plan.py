"""A Plan: what must happen to the Tree, by id. What reconciling comes to, and what is then ordered and carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from smarttree._routine import Routine
from smarttree.row import Row
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
