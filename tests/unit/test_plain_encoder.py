"""Laws of the plain encoder's canonical form: a function of the tree alone, with the choices that the page names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import xxhash
from hypothesis import given

from spec.qtn1 import (
    Batch,
    Entry,
    QtnError,
    Record,
    Snapshot,
    cuts,
    decode_batch,
    decode_delta,
    decode_snapshot,
    directory_order,
    encode_batch,
    encode_delta,
    encode_snapshot,
    from_text,
    to_text,
)
from spec.qtn1_columns import Reader
from spec.qtn1_parts import encode_manifest, groups_of
from tests import plain_encoder as liberal
from tests.plain_encoder import Choices
from tests.plain_trees import DIRECTORY, FILE, TREES, Row, snapshot, snapshots


def columns(s: Snapshot) -> list[list[bytes]]:
    """Every chunk's twelve columns, unpacked."""
    groups = groups_of(encode_snapshot(s))
    found: list[bytes] = []
    for group in groups:
        r = Reader(group, 0, len(group))
        while r.left():
            column = r.column()
            found.append(column.raw(column.left()))
    return [found[at : at + 12] for at in range(0, len(found), 12)]


def test_a_tree_comes_back_and_other_choices_are_made_canonical() -> None:
    for rows in TREES.values():
        s = snapshot(rows)
        document = encode_snapshot(s)
        assert decode_snapshot(document) == s
        for choices in (Choices(chunk=7), Choices(extensions=False, prefixes=False), Choices(always_below=True)):
            assert encode_snapshot(decode_snapshot(liberal.encode_snapshot(s, choices))) == document


@given(snapshots)
def test_the_order_in_which_entries_are_held_does_not_matter(s: Snapshot) -> None:
    shuffled = replace(s, entries=dict(sorted(s.entries.items(), key=lambda item: item[1].name[::-1])))
    for uncompressed in (False, True):
        document = encode_snapshot(s, uncompressed=uncompressed)
        assert encode_snapshot(shuffled, uncompressed=uncompressed) == document
        assert decode_snapshot(document) == s
        assert from_text(to_text(document)) == document


def test_what_zstd_makes_no_smaller_is_stored_as_it_is() -> None:
    """A frame of just the column's size would be taken for the column."""
    times = [-9_223_372_036_854_767_617, 4_516_417, 0, 0]
    s = snapshot([(0, b"%d" % n, DIRECTORY, 0, t) for n, t in enumerate(times)])
    assert decode_snapshot(encode_snapshot(s)) == s


def test_the_ids_are_in_no_other_group() -> None:
    near, far = (groups_of(encode_snapshot(snapshot(TREES["WIDE"], scattered=far))) for far in (False, True))
    assert [a == b for a, b in zip(near, far, strict=True)] == [True, True, False]


def test_extensions_are_the_most_frequent_that_occur_twice() -> None:
    names = [
        b"a.c",
        b"b.c",
        b"c.b",
        b"d.b",
        b"e.a",
        b"f.a",
        b"g.a",
        b"once.x",
        b".c",
        b"h.",
        b"i." + b"n" * 16,
        b"j." + b"n" * 16,
    ]
    ((*_, extensions, ids, _, _, _, _, _, _, _),) = columns(snapshot([(0, name, FILE, 0, 0) for name in sorted(names)]))
    assert extensions == b".a\0.b\0.c\0"
    assert ids == bytes([0, 3, 3, 2, 2, 1, 1, 1, 0, 0, 0, 0])


def test_a_prefix_is_of_the_stem_and_the_whole_name_before() -> None:
    long = b"p" * 300
    names = [b"ab.c", b"ab.cd", b"b.c", long, long + b"q"]
    ((_, prefixes, suffixes, *_),) = columns(snapshot([(0, name, FILE, 0, 0) for name in names]))
    assert prefixes == bytes([0, 4, 0, 0, 255])
    assert suffixes == b"ab\0d\0b\0" + long + b"\0" + b"p" * 45 + b"q\0"


def test_there_is_a_table_of_times_where_it_is_at_most_half() -> None:
    def table(times: list[int]) -> bytes:
        ((*_, told, _, _, _),) = columns(snapshot([(0, b"%03d" % n, FILE, 0, t) for n, t in enumerate(times)]))
        return told

    assert table([5, 5, 9, 9]) == b"\x02\x0a\x04"
    assert table([5, 5, 9, 10]) == b"\0"


