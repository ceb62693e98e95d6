"""Framing: what two readers could cut in different places is refused, and ends its connection (RFC 9112, section 6).

Law: whatever a proxy in front may have made of it, no byte of a request is read as another one. aiohttp's parser
refuses what has two lengths, or none that is clear; here is what it lets pass.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, web

from smarttree.errors import InputError
from smarttree.http.errors import problem

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CONTINUE: Final = "100-continue"
_SLASHES: Final = "://"
_LOG: Final = logging.getLogger("smarttree.http.wire")


def ambiguity(request: web.BaseRequest) -> str | None:
    """What is ambiguous about it, if anything."""
    codings = request.headers.getall("Transfer-Encoding", ())
    if codings and request.version < HttpVersion11:
        return "its version has no Transfer-Encoding"
    if codings and ",".join(codings).strip().lower() != "chunked":
        return "the only Transfer-Encoding here is chunked"
    scheme, absolute, rest = request.raw_path.partition(_SLASHES)
    host = rest.partition("/")[0].partition("?")[0]
    if absolute and scheme.isalpha() and host.lower() != request.headers.get("Host", host).lower():
        return "its target names another host than its header"
    return None


def unreadable(why: str) -> str:
    return f"this is no HTTP request that can be read: {why}"


def malformed(why: str) -> web.Response:
    return problem(InputError.http_status, InputError.code, unreadable(why))


def clear(answer: Answering) -> Answering:
    """The same, for clear requests alone. It stands before aiohttp's own look at `Expect`, and all middlewares."""

    async def answering(request: web.BaseRequest) -> web.StreamResponse:
        if request.version not in (HttpVersion10, HttpVersion11) and request.transport is not None:
            request.transport.close()
            raise ConnectionAbortedError("HTTP/0.9 has no Host, and its answers no status; HTTP/2 is no text")
        if (why := ambiguity(request)) is not None:
            _LOG.info("refused a malformed request: %s", why)
            response: web.StreamResponse = malformed(why)
            response.force_close()
        elif request.headers.get("Expect", CONTINUE).lower() != CONTINUE:
            response = problem(417, "expectation-failed", f"nothing can be expected here but {CONTINUE}")
        else:
            response = await answer(request)
        if "Upgrade" in request.headers or request.content.exception() is not None:
            response.force_close()  # what comes next may be meant in another language, or be the rest of its body
        return response

    return answering
