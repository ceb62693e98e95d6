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

ONLY_CONTENT: Final = "only=content"  # a marker beside the events of a lane

# What live bytes depend on: a tree stands in openings only, so five events make sixteen lanes; those with changes or
# messages are two each, with all changes or only with those of content.
LaneKey = frozenset[str]


@dataclass(frozen=True, slots=True)
class StreamClass:
    """`mode` is how a tree is told; `events` which events are; `body` whether a tree comes with its document.

    `only_content` leaves out the changes that are known to have left a file's content as it was.
    """

    mode: str
    events: frozenset[str] = frozenset(EVENTS)
    body: bool = True
    only_content: bool = False

    @property
    def lane(self) -> LaneKey:
        """The live bytes this class shares with others."""
        differs = self.only_content and not self.events.isdisjoint((CHANGE, MESSAGE))
        return self.events - {TREE} | ({ONLY_CONTENT} if differs else frozenset())
