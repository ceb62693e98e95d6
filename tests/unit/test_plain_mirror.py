"""Laws of the plain mirror: a batch is applied altogether or not at all, twice is once, and digests are kept up."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.qtn1 import Batch, Entry, QtnError, Record, decode_batch, decode_delta
from spec.qtn1_mirror import Mirror, OutOfStep, compact, diff
from tests.plain_encoder import digest_of, encode_batch, encode_delta, service_digest
from tests.plain_trees import DIRECTORY, FILE, Row, names, snapshot, snapshots

HOUSE: list[Row] = [  # ids 8 a, 9 b, 10 c, 11 d, 12 e, then below d: 13 deep, 14 file; below deep: 15 leaf
    (0, b"a", FILE, 1, 10),
    (0, b"b", FILE, 2, 20),
    (0, b"c", FILE, 3, 30),
    (0, b"d", DIRECTORY, 0, 40),
    (0, b"e", DIRECTORY, 0, 50),
    (4, b"deep", DIRECTORY, 0, 60),
    (4, b"file", FILE, 4, 70),
    (6, b"leaf", FILE, 5, 80),
]
A, B, C, D, E, DEEP, IN_D, LEAF = range(8, 16)
ROOT = 7
NEW = 100
UNKNOWN = 40_000_000  # beyond any id of the trees made here


def house() -> Mirror:
    """A mirror of HOUSE as the one root /srv/tree, id 7."""
    mirror = Mirror()
    mirror.replace([snapshot(HOUSE)])
    return mirror


def place(entry: int, parent: int, name: bytes) -> Record:
    """A record that only moves."""
    return Record(entry, 2, parent, name)


def create(entry: int, parent: int, name: bytes, mode: int = FILE, size: int = 0) -> Record:
    """A record that says everything."""
    return Record(entry, 30, parent, name, mode, size, 99)


def gone(entry: int) -> Record:
    """A deletion."""
    return Record(entry, 1)


def state(mirror: Mirror) -> tuple[int, int, dict[bytes, Entry]]:
    """All that a mirror holds, for comparison."""
    return mirror.epoch, mirror.seq, {path: deepcopy(entry) for path, entry in mirror.paths()}


def paths(mirror: Mirror) -> dict[bytes, int]:
    """Id by path below the root."""
    return {path.removeprefix(b"/srv/tree/"): entry.id for path, entry in mirror.paths() if entry.parent}


def batch(mirror: Mirror, *records: Record) -> Batch:
    """The next batch, through the wire; its digest void."""
    ordered = sorted(records, key=lambda r: r.id)
    return decode_batch(encode_batch(Batch(mirror.epoch, mirror.seq, mirror.seq + 1, None, ordered)))


def apply(mirror: Mirror, *records: Record) -> dict[bytes, int]:
    """Applies the next batch and checks every law that holds after any batch; the paths after it."""
    told = batch(mirror, *records)
    assert mirror.apply(told)
    once = state(mirror)
    assert not mirror.apply(told), "a batch that is known already is skipped"
    mirror.apply_delta(told.records)  # even if it were applied again nothing would change
    assert state(mirror) == once
    assert_sound(mirror)
    return paths(mirror)


def assert_sound(mirror: Mirror) -> None:
    """Indexes agree with entries, and the kept digest with the recursive definition."""
    walked = [entry for _, entry in mirror.paths()]
    assert len(walked) == len(mirror.entries) == sum(map(len, mirror.children.values()))
    roots = [(entry.name, digest_of(walked, entry.id)) for entry in walked if entry.parent == 0]
    assert mirror.service_digest == mirror.digest() == service_digest(roots)


def test_a_mirror_is_the_snapshot() -> None:
    mirror = house()
    assert_sound(mirror)
    assert paths(mirror) == {
        b"a": A, b"b": B, b"c": C, b"d": D, b"d/deep": DEEP, b"d/deep/leaf": LEAF, b"d/file": IN_D, b"e": E,
    }  # fmt: skip


def test_values_change() -> None:
    mirror = house()
    apply(
        mirror, Record(A, 8, size=100), Record(LEAF, 28, mode=0o100600, size=0, mtime_ns=-7), Record(D, 16, mtime_ns=3)
    )
    assert mirror.entries[A] == Entry(A, ROOT, b"a", FILE, 100, 10)
    assert mirror.entries[LEAF] == Entry(LEAF, DEEP, b"leaf", 0o100600, 0, -7)
    assert mirror.entries[D].mtime_ns == 3


def test_swap_and_three_cycle() -> None:
    mirror = house()
    after = apply(mirror, place(A, ROOT, b"b"), place(B, ROOT, b"a"))
    assert (after[b"a"], after[b"b"]) == (B, A)
    after = apply(mirror, place(A, ROOT, b"c"), place(B, ROOT, b"b"), place(C, ROOT, b"a"))
    assert (after[b"a"], after[b"b"], after[b"c"]) == (C, B, A)


def test_directories_swap_with_what_is_below_them() -> None:
    after = apply(house(), place(D, ROOT, b"e"), place(E, ROOT, b"d"))
    assert (after[b"d"], after[b"e"], after[b"e/deep/leaf"]) == (E, D, LEAF)


def test_parent_and_child_change_places() -> None:
    after = apply(house(), place(DEEP, ROOT, b"d"), place(D, DEEP, b"deep"))
    assert after == {
        b"a": A,
        b"b": B,
        b"c": C,
        b"e": E,
        b"d": DEEP,
        b"d/leaf": LEAF,
        b"d/deep": D,
        b"d/deep/file": IN_D,
    }


def test_renamed_over() -> None:
    after = apply(house(), gone(B), place(A, ROOT, b"b"))
    assert after[b"b"] == A
    assert B not in after.values()


def test_directory_moved_and_its_child_changed() -> None:
    mirror = house()
    after = apply(
        mirror, place(D, E, b"moved"), Record(LEAF, 8, size=77), place(IN_D, DEEP, b"file2"), create(NEW, D, b"x")
    )
    assert after[b"e/moved/deep/leaf"] == LEAF
    assert (after[b"e/moved/deep/file2"], after[b"e/moved/x"]) == (IN_D, NEW)
    assert mirror.entries[LEAF].size == 77


def test_file_replaced_by_directory() -> None:
    after = apply(house(), gone(A), create(NEW, ROOT, b"a", DIRECTORY), create(NEW + 1, NEW, b"in", size=5))
    assert (after[b"a"], after[b"a/in"]) == (NEW, NEW + 1)
    assert A not in after.values()


def test_created_child_may_have_a_smaller_id_than_its_parent() -> None:
    after = apply(house(), create(NEW, NEW + 1, b"in"), create(NEW + 1, ROOT, b"dir", DIRECTORY))
    assert after[b"dir/in"] == NEW


def test_deletion_takes_what_is_still_below() -> None:
    mirror = house()
    after = apply(mirror, gone(D), place(DEEP, E, b"saved"))
    assert after == {b"a": A, b"b": B, b"c": C, b"e": E, b"e/saved": DEEP, b"e/saved/leaf": LEAF}
    assert apply(mirror, gone(D)) == after, "what is gone can go again"
    assert apply(mirror, gone(E), gone(DEEP), gone(LEAF)) == {b"a": A, b"b": B, b"c": C}


def test_roots_come_and_go() -> None:
    mirror = house()
    apply(mirror, create(NEW, 0, b"/other", DIRECTORY), create(NEW + 1, NEW, b"f"))
    assert [path for path, entry in mirror.paths() if entry.parent == 0] == [b"/srv/tree", b"/other"]
    apply(mirror, place(D, NEW, b"d"), gone(ROOT))
    assert [path for path, _ in mirror.paths()] == [
        b"/other", b"/other/d", b"/other/d/deep", b"/other/d/deep/leaf", b"/other/d/file", b"/other/f",
    ]  # fmt: skip
    apply(mirror, gone(NEW))
    assert not mirror.entries
    assert mirror.service_digest == 0


def test_a_root_may_be_the_root_directory() -> None:
    mirror = Mirror()
    mirror.replace([snapshot(HOUSE, path=b"/")])
    assert [path for path, _ in mirror.paths()][:2] == [b"/", b"/a"]
    apply(mirror)


def test_several_roots_are_replaced_together() -> None:
    mirror, one, two = Mirror(), snapshot(HOUSE), snapshot(HOUSE, top=50, path=b"/two")
    mirror.replace([one, two])
    assert_sound(mirror)
    assert mirror.service_digest == service_digest([(b"/srv/tree", one.digest), (b"/two", two.digest)])
    for wrong in ([one, one], [one, replace(two, seq=42)], [one, snapshot(HOUSE, top=8, path=b"/two")]):
        before = state(mirror)
        with pytest.raises(QtnError):
            mirror.replace(wrong)
        assert state(mirror) == before
    mirror.replace([two])
    assert [e.id for e in mirror.entries.values() if e.parent == 0] == [50]


def test_the_depth_is_checked_of_what_is_told() -> None:
    """Two directories' towers of 500 and 20: the lower one may be put on the higher one, but not be built on there."""
    towers: list[Row] = [(n, b"d", DIRECTORY, 0, 0) for n in range(500)]
    towers += [(0 if n == 500 else n, b"e", DIRECTORY, 0, 0) for n in range(500, 520)] + [(520, b"f", FILE, 0, 0)]
    mirror = Mirror()
    mirror.replace([snapshot(towers)])
    ids = paths(mirror)
    high, low, last = ids[b"/".join([b"d"] * 500)], ids[b"e"], ids[b"/".join([b"e"] * 20)]
    apply(mirror, place(low, high, b"e"), gone(ids[b"/".join([b"e"] * 20 + [b"f"])]))
    for wrong in (Record(last, 16, mtime_ns=1), create(UNKNOWN, last, b"x")):
        with pytest.raises(QtnError) as caught:
            apply(mirror, wrong)
        assert caught.value.code == "too-deep"
    apply(mirror, place(last, high, b"x"), create(UNKNOWN, last, b"x"))


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([place(A, ROOT, b"b")], "name-twice"),
        ([create(NEW, ROOT, b"a")], "name-twice"),
        ([create(NEW, D, b"x"), create(NEW + 1, D, b"x")], "name-twice"),
        ([place(D, DEEP, b"d")], "below-itself"),
        ([place(D, D, b"d")], "below-itself"),
        ([place(D, E, b"d"), place(E, D, b"e")], "below-itself"),
        ([Record(LEAF, 8, size=1), place(D, DEEP, b"d")], "below-itself"),
        ([place(A, B, b"x")], "parent"),
        ([place(A, NEW, b"x")], "parent"),
        ([place(A, 0, b"/a")], "parent"),
        ([Record(NEW, 14, ROOT, b"x", FILE)], "incomplete-record"),
        ([Record(NEW, 8, size=3)], "incomplete-record"),
        ([Record(A, 4, mode=DIRECTORY)], "type-turned"),
        ([Record(D, 4, mode=FILE)], "type-turned"),
        ([Record(D, 8, size=1)], "directory-size"),
        ([gone(D), place(A, D, b"x")], "below-deleted"),
        ([gone(D), place(A, DEEP, b"x")], "below-deleted"),
        ([gone(D), Record(LEAF, 8, size=1)], "below-deleted"),
        ([gone(D), create(NEW, D, b"x")], "below-deleted"),
    ],
)
def test_what_gives_no_tree_changes_nothing(records: list[Record], code: str) -> None:
    mirror = house()
    before = state(mirror)
    with pytest.raises(QtnError) as caught:
        mirror.apply(batch(mirror, Record(C, 8, size=12345), *records))
    assert caught.value.code == code
    assert state(mirror) == before
    assert_sound(mirror)


