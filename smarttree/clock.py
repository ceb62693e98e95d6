"""A clock is `<epoch>-<seq>`: opaque to clients, never wall time, and never means two things."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_TEXT = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,18})", re.ASCII)


class Clock(NamedTuple):
    """A point in the life of a service. `epoch` is 64 random bits; `seq` counts batches in it."""

    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch:016x}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The clock that `text` spells, or None: what a client sends may be anything."""
        match = _TEXT.fullmatch(text)
        return cls(int(match[1], 16), int(match[2])) if match else None
