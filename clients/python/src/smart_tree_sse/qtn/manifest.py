"""QTN1, end of section 3: groups, their addresses, the manifest that names them, and the snapshot made of both.

Law: a manifest with its groups in their places is the snapshot, byte for byte; a group that is not what its address
and size say is an error, with the group's index.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import xxhash

from ..errors import QtnError
from .chunk import GROUPS, MAX_ENTRIES
from .columns import Column, Cursor, joined, opened
from .digest import hash128
from .snapshot import Header, read_chunk_size, read_counts, read_header

__all__ = ["ChunkAddresses", "Manifest", "address", "assemble", "decode_manifest", "groups_of"]

MAGIC: Final = b"\1\2\6"
MAGIC_SNAPSHOT: Final = b"\1\2\3"


@dataclass(frozen=True, slots=True)
class ChunkAddresses:
    """Of a chunk: how many entries it has, and of each of its three groups the address and the stored size."""

    entry_count: int
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Header):
    """A snapshot with the addresses of its groups in their place. `head` is what the snapshot has before its chunks."""

    entry_count: int
    top_child_count: int
    chunks: tuple[ChunkAddresses, ...]
    head: bytes

    def addresses(self) -> list[tuple[int, int]]:
        """Address and stored size of each group, in the order in which they stand in the snapshot."""
        return [group for chunk in self.chunks for group in chunk.groups]


def decode_manifest(document: bytes, max_entries: int = MAX_ENTRIES) -> Manifest:
    """What a manifest says."""
    cursor, _ = opened(document, MAGIC, 0, 8)
    header = read_header(cursor)
    count, children, chunk_count = read_counts(cursor, max_entries)
    head = document[3 : cursor.at]
    chunks: list[ChunkAddresses] = []
    to_come = count
    for _ in range(chunk_count):
        size = read_chunk_size(cursor, to_come)
        chunks.append(ChunkAddresses(size, tuple((cursor.fixed(16), cursor.varint()) for _ in GROUPS)))
        to_come -= size
    cursor.close()
    if to_come:
        cursor.fail("entry-count")
    return Manifest(
        epoch=header.epoch,
        seq=header.seq,
        top_id=header.top_id,
        path=header.path,
        mode=header.mode,
        mtime_ns=header.mtime_ns,
        digest=header.digest,
        entry_count=count,
        top_child_count=children,
        chunks=tuple(chunks),
        head=head,
    )


def address(group: bytes) -> int:
    """The address of a group, given as it stands in a snapshot."""
    cursor = Cursor(group, 0, len(group))
    columns: list[Column] = []
    while cursor.left():
        if len(columns) == max(GROUPS):
            cursor.fail("bytes-left-over")
        columns.append(cursor.column())
    return hash128(joined(columns))


def is_addressed(group: bytes, told: int, stored_size: int) -> bool:
    """Whether a group is what its address and size say."""
    try:
        return len(group) == stored_size and address(group) == told
    except QtnError:
        return False


def assemble(manifest: Manifest, groups: Sequence[bytes]) -> bytes:
    """The snapshot that the manifest is of, from its groups in order."""
    told = manifest.addresses()
    if len(groups) != len(told):
        raise QtnError("address", min(len(groups), len(told)))
    for index, (group, named) in enumerate(zip(groups, told, strict=True)):
        if not is_addressed(group, *named):
            raise QtnError("address", index)
    parts = [MAGIC_SNAPSHOT, manifest.head]
    for index, chunk in enumerate(manifest.chunks):
        parts += [_varint(chunk.entry_count), *groups[len(GROUPS) * index : len(GROUPS) * (index + 1)]]
    whole = b"".join(parts)
    return whole + struct.pack("<Q", xxhash.xxh64_intdigest(whole))


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def groups_of(snapshot: bytes) -> list[bytes]:
    """Every group of a snapshot, as they stand in it; nothing is unpacked."""
    cursor, _ = opened(snapshot, MAGIC_SNAPSHOT, 0, 8)
    read_header(cursor)
    count, _, chunk_count = read_counts(cursor, MAX_ENTRIES)
    groups: list[bytes] = []
    for _ in range(chunk_count):
        count -= read_chunk_size(cursor, count)
        ends = [cursor.at]
        for columns in GROUPS:
            for _ in range(columns):
                cursor.stored()
            ends.append(cursor.at)
        groups += [snapshot[start:end] for start, end in pairwise(ends)]
    cursor.close()
    return groups
