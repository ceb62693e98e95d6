"""Tree to QTN1 bytes and back: headers, checksums, compression. The only caller of the kernels and of zstandard.

Everything here is a pure function of its arguments; spec/QTN1.md is the format.
"""

from __future__ import annotations

import base64
import binascii
import threading
from concurrent.futures import Executor
from typing import NamedTuple

import xxhash
import zstandard

from smarttree import wire
from smarttree._delta import apply_records, diff_trees
from smarttree._qtn import encode_chunk
from smarttree._records import Records, decode_records
from smarttree._unqtn import Decoder, Defect
from smarttree.clock import Clock
from smarttree.errors import PathError, QtnError
from smarttree.reading import Reading, varint, zigzag
from smarttree.tree import Tree

__all__ = [
    "BatchBody",
    "Records",
    "Snapshot",
    "apply",
    "decode_batch",
    "decode_delta",
    "decode_snapshot",
    "diff",
    "encode_batch",
    "encode_delta",
    "encode_snapshot",
    "from_text",
    "to_text",
]

_local = threading.local()
_MAGIC = {  # by text prefix; the one that begins the others stands last
    wire.PREFIX_DELTA: wire.MAGIC_DELTA,
    wire.PREFIX_BATCH: wire.MAGIC_BATCH,
    wire.PREFIX_SNAPSHOT: wire.MAGIC_SNAPSHOT,
}


class Snapshot(NamedTuple):
    """A decoded snapshot: `tree` holds one root, `top`, whose absolute path is `path`."""

    clock: Clock
    tree: Tree
    top: int
    path: bytes
    digest: int


class BatchBody(NamedTuple):
    """A decoded batch. `digest` is the low 64 bits of the service's digest after it, None where void."""

    epoch: int
    from_seq: int
    to_seq: int
    digest: int | None
    records: Records


def encode_snapshot(tree: Tree, top: int, clock: Clock, pool: Executor | None = None) -> bytes:
    """The snapshot of directory `top` of a tree that does not change meanwhile.

    Chunks are encoded and compressed in `pool` (one thread for each core is best), else one after the other.
    About 0.3 µs an entry a core. Raises NotADirectoryError; PathError for a path past the format's limit.
    """
    if not tree.is_dir(top):
        raise NotADirectoryError(tree.path(top))
    if len(path := tree.path(top)) >= wire.PATH_MAX_BYTES:
        raise PathError("a directory whose path is longer than 65,535 bytes has no snapshot; ask for one above it")
    ids = tree.below(top)
    starts = range(0, len(ids), wire.CHUNK_ENTRIES)

    def chunk(start: int) -> bytes:
        part = ids[start : start + wire.CHUNK_ENTRIES]
        columns = encode_chunk(tree, part, top if start == 0 else int(ids[start - 1]))
        return varint(len(part)) + b"".join(map(_pack_column, columns))

    row = tree.row(top)
    head = b"".join(
        [
            wire.MAGIC_SNAPSHOT,
            b"\0",
            clock.epoch.to_bytes(8, "little"),
            varint(clock.seq),
            varint(top),
            varint(len(path)),
            path,
            varint(row.mode),
            zigzag(row.mtime_ns),
            tree.digest(top).to_bytes(16, "little"),
            varint(len(ids)),
            varint(tree.child_count(top)),
            varint(len(starts)),
        ]
    )
    body = head + b"".join(pool.map(chunk, starts) if pool else map(chunk, starts))
    return body + xxhash.xxh64_intdigest(body).to_bytes(8, "little")


