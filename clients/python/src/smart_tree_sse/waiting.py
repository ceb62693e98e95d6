"""How long to wait before coming back: a pure function of what has happened, and of chance, which is passed in.

Law: the server's `retry`, doubled for each attempt in a row that brought nothing, at most `max_s`, times 0.5 to 1; a
`Retry-After` that is longer wins.
"""

from __future__ import annotations

__all__ = ["RETRY_MAX_S", "Waiting"]

RETRY_MAX_S = 30.0
FIRST_RETRY_S = 1.0
DOUBLINGS_MAX = 32


class Waiting:
    """The waiting of one stream, over all its connections."""

    def __init__(self, max_s: float = RETRY_MAX_S) -> None:
        self.retry_s = FIRST_RETRY_S
        self.failures = 0
        self._max_s = max_s

    def seconds(self, chance: float, retry_after_s: int = 0) -> float:
        """Until the next attempt; `chance` is a number from 0 to 1."""
        longest = min(self.retry_s * 2.0 ** min(self.failures, DOUBLINGS_MAX), self._max_s)
        return max(longest * (0.5 + chance / 2), float(retry_after_s))
