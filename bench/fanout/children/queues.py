"""The server that people write by hand: aiohttp, and a queue for each client.

    python -m bench.fanout.children.queues [--lateness]

An event is made into bytes once; each client's handler takes from its queue what is there, all of it, and writes it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from aiohttp import web

from bench.fanout.children.control import listening, publish_until_told, raise_limits

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}


class Queues:
    """All clients' queues. They have no bound, as those that people write."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes]] = set()
        self._number = 0

    def publish(self, payload: bytes) -> None:
        self._number += 1
        frame = b"id: %d\ndata: %s\n\n" % (self._number, payload)
        for queue in self._queues:
            queue.put_nowait(frame)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=HEADERS)
        response.force_close()
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queues.add(queue)
        try:
            await response.prepare(request)
            await response.write(b": hello\n\n")
            while True:
                frames = [await queue.get()]
                while not queue.empty():
                    frames.append(queue.get_nowait())
                await response.write(b"".join(frames))
        finally:
            self._queues.discard(queue)


async def serve(*, lateness: bool) -> None:
    queues, app = Queues(), web.Application()
    app.router.add_get("/events", queues.stream)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    clients = listening()
    await web.SockSite(runner, clients, backlog=1024).start()
    await publish_until_told(clients, queues.publish, lateness=lateness)
    await runner.cleanup()


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lateness", action="store_true")
    raise_limits()
    asyncio.run(serve(lateness=parser.parse_args(argv).lateness))


if __name__ == "__main__":
    main(sys.argv[1:])
