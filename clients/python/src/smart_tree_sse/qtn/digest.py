"""QTN1, section 6: the digests of all directories of a snapshot, from those that have none in them up.

Law: digest(dir) = the sum of h(child) over its children, modulo 2^128.
"""

from __future__ import annotations

import struct

import numpy as np
import xxhash

from .columns import I64, U64
from .layout import Layout
from .xxh64 import BLOCK, Rows, hash_rows

__all__ = ["Sums", "hash128", "tree_digests", "weight"]

U128_MAX = (1 << 128) - 1

Sums = tuple[U64, U64]


def hash128(data: bytes) -> int:
    """XXH64 with seed 0, and with seed 1 above it."""
    return xxhash.xxh64_intdigest(data, 0) | xxhash.xxh64_intdigest(data, 1) << 64


def weight(name: bytes, values: tuple[int, int, int] | None, digest: int) -> int:
    """`h`: what an entry adds to the digest it is in. `values` are mode, size and time; a root has none."""
    head = struct.pack("<IQq", *values) if values else b""
    return hash128(head + digest.to_bytes(16, "little") + name)


def tree_digests(rows: Rows, layout: Layout) -> tuple[int, Sums]:
    """The top's digest, and those of the directories, low and high halves."""
    sums = np.zeros((2, layout.rows.size + 1), np.uint64)
    _add_files(sums, rows, layout)
    _add_directories(sums, rows, layout)
    return int(sums[0, 0]) | int(sums[1, 0]) << 64, (sums[0, 1:], sums[1, 1:])


def _add_files(sums: U64, rows: Rows, layout: Layout) -> None:
    """All that is no directory, so many rows at a time that what they need stays in the cache."""
    count = rows.lengths.size
    plain = np.ones(count, bool)
    plain[layout.rows] = False
    bounds = np.append(layout.filled_starts, count)
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        places = np.flatnonzero(plain[start:stop])
        hashes = np.zeros((2, stop - start + 1), np.uint64)
        hash_rows(rows, places + start, hashes[:, 1:], places)
        first, last = int(np.searchsorted(bounds, start, "right")) - 1, int(np.searchsorted(bounds, stop))
        ranges = np.clip(bounds[first : last + 1] - start, 0, stop - start)
        _add(sums, layout.filled[first:last], _range_sums(hashes, ranges[:-1], ranges[1:]))


def _add_directories(sums: U64, rows: Rows, layout: Layout) -> None:
    """Each in the first round in which all directories in it have been added: most are in the first two or three."""
    pending = np.bincount(layout.above, minlength=layout.rows.size + 1)
    ready = np.flatnonzero(pending[1:] == 0)
    while ready.size:
        hashes = np.zeros((2, ready.size + 1), np.uint64)
        hash_rows(rows, layout.rows[ready], hashes[:, 1:], np.arange(ready.size), sums.take(ready + 1, axis=1))
        of_ready = layout.above[ready]
        ends = np.append(np.flatnonzero(of_ready[1:] != of_ready[:-1]) + 1, ready.size)
        sizes = np.diff(ends, prepend=0)
        above = of_ready[ends - 1]
        _add(sums, above, _range_sums(hashes, ends - sizes, ends))
        pending[above] -= sizes
        ready = np.sort(above[(pending[above] == 0) & (above > 0)]) - 1


def _range_sums(numbers: U64, starts: I64, ends: I64) -> U64:
    """The sums of ranges, modulo 2^128, low and high halves, as differences of the sums of all before. `numbers` have a
    zero before the first; these sums take their place."""
    low, high = numbers
    np.cumsum(low, out=low)
    high[1:] += low[1:] < low[:-1]
    np.cumsum(high, out=high)
    low_start, low_end = low[starts], low[ends]
    return np.stack([low_end - low_start, high[ends] - high[starts] - (low_end < low_start)])


def _add(sums: U64, places: I64, more: U64) -> None:
    """Modulo 2^128."""
    low = sums[0, places] + more[0]
    sums[0, places] = low
    sums[1, places] += more[1] + (low < more[0])
