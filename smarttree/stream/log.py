"""The log of batches: appended first, then shown to anyone; the same for all; bounded by bytes and by age.

It is in memory for now. It has no clock of its own: age is measured from the newest batch, so a quiet service
forgets nothing. Thread-safe: the engine's thread appends, everyone reads.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from smarttree.stream.batch import Batch


class _Kept(NamedTuple):
    batch: Batch
    cost_before: int  # bytes of all batches ever appended before this one: a difference of two is what lies between


class Log:
    """Batches with consecutive clocks. `after(seq)` answers for every seq from `oldest` to `head`.

    `seq` is the clock the service starts at. The newest batch is always kept, however large, so that whoever is
    up to date can follow it.
    """

    def __init__(self, seq: int, *, retention_bytes: int, retention_s: float) -> None:
        self._lock = threading.Lock()
        self._kept: deque[_Kept] = deque()
        self._head = seq
        self._cost = 0
        self._retention_bytes = retention_bytes
        self._retention_ns = int(retention_s * 1e9)

    @property
    def head(self) -> int:
        """The newest committed seq."""
        with self._lock:
            return self._head

    @property
    def oldest(self) -> int:
        """The smallest seq from which a reader can still be brought up to date."""
        with self._lock:
            return self._head - len(self._kept)

    def append(self, batch: Batch) -> None:
        """Adds the batch that follows `head`, and drops what passes the bounds. O(changes), amortised O(1) drops.

        Raises ValueError when it does not follow: a gap or a seq given twice would falsify every client.
        """
        cost = batch.nbytes
        with self._lock:
            if (batch.from_seq, batch.to_seq) != (self._head, self._head + 1):
                raise ValueError(f"batch {batch.from_seq}..{batch.to_seq} does not follow {self._head}")
            self._kept.append(_Kept(batch, self._cost))
            self._cost += cost
            self._head = batch.to_seq
            self._trim(batch.time_ns)

    def _trim(self, now_ns: int) -> None:
        while len(self._kept) > 1:
            first = self._kept[0]
            too_many_bytes = self._cost - first.cost_before > self._retention_bytes
            if not too_many_bytes and now_ns - first.batch.time_ns <= self._retention_ns:
                return
            self._kept.popleft()

    def after(self, seq: int, limit: int | None = None) -> list[Batch] | None:
        """The batches that follow the clock `seq`, at most `limit` of them: [] at the head, None if `seq` is unknown
        (never issued, or no longer kept). O(result), and O(n / 64) to find the place.
        """
        with self._lock:
            start = seq - (self._head - len(self._kept))
            if start < 0 or seq > self._head:
                return None
            stop = len(self._kept) if limit is None else min(len(self._kept), start + limit)
            return [self._kept[index].batch for index in range(start, stop)]

    def cost_after(self, seq: int) -> int | None:
        """What the batches after `seq` cost to keep, in bytes; None if `seq` is unknown. O(n / 64)."""
        with self._lock:
            start = seq - (self._head - len(self._kept))
            if start < 0 or seq > self._head:
                return None
            return self._cost - self._kept[start].cost_before if start < len(self._kept) else 0
