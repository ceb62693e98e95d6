"""`GET /compress`: the content of one file in a format that is compressed, or a directory as a QTN1 snapshot.

A file is hashed, then read again as what was hashed. So an answer is made once for all who ask for that content,
wherever it stands; its tag names the content, and who has it is told so without anything being compressed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import quote

from aiohttp import web

from smarttree import marqant
from smarttree.codec.coding import BUILD, GZIP, ZSTD, document
from smarttree.errors import CannotCarry, ChangedWhileRead, NotADirectory, NotAFile, TooLarge, UnknownFormat
from smarttree.http.errors import require_ready
from smarttree.http.keys import CONFIG, SERVICE
from smarttree.http.params import Query
from smarttree.http.paths import find_entry
from smarttree.http.slots import Slots
from smarttree.http.stored import Shelf, Stored, answer, is_wanted
from smarttree.http.tree import snapshot
from smarttree.printable import printable
from smarttree.row import kind_of
from smarttree.service import Service
from smarttree.versions import Place, Version, Versions, content
from smarttree.wire import MEDIA_TYPE_QTN

KNOWN: Final = ("path", "format")
THREADS: Final = 2
WAITING_MAX: Final = 64
KEPT_BYTES: Final = 64 << 20
# How often what was hashed may be another by the time that it is read.
ATTEMPTS: Final = 3
QTN: Final = "qtn"
MARQANT: Final = "marqant"


class Format(NamedTuple):
    """One form: what it says it is, how its files' names end, how many bytes a file may have."""

    content_type: str
    suffix: str
    max_bytes: int | None = None


FORMATS: Final = {
    MARQANT: Format("application/vnd.marqant", ".mq", marqant.ENCODE_BYTES_MAX),
    ZSTD: Format("application/zstd", ".zst"),
    GZIP: Format("application/gzip", ".gz"),
    QTN: Format(MEDIA_TYPE_QTN, ".qtn"),
}


class Form(NamedTuple):
    """What an answer's bytes depend on. `time_s` is 0 in formats that tell no time."""

    digest: bytes
    format: str
    time_s: int

    @property
    def tag(self) -> str:
        """A strong entity tag: the content's xxh3-128, for people, and a hash of all."""
        what = repr((*self, BUILD)).encode()
        return f'"{self.digest.hex()}-{hashlib.blake2b(what, digest_size=8).hexdigest()}"'


class Compressing:
    """What the endpoint keeps: the hashes of files, the answers made last, and who is at work."""

    def __init__(self) -> None:
        self.slots = Slots("compress", THREADS, WAITING_MAX)
        self.shelf = Shelf(KEPT_BYTES, self.slots.run)
        self.versions = Versions()

    def close(self) -> None:
        self.shelf.close()
        self.slots.close()


COMPRESSING: Final = web.AppKey("compressing", Compressing)


async def get_compress(request: web.Request) -> web.StreamResponse:
    query = Query(request, KNOWN)
    path, name = query.octets("path"), query.text("format")
    if name is None or name not in FORMATS:
        raise UnknownFormat(f"format is {', '.join(FORMATS)}" + ("" if name is None else f"; not {name[:40]!r}"))
    require_ready(request.app[SERVICE])
    if name == QTN:
        return await _snapshot(request, path)
    own, bound = FORMATS[name].max_bytes, request.app[CONFIG].compress_max_bytes
    max_bytes = bound if own is None else min(own, bound)
    place = await asyncio.to_thread(_find, request.app[SERVICE], path, name, max_bytes)
    form, body = await _made(request, place, name, max_bytes)
    return await answer(request, form.tag, _headers(name, place.relative), body)


async def _snapshot(request: web.Request, path: bytes | None) -> web.StreamResponse:
    """The bytes that `/tree` has for it, under the same tag."""
    try:
        form, headers, body = await snapshot(request, path)
    except NotADirectory as error:
        raise CannotCarry(f"{QTN} is for directories: {error}") from error
    return await answer(request, form.tag, {**headers, **_headers(QTN, form.path)}, body)


def _find(service: Service, path: bytes | None, name: str, max_bytes: int) -> Place:
    """The place of a file that the tree has, before anything is opened."""
    tree = service.view().tree
    entry = find_entry(tree, path)
    row, absolute = tree.row(entry), tree.path(entry)
    kind = kind_of(row.mode)
    if kind == "dir":
        raise CannotCarry(f"{printable(absolute)} is a directory, and {name} is for files; {QTN} is for directories")
    if kind != "file":
        raise NotAFile(
            f"{printable(absolute)} is no regular file; only those have a content, and links are not followed"
        )
    if row.size > max_bytes:
        raise TooLarge(f"{printable(absolute)} has {row.size:,} bytes; as {name} a file may have {max_bytes:,}")
    root = tree.path(tree.root_of(entry))
    return Place(root, absolute[len(root.rstrip(b"/")) + 1 :])


async def _made(request: web.Request, place: Place, name: str, max_bytes: int) -> tuple[Form, Stored | None]:
    """The form of what is there now, and its body where that is needed."""
    own = request.app[COMPRESSING]
    for attempt in range(ATTEMPTS):
        version = await own.slots.run(own.versions.now, place, max_bytes, own.slots.check)
        form = Form(version.digest, name, version.mtime_ns // 10**9 if name == MARQANT else 0)
        if not is_wanted(request, form.tag):
            return form, None
        try:
            return form, await own.shelf.lend(form, _maker(form, version, own.slots.check))
        except ChangedWhileRead:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _maker(form: Form, version: Version, check: Callable[[], None]) -> Callable[[], Iterable[bytes]]:
    def make() -> Iterable[bytes]:
        if form.format == MARQANT:
            return (marqant.encode(b"".join(content(version)), form.time_s, check),)
        return document(form.format, content(version), version.size)

    return make


def _headers(name: str, path: bytes) -> dict[str, str]:
    """It is a file to keep: no browser shall show it as a page, nor a page of another origin have it as an image."""
    file_name = quote(path.rpartition(b"/")[2] + FORMATS[name].suffix.encode(), safe="")
    return {
        "Content-Type": FORMATS[name].content_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{file_name}",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


async def end_compressing(app: web.Application) -> None:
    """For `on_shutdown`: what is being made shall not keep the server from ending."""
    app[COMPRESSING].close()
