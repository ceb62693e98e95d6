"""The log's format on disk (spec/STATE.md): a file header, then records. Pure: bytes in, values out, no file, no clock.

    file    = header, record …            one epoch, consecutive seqs from the header's on
    record  = head (size, type, seq, two checks), payload
    batch   = numbers, texts, the BATCH as it was sent, the changes, identities, traces      everything of a `Batch`

Law: whatever one byte was flipped, and wherever the middle is missing, reading ends with `Damaged`, never with another
batch. Only one record that is incomplete at the very end is *torn*: its `write()` never returned.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import xxhash

from smarttree._changes import Changes
from smarttree._store import LAYOUT
from smarttree._traces import Traces
from smarttree.errors import StateDamaged
from smarttree.stream.batch import Batch, RootState, Switch
from smarttree.tree import Totals

VERSION: Final = 2
MAGIC: Final = b"STlog\r\n\0"
BATCH, IDENTITIES = 1, 2

_FILE: Final = struct.Struct("<8sHxxIQQQQ")  # magic, version, layout, epoch, seq, parent epoch, parent seq; a check
_HEAD: Final = struct.Struct("<QIBxxx")  # seq, size of the payload, type; then two checks of 32 and 64 bits
_CHECKS: Final = struct.Struct("<IxxxxQ")
_BATCH: Final = struct.Struct("<qQQQQQBxxxIIIIIIQ")  # see `encode_batch`
_MORE, _VCS, _ROOT = 1, 2, 4

FILE_HEAD_BYTES: Final = _FILE.size + 8
HEAD_BYTES: Final = _HEAD.size + _CHECKS.size
PAYLOAD_MAX_BYTES: Final = (1 << 32) - 1


class Damaged(StateDamaged):
    """Bytes that are no log of ours, at an offset."""

    def __init__(self, why: str, offset: int) -> None:
        super().__init__(f"the log is damaged: {why} (byte {offset})")
        self.offset = offset


class TooNew(Damaged):
    """Written by a later version, or by a build that lays memory out in another way."""


class Origin(NamedTuple):
    """What a file begins with: `seq` is the clock its first batch follows.

    `parent` (epoch, seq): where this epoch began as the child of another, and how far that is known; (0, 0) for none.
    """

    epoch: int
    seq: int
    parent: tuple[int, int] = (0, 0)


class Record(NamedTuple):
    """Where a record is, whole: its payload is `data[start:end]`."""

    type: int
    seq: int
    offset: int
    start: int
    end: int


def encode_origin(origin: Origin) -> bytes:
    """A file's header."""
    head = _FILE.pack(MAGIC, VERSION, LAYOUT, origin.epoch, origin.seq, *origin.parent)
    return head + xxhash.xxh64_intdigest(head).to_bytes(8, "little")


def decode_origin(data: bytes | memoryview) -> Origin:
    """Raises Damaged."""
    if len(data) < FILE_HEAD_BYTES:
        raise Damaged("its header is cut off", len(data))
    magic, version, layout, epoch, seq, parent, parent_seq = _FILE.unpack_from(data)
    if magic != MAGIC:
        raise Damaged("it does not begin like one", 0)
    if version != VERSION or layout != LAYOUT:
        raise TooNew(f"it has version {version}, layout {layout:x}; this is {VERSION}, {LAYOUT:x}", 8)
    if xxhash.xxh64_intdigest(data[: _FILE.size]) != int.from_bytes(data[_FILE.size : FILE_HEAD_BYTES], "little"):
        raise Damaged("its header does not match its check", 0)
    return Origin(epoch, seq, (parent, parent_seq))


def encode_record(type: int, seq: int, payload: list[bytes], epoch: int) -> list[bytes]:
    """A record in pieces, to be written at once. The checks depend on the epoch: no other file's record fits in."""
    size = sum(map(len, payload))
    if size > PAYLOAD_MAX_BYTES:
        raise ValueError(f"a record of {size} bytes")
    head = _HEAD.pack(seq, size, type)
    whole = xxhash.xxh64(head, seed=epoch)
    for piece in payload:
        whole.update(piece)
    checks = _CHECKS.pack(xxhash.xxh32_intdigest(head, epoch & 0xFFFFFFFF), whole.intdigest())
    return [head + checks, *payload]


