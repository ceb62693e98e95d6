"""The compiled codec and the plain one say the same in the same bytes: snapshots, batches, deltas, diffs, compaction.

Law: the canonical form is one byte string for one tree; `diff` is the least; what is compacted has the effect of the
sequence. Trees and changes are by chance, the same in every run but for hypothesis.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings

from smarttree import codec, qtn
from smarttree.clock import Clock
from smarttree.tree import SERVICE_ID, Tree
from spec import qtn1, qtn1_mirror, qtn1_parts
from spec.qtn1_mirror import Mirror
from tests.plain_trees import DIRECTORY, FILE, Row, rows
from tests.trees import CLOCK, evolved, random_forest, tree_of

typed_rows = rows().filter(lambda it: all(mode & 0xF000 for _, _, mode, _, _ in it))


@given(typed_rows)
@settings(deadline=None)
def test_any_tree_has_one_form(rows: list[Row]) -> None:
    for seed in (None, 3):
        tree, top = tree_of(rows, seed=seed)
        data = codec.encode_snapshot(tree, top, CLOCK)
        assert qtn1.encode_snapshot(qtn1.decode_snapshot(data)) == data


def test_a_tree_of_several_chunks_has_one_form_and_one_manifest() -> None:
    rng = Random(1)
    directories: list[Row] = [(rng.randrange(n + 1), b"d%d" % n, DIRECTORY, 0, n) for n in range(2_000)]
    files: list[Row] = [
        (rng.randrange(2_001), b"%d.%s" % (n, rng.choice([b"c", b"h", b"md"])), FILE, n * n, n // 30)
        for n in range(60_000)
    ]
    tree, top = tree_of(directories + files)
    parts = qtn.encode_parts(tree, top, CLOCK)
    assert len(parts.chunks) >= 3
    assert qtn1.encode_snapshot(qtn1.decode_snapshot(parts.snapshot())) == parts.snapshot()
    plain = qtn1_parts.decode_manifest(parts.manifest())
    assert [(n, [(g.address, len(g.stored)) for g in groups]) for n, groups in parts.chunks] == plain.chunks


def states(seed: int, count: int) -> list[Tree]:
    """Some states of one id space, each a few changes after the one before."""
    rng, names = Random(seed), [b"a", b"b.c", b"c", b"\xff\n"]
    kinds = [rng.random() < 0.5 for _ in range(rng.randrange(2, 40))]
    forests = [random_forest(rng, kinds, names)]
    for _ in range(count - 1):
        forests.append(evolved(rng, forests[-1], kinds, names, rng.randrange(1, 12)))
    return [forest.tree(len(kinds) + 1) for forest in forests]


def mirror_of(tree: Tree, seq: int) -> Mirror:
    mirror = Mirror()
    clock = Clock(CLOCK.epoch, seq)
    mirror.replace([qtn1.decode_snapshot(codec.encode_snapshot(tree, root, clock)) for root in tree.roots()])
    return mirror


@pytest.mark.parametrize("seed", range(100))
def test_changes_have_one_form(seed: int) -> None:
    before, after = states(seed, 2)
    records = codec.diff(before, after)
    batch = codec.encode_batch(Clock(CLOCK.epoch, 8), 7, after.digest(SERVICE_ID), records)
    plain = qtn1.decode_batch(batch)
    assert qtn1.encode_batch(plain) == batch
    assert qtn1_mirror.diff(mirror_of(before, 7), mirror_of(after, 8)) == plain.records
    if len(records):
        assert qtn1.encode_delta(plain.records) == codec.encode_delta(records)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_compacted_is_the_same_in_both(seed: int) -> None:
    trees = states(seed, 5)
    bodies = [qtn.diff(a, b) for a, b in pairwise(trees)]
    batches = [
        qtn1.decode_batch(qtn.encode_batch(Clock(CLOCK.epoch, n + 1), n, qtn.digest(after), body))
        for n, (body, after) in enumerate(zip(bodies, trees[1:], strict=True))
    ]
    mirror = mirror_of(trees[0], 0)
    plain = qtn1_mirror.compact(mirror, batches)
    compacted = qtn.compact(trees[0], bodies)
    data = qtn.encode_batch(Clock(CLOCK.epoch, len(bodies)), 0, qtn.digest(trees[-1]), compacted)
    assert qtn1.encode_batch(plain) == data
    assert mirror.apply(plain)
    assert mirror.service_digest == mirror.digest() == qtn.digest(trees[-1])
