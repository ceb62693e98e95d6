"""A part: one table of answers, its rows, and what it promises. `command` runs them; each file beside this makes some.

Law: a server is started afresh for each sample, and a row that can't be measured fails the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.corpus import Corpus, corpora_folder, corpus
from bench.report import Verdict
from bench.rounds import Contestant, Sample, Samples, ratios, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all parts are given: which trees, how many requests a sample has, and how long wrk goes on."""

    smarttree: str
    tree: str
    large: str
    sources: str
    connections: int
    seconds: float
    requests: int

    def corpus(self, name: str) -> Corpus:
        """Made first if need be. Raises MissingError."""
        return corpus(name, corpora_folder())

    def ours(self, name: str, run: Callable[[], Sample]) -> Contestant:
        return Contestant(name=name, role="ours", version=f"smarttree {self.smarttree}", run=run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`judge` says of the samples what was promised of them."""

    name: str
    what: str
    measure: str
    units: Mapping[str, str]
    baseline: str
    contestants: Sequence[Contestant]
    judge: Callable[[str, Samples], list[Verdict]]


def at_most(what: str, samples: Samples, target: str, name: str, measure: str, limit: float) -> Verdict:
    """The median of a row's measure."""
    return Verdict(target=f"{target}, {name}", tree=what, value=spread(samples[name][measure]).median, limit=limit)


def times(what: str, samples: Samples, target: str, measure: str, limit: float, *, one: str, other: str) -> Verdict:
    """The median of one row's measure by another's, round by round."""
    value = ratios(samples[one][measure], samples[other][measure]).median
    return Verdict(target=f"{target}, {one} by {other}", tree=what, value=value, limit=limit)