def decode_snapshot(data: bytes) -> Snapshot:
    """The tree in a snapshot. Raises QtnError with the offset of what is wrong; about 0.2 µs an entry."""
    reading = Reading(data, trailer_bytes=8)
    reading.magic(wire.MAGIC_SNAPSHOT, flags=0)
    clock = Clock(reading.u64(), reading.varint())
    top = reading.varint(below=wire.ENTRIES_MAX)
    path = reading.take(reading.varint(below=wire.PATH_MAX_BYTES))
    mode, mtime = reading.varint(below=0x10000), reading.zigzag()
    digest = int.from_bytes(reading.take(16), "little")
    count, children = reading.varint(below=wire.ENTRIES_MAX), reading.varint(below=wire.ENTRIES_MAX)
    chunks = reading.varint(below=wire.ENTRIES_MAX)
    if mode & 0xF000 != 0x4000 or not _is_path(path):
        raise reading.error("the top entry is no directory with an absolute path")
    decoder = Decoder(count, children, top, mode, mtime)
    for _ in range(chunks):
        _read_chunk(reading, decoder)
    reading.end()
    tree = Tree()
    try:
        tree.graft(decoder.finish(), path, decoder.ids)
    except (Defect, ValueError) as defect:
        raise reading.error(str(defect)) from None
    if tree.digest(top) != digest:
        raise reading.error("the digest does not match the entries")
    return Snapshot(clock, tree, top, path, digest)


def _is_path(path: bytes) -> bool:
    """Absolute, and each part a name."""
    parts = path.split(b"/")[1:]
    return path == b"/" or (path[:1] == b"/" and not {b"", b".", b".."}.intersection(parts) and b"\0" not in path)


def _read_chunk(reading: Reading, decoder: Decoder) -> None:
    entries, columns, offsets = reading.varint(below=wire.CHUNK_MAX_ENTRIES + 1), [], [reading.offset]
    for _ in range(wire.CHUNK_COLUMNS):
        offsets.append(reading.offset)
        columns.append(_unpack_column(reading))
    try:
        decoder.add(entries, columns)
    except Defect as defect:
        raise QtnError(str(defect), offset=offsets[defect.column]) from None


def encode_delta(records: Records) -> bytes:
    """One change as a DELTA."""
    flags, body = _pack_body(records.encode())
    return _checked(wire.MAGIC_DELTA + bytes([flags]) + body)


def decode_delta(data: bytes) -> Records:
    """The records of a DELTA. Raises QtnError."""
    reading = Reading(data, trailer_bytes=4)
    flags = reading.magic(wire.MAGIC_DELTA, flags=wire.FLAG_ZSTD)
    records = _read_records(reading, flags)
    if not len(records):
        raise reading.error("a delta without a record")
    return records


def encode_batch(clock: Clock, from_seq: int, digest: int | None, records: Records) -> bytes:
    """What changed from `from_seq` to `clock`. `digest` is the service's after it; None for a partial view."""
    flags, body = _pack_body(records.encode())
    flags |= wire.FLAG_VOID_DIGEST if digest is None else 0
    head = [
        wire.MAGIC_BATCH,
        bytes([flags]),
        clock.epoch.to_bytes(8, "little"),
        varint(from_seq),
        varint(clock.seq - from_seq),
        ((digest or 0) & (1 << 64) - 1).to_bytes(8, "little"),
    ]
    return _checked(b"".join(head) + body)


def decode_batch(data: bytes) -> BatchBody:
    """A BATCH taken apart. Raises QtnError."""
    reading = Reading(data, trailer_bytes=4)
    flags = reading.magic(wire.MAGIC_BATCH, flags=wire.FLAG_ZSTD | wire.FLAG_VOID_DIGEST)
    epoch, from_seq = reading.u64(), reading.varint()
    to_seq, digest = from_seq + reading.varint(), reading.u64()
    if not from_seq < to_seq < 1 << 64:
        raise reading.error("a batch that leads nowhere")
    void = bool(flags & wire.FLAG_VOID_DIGEST)
    if void and digest:
        raise reading.error("a void digest that is not zero")
    return BatchBody(epoch, from_seq, to_seq, None if void else digest, _read_records(reading, flags))


