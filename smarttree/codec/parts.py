"""The parts of a snapshot: groups of columns with addresses of their own, and the manifest that lists them.

A client that holds some groups already fetches a manifest and what it lacks, and has the snapshot byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple

import xxhash

from smarttree import wire
from smarttree._qtn import encode_chunk, next_cut
from smarttree.clock import Clock
from smarttree.codec.header import Header
from smarttree.codec.packing import pack, read_column, unpack
from smarttree.codec.pooling import spread
from smarttree.codec.reading import Reading, sealed, varint
from smarttree.errors import QtnError
from smarttree.tree import Tree

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CHECK_BYTES = 8
_GROUPS = (wire.NAME_COLUMNS, wire.META_COLUMNS, wire.ID_COLUMNS)


class Group(NamedTuple):
    """The columns of one kind in one chunk, as they stand in the snapshot. `address` is 0 where not asked for."""

    address: int
    stored: bytes

    def reference(self) -> bytes:
        """The group as it stands in a manifest."""
        return self.address.to_bytes(16, "little") + varint(len(self.stored))


class Reference(NamedTuple):
    """A group in a manifest: its address, and how many bytes it has as stored."""

    address: int
    size: int


class Parts(NamedTuple):
    """A snapshot in its parts; each chunk has an entry count and the groups of names, meta and ids."""

    header: Header
    chunks: Sequence[tuple[int, Sequence[Group]]]

    def snapshot(self) -> bytes:
        """The document."""
        pieces = [self.header.encode(wire.MAGIC_SNAPSHOT, len(self.chunks))]
        for count, groups in self.chunks:
            pieces += [varint(count), *(group.stored for group in groups)]
        return sealed(pieces, _CHECK_BYTES)

    def manifest(self) -> bytes:
        """The manifest of parts that were encoded with their addresses."""
        body = [
            varint(count)
            + b"".join(group.address.to_bytes(16, "little") + varint(len(group.stored)) for group in groups)
            for count, groups in self.chunks
        ]
        return sealed([self.header.encode(wire.MAGIC_MANIFEST, len(self.chunks)), *body], _CHECK_BYTES)


class Manifest(NamedTuple):
    """A decoded manifest; each chunk has an entry count and references to its three groups."""

    header: Header
    chunks: Sequence[tuple[int, Sequence[Reference]]]


def encode_parts(tree: Tree, top: int, clock: Clock, pool: Executor | None = None, *, addresses: bool = True) -> Parts:
    """The parts of the snapshot of directory `top`; see `encode_snapshot`. Addresses cost about 3 ns an entry."""
    header = Header.of(tree, top, clock)
    ids = tree.below(top)

    def chunk(bounds: tuple[int, int]) -> tuple[int, list[Group]]:
        start, end = bounds
        columns = encode_chunk(tree, ids[start:end], int(ids[start - 1]) if start else top)
        return end - start, _grouped(columns, addresses=addresses)

    return Parts(header, spread(pool, chunk, cut_chunks(tree, ids)))


def cut_chunks(tree: Tree, ids: npt.NDArray[np.uint32]) -> Iterator[tuple[int, int]]:
    """(begin, end) of each chunk of `tree.below(...)`. The first may be encoded while the next is looked for."""
    begin = 0
    while begin < len(ids):
        end = next_cut(tree, ids, begin)
        yield begin, end
        begin = end


def decode_manifest(data: bytes, *, max_entries: int = wire.ENTRIES_MAX) -> Manifest:
    """What a manifest says. Raises QtnError."""
    return _read_manifest(data, max_entries)[0]


def _read_manifest(data: bytes, max_entries: int) -> tuple[Manifest, int]:
    """The manifest, and the offset at which its chunks begin."""
    reading = Reading(data, wire.MAGIC_MANIFEST, flags=0, check_bytes=_CHECK_BYTES)
    header, count = Header.read(reading, max_entries)
    chunks, left, begin = [], header.entries, reading.offset
    for _ in range(count):
        entries = reading.varint("chunk-size", most=min(wire.CHUNK_MAX_ENTRIES, left))
        if entries == 0:
            reading.fail("chunk-size")
        left -= entries
        chunks.append((entries, [Reference(reading.u128(), reading.varint()) for _ in _GROUPS]))
    reading.finish()
    if left:
        reading.fail("entry-count")
    return Manifest(header, chunks), begin


def address(stored: bytes) -> int:
    """The address of a group as stored. Raises QtnError where it is none; the offset is in `stored`.

    Memory: as many columns unpacked as the largest kind of group has.
    """
    reading, raw = _Bare(stored), list[bytes]()
    while reading.offset < reading.end:
        if len(raw) == max(_GROUPS):
            reading.fail("bytes-left-over")
        raw.append(unpack(read_column(reading, most=wire.COLUMN_MAX_BYTES)))
    return _address(raw)


def assemble(manifest: bytes, groups: Mapping[int, bytes]) -> bytes:
    """The snapshot of a manifest, from stored groups by their addresses, each of which is checked.

    Raises KeyError for a group that is missing; QtnError.
    """
    found, begin = _read_manifest(manifest, wire.ENTRIES_MAX)
    body = []
    for count, references in found.chunks:
        body.append(varint(count))
        for reference in references:
            group = groups[reference.address]
            if address(group) != reference.address:
                raise QtnError("address", 0)
            body.append(group)
    return sealed([wire.MAGIC_SNAPSHOT, manifest[3:begin], *body], _CHECK_BYTES)


class _Bare(Reading):
    """A Reading of bytes that are no document: neither head nor check."""

    def __init__(self, data: bytes) -> None:
        self.data, self.offset, self.end, self.flags = data, 0, len(data), 0


def _grouped(columns: Sequence[bytes], *, addresses: bool) -> list[Group]:
    groups, at = [], 0
    for size in _GROUPS:
        raw = columns[at : at + size]
        groups.append(Group(_address(raw) if addresses else 0, b"".join(map(pack, raw))))
        at += size
    return groups


def _address(raw: Sequence[bytes]) -> int:
    data = b"".join(part for column in raw for part in (varint(len(column)), column))
    return xxhash.xxh64_intdigest(data, 0) | xxhash.xxh64_intdigest(data, 1) << 64
