"""The law of differences: the changes lead from any clock that is known to the present, of all as of any part; what was
written is told, and what is not known is None.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import codec
from smarttree.clock import Clock
from smarttree.difference import Difference
from smarttree.selection import Selection
from smarttree.stream.batch import Change, Criteria
from smarttree.stream.horizon import Horizon
from smarttree.tree import SERVICE_ID, Tree
from tests.unit.test_compaction import EPOCH, Life
from tests.unit.test_selection import criterias, told_but_root

EVERYTHING = Criteria()


def paths_of(tree: Tree) -> dict[bytes, int]:
    """What is below the roots, by path: the ids."""
    return {tree.path(eid): eid for eid in tree.below(SERVICE_ID).tolist() if tree.parent(eid) != SERVICE_ID}


def applied(paths: Iterable[bytes], changes: Iterable[Change]) -> dict[bytes, int | None]:
    """What someone holds who goes by paths alone, and stops at what can't be: with the size that was told of it."""
    held: dict[bytes, int | None] = dict.fromkeys(paths)
    for change in changes:
        path, old = change.path, change.old_path
        assert (path in held) == (change.type in ("modified", "deleted"))
        if change.type == "deleted":
            held = {each: size for each, size in held.items() if not is_within(each, path)}
        elif old is None:
            held[path] = change.size
        else:
            assert old in held
            held = {path + each[len(old) :] if is_within(each, old) else each: size for each, size in held.items()}
    return held


def is_within(path: bytes, top: bytes) -> bool:
    return path == top or path.startswith(top + b"/")


def seen(criteria: Criteria, tree: Tree) -> Tree:
    return tree if criteria == EVERYTHING else Selection(criteria, tree).tree


def assert_difference(difference: Difference, start: Tree, target: Tree) -> None:
    changes = [change for _, some in difference.told for change in some]
    after, held = paths_of(target), applied(paths_of(start), changes)
    assert held.keys() == after.keys()
    for path, eid in after.items():
        size, row = held[path], target.row(eid)
        assert size in (None, row.size)
        if eid not in start or (not row.is_dir and start.row(eid)[:3] != row[:3]):
            assert size is not None, path
    if difference.data:
        mirror = codec.apply(start, codec.decode_batch(difference.data).records)
        assert told_but_root(mirror) == told_but_root(target)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 20), st.lists(criterias, max_size=3))
def test_they_lead_to_the_present(seed: int, asked: list[Criteria]) -> None:
    binary = seed % 2 == 0
    life = Life(seed, horizon_bytes=1 << 20, retention_bytes=20_000)
    for _ in range(life.dice.randrange(1, 30)):
        life.turn(life.dice.randrange(1, 5))
    for criteria in [EVERYTHING, *asked]:
        for seq in life.dice.choices(list(life.states), k=6):
            wanted = None if criteria == EVERYTHING else criteria
            difference = life.commits.differences.since(Clock(EPOCH, seq), wanted, binary=binary)
            assert difference is not None
            assert (difference.since.seq, difference.clock.seq) == (seq, life.log.head)
            assert_difference(difference, seen(criteria, life.states[seq]), seen(criteria, life.tree))
            assert difference.data is not None or not binary


@pytest.mark.parametrize("seed", range(10))
def test_beyond_the_horizon_the_batches_themselves_are_told(seed: int) -> None:
    life = Life(seed, horizon_bytes=1 << 20, retention_bytes=1 << 20)
    for _ in range(20):
        life.turn(3)
    life.log._horizon = Horizon(life.log.head, 1 << 20)
    for seq in life.states:
        if seq == life.log.head:
            continue
        difference = life.commits.differences.since(Clock(EPOCH, seq))
        assert difference is not None
        assert_difference(difference, life.states[seq], life.tree)


def test_what_is_not_known_is_not_told() -> None:
    life = Life(1, horizon_bytes=26_000, retention_bytes=1)
    first = life.commits.clock
    for _ in range(200):
        life.turn(4)
    differences, head = life.commits.differences, life.commits.clock
    assert life.log.horizon > first.seq
    for unknown in (first, Clock(EPOCH, head.seq + 1), Clock(EPOCH + 1, head.seq), Clock(EPOCH, 0)):
        assert differences.since(unknown) is None
        assert differences.since(unknown, Criteria(include=(b"a",))) is None
    assert differences.since(head) == Difference(head, head, (), b"", life.commits.pinned()[1].more)  # type: ignore[union-attr]
