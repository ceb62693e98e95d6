"""The trees that open a stream: made once for each clock and way of telling, then shared by all who come.

An older one is as good as a new one while the log keeps every batch after it and those are few: its clock is its
own, and the next batch follows it. Pure but for its cache, which one thread at a time uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from smarttree.modes import View
from smarttree.stream.events import Body, Moment, RootFacts, tree_frame
from smarttree.stream.log import Log
from smarttree.tree import SERVICE_ID, Totals

# Tells the tree below a root in a mode, small enough for an event: (view, mode, root's id) -> body.
BodyMaker = Callable[[View, str, int], Body]


class Key(NamedTuple):
    mode: str
    body: bool
    reason: str


class Opening(NamedTuple):
    """`data` is the `tree` frames of all roots, without an id. `roots` is what the stats after them need."""

    moment: Moment
    roots: tuple[tuple[bytes, Totals], ...]
    data: bytes


def make_opening(view: View, key: Key, body_maker: BodyMaker) -> Opening:
    """Renders an opening. O(tree) where bodies are asked for: not for the event loop."""
    tree, frames, roots = view.tree, [], []
    for root in tree.roots():
        path, totals = tree.path(root), tree.totals(root)
        body = body_maker(view, key.mode, root) if key.body else None
        frames.append(tree_frame(RootFacts(path, totals, tree.digest(root), body), key.mode, view.clock, key.reason))
        roots.append((path, totals))
    moment = Moment(view.clock, tree.totals(SERVICE_ID), tree.digest(SERVICE_ID))
    return Opening(moment, tuple(roots), b"".join(frames))


class Openings:
    """The newest opening for each key. Bounded: there are as many keys as modes, times four."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._openings: dict[Key, Opening] = {}

    def get(self, key: Key) -> Opening | None:
        """One that is good enough: what follows it is retained and less than half its size."""
        opening = self._openings.get(key)
        if opening is None:
            return None
        tail_bytes = self._log.cost_after(opening.moment.clock.seq)
        if tail_bytes is None:
            del self._openings[key]
            return None
        return opening if tail_bytes == 0 or tail_bytes < len(opening.data) // 2 else None

    def put(self, key: Key, opening: Opening) -> None:
        self._openings[key] = opening
