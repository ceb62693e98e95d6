"""sse-starlette on uvicorn, with uvloop and httptools: a generator for each client, as its documentation shows.

    python -m bench.fanout.children.starlette [--lateness]

No ping is sent while it is measured, and lines end with LF alone, which is shorter than its default.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
import uvloop
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.fanout.children.control import listening, publish_until_told, raise_limits

PING_S = 3600


class Channel:
    """All clients' queues."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[ServerSentEvent]] = set()
        self._number = 0

    def publish(self, payload: bytes) -> None:
        self._number += 1
        event = ServerSentEvent(data=payload.decode(), id=str(self._number), sep="\n")
        for queue in self._queues:
            queue.put_nowait(event)

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        queue: asyncio.Queue[ServerSentEvent] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield ServerSentEvent(comment="hello", sep="\n")
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)

    async def stream(self, request: Request) -> Response:
        return EventSourceResponse(self.events(), ping=PING_S, sep="\n")


async def serve(*, lateness: bool) -> None:
    channel, clients = Channel(), listening()
    app = Starlette(routes=[Route("/events", channel.stream)])
    config = uvicorn.Config(app, http="httptools", log_level="critical", access_log=False, lifespan="off")
    serving = asyncio.create_task(uvicorn.Server(config).serve(sockets=[clients]))  # they listen already
    await publish_until_told(clients, channel.publish, lateness=lateness)
    serving.cancel()


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lateness", action="store_true")
    raise_limits()
    uvloop.run(serve(lateness=parser.parse_args(argv).lateness))


if __name__ == "__main__":
    main(sys.argv[1:])
