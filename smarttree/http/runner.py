"""What speaks HTTP: aiohttp's server with bounds of ours. Whatever it refuses by itself is a problem document, too, and
what is not our fault is one line in the log, without a traceback.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, InvalidURLError

from smarttree.http.errors import problem
from smarttree.http.framing import clear, malformed
from smarttree.printable import printable

# Also how long a connection may take for its first request: aiohttp's default of an hour is a gift to slow attackers.
KEEPALIVE_S: Final = 10.0
# For requests under way at the end, twice (aiohttp waits, cancels, and waits again): the whole must fit in a second.
SHUTDOWN_S: Final = 0.2


class Runner(web.AppRunner):
    """One application, on the sockets that it is given. A body is left as it comes: none needs to be compressed, and a
    small one could become a large one.
    """

    def __init__(self, app: web.Application) -> None:
        logger = logging.getLogger("smarttree.http.wire")
        logger.addFilter(_one_line)
        super().__init__(
            app,
            handler_cancellation=True,
            keepalive_timeout=KEEPALIVE_S,
            access_log=None,
            auto_decompress=False,
            shutdown_timeout=SHUTDOWN_S,
            logger=logger,
        )

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        server.request_handler = clear(server.request_handler)
        return server


class _Server(web.Server):
    """aiohttp's own, with connections of ours: it lets nobody choose their class."""

    def __call__(self) -> web.RequestHandler:
        connection = super().__call__()
        connection.__class__ = _Connection
        return connection


class _Connection(web.RequestHandler):
    __slots__ = ()  # what is one of aiohttp's becomes one of these, so it must look the same

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
        response.force_close()
        return response


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
