"""The workers of a storm together: they work at the same time, and all stand still between two rounds.

Law: what they did can be read back, in the order of time, as one list of steps with a `sync` where all stood still.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import IO, Self

from tests.storm.steps import Step, parse

PROJECT = Path(__file__).parents[2]
DEADLINE_S = 120.0


class Team:
    """Workers on `root`, whose logs go to the directory `logs`. A context: at its end they are ended."""

    def __init__(self, root: Path, logs: Path, *, seed: int, workers: int) -> None:
        self.steps = self.done = 0
        self._stops: list[int] = []
        self._logs = [logs / f"worker{number}" for number in range(workers)]
        self._workers = [self._hire(root, log, seed, number) for number, log in enumerate(self._logs)]
        for worker in self._workers:
            assert self._line(worker) == b"here\n"

    def _hire(self, root: Path, log: Path, seed: int, number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, Path(__file__).with_name("worker.py"), root, log, str(seed), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )

    def start(self, count: int) -> None:
        """Each does `count` steps, or a few more."""
        for worker in self._workers:
            _pipe(worker.stdin).write(b"%d\n" % count)
            _pipe(worker.stdin).flush()
        self._busy = list(self._workers)
        self._deadline = monotonic() + DEADLINE_S

    def is_busy(self) -> bool:
        """Whether any still works. Once none does, the round is over and counted."""
        for worker in [worker for worker in self._busy if select.select([_pipe(worker.stdout)], [], [], 0)[0]]:
            count, done = map(int, self._line(worker).split())
            self.steps, self.done = self.steps + count, self.done + done
            self._busy.remove(worker)
        assert monotonic() < self._deadline, "a worker stands still"
        if not self._busy:
            self._stops.append(monotonic_ns())
        return bool(self._busy)

    def _line(self, worker: subprocess.Popen[bytes]) -> bytes:
        pipe, deadline = _pipe(worker.stdout), monotonic() + DEADLINE_S
        ready = select.select([pipe], [], [], max(0.0, deadline - monotonic()))[0]
        line = pipe.readline() if ready else b""
        assert line, f"a worker has ended ({worker.poll()}) or stands still"
        return line

    def history(self) -> list[Step]:
        """All steps so far, in the order in which they began."""
        timed = [(stop, Step("sync", b"")) for stop in self._stops]
        for log in self._logs:
            for line in log.read_text(encoding="utf-8").splitlines():
                time_ns, _, step = line.partition(" ")
                timed.append((int(time_ns), parse(step)))
        return [step for _, step in sorted(timed, key=lambda one: one[0])]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
