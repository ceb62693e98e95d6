"""Segments are immutable wire bytes in the order of the clock; a client is an index among them.

    index    start                                        end
    segment  [batch 7] [batch 8] [heartbeat 8] [batch 9]
    seq          7         8           8           9

A segment is one whole batch, or an *interlude* (a heartbeat, periodic stats) that repeats the seq before it. So every
place between two segments is a place where a client may stand, resume, or be closed. Indexes are never used again;
the bytes are never changed, and are dropped from the front beyond `max_bytes`. Pure: no sockets, no time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple


class Segment(NamedTuple):
    seq: int  # the clock a client stands at after it
    data: bytes


class Run(NamedTuple):
    """Whole segments, joined: what one write can carry. `next_index` and `seq` are where the client stands after it."""

    data: bytes
    next_index: int
    seq: int


class Segments:
    """The newest segments. `seq` is the clock before the first of them."""

    def __init__(self, seq: int, max_bytes: int) -> None:
        self._segments: deque[Segment] = deque()
        self._start = 0
        self._floor = seq
        self._nbytes = 0
        self.total = 0  # bytes ever appended
        self._max_bytes = max_bytes

    @property
    def start(self) -> int:
        """The index of the first segment that is still here."""
        return self._start

    @property
    def end(self) -> int:
        """The index of the next segment to come."""
        return self._start + len(self._segments)

    @property
    def seq(self) -> int:
        """The clock after the last segment."""
        return self._segments[-1].seq if self._segments else self._floor

    @property
    def floor(self) -> int:
        """The smallest clock from which the batches here can be followed."""
        return self._floor

    @property
    def nbytes(self) -> int:
        return self._nbytes

    def append(self, seq: int, data: bytes) -> None:
        """Adds a batch that leads to `seq`, or an interlude, when `seq` is the one before. Amortised O(1).

        The last segment is kept, however large: a client at the head can always go on.
        """
        if seq < self.seq:
            raise ValueError(f"segment {seq} after {self.seq}")
        self._segments.append(Segment(seq, data))
        self._nbytes += len(data)
        self.total += len(data)
        self._trim()

    def bound(self, max_bytes: int) -> None:
        """From now on no more than so many bytes are kept, but for the last segment."""
        self._max_bytes = max_bytes
        self._trim()

    def _trim(self) -> None:
        while self._nbytes > self._max_bytes and len(self._segments) > 1:
            first = self._segments.popleft()
            self._nbytes -= len(first.data)
            self._floor = first.seq
            self._start += 1

    def locate(self, seq: int) -> int | None:
        """The index at which a client that has everything up to `seq` goes on; None if that is not here any more.

        It stands behind the interludes at `seq`: they are no news for who comes with it. O(log n).
        """
        if not self._floor <= seq <= self.seq:
            return None
        return self._start + bisect_right(self._segments, seq, key=lambda segment: segment.seq)

    def since(self, index: int) -> Iterator[tuple[int, Segment]]:
        """The segments from `index` on, with their indexes. None before `start`."""
        for each in range(max(index, self._start), self.end):
            yield each, self._segments[each - self._start]

    def read(self, index: int, limit_bytes: int) -> Run | None:
        """Whole segments from `index` on: as many as `limit_bytes` allows, but at least one where there is one.

        None if `index` has been dropped: the client goes on from the log, by its seq.
        """
        if index < self._start:
            return None
        taken: list[bytes] = []
        total, seq = 0, self.seq
        while index + len(taken) < self.end:
            segment = self._segments[index + len(taken) - self._start]
            if taken and total + len(segment.data) > limit_bytes:
                break
            taken.append(segment.data)
            total += len(segment.data)
            seq = segment.seq
        return Run(taken[0] if len(taken) == 1 else b"".join(taken), index + len(taken), seq)
