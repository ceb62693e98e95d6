"""Reading a QTN1 document: every read is bounded, every failure a QtnError with its code and offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import xxhash

from smarttree import wire
from smarttree.errors import QtnError

_HEAD_BYTES = 4  # magic and flags


def varint(value: int) -> bytes:
    """Unsigned LEB128 of 0 <= value < 2^64."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    """The varint of a signed 64-bit value."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def sealed(pieces: Sequence[bytes], check_bytes: int) -> bytes:
    """The document of these pieces, with its check: so many low bytes of its XXH64. Copies each byte once."""
    check = xxhash.xxh64()
    for piece in pieces:
        check.update(piece)
    return b"".join([*pieces, check.digest()[::-1][:check_bytes]])


class Reading:
    """A position in a document, whose magic, flags and check have been found right.

    The check is looked at first of all: what follows only meets accidents that kept it, and malice. Sections, of which
    this version knows none, are passed over.
    """

    __slots__ = ("data", "end", "flags", "offset")

    def __init__(self, data: bytes, magic: bytes, *, flags: int, check_bytes: int) -> None:
        self.data, self.offset, self.end = data, _HEAD_BYTES, len(data) - check_bytes
        if self.end < _HEAD_BYTES:
            raise QtnError("truncated", len(data))
        if data[:3] != magic:
            raise QtnError("magic", 0)
        self.flags = data[3]
        if self.flags & ~(flags | wire.FLAG_SECTIONS):
            raise QtnError("unknown-version", 3)
        if xxhash.xxh64_digest(data[: self.end])[::-1][:check_bytes] != data[self.end :]:
            raise QtnError("check", self.end)
        if self.flags & wire.FLAG_SECTIONS:
            self._pass_sections()

    def fail(self, code: str) -> NoReturn:
        """What stands at this position is wrong."""
        raise QtnError(code, self.offset)

    def take(self, size: int) -> bytes:
        self.skip(size)
        return self.data[self.offset - size : self.offset]

    def skip(self, size: int) -> None:
        if size > self.end - self.offset:
            self.fail("truncated")
        self.offset += size

    def rest(self) -> bytes:
        return self.take(self.end - self.offset)

    def finish(self) -> None:
        if self.offset != self.end:
            self.fail("bytes-left-over")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def u128(self) -> int:
        return int.from_bytes(self.take(16), "little")

    def varint(self, code: str = "varint-too-long", *, most: int = (1 << 64) - 1) -> int:
        """The next number; the error has `code` where it is over `most`."""
        value = shift = 0
        while True:
            if self.offset == self.end:
                self.fail("truncated")
            part = self.data[self.offset]
            self.offset += 1
            value |= (part & 0x7F) << shift
            if part < 0x80:
                break
            shift += 7
            if shift > 63:
                self.fail("varint-too-long")
        if part == 0 and shift:
            self.fail("varint-not-shortest")
        if value > most:
            self.fail(code)
        return value

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def _pass_sections(self) -> None:
        last = 0
        while (tag := self.varint()) != 0:
            if tag <= last or tag % 2 == 0:
                self.fail("section")
            self.skip(self.varint())
            last = tag
        if not last:
            self.fail("section")
