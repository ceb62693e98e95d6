"""QTN1 in plain Python: decodes snapshots, deltas and batches (sections 3 to 6 of `QTN1.md`, in that order).

Law: written from `QTN1.md` alone and meant to be read beside it; it shares no code with the server. Sections 1 and 2
are in `qtn1_numbers.py`, the receiver of batches is in `qtn1_mirror.py`. Every defect of a document raises
`QtnError(code, offset)` and nothing else. Needs `zstandard` and `xxhash`. It is written to be right and readable, not
fast: some 100,000 entries a second.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import xxhash

from .qtn1_numbers import (
    DELETED,
    MAX_BODY,
    MAX_CHUNK,
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_ID,
    MAX_MODE,
    MAX_MTIME,
    MAX_PATH,
    MODE,
    MTIME,
    PLACE,
    PREFIXES,
    SERVICE,
    SIZE,
    U64,
    U128,
    WHOLE,
    Entry,
    QtnError,
    Reader,
    bad_name,
    bad_path,
    from_text,
    has_no_type,
    is_dir,
    read_sizes,
    signed,
    unpacked,
)

__all__ = [
    "Batch",
    "Entry",
    "QtnError",
    "Record",
    "Snapshot",
    "decode_batch",
    "decode_delta",
    "decode_snapshot",
    "digests",
    "from_text",
    "weigh",
]

# --- 3. Snapshot ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Snapshot:
    """`entries` are in directory order, by id; the top entry is not among them."""

    epoch: int
    seq: int
    top: int
    path: bytes
    mode: int
    mtime_ns: int
    digest: int
    entries: dict[int, Entry]


def _opened(data: bytes, magic: bytes, known_flags: int, check_size: int) -> tuple[Reader, int]:
    """Checks the first four bytes and the check at the end; gives a reader of what is between, and the flags."""
    if len(data) - check_size < 4:
        raise QtnError("truncated", len(data))
    if data[:3] != magic:
        raise QtnError("magic", 0)
    if data[3] & ~known_flags:
        raise QtnError("unknown-version", 3)
    body = len(data) - check_size
    check = xxhash.xxh64_intdigest(data[:body]) & ((1 << 8 * check_size) - 1)
    if check != int.from_bytes(data[body:], "little"):
        raise QtnError("check", body)
    return Reader(data, 4, body), data[3]


def decode_snapshot(data: bytes) -> Snapshot:
    """The tree in a binary snapshot; raises QtnError."""
    r, _ = _opened(data, PREFIXES["QTN1:"], 0, 8)
    epoch, seq, top = r.fixed(8), r.varint(), r.varint(MAX_ID, "id-range")
    path = r.take(r.varint(MAX_PATH, "path-too-long"))
    mode, mtime_ns, digest = r.varint(MAX_MODE, "mode"), r.zigzag(), r.fixed(16)
    if top == SERVICE or bad_path(path) or not is_dir(mode):
        r.fail("top-entry")
    count = r.varint(MAX_ENTRIES, "too-many-entries")
    top_children, chunk_count = r.varint(count, "child-counts"), r.varint(count, "chunk-count")
    flat: list[Entry] = []
    child_counts: dict[int, int] = {}
    last_id = top
    for _ in range(chunk_count):
        size = r.varint(MAX_CHUNK, "chunk-size")
        if size == 0 or size > count - len(flat):
            r.fail("chunk-size")
        flat += _chunk(r, size, last_id, child_counts)
        last_id = flat[-1].id
    r.done()
    if len(flat) != count:
        r.fail("entry-count")
    entries = _placed(r, flat, child_counts, top, top_children)
    if digests(flat).get(top, 0) != digest:
        r.fail("digest")
    return Snapshot(epoch, seq, top, path, mode, mtime_ns, digest, entries)


def _chunk(r: Reader, count: int, last_id: int, child_counts: dict[int, int]) -> list[Entry]:
    """One chunk's entries, still without parents; adds its directories' child counts to `child_counts`."""
    columns = [r.column() for _ in range(11)]
    names = _names(count, *columns[1:5])
    modes = _modes(count, columns[5])
    sizes = read_sizes(columns[6].take(count), columns[7])
    times = _times(count, columns[8], columns[9])
    ids = _ids(count, columns[10], last_id)
    entries = list(map(Entry, ids, repeat(SERVICE), names, modes, sizes, times))
    for entry in entries:
        if is_dir(entry.mode):
            child_counts[entry.id] = columns[0].varint(MAX_ENTRIES, "child-counts")
            if entry.size:
                columns[6].fail("directory-size")
    for column in columns:
        column.done()
    return entries


def _names(count: int, prefixes: Reader, suffixes: Reader, extensions: Reader, extension_ids: Reader) -> list[bytes]:
    table = [b""]
    while extensions.at < extensions.end:
        table.append(extensions.to_nul())
        if len(table) > 128 or table[-1][:1] != b"." or table[-1] == b".":
            extensions.fail("extensions")
    names, name = [], b""
    for prefix, extension in zip(prefixes.take(count), extension_ids.take(count), strict=True):
        if prefix > len(name):
            prefixes.fail("prefix")
        if extension >= len(table):
            extension_ids.fail("extension-id")
        name = name[:prefix] + suffixes.to_nul() + table[extension]
        if bad_name(name):
            suffixes.fail("name")
        names.append(name)
    return names


def _modes(count: int, column: Reader) -> list[int]:
    table = [column.fixed(2) for _ in range(column.varint(count, "mode-table"))]
    if sorted(set(table)) != table or any(has_no_type(mode) for mode in table):
        column.fail("mode-table")
    return [table[column.varint(len(table) - 1, "mode-index")] for _ in range(count)]


def _times(count: int, table: Reader, column: Reader) -> list[int]:
    distinct = table.varint(count, "time-table")
    if distinct == 0:
        times, last = [], 0
        for _ in range(count):
            last = signed(last + column.zigzag())
            times.append(last)
        return times
    values = [table.zigzag()]
    for _ in range(distinct - 1):
        values.append(values[-1] + table.varint())
        if values[-1] == values[-2] or values[-1] > MAX_MTIME:
            table.fail("time-table")
    times, index = [], 0
    for _ in range(count):
        index += column.zigzag()
        if not 0 <= index < distinct:
            column.fail("time-index")
        times.append(values[index])
    return times


def _ids(count: int, column: Reader, last: int) -> list[int]:
    ids: list[int] = []
    while len(ids) < count:
        implicit = column.at == column.end and not ids  # an empty column is one run that simply goes on
        first = last + 1 + (0 if implicit else column.zigzag())
        length = count if implicit else column.varint(count - len(ids), "id-runs")
        if length == 0 or first < 1 or first + length - 1 > MAX_ID:
            column.fail("id-runs" if length == 0 else "id-range")
        last = first + length - 1
        ids += range(first, last + 1)
    return ids


def _placed(
    r: Reader, flat: list[Entry], child_counts: dict[int, int], top: int, top_children: int
) -> dict[int, Entry]:
    """Gives every entry its parent by directory order; returns them by id."""
    entries: dict[int, Entry] = {}
    pending = [(top, top_children, 1)]  # directory, how many children it has, their depth
    while pending:
        parent, count, depth = pending.pop()
        if count > len(flat) - len(entries):
            r.fail("child-counts")
        last, directories = b"", []
        for entry in flat[len(entries) : len(entries) + count]:
            entry.parent = parent
            if entry.id in entries or entry.id == top:
                r.fail("id-twice")
            if entry.name <= last:
                r.fail("order")
            if depth > MAX_DEPTH:
                r.fail("too-deep")
            entries[entry.id] = entry
            last = entry.name
            if entry.is_dir:
                directories.append((entry.id, child_counts[entry.id], depth + 1))
        pending += reversed(directories)
    if len(entries) != len(flat):
        r.fail("child-counts")
    return entries


# --- 4. Records: the body of a delta and of a batch -------------------------------------------------------------


@dataclass(slots=True)
class Record:
    """What a batch says about one id; a field counts only if `mask` has its bit."""

    id: int
    mask: int
    parent: int = 0
    name: bytes = b""
    mode: int = 0
    size: int = 0
    mtime_ns: int = 0


def _records(r: Reader) -> list[Record]:
    count = r.varint(MAX_ENTRIES, "too-many-records")
    if count > r.end - r.at:  # a record takes two bytes or more
        r.fail("truncated")
    ids, last = [], -1
    for _ in range(count):
        last += 1 + r.varint(MAX_ID, "id-range")
        if not 0 < last <= MAX_ID:
            r.fail("id-range")
        ids.append(last)
    records = [Record(i, mask) for i, mask in zip(ids, r.take(count), strict=True)]
    for record in records:
        if not 0 < record.mask <= WHOLE or (record.mask & DELETED and record.mask != DELETED):
            r.fail("mask")
    _read_places(r, [record for record in records if record.mask & PLACE])
    for record in records:
        if record.mask & MODE:
            record.mode = r.varint(MAX_MODE, "mode")
            if has_no_type(record.mode):
                r.fail("mode")
    sized = [record for record in records if record.mask & SIZE]
    for record, size in zip(sized, read_sizes(r.take(len(sized)), r), strict=True):
        record.size = size
    mtime = 0
    for record in records:
        if record.mask & MTIME:
            mtime = record.mtime_ns = signed(mtime + r.zigzag())
    r.done()
    return records


def _read_places(r: Reader, records: list[Record]) -> None:
    parent, name = 0, b""
    for record in records:
        parent += r.zigzag()
        if not 0 <= parent <= MAX_ID:
            r.fail("id-range")
        record.parent = parent
    for record in records:
        name = name[: r.varint(len(name), "prefix")] + r.to_nul()
        if bad_name(name) if record.parent else bad_path(name):
            r.fail("name")
        record.name = name


# --- 5. Delta and batch -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Batch:
    """Every change between two clocks. `digest_low`: low 64 bits of the service's digest after it, None where void."""

    epoch: int
    from_seq: int
    to_seq: int
    digest_low: int | None
    records: list[Record]


