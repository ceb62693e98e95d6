"""Laws of the plain decoder: what was encoded comes back, and every defect is a QtnError with its own code."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor

from spec import qtn1
from spec.qtn1 import Batch, Entry, QtnError, Record, decode_batch, decode_delta, decode_snapshot, from_text
from tests import plain_encoder as enc
from tests.plain_encoder import Choices, column, encode_batch, encode_delta, encode_snapshot, seal, varint
from tests.plain_trees import EVERY_KIND, FILE, TOP, TREES, Row, choices, names, snapshot, snapshots, times

RECORDS = [
    Record(9, 30, 7, b"new\xff", FILE, 5, 1_700_000_000_000_000_000),
    Record(12, 1),
    Record(300, 2, 9, b"newer", 0, 0, 0),
    Record(301, 24, 0, b"", 0, (1 << 63) - 1, -5),
    Record(49_999_999, 30, 0, b"/srv/root", 0o040700, 0, 2),
]
BATCH = Batch(2**64 - 1, 2**63, 2**64 - 1, 0x0123456789ABCDEF, RECORDS)


# ---------------------------------------------------------------- what was encoded comes back


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("name", TREES)
def test_named_tree_comes_back(name: str, scattered: bool) -> None:
    tree = snapshot(TREES[name], scattered=scattered)
    for options in (Choices(), Choices(zstd=False, time_table=False, extensions=False, chunk=7)):
        assert decode_snapshot(encode_snapshot(tree, options)) == tree


@given(snapshots, choices)
def test_any_tree_comes_back(tree: object, options: Choices) -> None:
    assert decode_snapshot(encode_snapshot(tree, options)) == tree  # type: ignore[arg-type]


def test_entries_come_in_directory_order() -> None:
    decoded = decode_snapshot(encode_snapshot(snapshot(EVERY_KIND)))
    assert [e.name for e in decoded.entries.values()] == [b"dir", b"file", b"link", b"pipe", b"empty", b"inside"]


def test_a_snapshot_written_by_hand() -> None:
    """One file `a` of 5 bytes, id 8, below `/t`, id 7: the bytes as the page gives them, without our encoder."""
    child = struct.pack("<IQq", 0o100644, 5, 1) + bytes(16) + b"a"
    body = b"\x01\x02\x03\x00" + struct.pack("<Q", 3) + b"\x80\x01" + b"\x07" + b"\x02/t" + b"\xed\x83\x01" + b"\x01"
    body += enc.entry_hash(child).to_bytes(16, "little") + b"\x01\x01\x01"
    body += b"\x01" + b"\x00\x00" + b"\x01\x01\x00" + b"\x02\x02a\x00" + b"\x00\x00" + b"\x01\x01\x00"
    body += b"\x04\x04\x01\xa4\x81\x00" + b"\x01\x01\x03" + b"\x01\x01\x01" + b"\x01\x01\x00" + b"\x01\x01\x02"
    document = seal(body + b"\x00\x00" + b"\x00\x00", 8)
    decoded = decode_snapshot(document)
    assert qtn1.encode_snapshot(decoded) == document
    assert (decoded.epoch, decoded.seq, decoded.top, decoded.path) == (3, 128, 7, b"/t")
    assert (decoded.mode, decoded.mtime_ns) == (0o040755, -1)
    assert decoded.entries == {8: Entry(8, 7, b"a", 0o100644, 5, 1)}


def test_a_batch_written_by_hand() -> None:
    """Id 5 has gone, id 8 is now called `b` and has 2 bytes."""
    body = b"\x01\x02\x05\x02" + struct.pack("<Q", 3) + b"\x0a\x01" + bytes(8)
    body += b"\x02" + b"\x05\x02" + b"\x01\x0a" + b"\x0e" + b"\x00b\x00" + b"\x02" + b"\x00"
    expected = Batch(3, 10, 11, None, [Record(5, 1), Record(8, 10, parent=7, name=b"b", size=2)])
    assert decode_batch(seal(body, 4)) == expected
    assert qtn1.encode_batch(expected) == seal(body, 4)


record = st.builds(
    lambda i, mask, parent, name, mode, size, mtime_ns: Record(
        i,
        mask,
        parent * (mask >> 1 & 1),
        (name if parent else b"/" + name) if mask & 2 else b"",
        mode * (mask >> 2 & 1),
        size * (mask >> 3 & 1),
        mtime_ns * (mask >> 4 & 1),
    ),
    st.integers(1, 49_999_999),
    st.one_of(st.just(1), st.integers(1, 15).map(lambda bits: 2 * bits)),
    st.sampled_from([0, 1, 5, 49_999_999]),
    names,
    st.integers(0x1000, 0xFFFF),
    st.integers(0, 2**63 - 1),
    times,
)
record_lists = st.lists(record, max_size=12, unique_by=lambda r: r.id).map(lambda rs: sorted(rs, key=lambda r: r.id))


@given(record_lists, st.booleans(), st.none() | st.integers(1, 2**64 - 1))
def test_any_batch_and_delta_come_back(records: list[Record], zstd: bool, digest_low: int | None) -> None:
    batch = Batch(1, 2, 3, digest_low, records)
    assert decode_batch(encode_batch(batch, zstd=zstd)) == batch
    if records:
        assert decode_delta(encode_delta(records, zstd=zstd)) == records


def test_text_forms() -> None:
    tree = encode_snapshot(snapshot(EVERY_KIND))
    assert enc.to_text("QTN1:", tree).startswith("QTN1:AQID")
    assert from_text(enc.to_text("QTN1:", tree)) == tree
    assert from_text(enc.to_text("QTN1:BATCH:", encode_batch(BATCH))) == encode_batch(BATCH)
    assert from_text(enc.to_text("QTN1:DELTA:", encode_delta(RECORDS))) == encode_delta(RECORDS)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text-prefix"),
        ("QTN2:AQID", "text-prefix"),
        ("QTN1:AQIE", "text-prefix"),
        ("QTN1:BATCH:AQIE", "text-prefix"),
        ("QTN1:DELTA", "base64"),
        ("QTN1:AQID=", "base64"),
        ("QTN1:AQID\n", "base64"),
        ("QTN1:AQIDAB==", "base64"),
        ("QTN1:é", "base64"),
    ],
)
def test_wrong_text(text: str, code: str) -> None:
    with pytest.raises(QtnError) as caught:
        from_text(text)
    assert caught.value.code == code


# ---------------------------------------------------------------- every defect is a QtnError

DOCUMENTS: dict[str, tuple[Callable[[bytes], object], bytes, int]] = {
    "snapshot": (decode_snapshot, encode_snapshot(snapshot(EVERY_KIND, scattered=True)), 8),
    "packed snapshot": (decode_snapshot, encode_snapshot(snapshot(TREES["WIDE"][:80])), 8),
    "delta": (decode_delta, encode_delta(RECORDS), 4),
    "batch": (decode_batch, encode_batch(BATCH), 4),
    "packed batch": (decode_batch, encode_batch(BATCH, zstd=True), 4),
}


def refused(decode: Callable[[bytes], object], data: bytes) -> str:
    """The code with which a decoder refuses the data."""
    with pytest.raises(QtnError) as caught:
        decode(data)
    return caught.value.code


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_truncation_is_refused(kind: str) -> None:
    decode, data, _ = DOCUMENTS[kind]
    for length in range(len(data)):
        assert refused(decode, data[:length]) in {"truncated", "check", "magic"}
    refused(decode, data + b"\0")


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_flipped_bit_is_refused(kind: str) -> None:
    decode, data, _ = DOCUMENTS[kind]
    for at in range(len(data)):
        for bit in range(8):
            assert refused(decode, data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_damage_behind_a_right_check_is_a_document_or_a_defect(kind: str) -> None:
    """With the check made good again the decoder itself is tried: another value may come out, never another error."""
    decode, data, check_size = DOCUMENTS[kind]
    body = data[:-check_size]
    damaged = [body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :] for at in range(len(body)) for bit in range(8)]
    damaged += [body[:at] + b"\xff" * 9 + body[at:] for at in range(len(body))] + [body[:at] for at in range(len(body))]
    for wrong in damaged:
        with suppress(QtnError):
            decode(seal(wrong, check_size))


@given(st.binary(max_size=200), st.sampled_from(sorted(DOCUMENTS)))
def test_noise_behind_a_right_check_is_a_document_or_a_defect(noise: bytes, kind: str) -> None:
    decode, data, check_size = DOCUMENTS[kind]
    with suppress(QtnError):
        decode(seal(data[:12] + b"\xff" + noise, check_size))


HEADER = b"\x01\x02\x03\x00" + bytes(8) + b"\x01\x07\x02/t\xed\x83\x01\x00" + bytes(16)  # seq 1, id 7, /t


def chunk_document(columns: list[bytes], *, entries: int = 1, top_children: int = 1) -> bytes:
    """A snapshot of one chunk whose columns are given packed and complete."""
    counts = varint(entries) + varint(top_children) + b"\x01" + varint(entries)
    return seal(HEADER + counts + b"".join(columns), 8)


def one_file(**changed: bytes) -> bytes:
    """A snapshot of one file, with some columns put in another way; its digest is wrong, which is found out last."""
    raw = {
        "counts": b"", "prefixes": b"\0", "suffixes": b"a\0", "extensions": b"", "extension_ids": b"\0",
        "modes": b"\x01\xa4\x81\x00", "widths": b"\0", "bits": b"", "table": b"\x01\x00", "times": b"\x00", "ids": b"",
        "below": b"",
    }  # fmt: skip
    return chunk_document([column(value, zstd=False) for value in (raw | changed).values()])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, "digest"),
        ({"counts": b"\x00"}, "bytes-left-over"),
        ({"modes": b"\x01\xa4\x41\x00"}, "truncated"),  # a directory without a child count
        ({"modes": b"\x01\xa4\x41\x00", "counts": b"\x01"}, "child-counts"),
        ({"modes": b"\x01\xa4\x41\x00", "counts": b"\x00", "widths": b"\x01"}, "directory-size"),
        ({"modes": b"\x02\xa4\x81\xa4\x81\x00"}, "mode-table"),  # more modes than entries
        ({"modes": b"\x01\xa4\x01\x00"}, "mode"),  # no type bits
        ({"modes": b"\x01\xa4\x41\x00", "counts": b"\x00", "below": b"\x01"}, "below-counts"),
        ({"below": b"\x00"}, "bytes-left-over"),
        ({"modes": b"\x00\x00"}, "mode-index"),
        ({"modes": b"\x01\xa4\x81\x01"}, "mode-index"),
        ({"prefixes": b"\x01"}, "name-prefix"),
        ({"prefixes": b"\x00\x00"}, "bytes-left-over"),
        ({"prefixes": b""}, "truncated"),
        ({"suffixes": b"a"}, "truncated"),
        ({"suffixes": b"\0"}, "name"),
        ({"suffixes": b".\0"}, "name"),
        ({"suffixes": b"..\0"}, "name"),
        ({"suffixes": b"a/b\0"}, "name"),
        ({"suffixes": b"n" * 1025 + b"\0"}, "name"),
        ({"extensions": b"c\0"}, "extensions"),
        ({"extensions": b".\0"}, "extensions"),
        ({"extensions": b".c\0" * 128}, "extensions"),
        ({"extension_ids": b"\x01"}, "extension-id"),
        ({"widths": b"\x40"}, "size-width"),
        ({"widths": b"\x02", "bits": b"\x02"}, "size-padding"),
        ({"widths": b"\x02", "bits": b""}, "truncated"),
        ({"widths": b"\x02", "bits": b"\x00\x00"}, "bytes-left-over"),
        ({"table": b"\x02\x00\x01"}, "time-table"),  # more times than entries
        ({"times": b"\x02"}, "time-index"),
        ({"times": b"\x01"}, "time-index"),
        ({"ids": b"\x00\x00"}, "id-runs"),
        ({"ids": b"\x00\x02"}, "id-runs"),
        ({"ids": b"\x0f\x01"}, "id-range"),  # -8 + 7 + 1 is id 0
        ({"ids": b"\x01\x01"}, "id-twice"),  # the top's own
        ({"ids": varint(2 * (49_999_999 - 8)) + b"\x01"}, "digest"),  # the largest that can be, and so the end's error
        ({"ids": varint(2 * (50_000_000 - 8)) + b"\x01"}, "id-range"),
        ({"ids": varint(2 * 9 - 1) + b"\x01"}, "id-range"),  # -9 + 7 + 1 is -1
        ({"table": b"\x00", "times": b"\x80\x00"}, "varint-not-shortest"),
        ({"table": b"\x00", "times": b"\xff" * 10 + b"\x01"}, "varint-too-long"),
        ({"table": b"\x00", "times": b"\xff" * 9 + b"\x02"}, "varint-too-long"),
    ],
)
def test_wrong_chunk(changed: dict[str, bytes], code: str) -> None:
    assert refused(decode_snapshot, one_file(**changed)) == code


@pytest.mark.parametrize(
    ("first_column", "code"),
    [
        (varint((8 << 20) + 1) + varint(0), "column-too-large"),
        (varint(1) + varint(2) + b"\0\0", "column-size"),
        (varint(9) + varint(0), "zstd"),
        (varint(9) + varint(8) + b"not zstd", "zstd"),
        (varint(101) + column(bytes(100))[1:], "zstd-size"),
        (varint(100) + varint(len(column(bytes(100))[2:]) + 1) + column(bytes(100))[2:] + b"\0", "zstd"),
        (varint(2**64 - 1)[:3], "truncated"),
        (varint(100) + varint(99), "truncated"),
    ],
)
def test_wrong_column(first_column: bytes, code: str) -> None:
    assert refused(decode_snapshot, seal(HEADER + b"\x01\x01\x01\x01" + first_column, 8)) == code


def test_wrong_shapes_of_a_tree() -> None:
    tree = snapshot(EVERY_KIND)

    def code(**changed: object) -> str:
        return refused(decode_snapshot, encode_snapshot(replace(tree, **changed)))  # type: ignore[arg-type]

    assert code(digest=tree.digest ^ 1) == "digest"
    assert code(mode=FILE) == code(path=b"relative") == code(path=b"") == code(path=b"/a/../b") == "top-entry"
    assert code(path=b"/" + b"p" * 65_535) == "path-too-long"
    assert code(path=(b"/" + b"p" * 1023) * 63 + b"/" + b"p" * 1022, digest=tree.digest ^ 1) == "digest", "the longest"
    assert code(path=b"/" + b"p" * 1025) == "top-entry", "a path is made of names"
    assert code(top=50_000_000) == "id-range"
    assert code(top=0) == "id-range"
    assert code(mode=0x1_4000) == "mode"
    twins = {i: Entry(i, TOP, b"same", FILE, 0, 0) for i in (8, 9)}
    assert code(entries=twins) == "order"
    too_deep = {i: Entry(i, i - 1, b"d", 0o040755, 0, 0) for i in range(TOP + 1, TOP + 514)}
    assert code(entries=too_deep) == "too-deep"


def test_two_chunks_tell_different_children_of_one_directory() -> None:
    """Order and names are checked over the seam between chunks, where no prefix can be."""
    twins = {i: Entry(i, TOP, b"same", FILE, 0, 0) for i in (8, 9)}
    wrong = replace(snapshot([]), entries=twins)
    assert refused(decode_snapshot, encode_snapshot(wrong, Choices(chunk=1))) == "order"


def test_a_path_may_be_longer_than_a_top_s() -> None:
    """The limit of paths is for the top's and a root's; what is below may be deeper than it."""
    rows: list[Row] = [(n, b"d" * 1000, 0o040755, 0, 0) for n in range(70)]
    assert decode_snapshot(encode_snapshot(snapshot(rows))) == snapshot(rows)


def test_wrong_counts() -> None:
    for counts, code in [
        (b"\x00\x00\x01", "chunk-count"),
        (b"\x01\x01\x00", "entry-count"),
        (b"\x01\x02\x01", "child-counts"),
        (b"\x01\x01\x01\x00", "chunk-size"),
        (b"\x01\x01\x01\x02", "chunk-size"),
        (varint(50_000_001), "too-many-entries"),
    ]:
        assert refused(decode_snapshot, seal(HEADER + counts, 8)) == code, counts


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "truncated"),
        (b"\x01", "truncated"),
        (b"\x01\x05\x00", "mask"),
        (b"\x01\x05\x20", "mask"),
        (b"\x01\x05\x03", "mask"),
        (b"\x01\x00\x01", "id-range"),
        (b"\x02\x05" + varint(49_999_994) + b"\x01\x01", "id-range"),  # 5 + 1 + 49,999,994
        (b"\x02\x05" + varint(2**64 - 1) + b"\x01\x01", "id-range"),
        (b"\x01\x05\x02" + varint(2 * 50_000_000) + b"\x00a\x00", "id-range"),  # its parent
        (b"\x01\x05\x02\x01", "id-range"),  # parent -1
        (b"\x01\x05\x02\x02\x01a\x00", "name-prefix"),
        (b"\x01\x05\x02\x02\x00a", "truncated"),
        (b"\x01\x05\x02\x02\x00/\x00", "name"),
        (b"\x01\x05\x02\x00\x00a\x00", "name"),  # a root's is its absolute path
        (b"\x01\x05\x02\x00\x00/" + b"p" * 65_535 + b"\x00", "path-too-long"),
        (b"\x01\x05\x02\x00\x00/a//b\x00", "name"),
        (b"\x01\x05\x04\x80\x80\x04", "mode"),
        (b"\x01\x05\x04\xa4\x03", "mode"),  # no type bits
        (b"\x01\x05\x08\x40", "size-width"),
        (b"\x01\x05\x08\x02\x02", "size-padding"),
        (b"\x01\x05\x01\x00", "bytes-left-over"),
        (varint(50_000_001), "too-many-records"),
        (varint(50_000_000), "truncated"),
    ],
)
def test_wrong_records(body: bytes, code: str) -> None:
    assert refused(decode_delta, seal(b"\x01\x02\x04\x00" + body, 4)) == code


def test_wrong_headers() -> None:
    assert refused(decode_delta, seal(b"\x01\x02\x04\x02\x00", 4)) == "unknown-version"
    assert refused(decode_batch, seal(b"\x01\x02\x05\x08" + bytes(20), 4)) == "unknown-version"
    assert refused(decode_snapshot, seal(b"\x01\x02\x03\x01" + HEADER[4:] + bytes(3), 8)) == "unknown-version"
    assert refused(decode_delta, encode_batch(BATCH)) == "magic"
    assert refused(decode_delta, encode_delta([])) == "empty-delta"
    assert refused(decode_delta, seal(b"\x01\x02\x04\x01\x01" + varint((1 << 30) + 1), 4)) == "column-too-large"
    assert refused(decode_batch, seal(b"\x01\x02\x05\x00" + bytes(8) + varint(2**64 - 1) + b"\x01", 4)) == "clock"
    assert refused(decode_batch, seal(b"\x01\x02\x05\x00" + bytes(19), 4)) == "clock", "to-seq is from-seq"
    assert refused(decode_batch, seal(b"\x01\x02\x05\x02" + bytes(9) + b"\x01\x01" + bytes(8), 4)) == "void-digest"


def test_a_huge_frame_is_refused_before_it_is_unpacked() -> None:
    """64 MiB of zeros pack into some 6 KB; the frame's own header gives it away."""
    bomb = ZstdCompressor(level=1).compress(bytes(64 << 20))
    packed = varint(8 << 20) + varint(len(bomb)) + bomb
    assert refused(decode_snapshot, seal(HEADER + b"\1\1\1\1" + packed, 8)) == "zstd-size"


