"""Access: whether a request may be answered at all, before anything else looks at it.

Law: where there are tokens, nothing but `/healthz` and `/readyz` answers without one, whatever the method or path;
no answer and no log has a token in it. Where there are none, whoever was let in at the door may read. A page of a site
that only pretends to be this machine (DNS rebinding) is known by the name it calls it.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from smarttree.config import HttpConfig
from smarttree.errors import AddressRefused, HostUnknown, ScopeMissing, TokenRefused, TokenRequired, TooManyAttempts
from smarttree.http.addresses import Address, is_admitted, read_address, speaks_for
from smarttree.http.attempts import Attempts
from smarttree.http.keyring import Keyring
from smarttree.http.keys import HUB
from smarttree.http.params import Query
from smarttree.http.tickets import Tickets
from smarttree.http.tokens import READ, WATCH, Holder
from smarttree.printable import printable

_LOG = logging.getLogger("smarttree.http")

HOSTS_KEPT: Final = 256
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
CHANGING: Final = frozenset({"POST", "DELETE"})
TICKET_PATHS: Final = frozenset({"/events"})
HOLDER: Final = web.RequestKey("holder", Holder)
BEARER: Final = "bearer"


class Access:
    """Decides by address, name and token. `tickets` are good as long as the keyring's tokens are."""

    def __init__(self, config: HttpConfig, keyring: Keyring, tickets: Tickets) -> None:
        self.keyring, self.tickets = keyring, tickets
        self._config = config
        self._attempts = Attempts()
        self._names = frozenset(
            name.lower() for name in (*config.trusted_hosts, config.host or "", config.domain or "", *own_names())
        )

    def admits(self, peer: str) -> bool:
        """Whether a connection from this address may say anything. A trusted proxy may, and is judged by its word."""
        address = read_address(peer)
        return is_admitted(address, (*self._config.allow, *self._config.trusted_proxies) if self._config.allow else ())

    def address_of(self, request: web.BaseRequest) -> Address | None:
        """Who is at the other end, as far as it is known."""
        headers = request.headers
        return speaks_for(
            read_address(request.remote or ""),
            headers.getall("X-Forwarded-For", []),
            headers.getall("Forwarded", []),
            self._config.trusted_proxies,
        )

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Raises what refuses the request."""
        if self._config.allow and not is_admitted(self.address_of(request), self._config.allow):
            raise AddressRefused("this address is not among those that --allow admits")
        tokens = self.keyring.tokens
        if tokens and request.path not in OPEN_PATHS:
            holder = self._holder(request)
            self._require(holder, WATCH if request.path == "/watch" and request.method in CHANGING else READ)
            request[HOLDER] = holder
        elif not tokens:
            self._require_name(request)
        return await handler(request)

    def _holder(self, request: web.Request) -> Holder:
        """Raises TokenRequired, TokenRefused, TooManyAttempts."""
        secret = bearer(request)
        if secret is not None:
            holder = self.keyring.tokens.find(secret)
        elif request.path in TICKET_PATHS and (ticket := Query.raw(request, "ticket")) is not None:
            holder = self.tickets.find(ticket, self.keyring.tokens, time.time())
        else:
            raise TokenRequired("this server wants a token: send it as `Authorization: Bearer TOKEN`")
        if holder is not None:
            return holder
        address, now = str(self.address_of(request)), time.monotonic()
        wait_s = self._attempts.wait_s(address, now)
        if wait_s:
            raise TooManyAttempts("too many wrong tokens from this address", wait_s)
        self._attempts.failed(address, now)
        raise TokenRefused("the token is not one of this server's, or not any more")

    def require_still(self, request: web.BaseRequest) -> None:
        """For an answer that has waited: raises TokenRefused where the token has been taken away meanwhile."""
        holder = request.get(HOLDER)
        if holder is not None and self.keyring.tokens and holder not in self.keyring.tokens:
            raise TokenRefused("the token is not good any more")

    @staticmethod
    def _require(holder: Holder, scope: str) -> None:
        if scope not in holder.scopes:
            raise ScopeMissing(f"the token {holder.name} is not for this: it wants the scope {scope}")

    def _require_name(self, request: web.BaseRequest) -> None:
        """A site's page may reach this machine by a name of its own, and would read as the same origin."""
        name = name_in(request.headers.get("Host", ""))
        if name and name not in self._names and not is_nobodys(name):
            raise HostUnknown(
                f"this server is not {printable(name[:100])}; if it is to answer by that name, say --trusted-host NAME"
            )


def bearer(request: web.BaseRequest) -> bytes | None:
    """The token of a request, as bytes; None where none is shown."""
    scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
    return secret.strip().encode("utf-8", "surrogateescape") if scheme.lower() == BEARER and secret.strip() else None


@lru_cache(HOSTS_KEPT)
def name_in(host: str) -> str:
    """The name or address in a `Host` header, without its port."""
    name = host.strip().rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host.strip()
    return name.strip("[]").rstrip(".").lower()


@lru_cache(HOSTS_KEPT)
def is_nobodys(name: str) -> bool:
    """Whether nobody can have made it lead here: an address needs no name server, and `.localhost` has none."""
    if name.endswith(".localhost"):
        return True
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def own_names() -> tuple[str, ...]:
    """What this machine calls itself."""
    name = socket.gethostname()
    return ("localhost", name, f"{name.partition('.')[0]}.local")


ACCESS: Final = web.AppKey("access", Access)


async def access_is_kept(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`: follows the token file, and ends the streams of whose token is gone."""
    access = app[ACCESS]

    def changed() -> None:
        tokens = access.keyring.tokens
        app[HUB].end(lambda holder: bool(tokens) and holder not in tokens)

    file = access.keyring.file
    async with file.followed(changed) if file is not None else nullcontext():
        yield
