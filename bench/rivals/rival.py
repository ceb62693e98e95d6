"""A rival: another way to tell a tree, packed with what its users pack it with.

Law: a rival does the same work as we do: path, mode with the type in it, size and mtime in nanoseconds of every entry,
out and back, which `checked` sees to. What it takes to bring facts into its natural form is not timed, nor is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import zstandard

from bench.facts import ChangedError, Fact

LEVEL = 3
ZSTD = f"zstd -{LEVEL}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """`encode` and `decode` are what is timed: from the natural form to packed bytes, and back.

    `facts` brings what was decoded into the form of facts, to compare it. `layout` is what was chosen for one tree.
    """

    name: str
    version: str
    encode: Callable[[], bytes]
    decode: Callable[[bytes], Any]
    facts: Callable[[Any], Iterable[Fact]]
    layout: str = ""


def checked(rival: Rival, facts: Sequence[Fact]) -> Rival:
    """The rival, if it gives back all that it was given. Raises ChangedError."""
    if list(rival.facts(rival.decode(rival.encode()))) != facts:
        raise ChangedError(f"{rival.name} does not give back what it was given")
    return rival


def squeeze(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL).compress(raw)


def unsqueeze(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)
