"""From frames to batches: frames are held until one bears an id, and then they are handed on whole.

Law: each batch is handed on once, with its clock; what a connection leaves unfinished is dropped with this object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .errors import StreamEndedError
from .sse import Frame

__all__ = ["MAX_BATCH_BYTES", "Batch", "Collector"]

MAX_BATCH_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames with data, in their order, and the clock that they lead to. One without frames only moves the clock."""

    frames: tuple[Frame, ...]
    clock: str


class Collector:
    """Gathers what one connection brings."""

    def __init__(self, max_batch_bytes: int = MAX_BATCH_BYTES) -> None:
        self._max = max_batch_bytes
        self._held: list[Frame] = []
        self._size = 0

    def add(self, frames: Iterable[Frame]) -> Iterator[Batch]:
        """The batches that these frames complete."""
        for frame in frames:
            self._size += frame.size
            if self._size > self._max:
                raise StreamEndedError("too-large", f"a batch of more than {self._max} bytes")
            if frame.data is not None:
                self._held.append(frame)
            if frame.id is not None:
                yield Batch(tuple(self._held), frame.id)
                self._held, self._size = [], 0
