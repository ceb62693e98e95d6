"""A part: one table about the client libraries, its rows, and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from bench.corpus import Corpus
from bench.report import Verdict
from bench.rounds import Contestant, Sample, Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all parts are given."""

    smarttree: str
    tree: Corpus
    moments: int

    def ours(self, name: str, run: Callable[[], Sample]) -> Contestant:
        return Contestant(name=name, role="ours", version=f"smarttree {self.smarttree}", run=run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`judge` says of the samples what was promised of them; `kept` is a folder that lives as long as the part."""

    name: str
    what: str
    measure: str
    units: Mapping[str, str]
    baseline: str
    contestants: Sequence[Contestant]
    judge: Callable[[str, Samples], list[Verdict]]
    kept: TemporaryDirectory[str] | None = None