def _body(r: Reader, flags: int) -> list[Record]:
    if flags & 1:
        raw_size = r.varint(MAX_BODY, "body-too-large")
        return _records(unpacked(r.take(r.end - r.at), raw_size, r.at))
    return _records(r)


def decode_delta(data: bytes) -> list[Record]:
    """The records of one change, in the order of their ids; raises QtnError."""
    r, flags = _opened(data, PREFIXES["QTN1:DELTA:"], 1, 4)
    return _body(r, flags) or r.fail("empty-delta")


def decode_batch(data: bytes) -> Batch:
    """Every change between two clocks; raises QtnError."""
    r, flags = _opened(data, PREFIXES["QTN1:BATCH:"], 3, 4)
    epoch, from_seq = r.fixed(8), r.varint()
    to_seq = from_seq + (r.varint(U64 - from_seq, "clock") or r.fail("clock"))
    digest = r.fixed(8)
    if flags & 2 and digest:
        r.fail("void-digest")
    return Batch(epoch, from_seq, to_seq, None if flags & 2 else digest, _body(r, flags))


# --- 6. Digest --------------------------------------------------------------------------------------------------


def weigh(entry: Entry, digest: int) -> int:
    """h: what an entry, whose own digest is `digest`, adds to its parent's digest; a root adds to the service's."""
    below = digest.to_bytes(16, "little")
    fixed = struct.pack("<IQq", entry.mode, entry.size, entry.mtime_ns) if entry.parent != SERVICE else b""
    data = fixed + below + entry.name
    return xxhash.xxh64_intdigest(data, 0) + (xxhash.xxh64_intdigest(data, 1) << 64)


def digests(parents_first: Sequence[Entry]) -> dict[int, int]:
    """The digest of every directory that has children, by id, computed in full."""
    sums: dict[int, int] = {}
    for entry in reversed(parents_first):
        weight = weigh(entry, sums.get(entry.id, 0))
        sums[entry.parent] = (sums.get(entry.parent, 0) + weight) & U128
    return sums
