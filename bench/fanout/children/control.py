"""What the programs around libraries have in common: how they are told what to publish, and how the loop lags.

Law: a program prints `ready PORT CONTROL-PORT`. A line that comes by the control port is a payload to publish; `!` says
that a measurement begins. When standard input ends it prints one line of JSON, how late its loop was since, and ends.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import statistics
import sys
from collections.abc import Callable

BEGIN = b"!"
EVERY_S = 0.001  # how often the loop is asked for its lateness
LINE_BYTES_MAX = 1 << 21


def raise_limits() -> None:
    """As many sockets as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listening(port: int = 0) -> socket.socket:
    """A socket of 127.0.0.1 that listens."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("127.0.0.1", port))
    opened.listen(1024)
    opened.setblocking(False)
    return opened


def announce(clients: socket.socket, control: socket.socket) -> None:
    print("ready", clients.getsockname()[1], control.getsockname()[1], flush=True)


class Lateness:
    """How much later than asked for the loop calls: what any other task of it waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._late_ms: list[float] = []
        self._due = 0.0
        self._ask()

    def _ask(self) -> None:
        self._due = self._loop.time() + EVERY_S
        self._loop.call_at(self._due, self._note)

    def _note(self) -> None:
        self._late_ms.append((self._loop.time() - self._due) * 1000)
        self._ask()

    def begin(self) -> None:
        self._late_ms.clear()

    def report(self) -> dict[str, float]:
        late = self._late_ms if len(self._late_ms) > 1 else [0.0, 0.0]
        cuts = statistics.quantiles(late, n=100, method="inclusive")
        return {"late_p50_ms": cuts[49], "late_p99_ms": cuts[98], "late_max_ms": max(late)}


async def follow(control: socket.socket, publish: Callable[[bytes], None], begin: Callable[[], None]) -> None:
    """Publishes each line that comes by the control port, on this loop, until the connection ends."""
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(control)
    connection.setblocking(False)
    with connection:
        reader, _ = await asyncio.open_connection(sock=connection, limit=LINE_BYTES_MAX)
        while line := await reader.readline():
            if line.startswith(BEGIN):
                begin()
            else:
                publish(line[:-1])


async def until_input_ends() -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()
    loop.remove_reader(sys.stdin)


def report(lateness: Lateness | None) -> None:
    print(json.dumps(lateness.report() if lateness is not None else {}), flush=True)


async def publish_until_told(clients: socket.socket, publish: Callable[[bytes], None], *, lateness: bool) -> None:
    """Says that all is ready, publishes on this loop, and returns when standard input has ended and that is reported.

    Without `lateness` the loop is left alone, and nothing is told of it: to ask costs processor time.
    """
    control = listening()
    asked = Lateness() if lateness else None
    following = asyncio.create_task(follow(control, publish, asked.begin if asked is not None else lambda: None))
    announce(clients, control)
    await until_input_ends()
    following.cancel()
    report(asked)
