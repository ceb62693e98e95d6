"""The plain port beside HTTPS: answers http-01 (RFC 8555, section 8.3), and sends all else to the encrypted one.

Law: whoever comes is answered, as nobody knows from where an authority asks; they are counted with all others.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from smarttree.config import HttpConfig
from smarttree.http.door import Door, opened
from smarttree.http.keys import CONFIG
from smarttree.http.limits import Limits
from smarttree.http.runner import Runner

PATH: Final = "/.well-known/acme-challenge/{token}"


def build(http: HttpConfig, answers: Mapping[str, str], domain: str, port: int) -> web.Application:
    app = web.Application()
    app[CONFIG] = http
    place = domain if port == 443 else f"{domain}:{port}"

    async def answer(request: web.Request) -> web.StreamResponse:
        told = answers.get(request.match_info["token"])
        return web.Response(status=404) if told is None else web.Response(text=told)

    async def redirect(request: web.Request) -> web.StreamResponse:
        path = request.raw_path if request.raw_path.startswith("/") else "/"
        return web.Response(status=308, headers={"Location": f"https://{place}{path}"})

    app.router.add_get(PATH, answer)
    app.router.add_route("*", "/{rest:.*}", redirect)
    return app


@asynccontextmanager
async def answering(
    sockets: Sequence[socket.socket],
    http: HttpConfig,
    limits: Limits,
    answers: Mapping[str, str],
    domain: str,
    port: int,
) -> AsyncIterator[None]:
    """Meanwhile, these sockets are answered."""
    runner = Runner(build(http, answers, domain, port))
    await runner.setup()
    try:
        async with opened(runner.ours, sockets, Door(lambda _: True, limits)):
            yield
    finally:
        await runner.cleanup()
