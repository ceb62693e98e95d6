"""The calls beside the stream, each as one coroutine. Answers are the server's JSON: typed where its shape matters.

Law: an answer that is no success is a `ProblemError`; none at all in time, a `ConnectionLostError`. Fields of later
versions are handed on as they are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from typing import Any, Final, Literal, NotRequired, TypedDict, cast

import aiohttp

from .errors import ConnectionLostError, ProblemError, SmartTreeError, StreamEndedError
from .events import check_protocol
from .link import Link, Query, read_bounded
from .qtn.snapshot import Snapshot, decode_snapshot
from .query import pairs

__all__ = ["Calls", "ChangeTold", "Changes", "Clock", "Root", "Roots", "Ticket", "WatchAnswer"]

MEDIA_QTN: Final = "application/vnd.smarttree.qtn1"
MEDIA_NDJSON: Final = "application/x-ndjson"
MAX_LINE_BYTES: Final = 64 << 20
SEARCH_MAX_S: Final = 65.0  # the longest that a search may take, and be sent


class Clock(TypedDict):
    """`degraded`: some changes are told late, or history does not outlive the server; `stats` says why."""

    clock: str
    protocol: int
    version: str
    degraded: bool


class ChangeTold(TypedDict):
    """`path_b64` has the bytes of a path that is not UTF-8."""

    type: Literal["created", "modified", "deleted", "renamed"]
    path: str
    kind: Literal["file", "dir", "symlink", "other"]
    size: int
    timestamp: str
    path_b64: NotRequired[str]
    old_path: NotRequired[str]
    old_path_b64: NotRequired[str]
    content: NotRequired[Literal["same", "changed"]]


# "from" is no name in Python.
Changes = TypedDict("Changes", {"clock": str, "from": str, "complete": bool, "changes": list[ChangeTold]})


class Root(TypedDict):
    """A root; `state` is `ready`, `scanning`, `missing` or `unreadable`."""

    path: str
    state: str
    entries: int
    files: int
    dirs: int
    size: int


class Roots(TypedDict):
    """The roots, and below which directories more may be added."""

    roots: list[Root]
    bases: list[str]
    clock: str


class WatchAnswer(TypedDict):
    """`changed`: whether there was something to add or remove."""

    path: str
    clock: str
    changed: bool


class Ticket(TypedDict):
    """For an `EventSource`, to be used within so many seconds."""

    ticket: str
    first_use_s: int


class Calls:
    """Mixed into the client, which has the link."""

    _link: Link

    async def clock(self, *, sync: bool = False) -> Clock:
        """The clock; with `sync`, once everything that has already happened on disk was told."""
        return cast(Clock, _checked(await self._json("GET", "/clock", pairs(sync=sync))))

    async def tree(
        self, path: str | None = None, *, mode: str | None = None, depth: int | None = None, tree: str | None = None,
        sync: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """The tree now, in an envelope with `compressed`, `tree` or `text`, as the mode has it."""
        query = pairs(path=path, mode=mode, depth=depth, tree=tree, sync=sync)
        return _checked(await self._json("GET", "/tree", query))

    async def snapshot(self, path: str | None = None, *, sync: bool = False) -> Snapshot:
        """The tree now, decoded."""
        async with self._link.call("GET", "/tree", pairs(path=path, sync=sync), accept=MEDIA_QTN) as response:
            return decode_snapshot(await read_bounded(response))

    async def changes(
        self, since: str, *, wait: int | None = None, path: str | None = None, include: Iterable[str] = (),
        exclude: Iterable[str] = (), types: Iterable[str] = (), only: str | None = None, sync: bool = False,
    ) -> Changes:  # fmt: skip
        """What has changed since a clock. With `wait`, where nothing has, it is answered when something does, or after
        so many seconds. A clock that can't be led on from is a ProblemError `unknown-clock`, status 410."""
        query = pairs(
            since=since, wait=wait, path=path, include=include, exclude=exclude, types=types, only=only, sync=sync
        )
        return cast(Changes, await self._json("GET", "/changes", query, wait_s=wait or 0))

    async def stats(self, path: str | None = None, *, window: str | None = None) -> dict[str, Any]:
        """Counts, sizes, extensions, what is large, and how busy it is."""
        return await self._json("GET", "/stats", pairs(path=path, window=window))

    async def search(
        self, q: str | None = None, *, path: str | None = None, glob: Iterable[str] = (), regex: bool = False,
        case: str | None = None, context: int | None = None, limit: int | None = None, timeout_ms: int | None = None,
        sync: bool = False, **more: str,
    ) -> AsyncGenerator[dict[str, Any]]:  # fmt: skip
        """The lines that match, as they are found: messages as `rg --json` prints them, `summary` last. For names give
        `**{"in": "name"}`."""
        query = pairs(q=q, path=path, glob=glob, regex=regex, case=case, context=context, limit=limit,
                      timeout_ms=timeout_ms, sync=sync, **more)  # fmt: skip
        message: dict[str, Any] = {}
        async with self._link.call("GET", "/search", query, accept=MEDIA_NDJSON, wait_s=SEARCH_MAX_S) as response:
            async for line in _lines(response):
                message = json.loads(line)
                yield message
        if message.get("type") != "summary":
            raise ConnectionLostError("the answer to the search was cut off")

    async def roots(self) -> Roots:
        """The roots, and what has become of them."""
        return cast(Roots, await self._json("GET", "/watch"))

    async def watch(self, path: str) -> WatchAnswer:
        """Adds a root; answered once that is told in every stream."""
        return cast(WatchAnswer, await self._json("POST", "/watch", body={"path": path}))

    async def unwatch(self, path: str) -> WatchAnswer:
        """Removes a root."""
        return cast(WatchAnswer, await self._json("DELETE", "/watch", body={"path": path}))

    async def ticket(self) -> Ticket:
        """What lets a browser's `EventSource` in without a token."""
        return cast(Ticket, await self._json("POST", "/ticket"))

    async def _json(
        self, method: str, target: str, query: Query = (), *, body: dict[str, Any] | None = None, wait_s: float = 0.0
    ) -> dict[str, Any]:
        async with self._link.call(method, target, query, body=body, wait_s=wait_s) as response:
            text = await read_bounded(response)
        try:
            answer: object = json.loads(text)
        except ValueError as error:
            raise SmartTreeError("not-json", f"the answer can't be read: {error}") from error
        if not isinstance(answer, dict):
            raise SmartTreeError("not-json", "the answer is no object")
        return cast(dict[str, Any], answer)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """Refuses what a later protocol tells."""
    try:
        check_protocol(answer)
    except StreamEndedError as error:
        raise SmartTreeError(error.code, str(error)) from None
    return answer


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    rest = b""
    async for piece in response.content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > MAX_LINE_BYTES:
            raise ProblemError(response.status, "too-large", f"a line of more than {MAX_LINE_BYTES} bytes")
