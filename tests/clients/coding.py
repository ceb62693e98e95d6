"""Content codings as a client undoes them: what has come so far, as it comes. It imports nothing of the server."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

Decode = Callable[[bytes], bytes]


def decoder(coding: str) -> Decode:
    """Undoes one response's coding, fed with whatever arrives. gzip is read as browsers do: one member, and no more."""
    if coding == "gzip":
        return zlib.decompressobj(31).decompress
    if coding == "zstd":
        return zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj(read_across_frames=True).decompress
    if coding != "":
        raise ValueError(f"no content coding that was asked for: {coding}")
    return lambda data: data
