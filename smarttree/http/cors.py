"""CORS: which pages of other origins may read, decided by the endpoint and `--cors`; whoever is refused is logged once.

`*` covers what is told about files, never what is in them. Without a listed origin the answer is the same, only
without the header that lets a browser hand it to the page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from smarttree.http.errors import problem
from smarttree.http.origin import is_origin, normal_origin
from smarttree.printable import printable

_LOG = logging.getLogger("smarttree.http")

# Content and roots at run time answer across origins only for origins named one by one, and with a token.
CONTENT_PATHS: Final = frozenset({"/search", "/compress", "/watch"})
OWN_PATHS: Final = frozenset({"/session"})  # for this server's own page, and no other
CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})  # a page may send them without a preflight
LOGGED_ORIGINS_MAX: Final = 100  # a page can invent origins
ALLOWED_HEADERS: Final = "Accept, Authorization, Cache-Control, If-Match, If-None-Match, If-Range, Last-Event-ID, Range"
EXPOSED_HEADERS: Final = "X-Smarttree-Clock, Retry-After, ETag, Accept-Ranges, Content-Range, Content-Encoding"
MAX_AGE_S: Final = 600


class Cors:
    """The decision, and the two places of aiohttp where it takes effect."""

    def __init__(
        self, origins: Sequence[str], guarded: Callable[[], bool], own: Callable[[web.BaseRequest], str]
    ) -> None:
        """`guarded`: whether nobody is answered without a token. `own`: the origin of this server, as it was called."""
        self._guarded, self._own = guarded, own
        self._any = "*" in origins
        self._origins = frozenset(normal_origin(origin) for origin in origins if origin != "*")
        self._logged: set[str] = set()

    def allows(self, origin: str, path: str) -> str | None:
        """The value for Access-Control-Allow-Origin, or None to refuse."""
        if path in OWN_PATHS:
            return None
        named = origin if normal_origin(origin) in self._origins else None
        if path in CONTENT_PATHS:
            return named if self._guarded() else None
        return "*" if self._any else named

    def _is_foreign(self, request: web.BaseRequest, origin: str) -> bool:
        return normal_origin(origin) != normal_origin(self._own(request))

    def _may_change(self, origin: str, request: web.BaseRequest) -> bool:
        """Whoever shows a token in a header was given it; nothing that a browser adds by itself is one."""
        return self._guarded() and self.allows(origin, request.path) is not None

    def _refused(self, request: web.BaseRequest, origin: str) -> None:
        if not is_origin(origin):  # who sends that is no browser, and what it is nobody need read
            return
        if not self._is_foreign(request, origin) or origin in self._logged or len(self._logged) >= LOGGED_ORIGINS_MAX:
            return
        self._logged.add(origin)
        origin = printable(origin[:200])
        if request.path in CONTENT_PATHS | OWN_PATHS:
            _LOG.warning("refused a page of origin %s: %s is not open to other origins", origin, request.path)
        else:
            _LOG.warning("refused a page of origin %s; to allow it, start with --cors %s", origin, origin)

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`: the headers go on errors and streams too."""
        if self._origins and not (self._any and request.path not in CONTENT_PATHS):
            response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is None:
            return
        allowed = self.allows(origin, request.path)
        if allowed is None:
            self._refused(request, origin)
            return
        response.headers["Access-Control-Allow-Origin"] = allowed
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS

    def middleware(self) -> Middleware:
        @web.middleware
        async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get("Origin")
            foreign = origin is not None and self._is_foreign(request, origin)
            if origin is not None and foreign and request.method in CHANGING and not self._may_change(origin, request):
                return problem(403, "origin-refused", "pages of other origins may change nothing here")
            if request.method != "OPTIONS" or origin is None or "Access-Control-Request-Method" not in request.headers:
                return await handler(request)
            if self.allows(origin, request.path) is None:
                return problem(403, "origin-refused", "pages of this origin may not read here; see --cors")
            headers = {
                "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE" if self._guarded() else "GET, HEAD",
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": str(MAX_AGE_S),
            }
            return web.Response(status=204, headers=headers)

        return preflight
