"""What speaks HTTP: aiohttp's server with bounds of ours. Whatever it refuses by itself is a problem document, too, and
what is not our fault is one line in the log, without a traceback.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, InvalidURLError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo

from smarttree.http.errors import problem
from smarttree.http.framing import clear, malformed
from smarttree.http.keys import CONFIG
from smarttree.printable import printable

if TYPE_CHECKING:
    from smarttree.http.door import Inside

# For requests under way at the end, twice (aiohttp waits, cancels, and waits again): the whole must fit in a second.
SHUTDOWN_S: Final = 0.2
# Of all headers together: aiohttp bounds each, and their number, to a megabyte that a client may hold for nothing. What
# comes in one read with the request before is not counted until more does.
HEAD_MAX_BYTES: Final = 32 * 1024
# asyncio makes a buffer of 256 KiB for each read and cuts it to what came. What is kept of that, a word of a header,
# leaves a hole that no other buffer fits into: after 60,000 malformed requests 50 of 66 MB of the heap were holes.
READ_BYTES: Final = 16 * 1024
LAST_S: Final = 2.0  # for whoever has been refused, to take what was sent
NAME: Final = "smarttree"  # and not its version, or that of what it is made with: those are known weaknesses at times


class Runner(web.AppRunner):
    """One application, on the sockets that it is given. A body is left as it comes: none needs to be compressed, and a
    small one could become a large one.
    """

    def __init__(self, app: web.Application) -> None:
        logger = logging.getLogger("smarttree.http.wire")
        logger.addFilter(_one_line)
        app.on_response_prepare.append(_name)
        super().__init__(
            app,
            handler_cancellation=True,
            keepalive_timeout=app[CONFIG].idle_s,
            lingering_time=app[CONFIG].request_s,  # for a body that nobody wants
            access_log=None,
            auto_decompress=False,
            shutdown_timeout=SHUTDOWN_S,
            logger=logger,
        )

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = Server
        assert isinstance(server, Server)
        server.request_s = self.app[CONFIG].request_s
        server.request_handler = clear(server.request_handler)
        return server

    @property
    def ours(self) -> Server:
        """What takes connections. After `setup`."""
        assert isinstance(self.server, Server)
        return self.server


class Server(web.Server):
    """aiohttp's own, with connections of ours: it lets nobody choose their class."""

    request_s = 0.0

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(web.RequestHandler):
    """A request's head has bounds in all, in bytes and in time. `inside` is the door's word for it."""

    __slots__ = ("_head_bytes", "_payload", "_request_s", "inside")

    def __init__(self, server: Server, *, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(server, loop=loop, **settings)
        self._request_s = server.request_s
        self._head_bytes = 0  # of one that has begun
        self._payload: StreamReader = EMPTY_PAYLOAD  # of the last request that came
        self.inside: Inside | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast(Any, transport).max_size = READ_BYTES
        self._end_within(self._request_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        inside, self.inside = self.inside, None
        if inside is not None:
            inside.leave()

    def data_received(self, data: bytes) -> None:
        if self._head_bytes > HEAD_MAX_BYTES or self._close:  # it was refused
            return
        count, large = self._request_count, self._head_bytes + len(data) > HEAD_MAX_BYTES
        super().data_received(data)
        if self._request_count != count:
            self._head_bytes = 0
            self._end_within(self._keepalive_timeout)
            if self._messages:
                self._begin(*self._messages[-1])
            if large and any(_head_bytes(message) > HEAD_MAX_BYTES for message, _ in self._messages):
                self._messages.clear()
                self._refuse()
        elif data and self._payload.is_eof():
            if not self._head_bytes:
                self._end_within(self._request_s)
            self._head_bytes += len(data)
            if large:
                self._refuse()

    def _begin(self, message: RawRequestMessage | _ErrInfo, payload: StreamReader) -> None:
        """The newest that came. What is wrong in a body comes as a message of its own, which is answered after the one
        whose body that is: who waits for it is told at once.
        """
        if isinstance(message, _ErrInfo) and not self._payload.is_eof():
            self._payload.set_exception(BadHttpMessage(_told(message.exc, message.message)))
        self._payload = payload

    def _end_within(self, seconds: float) -> None:
        """Close it then, if it waits for a request still. A timer that fires too early is set anew by itself."""
        close_time = self._next_keepalive_close_time = self._loop.time() + seconds
        timer = self._keepalive_handle
        if not isinstance(timer, asyncio.TimerHandle) or timer.when() > close_time:
            if timer is not None:
                timer.cancel()
            self._keepalive_handle = self._loop.call_at(close_time, self._process_keepalive)

    def _refuse(self) -> None:
        """As what can't be parsed."""
        self._head_bytes = HEAD_MAX_BYTES + 1
        why = f"its headers have more than {HEAD_MAX_BYTES} bytes together"
        self._messages.append((_ErrInfo(400, BadHttpMessage(why), why), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _make_error_handler(self, err_info: _ErrInfo) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        answer = super()._make_error_handler(err_info)

        async def answering(request: web.BaseRequest) -> web.StreamResponse:
            response = await answer(request)
            await self._say_last(request, response)
            return response

        return answering

    async def _say_last(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Send it, and stay until the other side has closed, or for so long: to close while there is something unread
        resets the connection, and takes back answers that are on their way (RFC 9112, section 9.6).
        """
        self._close = True  # nothing is read any more, and all is taken
        await response.prepare(request)
        await response.write_eof()
        transport = self.transport
        if transport is not None and transport.can_write_eof() and not transport.get_write_buffer_size():
            with suppress(OSError):  # it has been reset just now
                transport.write_eof()
        await asyncio.sleep(LAST_S)  # whoever closes ends it

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """For malformed requests, and errors that no middleware has seen."""
        super().handle_error(request, status, exc, message)  # logs it; raises where an answer had begun
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            response = problem(status, "internal", "the server has a bug; its log says more")
        else:
            response = malformed(_told(exc, message))
        response.headers["Server"] = NAME
        response.force_close()
        return response


async def _name(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = NAME


def _head_bytes(message: RawRequestMessage | _ErrInfo) -> int:
    """How many a request's head had, blanks apart."""
    if isinstance(message, _ErrInfo):
        return 0
    line = len(message.method) + len(message.path) + len(" HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in message.raw_headers)


def _told(error: BaseException | None, message: str | None) -> str:
    """What is wrong. Where a colon ends a line, what was sent is quoted after it: nobody needs to read that again, and
    nobody shall of an address, which aiohttp tells alone.
    """
    if isinstance(error, InvalidURLError):
        return "its target is no address"
    first = (message or "it is malformed").splitlines()[0]
    return printable(first.partition(" when reading:")[0].rstrip(":"))


def _one_line(record: logging.LogRecord) -> bool:
    """For a logger: a malformed request gets one line, a client that has left gets none."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ConnectionError):
        return False
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "refused a malformed request: %s", (_told(error, error.message),)
        record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
    return True
