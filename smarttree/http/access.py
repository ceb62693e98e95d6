"""Access: whether a request may be answered at all, before anything else looks at it.

Law: where there are tokens, nothing but `/healthz` and `/readyz` answers without one, whatever the method or path, and
what has nothing of the tree in it: the page at `/`, its files, and `POST /session`, to which the token is shown. No
answer and no log has a token in it. Where there are none, whoever was let in at the door may read. A page of a site
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
from smarttree.errors import (
    AddressRefused,
    HostUnknown,
    OriginRefused,
    ScopeMissing,
    TokenRefused,
    TokenRequired,
    TooManyAttempts,
)
from smarttree.http.addresses import Address, is_admitted, is_in, read_address, source_of, speaks_for
from smarttree.http.allowed import Allowlist
from smarttree.http.buckets import Buckets
from smarttree.http.credentials import HOW, keep_from_caches, keep_private, refuse_in_query, shown
from smarttree.http.dashboard import PAGES
from smarttree.http.keyring import Keyring
from smarttree.http.origin import may_change, may_read, scheme_told
from smarttree.http.sessions import Session, Sessions
from smarttree.http.tickets import Tickets
from smarttree.http.tokens import READ, WATCH, Holder
from smarttree.printable import printable

_LOG = logging.getLogger("smarttree.http")

HOSTS_KEPT: Final = 256
ATTEMPTS_MAX: Final = 10  # of an address that is wrong about tokens; then one more every ...
ATTEMPT_S: Final = 6.0
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
READING: Final = frozenset({"GET", "HEAD"})
CHANGING: Final = frozenset({"POST", "DELETE"})
HOLDER: Final = web.RequestKey("holder", Holder)
SESSION: Final = web.RequestKey("session", Session)


class Access:
    """Decides by address, name and token. `tickets` and `sessions` are good as long as the keyring's tokens are."""

    def __init__(
        self, config: HttpConfig, keyring: Keyring, allowlist: Allowlist, tickets: Tickets, sessions: Sessions
    ) -> None:
        self.keyring, self.allowlist, self.tickets, self.sessions = keyring, allowlist, tickets, sessions
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

    def origin_of(self, request: web.BaseRequest) -> str:
        """This server's own, as who asks has called it: a trusted proxy that speaks TLS for it says so."""
        headers, told = request.headers, None
        if is_in(read_address(request.remote or ""), self._config.trusted_proxies):
            told = scheme_told(headers.getall("X-Forwarded-Proto", []), headers.getall("Forwarded", []))
        return f"{told or request.scheme}://{request.host}"

    def is_secure(self, request: web.BaseRequest) -> bool:
        """Whether what is sent back goes through TLS all the way."""
        return self.origin_of(request).startswith("https:")

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Raises what refuses the request."""
        self._require_address(request)
        tokens = self.keyring.tokens
        if tokens and not is_open(request):
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
        if SESSION in request:
            keep_within_origin(response)

    def _holder(self, request: web.Request) -> Holder:
        """Raises BadParameter, TokenRequired, TokenRefused, TooManyAttempts, OriginRefused."""
        secret, ticket = shown(request, in_query=self._config.token_in_query)
        tokens = self.keyring.tokens
        if secret is not None:
            return self.judged(request, tokens.find(secret))
        if ticket is not None:
            return self.judged(request, self.tickets.find(ticket, tokens, time.time()))
        cookie = request.cookies.get(self.sessions.cookie(secure=self.is_secure(request)))
        if cookie is None or (request.method in READING and not may_read(request.headers.get("Sec-Fetch-Site"))):
            raise TokenRequired(f"this server wants a token: {HOW}")
        if request.method not in READING:
            self.require_own_page(request)
        return self._holder_of_session(request, cookie)

    def _holder_of_session(self, request: web.Request, cookie: str) -> Holder:
        session = self.sessions.find(cookie, self.keyring.tokens, time.time())
        if session is None and self.sessions.is_ours(cookie):
            raise TokenRequired(f"the session is over: log in again, or {HOW}")
        holder = self.judged(request, session.holder if session is not None else None)
        if session is not None:
            request[SESSION] = session
        return holder

    def judged(self, request: web.BaseRequest, holder: Holder | None) -> Holder:
        """Whose token was shown; where it is nobody's, raises TokenRefused, or TooManyAttempts."""
        if holder is not None:
            return holder
        source, now = source_of(self.address_of(request)), time.monotonic()
        wait_s = self._attempts.wait_s(source, now)
        if wait_s:
            raise TooManyAttempts("too many wrong tokens from this address", wait_s)
        self._attempts.add(source, now)
        raise TokenRefused("the token is not one of this server's, or not any more")

    def require_own_page(self, request: web.BaseRequest) -> None:
        """For what a browser may have been made to send. Raises OriginRefused."""
        headers, own = request.headers, self.origin_of(request)
        if not may_change(headers.get("Origin"), headers.get("Sec-Fetch-Site"), own):
            raise OriginRefused(
                f"only a page of {printable(own[:200])} may do this, and says so by Origin or Sec-Fetch-Site; where a "
                "proxy speaks TLS for this server, name it by --trusted-proxy, and have it send X-Forwarded-Proto"
            )

    def is_over(self, shown: Session | Holder) -> bool:
        """Whether what a stream was let in by is good no longer."""
        tokens = self.keyring.tokens
        if isinstance(shown, Session):
            return bool(tokens) and self.sessions.is_over(shown, tokens, time.time())
        return bool(tokens) and shown not in tokens

    def is_good(self, shown: Session | Holder | None, address: Address | None) -> bool:
        """Whether who was let in may still be there: neither what they showed nor the address has been taken away."""
        return is_admitted(address, self.allowlist.networks) and (shown is None or not self.is_over(shown))

    def require_still(self, request: web.BaseRequest) -> None:
        """For an answer that has waited: raises TokenRefused or AddressRefused where that has been taken away."""
        self._require_address(request)
        if not self.is_good(shown_by(request), self.address_of(request)):
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


def keep_within_origin(response: web.StreamResponse) -> None:
    """What a cookie opened is for this origin's pages, and for no shared cache."""
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    keep_from_caches(response)


def is_open(request: web.BaseRequest) -> bool:
    """Whether it is answered without a token: there is nothing of the tree in it."""
    if request.path == "/session":
        return request.method == "POST"
    return request.path in OPEN_PATHS or (request.path in PAGES and request.method in READING)


def shown_by(request: web.BaseRequest) -> Session | Holder | None:
    """What the request was let in by; None where there are no tokens."""
    return request.get(SESSION) or request.get(HOLDER)


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
