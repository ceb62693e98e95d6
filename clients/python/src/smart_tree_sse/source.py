"""Where batches come from: a connection to `/events`, made again whenever it ends, until what ended it is final.

Law: a batch is handed on once, whole; the next connection goes on behind it. Nothing is left over when the caller ends.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import aiohttp

from .batches import Batch, Collector
from .errors import ConnectionLostError, StreamEndedError
from .link import Link, Query, lost, problem_of
from .sse import Parser
from .waiting import Waiting

__all__ = ["Source"]

# Worth another attempt, beside every status of 500 and more.
PASSING: Final = frozenset({408, 425, 429})
EVENT_STREAM: Final = "text/event-stream"


class Source:
    """One stream, over all its connections. `clock` is where the next one goes on; None: at an opening."""

    def __init__(
        self,
        link: Link,
        query: Query,
        clock: str | None = None,
        on_lost: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self.query = [*query]
        self.clock = clock
        self._link = link
        self._on_lost = on_lost
        self._waiting = Waiting(link.options.retry_max_s)
        self._retry_after_s = 0
        self._anew = ""
        self._anew_in_a_row = 0

    async def batches(self) -> AsyncGenerator[Batch]:
        """Every batch, until the caller ends it or StreamEndedError says that it is over for good."""
        while True:
            self._anew, self._retry_after_s = "", 0
            self._waiting.failures += 1
            try:
                async with aclosing(self._connection()) as batches:
                    async for batch in batches:
                        yield batch
                        if self._anew:
                            break
                        self.clock = batch.clock
                why = self._anew or "the server has ended it"
            except ConnectionLostError as error:
                why = str(error)
            if self._on_lost is not None:
                await self._on_lost(why)
            await asyncio.sleep(self._wait_s())

    def begin_anew(self, why: str, query: Query) -> None:
        """The caller can't go on from the batch it was just given: the next connection asks for an opening."""
        self.query, self.clock, self._anew = [*query], None, why
        self._anew_in_a_row += 1

    def went_well(self) -> None:
        """The caller has gone on from a batch."""
        self._anew_in_a_row = 0

    def _wait_s(self) -> float:
        """Nothing when the caller begins anew for the first time in a row."""
        if self._anew:
            if self._anew_in_a_row <= 1:
                return 0.0
            self._waiting.failures = self._anew_in_a_row - 1
        return self._waiting.seconds(random.random(), self._retry_after_s)

    async def _connection(self) -> AsyncGenerator[Batch]:
        """The batches of one connection."""
        options = self._link.options
        headers = {"Accept": EVENT_STREAM, "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        if self.clock:
            headers["Last-Event-ID"] = self.clock
        parser, collector = Parser(options.max_event_bytes), Collector(options.max_batch_bytes)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=options.request_timeout_s, sock_read=options.silence_s)
        try:
            async with self._link.session().get(
                self._link.address("/events", self.query), headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                await self._judge(response)
                async for piece in response.content.iter_any():
                    self._waiting.failures = 0
                    frames = parser.feed(piece)
                    if parser.retry_ms is not None:
                        self._waiting.retry_s = parser.retry_ms / 1000
                    for batch in collector.add(frames):
                        yield batch
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise lost(error) from error

    async def _judge(self, response: aiohttp.ClientResponse) -> None:
        """Whether an answer is a stream; if not, whether that is final."""
        status = response.status
        if status == 200:
            if response.content_type != EVENT_STREAM:
                raise StreamEndedError("not-a-stream", f"what came is {response.content_type}, and no event stream")
            return
        if status in PASSING or status >= 500:
            after = response.headers.get("Retry-After", "")
            self._retry_after_s = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
            raise ConnectionLostError(str(await problem_of(response)))
        problem = await problem_of(response) if status >= 400 else None
        raise StreamEndedError(f"http-{status}", str(problem or f"answered by {status}"), problem)
