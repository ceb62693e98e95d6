"""The law of who waits for a change: what was made at a clock is for that clock alone, whenever the loop hears of the
next one.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smarttree.http.keys import HUB
from smarttree.http.waiting import Waiting, Wanted
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Also a loop that never comes to rest is ended: by a signal."""

    def end(*_: object) -> None:
        raise AssertionError(f"it took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("wait_s", [0, 60])
def test_what_was_made_at_the_last_clock_is_not_taken_for_news(server: Server, project: Path, wait_s: int) -> None:
    """A loop with work to do hears of a batch late; who asks before it does is told of the batch all the same."""

    async def ask() -> list[str]:
        waiting = Waiting(server.service, server.app[HUB])
        server.service.add_listener(waiting.listen)
        wanted = Wanted(server.service.clock, None, only_content=False, binary=False)
        nothing = await waiting.get(wanted)
        assert not nothing.told
        (project / "new").touch()
        server.service.sync().result(DEADLINE_S)  # the loop stands still meanwhile
        found = await (waiting.wait(wanted, wait_s) if wait_s else waiting.get(wanted))
        return [str(change.path, "utf-8") for _, changes in found.told for change in changes]

    with within(20):
        assert str(project / "new") in asyncio.run(ask())
