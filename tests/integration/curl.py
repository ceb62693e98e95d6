"""`curl -N` on an event stream, and what it printed, taken apart as text and nothing more.

Law: the bytes are looked at as they came, without an SSE parser's forgiveness. Every wait has a deadline.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
from time import monotonic
from typing import Any, NamedTuple, Self

DEADLINE_S = 20.0
FIELDS = {"", "retry", "event", "data", "id"}  # "": a comment


class Block(NamedTuple):
    """The lines between two empty ones, as (field, value)."""

    raw: bytes
    lines: tuple[tuple[str, str], ...]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.lines]

    def value(self, name: str) -> str:
        """The value of a field that stands once; KeyError if it stands not at all."""
        assert self.names.count(name) <= 1, self.raw[:200]
        return dict(self.lines)[name]

    @property
    def event(self) -> str:
        """What a browser would call it."""
        return self.value("event") if "event" in self.names else "message"

    @property
    def json(self) -> Any:
        return json.loads(self.value("data"))


def read_block(raw: bytes) -> Block:
    """AssertionError for a line that is no field of the protocol."""
    lines = []
    for line in raw.decode().split("\n"):
        name, colon, value = line.partition(":")
        assert colon, f"a line without a field: {line[:200]!r}"
        assert name in FIELDS, f"no field of the protocol: {line[:200]!r}"
        assert value.startswith(" "), f"no space after the colon: {line[:200]!r}"
        lines.append((name, value[1:]))
    return Block(raw, tuple(lines))


class Curl:
    """A running `curl -N -i URL`. `status` and `headers` (lower-case names) are there from the start."""

    def __init__(self, url: str, *options: str) -> None:
        # --http1.1 is what curl speaks to http:// anyway; -q: whatever is in the user's own .curlrc.
        command = ["curl", "-q", "-sS", "-N", "-i", *options, url]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._unread = b""
        head = self._until(b"\r\n\r\n")
        first, *rest = head.decode("ascii").split("\r\n")
        self.status = first
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}

    def _until(self, end: bytes, deadline: float | None = None) -> bytes:
        """What curl prints up to `end`, which is taken away; EOFError when curl has ended before."""
        assert self.popen.stdout is not None
        pipe, deadline = self.popen.stdout.fileno(), deadline or monotonic() + DEADLINE_S
        searched = 0
        while (at := self._unread.find(end, searched)) < 0:
            searched = max(0, len(self._unread) - len(end))
            if not select.select([pipe], [], [], max(0.0, deadline - monotonic()))[0]:
                raise TimeoutError(f"curl printed nothing more in time; so far, unread: {self._unread[:500]!r}")
            more = os.read(pipe, 1 << 20)
            if not more:
                raise EOFError(f"curl has ended; unread: {self._unread[:500]!r}")
            self._unread += more
        found, self._unread = self._unread[:at], self._unread[at + len(end) :]
        return found

    def block(self) -> Block:
        """The next block."""
        return read_block(self._until(b"\n\n"))

    def until_id(self, clock: str = "") -> list[Block]:
        """The blocks up to the next that has an id, or this id. None before the last may be of a wrong clock."""
        blocks = [self.block()]
        while "id" not in blocks[-1].names or (clock and blocks[-1].value("id") != clock):
            blocks.append(self.block())
        return blocks

    def close(self) -> None:
        self.popen.kill()
        self.popen.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
