"""The trees that open a stream: made once for each clock and way of telling, then shared by all who come.

An older one is as good as a new one while the log keeps every batch after it and those are few: its clock is its
own, and the next batch follows it. Pure but for its cache, which one thread at a time uses.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from smarttree.codec.coding import IDENTITY, piece
from smarttree.modes import View
from smarttree.stream.batch import Criteria
from smarttree.stream.events import Body, Moment, RootFacts, tree_frame
from smarttree.stream.log import Log
from smarttree.tree import SERVICE_ID, Totals

# Tells the tree below a root in a mode, small enough for an event: (view, mode or MANIFEST, root's id) -> body.
BodyMaker = Callable[[View, str, int], Body]
MANIFEST: Final = "manifest"

OPENINGS_BYTES: Final = 64 << 20


class Key(NamedTuple):
    mode: str
    body: bool
    reason: str
    criteria: Criteria | None = None
    manifest: bool = False
    coding: str = IDENTITY


class Opening(NamedTuple):
    """`data` is the `tree` frames of all roots, without an id. `roots` is what the stats after them need. `nbytes`: of
    all that it stands for. `given`: what is to be called then.
    """

    moment: Moment
    roots: tuple[tuple[bytes, Totals], ...]
    data: bytes
    nbytes: int
    given: tuple[Callable[[], None], ...] = ()

    def give(self) -> None:
        """It is being sent to someone."""
        for given in self.given:
            given()

    def coded(self, coding: str) -> Opening:
        """The same, compressed, of one that is not: a tenth of a second for 4 MB, so not for the event loop."""
        data = piece(coding, self.data)
        return self._replace(data=data, nbytes=self.nbytes - len(self.data) + len(data))


def make_opening(view: View, key: Key, body_maker: BodyMaker) -> Opening:
    """Renders an opening; `view` is of what the key's criteria ask for. O(tree) where bodies are asked for: not for the
    event loop.
    """
    tree, frames, roots, bodies = view.tree, [], [], list[Body]()
    filtered, in_part = key.criteria is not None, key.criteria is not None and not key.criteria.is_whole
    for root in tree.roots():
        path, totals = tree.path(root), tree.totals(root)
        body = body_maker(view, MANIFEST if key.manifest else key.mode, root) if key.body else None
        bodies += [body] if body is not None else []
        facts = RootFacts(path, totals, None if in_part else tree.digest(root), body, filtered)
        frames.append(tree_frame(facts, key.mode, view.clock, key.reason))
        roots.append((path, totals))
    moment = Moment(view.clock, tree.totals(SERVICE_ID), None if in_part else view.digest)
    data, given = b"".join(frames), tuple(body.given for body in bodies if body.given is not None)
    return Opening(moment, tuple(roots), data, len(data) + sum(body.nbytes for body in bodies), given)


class Openings:
    """The newest opening for each key, as many as OPENINGS_BYTES have room for, the least recently used dropped."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._openings: OrderedDict[Key, Opening] = OrderedDict()

    def get(self, key: Key, floor: int = 0) -> Opening | None:
        """One that is good enough: not older than `floor`, what follows it is retained and less than half its size."""
        opening = self._openings.get(key)
        if opening is None or opening.moment.clock.seq < floor:
            return None
        self._openings.move_to_end(key)
        tail_bytes = self._log.cost_after(opening.moment.clock.seq)
        if tail_bytes is None:
            del self._openings[key]
            return None
        return opening if tail_bytes == 0 or tail_bytes < opening.nbytes // 2 else None

    def put(self, key: Key, opening: Opening) -> None:
        self._openings[key] = opening
        self._openings.move_to_end(key)
        while len(self._openings) > 1 and sum(each.nbytes for each in self._openings.values()) > OPENINGS_BYTES:
            self._openings.popitem(last=False)
