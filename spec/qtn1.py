"""QTN1 in plain Python: decodes and encodes snapshots, batches and deltas, in the order of `QTN1.md`.

Law: written from `QTN1.md` alone, to be read beside it; it shares no code with the server. Each table of the page is
one function for both directions, over a `Coder` (section 1, `qtn1_columns.py`): `e.size = c.varint(e.size)` reads what
a `Reader` holds or writes to a `Writer`. So what is written is checked as what is read is: `QtnError`, and nothing
else. What is written is the canonical form. Manifests and single directories are in `qtn1_parts.py`, the receiver of
batches in `qtn1_mirror.py`. It is written to be right and readable: some 80,000 entries a second.
"""

from __future__ import annotations

import base64
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import xxhash

from .qtn1_columns import MAX_BODY, MAX_COLUMN, MAX_WINDOW, U64, U128, Coder, QtnError, Reader, Writer
from .qtn1_entries import (
    DELETED,
    MAX_CHUNK,
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_ID,
    MAX_MODE,
    MAX_MTIME,
    MAX_NAME,
    MAX_PATH,
    MODE,
    MTIME,
    PLACE,
    SERVICE,
    SIZE,
    WHOLE,
    Entry,
    Record,
    is_dir,
    is_path,
    tell_chunk,
    tell_mode,
    tell_records,
)

__all__ = [
    "BATCH", "DELETED", "DELTA", "MANIFEST", "MAX_BODY", "MAX_CHUNK", "MAX_COLUMN", "MAX_DEPTH", "MAX_ENTRIES",
    "MAX_ID", "MAX_MODE", "MAX_MTIME", "MAX_NAME", "MAX_PATH", "MAX_WINDOW", "MODE", "MTIME", "PLACE", "PREFIXES",
    "SERVICE", "SIZE", "SNAPSHOT", "U64", "U128", "WHOLE", "Batch", "Entry", "QtnError", "Record", "Snapshot",
    "decode_batch", "decode_delta", "decode_snapshot", "digests", "encode_batch", "encode_delta", "encode_snapshot",
    "from_text", "is_dir", "to_text", "weigh",
]  # fmt: skip

SIZES, VOID_DIGEST, SECTIONS = 1, 2, 4  # flags of a document
SNAPSHOT, DELTA, BATCH, MANIFEST = b"\1\2\3", b"\1\2\4", b"\1\2\5", b"\1\2\6"
# "QTN1:" begins them all, so it stands last.
PREFIXES = {"QTN1:DELTA:": DELTA, "QTN1:BATCH:": BATCH, "QTN1:MANIFEST:": MANIFEST, "QTN1:": SNAPSHOT}


def to_text(data: bytes) -> str:
    """The text form of a document."""
    for prefix, magic in PREFIXES.items():
        if data[:3] == magic:
            return prefix + base64.b64encode(data).decode()
    raise QtnError("magic", 0)


def from_text(text: str) -> bytes:
    """The document of a text form."""
    for prefix, magic in PREFIXES.items():
        if text.startswith(prefix):
            try:
                data = base64.b64decode(text[len(prefix) :], validate=True)
            except ValueError:  # binascii.Error, and the ValueError for text that is not ASCII
                raise QtnError("base64", len(prefix)) from None
            if base64.b64encode(data).decode() != text[len(prefix) :]:
                raise QtnError("base64", len(prefix))
            if data[:3] != magic:
                break
            return data
    raise QtnError("text-prefix", 0)


# --- 3. Snapshot ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Header:
    """What a snapshot and its manifest say of the top entry and the clock."""

    epoch: int
    seq: int
    top: int
    path: bytes
    mode: int
    mtime_ns: int
    digest: int


@dataclass(slots=True)
class Snapshot(Header):
    """`entries` are by id, those of a decoded snapshot in directory order; the top entry is not among them."""

    entries: dict[int, Entry]


def opened(data: bytes, magic: bytes, known_flags: int, check_size: int) -> tuple[Reader, int]:
    """A reader of what is between the sections and the check, and the flags."""
    body = len(data) - check_size
    if body < 4:
        raise QtnError("truncated", len(data))
    if data[:3] != magic:
        raise QtnError("magic", 0)
    if data[3] & ~(known_flags | SECTIONS):
        raise QtnError("unknown-version", 3)
    if int.from_bytes(data[body:], "little") != xxhash.xxh64_intdigest(data[:body]) & ((1 << 8 * check_size) - 1):
        raise QtnError("check", body)
    r, last = Reader(data, 4, body), 0
    while data[3] & SECTIONS:  # section 7
        tag = r.varint()
        if tag == 0 < last:
            break
        if tag <= last or tag % 2 == 0:
            r.fail("section")
        r.raw(r.varint())
        last = tag
    return r, data[3]


