"""The body of a request, whole: no larger than `--max-body-bytes`, there within `--request-s`, and as it came."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from smarttree.errors import InputError
from smarttree.http.framing import unreadable
from smarttree.http.keys import CONFIG


async def read_body(request: web.Request) -> bytes:
    """Raises 413 for one without end, 408 for one that does not come, and InputError for one that can't be read."""
    most, within_s = request.app[CONFIG].max_body_bytes, request.app[CONFIG].request_s
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    try:
        async with asyncio.timeout(within_s):
            body = await request.content.read(most + 1) if not request.content.at_eof() else b""
            while len(body) <= most and not request.content.at_eof():
                body += await request.content.read(most + 1 - len(body))
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {within_s:g} s") from error
    except HttpProcessingError as error:
        raise InputError(unreadable(error.message)) from error
    if len(body) > most:
        raise web.HTTPRequestEntityTooLarge(most, len(body))
    return body
