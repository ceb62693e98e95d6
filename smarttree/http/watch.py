"""`/watch`: the roots. `GET` lists them, `POST` adds one, `DELETE` removes one; only below what `--watch-base` names.

Both changes are answered when the clock that has them is committed, and handed to every stream.
"""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode
from concurrent.futures import Future

from aiohttp import web

from smarttree.admission import admit, normal
from smarttree.errors import BadParameter, RootRefused
from smarttree.http.body import read_body
from smarttree.http.clock import json_response
from smarttree.http.errors import require_ready
from smarttree.http.keys import HUB, SERVICE
from smarttree.http.params import Query
from smarttree.http.shielded import shielded
from smarttree.modes import View
from smarttree.printable import name_fields, printable
from smarttree.rooting import Rooted
from smarttree.service import Service
from smarttree.stream.events import totals_field
from smarttree.tree import NO_ID, SERVICE_ID


def describe(service: Service) -> tuple[View, dict[str, object]]:
    """All roots, those that are being added last. Takes a view: not for the event loop."""
    pending = service.rooting.pending()
    view = service.view()
    told = [_root_fields(service, view, root, pending) for root in view.tree.roots()]
    told += [
        {**name_fields("path", path), "state": "scanning", "entries": entries}
        for path, entries in pending.items()
        if view.tree.child(SERVICE_ID, path) == NO_ID
    ]
    bases = [name_fields("path", base) for base in service.config.watch_bases]
    return view, {"roots": told, "bases": bases, "clock": str(view.clock)}


def _root_fields(service: Service, view: View, root: int, pending: dict[bytes, int]) -> dict[str, object]:
    path, totals = view.tree.name(root), view.tree.totals(root)
    state = "scanning" if path in pending else service.state_of_root(root)
    return {
        **name_fields("path", path),
        "state": state,
        "entries": totals.files + totals.dirs,
        **totals_field(totals),
    }


async def get_watch(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    service = request.app[SERVICE]
    require_ready(service)
    view, data = await asyncio.to_thread(describe, service)
    return json_response(data, view.clock)


async def post_watch(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    service = request.app[SERVICE]
    require_ready(service)
    path = normal(await _path_of_body(request))
    if path not in service.rooting.paths:
        path = await asyncio.to_thread(admit, path, _bases(service.config.watch_bases, service.config.roots))
    rooted = await _settled(request, service.rooting.add(path))
    return await _answer(request, path, rooted, 201 if rooted.is_new else 200)


async def delete_watch(request: web.Request) -> web.StreamResponse:
    query = Query(request, ("path",))
    service = request.app[SERVICE]
    require_ready(service)
    given = query.octets("path")
    if given is not None and request.can_read_body:
        raise BadParameter("path is given twice: in the query and in the body; give it once")
    path = normal(given if given is not None else await _path_of_body(request))
    _bases(service.config.watch_bases, ())
    if path not in service.rooting.paths:  # then by a link that it was added by
        path = os.fsencode(await asyncio.to_thread(os.path.realpath, path))
    rooted = await _settled(request, service.rooting.remove(path))
    return await _answer(request, path, rooted, 200)


def _bases(bases: tuple[bytes, ...], roots: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Below what a root may be: also those of the start, which may be removed and come back. Raises RootRefused."""
    if not bases:
        raise RootRefused(
            "what is served was settled at the start: to have roots added and removed, start the server with "
            "--watch-base DIR, once for each directory below which that may be"
        )
    return (*bases, *roots)


async def _settled(request: web.Request, future: Future[Rooted]) -> Rooted:
    """A client that leaves must not cancel what the engine is about to do."""
    rooted = await shielded(asyncio.wrap_future(future))
    await request.app[HUB].reached(rooted.clock.seq)
    return rooted


async def _answer(request: web.Request, path: bytes, rooted: Rooted, status: int) -> web.StreamResponse:
    data = {**name_fields("path", path), "clock": str(rooted.clock), "changed": rooted.is_new}
    response = json_response(data, rooted.clock)
    response.set_status(status)
    return response


async def _path_of_body(request: web.Request) -> bytes:
    """`{"path": "/a"}`, or `path_b64` where it is not UTF-8. Raises BadParameter, and 413 for a body without end."""
    wanted = 'the body is JSON: {"path": "/the/directory"}'
    text = await read_body(request)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadParameter(wanted) from error
    if not isinstance(data, dict):
        raise BadParameter(wanted)
    if unknown := sorted(data.keys() - {"path", "path_b64"}):
        raise BadParameter(f"there is no {printable(unknown[0])!r} here; {wanted}")
    if not data or not all(isinstance(value, str) for value in data.values()):
        raise BadParameter(wanted)
    try:
        return b64decode(data["path_b64"], validate=True) if "path_b64" in data else data["path"].encode()
    except ValueError as error:
        raise BadParameter("path is not UTF-8, or path_b64 no base64") from error
