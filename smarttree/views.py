"""Views: the Tree of one clock, whole, for everyone who asks at it.

Law: a view never changes, and is of no earlier clock than the last one that was committed when it was asked for. It is
made of the one before and the batches since, on the asker's thread, while commits go on; they wait for a copy of the
Tree itself only where there is none before, or too much has happened since.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from smarttree import codec
from smarttree.clock import Clock
from smarttree.modes import View
from smarttree.stream.batch import Batch
from smarttree.stream.log import Log
from smarttree.tree import SERVICE_ID, Tree

_LOG = logging.getLogger("smarttree.views")

LED_ON_BYTES: Final = 256 << 10
"""Of batches that lead a view on: some thousands of changes, a few ms. A copy of 550,000 entries takes 26 ms."""


class Pinned(NamedTuple):
    """A view, and the batch that led to it, if any did: a moment later the log may have dropped that."""

    view: View
    last: Batch | None


class Views:
    """Those of one Tree and the log that leads to it. `lock` guards both as one; `growing` the Tree's memory, where
    an id is issued before the commit that needs it. `clock` is the last committed one. For any thread.
    """

    def __init__(
        self, tree: Tree, log: Log, lock: threading.Lock, growing: threading.Lock, clock: Callable[[], Clock]
    ) -> None:
        self._tree, self._log, self._lock, self._growing, self._clock = tree, log, lock, growing, clock
        self._making = threading.Lock()  # one is made at a time; taken before `lock`, never after
        self._newest: Pinned | None = None
        self._is_wanted = False  # since `release`

    def view(self) -> View:
        """The trees at the last committed clock, or a later one. O(entries), about 40 ns each, if it has to be made."""
        return self.pinned().view

    def pinned(self) -> Pinned:
        """The same, with the batch that led to it."""
        asked = self._clock()
        self._is_wanted = True
        newest = self._newest
        if newest is not None and newest.view.clock == asked:
            return newest
        with self._making:
            newest = self._newest
            if newest is None or not _reaches(newest.view.clock, asked):  # else another has made it meanwhile
                newest = self._newest = (newest and self._led_on(newest.view)) or self._copied()
            return newest

    def at_hand(self, clock: Clock) -> View | None:
        """The view of this very clock, if there is one. It waits for nobody."""
        newest = self._newest
        if newest is None or newest.view.clock != clock:
            return None
        self._is_wanted = True
        return newest.view

    def release(self) -> None:
        """To be called now and then: a view that nobody asked for since the last time is not kept any longer."""
        if not self._is_wanted:
            self._newest = None
        self._is_wanted = False

    def _copied(self) -> Pinned:
        with self._lock, self._growing:
            clock = self._clock()
            view = View(clock, self._tree.copy(), self._tree.digest(SERVICE_ID))
            last = self._log.after(clock.seq - 1, 1)
        return Pinned(view, last[0] if last else None)

    def _led_on(self, view: View) -> Pinned | None:
        """The view after all batches since; None where they are too many, gone, or of another epoch."""
        since = view.clock.seq
        with self._lock:
            clock, cost = self._clock(), self._log.cost_after(since)
            if clock.epoch != view.clock.epoch or cost is None or cost > LED_ON_BYTES:
                return None
            batches = self._log.after(since)
        if not batches:
            return None
        tree = codec.lead_on(view.tree, [codec.decode_batch(batch.data).records for batch in batches])
        if tree.digest(SERVICE_ID) != batches[-1].digest:
            _LOG.error("the batches after %s do not lead to the tree; it is copied. Please report this", view.clock)
            return None
        return Pinned(View(clock, tree, batches[-1].digest), batches[-1])


def _reaches(clock: Clock, asked: Clock) -> bool:
    return clock.epoch == asked.epoch and clock.seq >= asked.seq
