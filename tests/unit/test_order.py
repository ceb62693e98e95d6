"""The law of the order: carried out group by group, a plan leads to its target, and each group leaves a whole tree."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import wire
from smarttree.ledger import Ledger
from smarttree.order import Act, Step, order
from smarttree.plan import Plan
from smarttree.tree import SERVICE_ID, Tree
from tests.plain_trees import DIRECTORY, FILE
from tests.trees import ROOT, ROOT_PATH, Forest, Node, evolved, pair, plan_between, random_forest, row


def assert_holds(tree: Tree, forest: Forest) -> None:
    """The tree holds the forest, and nothing else."""
    assert tree.below(SERVICE_ID).tolist() == forest.below(SERVICE_ID)
    for eid, node in forest.nodes.items():
        assert Node(tree.parent(eid), tree.name(eid), tree.row(eid)) == node
    assert len(tree) == len(forest.nodes)
    assert tree.digest(SERVICE_ID) == forest.digest(SERVICE_ID)


def assert_whole(tree: Tree) -> None:
    """Everything that is alive hangs from a root."""
    assert len(tree.below(SERVICE_ID)) == len(tree)


def carry_out(before: Forest, after: Forest, ids: int) -> list[list[Step]]:
    """The groups, after the law was seen to hold."""
    tree, plan = before.tree(ids), plan_between(before, after)
    groups, ledger = order(tree, plan), Ledger(tree)
    assert_holds(tree, before)  # to order is to look only
    for group in groups:
        ledger.carry_out(plan, group)
        assert_whole(tree)
    assert_holds(tree, after)
    assert_complete(plan, groups)
    return groups


def assert_complete(plan: Plan, groups: list[list[Step]]) -> None:
    """Each part of the plan is one step; what is lifted is dropped in the same group."""
    steps = [step for group in groups for step in group]
    parts = len(plan.creates) + len(plan.moves) + len(plan.updates) + len(plan.deletes)
    assert sum(step.act is not Act.LIFT for step in steps) == parts
    for group in groups:
        lifted = [step.eid for step in group if step.act is Act.LIFT]
        assert sorted(lifted) == sorted(step.eid for step in group if step.act is Act.DROP)
        assert group


@pytest.mark.parametrize("seed", range(600))
def test_leads_from_one_state_to_the_other(seed: int) -> None:
    carry_out(*pair(seed, size=6 + seed % 20))


@given(seed=st.integers(0, 2**32), size=st.integers(2, 40))
@settings(max_examples=150, deadline=None)
def test_leads_from_any_state_to_any(seed: int, size: int) -> None:
    carry_out(*pair(seed, size=size))


def flat(names: dict[int, bytes], mode: int = FILE) -> Forest:
    """Entries directly below the root."""
    nodes = {eid: Node(ROOT, name, row(mode)) for eid, name in names.items()}
    return Forest({ROOT: Node(SERVICE_ID, ROOT_PATH, row(DIRECTORY)), **nodes})


def acts(groups: list[list[Step]]) -> list[list[tuple[str, int]]]:
    return [[(act.value, eid) for act, eid in group] for group in groups]


def test_a_chain_moves_from_its_free_end() -> None:
    before, after = flat({2: b"1", 3: b"2", 4: b"3"}), flat({2: b"2", 3: b"3", 4: b"4"})
    steps = [step for group in acts(carry_out(before, after, 4)) for step in group]
    assert steps == [("move", 4), ("move", 3), ("move", 2)]


def test_a_swap_lifts_one_and_is_not_parted() -> None:
    groups = acts(carry_out(flat({2: b"a", 3: b"b"}), flat({2: b"b", 3: b"a"}), 3))
    assert groups == [[("lift", 2), ("move", 3), ("drop", 2)]] or groups == [[("lift", 3), ("move", 2), ("drop", 3)]]


@pytest.mark.parametrize("circle", [False, True])
def test_long_chains_and_circles_need_no_recursion(circle: bool) -> None:
    n = 2_000
    before = flat({eid: b"log.%d" % eid for eid in range(2, n)})
    after = flat({eid: b"log.%d" % (eid + 1) for eid in range(2, n)})
    if circle:
        after.nodes[n - 1] = before.nodes[2]
    groups = carry_out(before, after, n)
    assert sum(step.act is Act.LIFT for group in groups for step in group) == circle


def test_deep_inversion_needs_no_recursion() -> None:
    """As many nested directories as there can be, turned inside out."""
    ids = list(range(ROOT + 1, ROOT + 1 + wire.DEPTH_MAX))
    before, after = flat({}), flat({})
    for forest, chain in ((before, ids), (after, ids[::-1])):
        for parent, eid in zip([ROOT, *chain], chain, strict=False):
            forest.nodes[eid] = Node(parent, b"d", row(DIRECTORY))
    tree, plan = before.tree(ids[-1]), plan_between(before, after)
    ledger = Ledger(tree)
    for group in order(tree, plan):
        ledger.carry_out(plan, group)
        assert_whole(tree)
    assert tree.below(SERVICE_ID).tolist() == [ROOT, *ids[::-1]]


def test_what_moves_out_leaves_before_its_directory_ends() -> None:
    before = flat({2: b"d"}, DIRECTORY)
    before.nodes[3] = Node(2, b"f", row())
    after = flat({3: b"d"})
    assert acts(carry_out(before, after, 3)) in (
        [[("lift", 3), ("delete", 2), ("drop", 3)]],
        [[("move", 3)], [("delete", 2)]],
    )


def test_independent_steps_are_groups_of_their_own() -> None:
    """So that a batch may be cut between them."""
    before, after = flat({eid: b"%d" % eid for eid in range(2, 60)}), flat({eid: b"%d" % eid for eid in range(30, 90)})
    assert {len(group) for group in carry_out(before, after, 90)} == {1}


@pytest.mark.parametrize("seed", range(5))
def test_many_changes(seed: int) -> None:
    rng = Random(seed)
    kinds = [rng.random() < 0.3 for _ in range(800)]
    names = [b"%d" % n for n in range(40)]
    before = random_forest(rng, kinds, names)
    carry_out(before, evolved(rng, before, kinds, names, 200), 801)
    carry_out(before, random_forest(rng, kinds, names), 801)
