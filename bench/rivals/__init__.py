"""The rivals of table 3, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.facts import Fact
from bench.programs import MissingError
from bench.rivals.parquet import parquet
from bench.rivals.rival import Rival, checked
from bench.rivals.rows import bser, json, msgpack


def rivals(facts: Sequence[Fact]) -> Iterator[Rival]:
    """All of them, or none: raises MissingError, and ChangedError for one that does other work."""
    try:
        for made in (json, msgpack, bser, parquet):
            yield from (checked(rival, facts) for rival in made(facts))
    except ImportError as error:
        raise MissingError(f"{error.name} is missing: `make bench-qtn` installs it") from error