def tell_header(c: Coder, h: Header) -> None:
    """Reads or writes what stands between flags and counts."""
    h.epoch, h.seq, h.top = c.fixed(8, h.epoch), c.varint(h.seq), c.varint(h.top, MAX_ID, "id-range")
    if h.top == SERVICE:
        c.fail("id-range")
    h.path = c.raw(c.varint(len(h.path), MAX_PATH, "path-too-long"), h.path)
    h.mode, h.mtime_ns = tell_mode(c, h.mode), c.zigzag(h.mtime_ns)
    if not (is_path(h.path) and is_dir(h.mode)):
        c.fail("top-entry")
    h.digest = c.fixed(16, h.digest)


def tell_counts(c: Coder, entries: int, children: int, chunks: int, limit: int = MAX_ENTRIES) -> tuple[int, int, int]:
    """Entries, children of the top, chunks."""
    entries = c.varint(entries, min(limit, MAX_ENTRIES), "too-many-entries")
    return entries, c.varint(children, entries, "child-counts"), c.varint(chunks, entries, "chunk-count")


def read_chunk_size(r: Reader, to_come: int) -> int:
    """How many entries the chunk has that begins here."""
    return r.varint(0, min(MAX_CHUNK, to_come), "chunk-size") or r.fail("chunk-size")


def decode_snapshot(data: bytes, max_entries: int = MAX_ENTRIES) -> Snapshot:
    """The tree in a snapshot."""
    r, _ = opened(data, SNAPSHOT, 0, 8)
    s = Snapshot(0, 0, 0, b"", 0, 0, 0, {})
    tell_header(r, s)
    count, children, chunks = tell_counts(r, 0, 0, 0, max_entries)
    flat: list[Entry] = []
    for _ in range(chunks):
        size = read_chunk_size(r, count - len(flat))
        flat += tell_chunk(r, r.columns(12), [], size, flat[-1].id if flat else s.top)
    r.close([r])
    if len(flat) != count:
        r.fail("entry-count")
    s.entries = place(r, flat, s.top, children)
    if digests(flat).get(s.top, 0) != s.digest:
        r.fail("digest")
    return s


def encode_snapshot(s: Snapshot, *, uncompressed: bool = False) -> bytes:
    """The snapshot in canonical form. Its digest is the caller's affair; the order of its entries is not."""
    w = Writer(SNAPSHOT + b"\0", uncompressed=uncompressed)
    flat, children = directory_order(s.entries.values(), s.top)
    chunks = [flat[start:end] for start, end in pairwise([*cuts(flat, s.top), len(flat)])]
    tell_header(w, s)
    tell_counts(w, len(flat), children, len(chunks))
    last_id = s.top
    for chunk in chunks:
        w.varint(len(chunk))
        columns = w.columns(12)
        last_id = tell_chunk(w, columns, chunk, len(chunk), last_id)[-1].id
    return w.sealed(8)


def place(r: Reader, flat: list[Entry], top: int, top_children: int) -> dict[int, Entry]:
    """Gives every entry its parent by directory order; returns them by id."""
    entries: dict[int, Entry] = {}
    pending = [(top, top_children, 1)]  # directory, how many children it has, their depth
    while pending:
        parent, count, depth = pending.pop()
        if count > len(flat) - len(entries):
            r.fail("child-counts")
        last, directories = b"", []
        for e in flat[len(entries) : len(entries) + count]:
            if e.id in entries or e.id == top:
                r.fail("id-twice")
            if e.name <= last:
                r.fail("order")
            if depth > MAX_DEPTH:
                r.fail("too-deep")
            e.parent, last, entries[e.id] = parent, e.name, e
            if e.is_dir:
                directories.append((e.id, e.child_count, depth + 1))
        pending += reversed(directories)
    if len(entries) != len(flat):
        r.fail("child-counts")
    below = _below(flat)
    if any(e.below_count != below[e.id] - e.child_count for e in flat if e.is_dir):
        r.fail("below-counts")
    return entries


def _below(flat: Sequence[Entry]) -> Counter[int]:
    """By id of a directory: how many entries are below it."""
    below: Counter[int] = Counter()
    for e in reversed(flat):
        below[e.parent] += 1 + below[e.id]
    return below


def directory_order(entries: Iterable[Entry], top: int) -> tuple[list[Entry], int]:
    """The entries below `top`, their counts set; and how many are directly below it."""
    children: defaultdict[int, list[Entry]] = defaultdict(list)
    for e in sorted(entries, key=lambda e: e.name):
        children[e.parent].append(e)
    flat, pending = [], [top]
    while pending:
        here = children[pending.pop()]
        flat += here
        pending += [e.id for e in reversed(here) if e.is_dir]
    below = _below(flat)
    for e in flat:
        e.child_count = len(children[e.id]) if e.is_dir else 0
        e.below_count = below[e.id] - e.child_count
    return flat, len(children[top])


