"""`GET /changes`: what has changed since a clock, for who asks now and then, and may wait for there to be something.

Law: nothing is left out, and what can't be told is said aloud: 410, with the clock to start from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from smarttree.clock import Clock
from smarttree.codec.coding import CODINGS, IDENTITY, document
from smarttree.difference import Difference
from smarttree.errors import BadParameter
from smarttree.http.access import ACCESS
from smarttree.http.clock import clock_header, synced
from smarttree.http.criteria import criteria, only_content
from smarttree.http.errors import require_ready
from smarttree.http.keys import SERVICE
from smarttree.http.negotiation import choose
from smarttree.http.params import Query
from smarttree.http.tree import accepted
from smarttree.http.waiting import WAITING, Wanted
from smarttree.printable import name_fields
from smarttree.stream.batch import Change
from smarttree.stream.events import timestamp_text, to_json
from smarttree.wire import MEDIA_TYPE_QTN

KNOWN: Final = ("since", "wait", "path", "include", "exclude", "types", "only", "sync")
WAIT_MAX_S: Final = 300
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
TYPES: Final = (JSON, NDJSON, MEDIA_TYPE_QTN)
PIECE_CHANGES: Final = 500  # about 64 KiB


def fields(change: Change, time_ns: int) -> dict[str, object]:
    """A change as in the stream, but for its delta."""
    return {
        "type": change.type,
        **name_fields("path", change.path),
        **(name_fields("old_path", change.old_path) if change.old_path is not None else {}),
        "kind": change.kind,
        "size": change.size,
        "timestamp": timestamp_text(time_ns),
        **({"content": change.content} if change.content is not None else {}),
    }


def _lines(found: Difference) -> Iterator[str]:
    for time_ns, some in found.told:
        for change in some:
            yield to_json(fields(change, time_ns))


def _ending(found: Difference, count: int | None) -> str:
    """The fields of an answer but the changes; or with their number."""
    told = {"clock": str(found.clock), "from": str(found.since), "complete": not found.more}
    return to_json(told if count is None else {"changes": count, **told})


def _pieces(parts: Iterator[str]) -> Iterator[bytes]:
    batch: list[str] = []
    for part in parts:
        batch.append(part)
        if len(batch) == PIECE_CHANGES:
            yield "".join(batch).encode("utf-8", "replace")
            batch = []
    yield "".join(batch).encode("utf-8", "replace")


def render(found: Difference, form: str) -> Iterator[bytes]:
    """The document, in pieces."""
    if form == MEDIA_TYPE_QTN:
        return iter((found.data or b"",))
    if form == NDJSON:
        return _pieces(_as_ndjson(found))
    return _pieces(_as_json(found))


def _as_ndjson(found: Difference) -> Iterator[str]:
    count = 0
    for line in _lines(found):
        count += 1
        yield line + "\n"
    yield _ending(found, count) + "\n"


def _as_json(found: Difference) -> Iterator[str]:
    yield _ending(found, None)[:-1] + ',"changes":['
    for number, line in enumerate(_lines(found)):
        yield f",{line}" if number else line
    yield "]}\n"


def read(request: web.Request) -> tuple[Wanted, int, str, str]:
    """What is wanted, how long to wait for it, its media type and its coding. Raises BadParameter, 406."""
    query, service = Query(request, KNOWN), request.app[SERVICE]
    since, types = query.text("since"), accepted(request)
    clock = Clock.parse(since) if since is not None else None
    if clock is None:
        raise BadParameter("since is a clock, from /clock, /tree, the stream's ids or the last answer; give one")
    form = next((each for each in TYPES if each in types), JSON)
    if form not in types and not types & {"application/*", "*/*"}:
        raise web.HTTPNotAcceptable(text=f"changes come as {', '.join(TYPES)}")
    coding = choose(request.headers.getall("Accept-Encoding", []), CODINGS)
    if coding is None:
        raise web.HTTPNotAcceptable(text=f"changes come as {', '.join(CODINGS)}")
    only = only_content(query, contents=service.config.content_hash)
    if only and form == MEDIA_TYPE_QTN:
        raise BadParameter("only=content does not go with QTN1, which always tells all; ask for JSON")
    wanted = Wanted(clock, criteria(query, service.rooting.paths), only, form == MEDIA_TYPE_QTN)
    return wanted, query.number("wait", 0, WAIT_MAX_S) or 0, form, coding


async def get_changes(request: web.Request) -> web.StreamResponse:
    wanted, wait_s, form, coding = read(request)
    require_ready(request.app[SERVICE])
    if Query(request, KNOWN).flag("sync"):
        await synced(request.app)
    waiting = request.app[WAITING]
    found = await (waiting.wait(wanted, wait_s) if wait_s else waiting.get(wanted))
    request.app[ACCESS].require_still(request)
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding", **clock_header(found.clock)}
    if form == MEDIA_TYPE_QTN and not found.data:
        return web.Response(status=204, headers=headers)
    body = await asyncio.to_thread(b"".join, document(coding, render(found, form)))
    headers |= {"Content-Type": form} | ({"Content-Encoding": coding} if coding != IDENTITY else {})
    return web.Response(body=body, headers=headers)
