"""Framing: what two readers could cut in different places is refused, and ends its connection (RFC 9112, section 6).

Law: whatever a proxy in front may have made of it, no byte of a request is read as another one. aiohttp's parser
refuses what has two lengths, or none that is clear; here is what it lets pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.typedefs import Handler

from smarttree.errors import InputError
from smarttree.http.errors import problem

_SLASHES: Final = "://"


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


@web.middleware
async def clear_framing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Before anything else looks at the request. Raises ConnectionAbortedError."""
    if request.version not in (HttpVersion10, HttpVersion11) and request.transport is not None:
        request.transport.close()
        raise ConnectionAbortedError("HTTP/0.9 has no Host, and its answers no status; HTTP/2 is no text")
    why = ambiguity(request)
    if why is None and "Upgrade" not in request.headers:
        return await handler(request)
    response = malformed(why) if why is not None else await handler(request)
    response.force_close()  # after an Upgrade, what comes next may be meant in another language
    return response


def malformed(why: str) -> web.Response:
    return problem(InputError.http_status, InputError.code, f"this is no HTTP request that can be read: {why}")


Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def expecting(answer: Answering) -> Answering:
    """The same, for requests that expect what can be done: aiohttp looks at `Expect` before all middlewares."""

    async def answering(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get("Expect", "")
        if expected and expected.lower() != "100-continue":
            return problem(417, "expectation-failed", "nothing can be expected here but 100-continue")
        return await answer(request)

    return answering
