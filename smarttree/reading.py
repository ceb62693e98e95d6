"""Reading a QTN1 document's header: every read is bounded, every failure a QtnError with its offset."""

from __future__ import annotations

import xxhash

from smarttree.errors import QtnError


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


class Reading:
    """A position in `data`, whose last `trailer_bytes` are the low bytes of the XXH64 of all before them.

    The checksum is verified at once: what follows then only meets accidents that kept it, and malice.
    """

    def __init__(self, data: bytes, *, trailer_bytes: int) -> None:
        self.data, self.offset, self._end = data, 0, len(data) - trailer_bytes
        if self._end < 0:
            raise QtnError("cut off: too short for any document", offset=0)
        check = xxhash.xxh64_digest(data[: self._end])[::-1][:trailer_bytes]
        if check != data[self._end :]:
            raise QtnError("the checksum does not match: damaged or cut off", offset=self._end)

    def error(self, reason: str) -> QtnError:
        """The error to raise for what stands at this position."""
        return QtnError(reason, offset=self.offset)

    def take(self, size: int) -> bytes:
        if size > self._end - self.offset:
            raise self.error("cut off")
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def rest(self) -> bytes:
        return self.take(self._end - self.offset)

    def end(self) -> None:
        if self.offset != self._end:
            raise self.error("bytes left over")

    def magic(self, expected: bytes, *, flags: int) -> int:
        """The flags byte behind the document's first three bytes; flags that are not in `flags` are an error."""
        if self.take(3) != expected:
            raise QtnError("not the kind of document expected", offset=0)
        found = self.take(1)[0]
        if found & ~flags:
            raise QtnError(f"flags {found:#x} of a later version", offset=3)
        return found

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def varint(self, *, below: int = 1 << 64) -> int:
        value = shift = 0
        while True:
            part = self.take(1)[0]
            value |= (part & 0x7F) << shift
            if part < 0x80:
                break
            shift += 7
            if shift > 63:
                raise self.error("a number of more than 64 bits")
        if (part == 0 and shift) or value >= below:
            raise self.error(f"a number that is too large ({value}), or not in shortest form")
        return value

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)
