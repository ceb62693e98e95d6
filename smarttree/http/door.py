"""The door: who may not come in is sent away before anything of theirs is read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web

from smarttree.http.listen import BACKLOG
from smarttree.http.tls import Tls


class _Door(asyncio.Protocol):
    """Stands for a connection until its address is known."""

    def __init__(self, server: web.Server, admits: Callable[[str], bool], tls: Tls | None) -> None:
        self._server, self._admits, self._tls = server, admits, tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        peer = stream.get_extra_info("peername")
        if not peer or not self._admits(peer[0]):
            stream.abort()
            return
        handler = self._server()
        if self._tls is not None:
            self._tls.wrap(handler, stream)
            return
        stream.set_protocol(handler)
        handler.connection_made(stream)


@asynccontextmanager
async def opened(
    server: web.Server, sockets: Sequence[socket.socket], admits: Callable[[str], bool], tls: Tls | None = None
) -> AsyncIterator[None]:
    """Meanwhile, connections are taken from these sockets, of addresses that are admitted; then they are closed."""
    loop = asyncio.get_running_loop()
    listening = [
        await loop.create_server(lambda: _Door(server, admits, tls), sock=each, backlog=BACKLOG) for each in sockets
    ]
    try:
        yield
    finally:
        for each in listening:
            each.close()
