"""`python wrong_clock.py …` is `st …` on a machine whose clock is set back by a day at each SIGUSR1.

Law: for tests only. What Python reads of the wall clock goes back, nothing else: the machine's clock is everyone's.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

DAY_NS = 86_400 * 10**9
CLOCK_REALTIME_COARSE = 5
WALL = {time.CLOCK_REALTIME, CLOCK_REALTIME_COARSE}


class Clock:
    """The machine's, but for what it has been set back."""

    def __init__(self) -> None:
        self._back_ns = 0
        self._time_ns, self._gettime_ns = time.time_ns, time.clock_gettime_ns
        signal.signal(signal.SIGUSR1, self._set_back)

    def _set_back(self, *_: object) -> None:
        self._back_ns += DAY_NS
        os.write(2, b"the clock is set back\n")

    def time_ns(self) -> int:
        return self._time_ns() - self._back_ns

    def time(self) -> float:
        return self.time_ns() / 1e9

    def gettime_ns(self, which: int) -> int:
        return self._gettime_ns(which) - (self._back_ns if which in WALL else 0)


def take_over(clock: Clock) -> None:
    """Before anyone else has taken a name of these away."""
    replaced: dict[str, Callable[..., object]] = {
        "time_ns": clock.time_ns,
        "time": clock.time,
        "clock_gettime_ns": clock.gettime_ns,
    }
    for name, instead in replaced.items():
        setattr(time, name, instead)


if __name__ == "__main__":
    take_over(Clock())
    from smarttree.cli import main

    sys.exit(main(sys.argv[1:]))
