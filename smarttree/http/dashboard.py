"""`GET /` and `GET /page/{file}`: the live page and what it is made of, as they lie in the package.

Law: they are the same for everyone and hold nothing of the tree, so they need no token. What the page shows it asks the
other endpoints for, as its reader. It runs its own files alone, loads from nowhere else, is shown in no frame, and
turns no text into markup.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from smarttree.http.errors import problem
from smarttree.http.params import Query
from smarttree.http.stored import Stored, answer

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-cache",  # to be kept, and asked for by its tag: a newer server has another
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: by that a browser says of a form, too, that its origin is `null`. Nothing leaves here.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
DIRECTORY: Final = Path(__file__).with_name("static")
INDEX: Final = "index.html"
FILES: Final = frozenset(path.name for path in DIRECTORY.iterdir() if path.suffix in TYPES) - {INDEX}
PAGES: Final = frozenset({"/", *(f"/page/{name}" for name in FILES)})


class Made(NamedTuple):
    """A file and its entity tag."""

    data: bytes
    tag: str


@cache
def made(name: str) -> Made:
    """One of FILES, read when it is first asked for."""
    data = (DIRECTORY / name).read_bytes()
    return Made(data, f'"{hashlib.blake2b(data, digest_size=16).hexdigest()}"')


async def get_page(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    return await _sent(request, INDEX)


async def get_page_file(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    name = request.match_info["file"]
    if name not in FILES:
        return problem(404, "no-such-endpoint", f"the page is made of {', '.join(sorted(FILES))}, and nothing else")
    return await _sent(request, name)


async def _sent(request: web.Request, name: str) -> web.StreamResponse:
    file = await asyncio.to_thread(made, name)
    headers = {**HEADERS, "Content-Type": TYPES[Path(name).suffix]}
    return await answer(request, file.tag, headers, Stored(file.data, len(file.data)))
