"""Each request is measured once it is answered: how many, how long, how they ended; and told in the log if asked for.

What is kept is bounded: an endpoint is its route, never a path, and a method that no endpoint has is `other`.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from time import perf_counter
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from smarttree.http.access import ACCESS
from smarttree.printable import printable

_ACCESS: Final = logging.getLogger("smarttree.http.access")

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STREAM: Final = "/events"  # how long one takes is its client's affair
OTHER: Final = "other"
GONE: Final = "gone"  # the client left before it was answered
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})


class Answered(NamedTuple):
    """What requests are counted by. `status` is its class (`2xx`), or GONE."""

    method: str
    endpoint: str
    status: str


class Durations:
    """How long answers took: how many within each bound and not within the one before, the last beyond all."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds


class Requests:
    """The figures of all requests, and the middleware that takes them. For one loop."""

    def __init__(self, *, logged: bool) -> None:
        self.answered: Counter[Answered] = Counter()
        self.durations: dict[str, Durations] = {}
        self._logged = logged

    def middleware(self) -> Middleware:
        """To stand before all others: what it sees is what is sent."""

        @web.middleware
        async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
            began, response = perf_counter(), None
            try:
                response = await handler(request)
                return response
            finally:
                self._add(request, response, perf_counter() - began)

        return measure

    def _add(self, request: web.Request, response: web.StreamResponse | None, seconds: float) -> None:
        resource = request.match_info.route.resource
        endpoint = resource.canonical if resource is not None else OTHER
        method = request.method if request.method in _METHODS else OTHER
        self.answered[Answered(method, endpoint, GONE if response is None else f"{response.status // 100}xx")] += 1
        if endpoint != STREAM:
            self.durations.setdefault(endpoint, Durations()).add(seconds)
        if self._logged:
            self._tell(request, endpoint, response, seconds)

    def _tell(self, request: web.Request, endpoint: str, response: web.StreamResponse | None, seconds: float) -> None:
        """Neither query nor path: they may hold what is nobody's business."""
        told = {
            "method": printable(request.method),
            "endpoint": endpoint,
            "status": None if response is None else response.status,
            "ms": round(seconds * 1000, 2),
            "bytes": None if response is None else response.content_length,
            "peer": str(request.app[ACCESS].address_of(request)),  # behind a proxy that is trusted, who that speaks for
        }
        shown = ("-" if value is None else str(value) for value in told.values())
        _ACCESS.info("%s %s %s %s ms %s bytes %s", *shown, extra={"fields": told})
