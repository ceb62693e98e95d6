"""The body of a request, whole: no larger than BODY_MAX_BYTES, there within BODY_TIMEOUT_S, and as it came."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

BODY_MAX_BYTES: Final = 64 * 1024  # ten paths as long as the kernel takes one, each byte escaped
BODY_TIMEOUT_S: Final = 10.0


async def read_body(request: web.Request) -> bytes:
    """Raises 413 for one without end, and 408 for one that does not come."""
    if (request.content_length or 0) > BODY_MAX_BYTES:
        raise web.HTTPRequestEntityTooLarge(BODY_MAX_BYTES, request.content_length or 0)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.content.read(BODY_MAX_BYTES + 1) if not request.content.at_eof() else b""
            while len(body) <= BODY_MAX_BYTES and not request.content.at_eof():
                body += await request.content.read(BODY_MAX_BYTES + 1 - len(body))
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {BODY_TIMEOUT_S:.0f} s") from error
    if len(body) > BODY_MAX_BYTES:
        raise web.HTTPRequestEntityTooLarge(BODY_MAX_BYTES, len(body))
    return body
