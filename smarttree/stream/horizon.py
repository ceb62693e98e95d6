"""The horizon: how far back it is remembered what was touched, beyond the batches themselves.

Law: of every clock from `seq` on it is known which ids were touched since, which of them began since, and where all
that moved or ended since was at that clock. So a client from there can be brought up to date, although the batches it
lacks are gone. An entry that was not touched costs nothing. Bounded by bytes: half of it all goes at a time. For one
thread at a time.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from smarttree._traces import Touches, Traces

HORIZON_BYTES: Final = 8 << 20
NOTE_BYTES: Final = 150  # of what is no bytes, for a batch that left places
DEAD_BYTES: Final = 96  # an id that can't be used again: its row in the Tree, and where it waits
_LEFT: Final = struct.Struct("@QIIHH4x")


class Left(NamedTuple):
    """Where an entry was, and its values when it left there."""

    parent: int
    name: bytes
    mode: int
    size: int


class Remembered(NamedTuple):
    """What has happened after a clock, up to `head`. `touched`: (id, masks of records, the clock at which it began or
    an earlier one), by id. `places`: where things were at that clock, of those that left there.
    """

    touched: list[tuple[int, int, int]]
    places: dict[int, Left]


class Memory(NamedTuple):
    """What is known of an earlier run: by clock, the traces of the batches after `horizon`, as far as there are any."""

    horizon: int
    traces: Sequence[tuple[int, Traces | None]]


class _Note(NamedTuple):
    seq: int
    places: bytes
    cost: int


class Horizon:
    """See the module. `seq` is the oldest clock of which all is known."""

    def __init__(self, seq: int, max_bytes: int = HORIZON_BYTES) -> None:
        self._max_bytes = max_bytes
        self.begin(seq)

    def begin(self, seq: int) -> None:
        """Remember what comes after `seq`, and nothing from before."""
        self.seq = seq
        self._touches = Touches()
        self._notes: deque[_Note] = deque()
        self._cost = 0

    def recall(self, memory: Memory, head: int) -> None:
        """Remember what an earlier run did, up to `head`. O(what it touched)."""
        self.begin(max(memory.horizon, memory.traces[0][0] - 1) if memory.traces else head)
        for seq, traces in memory.traces:
            self.note(seq, traces)

    def note(self, seq: int, traces: Traces | None) -> None:
        """The batch that led to `seq`; None: nobody knows what it touched. O(what it touched), amortised."""
        if traces is None:
            self.begin(seq)
            return
        self._touches.add(traces, seq)
        places = traces.places
        if places:
            cost = len(places) + NOTE_BYTES + traces.dead * DEAD_BYTES
            self._notes.append(_Note(seq, places, cost))
            self._cost += cost
        if self._cost + self._touches.nbytes > self._max_bytes:
            self._forget()

    def _forget(self) -> None:
        """Half of what was touched, and half of the places, by bytes."""
        self.seq = max(self.seq, self._touches.middle() if self._touches.nbytes > self._max_bytes // 2 else 0)
        while self._notes and (self._notes[0].seq <= self.seq or self._cost > self._max_bytes // 2):
            note = self._notes.popleft()
            self._cost -= note.cost
            self.seq = max(self.seq, note.seq)
        self._touches.forget(self.seq)

    def since(self, seq: int, most: int) -> tuple[list[tuple[int, int, int]], list[bytes]] | None:
        """What was touched after a clock, and the places that were left, packed; None where that is not known, or is of
        more than `most` ids. A few milliseconds at most: the rest is `unpack`'s.
        """
        touched = self._touches.since(seq, most) if seq >= self.seq else None
        if touched is None:
            return None
        return touched, [note.places for note in self._notes if note.seq > seq]


def unpack(touched: list[tuple[int, int, int]], packed: list[bytes]) -> Remembered:
    """What `since` gave, to be looked at."""
    places: dict[int, Left] = {}
    for each in packed:
        at = 0
        while at < len(each):
            size, eid, parent, mode, name_len = _LEFT.unpack_from(each, at)
            at += _LEFT.size
            if eid not in places:  # the first place that it left is where it was
                places[eid] = Left(parent, each[at : at + name_len], mode, size)
            at += name_len
    return Remembered(touched, places)
