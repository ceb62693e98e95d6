"""Clients of other addresses, as real sockets of the loopback: only 127.0.0.1 is this machine's own here.

Law: nothing else is replaced. Every wait has a deadline.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from time import monotonic
from typing import Any, Self

import pytest

from smarttree.http.addresses import Address
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server

ONE, OTHER = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What asks for this has ONE, OTHER and the like as addresses that are not the machine's."""

    def is_here(address: Address | None) -> bool:
        return address == ip_address("127.0.0.1")

    for module in ("addresses", "limits"):
        monkeypatch.setattr(f"smarttree.http.{module}.is_here", is_here)


class Stranger:
    """A connection from an address. `got` is all that came."""

    def __init__(self, server: Server | int, address: str = ONE) -> None:
        """To a server, or a port."""
        port = server if isinstance(server, int) else server.port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S, source_address=(address, 0))
        self.got = b""

    def say(self, *lines: str, body: bytes = b"") -> Self:
        """A request: its first line and headers. A server that has hung up is found out by reading."""
        text = "".join(f"{line}\r\n" for line in (*lines, "Host: localhost"))
        with suppress(ConnectionError):
            self.socket.sendall(text.encode() + b"\r\n" + body)
        return self

    def get(self, target: str, *headers: str) -> Self:
        return self.say(f"GET {target} HTTP/1.1", *headers)

    def read(self) -> bool:
        """Whether more came; False: it was ended."""
        try:
            more = self.socket.recv(1 << 16)
        except ConnectionError:
            more = b""
        self.got += more
        return bool(more)

    def until(self, sign: bytes) -> Self:
        while sign not in self.got:
            assert self.read(), self.got
        return self

    def until_end(self) -> bytes:
        """All that comes until the server hangs up."""
        while self.read():
            continue
        self.close()
        return self.got

    def answer(self) -> tuple[int, dict[str, str], Any]:
        """One answer with a length, and a document; what came is taken."""
        head, _, rest = self.until(b"\r\n\r\n").got.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            assert self.read(), self.got
            rest = self.got.partition(b"\r\n\r\n")[2]
        self.got = rest[length:]
        return int(first.split()[1]), headers, json.loads(rest[:length]) if length else None

    def is_refused(self) -> bool:
        """Whether it was cut off without a word. To be asked of one that would be answered."""
        return self.get("/healthz", "Connection: close").until_end() == b""

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + DEADLINE_S
    while not condition():
        assert monotonic() < deadline
