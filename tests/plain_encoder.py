"""A plain QTN1 encoder for tests, so that the plain decoder can be tested without the compiled codec.

Law: written from `spec/QTN1.md`; it takes every liberty the format gives an encoder (`Choices`), since a decoder must
not rely on any of them. It checks nothing: tests use it to write wrong documents too.
"""

from __future__ import annotations

import base64
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import xxhash
import zstandard

from spec.qtn1 import Batch, Entry, Record, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the format leaves to the encoder."""

    chunk: int = 16_384  # entries in a chunk, at most
    zstd: bool = True  # pack a column where that makes it smaller
    prefixes: bool = True
    extensions: bool = True
    time_table: bool = True
    always_runs: bool = False  # write the ids as runs even where they could be implicit
    longest_run: int = 1 << 32
    always_below: bool = False  # tell the counts below even where all are 0


def varint(value: int) -> bytes:
    """Unsigned LEB128, the shortest form."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def zigzag(value: int) -> bytes:
    """A signed number; what is outside 64 bits is taken modulo 2^64."""
    value = (value + (1 << 63)) % (1 << 64) - (1 << 63)
    return varint(2 * value if value >= 0 else -2 * value - 1)


def column(raw: bytes, *, zstd: bool = True) -> bytes:
    """`raw` as a column, packed if that is allowed and makes it smaller."""
    packed = zstandard.ZstdCompressor(level=3).compress(raw) if zstd else raw
    stored = packed if len(packed) < len(raw) else raw
    return varint(len(raw)) + varint(len(stored)) + stored


def size_bits(sizes: Sequence[int]) -> bytes:
    """The low bits of the sizes, as one stream."""
    pool = held = 0
    out = bytearray()
    for size in sizes:
        low = max(size.bit_length() - 1, 0)
        pool |= (size & ((1 << low) - 1)) << held
        held += low
        while held >= 8:
            out.append(pool & 0xFF)
            pool, held = pool >> 8, held - 8
    return bytes(out) + (bytes([pool]) if held else b"")


def entry_hash(data: bytes) -> int:
    """Section 6's h of the bytes given."""
    return xxhash.xxh64_intdigest(data, seed=0) + (xxhash.xxh64_intdigest(data, seed=1) << 64)


def digest_of(entries: Iterable[Entry], directory: int) -> int:
    """A directory's digest by the recursive definition of section 6."""
    below: dict[int, list[Entry]] = {}
    for entry in entries:
        below.setdefault(entry.parent, []).append(entry)

    def digest(of: int) -> int:
        total = 0
        for e in below.get(of, []):
            child = digest(e.id)
            fixed = struct.pack("<IQqQQ", e.mode, e.size, e.mtime_ns, child % (1 << 64), child >> 64)
            total += entry_hash(fixed + e.name)
        return total % (1 << 128)

    return digest(directory)


def service_digest(roots: Iterable[tuple[bytes, int]]) -> int:
    """The digest over (absolute path, digest) of every root."""
    return sum(entry_hash(digest.to_bytes(16, "little") + path) for path, digest in roots) % (1 << 128)


def directory_order(entries: Iterable[Entry], top: int) -> tuple[list[Entry], dict[int, int]]:
    """The entries in directory order, and the child count of every directory, the top included."""
    below: dict[int, list[Entry]] = {}
    for entry in entries:
        below.setdefault(entry.parent, []).append(entry)
    order: list[Entry] = []

    def list_below(directory: int) -> None:
        children = sorted(below.get(directory, []), key=lambda e: e.name)
        order.extend(children)
        for child in children:
            list_below(child.id)

    list_below(top)
    return order, {directory: len(children) for directory, children in below.items()}


def as_they_are(columns: list[bytes]) -> list[bytes]:
    """No damage."""
    return columns


