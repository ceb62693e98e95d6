"""Rounds: contestants measured in turn, A B C A B C …, and what may be concluded from that: ratios within a round.

A machine drifts, and is shared; what ran next to each other is compared, and nothing else. So a ratio is taken in each
round, and then the median of those, with the lowest and highest beside it. Everything here is pure but for the calls.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Sample = Mapping[str, float]
"""One measurement: each measure's name, such as `ns` or `bytes`, and its value per entry."""

Samples = dict[str, dict[str, list[float]]]
"""Contestant, measure: one value a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Something that does the work once when called. `version` is shown in every table it stands in."""

    name: str
    role: Literal["ours", "floor", "rival"]
    version: str
    run: Callable[[], Sample]


class Spread(NamedTuple):
    """The median of some values, and their range."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Raises StatisticsError for no values."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(over: Sequence[float], under: Sequence[float]) -> Spread:
    """`over` by `under`, round by round. Raises ValueError where they are not of the same rounds."""
    return spread([a / b for a, b in zip(over, under, strict=True)])


class Rounds(NamedTuple):
    """What `interleaved` measured, and how many rounds were disturbed, dropped and run again."""

    samples: Samples
    again: int


def interleaved(
    contestants: Sequence[Contestant],
    *,
    rounds: int,
    warmups: int = 0,
    spare: int = 0,
    disturbed: Callable[[], Callable[[], bool]] = lambda: lambda: False,
    tell: Callable[[str], None] = lambda _: None,
) -> Rounds:
    """Every contestant once, in order, `rounds` times after `warmups` that are dropped.

    `disturbed` is called at a round's start and answers with a function for its end: whether the round is to be run
    again, which is done at most `spare` times in all. It must not know the samples, or it would choose among them.
    `tell` hears of each round's start. An exception of a contestant ends it all: a table has all its rows or is none.
    """
    if len({contestant.name for contestant in contestants}) < len(contestants):
        raise ValueError("two contestants have the same name")
    if rounds < 1:
        raise ValueError("no rounds, no table")
    kept: list[dict[str, Sample]] = []
    again, number = 0, -warmups
    while number < rounds:
        tell(f"round {number + 1} of {rounds}" if number >= 0 else "warm-up")
        was_disturbed = disturbed()
        found = {contestant.name: contestant.run() for contestant in contestants}
        if number >= 0 and again < spare and was_disturbed():
            again += 1
            continue
        if number >= 0:
            kept.append(found)
        number += 1
    names = [contestant.name for contestant in contestants]
    return Rounds({name: {m: [found[name][m] for found in kept] for m in kept[0][name]} for name in names}, again)
