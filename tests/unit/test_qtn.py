"""Laws of the library's face: columns say what the tree says; parts make the whole; compaction is the sequence."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import codec, qtn
from smarttree._entries import Entries
from smarttree.codec import snapshot as snapshots
from smarttree.errors import PathError, QtnError
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from tests.plain_trees import DIRECTORY, FILE, TREES
from tests.plain_trees import Row as PlainRow
from tests.trees import CLOCK, entries_of, evolved, pair, random_forest, tree_of


def forest(files: int) -> list[PlainRow]:
    """Directories three deep, with so many files: several chunks."""
    found: list[PlainRow] = [(0, b"d%02d" % d, DIRECTORY, 0, d) for d in range(20)]
    found += [(1 + d % 20, b"e%02d" % d, DIRECTORY, 0, d) for d in range(100)]
    return found + [(21 + i % 100, b"%05d.%s" % (i, [b"c", b"h"][i % 2]), FILE, i, i // 9) for i in range(files)]


@pytest.fixture(scope="module")
def large() -> tuple[Tree, int]:
    return tree_of(forest(120_000))


def test_everything_public_is_there() -> None:
    assert sorted(qtn.__all__) == sorted(set(qtn.__all__))
    assert all(hasattr(qtn, name) for name in qtn.__all__)


@pytest.mark.parametrize("name", TREES)
def test_columns_say_what_the_tree_says(name: str) -> None:
    tree, top = tree_of(TREES[name], seed=4)
    found = qtn.decode(qtn.encode(tree, top, CLOCK))
    columns, ids = found.columns, tree.below(top)
    assert (found.clock, found.path, found.top, found.digest) == (CLOCK, tree.path(top), top, qtn.digest(tree, top))
    assert (found.mode, found.mtime_ns) == (tree.row(top).mode, tree.row(top).mtime_ns)
    assert columns.ids.tolist() == ids.tolist()
    assert columns.parents.tolist() == [tree.parent(i) for i in ids.tolist()]
    rows = [tree.row(i) for i in ids.tolist()]
    assert columns.modes.tolist() == [row.mode for row in rows]
    assert columns.sizes.tolist() == [row.size for row in rows]
    assert columns.mtimes_ns.tolist() == [row.mtime_ns for row in rows]
    ends = [0, *columns.name_ends.tolist()]
    assert [bytes(columns.names[a:b]) for a, b in pairwise(ends)] == [tree.name(i) for i in ids.tolist()]


def test_columns_outlive_what_they_are_of_and_cannot_be_written() -> None:
    sizes = qtn.decode(qtn.encode(*tree_of(TREES["WIDE"]))).columns.sizes
    assert int(sizes.sum()) == sum(row[3] for row in TREES["WIDE"])
    assert sizes.base is not None
    with pytest.raises(ValueError, match="read-only"):
        sizes[0] = np.uint64(1)


def test_threads_make_no_difference(large: tuple[Tree, int]) -> None:
    data = qtn.encode(*large, CLOCK)
    assert qtn.encode(*large, CLOCK, threads=3) == data
    one, other = qtn.decode(data), qtn.decode(data, threads=3)
    assert (one.columns.ids == other.columns.ids).all()
    assert (one.columns.names == other.columns.names).all()


def test_more_entries_than_allowed_are_refused(large: tuple[Tree, int]) -> None:
    data, entries = qtn.encode(*large), len(large[0].below(large[1]))
    assert len(qtn.decode(data, max_entries=entries).columns.ids) == entries
    for decode in (qtn.decode, lambda data, max_entries: qtn.decode_below(data, b"d01", max_entries=max_entries)):
        with pytest.raises(QtnError) as caught:
            decode(data, max_entries=entries - 1)
        assert caught.value.code == "too-many-entries"


# ---------------------------------------------------------------- one directory of many


def chunks_unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fills up with where each chunk begins that is decoded from now on."""
    starts, real = [], snapshots._piece

    def piece(numbered: tuple[snapshots._Chunk, int]) -> Entries:
        starts.append(numbered[0].start)
        return real(numbered)

    monkeypatch.setattr(snapshots, "_piece", piece)
    return starts


