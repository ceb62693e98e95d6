"""Access: whether a request may be answered at all, before anything else looks at it.

Law: where there are tokens, nothing but `/healthz` and `/readyz` answers without one, whatever the method or path;
no answer and no log has a token in it. Where there are none, whoever was let in at the door may read. A page of a site
that only pretends to be this machine (DNS rebinding) is known by the name it calls it.
"""

from __future__ import annotations

import logging
import socket
import time
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from smarttree.config import HttpConfig
from smarttree.errors import AddressRefused, HostUnknown, ScopeMissing, TokenRefused, TooManyAttempts
from smarttree.http.addresses import Address, is_admitted, read_address, source_of, speaks_for
from smarttree.http.allowed import Allowlist
from smarttree.http.buckets import Buckets
from smarttree.http.credentials import keep_private, refuse_in_query, shown
from smarttree.http.keyring import Keyring
from smarttree.http.tickets import Tickets
from smarttree.http.tokens import READ, WATCH, Holder
from smarttree.printable import printable

_LOG = logging.getLogger("smarttree.http")

HOSTS_KEPT: Final = 256
ATTEMPTS_MAX: Final = 10  # of an address that is wrong about tokens; then one more every ...
ATTEMPT_S: Final = 6.0
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
CHANGING: Final = frozenset({"POST", "DELETE"})
HOLDER: Final = web.RequestKey("holder", Holder)


class Access:
    """Decides by address, name and token. `tickets` are good as long as the keyring's tokens are."""

    def __init__(self, config: HttpConfig, keyring: Keyring, allowlist: Allowlist, tickets: Tickets) -> None:
        self.keyring, self.allowlist, self.tickets = keyring, allowlist, tickets
        self._config = config
        self._attempts = Buckets(ATTEMPTS_MAX, ATTEMPT_S)
        self._names = frozenset(
            name.lower() for name in (*config.trusted_hosts, config.host or "", config.domain or "", *own_names())
        )

    def admits(self, peer: Address | None) -> bool:
        """Whether a connection from this address may say anything. A trusted proxy may, and is judged by its word."""
        networks = self.allowlist.networks
        return is_admitted(peer, (*networks, *self._config.trusted_proxies) if networks else ())

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
        self._require_address(request)
        tokens = self.keyring.tokens
        if tokens and request.path not in OPEN_PATHS:
            holder = self._holder(request)
            self._require(holder, WATCH if request.path == "/watch" and request.method in CHANGING else READ)
            request[HOLDER] = holder
        elif not tokens:
            refuse_in_query(request)
            self._require_name(request)
        return await handler(request)

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`: errors and streams too."""
        if self._config.token_in_query:
            keep_private(response)

    def _holder(self, request: web.Request) -> Holder:
        """Raises BadParameter, TokenRequired, TokenRefused, TooManyAttempts."""
        secret, ticket = shown(request, in_query=self._config.token_in_query)
        tokens = self.keyring.tokens
        holder = tokens.find(secret) if secret is not None else self.tickets.find(ticket, tokens, time.time())
        if holder is not None:
            return holder
        source, now = source_of(self.address_of(request)), time.monotonic()
        wait_s = self._attempts.wait_s(source, now)
        if wait_s:
            raise TooManyAttempts("too many wrong tokens from this address", wait_s)
        self._attempts.add(source, now)
        raise TokenRefused("the token is not one of this server's, or not any more")

    def is_good(self, holder: Holder | None, address: Address | None) -> bool:
        """Whether who was let in may still be there: neither the token nor the address has been taken away."""
        tokens = self.keyring.tokens
        return is_admitted(address, self.allowlist.networks) and (holder is None or not tokens or holder in tokens)

    def require_still(self, request: web.BaseRequest) -> None:
        """For an answer that has waited: raises TokenRefused or AddressRefused where that has been taken away."""
        self._require_address(request)
        if not self.is_good(request.get(HOLDER), self.address_of(request)):
            raise TokenRefused("the token is not good any more")

    def _require_address(self, request: web.BaseRequest) -> None:
        networks = self.allowlist.networks
        if networks and not is_admitted(self.address_of(request), networks):
            raise AddressRefused("this address is not among those that --allow or --allow-file admits")

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
