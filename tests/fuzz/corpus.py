"""The corpus of the fuzz target: seeds from the vectors, and inputs that were kept because they reach further.

    python -m tests.fuzz.corpus DIRECTORY        writes the seeds there

Law: a seed is a vector without magic and check, behind the byte that chooses how it is read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from smarttree import wire
from tests.fuzz.target import WAYS

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).parent / "kept"
FOUND = Path(__file__).parent / "found"
SEED_MAX_BYTES = 3_000
_WAYS = {
    wire.MAGIC_SNAPSHOT: ("snapshot", 8),
    wire.MAGIC_MANIFEST: ("manifest", 8),
    wire.MAGIC_BATCH: ("batch", 4),
    wire.MAGIC_DELTA: ("delta", 4),
}
_NUMBER = {way.__name__: number for number, way in enumerate(WAYS)}


def seeds() -> Iterator[tuple[str, bytes]]:
    """A name and an input for each small vector."""
    for path in sorted((ROOT / "spec/vectors").rglob("*")):
        if path.suffix == ".txt":
            yield path.name, bytes([_NUMBER["text"]]) + path.read_bytes()
        if path.suffix != ".qtn" or path.stat().st_size > SEED_MAX_BYTES:
            continue
        data = path.read_bytes()
        way, check_bytes = _WAYS.get(data[:3], ("snapshot", 8))
        yield path.name, bytes([_NUMBER[way]]) + data[3:-check_bytes]
        if way == "snapshot":
            yield f"{path.name}.below", bytes([_NUMBER["below"]]) + b"d/e\0\0\0\0\0" + data[3:-check_bytes]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m tests.fuzz.corpus DIRECTORY", file=sys.stderr)
        return 2
    place = Path(arguments[0])
    place.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (place / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
