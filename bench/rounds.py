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


def interleaved(
    contestants: Sequence[Contestant], *, rounds: int, warmups: int, tell: Callable[[str], None] = lambda _: None
) -> Samples:
    """Every contestant once, in order, `warmups + rounds` times; the samples of the first `warmups` are dropped.

    `tell` hears of each round's start. An exception of a contestant ends it all: a table has all its rows or is none.
    """
    if len({contestant.name for contestant in contestants}) < len(contestants):
        raise ValueError("two contestants have the same name")
    if rounds < 1:
        raise ValueError("no rounds, no table")
    samples: Samples = {contestant.name: {} for contestant in contestants}
    for number in range(-warmups, rounds):
        tell(f"round {number + 1} of {rounds}" if number >= 0 else "warm-up")
        for contestant in contestants:
            sample = contestant.run()
            if number >= 0:
                for measure, value in sample.items():
                    samples[contestant.name].setdefault(measure, []).append(value)
    return samples
