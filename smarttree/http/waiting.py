"""Who asks what has changed since a clock, and may wait for there to be something.

Law: what is told is made once for all who ask for the same at one clock, and told at no later one; who waits holds no
thread, and costs a batch that is nothing to them a look at it. For one loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Final, NamedTuple

from aiohttp import web

from smarttree.clock import Clock
from smarttree.difference import Difference
from smarttree.errors import NotADirectory, UnknownClock
from smarttree.http.errors import require_ready
from smarttree.http.keys import HUB, SERVICE
from smarttree.printable import printable
from smarttree.service import Service
from smarttree.stream.batch import Batch, Change, Criteria
from smarttree.stream.hub import Hub
from smarttree.tree import NO_ID

WAITING_MAX: Final = 10_000


class Wanted(NamedTuple):
    """What an answer depends on, beside the clock. `binary`: it is the BATCH that is wanted."""

    since: Clock
    criteria: Criteria | None
    only_content: bool
    binary: bool


class Waiting:
    """The differences that were made at the last clock, and who waits for the next one."""

    def __init__(self, service: Service, hub: Hub) -> None:
        self._service, self._hub = service, hub
        self._made: dict[tuple[Wanted, Clock], asyncio.Future[Difference]] = {}  # by what was the clock then
        self._moved = asyncio.Event()
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self.count = 0

    def listen(self) -> None:
        """For the engine's thread, at every batch."""
        if (self._made or self.count) and not self._ended:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._move)

    def _move(self) -> None:
        self._made.clear()
        self._moved.set()
        self._moved = asyncio.Event()

    def end(self) -> None:
        """Who waits is answered."""
        self._ended = True
        self._move()

    async def get(self, wanted: Wanted) -> Difference:
        """At the present clock or a later one, whether the loop has heard of it or not. Raises UnknownClock,
        NotADirectory.
        """
        key = wanted, self._service.clock
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = asyncio.ensure_future(asyncio.to_thread(find, self._service, wanted))
            made.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits any more
        return await asyncio.shield(made)  # who leaves must not take it from the others

    async def wait(self, wanted: Wanted, seconds: float) -> Difference:
        """Until there is something, or nothing for so long. Raises as `get`, and 503 where too many wait."""
        if self.count >= WAITING_MAX:
            raise web.HTTPServiceUnavailable(text=f"{WAITING_MAX} requests wait already; ask without wait")
        self.count += 1
        try:
            found = await self.get(wanted)
            if not is_empty(found, wanted):
                return found
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds), self._parts(wanted.criteria):
                    while is_empty(found, wanted) and not self._ended:
                        found = await self.get(wanted)  # also of what came before there were parts
                        await self._until_news(wanted, found)
            return found if self._ended else await self.get(wanted)
        finally:
            self.count -= 1

    def _parts(self, criteria: Criteria | None) -> AbstractAsyncContextManager[int | None]:
        """Meanwhile batches have a part for these criteria; where there are too many others, all batches are news."""
        return nullcontext() if criteria is None else self._hub.using(criteria)

    async def _until_news(self, wanted: Wanted, found: Difference) -> None:
        """Return where something has changed that may be asked for."""
        seq = found.clock.seq
        while is_empty(found, wanted) and not self._ended:
            moved = self._moved
            require_ready(self._service)
            log = self._service.log
            batches = log.after(seq) if seq >= log.recent else None
            if batches is None or any(_is_news(batch, wanted) for batch in batches):
                return
            seq += len(batches)
            await moved.wait()


def _is_news(batch: Batch, wanted: Wanted) -> bool:
    part = batch if wanted.criteria is None else batch.parts.get(wanted.criteria)
    if part is None:
        return True
    if wanted.binary:
        return isinstance(part, Batch) or part.is_told
    return len(part.changes) > (part.changes.same if wanted.only_content else 0)


def is_empty(found: Difference, wanted: Wanted) -> bool:
    """Whether there is nothing to tell. A directory's time is no change, but is in a BATCH."""
    return not found.data if wanted.binary else not any(changes for _, changes in found.told)


WAITING: Final = web.AppKey("waiting", Waiting)


async def changes_are_told(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`."""
    waiting = app[WAITING] = Waiting(app[SERVICE], app[HUB])
    app[SERVICE].add_listener(waiting.listen)
    yield
    waiting.end()


async def end_waiting(app: web.Application) -> None:
    """For `on_shutdown`: who waits is told that there is nothing."""
    app[WAITING].end()


def find(service: Service, wanted: Wanted) -> Difference:
    """Not for the event loop. Raises UnknownClock, NotADirectory."""
    _require_directory(service, wanted.criteria)
    found = service.differences.since(wanted.since, wanted.criteria, binary=wanted.binary)
    if found is None:
        clock = service.clock
        why = "of another epoch" if wanted.since.epoch != clock.epoch else "not known any more, or was never issued"
        raise UnknownClock(f"the clock {wanted.since} is {why}: fetch /tree, and go on from its clock", str(clock))
    if not wanted.only_content:
        return found
    same = service.differences.unchanged(wanted.since)
    told = [(time_ns, [change for change in some if not _is_same(change, same)]) for time_ns, some in found.told]
    return found._replace(told=[(time_ns, some) for time_ns, some in told if some], data=None)


def _is_same(change: Change, same: set[bytes]) -> bool:
    return change.content == "same" or (change.type == "modified" and change.path in same)


def _require_directory(service: Service, asked: Criteria | None) -> None:
    """What is no directory has nothing below it, and who asks for that means something else."""
    if asked is None or asked.path is None:
        return
    tree = service.view().tree
    entry = tree.resolve(asked.path)
    if entry != NO_ID and not tree.is_dir(entry):
        raise NotADirectory(f"{printable(asked.path)} is not a directory; give the directory it is in")
