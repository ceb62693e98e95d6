"""`GET /openapi.json` and `GET /docs`: the description of the API, for programs and for people; each is made once, and
loaded when it is first asked for: that takes 60 ms, of which a start should have none.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from functools import cache
from typing import Final, NamedTuple

from aiohttp import web

from smarttree.http.page import POLICY, render
from smarttree.http.params import Query
from smarttree.http.stored import Stored, answer

CACHE: Final = "no-cache"  # to be kept, and asked for by its tag: a newer server has another


class Made(NamedTuple):
    """A document and its entity tag."""

    data: bytes
    tag: str


def _made(data: bytes) -> Made:
    return Made(data, f'"{hashlib.blake2b(data, digest_size=16).hexdigest()}"')


@cache
def document() -> Made:
    from smarttree.http.described import description

    return _made(json.dumps(description(), ensure_ascii=False, separators=(",", ":")).encode())


@cache
def page() -> Made:
    from smarttree.http.described import description

    return _made(render(description()))


async def get_openapi(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    headers = {"Content-Type": "application/json", "Cache-Control": CACHE}
    made = await asyncio.to_thread(document)
    return await answer(request, made.tag, headers, Stored(made.data, len(made.data)))


async def get_docs(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": CACHE,
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    made = await asyncio.to_thread(page)
    return await answer(request, made.tag, headers, Stored(made.data, len(made.data)))
