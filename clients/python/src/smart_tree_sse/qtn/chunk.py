"""QTN1, section 3: a chunk, which is twelve columns in three groups, as arrays of one element for each entry.

Law: a chunk is checked by itself, column by column; what its entries are to each other is checked in `layout.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .columns import I64, Column, bit_fields, signed
from .names import U8, Names, read_names
from .times import read_table, times_of

__all__ = ["GROUPS", "MAX_CHUNK", "MAX_ENTRIES", "MAX_ID", "Chunk", "is_directory", "read_chunk", "read_widths"]

MAX_ENTRIES: Final = 50_000_000
MAX_ID: Final = 49_999_999
MAX_CHUNK: Final = 65_536
GROUPS: Final = (5, 5, 2)  # columns of the name, meta and id group
SIZE_BITS_MAX: Final = 63
TYPE_MASK: Final = 0xF000
DIRECTORY: Final = 0x4000


@dataclass(slots=True)
class Chunk:
    """`child_counts` and `below_counts` are of its directories alone."""

    names: Names
    modes: npt.NDArray[np.uint16]
    sizes: I64
    mtimes_ns: I64
    ids: npt.NDArray[np.int32]
    child_counts: I64
    below_counts: I64


def is_directory(modes: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    """Which of these modes are directories'."""
    return (modes & TYPE_MASK) == DIRECTORY


def read_chunk(columns: Sequence[Column], count: int, last_id: int) -> Chunk:
    """The entries of a chunk. `last_id` is the id before its first one."""
    children, prefixes, suffixes, extensions, extension_ids, modes, widths, bits, table, times, ids, below = columns
    names = read_names(prefixes, suffixes, extensions, extension_ids, count)
    of_mode = _modes(modes, count)
    sizes = bit_fields(bits, read_widths(widths, count))
    directories = np.flatnonzero(is_directory(of_mode))
    if np.any(sizes[directories]):
        widths.fail("directory-size")
    return Chunk(
        names,
        of_mode,
        sizes,
        _times(table, times, count),
        _ids(ids, count, last_id),
        _counts(children, directories.size, "child-counts"),
        _counts(below, directories.size, "below-counts") if below.data else np.zeros(directories.size, np.int64),
    )


def read_widths(column: Column, count: int) -> U8:
    """Column 7."""
    widths = column.sized(count)
    if count and int(widths.max()) > SIZE_BITS_MAX:
        column.fail("size-width")
    return widths


def _modes(column: Column, count: int) -> npt.NDArray[np.uint16]:
    size, at = column.some_varints(1)
    if int(size[0]) > count:
        column.fail("mode-table")
    end = at + 2 * int(size[0])
    if end > len(column.data):
        column.fail("truncated")
    table = np.frombuffer(column.data, "<u2", count=int(size[0]), offset=at).astype(np.uint16)
    if np.any(table[1:] <= table[:-1]):
        column.fail("mode-table")
    if table.size and not int(table[0]) & TYPE_MASK:
        column.fail("mode")
    chosen = column.varints(count, end)
    if int(chosen.max()) >= table.size:
        column.fail("mode-index")
    return table[chosen.astype(np.intp)]


def _times(table_column: Column, column: Column, count: int) -> I64:
    table, end = read_table(table_column, count)
    if end != len(table_column.data):
        table_column.fail("bytes-left-over")
    return times_of(column, table, column.varints(count))


def _counts(column: Column, count: int, code: str) -> I64:
    values = column.varints(count)
    if count and int(values.max()) > MAX_ENTRIES:
        column.fail(code)
    return values.astype(np.int64)


def _ids(column: Column, count: int, last_id: int) -> npt.NDArray[np.int32]:
    """Column 11: empty, or runs."""
    if not column.data:
        firsts, lengths = np.array([last_id + 1]), np.array([count])
    else:
        firsts, lengths = _runs(column, count, last_id)
    if int(firsts.min()) < 1 or int((firsts + lengths).max()) - 1 > MAX_ID:
        column.fail("id-range")
    before = np.cumsum(lengths) - lengths
    return (np.arange(count) + np.repeat(firsts - before, lengths)).astype(np.int32)


def _runs(column: Column, count: int, last_id: int) -> tuple[I64, I64]:
    """The first id and the length of each run."""
    number = int(np.count_nonzero(np.frombuffer(column.data, np.uint8) < 0x80))
    numbers = column.some_varints(2 * (number // 2))[0]
    lengths = numbers[1::2].astype(np.uint64)
    if np.any((lengths < 1) | (lengths > count)):
        column.fail("id-runs")
    ends = np.cumsum(lengths.astype(np.int64))
    if np.any(ends[:-1] >= count) or (ends.size and int(ends[-1]) > count):
        column.fail("bytes-left-over" if np.any(ends == count) else "id-runs")
    if not ends.size or int(ends[-1]) < count or number % 2 or column.data[-1] > 0x7F:
        column.fail("truncated" if not ends.size or int(ends[-1]) < count else "bytes-left-over")
    steps = signed(numbers[::2])
    if int(np.abs(steps).max()) > MAX_ID or int(steps.min()) < -MAX_ID:
        column.fail("id-range")
    lasts = last_id + np.cumsum(steps + lengths.astype(np.int64))
    return lasts - lengths.astype(np.int64) + 1, lengths.astype(np.int64)
