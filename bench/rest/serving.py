"""Servers of answers: `st --serve` as a user starts it, and nginx with the same bytes as a file; and who asks them.

Law: each is started afresh for each sample, answers on loopback, and is asked over connections that stay.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep
from types import TracebackType
from typing import NamedTuple, Self

from bench.fanout.serving import DEADLINE_S, SERVING, NotServedError, Serving, end, free_port, wait_for_port

SCRATCH = "bench-rest-scratch"
QTN1 = "application/vnd.smarttree.qtn1"


class Answer(NamedTuple):
    """`ms`: from before the request was sent until all of the body was there."""

    status: int
    clock: str
    body: bytes
    ms: float


class Asking:
    """One connection that is kept. Requests one after the other."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._connection.close()

    def try_get(self, target: str, accept: str) -> Answer:
        start = perf_counter()
        self._connection.request("GET", target, headers={"Accept": accept})
        answer = self._connection.getresponse()
        body = answer.read()
        ms = (perf_counter() - start) * 1e3
        return Answer(answer.status, answer.headers.get("X-Smarttree-Clock", ""), body, ms)

    def get(self, target: str, accept: str = "*/*") -> Answer:
        """Raises NotServedError unless it is a 200."""
        answer = self.try_get(target, accept)
        if answer.status != 200:
            raise NotServedError(f"{target}: {answer.status} {answer.body[:200]!r}")
        return answer


def entries(asking: Asking) -> int:
    """How many there are below all roots."""
    told = json.loads(asking.get("/stats").body)
    return int(told["files"]) + int(told["dirs"])


@contextmanager
def changing(top: Path) -> Iterator[Callable[[int], None]]:
    """A file in a tree that is written anew whenever the function is called, and goes in the end."""
    place = top / SCRATCH

    def change(number: int) -> None:
        place.write_bytes(b"x" * (number % 1000 + 1))

    try:
        yield change
    finally:
        place.unlink(missing_ok=True)


class Ours(Serving):
    """`st --serve` on a tree, by its defaults, but for the state, which would be another run's."""

    def __init__(self, top: Path) -> None:
        command = [sys.executable, "-m", "smarttree", "--serve", str(top), "--port", "0", "-q", "--no-state"]
        found = SERVING.fullmatch(self.start(command))
        if found is None:
            self.finish()
            raise NotServedError("the server did not start")
        self.port = int(found[1])
        deadline = monotonic() + DEADLINE_S
        with Asking(self.port) as asking:
            while asking.try_get("/readyz", "*/*").status != 200:
                if monotonic() > deadline:
                    self.finish()
                    raise NotServedError("the server did not get ready")
                sleep(0.05)

    def finish(self) -> dict[str, float]:
        end(self._process)
        return {}


class Nginx(Serving):
    """nginx as it is set up to send files quickly: one worker, sendfile, files kept open, no log."""

    def __init__(self, program: str, body: bytes) -> None:
        self._folder = tempfile.TemporaryDirectory()
        place, self.port = Path(self._folder.name), free_port()
        place.chmod(0o755)
        (place / "tree").write_bytes(body)
        (place / "nginx.conf").write_text(_settings(place, self.port))
        self._process = subprocess.Popen(
            [program, "-p", str(place), "-c", str(place / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_port(self.port, self._process)
        except NotServedError:
            self.finish()
            raise

    def finish(self) -> dict[str, float]:
        end(self._process)
        self._folder.cleanup()
        return {}


def _settings(place: Path, port: int) -> str:
    temporary = "".join(
        f"{name}_temp_path {place}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
        daemon off; worker_processes 1; pid {place}/pid; error_log {place}/errors error;
        events {{ worker_connections 1000; }}
        http {{
            access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; {temporary}
            sendfile on; tcp_nopush on; open_file_cache max=100; default_type {QTN1};
            server {{ listen 127.0.0.1:{port} backlog=1024; root {place}; }}
        }}
    """