def test_clocks_decide() -> None:
    mirror = house()
    epoch, seq = mirror.epoch, mirror.seq
    change = [Record(A, 8, size=9)]
    for wrong, why in [
        (Batch(epoch + 1, seq, seq + 1, None, change), "epoch"),
        (Batch(epoch, seq + 1, seq + 2, None, change), "clock"),
        (Batch(epoch, seq, seq + 1, mirror.service_digest & (2**64 - 1), change), "digest"),
    ]:
        before = state(mirror)
        with pytest.raises(OutOfStep) as caught:
            mirror.apply(wrong)
        assert caught.value.why == why
        assert state(mirror) == before
    assert not mirror.apply(Batch(epoch, seq - 5, seq, None, change))
    assert mirror.apply(Batch(epoch, seq, seq + 9, None, []))
    assert mirror.seq == seq + 9
    assert mirror.apply(Batch(epoch, seq + 3, seq + 10, None, []))  # of a part in which nothing has changed so far
    assert mirror.seq == seq + 10
    with pytest.raises(OutOfStep):
        Mirror().apply(Batch(0, 0, 1, None, []))


def test_the_right_digest_is_accepted() -> None:
    mirror, other = house(), house()
    apply(other, gone(D))
    assert mirror.apply(Batch(mirror.epoch, mirror.seq, mirror.seq + 1, other.service_digest & (2**64 - 1), [gone(D)]))


