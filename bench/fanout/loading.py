"""The load generator at work: a measurement, and what the server spent on it meanwhile.

Law: a stream that lacks an event, has one twice, or holds other bytes than were published is no figure. So each
benchmark is a test: `Loading.result` raises for it, unless what went wrong is what is counted.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple, Self

from bench.fanout.serving import Serving
from bench.rounds import Sample

FAULTS = ("missed", "repeated", "falsified", "closed")


class WrongStreamError(Exception):
    """Clients were not sent what was published, or not all of them were served."""


class Result(NamedTuple):
    """`told` is what the generator says; processor time and memory are the server's."""

    told: Sample
    cpu_s: float
    opened_bytes: int
    ended_bytes: int

    @property
    def cpu_us_each(self) -> float:
        """Of processor time for each event that a client was sent."""
        return self.cpu_s * 1e6 / self.told["delivered"]

    def faults(self, names: Sequence[str] = FAULTS) -> int:
        return int(sum(self.told[name] for name in names))


class Loading:
    """Clients of one server, open from when this is made until `close`."""

    def __init__(self, program: Path, serving: Serving, *arguments: str) -> None:
        self._serving = serving
        self._process = subprocess.Popen(
            [str(program), *serving.arguments, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self._line() != b"open\n":
            self.close()
            raise WrongStreamError("not all clients were served")

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def result(self, *, forgiven: bool = False) -> Result:
        """Runs the measurement. Raises WrongStreamError, where faults are not `forgiven` because they are counted."""
        opened, before_s = self._serving.memory_bytes(), self._serving.cpu_s()
        self._go_on()
        line = self._line()
        spent_s, ended = self._serving.cpu_s() - before_s, self._serving.memory_bytes()
        if not line:
            raise WrongStreamError("the load generator ended without a result")
        found = Result(json.loads(line), spent_s, opened, ended)
        if found.faults() and not forgiven:
            said = ", ".join(f"{found.told[name]} {name}" for name in FAULTS)
            raise WrongStreamError(f"the streams are wrong: {said}")
        return found

    def close(self) -> None:
        """Closes all connections. May be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def settled_bytes(serving: Serving, quiet_s: float = 0.5, most_s: float = 5.0) -> int:
    """The server's memory, once it has not changed for a while."""
    deadline, last = monotonic() + most_s, serving.memory_bytes()
    while monotonic() < deadline:
        sleep(quiet_s)
        now = serving.memory_bytes()
        if now == last:
            break
        last = now
    return last