def encode_snapshot(
    snapshot: Snapshot,
    choices: Choices | None = None,
    damage: Callable[[list[bytes]], list[bytes]] = as_they_are,
) -> bytes:
    """The binary snapshot; its digest is taken from the snapshot, right or wrong. `damage` may change the twelve
    columns of each chunk before they are packed."""
    choices = choices or Choices()
    order, child_counts = directory_order(snapshot.entries.values(), snapshot.top)
    below = counts_below(order)
    chunks = [order[at : at + choices.chunk] for at in range(0, len(order), choices.chunk)]
    out = snapshot_header(snapshot)
    out += varint(len(order)) + varint(child_counts.get(snapshot.top, 0)) + varint(len(chunks))
    last_id = snapshot.top
    for chunk in chunks:
        columns = damage(chunk_columns(chunk, child_counts, below, last_id, choices))
        out += varint(len(chunk)) + b"".join(column(raw, zstd=choices.zstd) for raw in columns)
        last_id = chunk[-1].id
    return seal(out, 8)


def snapshot_header(snapshot: Snapshot) -> bytes:
    """All before the entry count."""
    out = b"\x01\x02\x03\x00" + struct.pack("<Q", snapshot.epoch) + varint(snapshot.seq) + varint(snapshot.top)
    out += varint(len(snapshot.path)) + snapshot.path + varint(snapshot.mode) + zigzag(snapshot.mtime_ns)
    return out + snapshot.digest.to_bytes(16, "little")


def counts_below(order: Sequence[Entry]) -> dict[int, int]:
    """For each directory how many entries are below it that are not its children."""
    parents = {e.id: e.parent for e in order}
    below: Counter[int] = Counter()
    for e in order:
        above = parents.get(e.parent)
        while above is not None:
            below[above] += 1
            above = parents.get(above)
    return below


def chunk_columns(
    chunk: Sequence[Entry], child_counts: dict[int, int], below: dict[int, int], last_id: int, choices: Choices
) -> list[bytes]:
    """One chunk's twelve columns, unpacked."""
    modes = sorted({e.mode for e in chunk})
    mode_indices = b"".join(varint(modes.index(e.mode)) for e in chunk)
    directories = [e.id for e in chunk if e.mode & 0xF000 == 0x4000]
    tells_below = choices.always_below or any(below.get(i) for i in directories)
    return [
        b"".join(varint(child_counts.get(i, 0)) for i in directories),
        *name_columns([e.name for e in chunk], choices),
        varint(len(modes)) + struct.pack(f"<{len(modes)}H", *modes) + mode_indices,
        bytes(e.size.bit_length() for e in chunk),
        size_bits([e.size for e in chunk]),
        *time_columns([e.mtime_ns for e in chunk], choices),
        id_column([e.id for e in chunk], last_id, choices),
        b"".join(varint(below.get(i, 0)) for i in directories) if tells_below else b"",
    ]


def name_columns(names: Sequence[bytes], choices: Choices) -> tuple[bytes, bytes, bytes, bytes]:
    """Columns 2 to 5."""
    endings = [name[name.rfind(b".") :] if name.rfind(b".") > 0 else b"" for name in names]
    often = [e for e, times in Counter(endings).most_common() if times > 1 and 2 <= len(e) <= 16]
    table = [b"", *often[:127]] if choices.extensions else [b""]
    prefixes, suffixes, extension_ids, before = bytearray(), bytearray(), bytearray(), b""
    for name, ending in zip(names, endings, strict=True):
        extension = table.index(ending) if ending in table else 0
        stem = name[: len(name) - len(table[extension])]
        same = 0
        while choices.prefixes and same < min(len(stem), len(before), 255) and stem[same] == before[same]:
            same += 1
        prefixes.append(same)
        suffixes += stem[same:] + b"\0"
        extension_ids.append(extension)
        before = name
    return bytes(prefixes), bytes(suffixes), b"".join(e + b"\0" for e in table[1:]), bytes(extension_ids)


def time_columns(times: Sequence[int], choices: Choices) -> tuple[bytes, bytes]:
    """Columns 9 and 10."""
    if not choices.time_table:
        return varint(0), differences(times)
    table = sorted(set(times))
    distances = b"".join(varint(b - a) for a, b in pairwise(table))
    index = {time: at for at, time in enumerate(table)}
    return varint(len(table)) + zigzag(table[0]) + distances, differences([index[time] for time in times])


