"""JSON, msgpack and BSER: an array for each entry, without keys: shorter than anybody's API, so they are at their best.

Each has the fastest library that Python has for it. Their natural form is a list of lists, made before the timing.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from bench.facts import Fact
from bench.programs import library_version
from bench.rivals.rival import ZSTD, Rival, squeeze, unsqueeze

GZIP_LEVEL = 6


def json(facts: Sequence[Fact]) -> Iterator[Rival]:
    """With zstd, and with the gzip that HTTP servers use."""
    import orjson

    rows = [[_spelled(fact.path), *fact[1:]] for fact in facts]
    version = f"orjson {library_version('orjson')}"
    yield Rival(
        name=f"JSON, {ZSTD}",
        version=version,
        encode=lambda: squeeze(orjson.dumps(rows)),
        decode=lambda data: orjson.loads(unsqueeze(data)),
        facts=_despelled,
    )
    yield Rival(
        name=f"JSON, gzip -{GZIP_LEVEL}",
        version=version,
        encode=lambda: gzip.compress(orjson.dumps(rows), GZIP_LEVEL),
        decode=lambda data: orjson.loads(gzip.decompress(data)),
        facts=_despelled,
    )


def msgpack(facts: Sequence[Fact]) -> Iterator[Rival]:
    """Paths are of its type for bytes."""
    import msgpack

    rows = [list(fact) for fact in facts]
    yield Rival(
        name=f"msgpack, {ZSTD}",
        version=f"msgpack {library_version('msgpack')}",
        encode=lambda: squeeze(msgpack.packb(rows)),
        decode=lambda data: msgpack.unpackb(unsqueeze(data)),
        facts=partial(map, Fact._make),
    )


def bser(facts: Sequence[Fact]) -> Iterator[Rival]:
    """Watchman's, by its own compiled library; which reads templates, and writes none. Arrays are as short."""
    from pywatchman import bser

    rows = [list(fact) for fact in facts]
    yield Rival(
        name=f"BSER, {ZSTD}",
        version=f"pywatchman {library_version('pywatchman')}",
        encode=lambda: squeeze(bser.dumps(rows)),
        decode=lambda data: bser.loads(unsqueeze(data)),
        facts=partial(map, Fact._make),
    )


def _spelled(path: bytes) -> str | list[str]:
    """A path for JSON: one that is no UTF-8 is base64 in an array of its own, for JSON has no bytes."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return [base64.b64encode(path).decode()]


def _despelled(rows: Iterable[list[Any]]) -> Iterator[Fact]:
    for path, *rest in rows:
        yield Fact(path.encode() if isinstance(path, str) else base64.b64decode(path[0]), *rest)
