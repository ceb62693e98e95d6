"""A draft: what has to happen to one Tree so that it shows of another what is marked, and the directories above that.

Law: a directory that is not marked itself is there as long as something below it is. Pure.

First everything marked is seen into its place, with the directories that lead there; then, from what has left and what
lost its mark, directories in which nothing is left are dropped, upwards, until none is.
"""

from __future__ import annotations

from smarttree.plan import Plan, Update
from smarttree.row import Row
from smarttree.tree import SERVICE_ID, Tree


class Draft:
    """`shown` is the tree to change, `whole` the other, of the same ids. `tops`: directories of the whole that are
    roots of the shown, and as which. `marked`: by id.
    """

    def __init__(self, shown: Tree, whole: Tree, tops: dict[int, int], marked: bytearray) -> None:
        self._shown, self._whole, self._tops, self._marked = shown, whole, tops, marked
        self._plan = Plan()
        self._roots = {*shown.roots(), *tops.values()}
        self._counts: dict[int, int] = {}  # how many more children a directory will have than it has
        self._doubtful: list[int] = []

    def root(self, root: int, name: bytes, row: Row | None, *, otherwise: Row) -> None:
        """A root has these values: None, those it had, and `otherwise` where it is new."""
        self._roots.add(root)
        if root not in self._shown:
            self._plan.creates[root] = ((SERVICE_ID, name), row or otherwise)
        elif row is not None and self._shown.row(root)[:3] != row[:3]:
            self._plan.updates[root] = Update(row, False)

    def see(self, eid: int) -> None:
        """An entry of the whole has its mark, or has lost it, or is at another place."""
        if eid in self._roots:
            return
        if not self._is_shown(eid):
            if self._marked[eid]:
                self._lead_to(eid)
            return
        parent = self._whole.parent(eid)
        place = (self._tops.get(parent, parent), self._whole.name(eid))
        if eid in self._shown and place != (self._shown.parent(eid), self._shown.name(eid)) and self._is_in_sight(eid):
            self._lead_to(parent)
            self._plan.moves[eid] = place
            self._count(self._shown.parent(eid), -1)
            self._count(place[0], +1)
        self._doubt(eid)

    def end(self, eid: int) -> None:
        """An entry has ended in the whole, with all below it that has not moved."""
        if eid not in self._roots and self._is_shown(eid):
            self._drop(eid)

    def update(self, eid: int, *, is_told: bool) -> None:
        """An entry of the whole may have other values, or was written."""
        if eid in self._shown and eid in self._whole and eid not in self._roots:
            before, row = self._shown.row(eid), self._whole.row(eid)
            differs = before[:3] != row[:3]
            if differs or (is_told and not row.is_dir):
                self._plan.updates[eid] = Update(row, not differs)

    def finish(self) -> Plan:
        while self._doubtful:
            eid = self._doubtful.pop()
            if self._is_shown(eid) and eid not in self._roots and not self._is_kept(eid):
                self._drop(eid)
        plan = self._plan
        plan.deletes = {eid for eid in plan.deletes if not self._goes_with_another(eid)}
        for eid in list(plan.updates):
            if self._is_lost(eid):
                del plan.updates[eid]
        return plan

    # --- what is shown, as far as is known ----------------------------------------------------------------------------

    def _is_shown(self, eid: int) -> bool:
        return eid in self._plan.creates or (eid in self._shown and eid not in self._plan.deletes)

    def _is_kept(self, eid: int) -> bool:
        if self._marked[eid]:
            return True
        own = self._shown.child_count(eid) if eid in self._shown else 0
        return own + self._counts.get(eid, 0) > 0

    def _is_in_sight(self, eid: int) -> bool:
        """Whether an entry is below one of the tops."""
        while eid != SERVICE_ID:
            eid = self._whole.parent(eid)
            if eid in self._tops:
                return True
        return False

    def _lead_to(self, eid: int) -> None:
        """Show an entry, and what is above it."""
        missing = []
        while eid not in self._tops and not self._is_shown(eid):
            missing.append(eid)
            eid = self._whole.parent(eid)
        for below in reversed(missing):
            parent = self._whole.parent(below)
            place = (self._tops.get(parent, parent), self._whole.name(below))
            self._plan.creates[below] = (place, self._whole.row(below))
            self._count(place[0], +1)
            self._doubt(below)

    def _drop(self, eid: int) -> None:
        if eid in self._plan.creates:
            parent = self._plan.creates.pop(eid)[0][0]
        else:
            self._plan.deletes.add(eid)
            parent = self._plan.moves.pop(eid)[0] if eid in self._plan.moves else self._shown.parent(eid)
        self._count(parent, -1)

    def _count(self, directory: int, by: int) -> None:
        self._counts[directory] = self._counts.get(directory, 0) + by
        if by < 0:
            self._doubt(directory)

    def _doubt(self, eid: int) -> None:
        if not self._marked[eid]:
            self._doubtful.append(eid)

    def _goes_with_another(self, eid: int) -> bool:
        """Whether something above an entry is deleted, and takes it along."""
        while (eid := self._shown.parent(eid)) != SERVICE_ID and eid not in self._plan.moves:
            if eid in self._plan.deletes:
                return True
        return False

    def _is_lost(self, eid: int) -> bool:
        """Whether an entry ends, by itself or with what it is in."""
        if eid in self._plan.moves or eid in self._roots:
            return False
        return eid in self._plan.deletes or self._goes_with_another(eid)
