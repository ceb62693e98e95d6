"""The door: who may not come in, or has come too often, is sent away before anything of theirs is read.

Law: whoever is inside is known until they have left, so that they can be sent away when they may no longer be there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

from aiohttp import web

from smarttree.http.addresses import Address, read_address
from smarttree.http.limits import Limits
from smarttree.http.listen import BACKLOG
from smarttree.http.runner import Server
from smarttree.http.tls import Tls


class Inside:
    """A connection that came in."""

    __slots__ = ("_door", "connection", "peer")

    def __init__(self, door: Door, connection: asyncio.Transport, peer: Address | None) -> None:
        self._door, self.connection, self.peer = door, connection, peer

    def leave(self) -> None:
        """It has ended. Nothing more, where it was handed over."""
        self._door.leave(self)

    def hand_over(self) -> Address | None:
        """It goes on elsewhere, with its place: that of the peer that is returned."""
        self._door.forget(self)
        return self.peer


class Door:
    """Of one server. `admits` says who may come in, `limits` how many."""

    def __init__(self, admits: Callable[[Address | None], bool], limits: Limits) -> None:
        self.admits, self._limits = admits, limits
        self._inside: set[Inside] = set()

    def enter(self, connection: asyncio.Transport) -> Inside | None:
        """None: it has to go. Whoever is let in `leave`s."""
        name = connection.get_extra_info("peername")
        peer = read_address(name[0]) if name else None
        if not name or not self.admits(peer) or not self._limits.connect(peer):
            return None
        inside = Inside(self, connection, peer)
        self._inside.add(inside)
        return inside

    def leave(self, inside: Inside) -> None:
        if inside in self._inside:
            self._inside.remove(inside)
            self._limits.disconnect(inside.peer)

    def forget(self, inside: Inside) -> None:
        self._inside.discard(inside)

    def look_again(self) -> None:
        """End the connections of those who may not come in any more."""
        for inside in [inside for inside in self._inside if not self.admits(inside.peer)]:
            inside.connection.abort()


class _Entering(asyncio.Protocol):
    """Stands for a connection until its address is known."""

    def __init__(self, server: Server, door: Door, tls: Tls | None) -> None:
        self._server, self._door, self._tls = server, door, tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        inside = self._door.enter(stream)
        if inside is None:
            stream.abort()
            return
        handler = self._server()
        handler.inside = inside
        if self._tls is not None:
            self._tls.wrap(handler, stream, inside.leave)
            return
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
