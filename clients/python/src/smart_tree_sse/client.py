"""The client: one server, its stream, its mirror and its calls.

Law: whatever it opened is closed when its context is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from .calls import Calls
from .link import Link
from .mirror import Mirror
from .options import Options
from .qtn.text import Document, decompress
from .query import pairs
from .source import Source
from .stream import Stream

__all__ = ["SmartTreeSSE"]


class SmartTreeSSE(Calls):
    """`async with SmartTreeSSE("http://localhost:8973") as tree_sse: …`

    `token` is sent as `Authorization: Bearer`, to this server alone. `ca_file`: certificates to trust in the place of
    the system's. `options` sets the bounds and times that the two have no part in.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca_file: str | Path | None = None,
        options: Options | None = None,
    ) -> None:
        given = options or Options()
        fields = {name: getattr(given, name) for name in Options.__dataclass_fields__}
        if token is not None:
            fields["token"] = token
        if ca_file is not None:
            fields["ca_file"] = ca_file
        self._link = Link(url, Options(**fields))

    def __repr__(self) -> str:
        return f"SmartTreeSSE({self._link.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends every connection."""
        await self._link.close()

    def stream(
        self,
        *,
        since: str | None = None,
        path: str | None = None,
        events: Iterable[str] = (),
        mode: str | None = None,
        tree: str | None = None,
        only: str | None = None,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        types: Iterable[str] = (),
        on_lost: Callable[[str], None] | None = None,
    ) -> Stream:
        """The events, from the tree as it is now, or from a clock on; it comes back by itself when a connection ends,
        which `on_lost` is told. Parameters are those of `GET /events`."""
        query = pairs(
            since=since, path=path, events=events, mode=mode, tree=tree, only=only, include=include, exclude=exclude,
            types=types,
        )  # fmt: skip

        async def lost(why: str) -> None:
            if on_lost is not None:
                on_lost(why)

        return Stream(Source(self._link, query, on_lost=lost), since)

    def mirror(
        self,
        *,
        path: str | None = None,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        types: Iterable[str] = (),
    ) -> Mirror:
        """A live mirror of the tree, or of a part of it."""
        return Mirror(self._link, pairs(path=path, include=include, exclude=exclude, types=types))

    @staticmethod
    def decompress(text: str) -> Document:
        """What a text form of QTN1 says: see `smart_tree_sse.decompress`."""
        return decompress(text)
