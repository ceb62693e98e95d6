"""Deltas and batches: records as documents, and back; and what is done with them (spec/QTN1.md, sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from smarttree import wire
from smarttree._defect import Defect
from smarttree._delta import apply_records, diff_trees
from smarttree._records import Records, decode_records
from smarttree.clock import Clock
from smarttree.codec.packing import pack, read_column, unpack
from smarttree.codec.reading import Reading, sealed, varint
from smarttree.errors import QtnError
from smarttree.tree import Tree

_CHECK_BYTES = 4


class BatchBody(NamedTuple):
    """A decoded batch. `digest` is the low 64 bits of the digest after it, None where void."""

    epoch: int
    from_seq: int
    to_seq: int
    digest: int | None
    records: Records


def encode_delta(records: Records) -> bytes:
    """One change as a DELTA."""
    flags, body = _encode_body(records)
    return sealed([wire.MAGIC_DELTA, bytes([flags]), body], _CHECK_BYTES)


def decode_delta(data: bytes, *, max_records: int = wire.ENTRIES_MAX) -> Records:
    """The records of a DELTA. Raises QtnError."""
    reading = Reading(data, wire.MAGIC_DELTA, flags=wire.FLAG_SIZES, check_bytes=_CHECK_BYTES)
    records = _read_records(reading, max_records)
    if not len(records):
        reading.fail("empty-delta")
    return records


def encode_batch(clock: Clock, from_seq: int, digest: int | None, records: Records) -> bytes:
    """What changed from `from_seq` to `clock`. `digest` is the service's after it; None for a partial view."""
    flags, body = _encode_body(records)
    flags |= wire.FLAG_VOID_DIGEST if digest is None else 0
    head = [
        wire.MAGIC_BATCH,
        bytes([flags]),
        clock.epoch.to_bytes(8, "little"),
        varint(from_seq),
        varint(clock.seq - from_seq),
        ((digest or 0) & (1 << 64) - 1).to_bytes(8, "little"),
        body,
    ]
    return sealed(head, _CHECK_BYTES)


def with_epoch(data: bytes, epoch: int) -> bytes:
    """A BATCH that `encode_batch` made, told in another epoch."""
    told = epoch.to_bytes(8, "little")
    return data if data[4:12] == told else sealed([data[:4], told, data[12:-_CHECK_BYTES]], _CHECK_BYTES)


def decode_batch(data: bytes, *, max_records: int = wire.ENTRIES_MAX) -> BatchBody:
    """A BATCH taken apart. Raises QtnError."""
    flags = wire.FLAG_SIZES | wire.FLAG_VOID_DIGEST
    reading = Reading(data, wire.MAGIC_BATCH, flags=flags, check_bytes=_CHECK_BYTES)
    epoch, from_seq = reading.u64(), reading.varint()
    to_seq = from_seq + reading.varint()
    if not from_seq < to_seq < 1 << 64:
        reading.fail("clock")
    digest, void = reading.u64(), bool(reading.flags & wire.FLAG_VOID_DIGEST)
    if void and digest:
        reading.fail("void-digest")
    return BatchBody(epoch, from_seq, to_seq, None if void else digest, _read_records(reading, max_records))


def apply(tree: Tree, records: Records) -> Tree:
    """The tree after the records, as a new Tree; `tree` stays as it is.

    Raises QtnError where the result is no tree; its offset is the index of the record.
    """
    return lead_on(tree, [records])


def lead_on(tree: Tree, batches: Iterable[Records]) -> Tree:
    """The same after several, one after the other."""
    after = tree.copy()
    try:
        for records in batches:
            apply_records(after, records)
    except Defect as defect:
        raise QtnError(defect.code, defect.where, unit="record") from None
    return after


def diff(before: Tree, after: Tree) -> Records:
    """The records that turn `before` into `after`, two states of the same id space. O(ids), about 10 ns each.

    Raises ValueError where an id stands for a directory in one and for something else in the other.
    """
    try:
        return diff_trees(before, after)
    except Defect as defect:
        what = f"the id {defect.where} stands for two entries: these are not two states of one id space"
        raise ValueError(what) from None


def compact(tree: Tree, batches: Iterable[Records]) -> Records:
    """The records that do to `tree` at once what those of `batches` do one after the other.

    Raises QtnError; its offset is the index of a record or, where an id went from a directory to a file, that id.
    """
    after = lead_on(tree, batches)
    try:
        return diff_trees(tree, after)
    except Defect as defect:
        raise QtnError(defect.code, defect.where, unit="id") from None


def _encode_body(records: Records) -> tuple[int, bytes]:
    """(flags, body) of a delta or batch."""
    count = varint(len(records))
    bare = count + records.encode()
    if len(bare) >= wire.SIZES_MIN_BYTES:
        sized = count + b"".join(map(pack, records.encode_columns()))
        if len(sized) < len(bare):
            return wire.FLAG_SIZES, sized
    return 0, bare


def _read_records(reading: Reading, max_records: int) -> Records:
    count = reading.varint("too-many-records", most=min(max_records, wire.ENTRIES_MAX))
    offsets = [reading.offset]
    try:
        if not reading.flags & wire.FLAG_SIZES:
            return decode_records(count, reading.rest())
        columns = [read_column(reading, most=wire.BODY_MAX_BYTES) for _ in range(wire.RECORD_COLUMNS)]
        reading.finish()
        for column in columns:
            if column.size > count * wire.RECORD_MAX_BYTES:
                raise QtnError("bytes-left-over", column.offset)
        offsets += [column.offset for column in columns]
        return decode_records(count, [unpack(column) for column in columns])
    except Defect as defect:
        raise QtnError(defect.code, offsets[defect.where]) from None
