"""What all parts of a table of answers are given; each file beside this makes some.

Law: a server is started afresh for each sample, and a row that can't be measured fails the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.corpus import Corpus, corpora_folder, corpus
from bench.rounds import Contestant, Sample


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
