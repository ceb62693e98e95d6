"""QTN1, section 6: the digests of all directories of a snapshot, from the deepest level up.

Law: digest(dir) = the sum of h(child) over its children, modulo 2^128.
"""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
import xxhash

from .columns import I64, U64
from .layout import Layout
from .xxh64 import Rows, hash_rows

__all__ = ["Sums", "hash128", "tree_digests", "weight"]

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
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
    """The top's digest, and those of the directories, low and high halves; `rows` are all entries, without digests."""
    sums = _Sums(layout)
    files = np.ones(rows.starts.size, bool)
    files[layout.rows] = False
    plain = np.flatnonzero(files)
    sums.add(layout.parents[plain], hash_rows(_taken(rows, plain)))
    of_depth = np.argsort(layout.depths, kind="stable")
    ends = np.searchsorted(layout.depths[of_depth], np.arange(1, int(layout.depths.max(initial=0)) + 2))
    for begin, end in reversed([*pairwise(ends.tolist())]):
        level = of_depth[begin:end]
        here = _taken(rows, layout.rows[level])
        here.digests = sums.low[level + 1], sums.high[level + 1]
        sums.add(layout.parents[layout.rows[level]], hash_rows(here))
    return int(sums.low[0]) | int(sums.high[0]) << 64, (sums.low[1:], sums.high[1:])


def _taken(rows: Rows, chosen: I64) -> Rows:
    return Rows(
        rows.names,
        rows.starts[chosen],
        rows.lengths[chosen],
        rows.modes[chosen],
        rows.sizes[chosen],
        rows.mtimes_ns[chosen],
    )


class _Sums:
    """Of the top, at 0, and each directory: the sum of what was added."""

    def __init__(self, layout: Layout) -> None:
        self._rows = layout.rows
        self.low, self.high = np.zeros(layout.rows.size + 1, np.uint64), np.zeros(layout.rows.size + 1, np.uint64)

    def add(self, parents: np.ndarray, hashes: Sums) -> None:
        """`parents`: rows of directories, each in one run, as siblings stand together."""
        if not parents.size:
            return
        starts = np.concatenate([[0], np.flatnonzero(parents[1:] != parents[:-1]) + 1])
        places = np.searchsorted(self._rows, parents[starts]) + (parents[starts] >= 0)
        low = np.add.reduceat(hashes[0] & LOW, starts)
        middle = np.add.reduceat(hashes[0] >> HALF, starts) + (low >> HALF)
        high = np.add.reduceat(hashes[1], starts) + (middle >> HALF)
        before = self.low[places]
        self.low[places] += (middle << HALF) | (low & LOW)
        self.high[places] += high + (self.low[places] < before)
