"""Limits: how many connections and streams there are, and how often anyone may ask. The counting is in `places` and
`buckets`; here is who is counted, by what, and what they are told.

Law: no address, and no token, takes so much that others go without. This machine is not counted by its address, as
everyone here has the same; nor is a proxy that is trusted, but whom it speaks for. A stream is never refused by a
status, which would end a browser's EventSource for good.
"""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections import Counter
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from smarttree.config import HttpConfig
from smarttree.errors import TooManyRequests
from smarttree.http.access import ACCESS, OPEN_PATHS
from smarttree.http.addresses import Address, is_here, is_in, source_of
from smarttree.http.buckets import Buckets
from smarttree.http.places import Places
from smarttree.http.tokens import Holder

_LOG = logging.getLogger("smarttree.http")

REQUESTS_BESIDE: Final = 1_000  # connections beside those of streams
DESCRIPTORS_KEPT: Final = 256  # for files, and for what scans and watches
BURST_S: Final = 10  # so many seconds' requests may come at once
SAID_EACH_S: Final = 60.0
STREAM: Final = "/events"
WAIT_S: Final = web.RequestKey("wait_s", float)


class Limits:
    """Of one application. `reached` counts what was refused, by what."""

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self.connections = Places(min(config.max_connections + REQUESTS_BESIDE, _for_connections()))
        self.streams = Places(config.max_connections)
        self.searches = Places(config.max_searches)
        self._requests = Buckets(BURST_S * config.max_request_rate, 1 / config.max_request_rate)
        self.reached: Counter[str] = Counter()
        self._said: dict[str, float] = {}

    def connect(self, peer: Address | None) -> bool:
        """Whether there is a place for a connection, which is taken then; `disconnect` gives it back."""
        taken = self.connections.take(self._counted_peer(peer), self._config.max_address_connections)
        if not taken:
            self._reach("connections" if self.connections.full else "address-connections")
        return taken

    def disconnect(self, peer: Address | None) -> None:
        self.connections.give_back(self._counted_peer(peer))

    def follow(self, holder: Holder | None, address: Address | None) -> bool:
        """The same for a stream, of who holds a token, or else is at this address; `unfollow` gives it back."""
        most = self._config.max_address_streams if holder is None else self._config.max_token_streams
        taken = self.streams.take(_counted(holder, address), most)
        if not taken:
            self._reach("streams" if self.streams.full else "token-streams" if holder else "address-streams")
        return taken

    def unfollow(self, holder: Holder | None, address: Address | None) -> None:
        self.streams.give_back(_counted(holder, address))

    def search(self, holder: Holder | None, address: Address | None) -> bool:
        """The same for a search; `end_search` gives it back. One place is left for others."""
        taken = self.searches.take(_counted(holder, address), max(1, self._config.max_searches - 1))
        if not taken:
            self._reach("searches")
        return taken

    def end_search(self, holder: Holder | None, address: Address | None) -> None:
        self.searches.give_back(_counted(holder, address))

    def _counted_peer(self, peer: Address | None) -> str | Address | None:
        return None if is_in(peer, self._config.trusted_proxies) else _counted(None, peer)

    def ask(self, address: Address | None, now: float) -> float:
        """How long who is at this address has to wait before it asks again; 0: it may ask now, and that is counted."""
        if is_here(address):
            return 0.0
        source = source_of(address)
        wait_s = self._requests.wait_s(source, now)
        if wait_s:
            self._reach("address-requests")
        else:
            self._requests.add(source, now)
        return wait_s

    def _reach(self, limit: str) -> None:
        """A flood is said, and does not flood the log."""
        self.reached[limit] += 1
        now = time.monotonic()
        if now - self._said.get(limit, -SAID_EACH_S) >= SAID_EACH_S:
            self._said[limit] = now
            _LOG.warning("a limit is reached, and who comes is refused or told to wait: %s", limit)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Raises TooManyRequests."""
        if request.path not in OPEN_PATHS:
            wait_s = self.ask(request.app[ACCESS].address_of(request), time.monotonic())
            if wait_s and request.path != STREAM:
                raise TooManyRequests("this address asks too often; see Retry-After", wait_s)
            if wait_s:
                request[WAIT_S] = wait_s
        return await handler(request)


def _counted(holder: Holder | None, address: Address | None) -> str | Address | None:
    """By what name: the token's, else the address; None: among all alone."""
    if holder is not None:
        return holder.name
    return None if is_here(address) else source_of(address)


def _for_connections() -> int:
    """How many descriptors are for them. Without one, a connection would be tried again and again, and others wait."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(soft - DESCRIPTORS_KEPT, soft // 2)


LIMITS: Final = web.AppKey("limits", Limits)
