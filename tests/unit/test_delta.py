"""Laws of records: apply(a, diff(a, b)) == b and `a` stays; and what would make no tree is refused, by both mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import codec, wire
from smarttree.clock import Clock
from smarttree.errors import QtnError
from smarttree.tree import SERVICE_ID, Tree
from spec import qtn1
from spec.qtn1_mirror import Mirror
from tests import plain_encoder
from tests.plain_trees import DIRECTORY, FILE
from tests.trees import CLOCK, ROOT, ROOT_PATH, Forest, Node, entries_of, evolved, pair, random_forest, row


def told(entries: dict[int, qtn1.Entry]) -> dict[int, tuple[object, ...]]:
    """What both implementations know of entries."""
    return {eid: (e.parent, e.name, e.mode, e.size, e.mtime_ns) for eid, e in entries.items()}


def assert_same(tree: Tree, other: Tree) -> None:
    assert told(entries_of(tree)) == told(entries_of(other))
    assert tree.digest(SERVICE_ID) == other.digest(SERVICE_ID)
    assert tree.totals(SERVICE_ID) == other.totals(SERVICE_ID)
    assert len(tree) == len(other) == len(entries_of(tree))


def mirror_of(tree: Tree, clock: Clock = CLOCK) -> Mirror:
    """The plain mirror of a whole service."""
    mirror = Mirror()
    mirror.replace([qtn1.decode_snapshot(codec.encode_snapshot(tree, root, clock)) for root in tree.roots()])
    return mirror


def check(a: Tree, b: Tree) -> None:
    """The law, with the compiled and the plain mirror, by way of the bytes."""
    before = a.copy()
    digest = b.digest(SERVICE_ID)
    data = codec.encode_batch(Clock(CLOCK.epoch, CLOCK.seq + 1), CLOCK.seq, digest, codec.diff(a, b))
    body = codec.decode_batch(data)
    after = codec.apply(a, body.records)
    assert_same(after, b)
    assert_same(a, before)
    assert body.digest == digest & (1 << 64) - 1
    assert_same(codec.apply(after, body.records), b)  # twice is once
    mirror = mirror_of(a)
    assert mirror.apply(qtn1.decode_batch(data))
    assert mirror.service_digest == mirror.digest() == digest
    assert told({entry.id: entry for _, entry in mirror.paths()}) == told(entries_of(b))


@pytest.mark.parametrize("seed", range(300))
def test_apply_takes_diff_from_one_state_to_the_other(seed: int) -> None:
    before, after, ids = pair(seed)
    check(before.tree(ids), after.tree(ids))


@given(seed=st.integers(0, 2**32), size=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_apply_takes_diff_from_any_state_to_any(seed: int, size: int) -> None:
    before, after, ids = pair(seed, size=size)
    check(before.tree(ids), after.tree(ids))


def test_a_large_tree_and_a_long_batch() -> None:
    rng, kinds = Random(1), [n % 7 == 0 for n in range(3_000)]
    names = [b"%d" % n for n in range(900)]
    before = random_forest(rng, kinds, names)
    after = evolved(rng, before, kinds, names, 300)
    check(before.tree(3_001), after.tree(3_001))
    check(Forest({ROOT: after.nodes[ROOT]}).tree(3_001), after.tree(3_001))
    check(after.tree(3_001), Forest().tree(3_001))


A, B, C, D, E, F = range(ROOT + 1, ROOT + 7)
IDS = F


def house() -> Forest:
    """ROOT has the directories A, B and the file F; A has the directory C, which has the file D; B has the file E."""
    return Forest({
        ROOT: Node(SERVICE_ID, ROOT_PATH, row(DIRECTORY)),
        A: Node(ROOT, b"a", row(DIRECTORY, 0, 1)),
        B: Node(ROOT, b"b", row(DIRECTORY, 0, 2)),
        F: Node(ROOT, b"f", row(FILE, 3, 3)),
        C: Node(A, b"c", row(DIRECTORY, 0, 4)),
        D: Node(C, b"d", row(FILE, 5, 5)),
        E: Node(B, b"e", row(FILE, 6, 6)),
    })  # fmt: skip


Places = dict[int, tuple[int, bytes] | None]
NAMED: dict[str, Places] = {
    "swap of files": {D: (B, b"e"), E: (C, b"d")},
    "swap of directories": {A: (ROOT, b"b"), B: (ROOT, b"a")},
    "circle of three": {A: (ROOT, b"b"), B: (ROOT, b"f"), F: (ROOT, b"a")},
    "directory moved and what is in it, too": {A: (B, b"x"), C: (A, b"y"), D: (C, b"z")},
    "inside out": {C: (ROOT, b"c"), A: (C, b"a")},
    "inside out in place": {C: (ROOT, b"a"), A: (C, b"c")},
    "file replaced by a directory": {F: None, C: (ROOT, b"f")},
    "directory replaced by what was in it": {A: None, C: (ROOT, b"a")},
    "saved from a directory that ends": {A: None, C: None, D: (ROOT, b"d")},
    "all gone": {A: None, B: None, F: None, C: None, D: None, E: None},
    "nothing": {},
}


@pytest.mark.parametrize("name", NAMED)
def test_named_changes(name: str) -> None:
    after = house()
    for eid, place in NAMED[name].items():
        if place is None:
            del after.nodes[eid]
        else:
            after.nodes[eid] = Node(*place, after.nodes[eid].row)
    check(house().tree(IDS), after.tree(IDS))
    check(after.tree(IDS), house().tree(IDS))


def test_a_modified_child_in_a_moved_directory_is_two_short_records() -> None:
    after = house()
    after.nodes[A] = Node(B, b"x", after.nodes[A].row)
    after.nodes[D] = after.nodes[D]._replace(row=row(FILE, 50, 51))
    records = list(codec.diff(house().tree(IDS), after.tree(IDS)))
    assert [(r.id, r.mask) for r in records] == [(A, wire.MASK_PLACE), (D, wire.MASK_SIZE | wire.MASK_MTIME)]


def test_a_directory_that_ends_is_one_record() -> None:
    after = house()
    for eid in (A, C, D):
        del after.nodes[eid]
    assert [(r.id, r.mask) for r in codec.diff(house().tree(IDS), after.tree(IDS))] == [(A, wire.MASK_DELETED)]


def test_two_states_of_different_id_spaces_are_refused() -> None:
    other = house()
    other.nodes[D] = Node(C, b"d", row(DIRECTORY))
    with pytest.raises(ValueError):
        codec.diff(house().tree(IDS), other.tree(IDS))


# ---------------------------------------------------------------- what makes no tree

NEW = 77


def place(eid: int, parent: int, name: bytes) -> qtn1.Record:
    return qtn1.Record(eid, wire.MASK_PLACE, parent, name)


def create(eid: int, parent: int, name: bytes, mode: int = FILE, size: int = 0) -> qtn1.Record:
    return qtn1.Record(eid, wire.MASK_ALL, parent, name, mode, size, 9)


def gone(eid: int) -> qtn1.Record:
    return qtn1.Record(eid, wire.MASK_DELETED)


NO_TREE: dict[str, list[qtn1.Record]] = {
    "below itself": [place(A, C, b"x")],
    "below itself by way of another": [place(A, B, b"x"), place(B, A, b"y")],
    "its own parent": [place(A, A, b"x")],
    "two siblings of one name": [place(F, ROOT, b"a")],
    "two newcomers of one name": [create(NEW, ROOT, b"x"), create(NEW + 1, ROOT, b"x")],
    "two come to one name": [place(D, ROOT, b"x"), place(E, ROOT, b"x")],
    "parent no directory": [place(D, F, b"x")],
    "parent unknown": [place(D, NEW, b"x")],
    "parent new, and a file": [create(NEW, ROOT, b"x"), create(NEW + 1, NEW, b"y")],
    "parent that ends": [gone(B), place(F, B, b"x")],
    "parent in what ends": [gone(A), place(F, C, b"x")],
    "values in what ends": [gone(A), qtn1.Record(D, wire.MASK_SIZE, size=1)],
    "unknown id, only moved": [place(NEW, ROOT, b"x")],
    "unknown id, only a value": [qtn1.Record(NEW, wire.MASK_SIZE, size=1)],
    "file turns into a directory": [qtn1.Record(F, wire.MASK_MODE, mode=DIRECTORY)],
    "directory turns into a file": [qtn1.Record(A, wire.MASK_MODE, mode=FILE)],
    "a directory with a size": [qtn1.Record(A, wire.MASK_SIZE, size=1)],
    "a new directory with a size": [create(NEW, ROOT, b"x", DIRECTORY, 1)],
    "a root that is a file": [create(NEW, 0, b"/x")],
    "a root twice": [create(NEW, 0, ROOT_PATH, DIRECTORY)],
}


@pytest.mark.parametrize("name", NO_TREE)
def test_what_makes_no_tree_is_refused(name: str) -> None:
    records = sorted(NO_TREE[name], key=lambda record: record.id)
    data = plain_encoder.encode_delta(records)
    tree, mirror = house().tree(IDS), mirror_of(house().tree(IDS))
    with pytest.raises(QtnError):
        codec.apply(tree, codec.decode_delta(data))
    assert_same(tree, house().tree(IDS))
    with pytest.raises(qtn1.QtnError):
        mirror.apply_delta(qtn1.decode_delta(data))
    assert mirror.digest() == tree.digest(SERVICE_ID)


BAD_BODIES: dict[str, list[qtn1.Record]] = {
    "id 0": [qtn1.Record(0, wire.MASK_MTIME)],
    "empty mask": [qtn1.Record(A, 0)],
    "unknown bit": [qtn1.Record(A, 32)],
    "deleted and more": [qtn1.Record(A, wire.MASK_DELETED | wire.MASK_PLACE, ROOT, b"x")],
    "empty name": [place(A, ROOT, b"")],
    "name with a slash": [place(A, ROOT, b"x/y")],
    "name of dots": [place(A, ROOT, b"..")],
    "name too long": [place(A, ROOT, b"n" * 1025)],
    "root with a relative path": [place(A, 0, b"srv")],
    "root with dots": [place(A, 0, b"/srv/../x")],
    "mode without a type": [qtn1.Record(A, wire.MASK_MODE, mode=0o644)],
    "twice the same id": [qtn1.Record(A, wire.MASK_MTIME), qtn1.Record(A, wire.MASK_MTIME)],
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_what_is_no_record_is_refused(name: str) -> None:
    data = plain_encoder.encode_delta(BAD_BODIES[name]) if "twice" not in name else twice(BAD_BODIES[name])
    with pytest.raises(QtnError):
        codec.decode_delta(data)
    with pytest.raises(qtn1.QtnError):
        qtn1.decode_delta(data)


def twice(records: Sequence[qtn1.Record]) -> bytes:
    """The plain encoder writes -1 as the distance from an id to itself; a varint can't, so this is 2^64 - 1."""
    body = plain_encoder.varint(2) + plain_encoder.varint(records[0].id) + plain_encoder.varint((1 << 64) - 1)
    body += bytes([wire.MASK_MTIME] * 2) + plain_encoder.zigzag(1) * 2
    return plain_encoder.seal(wire.MAGIC_DELTA + b"\0" + body, 4)