def test_sections_are_passed_over_or_refused() -> None:
    for sections, code in [
        (b"\x01\x02ab\x00", None),
        (b"\x01\x00\x03\x01a\xff\x01\x00\x00", None),
        (b"\x00", "section"),
        (b"\x02\x00\x00", "section"),
        (b"\x01\x00\x01\x00\x00", "section"),
        (b"\x01" + varint(2**64 - 1) + b"\x00", "truncated"),
    ]:
        document = enc.with_sections(encode_snapshot(snapshot(EVERY_KIND)), sections)
        batch = enc.with_sections(encode_batch(BATCH), sections)
        if code is None:
            assert decode_snapshot(document) == snapshot(EVERY_KIND)
            assert decode_batch(batch) == BATCH
        else:
            assert refused(decode_snapshot, document) == refused(decode_batch, batch) == code


def test_the_caller_bounds_the_count_before_anything_is_allocated() -> None:
    tree = snapshot(EVERY_KIND)
    assert decode_snapshot(encode_snapshot(tree), max_entries=6) == tree
    assert refused(lambda d: decode_snapshot(d, max_entries=5), encode_snapshot(tree)) == "too-many-entries"
    assert decode_batch(encode_batch(BATCH), max_entries=5) == BATCH
    assert refused(lambda d: decode_delta(d, max_entries=4), encode_delta(RECORDS)) == "too-many-records"


def test_a_column_no_record_can_fill_is_not_unpacked() -> None:
    """1 GiB of zeros packs into some 33 KB; one record has at most a path and its NUL in any column."""
    frame = b"\x28\xb5\x2f\xfd\x80\x50" + struct.pack("<I", 1 << 30)  # its header alone
    packed = varint(1 << 30) + varint(len(frame)) + frame
    document = seal(b"\x01\x02\x04\x01\x01" + packed + bytes(18), 4)
    assert refused(decode_delta, document) == "bytes-left-over"
