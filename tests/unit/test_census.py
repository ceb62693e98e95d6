"""A census says of a tree what a look at each entry says, whatever the names are and however the ids lie."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import census
from smarttree.census import Extension, Sought
from smarttree.tree import SERVICE_ID, Tree
from tests import plain_trees
from tests.plain_trees import DIRECTORY, FILE, TREES, Row
from tests.trees import row, tree_of

SOUGHT = Sought(files=(b"a", b"ab.a"), directories=(b"a",), beginnings=(b"a.",), endings=(b"bb",))
WRAP = 1 << 64  # sizes are summed as 64 bits


def extension_of(name: bytes) -> bytes:
    at = name.rfind(b".")
    return name[at:] if at > 0 else b""


def check(tree: Tree, top: int, most: int) -> None:
    below = tree.below(top).tolist()
    files = [entry for entry in below if not tree.is_dir(entry)]
    counts: Counter[bytes] = Counter(extension_of(tree.name(entry)) for entry in files)
    sizes: Counter[bytes] = Counter()
    for entry in files:
        sizes[extension_of(tree.name(entry))] += tree.row(entry).size
    found = census.take(tree, top, most, SOUGHT)
    # Sorting is stable: of equals, the first in directory order.
    assert found.largest == sorted(files, key=lambda entry: -tree.row(entry).size)[:most]
    assert found.newest == sorted(files, key=lambda entry: -tree.row(entry).mtime_ns)[:most]
    inside = [entry for entry in tree.children(top) if tree.is_dir(entry)]
    assert found.directories == sorted(inside, key=lambda entry: -tree.totals(entry).size)[:most]
    assert (found.subdirectories, found.distinct) == (len(inside), len(counts))
    everything = {Extension(name, count, sizes[name] % WRAP) for name, count in counts.items()}
    for ranked, key in ((found.by_size(64), "size"), (found.by_files(64), "files")):
        assert set(ranked) <= everything
        assert len(ranked) == min(64, len(everything))
        assert [getattr(each, key) for each in ranked] == sorted((getattr(e, key) for e in everything), reverse=True)[
            :64
        ]
    for each in everything:
        assert found.extension(each.extension) == (each.files, each.size)
    named = [sum(tree.name(e) == name for e in files) for name in SOUGHT.files]
    assert found.sighted() == [*named, sum(tree.name(e) == b"a" and tree.is_dir(e) for e in below)]
    stems = [tree.name(e)[: len(tree.name(e)) - len(extension_of(tree.name(e)))] for e in files]
    assert found.marked == any(
        (stem.startswith(b"a.") or stem.endswith(b"bb")) and stem not in (b"a.", b"bb") for stem in stems
    )


@settings(deadline=None)  # the first example loads numpy
@given(plain_trees.rows(), st.integers(1, 64), st.none() | st.integers(0, 99))
def test_a_census_is_what_each_entry_says(rows: list[Row], most: int, seed: int | None) -> None:
    tree, top = tree_of(rows, seed=seed)
    check(tree, top, most)
    for entry in tree.below(top).tolist():
        check(tree, entry, most)


@pytest.mark.parametrize("name", TREES)
def test_a_census_of_named_trees(name: str) -> None:
    check(*tree_of(TREES[name]), 10)


def test_more_extensions_than_the_table_begins_with() -> None:
    """Also such that end alike, and longer than what is compared at once."""
    rng = Random(7)
    names = {b"f.%d%s" % (rng.randrange(3000), b"-ends-alike" * rng.randrange(3)) for _ in range(6000)}
    rows: list[Row] = [(0, name, FILE, rng.randrange(100), 0) for name in sorted(names)]
    tree, top = tree_of(rows)
    assert census.take(tree, top, 1).distinct > 2000
    check(tree, top, 10)


def test_a_census_of_all_roots() -> None:
    tree, first = tree_of([(0, b"a.c", FILE, 5, 0)], path=b"/one")
    second = tree.issue()
    tree.insert(second, SERVICE_ID, b"/two", row(DIRECTORY))
    below = tree.issue()
    tree.insert(below, second, b"b.c", row(FILE, 7))
    found = census.take(tree, SERVICE_ID, 10)
    assert found.largest == [below, tree.child(first, b"a.c")]
    assert (found.directories, found.by_size(9)) == ([second, first], [Extension(b".c", 2, 12)])


def test_extensions_in_both_cases() -> None:
    tree, top = tree_of([(0, b"a.JPG", FILE, 5, 0), (0, b"b.jpg", FILE, 5, 0), (0, b"c.7z", FILE, 5, 0)])
    found = census.take(tree, top, 10)
    assert found.files_of(b".jpg", b".7z") == 3
    assert found.files_of() == found.files_of(b".png") == 0


@pytest.mark.parametrize("most", [0, 65])
def test_ranks_have_a_bound(most: int) -> None:
    tree, top = tree_of([])
    with pytest.raises(ValueError):
        census.take(tree, top, most)
    with pytest.raises(KeyError):
        census.take(tree, top + 1, 10)


@pytest.mark.parametrize(
    "sought", [Sought(files=(b"n" * 64,)), Sought(files=(b"",)), Sought(endings=(b"",)), Sought(files=(b"a",) * 129)]
)
def test_what_is_sought_has_a_bound(sought: Sought) -> None:
    tree, top = tree_of([])
    with pytest.raises(ValueError):
        census.take(tree, top, 10, sought)
