"""`GET /search`: contents and names below a path, streamed as they are found, in the envelope of ripgrep's `--json`.

Bounded: in matches, in time, and in how many searches there are at a time. Once its client has left, a search ends.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import ExitStack, aclosing, suppress
from typing import Final, NamedTuple

from aiohttp import web

from smarttree.errors import BadParameter, NotAFile, TooManySearches
from smarttree.http.access import ACCESS, HOLDER
from smarttree.http.clock import clock_header, synced
from smarttree.http.criteria import checked_glob
from smarttree.http.errors import require_ready
from smarttree.http.keys import SERVICE
from smarttree.http.limits import LIMITS
from smarttree.http.params import Query
from smarttree.http.paths import find_directory, find_entry
from smarttree.http.shielded import shielded
from smarttree.http.tree import JSON, accepted
from smarttree.modes import View
from smarttree.printable import printable
from smarttree.row import kind_of
from smarttree.search import (
    CASES,
    CONTEXT_MAX,
    ContentSearch,
    Message,
    Names,
    Pattern,
    Scope,
    compile_pattern,
    find_names,
)
from smarttree.stream.events import to_json

KNOWN: Final = ("q", "path", "in", "regex", "case", "glob", "context", "limit", "timeout_ms", "sync")
NDJSON: Final = "application/x-ndjson"
LIMIT: Final = 1000
LIMIT_MAX: Final = 100_000
TIMEOUT_MS: Final = 10_000
TIMEOUT_MS_MAX: Final = 60_000
TAKEN_WITHIN_S: Final = 5.0  # after its time is over, a search's client has so long to take what is left
GATHER_S: Final = 0.005  # what is found within it is sent together


class Asked(NamedTuple):
    """What a request asks for."""

    pattern: Pattern | None  # None: each name
    path: bytes | None
    is_name: bool
    only: tuple[bytes, ...]
    without: tuple[bytes, ...]
    context: int
    limit: int
    timeout_s: float
    sync: bool
    is_lines: bool


def read(request: web.Request) -> Asked:
    """Raises BadParameter, and 406."""
    query = Query(request, KNOWN)
    where = _one_of(query, "in", ("content", "name"))
    case = _one_of(query, "case", CASES)
    globs = query.octets_all("glob")
    asked, regex, context = query.octets("q"), query.flag("regex"), query.number("context", 0, CONTEXT_MAX)
    if asked is None and not (where == "name" and globs):
        raise BadParameter("q is missing: what to look for (with in=name, a glob is enough)")
    if where == "name" and context is not None:
        raise BadParameter("context does not go with in=name: a name has no lines around it")
    return Asked(
        compile_pattern(asked, regex=regex, case=case) if asked is not None else None,
        query.octets("path"),
        where == "name",
        tuple(checked_glob("glob", glob) for glob in globs if not glob.startswith(b"!")),
        tuple(checked_glob("glob", glob[1:]) for glob in globs if glob.startswith(b"!")),
        context or 0,
        query.number("limit", 1, LIMIT_MAX) or LIMIT,
        (query.number("timeout_ms", 1, TIMEOUT_MS_MAX) or TIMEOUT_MS) / 1000,
        query.flag("sync"),
        _is_in_lines(accepted(request)),
    )


def _one_of(query: Query, name: str, values: tuple[str, ...]) -> str:
    value = query.word(name, values[0])
    if value not in values:
        raise BadParameter(f"{name} is {' or '.join(values)}, not {value[:40]!r}")
    return value


def _is_in_lines(accept: set[str]) -> bool:
    if NDJSON in accept and JSON not in accept:
        return True
    if accept & {JSON, "application/*", "*/*"}:
        return False
    raise web.HTTPNotAcceptable(text=f"a search comes as {JSON} or {NDJSON}")


def _scope(view: View, asked: Asked) -> Scope:
    tree = view.tree
    if asked.path is None and len(tree.roots()) > 1:
        return Scope(tree, tree.roots(), asked.only, asked.without)
    top = (find_directory if asked.is_name else find_entry)(tree, asked.path)
    if not tree.is_dir(top) and kind_of(tree.mode(top)) != "file":
        raise NotAFile(f"{printable(tree.path(top))} is no regular file; only those have a content")
    return Scope(tree, [top], asked.only, asked.without)


class Part(NamedTuple):
    """A part of an answer: what was found; and, in the last one, what is to be said of all."""

    found: list[Message]
    summary: dict[str, object] | None = None


async def get_search(request: web.Request) -> web.StreamResponse:
    asked, service = read(request), request.app[SERVICE]
    require_ready(service)
    if asked.sync:
        await synced(request.app)

    def find() -> tuple[View, Scope]:
        view = service.view()
        return view, _scope(view, asked)

    view, scope = await asyncio.to_thread(find)
    headers = {
        "Content-Type": NDJSON if asked.is_lines else JSON,
        "Cache-Control": "no-store",
        "Vary": "Accept",
        **clock_header(view.clock),
    }
    if request.method == "HEAD":
        return web.Response(headers=headers)
    parts = (_names if asked.is_name else _contents)(scope, asked, _slot(request))
    return await _send(request, headers, _framed(parts, str(view.clock), in_lines=asked.is_lines), asked.timeout_s)


def _slot(request: web.Request) -> Callable[[], None]:
    """Held by a search while it runs: the last of its threads gives it back. Raises TooManySearches."""
    loop, limits = asyncio.get_running_loop(), request.app[LIMITS]
    holder, address = request.get(HOLDER), request.app[ACCESS].address_of(request)
    if not limits.search(holder, address):
        raise TooManySearches(
            "as many searches are under way as may be, in all or of yours; ask again when one has ended"
        )

    def give_back() -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(limits.end_search, holder, address)

    return give_back


async def _send(
    request: web.Request, headers: Mapping[str, str], pieces: AsyncGenerator[bytes], timeout_s: float
) -> web.StreamResponse:
    """Send an answer while it is made. Who does not take it in time is left."""
    response = web.StreamResponse(headers=headers)
    async with aclosing(pieces):
        first = await anext(pieces)  # what fails before anything was found is told by its status
        await response.prepare(request)
        try:
            async with asyncio.timeout(timeout_s + TAKEN_WITHIN_S):
                await response.write(first)
                async for piece in pieces:
                    await response.write(piece)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionAbortedError("the client did not take what was found") from None
    return response


async def _framed(parts: AsyncGenerator[Part], clock: str, *, in_lines: bool) -> AsyncGenerator[bytes]:
    """An answer's parts as NDJSON, a message a line; or as one JSON document."""
    comma = b""
    async with aclosing(parts):
        async for part in parts:
            if in_lines:
                told = [b'{"type":"%b","data":%b}\n' % (kind.encode(), data) for kind, data, _ in part.found]
                if part.summary is not None:
                    told.append(to_json({"type": "summary", "data": {**part.summary, "clock": clock}}).encode() + b"\n")
            else:
                told = [b"" if comma else b'{"matches":[']
                for kind, data, _ in part.found:
                    if kind not in ("begin", "end"):
                        told.append(b'%b{"type":"%b",%b' % (comma, kind.encode(), data[1:]))
                        comma = b","
                comma = comma or b" "
                if part.summary is not None:
                    told.append(b"]," + to_json({**part.summary, "clock": clock}).encode()[1:])
            if any(told):
                yield b"".join(told)


