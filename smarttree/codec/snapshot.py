"""Snapshots: a directory with everything below it as one document, and back (spec/QTN1.md, section 3)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from smarttree import wire
from smarttree._defect import Defect
from smarttree._entries import Entries
from smarttree._unqtn import decode_chunk, last_id
from smarttree.clock import Clock
from smarttree.codec.header import Header
from smarttree.codec.packing import Column, read_column, unpack
from smarttree.codec.parts import encode_parts
from smarttree.codec.pooling import spread
from smarttree.codec.reading import Reading
from smarttree.errors import PathError, QtnError
from smarttree.tree import Tree

_CHECK_BYTES = 8
_IDS = 10  # the column of the ids


@dataclass(frozen=True)
class Snapshot:
    """A decoded snapshot. `entries` are the rows below the top entry, in directory order."""

    header: Header
    entries: Entries

    @property
    def clock(self) -> Clock:
        return self.header.clock

    @property
    def top(self) -> int:
        return self.header.top

    @property
    def path(self) -> bytes:
        return self.header.path

    @property
    def digest(self) -> int:
        return self.header.digest

    @cached_property
    def tree(self) -> Tree:
        """The same as a Tree with one root. Made when first asked for; about 0.1 µs an entry."""
        tree, head = Tree(), self.header
        tree.take(self.entries, (head.top, head.mode, head.mtime_ns), head.children, head.path)
        return tree


class _Chunk(NamedTuple):
    """A chunk whose columns are found and not yet unpacked: its entries are the rows from `start`."""

    start: int
    entries: int
    columns: list[Column]


def encode_snapshot(tree: Tree, top: int, clock: Clock, pool: Executor | None = None) -> bytes:
    """The snapshot of directory `top` of a tree that does not change meanwhile.

    Chunks are encoded and compressed in `pool` (one thread for each core is best), else one after the other.
    About 0.15 µs an entry a core. Raises NotADirectoryError; PathError for a path past the format's limit.
    """
    return encode_parts(tree, top, clock, pool, addresses=False).snapshot()


def decode_snapshot(data: bytes, pool: Executor | None = None, *, max_entries: int = wire.ENTRIES_MAX) -> Snapshot:
    """What a snapshot says, checked whole. About 0.1 µs an entry; chunks are unpacked in `pool`, if there is one.

    Memory: the largest chunk unpacked, and 46 bytes an entry with its name. Raises QtnError.
    """
    head, chunks, reading = _open(data, max_entries)
    pieces = spread(pool, _piece, _numbered(head, chunks))
    entries = pieces[0] if len(pieces) == 1 else Entries.of(pieces)
    try:
        digest = entries.finish(head.top, head.children)
    except Defect as defect:
        raise QtnError(defect.code, reading.end) from None
    if digest != head.digest:
        raise QtnError("digest", reading.end)
    return Snapshot(head, entries)


def decode_below(data: bytes, path: bytes, *, max_entries: int = wire.ENTRIES_MAX) -> Snapshot:
    """One directory of a snapshot, `path` relative to its top, without unpacking the chunks that have no part in it.

    Its digest is computed, and not checked: the document has only the whole tree's. Raises QtnError; PathError for a
    path that does not lead to a directory, or to one with a longer path than the format has.
    """
    head, chunks, reading = _open(data, max_entries)
    try:
        return _Descent(head, chunks).to(path)
    except Defect as defect:
        raise QtnError(defect.code, reading.end) from None


def _open(data: bytes, max_entries: int) -> tuple[Header, list[_Chunk], Reading]:
    """The header and where everything is, nothing unpacked."""
    reading = Reading(data, wire.MAGIC_SNAPSHOT, flags=0, check_bytes=_CHECK_BYTES)
    head, count = Header.read(reading, max_entries)
    chunks = list(_chunks(reading, head.entries, count))
    reading.finish()
    if (chunks[-1].start + chunks[-1].entries if chunks else 0) != head.entries:
        reading.fail("entry-count")
    return head, chunks, reading


def _chunks(reading: Reading, entries: int, count: int) -> Iterator[_Chunk]:
    start = 0
    for _ in range(count):
        size = reading.varint("chunk-size", most=min(wire.CHUNK_MAX_ENTRIES, entries - start))
        if size == 0:
            reading.fail("chunk-size")
        columns = [read_column(reading, most=wire.COLUMN_MAX_BYTES) for _ in range(wire.CHUNK_COLUMNS)]
        yield _Chunk(start, size, columns)
        start += size


def _numbered(head: Header, chunks: list[_Chunk]) -> list[tuple[_Chunk, int]]:
    """Each chunk with the id before its first. Ids are next to nothing, so that all of them can be read in advance."""
    return list(zip(chunks, accumulate(chunks, _last_id, initial=head.top), strict=False))


def _last_id(before: int, chunk: _Chunk) -> int:
    column = chunk.columns[_IDS]
    try:
        return last_id(unpack(column), chunk.entries, before)
    except Defect as defect:
        raise QtnError(defect.code, column.offset) from None


def _piece(numbered: tuple[_Chunk, int]) -> Entries:
    """A chunk's entries, given the id before its first."""
    chunk, before = numbered
    try:
        return decode_chunk(chunk.entries, [unpack(column) for column in chunk.columns], before)
    except Defect as defect:
        raise QtnError(defect.code, chunk.columns[defect.where - 1].offset) from None


