"""Connections between a client and a server, as bad as networks are: cut anywhere, reset, silent, in crumbs.

Law: bytes that get through are the server's, in order; how many do is a matter of the seed. One thread has them all.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Self

TURN_S = 0.02
MOST_AT_ONCE = 1 << 18


@dataclass(slots=True)
class Pair:
    """A client's connection and ours to the server, with what is still to come through."""

    client: socket.socket
    server: socket.socket
    left: int | None  # bytes from the server until it is cut; None: it isn't
    end: str  # how: "cut", "reset" or "silence"
    crumbs: int  # so many bytes at a time
    silent_until: float = 0.0


class Proxy:
    """As a context. `port` is where clients connect; `calm()` lets all that comes from then on through as it is."""

    def __init__(self, server_port: int, seed: int, *, mean_bytes: int = 8_000, silence_s: float = 3.0) -> None:
        self._server_port, self._mean_bytes, self._silence_s = server_port, mean_bytes, silence_s
        self._rng, self._wild, self._over = Random(seed), True, False
        self.cuts = {"cut": 0, "reset": 0, "silence": 0}
        self._pairs: dict[socket.socket, Pair] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calm(self) -> None:
        self._wild = False

    def _run(self) -> None:
        while not self._over:
            for key, _ in self._selector.select(TURN_S):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._move(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port), timeout=5)
        except OSError:  # it is being started anew
            client.close()
            return
        rng = self._rng
        left = int(rng.expovariate(1 / self._mean_bytes)) if self._wild and rng.random() < 0.9 else None
        end = rng.choice(["cut", "reset", "silence"])
        pair = Pair(client, server, left, end, rng.choice([1 << 16, 1 << 16, 1 << 14, 997]))
        for sock in (client, server):
            sock.settimeout(5)
            self._pairs[sock] = pair
            self._selector.register(sock, selectors.EVENT_READ)

    def _move(self, source: socket.socket) -> None:
        """What is there, from one side to the other."""
        pair = self._pairs.get(source)
        if pair is None:  # it has ended in this very turn
            return
        if not self._wild:
            pair.left = None
        try:
            if source is pair.client:
                self._up(pair)
            else:
                self._down(pair)
        except OSError:
            self._end(pair)

    def _up(self, pair: Pair) -> None:
        data = pair.client.recv(MOST_AT_ONCE)
        if not data:
            self._end(pair)
        elif not pair.silent_until:
            pair.server.sendall(data)

    def _down(self, pair: Pair) -> None:
        if pair.silent_until:
            if monotonic() > pair.silent_until:
                self._end(pair)
            else:
                pair.server.recv(MOST_AT_ONCE)
            return
        data = pair.server.recv(min(pair.crumbs, MOST_AT_ONCE))
        if pair.left is not None:
            data, pair.left = data[: pair.left], pair.left - len(data)
        pair.client.sendall(data)
        if pair.left is not None and pair.left <= 0:
            self._cut(pair)
        elif not data:
            self._end(pair)

    def _cut(self, pair: Pair) -> None:
        self.cuts[pair.end] += 1
        if pair.end == "silence":
            pair.silent_until = monotonic() + self._silence_s
            return
        if pair.end == "reset":
            pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._end(pair)

    def _end(self, pair: Pair) -> None:
        for sock in (pair.client, pair.server):
            if self._pairs.pop(sock, None):
                self._selector.unregister(sock)
                sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()
        for pair in list(self._pairs.values()):
            self._end(pair)
        with suppress(OSError):
            self._listener.close()
        self._selector.close()
