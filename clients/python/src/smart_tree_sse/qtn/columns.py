"""QTN1, section 1: numbers and columns. A `Cursor` reads a document; a `Column` is one column of it, unpacked.

Law: every bound is looked at before anything is allocated; of a column that is read whole, no byte is left over.
Varints of a column are decoded all at once, with numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn

import numpy as np
import numpy.typing as npt
import xxhash
import zstandard

from ..errors import QtnError

__all__ = ["MAX_BODY", "MAX_COLUMN", "Column", "Cursor", "opened"]

MAX_COLUMN: Final = 8 << 20
MAX_BODY: Final = 1 << 30
MAX_WINDOW: Final = 8 << 20
U64_MAX: Final = (1 << 64) - 1
VARINT_MAX_BYTES: Final = 10
SECTIONS: Final = 4  # the flag of all documents

WORD: Final = 8
# The bits of a varint of one byte and so many more that count, and which of them stay where they are in each of three
# pushes.
SEVENS: Final = np.array([0x7F7F7F7F7F7F7F7F & ((1 << 8 * size) - 1) for size in range(1, WORD + 1)], np.uint64)
PUSHED: Final = np.array([0x007F007F007F007F, 0x00003FFF00003FFF, 0x000000000FFFFFFF], np.uint64)

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


class Column:
    """The bytes of a column. `at` is the offset that its errors tell."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def __len__(self) -> int:
        return len(self.data)

    def fail(self, code: str) -> NoReturn:
        raise QtnError(code, self.at)

    def sized(self, size: int) -> npt.NDArray[np.uint8]:
        """Its bytes, of which there have to be so many."""
        if len(self.data) != size:
            self.fail("truncated" if len(self.data) < size else "bytes-left-over")
        return np.frombuffer(self.data, np.uint8)

    def varints(self, count: int, start: int = 0) -> npt.NDArray[np.uint8] | U64:
        """The varints from `start` on, of which there have to be so many; as bytes, if each has one."""
        values, end = self.some_varints(count, start)
        if end != len(self.data):
            self.fail("bytes-left-over")
        return values

    def some_varints(self, count: int, start: int = 0) -> tuple[npt.NDArray[np.uint8] | U64, int]:
        """So many varints from `start` on, and where they end."""
        octets = np.frombuffer(self.data, np.uint8, offset=start)
        if octets.size == count and (count == 0 or int(octets.max()) < 0x80):
            return octets, start + count
        if count == 0:
            return octets[:0], start
        ends = np.flatnonzero(octets < 0x80)[:count]
        if ends.size < count:
            self.fail("varint-too-long" if octets.size - (ends[-1] + 1 if ends.size else 0) > 9 else "truncated")
        return self._joined(octets, ends), start + int(ends[-1]) + 1

    def _joined(self, octets: npt.NDArray[np.uint8], ends: I64) -> U64:
        """The varints that end there. Those of up to eight bytes are one word each, whose sevens of bits are pushed
        together; the few that are longer get the rest added."""
        starts = np.zeros_like(ends)
        np.add(ends[:-1], 1, out=starts[1:])
        more, last = ends - starts, octets.take(ends)
        longest = int(more.max())
        if longest >= VARINT_MAX_BYTES - 1 and np.any((more >= VARINT_MAX_BYTES) | (last > 1) & (more > 8)):
            self.fail("varint-too-long")
        if np.any((more > 0) & (last == 0)):
            self.fail("varint-not-shortest")
        words = np.ndarray(octets.size, "<u8", octets.tobytes() + bytes(WORD), strides=(1,))
        values = words[starts]
        values &= SEVENS.take(more, mode="clip")
        for shift, low in enumerate(PUSHED):
            high = values & ~low
            high >>= np.uint64(1 << shift)
            values &= low
            values |= high
        for place in range(WORD, longest + 1):
            long = np.flatnonzero(more >= place)
            values[long] |= (octets[starts[long] + place] & 0x7F).astype(np.uint64) << np.uint64(7 * place)
        return values

    def texts(self, count: int) -> tuple[npt.NDArray[np.uint8], I64]:
        """Texts with a NUL behind each, of which there have to be so many: their bytes, and where the NULs are."""
        octets = np.frombuffer(self.data, np.uint8)
        # Where fewer than a tenth are true numpy looks for each by itself, in three times as long: some are added.
        is_nul = np.ones(octets.size + octets.size // 8 + 1, bool)
        np.equal(octets, 0, out=is_nul[: octets.size])
        nuls = np.flatnonzero(is_nul)
        nuls = nuls[: nuls.size - octets.size // 8 - 1]
        if nuls.size < count:
            self.fail("truncated")
        if len(self.data) != (int(nuls[count - 1]) + 1 if count else 0):
            self.fail("bytes-left-over")
        return octets, nuls[:count]


def signed(zigzag: npt.NDArray[np.uint8] | U64) -> I64:
    """What zigzag varints say."""
    values = zigzag.astype(np.uint64, copy=False)
    return (values >> np.uint64(1)).view(np.int64) ^ -(values & np.uint64(1)).view(np.int64)


class Cursor:
    """Reads `data` from `at` up to `end`."""

    __slots__ = ("at", "data", "end", "unpacker")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end
        self.unpacker = zstandard.ZstdDecompressor()

    def fail(self, code: str) -> NoReturn:
        raise QtnError(code, self.at)

    def left(self) -> int:
        return self.end - self.at

    def raw(self, size: int) -> bytes:
        if size > self.left():
            self.fail("truncated")
        self.at += size
        return self.data[self.at - size : self.at]

    def fixed(self, size: int) -> int:
        return int.from_bytes(self.raw(size), "little")

    def octet(self) -> int:
        if self.at == self.end:
            self.fail("truncated")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self, limit: int = U64_MAX, code: str = "") -> int:
        value = shift = 0
        while (byte := self.octet()) > 0x7F:
            value, shift = value | (byte & 0x7F) << shift, shift + 7
            if shift > 63:
                self.fail("varint-too-long")
        value |= byte << shift
        if value > U64_MAX or (byte == 0 and shift):
            self.fail("varint-too-long" if byte else "varint-not-shortest")
        return value if value <= limit else self.fail(code)

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def stored(self, max_size: int = MAX_COLUMN) -> tuple[int, int]:
        """Passes over a column: its size unpacked, and where its stored bytes begin."""
        raw_size = self.varint(max_size, "column-too-large")
        size = self.varint(raw_size, "column-size")
        at = self.at
        if size > self.left():
            self.fail("truncated")
        self.at += size
        return raw_size, at

    def column(self, max_size: int = MAX_COLUMN, useful: int = MAX_BODY) -> Column:
        """The next column; one of more than `useful` bytes holds too much, whatever they are, and is not unpacked."""
        raw_size, at = self.stored(max_size)
        if raw_size > useful:
            raise QtnError("bytes-left-over", at)
        stored = self.data[at : self.at]
        return Column(stored if len(stored) == raw_size else self._unpacked(stored, raw_size, at), at)

    def _unpacked(self, stored: bytes, raw_size: int, at: int) -> bytes:
        try:
            header = zstandard.get_frame_parameters(stored)  # before anything is allocated
            if stored[:4] != zstandard.FRAME_HEADER:
                raise QtnError("zstd", at)
            if header.content_size != raw_size:
                raise QtnError("zstd-size", at)
            if header.dict_id or header.window_size > MAX_WINDOW:
                raise QtnError("zstd-header", at)
            return self.unpacker.decompress(stored, allow_extra_data=False)
        except zstandard.ZstdError:
            raise QtnError("zstd", at) from None

    def close(self) -> None:
        if self.left():
            self.fail("bytes-left-over")


def opened(data: bytes, magic: bytes, known_flags: int, check_size: int) -> tuple[Cursor, int]:
    """A cursor over what stands between a document's sections and its check, and its flags."""
    body = len(data) - check_size
    if body < 4:
        raise QtnError("truncated", len(data))
    if data[:3] != magic:
        raise QtnError("magic", 0)
    flags = data[3]
    if flags & ~(known_flags | SECTIONS):
        raise QtnError("unknown-version", 3)
    check = xxhash.xxh64_intdigest(memoryview(data)[:body]) & ((1 << 8 * check_size) - 1)
    if int.from_bytes(data[body:], "little") != check:
        raise QtnError("check", body)
    cursor = Cursor(data, 4, body)
    if flags & SECTIONS:
        _pass_sections(cursor)
    return cursor, flags


def _pass_sections(cursor: Cursor) -> None:
    """What is ancillary is passed over; no critical section is known."""
    last = 0
    while True:
        tag = cursor.varint()
        if tag == 0 < last:
            return
        if tag <= last or tag % 2 == 0:
            cursor.fail("section")
        cursor.raw(cursor.varint())
        last = tag


def bit_fields(column: Column, widths: npt.NDArray[np.uint8]) -> I64:
    """Section 3, columns 7 and 8: sizes by their widths; the highest bit of each is always one, and is not stored."""
    sizes = (widths > 0).astype(np.int64)
    rows = np.flatnonzero(widths > 1)
    stored = widths[rows].astype(np.int64) - 1
    ends = np.cumsum(stored)
    total = int(ends[-1]) if rows.size else 0
    column.sized((total + 7) // 8)
    if total % 8 and column.data[-1] >> total % 8:
        column.fail("size-padding")
    if not rows.size:
        return sizes
    words = np.frombuffer(column.data + bytes(16 - len(column.data) % 8), "<u8")
    starts = ends - stored
    word, low = starts >> 6, (starts & 63).astype(np.uint64)
    bits = words[word] >> low | words[word + 1] << (np.uint64(64) - low)  # by 64 shifts everything out
    high = np.uint64(1) << stored.astype(np.uint64)
    sizes[rows] = (bits & (high - np.uint64(1)) | high).view(np.int64)
    return sizes


def joined(columns: Sequence[Column]) -> bytes:
    """The columns of a group uncompressed, each behind its size: what a group's address is of."""
    parts: list[bytes] = []
    for column in columns:
        size, digits = len(column.data), bytearray()
        while size > 0x7F:
            digits.append(size & 0x7F | 0x80)
            size >>= 7
        digits.append(size)
        parts += [bytes(digits), column.data]
    return b"".join(parts)
