"""Other ways to tell a tree: each takes the same facts in the form that is natural to it, and packs them with zstd.

Law: a rival does the same work: path, type, mode, size and mtime in nanoseconds of every entry, out and back. What it
takes to bring facts into its form is not counted, neither for it nor for us.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import zstandard

from bench.programs import MissingError, library_version
from bench.size import Fact

LEVEL = 3
_ROW = Callable[[Fact], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """`encode` and `decode` are what is timed: from the natural form to packed bytes, and back."""

    name: str
    version: str
    encode: Callable[[], bytes]
    decode: Callable[[bytes], object]


def rivals(facts: Sequence[Fact]) -> Iterator[Rival]:
    """All of them. Raises MissingError: a table never shrinks."""
    try:
        yield _json(facts)
        yield _msgpack(facts)
        yield _bser(facts)
        yield _parquet(facts)
    except ImportError as error:
        raise MissingError(f"{error.name} is missing: `make bench-qtn` installs it") from error


def squeeze(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL).compress(raw)


def unsqueeze(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)


def _json(facts: Sequence[Fact]) -> Rival:
    """Arrays, by the fastest library there is for Python. Names that are no UTF-8 lose their bytes: it has no way."""
    import orjson

    rows = [[os.fsdecode(path).encode("utf-8", "replace").decode(), *rest] for path, *rest in facts]
    return Rival(
        name="JSON, zstd -3",
        version=f"orjson {library_version('orjson')}",
        encode=lambda: squeeze(orjson.dumps(rows)),
        decode=lambda data: orjson.loads(unsqueeze(data)),
    )


def _msgpack(facts: Sequence[Fact]) -> Rival:
    import msgpack

    rows = [list(fact) for fact in facts]
    return Rival(
        name="msgpack, zstd -3",
        version=f"msgpack {library_version('msgpack')}",
        encode=lambda: squeeze(msgpack.packb(rows)),
        decode=lambda data: msgpack.unpackb(unsqueeze(data)),
    )


def _bser(facts: Sequence[Fact]) -> Rival:
    """Watchman's, by its own compiled library. Rows are arrays: the templates, which it only reads, save no more."""
    from pywatchman import bser

    rows = [list(fact) for fact in facts]
    return Rival(
        name="BSER, zstd -3",
        version=f"pywatchman {library_version('pywatchman')}",
        encode=lambda: squeeze(bser.dumps(rows)),
        decode=lambda data: bser.loads(unsqueeze(data)),
    )


def _parquet(facts: Sequence[Fact]) -> Rival:
    """The smallest of three layouts: whole paths; directory and name; the same with the encodings for differences."""
    import pyarrow as pa
    from pyarrow import parquet

    paths = [os.path.split(fact.path) for fact in facts]
    values = {
        "type": pa.array([fact.type for fact in facts]).dictionary_encode(),
        "mode": pa.array([fact.mode for fact in facts], pa.int32()),
        "size": pa.array([fact.size for fact in facts], pa.int64()),
        "mtime": pa.array([fact.mtime_ns for fact in facts], pa.int64()),
    }
    whole = pa.table({"path": pa.array([fact.path for fact in facts], pa.binary()), **values})
    split = pa.table(
        {
            "dir": pa.array([head for head, _ in paths], pa.binary()).dictionary_encode(),
            "name": pa.array([tail for _, tail in paths], pa.binary()),
            **values,
        }
    )
    differences = {"name": "DELTA_BYTE_ARRAY", "size": "DELTA_BINARY_PACKED", "mtime": "DELTA_BINARY_PACKED"}

    def writer(table: Any, **options: Any) -> Callable[[], bytes]:
        def write() -> bytes:
            sink = pa.BufferOutputStream()
            parquet.write_table(table, sink, compression="zstd", compression_level=LEVEL, **options)
            return bytes(sink.getvalue())

        return write

    layouts = [
        writer(whole),
        writer(split),
        writer(split, use_dictionary=["dir", "type", "mode"], column_encoding=differences),
    ]
    return Rival(
        name="Parquet, zstd -3",
        version=f"pyarrow {library_version('pyarrow')}",
        encode=min(layouts, key=lambda write: len(write())),
        decode=lambda data: parquet.read_table(pa.BufferReader(data), use_threads=False),
    )
