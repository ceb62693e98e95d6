"""`GET /tree`: the tree now, in any mode: an envelope with the fields of the `tree` event, or the bare document."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from typing import Final

from aiohttp import web

from smarttree import modes
from smarttree.errors import BadParameter
from smarttree.http.chunk import manifest
from smarttree.http.clock import clock_header, synced
from smarttree.http.documents import field_of, json_pieces
from smarttree.http.errors import require_ready
from smarttree.http.keys import CONFIG, SERVICE
from smarttree.http.params import Query
from smarttree.http.paths import find_directory
from smarttree.modes import Mode, View
from smarttree.stream.events import Body, RootFacts, tree_parts
from smarttree.wire import DEPTH_MAX, MEDIA_TYPE_QTN

KNOWN: Final = ("path", "mode", "depth", "tree", "sync")
LATER: Final = ("include", "exclude", "types", "only")
JSON: Final = "application/json"
PIECE_BYTES: Final = 256 * 1024
WHOLE_BYTES: Final = 1 << 20  # up to here an answer is made whole, and has a Content-Length


def accepted(request: web.BaseRequest) -> set[str]:
    """The media types a client names, without weights; `*/*` where it names none."""
    ranges = ",".join(request.headers.getall("Accept", ["*/*"])).split(",")
    named = [(part.partition(";")[0].strip().lower(), part.replace(" ", "")) for part in ranges]
    return {name for name, whole in named if name and not whole.endswith((";q=0", ";q=0.0"))}


def wants_bare(accept: set[str], mode: Mode) -> bool:
    """Whether the document is asked for by its own type. Raises 406 where neither form is acceptable."""
    bare_type = mode.CONTENT_TYPE.partition(";")[0]
    if field_of(mode) != "tree" and bare_type in accept and JSON not in accept:
        return True
    if accept & {JSON, "application/*", "*/*"}:
        return False
    raise web.HTTPNotAcceptable(text=f"mode {mode.NAME} comes as {JSON} or {bare_type}")


def envelope(view: View, mode: Mode, top: int, depth: int | None) -> Iterator[bytes]:
    tree = view.tree
    body = Body(field_of(mode), "", depth)
    root = RootFacts(tree.path(top), tree.totals(top), tree.digest(top), body)
    head, tail = tree_parts(root, mode.NAME, view.clock, reason=None)
    value = json_pieces(view, mode, top, depth)
    return chain((head.encode(),), value, (tail.encode(),))


def take(pieces: Iterator[bytes], at_least_bytes: int) -> bytes:
    """The next pieces joined; fewer bytes than asked for means the end. Renders: not for the event loop."""
    taken: list[bytes] = []
    total = 0
    for piece in pieces:
        taken.append(piece)
        total += len(piece)
        if total >= at_least_bytes:
            break
    return b"".join(taken)


async def get_tree(request: web.Request) -> web.StreamResponse:
    query = Query(request, KNOWN, LATER)
    service = request.app[SERVICE]
    accept = accepted(request)
    default = "quantum" if MEDIA_TYPE_QTN in accept else request.app[CONFIG].mode
    mode = modes.find(query.text("mode") or default)
    bare = wants_bare(accept, mode)
    depth, path = query.number("depth", 0, DEPTH_MAX), query.octets("path")
    if depth is not None and not mode.CUTS:
        raise BadParameter(f"depth does not go with mode {mode.NAME}, which always tells the whole tree")
    tree = query.text("tree") or "full"
    if tree not in ("full", "manifest") or (tree == "manifest" and mode.NAME != "quantum"):
        raise BadParameter(f"tree is full, or, in mode quantum, manifest; not {tree!r} in mode {mode.NAME}")
    require_ready(service)
    if query.flag("sync"):
        await synced(request.app)
    if tree == "manifest" and (answer := await manifest(request, path, bare=bare)) is not None:
        return answer

    def begin() -> tuple[View, Iterator[bytes], bytes]:
        view = service.view()
        top = find_directory(view.tree, path)
        pieces = mode.render(view, top, depth=depth) if bare else envelope(view, mode, top, depth)
        return view, pieces, take(pieces, WHOLE_BYTES)

    view, pieces, first = await asyncio.to_thread(begin)
    headers = {
        "Content-Type": mode.CONTENT_TYPE if bare else JSON,
        "Cache-Control": "no-cache",
        "Vary": "Accept",
        **clock_header(view.clock),
    }
    if len(first) < WHOLE_BYTES:
        return web.Response(body=first, headers=headers)
    return await _streamed(request, headers, pieces, first)


async def _streamed(
    request: web.Request, headers: dict[str, str], pieces: Iterator[bytes], first: bytes
) -> web.StreamResponse:
    """Sends pieces at the client's pace; they are rendered in a thread as they are taken."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    data = first
    while data:
        rest = memoryview(data)
        while rest:
            await response.write(rest[:PIECE_BYTES])
            rest = rest[PIECE_BYTES:]
        data = await asyncio.to_thread(take, pieces, PIECE_BYTES)
    await response.write_eof()
    return response
