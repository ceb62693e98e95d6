"""So many work at a time and so many wait; who comes then is refused, and the end waits for nobody."""

from __future__ import annotations

import asyncio
import threading

import pytest
from aiohttp import web

from smarttree.http.slots import Slots
from tests.clients.plain import DEADLINE_S

THREADS, WAITING = 2, 3


async def test_more_than_may_wait_are_refused() -> None:
    slots, go_on = Slots("work", THREADS, WAITING), threading.Event()
    under_way = [asyncio.create_task(slots.run(go_on.wait, DEADLINE_S)) for _ in range(THREADS + WAITING)]
    await asyncio.sleep(0)  # each has asked
    with pytest.raises(web.HTTPServiceUnavailable) as refused:
        await slots.run(int)
    assert "ask again later" in (refused.value.text or "")
    go_on.set()
    assert await asyncio.gather(*under_way) == [True] * (THREADS + WAITING)
    assert await slots.run(int, "7") == 7
    slots.close()


async def test_who_leaves_makes_room() -> None:
    slots, go_on = Slots("work", 1, 1), threading.Event()
    working, waiting = (asyncio.create_task(slots.run(go_on.wait, DEADLINE_S)) for _ in range(2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    another = asyncio.create_task(slots.run(int, "7"))
    go_on.set()
    assert (await working, await another) == (True, 7)
    slots.close()


async def test_the_end() -> None:
    slots, begun, go_on = Slots("work", 1, 1), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(DEADLINE_S)
        slots.check()

    working, waiting = (asyncio.create_task(slots.run(work)) for _ in range(2))
    await asyncio.to_thread(begun.wait, DEADLINE_S)
    slots.close()
    go_on.set()
    with pytest.raises(ConnectionAbortedError):
        await working
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ConnectionAbortedError):
        await slots.run(int)
