"""Slow clients, all in one thread: each takes its time, and holds what it can get for as long as it is let.

Law: who is slow to ask is sent away in time; who is slow to listen costs what was promised, until it goes by itself.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from random import Random
from time import monotonic
from typing import Final, NamedTuple

HEAD: Final = b" HTTP/1.1\r\nHost: localhost\r\n"
HEARD_S: Final = 90.0  # by when whoever has not asked is gone: ten seconds, and what a machine under load adds
LISTENS_S: Final = 20.0
TURN_S: Final = 0.25
RECEIVE_BYTES: Final = 4096


class Manner(NamedTuple):
    """`opening` at once, then a byte of `drip` a turn; reads `takes` bytes a turn. `must_go`: the server ends it."""

    name: str
    opening: bytes
    drip: bytes
    takes: int
    must_go: bool


MANNERS: Final = (
    Manner("says nothing", b"", b"", 100, must_go=True),
    Manner("half of a line", b"GET /clo", b"", 100, must_go=True),
    Manner("header byte by byte", b"GET /clock" + HEAD + b"X-Slow: ", b"x", 100, must_go=True),
    Manner("headers without end", b"GET /clock" + HEAD, b"X-Slow: 1\r\n", 100, must_go=True),
    Manner("line ends alone", b"", b"\r\n", 100, must_go=True),
    Manner("a body byte by byte", b"POST /watch" + HEAD + b"Content-Length: 60000\r\n\r\n{", b" ", 100, must_go=True),
    Manner(
        "chunk by chunk",
        b"POST /watch" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n",
        100,
        must_go=True,
    ),
    Manner("a body for a GET", b"GET /clock" + HEAD + b"Content-Length: 60000\r\n\r\n", b" ", 100, must_go=True),
    Manner("half of a TLS hello", b"\x16\x03\x01\x02\x00\x01", b"\x00", 100, must_go=True),
    Manner("stays after its answer", b"GET /clock" + HEAD + b"\r\n", b"", 1000, must_go=True),
    Manner("reads the tree slowly", b"GET /tree?mode=json&path=%(root)s" + HEAD + b"\r\n", b"", 50, must_go=False),
    Manner("reads no answer", b"GET /tree?mode=classic&path=%(root)s" + HEAD + b"\r\n", b"", 0, must_go=False),
    Manner("searches and reads nothing", b"GET /search?q=x&path=%(root)s" + HEAD + b"\r\n", b"", 0, must_go=False),
    Manner("a stream that is not read", b"GET /events" + HEAD + b"\r\n", b"", 0, must_go=False),
    Manner("a stream byte by byte", b"GET /events?mode=json" + HEAD + b"\r\n", b"", 1, must_go=False),
)


class _Client:
    def __init__(self, port: int, manner: Manner, opening: bytes, address: str) -> None:
        self.manner, self.began = manner, monotonic()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(opening)
        self.socket.setblocking(False)

    def turn(self) -> bool:
        """A little more. Whether it goes on."""
        with suppress(BlockingIOError):
            try:
                if self.manner.drip:
                    self.socket.send(self.manner.drip)
                if self.manner.takes and not self.socket.recv(self.manner.takes):
                    return False
            except ConnectionError:
                return False
        return self.manner.must_go or monotonic() - self.began < LISTENS_S

    def close(self, *, by_reset: bool) -> None:
        if by_reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Slow:
    """So many of them at a time, until it is stopped. `defects` tells who was not sent away."""

    def __init__(self, port: int, root: bytes, token: str | None, seed: int, count: int) -> None:
        self._port, self._root, self._count, self._rng = port, root, count, Random(seed)
        self._shown = b"Authorization: Bearer " + token.encode() + b"\r\n" if token is not None else b""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slow")
        self.defects: list[str] = []
        self.made = self.sent_away = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _fresh(self) -> _Client:
        manner = MANNERS[self.made % len(MANNERS)]
        opening = manner.opening.replace(b"%(root)s", self._root).replace(HEAD, HEAD + self._shown)
        self.made += 1
        return _Client(self._port, manner, opening, f"127.3.{self.made // 250 % 250}.{self.made % 250 + 1}")

    def _run(self) -> None:
        clients: list[_Client] = []
        try:
            while not self._stopped.wait(TURN_S):
                clients += [self._fresh() for _ in range(min(4, self._count - len(clients)))]
                for client in list(clients):
                    if not client.turn():
                        self.sent_away += client.manner.must_go
                    elif client.manner.must_go and monotonic() - client.began > HEARD_S:
                        self.defects.append(f"who {client.manner.name!r} was not sent away in {HEARD_S:.0f} s")
                    else:
                        continue
                    client.close(by_reset=self._rng.random() < 0.5)
                    clients.remove(client)
        except OSError as error:
            self.defects.append(f"a slow client could not connect: {error!r}")
        finally:
            for client in clients:
                client.close(by_reset=True)
