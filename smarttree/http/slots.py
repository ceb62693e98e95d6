"""Slots: work that takes long for what it is, a few at a time in threads of their own; some wait, more are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from aiohttp import web

P = ParamSpec("P")
Result = TypeVar("Result")


class Slots:
    """For one loop. Whoever leaves while waiting is forgotten; what has begun goes on, and should `check` often."""

    def __init__(self, name: str, threads: int, waiting_max: int) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._there_max = threads + waiting_max
        self._there = 0
        self._closed = False

    async def run(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Raises what it raises, and 503 where too many wait already."""
        self.check()
        if self._there >= self._there_max:
            raise web.HTTPServiceUnavailable(text=f"too many requests to {self._name} at a time; ask again later")
        self._there += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._there -= 1

    def check(self) -> None:
        """Raises once the server ends."""
        if self._closed:
            raise ConnectionAbortedError("the server ends")

    def close(self) -> None:
        """What waits is not begun any more, and nobody waits for what has begun."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
