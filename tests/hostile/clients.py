"""Hostile clients: each sends what the grammar makes over a socket of its own, and judges what comes back."""

from __future__ import annotations

import itertools
import select
import socket
import struct
from contextlib import suppress
from random import Random
from time import monotonic
from typing import Final

from tests.hostile.answers import Wrong, judge
from tests.hostile.grammar import Grammar, Sent

DEADLINE_S: Final = 60.0
QUIET_S: Final = 0.04  # nothing for so long: perhaps it waits for more, and is left
APART_S: Final = 0.01  # between two pieces that shall be read apart
ANSWER_BYTES_MAX: Final = 16 << 20
DEFECTS_MAX: Final = 20
SHOWN: Final = 3000
_NOW: Final = struct.pack("ii", 1, 0)


class Hostile:
    """To be called by several threads at a time. `defects` are told with what was sent."""

    def __init__(self, port: int, grammar: Grammar, token: str | None) -> None:
        self._port, self._grammar, self._token = port, grammar, token
        self._numbers = itertools.count()
        self.connections = self.answers = 0
        self.defects: list[str] = []

    def turn(self) -> None:
        """One connection. Raises OSError where there is no server any more, and AssertionError after many defects."""
        sent = self._grammar.make(next(self._numbers))
        try:
            got, was_cut = self._talk(sent)
            self.answers += judge(sent, got, self._token, was_cut=was_cut)
        except (Wrong, ValueError, KeyError) as wrong:
            self.defects.append(f"number {sent.number}: {wrong}\n    sent {b''.join(sent.pieces)[:SHOWN]!r}")
        self.connections += 1
        assert len(self.defects) < DEFECTS_MAX, "enough of them"

    def _talk(self, sent: Sent) -> tuple[bytes, bool]:
        """All that came, and whether it was we who ended it."""
        rng = Random(sent.number)
        address = (f"127.2.{rng.randrange(250)}.{rng.randrange(1, 250)}", 0)
        with socket.create_connection(("127.0.0.1", self._port), DEADLINE_S, address) as raw:
            must_end = (not sent.rest or sent.is_refused) and not sent.is_endless
            manner = rng.randrange(8) if not must_end else 0
            apart_s = APART_S if rng.random() < 0.25 else 0
            try:
                for piece in sent.pieces:
                    raw.sendall(piece)
                    select.select([], [], [raw], apart_s)
            except ConnectionError:
                must_end = True  # it has heard enough
            if manner == 1:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
                return b"", True
            got, is_over = self._until_quiet(raw, DEADLINE_S if must_end else QUIET_S)
            if is_over:
                return got, False
            if must_end:
                raise Wrong(f"the connection was not closed; so far came {got[-2000:]!r}")
            with suppress(OSError):  # it has been closed just now
                raw.shutdown(socket.SHUT_WR)
            more, is_over = self._until_quiet(raw, DEADLINE_S)
            if not is_over:
                raise Wrong(f"half a connection was not closed; so far came {(got + more)[-2000:]!r}")
            return got + more, True

    def _until_quiet(self, raw: socket.socket, quiet_s: float) -> tuple[bytes, bool]:
        """What comes until nothing does for so long; whether it was the end."""
        got, deadline = bytearray(), monotonic() + DEADLINE_S
        while len(got) < ANSWER_BYTES_MAX and monotonic() < deadline:
            if not select.select([raw], [], [], quiet_s)[0]:
                return bytes(got), False
            try:
                more = raw.recv(1 << 16)
            except ConnectionError:
                return bytes(got), True
            if not more:
                return bytes(got), True
            got += more
        return bytes(got), False