def test_one_directory_is_decoded_without_the_rest(large: tuple[Tree, int], monkeypatch: pytest.MonkeyPatch) -> None:
    tree, top = large
    data, starts = qtn.encode(tree, top, CLOCK), chunks_unpacked(monkeypatch)
    inner = tree.resolve(tree.path(top) + b"/d07/e47")
    found = qtn.decode_below(data, b"d07/e47")
    assert len(starts) <= 3
    assert len(snapshots._open(data, 10**6)[1]) >= 4
    assert (found.clock, found.path, found.top) == (CLOCK, tree.path(inner), inner)
    assert found.digest == tree.digest(inner)
    assert entries_of(found.tree, inner) == entries_of(tree, inner)


@given(seed=st.integers(0, 2**32), chunk=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_every_directory_can_be_decoded_alone(seed: int, chunk: int) -> None:
    tree = pair(seed, size=25)[0].tree(26)
    (root,) = tree.roots()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "smarttree.codec.parts.cut_chunks", lambda _, ids: pairwise([*range(0, len(ids), chunk), len(ids)])
        )
        data = qtn.encode(tree, root, CLOCK)
    for eid in [root, *tree.below(root).tolist()]:
        path = tree.path(eid)[len(tree.path(root)) :]
        if not tree.is_dir(eid):
            with pytest.raises(PathError):
                qtn.decode_below(data, path)
            continue
        found = qtn.decode_below(data, path)
        assert (found.top, found.path, found.digest) == (eid, tree.path(eid), tree.digest(eid))
        assert found.columns.ids.tolist() == tree.below(eid).tolist()
    with pytest.raises(PathError):
        qtn.decode_below(data, b"no such name")


# ---------------------------------------------------------------- parts


def test_a_manifest_and_its_groups_make_the_snapshot(large: tuple[Tree, int]) -> None:
    parts = qtn.encode_parts(*large, CLOCK)
    groups = {group.address: group.stored for _, chunk in parts.chunks for group in chunk}
    data = qtn.encode(*large, CLOCK)
    assert parts.snapshot() == data
    assert qtn.assemble(parts.manifest(), groups) == data
    manifest = qtn.decode_manifest(parts.manifest())
    assert manifest.header == parts.header
    assert [(n, [(r.address, r.size) for r in chunk]) for n, chunk in manifest.chunks] == [
        (n, [(g.address, len(g.stored)) for g in chunk]) for n, chunk in parts.chunks
    ]
    assert all(qtn.address(stored) == address for address, stored in groups.items())


def test_a_group_that_is_another_is_refused(large: tuple[Tree, int]) -> None:
    parts = qtn.encode_parts(*large, CLOCK)
    groups = {group.address: group.stored for _, chunk in parts.chunks for group in chunk}
    one, other = sorted(groups)[:2]
    with pytest.raises(QtnError) as caught:
        qtn.assemble(parts.manifest(), groups | {one: groups[other]})
    assert caught.value.code == "address"
    with pytest.raises(KeyError):
        qtn.assemble(parts.manifest(), {})


def addresses(tree: Tree, top: int) -> list[tuple[int, int, int]]:
    """(names, meta, ids) of each chunk."""
    return [(a.address, b.address, c.address) for _, (a, b, c) in qtn.encode_parts(tree, top).chunks]


def test_a_modification_changes_one_group(large: tuple[Tree, int]) -> None:
    tree, top = large
    after, victim = tree.copy(), int(tree.below(top)[-1])
    after.update(victim, tree.row(victim)._replace(size=1 << 40, mtime_ns=-1))
    before, now = addresses(tree, top), addresses(after, top)
    assert [pair for pair in zip(before, now, strict=True) if pair[0] != pair[1]] == [(before[-1], now[-1])]
    assert (before[-1][0], before[-1][2]) == (now[-1][0], now[-1][2])