def draw_records(data: st.DataObject) -> list[qtn1.Record]:
    draw = data.draw
    ids = draw(st.lists(st.sampled_from([A, B, C, D, E, F, NEW, NEW + 1]), min_size=1, max_size=5, unique=True))
    found = []
    for eid in sorted(ids):
        mask = draw(st.sampled_from([1, 2, 2, 4, 8, 16, 30, 30]))
        parent = draw(st.sampled_from([0, ROOT, A, B, C, F, NEW]))
        name = draw(st.sampled_from([b"a", b"b", b"x"])) if parent else draw(st.sampled_from([ROOT_PATH, b"/x"]))
        mode, size = draw(st.sampled_from([DIRECTORY, FILE])), draw(st.sampled_from([0, 0, 7]))
        found.append(qtn1.Record(eid, mask, parent, name, mode, size, 8))
    return found


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_both_mirrors_agree_on_any_records(data: st.DataObject) -> None:
    """They refuse the same, and where they take records they hold the same tree afterwards."""
    document = plain_encoder.encode_delta(draw_records(data))
    tree, mirror = house().tree(IDS), mirror_of(house().tree(IDS))
    try:
        after: Tree | None = codec.apply(tree, codec.decode_delta(document))
    except QtnError:
        after = None
    refusal: qtn1.QtnError | None = None
    try:
        mirror.apply_delta(qtn1.decode_delta(document))
    except qtn1.QtnError as error:
        refusal = error
    if after is None:
        assert refusal, "only the plain mirror takes this"
        return
    assert not refusal, f"only the compiled mirror takes this: {refusal}"
    assert told({entry.id: entry for _, entry in mirror.paths()}) == told(entries_of(after))
    assert mirror.service_digest == after.digest(SERVICE_ID)
    assert len(after) == len(entries_of(after))