class _Descent:
    """The way from the top to one directory: looks only at the chunks that hold the children on the way."""

    def __init__(self, head: Header, chunks: list[_Chunk]) -> None:
        self._head, self._chunks = head, chunks
        self._starts = [chunk.start for chunk in chunks]
        self._pieces: dict[int, Entries] = {}
        self._numbered = _numbered(head, chunks)

    def to(self, path: bytes) -> Snapshot:
        head = self._head
        first, children, total = 0, head.children, head.entries
        for name in filter(None, path.split(b"/")):
            row, first = self._child(first, children, name)
            piece, at = self._at(row)
            children = int(piece.column("children")[at])
            total = children + int(piece.column("below")[at])
            mode, mtime_ns = int(piece.column("mode")[at]), int(piece.column("mtime_ns")[at])
            below = head.path.rstrip(b"/") + b"/" + name
            if len(below) >= wire.PATH_MAX_BYTES:
                raise PathError("a path of 65,536 bytes or more leads to no directory")
            head = head._replace(
                top=int(piece.column("id")[at]), path=below, mode=mode, mtime_ns=mtime_ns
            )  # fmt: skip
        entries = Entries()
        for piece, start, stop in self._rows(first, total):
            entries.extend(piece, start, stop)
        digest = entries.finish(head.top, children)
        return Snapshot(head._replace(entries=total, children=children, digest=digest), entries)

    def _child(self, first: int, children: int, name: bytes) -> tuple[int, int]:
        """The row of a directory's child of that name, itself a directory, and where what is below it begins."""
        row, skipped = first, 0
        for piece, start, stop in self._rows(first, children):
            below = piece.column("children")[start:stop].astype("u8") + piece.column("below")[start:stop]
            for at in range(start, stop):
                if piece.name(at) == name:
                    if piece.column("mode")[at] & 0xF000 != 0x4000:
                        break
                    return row + at - start, first + children + skipped + int(below[: at - start].sum())
            row, skipped = row + stop - start, skipped + int(below.sum())
        raise PathError("there is no such directory in this snapshot")

    def _rows(self, first: int, count: int) -> Iterator[tuple[Entries, int, int]]:
        """Pieces, with the part of each that holds rows `first` and following."""
        end = first + count
        if end > self._head.entries:
            raise Defect("child-counts", 0)
        while first < end:
            piece, at = self._at(first)
            stop = min(len(piece), at + end - first)
            yield piece, at, stop
            first += stop - at

    def _at(self, row: int) -> tuple[Entries, int]:
        """The piece that a row is in, and its row there."""
        index = bisect_right(self._starts, row) - 1
        if index not in self._pieces:
            self._pieces[index] = _piece(self._numbered[index])
        return self._pieces[index], row - self._chunks[index].start
