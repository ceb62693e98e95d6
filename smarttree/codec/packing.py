"""Columns as they stand in a document: with their sizes, and compressed by zstd where that makes them smaller."""

from __future__ import annotations

import threading
from typing import NamedTuple

import zstandard

from smarttree import wire
from smarttree.codec.reading import Reading, varint
from smarttree.errors import QtnError

_local = threading.local()


class Column(NamedTuple):
    """A column in a document, not yet unpacked. `offset` is where its stored bytes begin."""

    offset: int
    size: int
    stored: bytes


def pack(raw: bytes) -> bytes:
    """A column of `raw`."""
    stored = raw
    if len(raw) >= wire.COMPRESS_MIN_BYTES:
        packed = _compressor().compress(raw)
        stored = packed if len(packed) < len(raw) else raw
    return varint(len(raw)) + varint(len(stored)) + stored


def read_column(reading: Reading, *, most: int) -> Column:
    """The next column, of at most so many bytes unpacked."""
    size = reading.varint("column-too-large", most=most)
    stored_size = reading.varint("column-size", most=size)
    offset = reading.offset
    return Column(offset, size, reading.take(stored_size))


def unpack(column: Column) -> bytes:
    """A column's raw bytes, allocated only once the frame itself claims as many. Raises QtnError."""
    stored, size = column.stored, column.size
    if len(stored) == size:
        return stored
    try:
        frame = zstandard.get_frame_parameters(stored)
        if stored[:4] != zstandard.FRAME_HEADER:  # a skippable frame
            raise QtnError("zstd", column.offset)
        if frame.content_size != size:
            raise QtnError("zstd-size", column.offset)
        if frame.dict_id or frame.window_size > wire.WINDOW_MAX_BYTES:
            raise QtnError("zstd-header", column.offset)
        raw = _decompressor().decompress(stored, max_output_size=size, read_across_frames=False, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise QtnError("zstd", column.offset) from error
    if len(raw) != size:
        raise QtnError("zstd-size", column.offset)
    return raw


def _compressor() -> zstandard.ZstdCompressor:
    """This thread's: making one costs more than compressing a column."""
    found: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if found is None:
        found = _local.compressor = zstandard.ZstdCompressor(level=wire.ZSTD_LEVEL)
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    found: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor(max_window_size=wire.WINDOW_MAX_BYTES)
    return found
