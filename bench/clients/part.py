"""What all parts of a table about the client libraries are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.corpus import Corpus
from bench.rounds import Contestant, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all parts are given."""

    smarttree: str
    tree: Corpus
    moments: int

    def ours(self, name: str, run: Callable[[], Sample]) -> Contestant:
        return Contestant(name=name, role="ours", version=f"smarttree {self.smarttree}", run=run)
