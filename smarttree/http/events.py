"""`GET /events`: the stream. This file reads the request, and owns the connection until it is detached; the hub does
the rest.

A browser's EventSource ends for good at any answer but 200. So only a request that can never be right gets another;
a full house and a shutdown are told by `retry:` and a close.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from math import ceil
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from smarttree import modes
from smarttree.clock import Clock
from smarttree.codec.coding import CODINGS, IDENTITY, piece, preface
from smarttree.errors import BadParameter
from smarttree.http.access import ACCESS
from smarttree.http.criteria import criteria, only_content
from smarttree.http.guests import Guest, guest_of
from smarttree.http.keys import CONFIG, HUB, SERVICE
from smarttree.http.limits import WAIT_S
from smarttree.http.negotiation import choose
from smarttree.http.params import Query
from smarttree.stream import sse
from smarttree.stream.classes import EVENTS, StreamClass

KNOWN: Final = ("path", "mode", "events", "tree", "only", "since", "include", "exclude", "types", "ticket")
# Without a bound the kernel grows the buffer of a stalled client to 3.8 MB; with this it holds 0.25 MB.
SEND_BUFFER_BYTES: Final = 128 * 1024
# A peer that acknowledges nothing, or takes nothing, for so long is gone: TCP alone gives up after 15 minutes.
USER_TIMEOUT_MS: Final = 60_000
WRITE_BYTES: Final = 64 * 1024
SORRY: Final = "as many streams as may be are open, or this address asks too often; come back later"
HEARD_MAX: Final = 64 * 1024  # from a client after its request, which has nothing more to say


class EventStream(web.StreamResponse):
    """A response without length or chunks: it ends where the connection does, and the same bytes serve everyone."""

    _length_check = False  # aiohttp's own switch (its WebSocketResponse uses it): no Content-Length, no chunks

    def __init__(self, coding: str, *, varies: bool) -> None:
        super().__init__(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store, no-transform",
                "X-Accel-Buffering": "no",
                **({"Content-Encoding": coding} if coding != IDENTITY else {}),
                **({"Vary": "Accept-Encoding"} if varies else {}),
            }
        )
        self.force_close()


class Deaf(asyncio.Protocol):
    """In place of the server's own protocol, which would keep what comes after the request as requests to come.

    What is written, and how the connection ends, is still that one's affair. A client that says more than HEARD_MAX is
    dropped, as the reactor does.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._server = transport.get_protocol()
        self._heard = 0

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        if self._heard > HEARD_MAX:
            self._transport.abort()

    def eof_received(self) -> None:
        """Half a connection is none: without a word, asyncio closes it."""

    def pause_writing(self) -> None:
        self._server.pause_writing()

    def resume_writing(self) -> None:
        self._server.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connection_lost(error)


class Connection:
    """A client's connection, as the hub sees it."""

    __slots__ = ("_response", "_socket", "_transport", "_writer", "guest")

    def __init__(
        self, response: EventStream, writer: AbstractStreamWriter, transport: asyncio.Transport, guest: Guest
    ) -> None:
        self.guest = guest
        self._response = response
        self._writer = writer
        self._transport = transport
        self._socket = transport.get_extra_info("socket")
        transport.set_protocol(Deaf(transport))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    @property
    def peer(self) -> str:
        host, port = (self._transport.get_extra_info("peername") or ("", 0))[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def free(self) -> bool:
        return not self._transport.is_closing() and self._transport.get_write_buffer_size() == 0

    def send(self, data: bytes) -> None:
        self._transport.write(data)

    async def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            await self._response.write(rest[:WRITE_BYTES])
            rest = rest[WRITE_BYTES:]

    async def settle(self) -> bool:
        if self._transport.get_extra_info("sslcontext") is not None:
            return False
        self._transport.set_write_buffer_limits(0)  # so that to be drained is to be empty
        await self._writer.drain()
        if self._transport.is_closing():
            raise ConnectionResetError("the client left")
        return True

    def detach(self) -> int:
        """The abort closes aiohttp's descriptor alone, and has it forget the connection: the kernel's lives on."""
        descriptor = os.dup(self._socket.fileno())
        self._transport.abort()
        return descriptor

    def abort(self) -> None:
        self._transport.abort()


def stream_coding(request: web.BaseRequest, *, compress: bool) -> str:
    """What the stream is compressed as. Raises 406 where the client takes it in no way it can be had."""
    coding = choose(request.headers.getall("Accept-Encoding", []), CODINGS if compress else (IDENTITY,))
    if coding is None:
        offered = " or ".join(CODINGS) if compress else "without a content coding, as there is no --compress"
        raise web.HTTPNotAcceptable(text=f"the stream comes as {offered}")
    return coding


def stream_class(
    query: Query, default_mode: str, roots: Sequence[bytes], *, contents: bool, coding: str = IDENTITY
) -> StreamClass:
    """The class a request asks for. `contents`: those of files are compared. Raises an InputError."""
    mode = query.word("mode", default_mode)
    modes.check(mode)
    events = frozenset(EVENTS)
    if asked := query.all("events"):
        events = frozenset(name for value in asked for name in value.split(","))
        if unknown := sorted(events - set(EVENTS)):
            raise BadParameter(f"there is no event {unknown[0]!r}; the events are {', '.join(EVENTS)}")
    tree = query.word("tree", "full")
    if tree not in ("full", "manifest", "none"):
        raise BadParameter(f"tree is full, manifest or none, not {tree!r}")
    if tree == "manifest" and mode != "quantum":
        raise BadParameter(f"tree=manifest goes with mode quantum, not with {mode}")
    only = only_content(query, contents=contents)
    part = criteria(query, roots)
    return StreamClass(mode, events, tree != "none", only, part, coding, manifest=tree == "manifest")


def resume_point(request: web.Request, query: Query) -> str | None:
    """The clock a client comes with. The header wins: a browser sends it, and keeps the `since` of the address.

    A malformed header is only an unknown clock, and rebased: an EventSource that was refused would never come back.
    """
    since = query.text("since")
    if since is not None and Clock.parse(since) is None:
        raise BadParameter("since is no clock; take one from an id, a tree event or /clock")
    return request.headers.get("Last-Event-ID") or since


async def get_events(request: web.Request) -> web.StreamResponse:
    query = Query(request, KNOWN)
    config, hub, service = request.app[CONFIG], request.app[HUB], request.app[SERVICE]
    coding = stream_coding(request, compress=config.compress)
    contents = service.config.content_hash
    asked = stream_class(query, config.mode, service.rooting.paths, contents=contents, coding=coding)
    since = resume_point(request, query)
    response = EventStream(coding, varies=config.compress)
    writer = await response.prepare(request)
    if request.method == "HEAD":
        return response
    transport = request.transport
    if transport is None or writer is None:
        raise ConnectionResetError("the client left")
    guest = guest_of(request) if WAIT_S not in request else None
    if guest is None:
        later = max(hub.retry_ms(), ceil(1000 * request.get(WAIT_S, 0.0)))
        await response.write(preface(coding) + piece(coding, sse.retry(later) + sse.comment(SORRY)))
        return response
    try:
        if request.app[ACCESS].is_good(guest.shown, guest.address):  # still: the headers took their time
            await hub.serve(Connection(response, writer, transport, guest), asked, since)
    finally:
        guest.leave()
    return response
