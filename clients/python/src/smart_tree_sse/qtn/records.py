"""QTN1, sections 4 and 5: a delta and a batch, as columns of records.

Law: a record is an absolute statement about one id, and the ids ascend. What is not in its mask is zero, or empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np
import numpy.typing as npt

from .chunk import MAX_ENTRIES, MAX_ID, SIZE_BITS_MAX, TYPE_MASK
from .columns import I64, MAX_BODY, U64, U64_MAX, Column, Cursor, bit_fields, opened, signed
from .names import MAX_PATH, U8, is_name, is_path
from .times import read_table, times_of

__all__ = [
    "DELETED", "MODE", "MTIME", "PLACE", "SIZE", "WHOLE", "Batch", "Delta", "Record", "Records", "decode_batch",
    "decode_delta",
]  # fmt: skip

DELETED: Final = 1
PLACE: Final = 2
MODE: Final = 4
SIZE: Final = 8
MTIME: Final = 16
WHOLE: Final = PLACE | MODE | SIZE | MTIME

MAGIC_DELTA: Final = b"\1\2\4"
MAGIC_BATCH: Final = b"\1\2\5"
FLAG_SIZES: Final = 1
FLAG_VOID_DIGEST: Final = 2
COLUMNS: Final = 10
MODE_MAX: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Record:
    """What is said about one id; a field counts only if `mask` has its bit."""

    id: int
    mask: int
    parent: int
    name: bytes
    mode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Columns with one element for each record; iterating gives each as a `Record`."""

    ids: I64
    masks: U8
    parents: I64
    names: tuple[bytes, ...]
    modes: I64
    sizes: I64
    mtimes_ns: I64

    def __len__(self) -> int:
        return self.ids.size

    def __iter__(self) -> Iterator[Record]:
        columns = (self.ids, self.masks, self.parents, self.modes, self.sizes, self.mtimes_ns)
        ids, masks, parents, modes, sizes, mtimes = (column.tolist() for column in columns)
        return map(Record, ids, masks, parents, self.names, modes, sizes, mtimes)


@dataclass(frozen=True, slots=True)
class Delta:
    """One change, for readers who keep no tree."""

    records: Records


@dataclass(frozen=True, slots=True)
class Batch:
    """Every change between two clocks. `digest_low`: the low 64 bits of the digest after it; None where it is void."""

    epoch: int
    from_seq: int
    to_seq: int
    digest_low: int | None
    records: Records


def decode_delta(document: bytes, max_records: int = MAX_ENTRIES) -> Delta:
    """The records of one change."""
    cursor, flags = opened(document, MAGIC_DELTA, FLAG_SIZES, 4)
    records = _read_records(cursor, bool(flags & FLAG_SIZES), max_records)
    return Delta(records) if len(records) else cursor.fail("empty-delta")


def decode_batch(document: bytes, max_records: int = MAX_ENTRIES) -> Batch:
    """Every change between two clocks."""
    cursor, flags = opened(document, MAGIC_BATCH, FLAG_SIZES | FLAG_VOID_DIGEST, 4)
    epoch, from_seq = cursor.fixed(8), cursor.varint()
    to_seq = from_seq + (cursor.varint(U64_MAX - from_seq, "clock") or cursor.fail("clock"))
    digest = cursor.fixed(8)
    void = bool(flags & FLAG_VOID_DIGEST)
    if void and digest:
        cursor.fail("void-digest")
    records = _read_records(cursor, bool(flags & FLAG_SIZES), max_records)
    return Batch(epoch, from_seq, to_seq, None if void else digest, records)


