"""A stream class is what a client asked to be sent. Clients of one class get the very same bytes, rendered once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TREE: Final = "tree"
CHANGE: Final = "change"
QUANTUM: Final = "quantum"
STATS: Final = "stats"
MESSAGE: Final = "message"  # the unnamed event: `onmessage`
EVENTS: Final = (TREE, CHANGE, QUANTUM, STATS, MESSAGE)

# What live bytes depend on: a tree stands in openings only, so five events make sixteen lanes and not more.
LaneKey = frozenset[str]


@dataclass(frozen=True, slots=True)
class StreamClass:
    """`mode` is how a tree is told; `events` which events are; `body` whether a tree comes with its document."""

    mode: str
    events: frozenset[str] = frozenset(EVENTS)
    body: bool = True

    @property
    def lane(self) -> LaneKey:
        """The live bytes this class shares with others."""
        return self.events - {TREE}
