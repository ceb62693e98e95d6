"""Access: whether a request may be answered at all, before anything else looks at it.

Law: where there are tokens, nothing but `/healthz` and `/readyz` answers without one, whatever the method or path, and
what has nothing of the tree in it: the page at `/`, its files, and `POST /session`, to which the token is shown. No
answer and no log has a token in it. Where there are none, whoever was let in at the door may read. A page of a site
that only pretends to be this machine (DNS rebinding) is known by the name it calls it.
"""

from __future__ import annotations

import asyncio
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
from smarttree.errors import (
    AddressRefused,
    HostUnknown,
    OriginRefused,
    ScopeMissing,
    TokenRefused,
    TokenRequired,
    TooManyAttempts,
)
from smarttree.http.addresses import Address, is_admitted, is_in, read_address, speaks_for
from smarttree.http.attempts import Attempts
from smarttree.http.dashboard import PAGES
from smarttree.http.keyring import Keyring
from smarttree.http.keys import HUB
from smarttree.http.origin import may_change, may_read, scheme_told
from smarttree.http.params import Query
from smarttree.http.sessions import Session, Sessions
from smarttree.http.tickets import Tickets
from smarttree.http.tokens import READ, WATCH, Holder
from smarttree.printable import printable

_LOG = logging.getLogger("smarttree.http")

HOSTS_KEPT: Final = 256
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
READING: Final = frozenset({"GET", "HEAD"})
CHANGING: Final = frozenset({"POST", "DELETE"})
TICKET_PATHS: Final = frozenset({"/events"})
SESSIONS_S: Final = 60.0  # how often streams are looked at for sessions that are over
HOLDER: Final = web.RequestKey("holder", Holder)
SESSION: Final = web.RequestKey("session", Session)
BEARER: Final = "bearer"


class Access:
    """Decides by address, name and token. `tickets` and `sessions` are good as long as the keyring's tokens are."""

    def __init__(self, config: HttpConfig, keyring: Keyring, tickets: Tickets, sessions: Sessions) -> None:
        self.keyring, self.tickets, self.sessions = keyring, tickets, sessions
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
        if self._config.allow and not is_admitted(self.address_of(request), self._config.allow):
            raise AddressRefused("this address is not among those that --allow admits")
        tokens = self.keyring.tokens
        if tokens and not is_open(request):
            holder = self._holder(request)
            self._require(holder, WATCH if request.path == "/watch" and request.method in CHANGING else READ)
            request[HOLDER] = holder
        elif not tokens:
            self._require_name(request)
        return await handler(request)

    def _holder(self, request: web.Request) -> Holder:
        """Raises TokenRequired, TokenRefused, TooManyAttempts."""
        tokens = self.keyring.tokens
        if (secret := bearer(request)) is not None:
            return self.judged(request, tokens.find(secret))
        if request.path in TICKET_PATHS and (ticket := Query.raw(request, "ticket")) is not None:
            return self.judged(request, self.tickets.find(ticket, tokens, time.time()))
        cookie = request.cookies.get(self.sessions.cookie(secure=self.is_secure(request)))
        if cookie is None or (request.method in READING and not may_read(request.headers.get("Sec-Fetch-Site"))):
            raise TokenRequired("this server wants a token: send it as `Authorization: Bearer TOKEN`")
        if request.method not in READING:
            self.require_own_page(request)
        return self._holder_of_session(request, cookie)

    def _holder_of_session(self, request: web.Request, cookie: str) -> Holder:
        session = self.sessions.find(cookie, self.keyring.tokens, time.time())
        if session is None and self.sessions.is_ours(cookie):
            raise TokenRequired("the session is over: log in again, or send the token as `Authorization: Bearer TOKEN`")
        holder = self.judged(request, session.holder if session is not None else None)
        if session is not None:
            request[SESSION] = session
        return holder

    def judged(self, request: web.BaseRequest, holder: Holder | None) -> Holder:
        """Whose token was shown; where it is nobody's, raises TokenRefused, or TooManyAttempts."""
        if holder is not None:
            return holder
        address, now = str(self.address_of(request)), time.monotonic()
        wait_s = self._attempts.wait_s(address, now)
        if wait_s:
            raise TooManyAttempts("too many wrong tokens from this address", wait_s)
        self._attempts.failed(address, now)
        raise TokenRefused("the token is not one of this server's, or not any more")

    def require_own_page(self, request: web.BaseRequest) -> None:
        """For what a browser may have been made to send. Raises OriginRefused."""
        headers, own = request.headers, self.origin_of(request)
        if not may_change(headers.get("Origin"), headers.get("Sec-Fetch-Site"), own):
            raise OriginRefused(
                f"only a page of {printable(own[:200])} may do this, and says so by Origin or Sec-Fetch-Site; where a "
                "proxy speaks TLS for this server, name it by --trusted-proxy, and have it send X-Forwarded-Proto"
            )

    def is_over(self, shown: object) -> bool:
        """Whether what a stream was let in by, a session or a holder, is good no longer."""
        tokens = self.keyring.tokens
        if isinstance(shown, Session):
            return bool(tokens) and self.sessions.is_over(shown, tokens, time.time())
        return bool(tokens) and shown not in tokens

    def require_still(self, request: web.BaseRequest) -> None:
        """For an answer that has waited: raises TokenRefused where the token has been taken away meanwhile."""
        shown = shown_by(request)
        if shown is not None and self.is_over(shown):
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


async def mark(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: what a cookie opened is for this origin's pages, and for no shared cache."""
    if SESSION not in request:
        return
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    kept = response.headers.get("Cache-Control", "")
    if "private" not in kept and "no-store" not in kept:
        response.headers["Cache-Control"] = f"private, {kept}" if kept else "private"


def is_open(request: web.BaseRequest) -> bool:
    """Whether it is answered without a token: there is nothing of the tree in it."""
    if request.path == "/session":
        return request.method == "POST"
    return request.path in OPEN_PATHS or (request.path in PAGES and request.method in READING)


def shown_by(request: web.BaseRequest) -> Session | Holder | None:
    """What the request was let in by; None where there are no tokens."""
    return request.get(SESSION) or request.get(HOLDER)


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
        app[HUB].end(access.is_over)

    async def sessions_end() -> None:
        while True:
            await asyncio.sleep(SESSIONS_S)
            changed()

    file, task = access.keyring.file, asyncio.create_task(sessions_end())
    try:
        async with file.followed(changed) if file is not None else nullcontext():
            yield
    finally:
        task.cancel()
