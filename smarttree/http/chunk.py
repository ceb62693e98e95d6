"""`GET /chunk/HASH`: one group of columns, for whoever was given a manifest that names it; and how one is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from smarttree.codec import to_text
from smarttree.errors import NoSuchChunk
from smarttree.http.clock import clock_header
from smarttree.http.documents import event_body
from smarttree.http.groups import PINNED_S, Groups, Named
from smarttree.http.keys import GROUPS, SERVICE
from smarttree.http.params import Query
from smarttree.http.paths import find_directory
from smarttree.http.stored import Stored, answer
from smarttree.modes import View
from smarttree.modes.quantum import NAME as QUANTUM
from smarttree.stream.events import Body, RootFacts, to_json, tree_parts
from smarttree.stream.openings import MANIFEST, BodyMaker
from smarttree.wire import MEDIA_TYPE_QTN, PREFIX_MANIFEST

HASH_DIGITS: Final = 32
# What an address names never changes: who has it need not ask again.
CACHE: Final = "private, max-age=31536000, immutable"


def body_of(groups: Groups, named: Named) -> Body:
    """A manifest as the body of a `tree`, which stands for all that it names."""
    value = to_json(to_text(PREFIX_MANIFEST, named.manifest))
    return Body("manifest", value, nbytes=named.nbytes, given=lambda: groups.pin(named))


def body_maker(groups: Groups) -> BodyMaker:
    """Makes the bodies of `tree` events, manifests too; where there is no room for one, the whole document."""

    def make(view: View, mode: str, root: int) -> Body:
        if mode != MANIFEST:
            return event_body(view, mode, root)
        named = groups.name(view, root)
        return body_of(groups, named) if named is not None else event_body(view, QUANTUM, root)

    return make


async def manifest(request: web.Request, path: bytes | None, *, bare: bool) -> web.Response | None:
    """The answer of `/tree` with `tree=manifest`; None where there is no room, so that the tree is told whole."""
    service, groups = request.app[SERVICE], request.app[GROUPS]

    def make() -> tuple[View, bytes] | None:
        view = service.view()
        top = find_directory(view.tree, path)
        named = groups.name(view, top)
        if named is None:
            return None
        groups.pin(named)
        if bare:
            return view, named.manifest
        body = body_of(groups, named)
        root = RootFacts(view.tree.path(top), view.tree.totals(top), view.tree.digest(top), body)
        return view, body.json.join(tree_parts(root, QUANTUM, view.clock, reason=None)).encode()

    made = await asyncio.to_thread(make)
    if made is None:
        return None
    view, data = made
    headers = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding", **clock_header(view.clock)}
    return web.Response(body=data, content_type=MEDIA_TYPE_QTN if bare else "application/json", headers=headers)


async def groups_are_let_go(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`: also while nobody asks for anything."""

    async def retire() -> None:
        while True:
            await asyncio.sleep(PINNED_S / 4)
            app[GROUPS].retire()

    task = asyncio.create_task(retire())
    yield
    task.cancel()


async def get_chunk(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    text = request.match_info["hash"]
    known = len(text) == HASH_DIGITS and set(text) <= set("0123456789abcdef")
    group = request.app[GROUPS].get(int(text, 16)) if known else None
    if group is None:
        raise NoSuchChunk("there is no such chunk, or no longer; a manifest's are kept for a minute: fetch a new one")
    headers = {"Cache-Control": CACHE, "Content-Type": "application/octet-stream"}
    return await answer(request, f'"{text}"', headers, Stored(group, len(group)))
