"""Content codings (RFC 9110, 8.4.1): how bytes travel to a client that takes them compressed. Pure.

A stream is compressed once for all who are sent it, so it is made of pieces of which none refers to another:

    preface | piece | piece | piece ...      whoever comes in before some piece is sent the preface, and goes on there

gzip has the header of one member as its preface, and as pieces deflate blocks that begin with no history and end at a
byte. No piece is the last one: a stream is never whole, and a reader of one member alone reads all of it (Chromium
ignores what follows the first). In zstd each piece is a frame. A document is compressed whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import zstandard

import smarttree

IDENTITY: Final = "identity"
GZIP: Final = "gzip"
ZSTD: Final = "zstd"
CODINGS: Final = (ZSTD, GZIP, IDENTITY)  # the one that costs least for what it saves first

# What made the bytes: other builds may compress the same into others.
BUILD: Final = f"{smarttree.__version__} {zlib.ZLIB_RUNTIME_VERSION} {zstandard.ZSTD_VERSION}"

_GZIP_HEADER: Final = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))  # no name, no time, no system
_PIECE_LEVEL: Final = 4  # for nearly all of level 6's size in two thirds of its time
_DOCUMENT_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 3
# Up to here a piece is compressed with tables of a few KB: it is the clearing of the usual ones that takes time.
_SMALL_BYTES: Final = 4096
_RAW, _RAW_SMALL, _WRAPPED = -15, -12, 31  # zlib's `wbits`: deflate alone, with a window of 4096, a gzip member


def preface(coding: str) -> bytes:
    """What a stream begins with."""
    return _GZIP_HEADER if coding == GZIP else b""


def piece(coding: str, data: bytes) -> bytes:
    """`data` as a piece of a stream: whole when its last byte has come. The same in, the same out."""
    if coding == GZIP:
        small = len(data) <= _SMALL_BYTES
        deflate = zlib.compressobj(_PIECE_LEVEL, zlib.DEFLATED, _RAW_SMALL if small else _RAW, 5 if small else 8)
        return deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data) if coding == ZSTD else data


def document(coding: str, pieces: Iterable[bytes], size: int = -1) -> Iterator[bytes]:
    """The pieces of a document, which is compressed as one. The same bytes whatever pieces it comes in. A frame of zstd
    tells its size where that is known.
    """
    if coding == GZIP:
        deflate = zlib.compressobj(_DOCUMENT_LEVEL, zlib.DEFLATED, _WRAPPED)
        yield from filter(None, map(deflate.compress, pieces))
        yield deflate.flush()
    elif coding == ZSTD:
        frame = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj(size)
        yield from filter(None, map(frame.compress, pieces))
        yield frame.flush()
    else:
        yield from pieces