def differences(values: Sequence[int]) -> bytes:
    """Each value as the zigzag of its distance from the one before; 0 stands before the first."""
    return b"".join(zigzag(b - a) for a, b in zip([0, *values], values, strict=False))


def id_column(ids: Sequence[int], last: int, choices: Choices) -> bytes:
    """Column 11."""
    if not choices.always_runs and list(ids) == list(range(last + 1, last + 1 + len(ids))):
        return b""
    out, at = b"", 0
    while at < len(ids):
        length = 1
        while at + length < len(ids) and ids[at + length] == ids[at] + length and length < choices.longest_run:
            length += 1
        out += zigzag(ids[at] - (last + 1)) + varint(length)
        at += length
        last = ids[at - 1]
    return out


def record_columns(records: Sequence[Record], choices: Choices) -> list[bytes]:
    """Section 4's ten columns; the records in the order of their ids."""
    placed = [r for r in records if r.mask & 2]
    ids, sizes = [r.id for r in records], [r.size for r in records if r.mask & 8]
    times = [r.mtime_ns for r in records if r.mask & 16]
    prefixes, suffixes, before = b"", b"", b""
    for r in placed:
        same = 0
        while choices.prefixes and same < min(len(r.name), len(before)) and r.name[same] == before[same]:
            same += 1
        prefixes += varint(same)
        suffixes += r.name[same:] + b"\0"
        before = r.name
    return [
        b"".join(varint(b - a - 1) for a, b in zip([-1, *ids], ids, strict=False)),
        bytes(r.mask for r in records),
        differences([r.parent for r in placed]),
        prefixes,
        suffixes,
        b"".join(varint(r.mode) for r in records if r.mask & 4),
        bytes(size.bit_length() for size in sizes),
        size_bits(sizes),
        *(time_columns(times, choices) if times else (b"", b"")),
    ]


def encode_records(records: Sequence[Record], *, sized: bool = False, choices: Choices | None = None) -> bytes:
    """Section 4's body, bare or with sizes."""
    columns = record_columns(records, choices or Choices())
    return body(len(records), columns, sized=sized, zstd=choices.zstd if choices else True)


def body(count: int, columns: Sequence[bytes], *, sized: bool = False, zstd: bool = True) -> bytes:
    """The ten columns given, bare or with sizes."""
    return varint(count) + b"".join(column(raw, zstd=zstd) if sized else raw for raw in columns)


def encode_delta(records: Sequence[Record], *, zstd: bool = False, choices: Choices | None = None) -> bytes:
    """A binary delta; `zstd`: its columns have sizes, and are packed where that makes them smaller."""
    return seal(b"\x01\x02\x04" + bytes([zstd]) + encode_records(records, sized=zstd, choices=choices), 4)


def encode_batch(batch: Batch, *, zstd: bool = False, choices: Choices | None = None) -> bytes:
    """A binary batch; `zstd` as in a delta."""
    flags = zstd | (2 if batch.digest_low is None else 0)
    out = b"\x01\x02\x05" + bytes([flags]) + struct.pack("<Q", batch.epoch)
    out += varint(batch.from_seq) + varint(batch.to_seq - batch.from_seq) + struct.pack("<Q", batch.digest_low or 0)
    return seal(out + encode_records(batch.records, sized=zstd, choices=choices), 4)


def with_sections(document: bytes, sections: bytes) -> bytes:
    """The document with flag 4 and these bytes right after its flags."""
    check_size = 8 if document[2] in (3, 6) else 4
    return seal(document[:3] + bytes([document[3] | 4]) + sections + document[4:-check_size], check_size)


def seal(data: bytes, check_size: int) -> bytes:
    """The document with its check behind it."""
    return data + struct.pack("<Q", xxhash.xxh64_intdigest(data))[:check_size]


def to_text(prefix: str, data: bytes) -> str:
    """The text form."""
    return prefix + base64.b64encode(data).decode()
