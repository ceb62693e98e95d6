"""XXH64 of many entries at once: `h` of QTN1, section 6, for whole columns.

Law: for each row the same as XXH64 of its 36 bytes of values and its name. With calls of a hash library, one
for each entry and seed, this takes 0.3 µs an entry, longer than all else; with numpy 0.14 µs. Rows are sorted by the
length of what is hashed, so that each step of the algorithm concerns one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .columns import I64, U64

__all__ = ["PADDING", "Rows", "hash_rows"]

P1: Final = np.uint64(0x9E3779B185EBCA87)
P2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
P3: Final = np.uint64(0x165667B19E3779F9)
P4: Final = np.uint64(0x85EBCA77C2B2AE63)
P5: Final = np.uint64(0x27D4EB2F165667C5)
LOW: Final = np.uint64(0xFFFFFFFF)
HIGH: Final = np.uint64(0xFFFFFFFF00000000)
HALF: Final = np.uint64(32)
EIGHT: Final = np.uint64(8)
OCTET: Final = np.uint64(0xFF)

HEAD: Final = 36  # bytes before the name: mode u32, size u64, mtime i64, digest u128
STRIPE: Final = 32
PADDING: Final = 8  # bytes that stand before and after the names, as words are read that begin or end outside
BLOCK: Final = 32_768  # rows at a time: what they need stays in the cache
SEEDS: Final = (0, 1)
Words = npt.NDArray[np.uint64]


@dataclass(slots=True)
class Rows:
    """What is hashed. `names` has `PADDING` bytes before and after what `starts` and `lengths` speak of; the digests
    are those of directories, and zero for anything else."""

    names: bytes
    starts: I64
    lengths: I64
    modes: npt.NDArray[np.uint16]
    sizes: I64
    mtimes_ns: I64
    digests: tuple[U64, U64] | None = None


def hash_rows(rows: Rows) -> tuple[U64, U64]:
    """The hashes by seed 0 and by seed 1."""
    count = rows.starts.size
    low, high = np.empty(count, np.uint64), np.empty(count, np.uint64)
    words = np.ndarray(len(rows.names) - 7, "<u8", rows.names, strides=(1,))
    for start in range(0, count, BLOCK):
        lengths = rows.lengths[start : start + BLOCK].astype(np.uint16)
        block = np.argsort(lengths, kind="stable") + start
        low[block], high[block] = _Block(rows, block, words).hashes()
    return low, high


def _rotated(value: Words, bits: int) -> Words:
    high = value << np.uint64(bits)
    high |= value >> np.uint64(64 - bits)
    return high


def _round(lane: Words) -> Words:
    """A lane into an empty accumulator."""
    lane = _rotated(lane * P2, 31)
    lane *= P1
    return lane


class _Block:
    """Some rows, the shortest first."""

    def __init__(self, rows: Rows, block: npt.NDArray[np.intp], words: Words) -> None:
        self.words = words
        self.lengths = rows.lengths[block] + HEAD
        # Where in the buffer what is hashed would begin, if its values stood before its name.
        self.origins = rows.starts[block] + (PADDING - HEAD)
        mode = rows.modes[block].astype(np.uint64)
        size, mtime = rows.sizes[block].view(np.uint64), rows.mtimes_ns[block].view(np.uint64)
        self.lanes = [mode | size << HALF, size >> HALF | mtime << HALF, mtime >> HALF]
        self.seam: Words | None = None  # the last four bytes of the digest
        if rows.digests is not None:
            low, high = rows.digests[0][block], rows.digests[1][block]
            self.lanes[2] |= low << HALF
            self.lanes.append(low >> HALF | high << HALF)
            self.seam = high >> HALF

    def hashes(self) -> list[Words]:
        """By each seed."""
        hashes = self._stripes()
        ends = self.lengths // STRIPE * STRIPE
        for end in range(int(ends[0]), int(ends[-1]) + 1, STRIPE):
            begin, stop = np.searchsorted(ends, [end, end + 1]).tolist()
            self._eights(hashes, begin, stop, end)
        self._four(hashes)
        self._octets(hashes)
        return [_avalanched(value) for value in hashes]

    def _stripes(self) -> list[Words]:
        """What there is in whole stripes."""
        both = [_Accumulators(seed, self.lanes) for seed in SEEDS]
        for at in range(STRIPE, int(self.lengths[-1]) - STRIPE + 1, STRIPE):
            rows = slice(int(np.searchsorted(self.lengths, at + STRIPE)), None)
            for lane in range(4):
                word = self._word(rows, at + 8 * lane) * P2
                for accumulators in both:
                    accumulators.add(lane, rows, word)
        return [accumulators.merged(self.lengths.view(np.uint64)) for accumulators in both]

    def _eights(self, hashes: list[Words], begin: int, stop: int, end: int) -> None:
        """The whole words behind the last stripe, of the rows `begin` to `stop`, whose stripes end at `end`."""
        lengths = self.lengths[begin:stop]
        for at in range(end, end + STRIPE - 8, 8):
            rows = slice(begin + int(np.searchsorted(lengths, at + 8)), stop)
            if rows.start == stop:
                break
            word = _round(self._word(rows, at))
            for value in hashes:
                part = value[rows]
                part ^= word
                part[:] = _rotated(part, 27)
                part *= P1
                part += P4

    def _four(self, hashes: list[Words]) -> None:
        """Four bytes behind the last word, where there are as many."""
        rows = np.flatnonzero(self.lengths & 4)
        word = self._last(rows, self.lengths[rows] & ~7)
        word &= LOW
        word *= P1
        for value in hashes:
            part = value[rows] ^ word
            part = _rotated(part, 23)
            part *= P2
            part += P3
            value[rows] = part

    def _octets(self, hashes: list[Words]) -> None:
        """The last one to three bytes, one by one."""
        left = (self.lengths & 3).astype(np.uint8)
        rows = np.argsort(left, kind="stable")
        rows = rows[np.searchsorted(left[rows], 1) :]
        left = left[rows]
        words = self._last(rows, self.lengths[rows] & ~3)
        parts = [value[rows] for value in hashes]
        for place in range(3):
            some = slice(int(np.searchsorted(left, place + 1)), None)
            octet = (words[some] & OCTET) * P5
            words >>= EIGHT
            for part in parts:
                part[some] ^= octet
                part[some] = _rotated(part[some], 11)
                part[some] *= P1
        for value, part in zip(hashes, parts, strict=True):
            value[rows] = part

    def _word(self, rows: slice, at: int) -> Words:
        """Eight bytes at offset `at` of what is hashed."""
        words = self.words[self.origins[rows] + at]
        if at == STRIPE:
            words &= HIGH
            if self.seam is not None:
                words |= self.seam[rows]
        return words

    def _last(self, rows: npt.NDArray[np.intp], at: I64) -> Words:
        """The same, at an offset of each row's own."""
        words = self.words[self.origins[rows] + at]
        seam = np.flatnonzero(at == STRIPE)  # a name of less than four bytes
        words[seam] &= HIGH
        if self.seam is not None:
            words[seam] |= self.seam[rows[seam]]
        return words