def cuts(flat: Sequence[Entry], top: int) -> Iterable[int]:
    """Where chunks begin."""
    names = {e.id: e.name for e in flat if e.is_dir}
    size = name_bytes = 0
    parent = top
    for at, e in enumerate(flat):
        first = e.parent != parent  # a directory's first child
        name, rarity = (names[e.parent], 512) if first else (e.name, 16_384)
        full = size == 32_768 or name_bytes + len(e.name) + 1 > 4 << 20
        if at == 0 or full or (size >= 8_192 and xxhash.xxh64_intdigest(name) % rarity == 0):
            yield at
            size = name_bytes = 0
        size, name_bytes, parent = size + 1, name_bytes + len(e.name) + 1, e.parent


# --- 5. Delta and batch -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Batch:
    """Every change between two clocks. `digest_low`: low 64 bits of the service's digest after it, None where void."""

    epoch: int
    from_seq: int
    to_seq: int
    digest_low: int | None
    records: list[Record]


def decode_delta(data: bytes, max_entries: int = MAX_ENTRIES) -> list[Record]:
    """The records of one change, in the order of their ids."""
    r, flags = opened(data, DELTA, SIZES, 4)
    return tell_records(r, [], sized=bool(flags & SIZES), limit=max_entries) or r.fail("empty-delta")


def decode_batch(data: bytes, max_entries: int = MAX_ENTRIES) -> Batch:
    """Every change between two clocks."""
    r, flags = opened(data, BATCH, SIZES | VOID_DIGEST, 4)
    epoch, from_seq = r.fixed(8), r.varint()
    to_seq = from_seq + (r.varint(0, U64 - from_seq, "clock") or r.fail("clock"))
    digest = r.fixed(8)
    if flags & VOID_DIGEST and digest:
        r.fail("void-digest")
    records = tell_records(r, [], sized=bool(flags & SIZES), limit=max_entries)
    return Batch(epoch, from_seq, to_seq, None if flags & VOID_DIGEST else digest, records)


def encode_delta(records: Iterable[Record], *, uncompressed: bool = False) -> bytes:
    """One change."""
    body, flags = _body(records, uncompressed)
    if body == b"\0":
        raise QtnError("empty-delta", 4)
    return Writer(DELTA + bytes([flags]) + body).sealed(4)


def encode_batch(batch: Batch, *, uncompressed: bool = False) -> bytes:
    """Every change between two clocks."""
    body, flags = _body(batch.records, uncompressed)
    w = Writer(BATCH + bytes([flags | (VOID_DIGEST if batch.digest_low is None else 0)]))
    w.fixed(8, batch.epoch), w.varint(batch.from_seq)
    w.varint(batch.to_seq - batch.from_seq, U64 - batch.from_seq, "clock") or w.fail("clock")
    w.fixed(8, batch.digest_low or 0), w.raw(len(body), body)
    return w.sealed(4)


def _body(records: Iterable[Record], uncompressed: bool) -> tuple[bytes, int]:
    """The body, bare or with sizes, and the flag that says which."""
    by_id, bare, sized = sorted(records, key=lambda x: x.id), Writer(), Writer()
    tell_records(bare, by_id, sized=False)
    if len(bare.data) >= 96 and not uncompressed:
        tell_records(sized, by_id, sized=True)
        if len(sized.data) < len(bare.data):
            return bytes(sized.data), SIZES
    return bytes(bare.data), 0


# --- 6. Digest --------------------------------------------------------------------------------------------------


def hash128(data: bytes) -> int:
    """XXH64 with seed 0, and with seed 1 above it."""
    return xxhash.xxh64_intdigest(data, 0) + (xxhash.xxh64_intdigest(data, 1) << 64)


def weigh(entry: Entry, digest: int) -> int:
    """h: what an entry, whose own digest is `digest`, adds to its parent's digest; a root adds to the service's."""
    fixed = struct.pack("<IQq", entry.mode, entry.size, entry.mtime_ns) if entry.parent != SERVICE else b""
    return hash128(fixed + digest.to_bytes(16, "little") + entry.name)


def digests(parents_first: Sequence[Entry]) -> dict[int, int]:
    """The digest of every directory that has children, by id, computed in full."""
    sums: dict[int, int] = {}
    for entry in reversed(parents_first):
        weight = weigh(entry, sums.get(entry.id, 0))
        sums[entry.parent] = (sums.get(entry.parent, 0) + weight) & U128
    return sums
