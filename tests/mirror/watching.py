"""A server on one of the watchers, the witnesses that follow it, and programs that give it trouble.

Law: the server is the real one, a process of its own. A look compares each witness with `find` while nothing changes,
and returns what was told since the look before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.clients.plain import get_json
from tests.integration.consumers import told_path
from tests.integration.process import SERVE, Process
from tests.storm.team import PROJECT
from tests.storm.witness import Witnesses

CAP_SYS_ADMIN = "21"
STORM = PROJECT / "tests/storm"

Told = set[tuple[str, str]]
"""(type, path below what all roots have in common) of changes."""


class Watching(Witnesses):
    """Witnesses of `server`, and all that was told of changes since the last look."""

    def __init__(self, server: Process, *roots: Path) -> None:
        self.server = server
        self._told: Told = set()
        self._base = os.fsencode(os.path.commonpath(roots)) + b"/"
        super().__init__(server.url, *roots)

    def _take_changes(self) -> None:
        for turn in self.full.turns:
            for change in turn.named("change"):
                self._told.add((change["type"], os.fsdecode(told_path(change).removeprefix(self._base))))
        super()._take_changes()

    def see(self, when: str) -> Told:
        """`look`, and what was told up to it."""
        self.look(when)
        told, self._told = self._told, set()
        return told

    def problems(self) -> list[dict[str, object]]:
        return list(get_json(f"{self.url}/stats")["problems"])

    def degraded(self) -> str:
        return get_json(f"{self.url}/stats")["watcher"]["degraded"] or ""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done meanwhile the server sees only as it is in the end."""
        with held(self.server.popen):
            yield


@contextmanager
def serving(watcher: str, *roots: Path, flags: Sequence[str] = (), command: Sequence[str] = SERVE) -> Iterator[Process]:
    """Until the end of the context, at which the server must be alive and well."""
    settings = ("--watcher", watcher, "--poll-s", "0.1", "--batch-ms", "5", *flags)
    with Process(*roots, *settings, command=command) as server:
        server.await_ready()
        yield server
        assert server.popen.poll() is None
        for word in ("Traceback", "defect"):
            assert word not in server.log()


@contextmanager
def watching(
    watcher: str, *roots: Path, flags: Sequence[str] = (), command: Sequence[str] = SERVE
) -> Iterator[Watching]:
    """The same with its witnesses."""
    with (
        serving(watcher, *roots, flags=flags, command=command) as server,
        closing(Watching(server, *roots)) as witnesses,
    ):
        yield witnesses


@contextmanager
def held(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """It stands still meanwhile."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def at_work(code: str, where: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does this in the directory `where`, over and over, as fast as it can; with `count`, from 0."""
    inner = "".join(f"    {line}\n" for line in code.strip().splitlines())
    whole = f"import os, shutil, itertools\nprint('here', flush=True)\nfor count in itertools.count():\n{inner}"
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, "-c", whole], cwd=where, stdout=subprocess.PIPE, env=environment) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"here\n"
        try:
            yield program
            assert program.poll() is None
        finally:
            program.kill()


def see_at_work(witnesses: Watching, code: str, where: Path, *, looks: int = 4) -> Told:
    """Barriers while such a program works, and looks while it stands still, the last when it has ended; all told."""
    told: Told = set()
    with at_work(code, where) as program:
        for number in range(looks):
            for _ in range(5):
                witnesses.follow()
            with held(program):
                told |= witnesses.see(f"look {number}")
    return told | witnesses.see("in the end")


def unprivileged(watcher: str) -> tuple[str, ...]:
    """`st --serve` by an ordinary user, who for fanotify may do that besides."""
    if os.geteuid() != 0:
        return SERVE
    keep = ("--keep", CAP_SYS_ADMIN) if watcher == "fanotify" else ()
    return (sys.executable, str(STORM / "unprivileged.py"), *keep, "--serve")