def test_counts_below_are_told_where_there_are_any() -> None:
    flat: list[Row] = [(0, b"d", DIRECTORY, 0, 0), (1, b"f", FILE, 0, 0)]
    assert [chunk[11] for chunk in columns(snapshot(flat))] == [b""]
    deeper: list[Row] = [*flat, (1, b"e", DIRECTORY, 0, 0), (3, b"x", FILE, 0, 0), (3, b"y", FILE, 0, 0)]
    assert [chunk[11] for chunk in columns(snapshot(deeper))] == [b"\x02\x00"]


def cut_at(rows: list[tuple[bytes, int]]) -> list[int]:
    """Where the entries, given by name and parent, are cut."""
    entries = [
        Entry(n, parent, name, DIRECTORY if name[:1] == b"D" else FILE, 0, 0)
        for n, (name, parent) in enumerate(rows, 1)
    ]
    return list(cuts(entries, 0))


def cutting(prefix: bytes, modulus: int) -> bytes:
    """A name that cuts."""
    return next(
        b"%s%d" % (prefix, n) for n in range(10**6) if xxhash.xxh64_intdigest(b"%s%d" % (prefix, n)) % modulus == 0
    )


def test_cuts() -> None:
    inert = [(b"n", 0)]  # a name that does not cut
    assert xxhash.xxh64_intdigest(b"n") % 16_384
    assert cut_at([]) == []
    assert cut_at(inert * 40_000) == [0, 32_768]
    name = cutting(b"f", 16_384)
    assert cut_at([*inert * 8_191, (name, 0), *inert * 5]) == [0]
    assert cut_at([*inert * 8_192, (name, 0), *inert * 5]) == [0, 8_192]
    directory = cutting(b"D", 512)
    assert xxhash.xxh64_intdigest(directory) % 16_384
    children = [(b"n", 8_192), (b"n", 8_192)]
    assert cut_at([*inert * 8_191, (directory, 0), *children]) == [0, 8_192], "before its first child, and no other"
    assert cut_at([*inert * 8_191, (b"D", 0), (name, 8_192), (name, 8_192)]) == [0, 8_193], (
        "a first child's own is none"
    )
    assert cut_at([(b"n" * 1023, 0)] * 5_000) == [0, 4_096]


def test_an_insertion_moves_few_cuts() -> None:
    rows: list[Row] = [(0, b"%x" % (n * 2_654_435_761 % 2**32), FILE, 0, 0) for n in range(60_000)]

    def names(rows: list[Row]) -> set[bytes]:
        flat, _ = directory_order([Entry(n, *row) for n, row in enumerate(rows, 1)], 0)
        return {flat[at].name for at in cuts(flat, 0)}

    before, after = names(rows), names([*rows, (0, b"0000", FILE, 0, 0)])
    assert len(before ^ after) <= 4


def test_flag_1_is_set_where_it_pays() -> None:
    records = [Record(n, 30, 7, b"name-%d.txt" % n, FILE, n, 10**18) for n in range(1, 200)]
    for wanted, flag in ((records, 1), (records[:1], 0)):
        batch = Batch(1, 2, 3, 4, wanted)
        assert encode_batch(batch)[3] == encode_delta(wanted)[3] == flag
        assert decode_batch(encode_batch(replace(batch, records=wanted[::-1]))) == batch
        assert decode_delta(encode_delta(wanted)) == wanted
        assert encode_batch(batch, uncompressed=True)[3] == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": b"a/b"}, "name"),
        ({"mode": 0o644}, "mode"),
        ({"size": 1 << 63}, "size-width"),
        ({"mode": DIRECTORY, "size": 1}, "directory-size"),
        ({"id": 50_000_000}, "id-range"),
    ],
)
def test_what_may_not_be_read_is_not_written(changed: dict[str, object], code: str) -> None:
    s = snapshot([(0, b"a", FILE, 0, 0)])
    (entry,) = s.entries.values()
    wrong = replace(s, entries={entry.id: replace(entry, **changed)})  # type: ignore[arg-type]
    with pytest.raises(QtnError) as caught:
        encode_snapshot(wrong)
    assert caught.value.code == code


def test_a_document_of_no_known_kind_has_no_text_form() -> None:
    for document in (b"", b"\1\2\7", b"QTN"):
        with pytest.raises(QtnError):
            to_text(document)
    manifest = encode_manifest(encode_snapshot(snapshot([])))
    assert to_text(manifest).startswith("QTN1:MANIFEST:AQIG")
    assert from_text(to_text(manifest)) == manifest
