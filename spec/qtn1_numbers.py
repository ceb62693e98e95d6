"""QTN1 in plain Python, sections 1 and 2: text forms, limits, numbers, columns, and what an entry is.

Law: written from `QTN1.md` alone, to be read beside it; every defect raises `QtnError` and nothing else. Bounds are
checked by subtraction, and caps before anything is allocated. Needs `zstandard`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import NoReturn

import zstandard

MAX_NAME, MAX_PATH, MAX_DEPTH = 1024, 65_535, 512
MAX_CHUNK, MAX_ENTRIES = 65_536, 50_000_000  # entries of a snapshot, records of a batch
MAX_COLUMN, MAX_BODY, MAX_WINDOW = 8 << 20, 1 << 30, 8 << 20
U64, U128 = (1 << 64) - 1, (1 << 128) - 1
MAX_ID, MAX_MODE, MAX_MTIME = 49_999_999, 0xFFFF, (1 << 63) - 1
SERVICE = 0
# "QTN1:" begins them all, so it stands last.
PREFIXES = {"QTN1:DELTA:": b"\1\2\4", "QTN1:BATCH:": b"\1\2\5", "QTN1:": b"\1\2\3"}
DELETED, PLACE, MODE, SIZE, MTIME = 1, 2, 4, 8, 16
WHOLE = PLACE | MODE | SIZE | MTIME


class QtnError(Exception):
    """A document that breaks the format. `offset` is where: a byte of the document (inside a compressed column, the
    column's first byte), or, when a well-formed batch can't be applied, the index of the record."""

    def __init__(self, code: str, offset: int) -> None:
        super().__init__(f"QTN1: {code} at {offset}")
        self.code, self.offset = code, offset


def from_text(text: str) -> bytes:
    """The binary document of a text form; its first bytes must be those its prefix promises."""
    for prefix, magic in PREFIXES.items():
        if text.startswith(prefix):
            try:
                data = base64.b64decode(text[len(prefix) :], validate=True)
            except ValueError:  # binascii.Error, and the ValueError for text that is not ASCII
                raise QtnError("base64", len(prefix)) from None
            if base64.b64encode(data).decode() != text[len(prefix) :]:
                raise QtnError("base64", len(prefix))
            if data[:3] != magic:
                raise QtnError("prefix", 0)
            return data
    raise QtnError("prefix", 0)


# --- 1. Numbers -------------------------------------------------------------------------------------------------


class Reader:
    """A cursor over `data[at:end]`. Bounds are checked by subtraction; `origin` is the offset to report when the bytes
    were unpacked and so have no offset of their own."""

    __slots__ = ("at", "data", "end", "origin")

    def __init__(self, data: bytes, at: int, end: int, origin: int | None = None) -> None:
        self.data, self.at, self.end, self.origin = data, at, end, origin

    def fail(self, code: str) -> NoReturn:
        raise QtnError(code, self.at if self.origin is None else self.origin)

    def take(self, count: int) -> bytes:
        if count > self.end - self.at:
            self.fail("truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        if self.at >= self.end:
            self.fail("truncated")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self, limit: int = U64, code: str = "too-large") -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                self.fail("varint-too-long")
        if (byte == 0 and shift) or value > U64:
            self.fail("varint-not-shortest" if byte == 0 else "varint-too-long")
        return value if value <= limit else self.fail(code)

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fixed(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def to_nul(self) -> bytes:
        nul = self.data.find(b"\0", self.at, self.end)
        if nul < 0:
            self.fail("truncated")
        return self.take(nul + 1 - self.at)[:-1]

    def done(self) -> None:
        if self.at != self.end:
            self.fail("bytes-left-over")

    def column(self) -> Reader:
        raw_size = self.varint(MAX_COLUMN, "column-too-large")
        stored_size = self.varint(raw_size, "column-size")
        stored = Reader(self.data, self.at, self.at + stored_size)
        data = self.take(stored_size)
        return stored if stored_size == raw_size else unpacked(data, raw_size, stored.at)


def unpacked(frame: bytes, raw_size: int, offset: int) -> Reader:
    """Unpacks one zstd frame. Its header is checked before anything of `raw_size` is allocated."""
    try:
        header = zstandard.get_frame_parameters(frame)
        if frame[:4] != zstandard.FRAME_HEADER or header.content_size != raw_size:
            raise QtnError("zstd-size", offset)
        if header.dict_id or header.window_size > MAX_WINDOW:
            raise QtnError("zstd-header", offset)
        data = zstandard.ZstdDecompressor().decompress(frame, max_output_size=raw_size, allow_extra_data=False)
    except zstandard.ZstdError:
        raise QtnError("zstd", offset) from None
    if len(data) != raw_size:
        raise QtnError("zstd-size", offset)
    return Reader(data, 0, raw_size, offset)


def signed(value: int) -> int:
    """`value` modulo 2^64, as a signed number."""
    return ((value + (1 << 63)) & U64) - (1 << 63)


def read_sizes(widths: bytes, bits: Reader) -> list[int]:
    """The sizes whose widths are given, from their packed bits."""
    sizes, pool, held = [], 0, 0
    for width in widths:
        if width > 63:
            bits.fail("size-width")
        need = max(width - 1, 0)  # the highest bit is always one, and so is not stored
        while held < need:
            pool |= bits.byte() << held
            held += 8
        sizes.append((1 << width >> 1) | (pool & ((1 << need) - 1)))
        pool >>= need
        held -= need
    if pool:
        bits.fail("size-padding")
    return sizes


# --- 2. An entry ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Entry:
    """One entry. `digest` is that of what is below it, `weight` what it adds to its parent's digest (section 6);
    both are kept by `Mirror` only."""

    id: int
    parent: int
    name: bytes
    mode: int
    size: int
    mtime_ns: int
    digest: int = field(default=0, compare=False)
    weight: int = field(default=0, compare=False)

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return is_dir(self.mode)


def has_no_type(mode: int) -> bool:
    """Whether a mode has permission bits only: there is no such entry."""
    return mode & 0xF000 == 0


def is_dir(mode: int) -> bool:
    """Whether a mode is a directory's."""
    return mode & 0xF000 == 0x4000


def bad_name(name: bytes) -> bool:
    """Not one path component within the limits."""
    return not name or len(name) > MAX_NAME or b"/" in name or b"\0" in name or name in (b".", b"..")


def bad_path(path: bytes) -> bool:
    """A path that is not absolute, or not in its one normal form."""
    if len(path) > MAX_PATH or path[:1] != b"/" or b"\0" in path:
        return True
    return path != b"/" and any(part in (b"", b".", b"..") for part in path[1:].split(b"/"))