class _Accumulators:
    """The four of one seed, which have taken the first stripe: the values before the name."""

    def __init__(self, seed: int, lanes: list[Words]) -> None:
        start = np.array([seed], np.uint64)
        starts = [start + P1 + P2, start + P2, start, start - P1]
        self.lanes = [_rotated(start + lane * P2, 31) * P1 for start, lane in zip(starts, lanes, strict=False)]
        if len(lanes) == 3:  # no digest: the fourth lane is zero in each row
            self.lanes.append(np.repeat(_rotated(starts[3], 31) * P1, lanes[0].size))

    def add(self, lane: int, rows: slice, word: Words) -> None:
        part = self.lanes[lane][rows]
        part += word
        part[:] = _rotated(part, 31)
        part *= P1

    def merged(self, lengths: Words) -> Words:
        value = _rotated(self.lanes[0], 1)
        for lane, bits in zip(self.lanes[1:], (7, 12, 18), strict=True):
            value += _rotated(lane, bits)
        for lane in self.lanes:
            value ^= _round(lane)
            value *= P1
            value += P4
        value += lengths
        return value


def _avalanched(value: Words) -> Words:
    value ^= value >> np.uint64(33)
    value *= P2
    value ^= value >> np.uint64(29)
    value *= P3
    value ^= value >> HALF
    return value
