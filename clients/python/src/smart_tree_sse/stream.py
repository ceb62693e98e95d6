"""The stream as events: an async iterator that reconnects by itself.

Law: each event is handed on once, its batch being whole; `clock` is that of the last batch handed on altogether, so
whoever keeps it and comes back with it misses nothing, and gets nothing twice.
"""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Self

from .errors import StreamEndedError
from .events import Event, events_of
from .source import Source

__all__ = ["Stream"]


class Stream:
    """Made by `SmartTreeSSE.stream`. Iterate over it; `aclose` it, or leave its context, to end it early."""

    def __init__(self, source: Source, clock: str | None) -> None:
        self.clock = clock
        self._batches = source.batches()
        self._waiting: deque[Event] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event. Raises StreamEndedError where coming back would not help."""
        while not self._waiting:
            batch = await anext(self._batches)
            try:
                self._waiting.extend(events_of(batch))
            except StreamEndedError:
                await self.aclose()
                raise
            if not self._waiting:
                self.clock = batch.clock
        event = self._waiting.popleft()
        if not self._waiting:
            self.clock = event.clock
        return event

    async def aclose(self) -> None:
        """Ends the connection. The stream can't be read any more."""
        self._waiting.clear()
        await self._batches.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
