"""QTN1 in plain Python, section 1 of `QTN1.md`: errors, numbers and columns, read and written alike.

Law: `Reader` and `Writer` have the same methods. Each takes the value to write (which a reader ignores) and gives the
value that was read or written; so each table of the page is told by one function for both, in `qtn1.py`. Bounds are
checked by subtraction, and before anything is allocated. Needs `xxhash` and `zstandard`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NoReturn, TypeAlias

import xxhash
import zstandard

MAX_COLUMN, MAX_BODY, MAX_WINDOW = 8 << 20, 1 << 30, 8 << 20
U64, U128 = (1 << 64) - 1, (1 << 128) - 1


class QtnError(Exception):
    """What breaks the format. `offset` is where: a byte of the document (inside a compressed column, its first), or,
    when a batch can't be applied, the index of the record. In writing: how much of the column was written."""

    def __init__(self, code: str, offset: int) -> None:
        super().__init__(f"QTN1: {code} at {offset}")
        self.code, self.offset = code, offset


class Reader:
    """Reads `data[at:end]`. `origin` is the offset to report for bytes that were unpacked and so have none."""

    reading = True

    def __init__(self, data: bytes, at: int, end: int, origin: int | None = None) -> None:
        self.data, self.at, self.end, self.origin = data, at, end, origin
        self.pool = self.held = 0  # the bits of a byte that was begun, and their number

    def fail(self, code: str) -> NoReturn:
        raise QtnError(code, self.at if self.origin is None else self.origin)

    def left(self) -> int:
        return self.end - self.at

    def raw(self, size: int, _: bytes = b"") -> bytes:
        if size > self.left():
            self.fail("truncated")
        self.at += size
        return self.data[self.at - size : self.at]

    def fixed(self, size: int, _: int = 0, limit: int = U128, code: str = "") -> int:
        value = int.from_bytes(self.raw(size), "little")
        return value if value <= limit else self.fail(code)

    def varint(self, _: int = 0, limit: int = U64, code: str = "") -> int:
        value = shift = 0
        while (byte := self.fixed(1)) > 0x7F:
            value, shift = value | (byte & 0x7F) << shift, shift + 7
            if shift > 63:
                self.fail("varint-too-long")
        value |= byte << shift
        if value > U64 or (byte == 0 and shift):
            self.fail("varint-too-long" if byte else "varint-not-shortest")
        return value if value <= limit else self.fail(code)

    def zigzag(self, _: int = 0) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def to_nul(self, _: bytes = b"") -> bytes:
        nul = self.data.find(b"\0", self.at, self.end)
        return self.raw(nul + 1 - self.at)[:-1] if nul >= 0 else self.fail("truncated")

    def bits(self, width: int, _: int = 0) -> int:
        while self.held < width:
            self.pool, self.held = self.pool | self.fixed(1) << self.held, self.held + 8
        value = self.pool & ((1 << width) - 1)
        self.pool, self.held = self.pool >> width, self.held - width
        return value

    def end_bits(self) -> None:
        if self.pool:
            self.fail("size-padding")
        self.held = 0

    def columns(self, count: int, max_size: int = MAX_COLUMN, useful: int = MAX_BODY) -> Sequence[Reader]:
        return [self.column(max_size, useful) for _ in range(count)]

    def skip_column(self, max_size: int = MAX_COLUMN) -> tuple[int, bytes]:
        raw_size = self.varint(limit=max_size, code="column-too-large")
        return raw_size, self.raw(self.varint(limit=raw_size, code="column-size"))

    def column(self, max_size: int = MAX_COLUMN, useful: int = MAX_BODY) -> Reader:
        raw_size, stored = self.skip_column(max_size)
        at = self.at - len(stored)
        if raw_size > useful:  # than could be read of it: not unpacked to find that out
            raise QtnError("bytes-left-over", at)
        if len(stored) == raw_size:
            return Reader(self.data, at, self.at)
        try:
            header = zstandard.get_frame_parameters(stored)  # all that is known before anything is allocated
            if stored[:4] != zstandard.FRAME_HEADER:
                raise QtnError("zstd", at)
            if header.content_size != raw_size:
                raise QtnError("zstd-size", at)
            if header.dict_id or header.window_size > MAX_WINDOW:
                raise QtnError("zstd-header", at)
            return Reader(zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False), 0, raw_size, at)
        except zstandard.ZstdError:
            raise QtnError("zstd", at) from None

    def close(self, columns: Iterable[Reader | Writer]) -> None:
        for column in columns:
            if column.left():
                column.fail("bytes-left-over")


class Writer:
    """Writes. `uncompressed`: each column is stored as it is."""

    reading = False

    def __init__(self, data: bytes = b"", *, uncompressed: bool = False) -> None:
        self.data, self.uncompressed = bytearray(data), uncompressed
        self.pool = self.held = 0

    def fail(self, code: str) -> NoReturn:
        raise QtnError(code, len(self.data))

    def left(self) -> int:
        return MAX_BODY

    def raw(self, _: int, value: bytes = b"") -> bytes:
        self.data += value
        return value

    def fixed(self, size: int, value: int = 0, limit: int = U128, code: str = "") -> int:
        self.data += value.to_bytes(size, "little") if 0 <= value <= limit else self.fail(code)
        return value

    def varint(self, value: int = 0, limit: int = U64, code: str = "varint-too-long") -> int:
        rest = value if 0 <= value <= limit else self.fail(code)
        while rest > 0x7F:
            self.data.append(rest & 0x7F | 0x80)
            rest >>= 7
        self.data.append(rest)
        return value

    def zigzag(self, value: int = 0) -> int:
        self.varint((value << 1) ^ (value >> 63))
        return value

    def to_nul(self, value: bytes = b"") -> bytes:
        self.data += value + b"\0"
        return value

    def bits(self, width: int, value: int = 0) -> int:
        self.pool, self.held = self.pool | value << self.held, self.held + width
        self.data += (self.pool & ((1 << (self.held & ~7)) - 1)).to_bytes(self.held // 8, "little")
        self.pool, self.held = self.pool >> (self.held & ~7), self.held % 8
        return value

    def end_bits(self) -> None:
        self.bits(-self.held % 8)

    def columns(self, count: int, _: int = 0, useful: int = 0) -> Sequence[Writer]:
        return [Writer(uncompressed=self.uncompressed) for _ in range(count)]

    def close(self, columns: Iterable[Reader | Writer]) -> None:
        for column in columns:
            stored = raw = bytes(column.data)
            if column is not self:
                if len(raw) >= 24 and not self.uncompressed:
                    stored = min(raw, zstandard.ZstdCompressor(level=3).compress(raw), key=len)  # the first of equals
                self.varint(len(raw)), self.varint(len(stored)), self.raw(len(stored), stored)

    def sealed(self, check_size: int) -> bytes:
        return bytes(self.data) + struct.pack("<Q", xxhash.xxh64_intdigest(self.data))[:check_size]


Coder: TypeAlias = Reader | Writer
