"""Answers that are stored: made once for all who ask for the same, and sent from a file that has no name.

A body has its length and its bytes for good, so it can have an entity tag and be asked for in parts. It lives as long
as someone holds it: the shelf, for those who may ask next, or a client that is being sent it, however slow. Up to
SMALL_BYTES it is in memory, and goes in one write; beyond, the kernel is given as much as it takes at once, and copies
the rest from its file to the socket.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import sys
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final, cast

from aiohttp import web

from smarttree.errors import SystemLimit
from smarttree.http.conditional import NOT_MODIFIED, Span, precondition, select
from smarttree.http.errors import problem

LINUX: Final = bool(sys.platform == "linux")
SMALL_BYTES: Final = 64 * 1024
AT_ONCE_BYTES: Final = 4 << 20  # the kernel takes no more for one socket, by its defaults
NOTHING: Final = memoryview(b"")
PIECE_BYTES: Final = 256 * 1024  # where the kernel can't copy: TLS, other systems
# Of all bodies there are, with those that slow clients still read. Where they are more, nothing new is made.
LIVING_BYTES: Final = 1 << 30
# A peer that takes nothing for so long is gone, and with it what it holds.
USER_TIMEOUT_MS: Final = 60_000
CONDITIONS: Final = ("If-Match", "If-None-Match", "If-Range", "Range")
OF_A_BODY: Final = frozenset({"Content-Type", "Content-Encoding"})

Make = Callable[[], Iterable[bytes]]


class Share:
    """Of the memory that a body takes: one for the body and all who were lent it, there as long as any of them is."""

    def __init__(self, size: int, mapped: memoryview = NOTHING) -> None:
        self.size = size
        self.mapped = mapped


class Stored:
    """Bytes that never change. Its file is closed with it, or before: by whoever was lent it, when it has been sent."""

    def __init__(self, small: bytes, size: int, descriptor: int = -1, share: Share | None = None) -> None:
        self.size = size
        self.share: Share | None = share or Share(size)
        self._small = small
        self._descriptor = descriptor
        self._end = weakref.finalize(self, os.close, descriptor) if descriptor >= 0 else None

    def lend(self) -> Stored:
        """The same with a descriptor of its own, to be closed by whom it is for."""
        return Stored(self._small, self.size, os.dup(self._descriptor) if self._end else -1, self.share)

    @property
    def mapped(self) -> memoryview:
        """The beginning of it, where it is in a file: up to AT_ONCE_BYTES. Good until `close`."""
        return self.share.mapped if self.share is not None else NOTHING

    def close(self) -> None:
        """May be called twice. For who can't be sure to be the last: an error on the way to a client is held by a
        circle that goes through asyncio's frames, and whatever those hold stays until it is found.
        """
        self.share = None
        if self._end is not None:
            self._end()

    def fileno(self) -> int:
        """The file that has it, or -1 where it is in memory."""
        return self._descriptor

    def read(self, start: int, stop: int) -> bytes:
        if self._descriptor < 0:
            return self._small[start:stop]
        return os.pread(self._descriptor, stop - start, start)

    def pieces(self) -> Iterable[bytes]:
        for start in range(0, self.size, PIECE_BYTES):
            yield self.read(start, min(start + PIECE_BYTES, self.size))


def _unnamed_file() -> int:
    """In memory where the system has such files. Elsewhere on a disk, and its name is gone before anyone looks."""
    if LINUX:
        return os.memfd_create("smarttree-answer")
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def store(pieces: Iterable[bytes]) -> Stored:
    """Takes all the pieces. Renders them: not for the event loop."""
    taken = bytearray()
    source = iter(pieces)
    for each in source:
        taken += each
        if len(taken) > SMALL_BYTES:
            return _store_large(taken, source)
    return Stored(bytes(taken), len(taken))


def _store_large(begun: bytes | bytearray, rest: Iterable[bytes]) -> Stored:
    descriptor = _unnamed_file()
    try:
        size = _write(descriptor, begun) + sum(_write(descriptor, each) for each in rest)
    except BaseException:
        os.close(descriptor)
        raise
    return Stored(b"", size, descriptor, Share(size, _mapped(descriptor, size)))


def _mapped(descriptor: int, size: int) -> memoryview:
    if not LINUX:
        return NOTHING
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    return memoryview(mmap.mmap(descriptor, min(size, AT_ONCE_BYTES), flags=flags, prot=mmap.PROT_READ))


def _write(descriptor: int, data: bytes | bytearray) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)


# What calls the first with the second, in a thread.
Run = Callable[[Callable[[Make], Stored], Make], Coroutine[Any, Any, Stored]]


class Shelf:
    """The bodies made last, by what they are of; the least recently used are dropped beyond `max_bytes`, and
    never the newest.

    For one loop. What several ask for while it is made is made once, by `run` in a thread.
    """

    def __init__(self, max_bytes: int, run: Run = asyncio.to_thread) -> None:
        self._max_bytes = max_bytes
        self._run = run
        self._kept: OrderedDict[Hashable, Stored] = OrderedDict()
        self._making: dict[Hashable, asyncio.Future[Stored]] = {}
        self._living: weakref.WeakSet[Share] = weakref.WeakSet()
        self._closed = False

    @property
    def is_empty(self) -> bool:
        """May be asked from any thread."""
        return not self._kept and not self._making

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return sum(body.size for body in self._kept.values())

    def at_hand(self, key: Hashable) -> Stored | None:
        return self._kept.get(key)

    def take(self, key: Hashable) -> Stored | None:
        """The body of `key`, lent, where it is kept."""
        body = self._kept.get(key)
        if body is None:
            return None
        self._kept.move_to_end(key)
        return body.lend()

    async def lend(self, key: Hashable, make: Make) -> Stored:
        """The body of `key`, lent; `make` gives its pieces, and runs in a thread. Raises what it raises, and 503
        where LIVING_BYTES are exceeded.
        """
        return (await self._get(key, make)).lend()

    async def _get(self, key: Hashable, make: Make) -> Stored:
        body = self._kept.get(key)
        if body is not None:
            self._kept.move_to_end(key)
            return body
        making = self._making.get(key)
        if making is None:
            if sum(share.size for share in self._living) > LIVING_BYTES:
                raise web.HTTPServiceUnavailable(text="slow clients hold too many old answers; ask again later")
            making = self._making[key] = asyncio.ensure_future(self._run(self._make, make))
            making.add_done_callback(lambda made: self._made(key, made))
        return await asyncio.shield(making)  # who leaves must not take it from the others

    def _make(self, make: Make) -> Stored:
        """Runs in a thread."""

        def until_closed() -> Iterable[bytes]:
            for piece in make():
                if self._closed:
                    raise ConnectionAbortedError("the server ends")
                yield piece

        try:
            return store(until_closed())
        except ConnectionAbortedError:
            raise
        except OSError as error:
            raise SystemLimit(f"there is no room for the answer: {error.strerror}") from error

    def _made(self, key: Hashable, made: asyncio.Future[Stored]) -> None:
        wanted = self._making.get(key) is made
        if wanted:
            del self._making[key]
        if made.cancelled() or made.exception() is not None:
            return
        body = made.result()
        if body.share is not None:
            self._living.add(body.share)
        if wanted:
            self._kept[key] = body
        while len(self._kept) > 1 and self.nbytes > self._max_bytes:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Nothing that was made so far, or is being made, will be asked for again."""
        self._kept.clear()
        self._making.clear()

    def close(self) -> None:
        """Nothing more is made."""
        self._closed = True
        self.clear()


