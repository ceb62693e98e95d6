"""`GET /clock`: where the service stands; with `sync=1`, after everything that had happened on disk was told."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

import smarttree
from smarttree.clock import Clock
from smarttree.http.errors import require_ready
from smarttree.http.keys import HUB, SERVICE
from smarttree.http.params import Query
from smarttree.http.shielded import shielded
from smarttree.stream.events import to_json
from smarttree.wire import PROTOCOL_VERSION

SYNC_TIMEOUT_S: Final = 60.0


async def synced(app: web.Application) -> Clock:
    """The watcher's barrier, and then the hub's: what happened before the call is handed to every stream."""
    require_ready(app[SERVICE])
    try:
        async with asyncio.timeout(SYNC_TIMEOUT_S):
            # Shielded: a client that leaves must not cancel a future that the engine is about to set.
            clock = await shielded(asyncio.wrap_future(app[SERVICE].sync()))
            await app[HUB].reached(clock.seq)
    except TimeoutError as error:
        raise web.HTTPGatewayTimeout(text=f"no barrier within {SYNC_TIMEOUT_S:.0f} s; ask again") from error
    return clock


def clock_header(clock: Clock) -> dict[str, str]:
    return {"X-Smarttree-Clock": str(clock)}


async def get_clock(request: web.Request) -> web.StreamResponse:
    query = Query(request, ("sync",))
    require_ready(request.app[SERVICE])
    clock = await synced(request.app) if query.flag("sync") else request.app[SERVICE].clock
    data = {
        "clock": str(clock),
        "protocol": PROTOCOL_VERSION,
        "version": smarttree.__version__,
        "degraded": bool(request.app[SERVICE].watching.degraded or request.app[SERVICE].keeping.degraded),
    }
    return json_response(data, clock)


def json_response(data: object, clock: Clock) -> web.Response:
    """A small JSON answer that belongs to one clock."""
    return web.Response(
        body=to_json(data).encode("utf-8", "replace"),
        content_type="application/json",
        headers={"Cache-Control": "no-store", **clock_header(clock)},
    )
