"""The law of a selection: what matches, what leads there, and nothing else; what it tells leads from state to state."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import codec
from smarttree.clock import Clock
from smarttree.ignore import command_rules
from smarttree.ledger import Ledger, Limits
from smarttree.order import order
from smarttree.selection import Selection, Touched
from smarttree.stream.batch import ALL_KINDS, Criteria, Part
from smarttree.tree import SERVICE_ID, Tree, kind_of
from spec import qtn1
from tests.leading import START, assert_changes_lead, mirror_of, told
from tests.plain_trees import DIRECTORY, FILE
from tests.trees import ROOT, ROOT_PATH, Forest, Node, evolved, pair, plan_between, random_forest, row

UNCUT = Limits(1 << 62, 1 << 62)
NAMES = [b"a", b"b", b"c", b"dd.txt", b"e.txt"]
GLOBS = [b"a", b"*.txt", b"/a", b"b/", b"a/**/c", b"a/b", b"**/b/*", b"[ab]", b"dd.*"]

globs = st.lists(st.sampled_from(GLOBS), max_size=2).map(tuple)
kinds = st.sampled_from([ALL_KINDS, frozenset({"file"}), frozenset({"dir"}), frozenset({"symlink", "other"})])
paths = st.sampled_from([None, ROOT_PATH, ROOT_PATH + b"/a", ROOT_PATH + b"/b", ROOT_PATH + b"/a/b", b"/srv/elsewhere"])
criterias = st.builds(Criteria, paths, globs, globs, kinds)


def expected(forest: Forest, criteria: Criteria) -> Forest:
    """What is to be seen, looked for entry by entry."""
    path = criteria.path
    top = next((eid for eid in forest.nodes if path in (None, forest.path(eid)) and forest.is_dir(eid)), None)
    shown = Forest()
    if path is None or path == ROOT_PATH or path.startswith(ROOT_PATH + b"/"):
        shown.nodes[ROOT] = Node(SERVICE_ID, path or ROOT_PATH, row(DIRECTORY))
    for eid in forest.nodes if top is not None else ():
        chain = list(forest.chain(eid))
        if eid != top and top in chain and matches(forest, chain[: chain.index(top)][::-1], criteria):
            for above in chain[: chain.index(top)]:
                node = forest.nodes[above]
                shown.nodes[above] = node._replace(parent=ROOT if node.parent == top else node.parent)
    if top is not None:
        shown.nodes[ROOT] = shown.nodes[ROOT]._replace(row=forest.nodes[top].row)
    return shown


def matches(forest: Forest, chain: list[int], criteria: Criteria) -> bool:
    """`chain`: from below the top down to the entry."""
    only, without, included = command_rules(criteria.include), command_rules(criteria.exclude), not criteria.include
    for eid in chain:
        name, is_dir = forest.nodes[eid].name, forest.is_dir(eid)
        if without.ignores(name, is_dir):
            return False
        included = included or only.ignores(name, is_dir)
        only, without = only.enter(name), without.enter(name)
    return included and kind_of(forest.nodes[chain[-1]].row.mode) in criteria.kinds


def told_but_root(tree: Tree) -> object:
    """A root of which nothing is known yet may have any values."""
    return {eid: entry if eid != ROOT else entry[:2] for eid, entry in told(tree).items()}


def taken(ledger: Ledger) -> Touched:
    touched = Touched()
    touched.add(ledger.take()[0])
    return touched


class Follower:
    """Someone who has the selection as it was opened, and what was told since."""

    def __init__(self, selection: Selection) -> None:
        self.selection, self.seq = selection, START.seq
        self.tree, self.mirror = selection.tree.copy(), mirror_of(selection.tree)

    def take(self, part: Part) -> None:
        body = codec.decode_batch(part.data)
        assert body.digest == (None if part.digest is None else part.digest & (1 << 64) - 1)
        after = codec.apply(self.tree, body.records)
        assert_changes_lead(self.tree, after, part.changes)
        self.tree = after
        shown = self.selection.tree
        assert told(after) == told(shown)
        assert after.digest(SERVICE_ID) == shown.digest(SERVICE_ID)
        if shown.roots():
            assert self.mirror.apply(qtn1.decode_batch(part.data))
            assert self.mirror.digest() == shown.digest(SERVICE_ID)
        assert part.totals == shown.totals(SERVICE_ID)
        assert part.is_told or not len(part.changes)


def follow(states: list[Forest], ids: int, criteria: Criteria) -> None:
    whole = states[0].tree(ids)
    ledger, selection = Ledger(whole), Selection(criteria, whole)
    selection.take_in(whole, Touched(), START.seq)
    follower, seen = Follower(selection), told_but_root(expected(states[0], criteria).tree(ids))
    assert told_but_root(selection.tree) == seen
    for before, after in pairwise(states):
        plan = plan_between(before, after)
        for _ in ledger.carry_out_all(plan, order(whole, plan), UNCUT):
            pass
        follower.seq += 1
        part = selection.follow(whole, taken(ledger), Clock(START.epoch, follower.seq))
        assert told_but_root(selection.tree) == told_but_root(expected(after, criteria).tree(ids))
        follower.take(part)
        if criteria.path == ROOT_PATH and criteria.is_whole:
            assert part.digest == whole.digest(SERVICE_ID)


@given(st.integers(0, 2**32), st.integers(4, 24), criterias)
@settings(max_examples=400, deadline=None)
def test_from_any_state_to_any(seed: int, size: int, criteria: Criteria) -> None:
    before, after, ids = pair(seed, size=size)
    follow([before, after], ids, criteria)


@pytest.mark.parametrize("seed", range(60))
def test_through_many_states(seed: int) -> None:
    rng = Random(seed)
    directories = [rng.random() < 0.5 for _ in range(18)]
    states = [random_forest(rng, directories, NAMES)]
    while len(states) < 8:
        states.append(evolved(rng, states[-1], directories, NAMES, rng.randrange(1, 8)))
    only, without = (tuple(rng.sample(GLOBS, rng.randrange(3))) for _ in range(2))
    path = rng.choice([None, None, ROOT_PATH + b"/a", ROOT_PATH + b"/b"])
    follow(states, 19, Criteria(path, only, without, rng.choice([ALL_KINDS, frozenset({"file"})])))


def test_what_moves_across_the_border() -> None:
    """A directory that moves into sight is created with what is in it, and deleted when it moves out."""
    inside, outside = ROOT + 1, ROOT + 2
    moving, deep = ROOT + 3, ROOT + 4
    rows = {True: row(DIRECTORY), False: row(FILE)}

    def at(parent: int) -> Forest:
        return Forest(
            {
                ROOT: Node(SERVICE_ID, ROOT_PATH, rows[True]),
                inside: Node(ROOT, b"in", rows[True]),
                outside: Node(ROOT, b"out", rows[True]),
                moving: Node(parent, b"m", rows[True]),
                deep: Node(moving, b"f", rows[False]),
            }
        )

    def changes(before: Forest, after: Forest) -> list[tuple[str, bytes]]:
        whole, plan = before.tree(9), plan_between(before, after)
        ledger, selection = Ledger(whole), Selection(Criteria(include=(b"in/",)), whole)
        ledger.carry_out(plan, [step for group in order(whole, plan) for step in group])
        part = selection.follow(whole, taken(ledger), Clock(1, 2))
        return [(change.type, change.path.removeprefix(ROOT_PATH)) for change in part.changes]

    assert changes(at(outside), at(inside)) == [("created", b"/in/m"), ("created", b"/in/m/f")]
    assert changes(at(inside), at(outside)) == [("deleted", b"/in/m")]
    assert changes(at(inside), at(inside)) == []


def test_who_was_told_a_piece_is_told_the_end() -> None:
    before, after, ids = pair(1)
    whole, plan = before.tree(ids), plan_between(before, after)
    ledger, selection = Ledger(whole), Selection(Criteria(path=ROOT_PATH), whole)
    ledger.carry_out(plan, [step for group in order(whole, plan) for step in group])
    nothing = Touched()
    assert selection.follow(whole, taken(ledger), Clock(1, 2), more=True).is_told
    assert not selection.follow(whole, nothing, Clock(1, 3), more=True).is_told
    assert selection.follow(whole, nothing, Clock(1, 4)).is_told
    assert not selection.follow(whole, nothing, Clock(1, 5)).is_told
    assert selection.follow(whole, nothing, Clock(1, 6), is_news=True).is_told
