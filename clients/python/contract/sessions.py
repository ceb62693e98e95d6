"""A stream's or a mirror's session of the adapter: a task that tells, and what it can be asked meanwhile.

Law: what is told is what the library hands on, in its order.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from says import Json
from smart_tree_sse import (
    Applied,
    Lost,
    Mirror,
    MirrorEvent,
    Options,
    Rebased,
    SmartTreeSSE,
    StreamEndedError,
    TreeChange,
)

PART = ("path", "include", "exclude", "types")
Say = Callable[[Json], None]
Told = Coroutine[Any, Any, None]


class Session:
    """One at a time."""

    def __init__(self, telling: Callable[[Session], Told]) -> None:
        self.mirror: Mirror | None = None
        self._task = asyncio.create_task(telling(self))

    def entries(self) -> list[list[Any]]:
        found = [] if self.mirror is None else list(self.mirror)
        listed = sorted((os.fsencode(entry.path), entry) for entry in found)
        return [[path.hex(), entry.mode, str(entry.size), str(entry.mtime_ns)] for path, entry in listed]

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def options_of(request: Json) -> Options:
    return Options(**request.get("options", {}))


def stream_session(request: Json, say: Say) -> Callable[[Session], Told]:
    async def tell(_: Session) -> None:
        query = {name: value for name, value in request.get("query", {}).items() if name != "events"}
        events = request.get("query", {}).get("events")
        async with SmartTreeSSE(request["url"], options=options_of(request)) as client:
            stream = client.stream(events=[events] if events else (), on_lost=lambda why: say({"lost": why}), **query)
            try:
                async for event in stream:
                    say({"event": event.type, "data": event.data, "id": event.clock})
            except StreamEndedError as error:
                say({"ended": error.code})

    return tell


def mirror_session(request: Json, say: Say) -> Callable[[Session], Told]:
    async def tell(session: Session) -> None:
        async with SmartTreeSSE(request["url"], options=options_of(request)) as client:
            part = {name: value for name, value in request.get("query", {}).items() if name in PART}
            session.mirror = client.mirror(**part)
            events = session.mirror.events(*request.get("globs", []))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_tell(events, say))
                try:
                    async with session.mirror as mirror:
                        await mirror.wait()
                except StreamEndedError:
                    return

    return tell


async def _tell(events: Any, say: Say) -> None:
    try:
        async for event in events:
            say(_line(event))
    except StreamEndedError as error:
        say({"ended": error.code})


def _line(event: MirrorEvent) -> Json:
    match event:
        case Rebased():
            return {"rebased": event.reason, "clock": event.clock, "fetched": event.fetched}
        case Applied():
            return {"applied": event.clock, "digest": event.digest, "entries": event.entries}
        case Lost():
            return {"lost": event.why}
        case TreeChange():
            told = {"type": event.type, "path": os.fsencode(event.path).hex()}
            if event.old_path is not None:
                told["old_path"] = os.fsencode(event.old_path).hex()
            return {"told": told}
