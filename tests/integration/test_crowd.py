"""Far more connections than `--max-connections`: each is served or told to come back, and none is lost on the way.

Law: who is over the limit gets 200, a `retry:` and a close, since a browser comes back from nothing else; those within
are sent what happens; afterwards the server has no more descriptors than before. CROWD says how many come.
"""

from __future__ import annotations

import os
import resource
import selectors
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.clients.plain import get_json
from tests.integration.process import DEADLINE_S, Process

CROWD = int(os.environ.get("CROWD") or 2000)
SERVED = 100
AT_A_TIME = 200  # that are connected before their answers are looked at


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CROWD + 500:
        pytest.skip(f"may not have {CROWD + 500} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def descriptors(server: Process) -> int:
    return len(os.listdir(f"/proc/{server.popen.pid}/fd"))


def ask(server: Process) -> socket.socket:
    asked = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
    asked.sendall(b"GET /events?events=message HTTP/1.1\r\nHost: localhost\r\n\r\n")
    asked.setblocking(False)
    return asked


class Crowd:
    """All that asked: those that are told to come back, and those that are served."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.told: dict[socket.socket, bytes] = {}
        self.sent_away: list[bytes] = []

    def add(self, asked: socket.socket) -> None:
        self.told[asked] = b""
        self.selector.register(asked, selectors.EVENT_READ)

    def read(self) -> None:
        """What comes within a tenth of a second."""
        for key, _ in self.selector.select(0.1):
            asked = key.fileobj
            assert isinstance(asked, socket.socket)
            if more := asked.recv(1 << 16):
                self.told[asked] += more
            else:
                self.sent_away.append(self.told.pop(asked))
                self.close(asked)

    def settled(self) -> bool:
        return all(b"\nid: " in got for got in self.told.values())

    def until_settled(self) -> None:
        deadline = monotonic() + 3 * DEADLINE_S
        while not self.settled():
            assert monotonic() < deadline, len(self.told)
            self.read()

    def close(self, asked: socket.socket) -> None:
        self.selector.unregister(asked)
        asked.close()


def test_who_is_too_many_is_told_to_come_back(tmp_path: Path, many_descriptors: None) -> None:
    with Process(tmp_path, "--max-connections", str(SERVED)) as server:
        server.await_ready()
        server.sync()
        before, crowd = descriptors(server), Crowd()
        for _ in range(0, CROWD, AT_A_TIME):
            for _ in range(AT_A_TIME):
                crowd.add(ask(server))
            crowd.until_settled()
        assert (len(crowd.told), len(crowd.sent_away)) == (SERVED, CROWD - SERVED)
        for got in crowd.sent_away:
            head, _, body = got.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert body.startswith(b"retry: ")
            assert b"\nid: " not in body
        (tmp_path / "new").touch()
        clock = f"\nid: {server.sync()}\n\n".encode()
        deadline = monotonic() + DEADLINE_S
        while not all(clock in got for got in crowd.told.values()):
            assert monotonic() < deadline
            crowd.read()
        for asked in list(crowd.told):
            crowd.close(asked)
        while get_json(f"{server.url}/stats")["clients"] or descriptors(server) > before + 5:
            assert monotonic() < deadline, (before, descriptors(server))
        assert "Traceback" not in server.log()
