"""The way to a server: one aiohttp session, addresses, the token, and what an answer that is no success means.

Law: the token goes to this server alone, in a header; no redirect is followed. Only this file,
`source.py` and `calls.py` know aiohttp.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote_from_bytes, urlsplit

import aiohttp
from yarl import URL

from .errors import ConnectionLostError, ProblemError
from .options import Options

__all__ = ["Link", "Query", "lost", "problem_of", "read_bounded"]

MAX_PROBLEM_BYTES: Final = 1 << 20
MAX_ANSWER_BYTES: Final = 256 << 20
PIECE_BYTES: Final = 1 << 16

Query = Iterable[tuple[str, str]]


class Link:
    """To be closed; an async context manager."""

    def __init__(self, url: str, options: Options) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a server: http://host:port")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError("the address of a server has no user, query or fragment")
        self.url = url.rstrip("/")
        self.options = options
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def session(self) -> aiohttp.ClientSession:
        """Made at its first use, as it belongs to the event loop that runs then."""
        if self._session is None:
            token = self.options.token
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self.options.tls()),
                headers={"Authorization": f"Bearer {token}"} if token is not None else None,
                read_bufsize=PIECE_BYTES,
            )
        return self._session

    def address(self, target: str, query: Query = ()) -> URL:
        """Of an endpoint. Paths that are not UTF-8 are sent as their bytes."""
        told = "&".join(f"{name}={quote_from_bytes(os.fsencode(value), safe='')}" for name, value in query)
        return URL(f"{self.url}{target}{'?' if told else ''}{told}", encoded=True)

    @asynccontextmanager
    async def call(
        self,
        method: str,
        target: str,
        query: Query = (),
        *,
        accept: str = "application/json",
        body: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """A successful answer, whose body is to be read within the call's time."""
        try:
            async with self.session().request(
                method,
                self.address(target, query),
                headers={"Accept": accept},
                json=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self.options.request_timeout_s + wait_s),
            ) as response:
                if not 200 <= response.status < 300:
                    raise await problem_of(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise lost(error) from error


def lost(error: BaseException) -> ConnectionLostError:
    """What aiohttp says, in one line."""
    return ConnectionLostError(str(error) or ("no answer in time" if isinstance(error, TimeoutError) else "cut off"))


async def read_bounded(response: aiohttp.ClientResponse, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """The whole body, of so many bytes at most."""
    body = bytearray()
    async for piece in response.content.iter_chunked(PIECE_BYTES):
        body += piece
        if len(body) > max_bytes:
            raise ProblemError(response.status, "too-large", f"an answer of more than {max_bytes} bytes")
    return bytes(body)


async def problem_of(response: aiohttp.ClientResponse) -> ProblemError:
    """What the server says is wrong, or what its status says where it is no problem document."""
    text = bytearray()
    try:
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            text += piece
            if len(text) > MAX_PROBLEM_BYTES:
                break
        document = json.loads(text)
        return ProblemError(response.status, str(document["code"]), str(document.get("detail", "")), document)
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, AttributeError):
        return ProblemError(response.status, f"http-{response.status}", response.reason or "")