def test_deltas_in_order_give_the_batch() -> None:
    together, one_by_one = house(), house()
    records = [place(A, E, b"a"), gone(B), create(NEW, ROOT, b"b", DIRECTORY), create(NEW + 1, NEW, b"in")]
    apply(together, *records)
    for record in records:
        one_by_one.apply_delta(decode_delta(encode_delta([record])))
    assert state(together)[2] == state(one_by_one)[2]
    assert_sound(one_by_one)


def edits(mirror: Mirror, draw: st.DrawFn) -> Iterator[Record]:
    """Records about distinct ids, of which a batch can't always be made."""
    known = sorted(mirror.entries)
    directories = [i for i in known if mirror.entries[i].is_dir] + [UNKNOWN]
    for entry in draw(st.lists(st.sampled_from([*known, UNKNOWN, UNKNOWN + 1]), max_size=6, unique=True)):
        parent, name = draw(st.sampled_from(directories)), draw(names)
        held = mirror.entries.get(entry)
        if held is None:
            yield create(entry, parent, name, draw(st.sampled_from([FILE, DIRECTORY])))
        elif draw(st.integers(0, 3)) == 0:
            yield gone(entry)
        elif held.parent:
            yield Record(entry, draw(st.sampled_from([2, 16, 18])), parent, name, 0, 0, draw(st.integers(0, 9)))