def _outcome(*, limit_reached: bool, timed_out: bool) -> dict[str, object]:
    complete = not (limit_reached or timed_out)
    return {"complete": complete, "limit_reached": limit_reached, "timed_out": timed_out}


async def _names(scope: Scope, asked: Asked, give_back: Callable[[], None]) -> AsyncGenerator[Part]:
    deadline_s, ended = time.monotonic() + asked.timeout_s, threading.Event()

    def look() -> Names:
        try:
            return find_names(
                scope, asked.pattern, asked.limit, lambda: ended.is_set() or time.monotonic() > deadline_s
            )
        finally:
            give_back()

    try:
        # Who leaves must not take the slot along.
        names = await shielded(asyncio.ensure_future(asyncio.to_thread(look)))
    finally:
        ended.set()
    outcome = _outcome(limit_reached=names.limit_reached, timed_out=names.is_cut)
    yield Part(names.found, {"stats": {"matches": len(names.found)}, **outcome})


async def _contents(scope: Scope, asked: Asked, give_back: Callable[[], None]) -> AsyncGenerator[Part]:
    loop, ready, timed_out = asyncio.get_running_loop(), asyncio.Event(), False
    deadline_s = loop.time() + asked.timeout_s

    def wake() -> None:  # in any thread, and perhaps when the loop has ended
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(ready.set)

    beginning = asyncio.ensure_future(asyncio.to_thread(_begin, scope, asked, wake, give_back))
    try:
        search = await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(_stop_begun)
        raise
    try:
        is_over = False
        while not is_over:
            try:
                async with asyncio.timeout_at(deadline_s):
                    await ready.wait()
            except TimeoutError:
                timed_out = True
            ready.clear()
            found, is_over = search.take(is_last=timed_out or loop.time() > deadline_s)
            timed_out |= is_over and not search.is_complete and not search.limit_reached
            outcome = _outcome(limit_reached=search.limit_reached, timed_out=timed_out)
            yield Part(found, {**search.figures(), **outcome} if is_over else None)
            if not is_over:
                await asyncio.sleep(GATHER_S)
    finally:
        search.stop()


def _begin(scope: Scope, asked: Asked, wake: Callable[[], None], give_back: Callable[[], None]) -> ContentSearch:
    assert asked.pattern is not None
    with ExitStack() as until_begun:
        until_begun.callback(give_back)
        search = ContentSearch(scope, asked.pattern, context=asked.context, limit=asked.limit, wake=wake, end=give_back)
        search.start()
        until_begun.pop_all()
    return search


def _stop_begun(beginning: asyncio.Future[ContentSearch]) -> None:
    if not beginning.cancelled() and beginning.exception() is None:
        beginning.result().stop()
