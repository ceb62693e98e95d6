"""Every error is a problem document (RFC 9457) with a stable `code`; a bug is logged whole and told briefly."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from smarttree.errors import (
    ChangedWhileRead,
    NotReady,
    QtnError,
    SmarttreeError,
    TokenRefused,
    TokenRequired,
    TooManyRequests,
    TooManySearches,
    UnknownClock,
)
from smarttree.http.keys import SERVICE
from smarttree.service import Service
from smarttree.stream.events import to_json

logger = logging.getLogger("smarttree.http")
RETRY_AFTER_S: Final = 1
CHALLENGE: Final = 'Bearer realm="smarttree"'
_BEGUN: Final = web.RequestKey("begun", bool)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A problem document. `extra` adds members to it."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail}
    return web.Response(
        status=status,
        body=to_json({**body, **(extra or {})}).encode("utf-8", "replace"),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def progress_fields(service: Service) -> dict[str, object]:
    """How far the first scan is."""
    progress = service.progress
    return {"entries": progress.entries, "dirs": progress.dirs, "seconds": round(progress.seconds, 3)}


def require_ready(service: Service) -> None:
    """Raises NotReady during the first scan, and the service's own failure after it."""
    if service.state == "ready":
        return
    if service.failure is not None:
        raise service.failure
    raise NotReady(f"the first scan is still running ({service.progress.entries} entries so far); ask again")


def _from_error(request: web.Request, error: SmarttreeError) -> web.Response:
    extra: dict[str, object] = {}
    headers: dict[str, str] = {}
    if isinstance(error, NotReady):
        extra["progress"] = progress_fields(request.app[SERVICE])
    if isinstance(error, NotReady | ChangedWhileRead | TooManySearches):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, (TokenRequired, TokenRefused)):
        headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(ceil(error.wait_s))
    if isinstance(error, UnknownClock):
        extra["clock"] = error.clock
    if isinstance(error, QtnError):
        extra["offset"] = error.offset
    return problem(error.http_status, error.code, str(error), extra=extra, headers=headers)


def endpoints(app: web.Application) -> list[str]:
    """Every method and path there is, as `GET /tree`."""
    told = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    return sorted(told, key=lambda line: (line.split()[1], line))


def _from_http(request: web.Request, error: web.HTTPException) -> web.Response:
    if isinstance(error, web.HTTPNotFound):
        listed = endpoints(request.app)
        return problem(404, "no-such-endpoint", f"there is only: {', '.join(listed)}", extra={"endpoints": listed})
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return problem(405, "method-not-allowed", f"only {allowed} here", headers={"Allow": allowed})
    phrase = HTTPStatus(error.status).phrase
    return problem(error.status, phrase.lower().replace(" ", "-"), error.text or phrase)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns errors into problem documents. Once a response has begun, all that is left is to cut it off."""
    try:
        return await handler(request)
    except SmarttreeError as error:
        if _BEGUN not in request:
            return _from_error(request, error)
        logger.warning("gave up an answer to %s: %s", request.path, error)
    except web.HTTPException as error:
        return _from_http(request, error)
    except ConnectionError:
        raise
    except Exception:
        # Not the query: it may hold what is nobody's business.
        logger.exception("failed to answer %s %s", request.method, request.path)
        if _BEGUN not in request:
            return problem(500, "internal", "the server has a bug; its log says more")
    raise ConnectionAbortedError("the response had begun")


async def mark_begun(request: web.Request, _response: web.StreamResponse) -> None:
    """For `on_response_prepare`: from here on the status has been sent."""
    request[_BEGUN] = True
