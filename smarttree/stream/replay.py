"""Batches that are no longer among the segments, rendered again from the log: the same bytes as the first time.

So a client that comes back, or lags far behind, costs no memory while it is away. What was rendered lately is kept,
because clients that lost the same connection come back at the same clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from smarttree.codec.coding import piece
from smarttree.stream.batch import Batch
from smarttree.stream.classes import LaneKey
from smarttree.stream.events import render
from smarttree.stream.log import Log
from smarttree.stream.segments import Run

IN_THE_LOG: Final = -1  # the index of a client that is in no segment: always before the first
RUN_BATCHES: Final = 64  # rendered at a time: about a millisecond's work where batches are small
RUN_BYTES: Final = 1 << 20  # and not many large ones
JOINED_BYTES: Final = 256 << 10  # a lagging client's own copy, which it holds for as long as it takes nothing

Rendered = dict[LaneKey, list[tuple[int, bytes]]]  # by lane: the clock after a batch, and its bytes


class Replay:
    """Rendered batches by (class, seq), the least recently used dropped beyond `max_bytes`. For one thread."""

    def __init__(self, log: Log, epoch: int, max_bytes: int) -> None:
        self._log = log
        self._epoch = epoch
        self._max_bytes = max_bytes
        self._nbytes = 0
        self._rendered: OrderedDict[tuple[LaneKey, int], bytes] = OrderedDict()

    def missing(self, lane: LaneKey, seq: int, stop_seq: int) -> list[Batch] | None:
        """The next batches to render for a client at `seq`, none beyond `stop_seq`; None if the log lost the place."""
        if lane.criteria is not None and seq < self._log.recent:
            return None
        batches = self._log.after(seq, min(RUN_BATCHES, stop_seq - seq))
        if batches is None:
            return None
        total = 0
        for count, batch in enumerate(batches):
            total += len(batch.data)
            if count and total > RUN_BYTES:
                return batches[:count]
        return batches

    def render(self, lane: LaneKey, batches: Sequence[Batch]) -> list[tuple[int, bytes]]:
        """Renders, and keeps nothing: this part may run in another thread."""
        return self.render_all([lane], batches)[lane]

    def render_all(self, lanes: Sequence[LaneKey], batches: Sequence[Batch]) -> Rendered:
        """The same for lanes that differ in their coding alone: rendered once, and compressed for each."""
        plain = [(batch.to_seq, render(batch, self._epoch, lanes[0])) for batch in batches]
        return {lane: [(seq, piece(lane.coding, data)) for seq, data in plain] for lane in lanes}

    def keep(self, lane: LaneKey, rendered: Sequence[tuple[int, bytes]]) -> None:
        for seq, data in rendered:
            if (lane, seq) not in self._rendered:
                self._rendered[lane, seq] = data
                self._nbytes += len(data)
        while self._nbytes > self._max_bytes:
            _, data = self._rendered.popitem(last=False)
            self._nbytes -= len(data)

    def cached(self, lane: LaneKey, seq: int, stop_seq: int) -> Run | None:
        """What follows `seq`, up to `stop_seq`, as far as it is at hand; None if nothing is."""
        taken: list[bytes] = []
        total = 0
        while seq < stop_seq and total < JOINED_BYTES and (data := self._rendered.get((lane, seq + 1))) is not None:
            self._rendered.move_to_end((lane, seq + 1))
            taken.append(data)
            total += len(data)
            seq += 1
        return Run(b"".join(taken), IN_THE_LOG, seq) if taken else None
