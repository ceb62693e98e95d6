"""A selection: a Tree of its own with what someone asks for and the directories that lead there, true to the whole.

Law: after each batch it holds what matches the criteria, the ancestors of that, and the roots, and nothing else; what a
batch changed of it is a batch like any other, under the same ids and clock. What moves into it is created there, with
all below; what moves out is deleted.

Pure. It is told which entries a batch is about and looks at the whole Tree as that is after it, so several batches at
once are as good as one. Of a `path` below a root the one root here is what lies at that path, under the id of the root
it is below; where there is no directory, it is empty.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from smarttree._records import Records
from smarttree._select import select, show
from smarttree.clock import Clock
from smarttree.codec import encode_batch
from smarttree.draft import Draft
from smarttree.ignore import Rules, command_rules
from smarttree.ledger import Ledger, Limits
from smarttree.order import Act, Step, order
from smarttree.plan import Plan
from smarttree.row import Row, kind_of
from smarttree.stream.batch import Criteria, Part
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from smarttree.wire import MASK_DELETED, MASK_MODE, MASK_MTIME, MASK_PLACE, MASK_SIZE

_TYPES: Final = {"dir": 1 << 4, "file": 1 << 8, "symlink": 1 << 10, "other": 1 << 1 | 1 << 2 | 1 << 6 | 1 << 12}
_EMPTY: Final = Row(0o40000, 0, 0, 0, 0, 0)  # of the directory at a path where there has been none so far
_UNCUT: Final = Limits(1 << 62, 1 << 62)  # what the whole's batch is, is one here


class Touched:
    """What one batch, or several in a row, are about, by id. `same`: of which files it is known whether they have the
    content they had before; None: of none.
    """

    def __init__(self) -> None:
        self.ended: set[int] = set()
        self.written: dict[int, int] = {}  # masks of the records
        self.same: dict[int, bool] | None = None

    def add(self, records: Records) -> None:
        """The records of the next batch. O(records)."""
        for record in records:
            if record.mask == MASK_DELETED:
                self.ended.add(record.id)
            else:
                self.written[record.id] = self.written.get(record.id, 0) | record.mask


class _Inside(NamedTuple):
    """What holds in a directory. `only` is None where everything in it is asked for."""

    only: Rules | None
    without: Rules


class Selection:
    """What `criteria` ask for of a Tree. `tree` has it, its ids are those of the whole."""

    def __init__(self, criteria: Criteria, whole: Tree, seq: int = 0) -> None:
        """Of the whole at the clock `seq`, if someone knows it. O(entries), about 0.1 µs each, and 0.5 µs for each that
        is asked for.
        """
        self.criteria, self.tree = criteria, Tree()
        self._ledger = Ledger(self.tree)
        self._kinds = sum(_TYPES[kind] for kind in criteria.kinds)
        only = command_rules(criteria.include) if criteria.include else None
        self._base = _Inside(only, command_rules(criteria.exclude))
        self._matched = bytearray(whole.ids)  # by id: whether it is asked for itself, not only what is below it
        self._tops: dict[int, int] = {}  # directories of the whole, and the root that each is here
        self._told_seq = seq  # the clock that the last part led to that was told
        self._owes = False  # was told a piece, and not yet the last one
        self._fill(whole)

    def _fill(self, whole: Tree) -> None:
        looking = _Looking(whole, self._find_tops(whole), self._base, self._kinds)
        self.tree.admit(whole.ids)
        for root, (name, row) in self._wanted_roots(looking).items():
            self.tree.insert(root, SERVICE_ID, name, row or _EMPTY)
        for top, root in looking.tops.items():
            show(self.tree, whole, looking.all_below(top), top, root, self._matched)
        self._tops = looking.tops

    def take_in(self, whole: Tree, touched: Touched, seq: int) -> None:
        """As `follow`, of what nobody is told: who comes, at that clock or later, is shown the tree."""
        self._told_seq = seq
        self._advance(whole, touched)
        self._ledger.take()

    @property
    def digest(self) -> int | None:
        """As of a service that has but this; None where a path is not seen whole."""
        return self.tree.digest(SERVICE_ID) if self.criteria.is_whole else None

    # --- one batch ----------------------------------------------------------------------------------------------------

    def follow(self, whole: Tree, touched: Touched, clock: Clock, *, more: bool = False, is_news: bool = False) -> Part:
        """What has changed here since the last part that was told, after the batch that led the whole to `clock`.
        `is_news`: that tells something else, too.

        O(what is touched), and of all that is below a directory that has moved.
        """
        self._advance(whole, touched)
        found, changes = self._ledger.take()
        is_told = len(found) > 0 or is_news or (self._owes and not more)
        data = encode_batch(clock, self._told_seq, self.digest, found)
        if is_told:
            self._owes, self._told_seq = more, clock.seq
        return Part(data, changes, self.digest, self.tree.totals(SERVICE_ID), is_told)

    def _advance(self, whole: Tree, touched: Touched) -> None:
        """Bring `tree` to what is to be seen of the whole as it is now."""
        looking = _Looking(whole, self._find_tops(whole), self._base, self._kinds)
        self.tree.admit(whole.ids)
        self._matched.extend(bytes(max(0, whole.ids - len(self._matched))))
        draft = Draft(self.tree, whole, looking.tops, self._matched)
        gone_roots = self._see_roots(draft, looking)
        for eid, matches in self._judge(looking, touched.written).items():
            if eid in whole:
                self._matched[eid] = matches
                draft.see(eid)
            else:
                draft.end(eid)
        for eid in touched.ended:
            draft.end(eid)
        for eid, mask in touched.written.items():
            draft.update(eid, is_told=bool(mask & (MASK_SIZE | MASK_MTIME)))
        self._carry_out(draft.finish(), gone_roots, touched.same)
        self._tops = looking.tops

    def _find_tops(self, whole: Tree) -> dict[int, int]:
        path = self.criteria.path
        if path is None:
            return {root: root for root in whole.roots()}
        top = whole.resolve(path)
        return {top: whole.root_of(top)} if top != NO_ID and whole.is_dir(top) else {}

    def _see_roots(self, draft: Draft, looking: _Looking) -> list[int]:
        """Plan what becomes of the roots; those that end, once all in them has."""
        wanted = self._wanted_roots(looking)
        for root, (name, row) in wanted.items():
            draft.root(root, name, row, otherwise=_EMPTY)
        return [root for root in self.tree.roots() if root not in wanted]

    def _wanted_roots(self, looking: _Looking) -> dict[int, tuple[bytes, Row | None]]:
        """The roots there are to be here: by what name, and their values, where there are any."""
        path, whole = self.criteria.path, looking.whole
        wanted: dict[int, tuple[bytes, Row | None]] = {}
        for top, root in looking.tops.items():
            wanted[root] = (path or whole.name(top), whole.row(top))
        if path is not None and not wanted:
            wanted = {root: (path, None) for root in whole.roots() if _is_within(path, whole.name(root))}
        return wanted

    def _judge(self, looking: _Looking, written: Mapping[int, int]) -> dict[int, bool]:
        """By id: whether it is asked for, of all for which that may be another answer than before."""
        verdicts: dict[int, bool] = {}
        tops, whole = looking.tops, looking.whole
        for top in tops.keys() - self._tops.keys():
            verdicts.update(dict.fromkeys(looking.all_below(top), True))
        for top, root in self._tops.items():
            if top not in tops and root in self.tree:
                self._doubt(root, verdicts)
        moved = {eid for eid, mask in written.items() if mask & MASK_PLACE and eid in whole}
        turned = {eid for eid, mask in written.items() if mask & MASK_MODE and eid in whole}  # into another kind
        for eid in moved | turned:
            if eid in tops:
                continue
            verdicts[eid] = verdicts.get(eid, False) or looking.matches(eid)
            if eid in moved and whole.is_dir(eid):
                if eid in self.tree:
                    self._doubt(eid, verdicts)
                if not looking.is_below_any(eid, moved):
                    verdicts.update(dict.fromkeys(looking.all_below(eid), True))
        return verdicts

    def _doubt(self, directory: int, verdicts: dict[int, bool]) -> None:
        """All that is seen below a directory is not to be seen any more, unless it is found again."""
        for eid in self.tree.below(directory).tolist():
            verdicts.setdefault(eid, False)

    def _carry_out(self, plan: Plan, gone_roots: Iterable[int], same: dict[int, bool] | None) -> None:
        plan.same = None if same is None else {eid: known for eid, known in same.items() if eid in plan.updates}
        for _ in self._ledger.carry_out_all(plan, order(self.tree, plan), _UNCUT):
            pass
        self._ledger.carry_out(Plan(), [Step(Act.DELETE, root) for root in gone_roots])
        for eid in self._ledger.take_dead():
            self._matched[eid] = False


class _Looking:
    """What matches in the whole Tree, as that is for one batch."""

    def __init__(self, whole: Tree, tops: dict[int, int], base: _Inside, kinds: int) -> None:
        self.whole, self.tops, self._kinds = whole, tops, kinds
        self._inside: dict[int, _Inside | None] = dict.fromkeys(tops, base)  # None: nothing in it is asked for

    def inside(self, directory: int) -> _Inside | None:
        """What holds in a directory; None where nothing in it is asked for."""
        climb = [directory]
        while climb[-1] not in self._inside and climb[-1] != SERVICE_ID:
            climb.append(self.whole.parent(climb[-1]))
        found = self._inside.get(climb.pop())
        while climb:
            eid = climb.pop()
            found = self._inside[eid] = found and self._enter(found, eid)
        return found

    def _enter(self, outer: _Inside, directory: int) -> _Inside | None:
        name, only = self.whole.name(directory), outer.only
        if outer.without.ignores(name, True):
            return None
        inner = None if only is None or only.ignores(name, True) else only.enter(name)
        return _Inside(inner, outer.without.enter(name))

    def matches(self, eid: int) -> bool:
        """Whether an entry is asked for itself."""
        inside = self.inside(self.whole.parent(eid))
        if inside is None or not self._kinds & _TYPES[kind_of(self.whole.mode(eid))]:
            return False
        name, is_dir = self.whole.name(eid), self.whole.is_dir(eid)
        return not inside.without.ignores(name, is_dir) and (inside.only is None or inside.only.ignores(name, is_dir))

    def all_below(self, directory: int) -> array[int]:
        """What is asked for below a directory in which something may be."""
        inside = self.inside(directory)
        return array("I") if inside is None else select(self.whole, directory, inside.only, inside.without, self._kinds)

    def is_below_any(self, eid: int, directories: Collection[int]) -> bool:
        while (eid := self.whole.parent(eid)) != SERVICE_ID:
            if eid in directories:
                return True
        return False


def _is_within(path: bytes, top: bytes) -> bool:
    return path == top or path.startswith(top.rstrip(b"/") + b"/")
