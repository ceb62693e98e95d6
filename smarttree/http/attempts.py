"""Attempts: how often an address may be wrong about a token. Pure: the time is passed in.

Law: a right token is never counted or refused. Bounded: the addresses that were wrong least lately are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

ATTEMPTS_MAX: Final = 10  # at once; then one more every ...
ATTEMPT_S: Final = 6.0
ADDRESSES_MAX: Final = 10_000


class Attempts:
    """By address, when its attempts would be used up no longer (a leaky bucket, as one number)."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str, now: float) -> float:
        """How long until it may be wrong once more; 0: it may."""
        return max(0.0, self._full_at.get(address, 0.0) - now - (ATTEMPTS_MAX - 1) * ATTEMPT_S)

    def failed(self, address: str, now: float) -> None:
        """It was wrong."""
        self._full_at[address] = max(now, self._full_at.get(address, 0.0)) + ATTEMPT_S
        self._full_at.move_to_end(address)
        if len(self._full_at) > ADDRESSES_MAX:
            self._full_at.popitem(last=False)
