"""A server as a user starts it: a process of its own, reached by its port alone and ended by a signal.

Law: nothing of the server is imported. Every wait has a deadline; what the server logs is kept to be shown.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Self

from tests.clients.plain import Follower, Stream, get_json

DEADLINE_S = 20.0
PROJECT = str(Path(__file__).parents[2])
COMMAND = (sys.executable, "-m", "smarttree")
SERVE = (*COMMAND, "--serve")
SERVING = re.compile(rb"serving (.+) on https?://.+:(\d+)\n")


class Process:
    """`st --serve …`, up and listening. `arguments` are what follows `--serve`; unless they name a port, a free one is
    taken. Used as a context, it is killed at the latest when that ends."""

    def __init__(
        self,
        *arguments: str | Path,
        command: Sequence[str] = SERVE,
    ) -> None:
        self._state = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.popen = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={
                **os.environ,
                "PYTHONPATH": PROJECT,
                "SMARTTREE_PORT": "0",
                "XDG_STATE_HOME": self._state.name,
            },
        )
        self.first_line = self._read_line()
        found = SERVING.fullmatch(self.first_line)
        self.port = int(found[2]) if found else 0

    def _read_line(self) -> bytes:
        """The first line of its output; empty if it ends without any, or says nothing in time."""
        assert self.popen.stdout is not None
        pipe, line, deadline = self.popen.stdout.fileno(), b"", monotonic() + DEADLINE_S
        while not line.endswith(b"\n") and select.select([pipe], [], [], max(0.0, deadline - monotonic()))[0]:
            more = os.read(pipe, 4096)
            if not more:
                break
            line += more
        return line

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def log(self) -> str:
        """All that it has written to standard error so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode("utf-8", "replace")

    def await_ready(self) -> None:
        """Returns once the first scan is done: a stream is held open until then."""
        stream = Stream(f"{self.url}/events?events=message")
        try:
            assert stream.frame(DEADLINE_S) is not None, self.log()
        finally:
            stream.close()

    def follow(self, query: str = "") -> Follower:
        """A client with a mirror, which has taken its opening."""
        follower = Follower(f"{self.url}/events{query}")
        follower.turn(DEADLINE_S)
        return follower

    def sync(self) -> str:
        """The clock after everything that happened on disk so far."""
        return str(get_json(f"{self.url}/clock?sync=1")["clock"])

    def end(self, *numbers: signal.Signals) -> tuple[int, float]:
        """Sends the signals, one after the other: the exit status, and the seconds it took after the last."""
        for number in numbers:
            self.popen.send_signal(number)
        start = monotonic()
        status = self.popen.wait(DEADLINE_S)
        return status, monotonic() - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.communicate()
        self._log.close()
        self._state.cleanup()
