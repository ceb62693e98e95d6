"""The log's format: what was written is read back byte for byte, and what was damaged anywhere is never read at all."""

from __future__ import annotations

from random import Random

import pytest

from smarttree.stream.batch import Batch, Change, Changes, RootState, Switch
from smarttree.stream.classes import EVENTS, StreamClass
from smarttree.stream.events import render
from smarttree.stream.journal import (
    BATCH,
    FILE_HEAD_BYTES,
    IDENTITIES,
    Damaged,
    Origin,
    Record,
    TooNew,
    decode_batch,
    decode_origin,
    encode_batch,
    encode_origin,
    encode_record,
    walk,
)
from smarttree.tree import Totals

ORIGIN = Origin(0xFEDC_BA98_7654_3210, 7, (3, 4))
LANE = StreamClass("quantum", frozenset(EVENTS)).lane


def batch_of(seq: int, dice: Random) -> Batch:
    """One of every kind, by chance."""
    changes = [
        Change("modified", b"/r/\xff" + bytes([65 + n]) * dice.randrange(1, 30), None, "file", n, b"delta", -n, "same")
        for n in range(dice.randrange(4))
    ] + [Change("renamed", b"/r/new", b"/r/old", "dir", 0, b"", 0)] * dice.randrange(2)
    return Batch(
        seq - 1,
        seq,
        dice.randrange(1 << 62),
        dice.randbytes(dice.randrange(60)),
        Changes(changes),
        dice.getrandbits(128),
        Totals(dice.randrange(9), 1 << 40, 1 << 60),
        dice.random() < 0.5,
        dice.choice([None, Switch(b"/r\xff", None, "ab" * 20), Switch(b"/", "cd", None)]),
        dice.choice([None, RootState(b"/r\n\xfe", "missing")]),
        identities=dice.randbytes(24 * dice.randrange(3)),
    )


def log_of(batches: list[Batch]) -> bytes:
    records = [encode_record(BATCH, batch.to_seq, encode_batch(batch, 0), ORIGIN.epoch) for batch in batches]
    if batches:
        records.insert(1, encode_record(IDENTITIES, batches[0].to_seq, [b"x" * 24], ORIGIN.epoch))
    return b"".join([encode_origin(ORIGIN), *(piece for record in records for piece in record)])


def read(data: bytes) -> list[tuple[Record, bytes]]:
    return [(record, data[record.start : record.end]) for record in walk(data, decode_origin(data))]


def batches_in(data: bytes) -> list[Batch]:
    return [decode_batch(memoryview(p), r.seq, identities=True) for r, p in read(data) if r.type == BATCH]


BATCHES = [batch_of(8 + n, Random(n)) for n in range(12)]
LOG = log_of(BATCHES)


def test_batches_read_back() -> None:
    assert decode_origin(LOG) == ORIGIN
    assert batches_in(LOG) == BATCHES
    for before, after in zip(BATCHES, batches_in(LOG), strict=True):
        assert render(before, ORIGIN.epoch, LANE) == render(after, ORIGIN.epoch, LANE)
    assert [p for r, p in read(LOG) if r.type == IDENTITIES] == [b"x" * 24]


def test_a_flipped_bit_anywhere_is_damage() -> None:
    for at in range(len(LOG)):
        data = bytearray(LOG)
        data[at] ^= 1 << at % 8
        with pytest.raises(Damaged):
            read(bytes(data))


def test_what_is_good_before_it_is_given_first() -> None:
    records = [record for record, _ in read(LOG)]
    data = bytearray(LOG)
    data[records[5].start] ^= 1
    seen: list[Record] = []
    with pytest.raises(Damaged):
        seen.extend(record for record in walk(bytes(data), ORIGIN))
    walking = walk(bytes(data), ORIGIN)
    assert [next(walking) for _ in range(5)] == records[:5]


def test_wherever_it_is_cut_the_whole_records_are_read_and_the_rest_is_torn() -> None:
    ends = [FILE_HEAD_BYTES, *(record.end for record, _ in read(LOG))]
    for size in range(FILE_HEAD_BYTES, len(LOG)):
        assert [record.end for record, _ in read(LOG[:size])] == [end for end in ends[1:] if end <= size]
    for size in range(FILE_HEAD_BYTES):
        with pytest.raises(Damaged):
            decode_origin(LOG[:size])


def test_what_is_missing_in_the_middle_is_damage() -> None:
    records = [record for record, _ in read(LOG)]
    for first, last in [(2, 3), (0, 1), (4, 8)]:
        with pytest.raises(Damaged, match="a record of"):
            read(LOG[: records[first].offset] + LOG[records[last].end :] + LOG[records[last].offset :])
    for size in range(1, 40):
        at = records[4].start
        with pytest.raises(Damaged):
            read(LOG[:at] + LOG[at + size :])


def test_records_of_another_epoch_do_not_fit() -> None:
    other = b"".join(encode_record(BATCH, 20, encode_batch(batch_of(20, Random(1)), 0), 1))
    with pytest.raises(Damaged):
        read(LOG + other)


def test_a_newer_version_says_so() -> None:
    with pytest.raises(TooNew, match="version 3"):
        read(LOG[:8] + b"\x03" + LOG[9:])


def test_changes_that_lie_about_their_sizes_are_refused() -> None:
    packed = Changes([Change("created", b"/a", None, "file", 1, b"delta", 1)]).packed
    for size in range(1, len(packed)):
        with pytest.raises(ValueError, match="changes"):
            Changes.unpack(packed[:size], 1)
    with pytest.raises(ValueError, match="changes, not"):
        Changes.unpack(packed, 99)
