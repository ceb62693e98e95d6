"""Guests: whose streams there are. They are sent away when they may no longer be there, and their places given back.

Law: a guest takes the place of one stream and of one connection for as long as either the loop or the reactor has it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from aiohttp import web

from smarttree.http.access import ACCESS, HOLDER
from smarttree.http.addresses import Address
from smarttree.http.door import DOOR, Inside
from smarttree.http.keys import HUB
from smarttree.http.limits import LIMITS, Limits
from smarttree.http.runner import Connection
from smarttree.http.tokens import Holder


class Guest:
    """The client of a stream, by the token or address that it was let in by. Lives as long as it has users, of whom the
    handler of its request is the first.
    """

    __slots__ = ("_inside", "_limits", "_peer", "_users", "address", "holder")

    def __init__(self, limits: Limits, inside: Inside | None, holder: Holder | None, address: Address | None) -> None:
        self._limits, self._inside, self.holder, self.address = limits, inside, holder, address
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
            self._limits.unfollow(self.holder, self.address)
            if self._peer is not None:
                self._limits.disconnect(self._peer)


def guest_of(request: web.Request) -> Guest | None:
    """Whoever takes it has it leave. None: there is no place."""
    limits, holder, address = request.app[LIMITS], request.get(HOLDER), request.app[ACCESS].address_of(request)
    if not limits.follow(holder, address):
        return None
    connection = request.protocol
    return Guest(limits, connection.inside if isinstance(connection, Connection) else None, holder, address)


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
