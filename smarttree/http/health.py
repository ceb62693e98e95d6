"""`GET /healthz`: the process answers. `GET /readyz`: the tree is there."""

from __future__ import annotations

from aiohttp import web

from smarttree.http.errors import require_ready
from smarttree.http.keys import SERVICE
from smarttree.http.params import Query
from smarttree.stream.events import to_json


def _answer(data: object) -> web.Response:
    return web.Response(
        body=to_json(data).encode(), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def get_healthz(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    return _answer({"status": "ok", "state": request.app[SERVICE].state})


async def get_readyz(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    require_ready(request.app[SERVICE])
    return _answer({"status": "ready", "clock": str(request.app[SERVICE].clock)})
