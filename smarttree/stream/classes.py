"""A stream class is what a client asked to be sent. Clients of one class get the very same bytes, rendered once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from smarttree.codec.coding import IDENTITY
from smarttree.stream.batch import Criteria

TREE: Final = "tree"
CHANGE: Final = "change"
QUANTUM: Final = "quantum"
STATS: Final = "stats"
MESSAGE: Final = "message"  # the unnamed event: `onmessage`
EVENTS: Final = (TREE, CHANGE, QUANTUM, STATS, MESSAGE)


class LaneKey(NamedTuple):
    """What live bytes depend on: a tree stands in openings only, so `events` has no `tree`. `criteria` None: all of the
    tree is seen. `coding`: what is sent is compressed so, each segment as a piece.
    """

    events: frozenset[str]
    only_content: bool = False
    criteria: Criteria | None = None
    coding: str = IDENTITY

    @property
    def plain(self) -> LaneKey:
        """The same as it is before it is compressed."""
        return self._replace(coding=IDENTITY)


@dataclass(frozen=True, slots=True)
class StreamClass:
    """`mode` is how a tree is told; `events` which events are; `body` whether a tree comes with its document.

    `only_content` leaves out the changes that are known to have left a file's content as it was; `criteria` all of the
    tree that is not asked for. `coding` is what the client takes its bytes in. With `manifest`, the document is only
    the list of its parts.
    """

    mode: str
    events: frozenset[str] = frozenset(EVENTS)
    body: bool = True
    only_content: bool = False
    criteria: Criteria | None = None
    coding: str = IDENTITY
    manifest: bool = False

    @property
    def lane(self) -> LaneKey:
        """The live bytes this class shares with others."""
        differs = self.only_content and not self.events.isdisjoint((CHANGE, MESSAGE))
        return LaneKey(self.events - {TREE}, differs, self.criteria, self.coding)

    @property
    def whole(self) -> StreamClass:
        """The same of all of the tree."""
        return replace(self, criteria=None)
