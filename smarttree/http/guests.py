"""Guests: whose streams there are. They are sent away when they may no longer be there, and their places given back.

Law: a guest takes the place of one stream and of one connection for as long as either the loop or the reactor has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from aiohttp import web

from smarttree.http.access import ACCESS, shown_by
from smarttree.http.addresses import Address
from smarttree.http.door import DOOR, Inside
from smarttree.http.keys import HUB
from smarttree.http.limits import LIMITS, Limits
from smarttree.http.runner import Connection
from smarttree.http.sessions import Session
from smarttree.http.tokens import Holder

Shown = Session | Holder | None
SESSIONS_S: Final = 60.0  # how often streams are looked at for sessions that are over


class Guest:
    """The client of a stream, by the token or address that it was let in by. Lives as long as it has users, of whom the
    handler of its request is the first.
    """

    __slots__ = ("_inside", "_limits", "_peer", "_users", "address", "shown")

    def __init__(self, limits: Limits, inside: Inside | None, shown: Shown, address: Address | None) -> None:
        self._limits, self._inside, self.shown, self.address = limits, inside, shown, address
        self._peer: Address | None = None
        self._users = 1

    def enter(self) -> None:
        """The reactor takes it, with its connection."""
        self._users += 1
        if self._inside is not None:
            self._peer, self._inside = self._inside.hand_over(), None

    def leave(self) -> None:
        self._users -= 1
        if not self._users:
            self._limits.unfollow(_holder(self.shown), self.address)
            if self._peer is not None:
                self._limits.disconnect(self._peer)


def guest_of(request: web.Request) -> Guest | None:
    """Whoever takes it has it leave. None: there is no place."""
    limits, shown, address = request.app[LIMITS], shown_by(request), request.app[ACCESS].address_of(request)
    if not limits.follow(_holder(shown), address):
        return None
    connection = request.protocol
    return Guest(limits, connection.inside if isinstance(connection, Connection) else None, shown, address)


def _holder(shown: Shown) -> Holder | None:
    return shown.holder if isinstance(shown, Session) else shown


def send_away(app: web.Application) -> None:
    """Ends the connections and streams of those who may no longer be there."""
    access = app[ACCESS]
    app[DOOR].look_again()
    app[HUB].end(lambda guest: isinstance(guest, Guest) and not access.is_good(guest.shown, guest.address))


async def access_is_kept(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`: follows the files that say who may read, and sends away who may no longer."""

    async def sessions_end() -> None:
        while True:
            await asyncio.sleep(SESSIONS_S)
            send_away(app)

    access, ending = app[ACCESS], asyncio.create_task(sessions_end())
    async with AsyncExitStack() as until_end:
        until_end.callback(ending.cancel)
        for file in (access.keyring.file, access.allowlist.file):
            if file is not None:
                await until_end.enter_async_context(file.followed(partial(send_away, app)))
        yield