class _Part:
    """A column of a body: a column of its own, or, where the body is bare, what follows the one before it."""

    def __init__(self, cursor: Cursor, sized: bool, count: int) -> None:
        self._cursor = cursor
        self._sized = sized
        self._useful = count * (MAX_PATH + 1)
        self.column = Column(b"", 0)
        self._at = 0
        if not sized:
            self.column = Column(cursor.raw(cursor.left()), cursor.at)

    def fail(self, code: str) -> NoReturn:
        self.column.fail(code)

    def begin(self) -> None:
        """The next column, once all of the one before has been read."""
        if self._sized:
            self.close()
            self.column, self._at = self._cursor.column(MAX_BODY, self._useful), 0

    def close(self) -> None:
        if self._at != len(self.column.data):
            self.fail("bytes-left-over")

    def left(self) -> int:
        return len(self.column.data) - self._at

    def varints(self, count: int) -> U8 | U64:
        values, self._at = self.column.some_varints(count, self._at)
        return values

    def octets(self, count: int) -> U8:
        if count > self.left():
            self.fail("truncated")
        self._at += count
        return np.frombuffer(self.column.data, np.uint8, count, self._at - count)

    def texts(self, count: int) -> list[bytes]:
        texts = self.column.data[self._at :].split(b"\0", count)
        if len(texts) <= count:
            self.fail("truncated")
        self._at = len(self.column.data) - len(texts.pop())
        return texts

    def sizes(self, count: int) -> I64:
        """Columns 7 and 8."""
        self.begin()
        widths = self.octets(count)
        if count and int(widths.max()) > SIZE_BITS_MAX:
            self.fail("size-width")
        self.begin()
        bits = int((widths[widths > 1].astype(np.int64) - 1).sum())
        return bit_fields(Column(self.octets((bits + 7) // 8).tobytes(), self.column.at), widths)

    def times(self, count: int) -> I64:
        """Columns 9 and 10."""
        self.begin()
        if count:
            rest = Column(self.column.data[self._at :], self.column.at)
            table, end = read_table(rest, count)
            self._at += end
            self.begin()
            return times_of(self.column, table, self.varints(count))
        self.begin()
        return np.empty(0, np.int64)


def _read_records(cursor: Cursor, sized: bool, max_records: int) -> Records:
    count = cursor.varint(min(max_records, MAX_ENTRIES), "too-many-records")
    if not sized and count > cursor.left():
        cursor.fail("truncated")
    part = _Part(cursor, sized, count)
    part.begin()
    ids = _ids(part, count)
    part.begin()
    masks = part.octets(count)
    if np.any((masks != DELETED) & ((masks & ~np.uint8(WHOLE) != 0) | (masks == 0))):
        part.fail("mask")
    places = [_spread(masks, bit) for bit in (PLACE, MODE, SIZE, MTIME)]
    parents, names = _places(part, places[0].size)
    part.begin()
    modes = part.varints(places[1].size)
    if modes.size and (int(modes.max()) > MODE_MAX or np.any(modes.astype(np.int64) & TYPE_MASK == 0)):
        part.fail("mode")
    sizes = part.sizes(places[2].size)
    mtimes = part.times(places[3].size)
    part.close()
    cursor.close()
    all_names = [b""] * count
    for row, name in zip(places[0].tolist(), names, strict=True):
        all_names[row] = name
    columns = [_placed(count, *pair) for pair in zip(places, (parents, modes, sizes, mtimes), strict=True)]
    return Records(ids, masks, columns[0], tuple(all_names), *columns[1:])


def _spread(masks: U8, bit: int) -> I64:
    """The rows that have the bit."""
    return np.flatnonzero(masks & bit)


def _placed(count: int, rows: I64, values: npt.NDArray[np.generic]) -> I64:
    """A column with these values in these rows."""
    column = np.zeros(count, np.int64)
    column[rows] = values
    return column


def _ids(part: _Part, count: int) -> I64:
    steps = part.varints(count).astype(np.uint64)
    if count and int(steps.max()) > MAX_ID:
        part.fail("id-range")
    ids = np.cumsum(steps.view(np.int64) + 1) - 1
    if count and (int(ids[0]) < 1 or int(ids[-1]) > MAX_ID):
        part.fail("id-range")
    return ids


def _places(part: _Part, count: int) -> tuple[I64, list[bytes]]:
    """Columns 3 to 5: parents, and names, or the paths of roots."""
    part.begin()
    parents = np.cumsum(signed(part.varints(count)))  # modulo 2^64: each is looked at, so none can wrap unseen
    if count and (int(parents.min()) < 0 or int(parents.max()) > MAX_ID):
        part.fail("id-range")
    part.begin()
    shared = part.varints(count).tolist()
    names: list[bytes] = []
    name, total = b"", 0
    prefixes = part.column
    part.begin()
    for parent, same, suffix in zip(parents.tolist(), shared, part.texts(count), strict=True):
        if same > len(name):
            prefixes.fail("name-prefix")
        name = name[:same] + suffix
        if not parent and len(name) > MAX_PATH:
            part.fail("path-too-long")
        if not (is_name(name) if parent else is_path(name)):
            part.fail("name")
        total += len(name)
        if total > MAX_BODY:
            part.fail("column-too-large")
        names.append(name)
    return parents, names