def read_record(data: bytes | memoryview, offset: int, epoch: int) -> Record | None:
    """The record at an offset; None where it is torn: the data ends before it does. Raises Damaged."""
    start = offset + HEAD_BYTES
    if start > len(data):
        return None
    head = data[offset : offset + _HEAD.size]
    check, whole = _CHECKS.unpack_from(data, offset + _HEAD.size)
    seq, size, type = _HEAD.unpack(head)
    # The head by itself, so that a size that was flipped is not taken for a record that was not finished.
    if xxhash.xxh32_intdigest(head, epoch & 0xFFFFFFFF) != check or data[offset + 20 : offset + 24] != b"\0\0\0\0":
        raise Damaged("a record's head does not match its check", offset)
    if start + size > len(data):
        return None
    known = xxhash.xxh64(head, seed=epoch)
    known.update(data[start : start + size])
    if known.intdigest() != whole:
        raise Damaged("a record does not match its check", offset)
    return Record(type, seq, offset, start, start + size)


def walk(data: bytes | memoryview, origin: Origin) -> Iterator[Record]:
    """The records of a file after its header, up to one that is torn. Raises Damaged, after all that is good."""
    offset, seq = FILE_HEAD_BYTES, origin.seq
    while offset < len(data):
        record = read_record(data, offset, origin.epoch)
        if record is None:
            return
        if record.seq != seq + (record.type == BATCH):
            raise Damaged(f"a record of {record.seq} after {seq}", offset)
        yield record
        offset, seq = record.end, record.seq


def encode_batch(batch: Batch, horizon: int) -> list[bytes]:
    """A batch record's payload, in pieces. `horizon`: as it was before the batch; ids of what had ended by then may
    mean something else in it.
    """
    flags = _MORE * batch.more | _VCS * (batch.vcs is not None) | _ROOT * (batch.root is not None)
    texts = b"".join([*_vcs_texts(batch.vcs), *_root_texts(batch.root)])
    changes = batch.changes.packed
    traces = batch.traces.pack() if batch.traces is not None else b""
    numbers = _BATCH.pack(
        batch.time_ns,
        batch.digest & (1 << 64) - 1,
        batch.digest >> 64,
        *batch.totals,
        flags,
        len(texts),
        len(batch.data),
        len(batch.changes),
        len(changes),
        len(batch.identities),
        len(traces),
        horizon,
    )
    return [numbers, texts, batch.data, changes, batch.identities, traces]


def decode_batch(payload: memoryview, seq: int, *, identities: bool = False) -> Batch:
    """The batch that led to `seq`; with its `identities` only if asked for. Raises Damaged."""
    try:
        time_ns, low, high, files, dirs, size, flags, *sizes = _BATCH.unpack_from(payload)
        texts, data, count, changes, known, traces, _ = sizes
        if _BATCH.size + texts + data + changes + known + traces != len(payload):
            raise Damaged("a batch has other sizes than it says", 0)
        at = _BATCH.size
        fields = _split(bytes(payload[at : at + texts]))
        vcs = _read_vcs(fields) if flags & _VCS else None
        root = RootState(fields.pop(0), fields.pop(0).decode()) if flags & _ROOT else None
        at += texts
        return Batch(
            seq - 1,
            seq,
            time_ns,
            bytes(payload[at : at + data]),
            Changes.unpack(payload[at + data : at + data + changes], count),
            high << 64 | low,
            Totals(files, dirs, size),
            bool(flags & _MORE),
            vcs,
            root,
            identities=bytes(payload[at + data + changes :][:known]) if identities else b"",
        )
    except (struct.error, ValueError, IndexError) as error:
        raise Damaged(f"a batch can't be read: {error}", 0) from error


def decode_traces(payload: memoryview) -> tuple[int, Traces | None]:
    """(the horizon before a batch, what it left behind: None where nobody knows). Raises Damaged."""
    try:
        *_, size, horizon = _BATCH.unpack_from(payload)
        return horizon, Traces.unpack(payload[-size:]) if size else None
    except (struct.error, ValueError) as error:
        raise Damaged(f"a batch's traces can't be read: {error}", 0) from error


def _text(value: bytes) -> bytes:
    return len(value).to_bytes(4, "little") + value


def _vcs_texts(vcs: Switch | None) -> list[bytes]:
    return [] if vcs is None else [_text(vcs.root), *(_text((commit or "").encode()) for commit in vcs[1:])]


def _root_texts(root: RootState | None) -> list[bytes]:
    return [] if root is None else [_text(root.path), _text(root.state.encode())]


def _read_vcs(fields: list[bytes]) -> Switch:
    root, old, new = fields.pop(0), fields.pop(0).decode(), fields.pop(0).decode()
    return Switch(root, old or None, new or None)


def _split(texts: bytes) -> list[bytes]:
    fields, at = [], 0
    while at < len(texts):
        end = at + 4 + int.from_bytes(texts[at : at + 4], "little")
        fields.append(texts[at + 4 : end])
        at = end
    return fields
