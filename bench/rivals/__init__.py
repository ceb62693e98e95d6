"""The rivals of table 3, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from bench.facts import Fact
from bench.programs import MissingError
from bench.rivals import parquet, rows
from bench.rivals.rival import Rival, checked

MADE: Final[Mapping[str, Callable[[Sequence[Fact]], Iterator[Rival]]]] = {
    "orjson": rows.json,
    "msgpack": rows.msgpack,
    "pywatchman": rows.bser,
    "pyarrow": parquet.parquet,
}
"""Python package: the rivals that are made by it."""


def rivals(facts: Sequence[Fact]) -> Iterator[Rival]:
    """All of them, or none: raises MissingError, and ChangedError for one that does other work."""
    try:
        for made in MADE.values():
            yield from (checked(rival, facts) for rival in made(facts))
    except ImportError as error:
        raise MissingError(f"{error.name} is missing: `make bench-qtn` installs it") from error