def test_an_insertion_moves_few_cuts(large: tuple[Tree, int]) -> None:
    tree, top = large
    after = tree.copy()
    place = tree.resolve(tree.path(top) + b"/d00/e00")
    after.insert(after.issue(), place, b"00000-first", tree.row(int(tree.below(top)[-1])))
    before, now = {names for names, _, _ in addresses(tree, top)}, {names for names, _, _ in addresses(after, top)}
    assert len(now - before) <= 3 < len(now)


def test_a_group_has_five_columns_at_most() -> None:
    column = b"\x01\x01x"
    assert qtn.address(column * 5)
    with pytest.raises(QtnError) as caught:
        qtn.address(column * 6)
    assert caught.value.code == "bytes-left-over"


def test_a_path_past_the_limit_leads_to_no_directory() -> None:
    """80 levels of names of a thousand bytes: each is legal, and the path of the last is none."""
    rows: list[PlainRow] = [(n, b"n" * 1000, DIRECTORY, 0, 0) for n in range(80)]
    data = qtn.encode(*tree_of(rows))
    assert len(qtn.decode_below(data, b"/".join([b"n" * 1000] * 60)).columns.ids) == 20
    with pytest.raises(PathError):
        qtn.decode_below(data, b"/".join([b"n" * 1000] * 70))


# ---------------------------------------------------------------- changes


def test_an_id_that_goes_from_directory_to_file_cannot_be_compacted() -> None:
    """Each batch can be applied; no record says what both do."""
    before, _ = tree_of([(0, b"d", DIRECTORY, 0, 0)])
    gone = qtn.Records()
    gone.delete(2)
    between = qtn.apply(before, gone)
    after = between.copy()
    after.insert(2, 1, b"d", before.row(2)._replace(mode=FILE))
    with pytest.raises(QtnError) as caught:
        qtn.compact(before, [gone, qtn.diff(between, after)])
    assert caught.value.code == "type-turned"


def test_a_chain_that_is_too_deep_is_refused_as_it_is_linked() -> None:
    tree, top = tree_of([(n, b"d", DIRECTORY, 0, 0) for n in range(600)])
    empty, _ = tree_of([])
    with pytest.raises(QtnError) as caught:
        qtn.apply(empty, qtn.diff(empty, tree))
    assert (caught.value.code, tree.is_dir(top)) == ("too-deep", True)


@given(seed=st.integers(0, 2**32), steps=st.integers(0, 6))
@settings(max_examples=100, deadline=None)
def test_compacted_batches_do_what_they_do_one_after_the_other(seed: int, steps: int) -> None:
    rng, names = Random(seed), [b"a", b"b", b"c"]
    kinds = [rng.random() < 0.5 for _ in range(12)]
    states = [random_forest(rng, kinds, names)]
    for _ in range(steps):
        states.append(evolved(rng, states[-1], kinds, names, rng.randrange(1, 6)))
    trees = [state.tree(13) for state in states]
    batches = [qtn.diff(a, b) for a, b in pairwise(trees)]
    compacted = qtn.compact(trees[0], batches)
    after = qtn.apply(trees[0], compacted)
    assert entries_of(after) == entries_of(trees[-1])
    assert qtn.digest(after) == qtn.digest(trees[-1])
    assert compacted == qtn.diff(trees[0], trees[-1])


def test_a_scan_is_a_tree(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"1234")
    tree, top = qtn.scan(str(tmp_path))
    child = tree.child(tree.child(top, b"d"), b"f")
    assert child != NO_ID
    assert tree.row(child).size == 4
    assert codec.decode_snapshot(qtn.encode(tree, top)).tree.digest(SERVICE_ID) == qtn.digest(tree)
