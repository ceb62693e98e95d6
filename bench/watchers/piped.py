"""A watcher that is a library, or the floor in C, in a small program of its own that tells on its standard output.

Law: the program says `ready` on a line, then one byte for each time it was told of something, and when its standard
input ends, a LF and the paths it was told of, parted by NUL. So its cost is the watcher's, and next to nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

from bench.machine import ROOT
from bench.watchers.watching import NotToldError, Watching

READY = b"ready\n"
DATA_END = b"\n"


class Piped(Watching):
    """Such a program at work."""

    def __init__(self, command: Sequence[str], top: Path) -> None:
        self._top = top
        start = monotonic()
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, stderr=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self._out = self._process.stdout
        if self._out.readline() != READY:
            self.close()
            raise NotToldError(f"{command[-2]} did not get ready")
        self.ready_s = monotonic() - start

    def fileno(self) -> int:
        return self._out.fileno()

    def is_notice(self, data: bytes) -> bool:
        return True

    def sync(self) -> None:
        """None of them can say what it knows: they are given until they are quiet, and no more."""

    def lost(self, expected: Mapping[bytes, os.stat_result | None]) -> int:
        """By the paths that it was told of, under which they lie. The floor tells none."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        told = b""
        while data := os.read(self.fileno(), 1 << 20):
            told += data
        paths = set(told.partition(DATA_END)[2].split(b"\0"))
        top = os.fsencode(self._top)
        return sum(os.path.join(top, path) not in paths for path in expected)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        if self._process.stdin is not None:
            self._process.stdin.close()


def library(kind: str, top: Path) -> Piped:
    """watchfiles or watchdog, as `bench.watchers.child` runs them."""
    return Piped([sys.executable, "-m", "bench.watchers.child", kind, str(top)], top)


def floor(program: Path, kind: str, top: Path) -> Piped:
    """The compiled bench/floor/watch.c."""
    return Piped([str(program), kind, str(top)], top)