@given(snapshots, st.data())
def test_any_batch_keeps_the_mirror_sound(tree: object, data: st.DataObject) -> None:
    mirror = Mirror()
    mirror.replace([tree])  # type: ignore[list-item]
    for _ in range(3):
        before = state(mirror)
        records = list(data.draw(st.composite(lambda draw: list(edits(mirror, draw)))()))
        batch(mirror, *records)  # is well-formed: only applying it may fail
        try:
            apply(mirror, *records)
        except QtnError:
            assert state(mirror) == before
            assert_sound(mirror)


# ---------------------------------------------------------------- diff and compaction


def test_a_diff_is_the_least_that_can_be_said() -> None:
    before, after = house(), house()
    told = [
        Record(A, 8, size=100),
        place(B, E, b"b2"),
        gone(D),
        place(DEEP, E, b"saved"),
        create(NEW, ROOT, b"x", DIRECTORY),
        Record(ROOT, 20, mode=0o040700, mtime_ns=4),
    ]
    apply(after, *told)
    assert diff(before, after) == sorted(told, key=lambda r: r.id), "and of what was below D nothing"
    assert diff(after, after) == []


@given(snapshots, st.data())
def test_any_diff_and_compaction_lead_to_the_same_tree(tree: object, data: st.DataObject) -> None:
    before = Mirror()
    before.replace([tree])  # type: ignore[list-item]
    kept = state(before)
    after, batches = before.copy(), []
    for _ in range(3):
        told = batch(after, *data.draw(st.composite(lambda draw: list(edits(after, draw)))()))
        try:
            after.apply(told)
        except QtnError:
            continue
        batches.append(replace(told, digest_low=after.service_digest & (2**64 - 1)))
    if batches:
        one = decode_batch(encode_batch(compact(before, batches)))
        assert state(before) == kept
        assert (one.from_seq, one.to_seq) == (before.seq, after.seq)
        assert one.digest_low == batches[-1].digest_low
        again = before.copy()
        assert again.apply(one)
        assert state(again) == state(after)
        assert len(one.records) <= sum(len(b.records) for b in batches)


def test_only_consecutive_batches_are_compacted() -> None:
    mirror = house()
    first, stray = batch(mirror, gone(A)), Batch(mirror.epoch, mirror.seq + 2, mirror.seq + 3, None, [])
    with pytest.raises(OutOfStep):
        compact(mirror, [first, stray])
