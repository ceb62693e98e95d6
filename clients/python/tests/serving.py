"""A real server as a process of its own, which can be killed and started again over the same tree.

Law: every wait has a deadline; what was started is ended.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

DEADLINE_S = 60.0
ST = Path(sys.executable).with_name("st")


def until(law: Callable[[], bool], what: str) -> None:
    """Polls a condition up to the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not law():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


class Serving:
    """`st --serve` of a directory, with its state beside it."""

    def __init__(self, top: Path, *options: str) -> None:
        self.top = top
        top.mkdir(exist_ok=True)
        self._options = [*options, "--state", str(top.with_name(f"{top.name}.state"))]
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """On a free port, and then on the same one again."""
        command = [str(ST), "--serve", str(self.top), "--port", str(self._port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        assert select.select([self._process.stdout], [], [], DEADLINE_S)[0], "the server says nothing"
        found = re.search(r"http://localhost:(\d+)", self._process.stdout.readline())
        assert found, "the server does not name its port"
        self._port = int(found[1])
        until(self._ready, "the first scan")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=DEADLINE_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def sync(self) -> None:
        """Once everything that happened on disk is told."""
        with urllib.request.urlopen(f"{self.url}/clock?sync=1", timeout=DEADLINE_S) as answer:
            answer.read()

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(DEADLINE_S)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def environment(**more: str) -> dict[str, str]:
    """This one's, without what would change how the program works."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STREE_")} | more
