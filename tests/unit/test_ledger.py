"""Laws of the ledger: the batches lead both mirrors to the target, the told changes alone lead there but for the mtimes
of directories, and each is told by the paths of its moment.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import codec
from smarttree.clock import Clock
from smarttree.ledger import Ledger, Limits, cut_batches
from smarttree.order import order
from smarttree.plan import Plan, Update
from smarttree.stream.batch import Batch
from smarttree.tree import SERVICE_ID, Tree
from spec import qtn1
from tests.leading import assert_changes_lead, mirror_of, told
from tests.plain_trees import DIRECTORY, FILE
from tests.trees import ROOT, ROOT_PATH, Forest, Node, made_routine, pair, plan_between, row

START = Clock(7, 41)
TIME_NS = 123


def batches_of(tree: Tree, plan: Plan, max_bytes: int = 1 << 20) -> list[Batch]:
    """`tree` is brought to what the plan says."""
    return list(cut_batches(Ledger(tree), plan, order(tree, plan), START, TIME_NS, Limits(max_bytes, 1 << 20)))


def check(before: Forest, after: Forest, ids: int, max_bytes: int) -> list[Batch]:
    """All laws for one plan, whole and with its routine part apart; the batches of the former."""
    routinely = before.tree(ids)
    plan = made_routine(before, after, plan_between(before, after), routinely)
    check_batches(before, after, ids, batches_of(routinely, plan, max_bytes))
    batches = batches_of(before.tree(ids), plan_between(before, after), max_bytes)
    check_batches(before, after, ids, batches)
    return batches


def check_batches(before: Forest, after: Forest, ids: int, batches: list[Batch]) -> None:
    start, target = before.tree(ids), after.tree(ids)
    assert_clocks(batches)
    assert_batches_lead(start, target, batches)
    assert_changes_lead(start, target, [change for batch in batches for change in batch.changes])


def assert_clocks(batches: list[Batch]) -> None:
    for n, batch in enumerate(batches):
        assert (batch.from_seq, batch.to_seq) == (START.seq + n, START.seq + n + 1)
        assert batch.more == (n < len(batches) - 1)
        assert batch.time_ns == TIME_NS


def assert_batches_lead(start: Tree, target: Tree, batches: list[Batch]) -> None:
    """The compiled and the plain mirror follow, and at each clock digest and totals are what the batch says."""
    tree, mirror = start, mirror_of(start)
    for batch in batches:
        body = codec.decode_batch(batch.data)
        assert (body.epoch, body.from_seq, body.to_seq) == (START.epoch, batch.from_seq, batch.to_seq)
        assert body.digest == batch.digest & (1 << 64) - 1
        tree = codec.apply(tree, body.records)
        assert tree.digest(SERVICE_ID) == batch.digest
        assert tree.totals(SERVICE_ID) == batch.totals
        assert mirror.apply(qtn1.decode_batch(batch.data))
        assert mirror.service_digest == batch.digest
    assert told(tree) == told(target)
    assert mirror.digest() == target.digest(SERVICE_ID)


@pytest.mark.parametrize("seed", range(400))
def test_batches_and_changes_lead_to_the_target(seed: int) -> None:
    check(*pair(seed, size=6 + seed % 20), max_bytes=[1, 60, 300, 1 << 20][seed // 2 % 4])


@given(seed=st.integers(0, 2**32), size=st.integers(2, 30), max_bytes=st.sampled_from([1, 40, 200, 1 << 20]))
@settings(max_examples=100, deadline=None)
def test_batches_and_changes_lead_from_any_state_to_any(seed: int, size: int, max_bytes: int) -> None:
    check(*pair(seed, size=size), max_bytes=max_bytes)


# ---------------------------------------------------------------- how things are told


def house(places: dict[int, tuple[int, bytes]], directories: set[int]) -> Forest:
    nodes = {eid: Node(*place, row(DIRECTORY if eid in directories else FILE, 0)) for eid, place in places.items()}
    return Forest({ROOT: Node(SERVICE_ID, ROOT_PATH, row(DIRECTORY)), **nodes})


def changes_of(before: Forest, after: Forest) -> list[tuple[str, bytes]]:
    """(type, path below the root, with the old one for a rename) of each change."""
    (batch,) = check(before, after, max([*before.nodes, *after.nodes]), 1 << 20)
    names = [(c.type, c.path[len(ROOT_PATH) :], c.old_path) for c in batch.changes]
    return [(kind, path if old is None else old[len(ROOT_PATH) :] + b" -> " + path) for kind, path, old in names]


A, B, C, D = range(ROOT + 1, ROOT + 5)


def test_a_swap_is_a_deletion_and_a_creation() -> None:
    before, after = house({A: (ROOT, b"a"), B: (ROOT, b"b")}, set()), house({A: (ROOT, b"b"), B: (ROOT, b"a")}, set())
    told = changes_of(before, after)
    assert told in (
        [("deleted", b"/a"), ("renamed", b"/b -> /a"), ("created", b"/b")],
        [("deleted", b"/b"), ("renamed", b"/a -> /b"), ("created", b"/a")],
    )


def test_a_swap_of_directories_tells_what_is_in_them() -> None:
    places = {A: (ROOT, b"a"), B: (ROOT, b"b"), C: (A, b"c"), D: (B, b"d")}
    before, after = house(places, {A, B}), house(places | {A: (ROOT, b"b"), B: (ROOT, b"a")}, {A, B})
    told = changes_of(before, after)
    assert [kind for kind, _ in told] == ["deleted", "renamed", "created", "created"]
    assert told[-1][1].count(b"/") == 2


def test_a_directory_that_moves_or_ends_is_one_change() -> None:
    places = {A: (ROOT, b"a"), B: (A, b"b"), C: (B, b"c"), D: (ROOT, b"d")}
    before = house(places, {A, B, D})
    assert changes_of(before, house(places | {A: (D, b"x")}, {A, B, D})) == [("renamed", b"/a -> /d/x")]
    assert changes_of(before, house({D: (ROOT, b"d")}, {D})) == [("deleted", b"/a")]
    assert changes_of(house({D: (ROOT, b"d")}, {D}), before) == [
        ("created", b"/a"), ("created", b"/a/b"), ("created", b"/a/b/c"),
    ]  # fmt: skip


def test_a_directory_s_mtime_is_in_the_batch_but_no_change() -> None:
    before, after = house({A: (ROOT, b"a")}, {A}), house({A: (ROOT, b"a")}, {A})
    after.nodes[A] = Node(ROOT, b"a", row(DIRECTORY, 0, 9))
    assert changes_of(before, after) == []
    after.nodes[A] = Node(ROOT, b"a", row(DIRECTORY | 0o2000, 0, 9))
    assert changes_of(before, after) == [("modified", b"/a")]


def test_a_root_s_values_are_in_the_batch_but_no_change() -> None:
    before, after = house({}, set()), house({}, set())
    after.nodes[ROOT] = Node(SERVICE_ID, ROOT_PATH, row(DIRECTORY | 0o2000, 0, 9))
    assert changes_of(before, after) == []


def test_what_no_client_keeps_is_no_batch() -> None:
    """Only ctime, inode and birth time differ."""
    before, after = house({A: (ROOT, b"a")}, set()), house({A: (ROOT, b"a")}, set())
    after.nodes[A] = Node(ROOT, b"a", row(FILE, ino=5, birth=6, ctime_ns=7))
    tree = before.tree(A)
    assert batches_of(tree, plan_between(before, after)) == []
    assert tree.row(A) == after.nodes[A].row
    assert batches_of(tree, Plan()) == []


def test_what_was_written_is_told_though_no_value_shows_it() -> None:
    before = house({A: (ROOT, b"a")}, set())
    plan = Plan(updates={A: Update(before.nodes[A].row._replace(ctime_ns=9), told=True)})
    (batch,) = batches_of(before.tree(A), plan)
    assert [(change.type, change.path) for change in batch.changes] == [("modified", ROOT_PATH + b"/a")]
    assert [record.id for record in codec.decode_batch(batch.data).records] == [A]


def test_dead_ids_are_collected_once() -> None:
    before = house({A: (ROOT, b"a"), B: (A, b"b"), C: (ROOT, b"c")}, {A})
    tree = before.tree(C)
    ledger, plan = Ledger(tree), plan_between(before, house({}, set()))
    list(cut_batches(ledger, plan, order(tree, plan), START, TIME_NS, Limits(1, 1 << 20)))
    assert sorted(ledger.take_dead()) == [A, B, C]
    assert not ledger


def test_pieces_are_about_as_large_as_asked() -> None:
    before = house({}, set())
    after = house({eid: (ROOT, b"file-%04d" % eid) for eid in range(2, 2_000)}, set())
    batches = check(before, after, 2_000, 4_096)
    assert len(batches) > 5
    assert max(len(batch.data) for batch in batches) < 3 * 4_096
    whole = check(before, after, 2_000, 1 << 20)
    assert len(whole) == 1
    assert [c for batch in batches for c in batch.changes] == list(whole[0].changes)