def _asked(request: web.BaseRequest) -> dict[str, str]:
    return {name: ", ".join(request.headers.getall(name)) for name in CONDITIONS if name in request.headers}


def is_wanted(request: web.BaseRequest, tag: str) -> bool:
    """Whether `answer` needs the body of `tag`: not for who has it."""
    return precondition(_asked(request), tag) is None


async def answer(
    request: web.BaseRequest, tag: str, headers: Mapping[str, str], body: Stored | None
) -> web.StreamResponse:
    """A stored body that was lent, as a request wants it: not at all (and then there need be none), in part, or whole.

    Lasts as long as the client takes for it, so its caller should hold nothing large.
    """
    try:
        return await _answer(request, tag, headers, body)
    finally:
        if body is not None:
            body.close()


async def _answer(
    request: web.BaseRequest, tag: str, headers: Mapping[str, str], body: Stored | None
) -> web.StreamResponse:
    asked, told = _asked(request), {**headers, "ETag": tag, "Accept-Ranges": "bytes"}
    status = precondition(asked, tag)
    if status == NOT_MODIFIED:
        return web.Response(status=status, headers={name: told[name] for name in told if name not in OF_A_BODY})
    if status is not None or body is None:
        return problem(412, "precondition-failed", "it is not what If-Match names any more", headers={"ETag": tag})
    span = select(asked, tag, body.size) if request.method == "GET" else None
    if span is None:
        return await _sent(request, 200, told, body, Span(0, body.size))
    if span.start == span.stop:
        outside = {"Content-Range": f"bytes */{body.size}"}
        return problem(416, "range-not-satisfiable", f"it has {body.size} bytes", headers=outside)
    return await _sent(request, 206, {**told, "Content-Range": span.content_range(body.size)}, body, span)


