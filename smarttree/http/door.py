"""The door: who may not come in, or has come too often, is sent away before anything of theirs is read.

Law: whoever is inside is known until they have left, so that they can be sent away when they may no longer be there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, NamedTuple, cast

from aiohttp import web

from smarttree.http.access import ACCESS, Access
from smarttree.http.addresses import Address, read_address
from smarttree.http.keys import HUB
from smarttree.http.limits import Guest, Limits
from smarttree.http.listen import BACKLOG
from smarttree.http.places import Place
from smarttree.http.runner import Server
from smarttree.http.tls import Tls


class _Inside(NamedTuple):
    peer: Address | None
    place: Place


class Door:
    """Of one application. `admits` says who may come in, `limits` how many."""

    def __init__(self, access: Access, limits: Limits) -> None:
        self.admits: Callable[[Address | None], bool] = access.admits
        self._limits = limits
        self._inside: dict[asyncio.BaseTransport, _Inside] = {}

    def enter(self, connection: asyncio.Transport) -> Place | None:
        """A place for it; None: it has to go. Whoever gets one `leave`s."""
        name = connection.get_extra_info("peername")
        peer = read_address(name[0]) if name else None
        place = self._limits.connect(peer) if name and self.admits(peer) else None
        if place is not None:
            self._inside[connection] = _Inside(peer, place)
        return place

    def leave(self, connection: asyncio.Transport) -> None:
        self._inside.pop(connection).place.leave()

    def look_again(self) -> None:
        """End the connections of those who may not come in any more."""
        for connection in [connection for connection, inside in self._inside.items() if not self.admits(inside.peer)]:
            cast(asyncio.Transport, connection).abort()


class _Entering(asyncio.Protocol):
    """Stands for a connection until its address is known."""

    def __init__(self, server: Server, door: Door, tls: Tls | None) -> None:
        self._server, self._door, self._tls = server, door, tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        place = self._door.enter(stream)
        if place is None:
            stream.abort()
            return
        lost = partial(self._door.leave, stream)
        handler = self._server()
        handler.place = place
        if self._tls is not None:
            self._tls.wrap(handler, stream, lost)
            return
        handler.lost = lost
        stream.set_protocol(handler)
        handler.connection_made(stream)


@asynccontextmanager
async def opened(
    server: Server, sockets: Sequence[socket.socket], door: Door, tls: Tls | None = None
) -> AsyncIterator[None]:
    """Meanwhile, connections are taken from these sockets; then they are closed."""
    loop = asyncio.get_running_loop()
    listening = [
        await loop.create_server(lambda: _Entering(server, door, tls), sock=each, backlog=BACKLOG) for each in sockets
    ]
    try:
        yield
    finally:
        for each in listening:
            each.close()


DOOR: Final = web.AppKey("door", Door)


async def access_is_kept(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`: follows the files that say who may read, and sends away who may no longer."""
    access = app[ACCESS]

    def changed() -> None:
        app[DOOR].look_again()
        app[HUB].end(lambda guest: isinstance(guest, Guest) and not access.is_good(guest.holder, guest.address))

    async with AsyncExitStack() as until_end:
        for file in (access.keyring.file, access.allowlist.file):
            if file is not None:
                await until_end.enter_async_context(file.followed(changed))
        yield
