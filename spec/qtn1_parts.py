"""QTN1 in plain Python: a snapshot's parts: groups, the manifest, one directory without the rest (end of section 3).

Law: what is made of parts is the same, byte for byte, as what would be made of the whole; what a manifest or a group
gets wrong is a `QtnError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .qtn1 import (
    MANIFEST,
    SNAPSHOT,
    Header,
    Snapshot,
    digests,
    hash128,
    opened,
    place,
    read_chunk_size,
    tell_counts,
    tell_header,
)
from .qtn1_columns import QtnError, Reader, Writer
from .qtn1_entries import MAX_ENTRIES, Entry, tell_chunk, tell_ids

GROUPS = 5, 5, 2  # columns of the name, meta and id group of a chunk


@dataclass(slots=True)
class Manifest(Header):
    """`chunks`: of each its entry count, and address and stored size of its three groups."""

    entry_count: int
    child_count: int
    chunks: list[tuple[int, list[tuple[int, int]]]]


def address(group: bytes) -> int:
    """The address of a group, given as it stands in a snapshot."""
    r, raw, count = Reader(group, 0, len(group)), Writer(), 0
    while r.left():
        count += 1
        if count > max(GROUPS):
            r.fail("bytes-left-over")
        column = r.column()
        raw.varint(column.left())
        raw.raw(0, column.raw(column.left()))
    return hash128(bytes(raw.data))


def decode_manifest(data: bytes, max_entries: int = MAX_ENTRIES) -> Manifest:
    """What a manifest says."""
    return _manifest(data, max_entries)[0]


def _manifest(data: bytes, max_entries: int = MAX_ENTRIES) -> tuple[Manifest, int]:
    """And where its chunks begin."""
    r, _ = opened(data, MANIFEST, 0, 8)
    m = Manifest(0, 0, 0, b"", 0, 0, 0, 0, 0, [])
    tell_header(r, m)
    m.entry_count, m.child_count, chunks = tell_counts(r, 0, 0, 0, max_entries)
    start, to_come = r.at, m.entry_count
    for _ in range(chunks):
        size = read_chunk_size(r, to_come)
        m.chunks.append((size, [(r.fixed(16), r.varint()) for _ in GROUPS]))
        to_come -= size
    r.close([r])
    if to_come:
        r.fail("entry-count")
    return m, start


def encode_manifest(snapshot: bytes) -> bytes:
    """The manifest of a snapshot, whose groups are only looked at as columns."""
    r, _ = opened(snapshot, SNAPSHOT, 0, 8)
    tell_header(r, Snapshot(0, 0, 0, b"", 0, 0, 0, {}))
    _, _, chunks = tell_counts(r, 0, 0, 0)
    w = Writer(MANIFEST + snapshot[3 : r.at])
    for _ in range(chunks):
        w.varint(read_chunk_size(r, MAX_ENTRIES))
        for group in _groups(r):
            w.fixed(16, address(group))
            w.varint(len(group))
    r.close([r])
    return w.sealed(8)


def groups_of(snapshot: bytes) -> list[bytes]:
    """Every group of a snapshot, three for each chunk, as they stand in it."""
    r, _ = opened(snapshot, SNAPSHOT, 0, 8)
    tell_header(r, Snapshot(0, 0, 0, b"", 0, 0, 0, {}))
    groups = []
    for _ in range(tell_counts(r, 0, 0, 0)[2]):
        read_chunk_size(r, MAX_ENTRIES)
        groups += _groups(r)
    return groups


def _groups(r: Reader) -> list[bytes]:
    """The three groups of the chunk whose columns begin here; nothing is unpacked."""
    ends = [r.at]
    for columns in GROUPS:
        for _ in range(columns):
            r.skip_column()
        ends.append(r.at)
    return [r.data[start:end] for start, end in pairwise(ends)]


def assemble(manifest: bytes, groups: Sequence[bytes]) -> bytes:
    """The snapshot that a manifest is of, from its groups in order. A group's error has its index as offset."""
    m, start = _manifest(manifest)
    told = [group for _, three in m.chunks for group in three]
    if len(groups) != len(told):
        raise QtnError("address", min(len(groups), len(told)))
    for index, (group, (at, stored_size)) in enumerate(zip(groups, told, strict=True)):
        if len(group) != stored_size or _address_of_any(group) != at:
            raise QtnError("address", index)
    w = Writer(SNAPSHOT + manifest[3:start])
    for index, (size, _) in enumerate(m.chunks):
        w.varint(size)
        w.raw(0, b"".join(groups[3 * index : 3 * index + 3]))
    return w.sealed(8)


def _address_of_any(group: bytes) -> int | None:
    """None for what is no group."""
    try:
        return address(group)
    except QtnError:
        return None


# --- One directory without the rest -----------------------------------------------------------------------------


class _Chunks:
    """The chunks of a snapshot, each unpacked when it is first asked for. Its ids need the last id of the chunk before:
    so of all chunks the ids are read, which mostly are empty."""

    def __init__(self, r: Reader, count: int, chunks: int, top: int) -> None:
        self.r, self.ends = r, 0
        self.starts: list[tuple[int, int, int, int]] = []  # of each: first entry, entries, offset, last id before it
        self.unpacked: dict[int, list[Entry]] = {}
        last_id = top
        for _ in range(chunks):
            size = read_chunk_size(r, count - self.ends)
            at = r.at
            for _ in range(10):
                r.skip_column()
            self.starts.append((self.ends, size, at, last_id))
            last_id = tell_ids(r.column(), [0] * size, last_id)[-1]
            r.skip_column()
            self.ends += size
        r.close([r])
        if self.ends != count:
            r.fail("entry-count")

    def entries(self, start: int, count: int, code: str) -> list[Entry]:
        """The entries of a range of directory order."""
        if count > self.ends - start:
            self.r.fail(code)
        found: list[Entry] = []
        for first, size, at, last_id in self.starts:
            if first < start + count and start < first + size:
                if first not in self.unpacked:
                    self.r.at = at
                    self.unpacked[first] = tell_chunk(self.r, self.r.columns(12), [], size, last_id)
                found += self.unpacked[first][max(start - first, 0) : start + count - first]
        return found


def decode_below(data: bytes, path: bytes, max_entries: int = MAX_ENTRIES) -> Snapshot | None:
    """The directory at `path`, relative to the top (`drivers/net`; empty for the top itself), as a snapshot of its own;
    None where there is none. Unpacks only the chunks it needs. Its digest is what was found, not checked."""
    r, _ = opened(data, SNAPSHOT, 0, 8)
    s = Snapshot(0, 0, 0, b"", 0, 0, 0, {})
    tell_header(r, s)
    count, children, chunk_count = tell_counts(r, 0, 0, 0, max_entries)
    chunks = _Chunks(r, count, chunk_count, s.top)
    here = Entry(s.top, 0, s.path, s.mode, 0, s.mtime_ns, children, count - children)
    start = 0
    for name in path.split(b"/") if path else []:
        start, siblings = start + here.child_count, chunks.entries(start, here.child_count, "child-counts")
        for e in siblings:
            if e.is_dir:
                if e.name == name:
                    here = e
                    break
                start += e.child_count + e.below_count
        else:
            return None
    total = here.child_count + here.below_count
    flat = chunks.entries(start, total, "below-counts")
    entries = place(r, flat, here.id, here.child_count)
    where = s.path.rstrip(b"/") + b"/" + path if path else s.path
    digest = digests(flat).get(here.id, 0)
    return Snapshot(s.epoch, s.seq, here.id, where, here.mode, here.mtime_ns, digest, entries)
