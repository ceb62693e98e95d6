"""Order: a Plan as steps, each of which leaves a valid tree: the order in which changes are carried out and told.

Pure. A name is vacated before it is taken, a directory exists before something is put in it, what moves out of a
directory leaves before the directory goes, and what holds a place in the way of a move moves first. Where that goes
round in a circle (a swap), one entry is *lifted*: taken out of the tree, and *dropped* at its new place when that is
free. Steps between a lift and its drop belong together, and a batch is not cut there.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum
from typing import NamedTuple

from smarttree.plan import Plan
from smarttree.tree import NO_ID, SERVICE_ID, Tree


class Act(Enum):
    """What a step does with its entry."""

    DELETE = "delete"
    CREATE = "create"
    MOVE = "move"
    LIFT = "lift"
    DROP = "drop"
    UPDATE = "update"


class Step(NamedTuple):
    act: Act
    eid: int


Attempt = Generator[int, bool | None, bool]
"""Yields the entries it needs first, is sent whether that worked, and returns whether it worked itself."""


def order(tree: Tree, plan: Plan) -> list[list[Step]]:
    """Groups of steps; after each group the tree is whole. O(changes x depth)."""
    return _Ordering(tree, plan).groups()


class _Ordering:
    def __init__(self, tree: Tree, plan: Plan) -> None:
        self._tree, self._plan = tree, plan
        self._done: set[int] = set()
        self._begun: set[int] = set()
        self._lifted: set[int] = set()
        self._group: list[Step] = []
        self._leaving = self._find_leaving()

    def groups(self) -> list[list[Step]]:
        found: list[list[Step]] = []
        for eid in [*self._plan.deletes, *self._plan.moves, *self._plan.creates]:
            self._visit(eid)
            if not self._lifted and self._group:
                found.append(self._group)
                self._group = []
        for eid in list(self._lifted):  # lifted while its own turn, above, was already over
            self._visit(eid)
        if self._group:
            found.append(self._group)
        found.extend([Step(Act.UPDATE, eid)] for eid in self._plan.updates)
        return found

    def _find_leaving(self) -> dict[int, list[int]]:
        """For each deleted entry: what moves out from below it."""
        leaving: dict[int, list[int]] = {}
        if self._plan.deletes:
            for eid in self._plan.moves:
                for above in self._tree.ancestors(eid):  # as they are before the plan
                    if above in self._plan.deletes:
                        leaving.setdefault(above, []).append(eid)
        return leaving

    def _visit(self, eid: int) -> bool:
        """Carry out what the plan has for an entry, after all it needs; False where that waits for itself.

        Entries need each other to any depth (a thousand rotated logs are a chain of a thousand), so the stack is ours.
        """
        stack = [self._attempt(eid)]
        answer: bool | None = None
        while stack:
            try:
                needed = stack[-1].send(answer)
            except StopIteration as end:
                stack.pop()
                answer = end.value
            else:
                stack.append(self._attempt(needed))
                answer = None
        return answer is True

    def _attempt(self, eid: int) -> Attempt:
        if eid in self._done:
            return True
        if eid in self._begun:
            return False
        self._begun.add(eid)
        ready = yield from self._prepare(eid)
        self._begun.discard(eid)
        if ready:
            self._emit(eid)
        return ready

    def _prepare(self, eid: int) -> Attempt:
        plan = self._plan
        if eid in plan.deletes:
            for leaving in self._leaving.get(eid, ()):
                yield from self._clear(leaving)
            return True
        directory, name = plan.moves[eid] if eid in plan.moves else plan.creates[eid][0]
        if directory in plan.creates and not (yield directory):
            return False
        if eid in plan.moves:
            while (between := self._between(directory, eid)) is not None:
                yield from self._clear(between)
        if directory in plan.creates:  # it is new, so nothing else holds a name in it
            return True
        return (yield from self._vacate(directory, name, eid))

    def _between(self, directory: int, eid: int) -> int | None:
        """Where `directory` is below `eid` as things stand: what has yet to move out from between. The plan makes no
        circle, so there is something.
        """
        yet_to_move = None
        while directory != SERVICE_ID and directory not in self._lifted:
            if directory == eid:
                return yet_to_move
            if directory in self._plan.creates:
                directory = self._plan.creates[directory][0][0]
            elif directory in self._plan.moves and directory in self._done:
                directory = self._plan.moves[directory][0]
            else:
                if directory in self._plan.moves:
                    yet_to_move = directory
                directory = self._tree.parent(directory)
        return None

    def _vacate(self, directory: int, name: bytes, eid: int) -> Attempt:
        """See that no one but `eid` holds a name."""
        holder = self._tree.child(directory, name)
        if holder in (NO_ID, eid):
            return True
        if holder in self._plan.moves:
            yield from self._clear(holder)
            return True
        return (yield holder) is True

    def _clear(self, eid: int) -> Generator[int, bool | None, None]:
        """Get a moving entry out of its old place: to its new one if that is possible now, else out of the tree."""
        if eid not in self._lifted and not (yield eid):
            self._group.append(Step(Act.LIFT, eid))
            self._lifted.add(eid)

    def _emit(self, eid: int) -> None:
        self._done.add(eid)
        if eid in self._plan.deletes:
            self._group.append(Step(Act.DELETE, eid))
        elif eid in self._plan.creates:
            self._group.append(Step(Act.CREATE, eid))
        elif eid in self._lifted:
            self._lifted.discard(eid)
            self._group.append(Step(Act.DROP, eid))
        else:
            self._group.append(Step(Act.MOVE, eid))
