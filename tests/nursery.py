"""Servers that start in a hundredth of a second: forked from a process that has loaded everything, and is never one.

Law: what is born is `st` as a user starts it, from its first line on; only what Python loads was loaded before.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Self

DEADLINE_S = 30.0
PROJECT = str(Path(__file__).parents[1])


class Nursery:
    """`bear` starts a server with these arguments; one lives at a time. As a context, it is dead when that ends."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._popen = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": PROJECT},
        )
        self._rest = b""
        self.pid = 0

    def bear(self, *arguments: str | Path) -> int:
        """The pid of a new server, which may not listen yet."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps([str(argument) for argument in arguments]).encode() + b"\n")
        self._popen.stdin.flush()
        while not (line := self.line()).startswith(b"born "):
            pass
        self.pid = int(line.split()[1])
        return self.pid

    def line(self) -> bytes:
        """The next line that the nursery or a server has written."""
        assert self._popen.stdout is not None
        fd, deadline = self._popen.stdout.fileno(), monotonic() + DEADLINE_S
        while b"\n" not in self._rest:
            if not select.select([fd], [], [], max(0.0, deadline - monotonic()))[0]:
                raise TimeoutError("the server said nothing")
            more = os.read(fd, 4096)
            if not more:
                raise EOFError("the nursery has ended")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def await_listening(self) -> int:
        """The port, once it is told."""
        while b" on http://" not in (line := self.line()):
            if line.startswith(b"ended "):
                raise EOFError(f"the server has ended: {line!r}")
        return int(line.rpartition(b":")[2])

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """And wait until it is gone, so that its lock is."""
        os.kill(self.pid, number)
        while self.line() != b"ended %d" % self.pid:
            pass
        self.pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        with self._log, self._popen:  # which closes its pipes, and waits
            try:
                self._popen.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                raise


def _serve(arguments: list[str]) -> None:
    from smarttree.cli import main

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    status = 1
    try:
        status = main(arguments)
    finally:
        sys.stdout.flush()
        os._exit(status)


def _run() -> None:
    import smarttree.cli.serve
    import smarttree.cli.settings
    import smarttree.http.app
    import smarttree.progress
    import smarttree.watch.linux  # noqa: F401

    while line := sys.stdin.buffer.readline():
        pid = os.fork()
        if pid == 0:
            _serve(json.loads(line))
        os.write(1, b"born %d\n" % pid)
        os.waitpid(pid, 0)
        os.write(1, b"ended %d\n" % pid)


if __name__ == "__main__":
    _run()
