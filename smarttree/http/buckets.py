"""Buckets: how much of something each may do in a time. Pure: the time is passed in.

Law: of whoever it is, no more than a burst, and one more after each interval; who keeps to the interval never waits. A
look takes the same time whoever asks, and memory is bounded: who did something least lately is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

KEPT_MAX: Final = 10_000


class Buckets:
    """A leaky bucket for each: when it would be empty, as one number. `burst` fit in, and one leaks in `each_s`."""

    def __init__(self, burst: int, each_s: float, kept: int = KEPT_MAX) -> None:
        self._room_s, self._each_s, self._kept = (burst - 1) * each_s, each_s, kept
        self._empty_at: OrderedDict[Hashable, float] = OrderedDict()

    def wait_s(self, who: Hashable, now: float) -> float:
        """How long until one more fits; 0: it does."""
        return max(0.0, self._empty_at.get(who, 0.0) - now - self._room_s)

    def add(self, who: Hashable, now: float) -> None:
        """One more, whether it fits or not."""
        self._empty_at[who] = max(now, self._empty_at.get(who, 0.0)) + self._each_s
        self._empty_at.move_to_end(who)
        if len(self._empty_at) > self._kept:
            self._empty_at.popitem(last=False)