def apply(tree: Tree, records: Records) -> Tree:
    """The tree after the records, as a new Tree; `tree` stays as it is. Raises QtnError where the result is no tree."""
    after = tree.copy()
    try:
        apply_records(after, records)
    except Defect as defect:
        raise QtnError(str(defect), offset=0) from None
    return after


def diff(before: Tree, after: Tree) -> Records:
    """The records that turn `before` into `after`, two states of the same id space. O(ids)."""
    return diff_trees(before, after)


def to_text(prefix: str, data: bytes) -> str:
    """The text form: one of `wire.PREFIX_…`, and base64."""
    return prefix + base64.b64encode(data).decode("ascii")


def from_text(text: str) -> bytes:
    """The bytes of a text form of any kind. Raises QtnError."""
    for prefix, magic in _MAGIC.items():
        if text.startswith(prefix):
            try:
                data = base64.b64decode(text[len(prefix) :], validate=True)
            except (binascii.Error, ValueError) as error:
                raise QtnError(f"not base64: {error}", offset=len(prefix)) from None
            if base64.b64encode(data).decode("ascii") != text[len(prefix) :]:
                raise QtnError("base64 with bits left over", offset=len(text))
            if data[:3] != magic:
                raise QtnError(f"what {prefix} announces is another kind of document", offset=len(prefix))
            return data
    raise QtnError("not a QTN1 text", offset=0)


def _pack_column(raw: bytes) -> bytes:
    stored = raw
    if len(raw) >= wire.COMPRESS_MIN_BYTES:
        packed = _compress(raw)
        stored = packed if len(packed) < len(raw) else raw
    return varint(len(raw)) + varint(len(stored)) + stored


def _unpack_column(reading: Reading) -> bytes:
    size = reading.varint(below=wire.COLUMN_MAX_BYTES + 1)
    stored_size = reading.varint(below=size + 1)
    stored = reading.take(stored_size)
    return stored if stored_size == size else _decompress(reading, stored, size)


def _pack_body(raw: bytes) -> tuple[int, bytes]:
    """(flags, body) of a delta or batch."""
    if len(raw) >= wire.COMPRESS_MIN_BYTES * 4:
        packed = varint(len(raw)) + _compress(raw)
        if len(packed) < len(raw):
            return wire.FLAG_ZSTD, packed
    return 0, raw


def _read_records(reading: Reading, flags: int) -> Records:
    if flags & wire.FLAG_ZSTD:
        size = reading.varint(below=wire.BODY_MAX_BYTES + 1)
        offset = reading.offset
        raw = _decompress(reading, reading.rest(), size)
    else:
        offset, raw = reading.offset, reading.rest()
    try:
        return decode_records(raw)
    except Defect as defect:
        raise QtnError(str(defect), offset=offset) from None


def _checked(data: bytes) -> bytes:
    return data + (xxhash.xxh64_intdigest(data) & 0xFFFFFFFF).to_bytes(4, "little")


def _compress(raw: bytes) -> bytes:
    """zstd on this thread's compressor: making one costs more than compressing a column."""
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=wire.ZSTD_LEVEL)
    return compressor.compress(raw)


def _decompress(reading: Reading, stored: bytes, size: int) -> bytes:
    """Exactly `size` bytes, allocated only once the frame itself claims as many."""
    try:
        frame = zstandard.get_frame_parameters(stored)
        if frame.content_size != size or frame.window_size > wire.WINDOW_MAX_BYTES or frame.dict_id:
            raise reading.error("a zstd frame of another size, with too large a window or with a dictionary")
        decompressor = zstandard.ZstdDecompressor(max_window_size=wire.WINDOW_MAX_BYTES)
        raw = decompressor.decompress(stored, max_output_size=size, read_across_frames=False, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise reading.error(f"not a zstd frame: {error}") from None
    if len(raw) != size:
        raise reading.error("a zstd frame of another size")
    return raw
