"""Who listens to a mirror: a bounded queue of what is told, batch by batch.

Law: nothing is dropped. A subscription that is not read holds `BATCHES_MAX` batches; then the mirror waits for it, as
the server does for the mirror. One that nobody refers to any more, or that is closed, holds up nothing.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

__all__ = ["BATCHES_MAX", "Subscription"]

BATCHES_MAX: Final = 64

Told = TypeVar("Told")
Chosen = TypeVar("Chosen")


class Subscription(Generic[Told, Chosen]):
    """An async iterator; `close` it, or leave its context, to hear no more. It ends when the mirror is closed, and
    raises what has ended the mirror for good."""

    def __init__(self, choose: Callable[[Sequence[Told]], Sequence[Chosen]]) -> None:
        self.room = asyncio.Event()
        self._choose = choose
        self._ready = asyncio.Event()
        self._batches: deque[Sequence[Chosen]] = deque()
        self._now: deque[Chosen] = deque()
        self._closed = False
        self._error: BaseException | None = None
        weakref.finalize(self, self.room.set)

    def offer(self, told: Sequence[Told]) -> bool:
        """Takes what concerns it, unless it is full: then `room` is set once it no longer is."""
        if self._closed or not (chosen := self._choose(told)):
            return True
        if len(self._batches) >= BATCHES_MAX:
            self.room.clear()
            return False
        self._batches.append(chosen)
        self._ready.set()
        return True

    def end(self, error: BaseException | None) -> None:
        """Nothing more will come."""
        self._closed, self._error = True, error
        self._ready.set()

    def close(self) -> None:
        """Hears no more, and forgets what it has not handed on."""
        self._closed = True
        self._batches.clear()
        self._now.clear()
        self._ready.set()
        self.room.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chosen:
        while not self._now:
            if self._batches:
                self._now.extend(self._batches.popleft())
                self.room.set()
            elif self._closed:
                raise self._error if self._error is not None else StopAsyncIteration
            else:
                self._ready.clear()
                await self._ready.wait()
        return self._now.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
