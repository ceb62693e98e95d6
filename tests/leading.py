"""What leads from one tree to another: batches for a mirror, changes for who goes by paths."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from smarttree import codec
from smarttree.clock import Clock
from smarttree.stream.batch import Batch, Change
from smarttree.tree import NO_ID, SERVICE_ID, Tree, kind_of
from spec import qtn1
from spec.qtn1_mirror import Mirror
from tests.trees import entries_of

START = Clock(7, 41)


def mirror_of(tree: Tree) -> Mirror:
    mirror = Mirror()
    mirror.replace([qtn1.decode_snapshot(codec.encode_snapshot(tree, root, START)) for root in tree.roots()])
    return mirror


def told(tree: Tree) -> dict[int, tuple[int, bytes, int, int, int]]:
    return {eid: (e.parent, e.name, e.mode, e.size, e.mtime_ns) for eid, e in entries_of(tree).items()}


def assert_changes_lead(start: Tree, target: Tree, changes: Iterable[Change], *, exact: bool = True) -> None:
    """Applied one after the other: each valid when it comes, by its paths, and at last the target is reached. Not
    `exact`: a file's size may be told before it is news, or be its last one; that is then so for the growth.
    """
    tree = start
    for change in changes:
        records = codec.decode_delta(change.delta)
        (record,) = records
        after = codec.apply(tree, records)
        assert_true(change, record.id, tree, after, exact=exact)
        growth = after.totals(SERVICE_ID).size - tree.totals(SERVICE_ID).size
        assert change.growth == growth or not exact
        tree = after
    assert without_dir_mtimes(tree) == without_dir_mtimes(target)


def assert_true(change: Change, eid: int, before: Tree, after: Tree, *, exact: bool) -> None:
    """The change says what happens between two states."""
    was, comes = before.resolve(change.path), after.resolve(change.path)
    assert (change.old_path is not None) == (change.type == "renamed")
    holder = before if change.type == "deleted" else after
    assert not exact or (change.kind, change.size) == (kind_of(holder.mode(eid)), holder.row(eid).size)
    match change.type:
        case "created":
            assert (was, comes) == (NO_ID, eid)
            assert eid not in before
        case "deleted":
            assert (was, comes) == (eid, NO_ID)
            assert eid not in after
        case "renamed":
            assert change.old_path is not None
            assert (was, comes) == (NO_ID, eid)
            assert before.resolve(change.old_path) == eid
        case "modified":
            assert was == comes == eid
        case _:
            pytest.fail(f"a change of the type {change.type}")


def without_dir_mtimes(tree: Tree) -> dict[bytes, tuple[int, int, int, int]]:
    """By path: (id, mode, size, mtime), that of a directory left out."""
    return {
        tree.path(eid): (eid, e.mode, e.size, 0 if tree.is_dir(eid) else e.mtime_ns)
        for eid, e in entries_of(tree).items()
        if e.parent != SERVICE_ID
    }


def assert_leads(batch: Batch, start: Tree, target: Tree) -> None:
    """A compacted batch does what it should: by its records, for two decoders, and by its changes."""
    mirror, clock = mirror_of(start), batch.from_seq
    mirror.seq = clock
    assert mirror.apply(qtn1.decode_batch(batch.data))
    held = {e.id: (e.parent, e.name, e.mode, e.size, e.mtime_ns) for e in mirror.entries.values()}
    assert held == told(target)
    assert mirror.digest() == batch.digest == target.digest(SERVICE_ID)
    assert told(codec.apply(start, codec.decode_batch(batch.data).records)) == told(target)
    known = start.copy()
    known.admit(target.ids)
    for root in set(target.roots()) - set(start.roots()):  # a root is told by its record alone
        known.insert(root, SERVICE_ID, target.name(root), target.row(root))
    assert_changes_lead(known, target, batch.changes, exact=False)
