"""One watcher at work on one directory: what every table asks of it, whoever it is.

Law: what is measured is the other process. This side only reads a descriptor, and stamps what it reads with the one
clock (CLOCK_MONOTONIC) that the changes are stamped with as well; what was told is understood when all is over.
"""

from __future__ import annotations

import os
import re
import select
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from time import clock_gettime, monotonic
from typing import Self

DEADLINE_S = 300.0
NOTICE_S = 30.0
TAKE_BYTES = 1 << 20
CPUCLOCK_SCHED = 2


class NotToldError(Exception):
    """A watcher that said nothing in time, or ended: there is no figure."""


class SilentError(NotToldError):
    """A watcher that is at work and says nothing of a change."""


class Watching(ABC):
    """`pid` is the process that is measured, `ready_s` the time from before its start until it watched everything."""

    pid: int
    ready_s: float

    @abstractmethod
    def fileno(self) -> int:
        """What becomes readable when something is told."""

    @abstractmethod
    def is_notice(self, data: bytes) -> bool:
        """Whether these bytes tell of a change, and are not a mere sign of life."""

    @abstractmethod
    def sync(self) -> None:
        """Returns once everything that has happened is known to the watcher, where it can say so."""

    @abstractmethod
    def lost(self, expected: Mapping[bytes, os.stat_result | None]) -> int:
        """How many of these relative paths were not told as they now are; None: it is gone. Ends the watching."""

    @abstractmethod
    def close(self) -> None:
        """Ends the process. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what is told -------------------------------------------------------------------------------------------------

    def read(self, timeout_s: float) -> bytes:
        """What has been told, at most so long after; empty: nothing. Raises NotToldError where the watcher ended."""
        if not select.select([self], [], [], max(0.0, timeout_s))[0]:
            return b""
        data = os.read(self.fileno(), TAKE_BYTES)
        if not data:
            raise NotToldError(f"{type(self).__name__} ended")
        self.keep(data)
        return data

    def keep(self, data: bytes) -> None:
        """Called with all that was read, for those who need it to know what was lost."""
        del data

    def next_notice(self, timeout_s: float = NOTICE_S) -> float:
        """When the next change was told. Raises SilentError, NotToldError."""
        deadline = monotonic() + timeout_s
        while (left_s := deadline - monotonic()) > 0:
            data = self.read(left_s)
            if data and self.is_notice(data):
                return monotonic()
        raise SilentError(f"{type(self).__name__} told nothing for {timeout_s:.0f} s")

    def drain(self) -> None:
        """Reads what has been told by now."""
        while self.read(0.0):
            pass

    def until_quiet(self, quiet_s: float, most_s: float = 30.0) -> float | None:
        """Reads until nothing was told for so long; when the last of it came, or None where nothing did.

        A mark on a whole file system hears of everyone's work, and is never quiet on a busy machine: hence `most_s`.
        """
        last, start = None, monotonic()
        deadline = start + quiet_s
        while (left_s := min(deadline, start + most_s) - monotonic()) > 0:
            data = self.read(left_s)
            if data and self.is_notice(data):
                last = monotonic()
                deadline = last + quiet_s
        return last

    # --- what it costs ------------------------------------------------------------------------------------------------

    def cpu_s(self) -> float:
        """Processor time of all its threads, those that have ended as well. To the nanosecond: /proc tells it in ticks
        of 10 ms.
        """
        return clock_gettime(~self.pid << 3 | CPUCLOCK_SCHED)  # what clock_getcpuclockid(3) makes of a process

    def resident_bytes(self) -> int:
        return self._status("VmRSS")

    def peak_bytes(self) -> int:
        return self._status("VmHWM")

    def _status(self, field: str) -> int:
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        if found is None:
            raise NotToldError(f"{type(self).__name__} ended")
        return int(found[1]) * 1024