async def _sent(
    request: web.BaseRequest, status: int, headers: Mapping[str, str], body: Stored, span: Span
) -> web.StreamResponse:
    size = span.stop - span.start
    if size <= SMALL_BYTES:
        return web.Response(status=status, headers=headers, body=body.read(*span))
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(size)})
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    try:
        with _corked(request.transport):
            await response.prepare(request)
            start = span.start + _at_once(request.transport, body, span)
        if start < span.stop and not await _by_kernel(request, body, span._replace(start=start)):
            for at in range(start, span.stop, PIECE_BYTES):
                await response.write(body.read(at, min(at + PIECE_BYTES, span.stop)))
    except OSError as error:  # of the connection: it timed out, the network is gone
        raise ConnectionResetError(str(error)) from error
    return response


@contextmanager
def _corked(transport: asyncio.WriteTransport | None) -> Iterator[None]:
    """What is written goes out together: to wake a client for the head alone costs as much as for all of it."""
    peer = transport.get_extra_info("socket") if LINUX and transport is not None else None
    if peer is None:
        yield
        return
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    try:
        yield
    finally:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def _at_once(transport: asyncio.WriteTransport | None, body: Stored, span: Span) -> int:
    """How many bytes the kernel takes without anyone waiting. For a client that keeps up it is all of them, and then
    there is no waiting for a socket, which costs more than a megabyte does. Copied: to send the pages themselves is no
    cheaper so, and dearer for the client. Nothing else is written meanwhile: this is the loop's thread.
    """
    if (
        not body.mapped[span.start : span.stop]
        or transport is None
        or transport.get_extra_info("sslcontext") is not None
    ):
        return 0
    if transport.get_write_buffer_size() or transport.is_closing():
        return 0
    try:
        peer = transport.get_extra_info("socket")
        return os.write(peer.fileno(), body.mapped[span.start : span.stop])
    except OSError:  # it takes nothing now; or what is wrong is found again, and told, by who waits
        return 0


async def _by_kernel(request: web.BaseRequest, body: Stored, span: Span) -> bool:
    """Whether it could be sent so. Several may be sent the same body: each reads by offset."""
    transport = request.transport
    if transport is None or transport.is_closing():  # of which asyncio would say that it is our mistake
        raise ConnectionResetError("the client left")
    if transport.get_extra_info("sslcontext") is not None:
        return False
    if LINUX:
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    loop, file = asyncio.get_running_loop(), cast(IO[bytes], body)
    try:
        await loop.sendfile(transport, file, span.start, span.stop - span.start, fallback=False)
    except (NotImplementedError, asyncio.SendfileNotAvailableError):
        return False
    return True
