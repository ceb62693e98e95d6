"""The log of batches: appended first, then shown to anyone; the same for all; bounded by bytes and by age.

With a store each batch is written there before it is shown, and only the newest are in memory too; without one, all are
in memory alone. It has no clock of its own: age is measured from the newest batch, so a quiet service forgets nothing.
Thread-safe: the engine's thread appends, everyone reads.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

from smarttree.errors import StateDamaged
from smarttree.stream.batch import Batch
from smarttree.stream.horizon import HORIZON_BYTES, Horizon, Memory, Remembered, unpack

_LOG = logging.getLogger("smarttree.stream")

MEMORY_BYTES: Final = 32 << 20
"""Of batches that a store has as well."""
HORIZON_MIN_BYTES: Final = 1 << 20
"""Of what is remembered beyond batches, however few of those are kept; else four times as much as of them."""


class Store(Protocol):
    """What keeps batches beyond the process. `oldest` and what is read may be asked from any thread."""

    @property
    def head(self) -> int: ...
    @property
    def oldest(self) -> int: ...

    def append(self, batch: Batch, horizon: int, /) -> None:
        """`horizon`: as it was before the batch. Raises OSError; then the batch was not taken, and no other will be."""

    def read(self, seq: int, limit: int, /) -> list[Batch]:
        """Some of the batches after a clock, none where they are gone. Raises StateDamaged."""

    def bytes_after(self, seq: int, /) -> int: ...


class _Kept(NamedTuple):
    batch: Batch
    cost_before: int  # bytes of all batches ever appended before this one: a difference of two is what lies between


class Appended(NamedTuple):
    """What was appended since the process began."""

    batches: int
    changes: int


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
        self._appended = Appended(0, 0)
        self._retention_bytes = retention_bytes
        self._retention_ns = int(retention_s * 1e9)
        self._memory_bytes = retention_bytes
        self._store: Store | None = None
        self._horizon = Horizon(seq, min(HORIZON_BYTES, max(HORIZON_MIN_BYTES, retention_bytes)))

    def keep_in(self, store: Store | None, memory: Memory | None = None) -> None:
        """From now on batches are kept there, after those that it has, of which there is this memory. None: in memory,
        where nothing is kept yet.
        """
        with self._lock:
            self._store = store
            self._kept.clear()
            self._memory_bytes = self._retention_bytes if store is None else min(self._retention_bytes, MEMORY_BYTES)
            if store is not None:
                self._head = store.head
            if memory is None:
                self._horizon.begin(self._head)
            else:
                self._horizon.recall(memory, self._head)

    @property
    def head(self) -> int:
        """The newest committed seq."""
        with self._lock:
            return self._head

    @property
    def appended(self) -> Appended:
        """How much there was to tell so far."""
        return self._appended

    @property
    def oldest(self) -> int:
        """The smallest seq from which a reader can still be brought up to date."""
        store = self._store
        if store is not None:
            return store.oldest
        with self._lock:
            return self._head - len(self._kept)

    @property
    def horizon(self) -> int:
        """The smallest seq from which a reader can be brought up to date: by `remembered`, if not by batches."""
        oldest = self.oldest
        with self._lock:
            return min(self._horizon.seq, oldest)

    def remembered(self, seq: int, most: int) -> Remembered | None:
        """What has happened after `seq`, by id; None where that is not remembered, or about more than `most` ids."""
        with self._lock:
            found = self._horizon.since(seq, most) if seq <= self._head else None
        return None if found is None else unpack(*found)

    @property
    def recent(self) -> int:
        """The smallest seq after which all batches are in memory: a store keeps no parts of them."""
        with self._lock:
            return self._head - len(self._kept)

    def append(self, batch: Batch) -> None:
        """Adds the batch that follows `head`, and drops what passes the bounds. O(changes), amortised O(1) drops.

        Raises ValueError when it does not follow: a gap or a seq given twice would falsify every client. Raises OSError
        where it can't be stored: then it was not added.
        """
        if (batch.from_seq, batch.to_seq) != (self._head, self._head + 1):  # only this thread moves the head
            raise ValueError(f"batch {batch.from_seq}..{batch.to_seq} does not follow {self._head}")
        if self._store is not None:
            self._store.append(batch, self.horizon)
        traces = batch.traces
        if batch.identities or traces is not None:
            batch = replace(batch, identities=b"", traces=None)
        cost = batch.nbytes
        with self._lock:
            self._horizon.note(batch.to_seq, traces)
            self._kept.append(_Kept(batch, self._cost))
            self._cost += cost
            self._appended = Appended(self._appended.batches + 1, self._appended.changes + len(batch.changes))
            self._head = batch.to_seq
            self._trim(batch.time_ns)

    def _trim(self, now_ns: int) -> None:
        while len(self._kept) > 1:
            first = self._kept[0]
            too_many_bytes = self._cost - first.cost_before > self._memory_bytes
            if not too_many_bytes and now_ns - first.batch.time_ns <= self._retention_ns:
                return
            self._kept.popleft()

    def after(self, seq: int, limit: int | None = None) -> list[Batch] | None:
        """The batches that follow the clock `seq`, at most `limit` of them: [] at the head, None if `seq` is unknown
        (never issued, or no longer kept). O(result), and O(n / 64) to find the place.
        """
        with self._lock:
            start = seq - (self._head - len(self._kept))
            if seq > self._head or (self._store is not None and seq < self._store.oldest):
                return None
            if start < 0:
                return self._stored_after(seq, limit)
            stop = len(self._kept) if limit is None else min(len(self._kept), start + limit)
            return [self._kept[index].batch for index in range(start, stop)]

    def _stored_after(self, seq: int, limit: int | None) -> list[Batch] | None:
        """The same from the store: all of them, or fewer than the limit where they are many bytes."""
        store = self._store
        if store is None:
            return None
        if limit == 0:
            return []
        try:
            # No further than the head: what is being appended may be there already, and was not shown yet.
            batches = store.read(seq, min(self._head - seq, limit or self._head))
            while limit is None and batches and batches[-1].to_seq < self._head:
                more = store.read(batches[-1].to_seq, self._head - batches[-1].to_seq)
                batches = batches + more if more else []
            return batches or None
        except StateDamaged as error:
            _LOG.warning("%s: who comes from there must fetch the tree anew", error)
            return None

    def cost_after(self, seq: int) -> int | None:
        """What the batches after `seq` cost to keep, in bytes; None if `seq` is unknown. O(n / 64)."""
        with self._lock:
            start = seq - (self._head - len(self._kept))
            if seq > self._head or (start < 0 and self._store is None):
                return None
            if start < 0:
                assert self._store is not None
                return self._store.bytes_after(seq) if seq >= self._store.oldest else None
            return self._cost - self._kept[start].cost_before if start < len(self._kept) else 0
