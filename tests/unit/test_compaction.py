"""The law of the horizon: from every clock that it reaches, one batch leads to the present, by its records as by its
changes; from no other is there one. No id means two entries to anyone who may come back.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from stat import S_IFMT, S_IMODE

import pytest

from smarttree.clock import Clock
from smarttree.commits import Commits
from smarttree.config import StateConfig
from smarttree.ledger import Ledger, Limits
from smarttree.order import Act, Step, order
from smarttree.plan import Plan
from smarttree.rewind import rewind
from smarttree.state.store import Store
from smarttree.stream.activity import Activity
from smarttree.stream.batch import Batch, RootState
from smarttree.stream.horizon import Horizon
from smarttree.stream.log import Log
from smarttree.tree import SERVICE_ID, Tree, kind_of
from smarttree.wire import MASK_MODE, MASK_MTIME, MASK_SIZE
from tests.leading import START, assert_leads
from tests.plain_trees import DIRECTORY, FILE
from tests.trees import ROOT, ROOT_PATH, Forest, Node, evolved, made_routine, plan_between, random_forest, row

NAMES = [b"a", b"b", b"c", b"dd.txt", b"e"]
EPOCH = START.epoch


class NoWatcher:
    def forget(self, ids: list[int]) -> None:
        """Nothing is watched."""


def shape(tree: Tree) -> dict[int, tuple[int, bytes, str]]:
    """By id: where everything is, and what it is."""
    return {eid: (tree.parent(eid), tree.name(eid), kind_of(tree.mode(eid))) for eid in tree.below(SERVICE_ID).tolist()}


def store_in(directory: Path) -> Store:
    return Store(StateConfig(directory=os.fsencode(directory), fsync_s=0.0), retention_bytes=6_000, retention_s=1e9)


class Life:
    """A tree that changes at random, and all the states it had, by clock."""

    def __init__(self, seed: int, *, horizon_bytes: int, retention_bytes: int = 4000) -> None:
        self.dice = Random(seed)
        self.kinds = [self.dice.random() < 0.5 for _ in range(16)]
        self.forest = random_forest(self.dice, self.kinds, NAMES)
        self.tree = self.forest.tree(len(self.kinds) + 1)
        self.log = Log(START.seq, retention_bytes=retention_bytes, retention_s=1e9)
        self.log._horizon = Horizon(START.seq, horizon_bytes)
        limits = Limits(1 << 20, self.dice.choice([3, 1 << 20]))
        self.commits = Commits(self.tree, Ledger(self.tree), self.log, Activity([]), EPOCH, limits, lambda: 0)
        self.states = {START.seq: self.tree.copy()}

    def turn(self, changes: int) -> None:
        after = evolved(self.dice, self.forest, self.kinds, NAMES, changes)
        for eid in after.nodes.keys() & self.forest.nodes.keys():  # nothing turns into something of another type
            node, mode = after.nodes[eid], self.forest.nodes[eid].row.mode
            row = node.row._replace(mode=S_IFMT(mode) | S_IMODE(node.row.mode))
            after.nodes[eid] = node._replace(row=row)
        after = self._with_fresh_ids(after)
        plan = plan_between(self.forest, after)
        if self.dice.random() < 0.3:
            plan = made_routine(self.forest, after, plan, self.tree)
        self.commits.carry_out(plan, more=self.dice.random() < 0.3)
        self.commits.bury(NoWatcher())  # type: ignore[arg-type]
        self.forest = after
        self.states[self.log.head] = self.tree.copy()

    def _with_fresh_ids(self, after: Forest) -> Forest:
        """An id that is not free yet is given to nothing new, and one that is may be that of another kind."""
        waiting = {eid for _, ids in self.commits.dead for eid in ids}
        names: dict[int, int] = {}
        for eid in sorted((after.nodes.keys() - self.forest.nodes.keys()) & waiting):
            self.kinds.append(self.kinds[eid - ROOT - 1])
            names[eid] = ROOT + len(self.kinds)
        self.tree.admit(ROOT + len(self.kinds) + 1)
        return Forest(
            {
                names.get(eid, eid): node._replace(parent=names.get(node.parent, node.parent))
                for eid, node in after.nodes.items()
            }
        )

    def keep_in(self, directory: Path) -> Store:
        """Its batches outlive the process, from now on."""
        store = store_in(directory)
        store.begin(self.tree, self.commits.clock, [], None)
        self.commits.keep_in(store, EPOCH, [])
        return store

    def restart(self, directory: Path) -> Store:
        """Another process goes on, with what is in the files."""
        store = store_in(directory)
        found = store.recover()
        assert found is not None
        assert found.goes_on
        self.tree, self.log = found.tree, Log(START.seq, retention_bytes=4000, retention_s=1e9)
        limits = Limits(1 << 20, 1 << 20)
        self.commits = Commits(self.tree, Ledger(self.tree), self.log, Activity([]), EPOCH, limits, lambda: 0)
        self.commits.keep_in(store, EPOCH, found.dead, found.memory)
        return store

    def assert_reached(self) -> None:
        """Clocks that the horizon reaches lead to the present."""
        reached = [seq for seq in self.states if self.log._horizon.seq <= seq < self.log.head]
        for seq in {*reached[:1], *self.dice.sample(reached, min(12, len(reached)))}:
            self.assert_rewinds(seq)
            batch = self.compacted(seq)
            assert batch is not None
            assert_leads(batch, self.states[seq], self.tree)

    def assert_rewinds(self, seq: int) -> None:
        """The tree of that clock can be made again, but for values of which something was told since."""
        remembered, was = self.log.remembered(seq, 1 << 30), self.states[seq]
        assert remembered is not None
        tree = rewind(self.tree, seq, remembered)
        assert shape(tree) == shape(was)
        written = {eid: mask for eid, mask, _ in remembered.touched}
        for eid in shape(was).keys() & shape(self.tree).keys():
            now, then = self.tree.row(eid)[:3], tree.row(eid)[:3]
            told = (MASK_MODE, MASK_SIZE, MASK_MTIME)
            assert [a != b for a, b in zip(now, then, strict=True)] == [bool(written.get(eid, 0) & m) for m in told]
            assert then == was.row(eid)[:3] or written[eid]

    def compacted(self, seq: int) -> Batch | None:
        return self.commits.compact(Clock(EPOCH, seq))


@pytest.mark.parametrize("horizon_bytes", [1 << 20, 26_000])
@pytest.mark.parametrize("seed", range(15))
def test_every_clock_that_is_remembered_leads_to_the_present(seed: int, horizon_bytes: int) -> None:
    life = Life(seed, horizon_bytes=horizon_bytes)
    tried = 0
    for _ in range(8):
        for _ in range(9):
            life.turn(life.dice.randrange(1, 6))
        head, horizon = life.log.head, life.log.horizon
        assert horizon <= life.log.oldest < head
        for seq in set(life.dice.choices([seq for seq in life.states if seq < head], k=9)):
            batch = life.compacted(seq)
            assert (batch is not None) == (seq >= life.log._horizon.seq)
            if batch is not None:
                assert (batch.from_seq, batch.to_seq) == (seq, head)
                assert_leads(batch, life.states[seq], life.tree)
                tried += 1
    assert tried > 8
    assert (life.log.horizon > START.seq) == (horizon_bytes < 1 << 20)


@pytest.mark.parametrize("horizon_bytes", [1 << 20, 26_000])
@pytest.mark.parametrize("seed", range(8))
def test_what_was_touched_is_known_to_the_next_process(tmp_path: Path, seed: int, horizon_bytes: int) -> None:
    """Also where ids have been used again: of what was before that, it knows no more than the one that did it."""
    life = Life(seed, horizon_bytes=horizon_bytes)
    store = life.keep_in(tmp_path)
    for _ in range(8):
        for _ in range(life.dice.randrange(5, 60)):
            life.turn(life.dice.randrange(1, 6))
        life.assert_reached()
        if life.dice.random() < 0.5:
            store._write_tree(life.tree, life.commits.clock, life.commits.dead, sync=False)
        head = life.log.head
        store.close(None, life.commits.clock, ())
        store = life.restart(tmp_path)
        assert life.log.head == head
        assert life.log._horizon.seq < head
        life.assert_reached()
    store.close(None, life.commits.clock, ())


def test_what_swapped_places_is_told_with_what_is_in_it() -> None:
    """Also what nobody touched: a reader of changes has lost it with what it was in."""
    life = Life(0, horizon_bytes=1 << 20)
    life.forest = Forest({ROOT: Node(SERVICE_ID, ROOT_PATH, row(DIRECTORY))})
    for number, name in enumerate((b"a", b"b")):
        life.forest.nodes[10 + number] = Node(ROOT, name, row(DIRECTORY))
        life.forest.nodes[20 + number] = Node(10 + number, b"deep", row(DIRECTORY))
        life.forest.nodes[30 + number] = Node(20 + number, name + b".txt", row(FILE, 5))
    tree = life.forest.tree(40)
    commits = Commits(tree, Ledger(tree), life.log, Activity([]), EPOCH, Limits(1 << 20, 1 << 20), lambda: 0)
    start = tree.copy()
    after = life.forest.copy()
    after.nodes[10], after.nodes[11] = Node(ROOT, b"b", row(DIRECTORY)), Node(ROOT, b"a", row(DIRECTORY))
    commits.carry_out(plan_between(life.forest, after), more=False)
    batch = commits.compact(START)
    assert batch is not None
    assert_leads(batch, start, tree)
    assert {change.type for change in batch.changes} == {"deleted", "created", "renamed"}


def test_roots_that_come_and_go() -> None:
    life = Life(3, horizon_bytes=1 << 20)
    old, directory, file, new, inside = range(40, 45)
    life.tree.admit(50)

    def tell(plan: Plan, groups: list[list[Step]] | None, state: str) -> None:
        groups = order(life.tree, plan) if groups is None else groups
        for _ in life.commits.carry_out_in_pieces(plan, groups, RootState(b"/x", state), more=False):
            life.states[life.log.head] = life.tree.copy()

    rows = {True: row(DIRECTORY), False: row(FILE, 7)}
    made = {old: ((SERVICE_ID, b"/x"), rows[True]), directory: ((old, b"d"), rows[True])}
    tell(Plan(creates={**made, file: ((directory, b"f"), rows[False])}), None, "ready")
    life.turn(3)
    ending = [directory, old]
    tell(Plan(deletes=set(ending)), [[Step(Act.DELETE, eid)] for eid in ending], "removed")
    life.turn(3)
    tell(Plan(creates={new: ((SERVICE_ID, b"/y"), rows[True]), inside: ((new, b"i"), rows[False])}), None, "ready")
    for seq, state in list(life.states.items())[:-1]:
        life.assert_rewinds(seq)
        batch = life.compacted(seq)
        assert batch is not None
        assert_leads(batch, state, life.tree)


def test_who_commits_meanwhile_costs_nobody_their_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log keeps the newest batch alone: by the time it is asked, that is no longer the one that led to the view."""
    life = Life(2, horizon_bytes=1 << 20, retention_bytes=1)
    life.turn(5)
    head, remembered = life.log.head, life.log.remembered

    def overtaken(seq: int, most: int) -> object:
        life.turn(5)
        life.turn(5)
        return remembered(seq, most)

    monkeypatch.setattr(life.log, "remembered", overtaken)
    batch = life.compacted(START.seq)
    assert batch is not None
    assert (batch.from_seq, batch.to_seq) == (START.seq, head)
    assert_leads(batch, life.states[START.seq], life.states[head])


def test_what_is_half_the_tree_is_not_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(1, horizon_bytes=1 << 20)
    life.turn(5)
    assert life.compacted(START.seq) is not None
    monkeypatch.setattr("smarttree.compaction.WORTH_BYTES", 10)
    assert life.compacted(START.seq) is None
    assert life.commits.compact(Clock(EPOCH + 1, START.seq)) is None


def test_a_batch_without_traces_is_the_end_of_memory() -> None:
    horizon = Horizon(4)
    horizon.note(5, None)
    assert horizon.seq == 5
    assert horizon.since(4, 9) is None
    assert horizon.since(5, 9) == ([], [])
