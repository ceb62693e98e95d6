"""QTN1, section 3: a snapshot, as columns.

Law: what comes out is one whole tree that its digest vouches for; anything else is a `QtnError`. An entry is an object
only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import QtnError
from .chunk import MAX_CHUNK, MAX_ENTRIES, MAX_ID, TYPE_MASK, Chunk, is_directory, read_chunk
from .columns import I64, Column, Cursor, opened
from .digest import Sums, tree_digests
from .layout import check_order, lay_out
from .names import MAX_PATH, is_path
from .xxh64 import Rows

__all__ = ["Header", "Snapshot", "decode_snapshot", "read_chunk_size", "read_counts", "read_header"]

MAGIC: Final = b"\1\2\3"
COLUMNS: Final = 12
MODE_MAX: Final = 0xFFFF

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a snapshot and its manifest say of the clock and the top entry."""

    epoch: int
    seq: int
    top_id: int
    path: bytes
    mode: int
    mtime_ns: int
    digest: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot(Header):
    """A directory and everything below it, at one clock.

    Row *i* of each column is an entry, in directory order: a directory's children stand together, sorted by name. The
    top is not among them. The columns are read-only.

    `parents`: the row of the directory that the entry is in; -1 for the top. `names[name_starts[i]:name_starts[i + 1]]`
    is its name (`name(i)` gives it). `directories` are the rows of directories, and for each of these its children are
    the rows from `child_starts` on, `child_counts` in number; `digests` are the low and the high halves of theirs.
    """

    ids: npt.NDArray[np.int32]
    parents: npt.NDArray[np.int32]
    names: bytes
    name_starts: I64
    modes: npt.NDArray[np.uint16]
    sizes: I64
    mtimes_ns: I64
    directories: I64
    child_starts: I64
    child_counts: I64
    digests: Sums
    top_child_count: int

    def __len__(self) -> int:
        return self.ids.size

    def name(self, row: int) -> bytes:
        """The name of an entry."""
        return self.names[self.name_starts[row] : self.name_starts[row + 1]]

    def parent_ids(self) -> npt.NDArray[np.int32]:
        """The ids of the directories that the entries are in."""
        return np.concatenate([self.ids, np.array([self.top_id], np.int32)])[self.parents]

    def paths(self) -> Iterator[bytes]:
        """The absolute path of each entry, in directory order."""
        above, paths = self.path.rstrip(b"/"), list[bytes]()
        for row in range(len(self)):
            parent = int(self.parents[row])
            paths.append((above if parent < 0 else paths[parent]) + b"/" + self.name(row))
            yield paths[-1]


def read_header(cursor: Cursor) -> Header:
    """What stands between flags and counts."""
    epoch, seq, top = cursor.fixed(8), cursor.varint(), cursor.varint(MAX_ID, "id-range")
    if top == 0:
        cursor.fail("id-range")
    path = cursor.raw(cursor.varint(MAX_PATH, "path-too-long"))
    mode = cursor.varint(MODE_MAX, "mode")
    if not mode & TYPE_MASK:
        cursor.fail("mode")
    mtime = cursor.zigzag()
    if not (is_path(path) and bool(is_directory(np.array([mode], np.uint16))[0])):
        cursor.fail("top-entry")
    return Header(epoch=epoch, seq=seq, top_id=top, path=path, mode=mode, mtime_ns=mtime, digest=cursor.fixed(16))


def read_counts(cursor: Cursor, max_entries: int) -> tuple[int, int, int]:
    """Entries, children of the top, chunks."""
    entries = cursor.varint(min(max_entries, MAX_ENTRIES), "too-many-entries")
    return entries, cursor.varint(entries, "child-counts"), cursor.varint(entries, "chunk-count")


def read_chunk_size(cursor: Cursor, to_come: int) -> int:
    """How many entries the chunk has that begins here."""
    return cursor.varint(min(MAX_CHUNK, to_come), "chunk-size") or cursor.fail("chunk-size")


def decode_snapshot(document: bytes, max_entries: int = MAX_ENTRIES) -> Snapshot:
    """The tree in a snapshot. More entries than `max_entries` are refused before anything is allocated for them."""
    cursor, _ = opened(document, MAGIC, 0, 8)
    header = read_header(cursor)
    count, top_children, chunk_count = read_counts(cursor, max_entries)
    chunks: list[Chunk] = []
    to_come, last_id = count, header.top_id
    for _ in range(chunk_count):
        size = read_chunk_size(cursor, to_come)
        columns: list[Column] = [cursor.column() for _ in range(COLUMNS)]
        chunks.append(read_chunk(columns, size, last_id))
        to_come, last_id = to_come - size, int(chunks[-1].ids[-1])
    cursor.close()
    if to_come:
        cursor.fail("entry-count")
    return _whole(header, chunks, top_children)


def _whole(header: Header, chunks: list[Chunk], top_children: int) -> Snapshot:
    names = b"".join([chunk.names.octets.data for chunk in chunks])
    lengths = _joined([chunk.names.lengths for chunk in chunks], np.uint16)
    starts = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    modes = _joined([chunk.modes for chunk in chunks], np.uint16)
    sizes, mtimes = _joined([c.sizes for c in chunks], np.int64), _joined([c.mtimes_ns for c in chunks], np.int64)
    ids = _joined([chunk.ids for chunk in chunks], np.int32)
    _check_ids(ids, header.top_id)
    counts = _joined([chunk.child_counts for chunk in chunks], np.int64)
    below = _joined([chunk.below_counts for chunk in chunks], np.int64)
    ascending = _joined([chunk.names.ascending for chunk in chunks], np.bool_)
    chunks.clear()  # what is made next takes their memory
    layout = lay_out(np.flatnonzero(is_directory(modes)), counts, below, top_children, ids.size)
    check_order(names, starts, lengths, ascending, layout.parents)
    rows = Rows(names, starts, lengths, modes, sizes, mtimes)
    digest, digests = tree_digests(rows, layout)
    if digest != header.digest:
        raise QtnError("digest", 0)
    columns = [ids, layout.parents, starts, modes, sizes, mtimes, layout.rows, layout.starts, counts, *digests]
    for column in columns:
        column.flags.writeable = False
    return Snapshot(
        epoch=header.epoch,
        seq=header.seq,
        top_id=header.top_id,
        path=header.path,
        mode=header.mode,
        mtime_ns=header.mtime_ns,
        digest=header.digest,
        ids=ids,
        parents=layout.parents,
        names=names,
        name_starts=starts,
        modes=modes,
        sizes=sizes,
        mtimes_ns=mtimes,
        directories=layout.rows,
        child_starts=layout.starts,
        child_counts=counts,
        digests=digests,
        top_child_count=top_children,
    )


def _joined(columns: list[npt.NDArray[T]], kind: type[T]) -> npt.NDArray[T]:
    return np.concatenate([*columns, np.empty(0, kind)], dtype=kind)


def _check_ids(ids: npt.NDArray[np.int32], top_id: int) -> None:
    """That none is there twice. Those of a fresh scan ascend, and need no sorting."""
    ascending = ids if np.all(ids[1:] > ids[:-1]) else np.sort(ids)
    if np.any(ascending[1:] == ascending[:-1]) or np.any(ids == top_id):
        raise QtnError("id-twice", 0)
