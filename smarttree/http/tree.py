"""`GET /tree`: the tree now, in any mode: an envelope with the fields of the `tree` event, or the bare document.

Each is made once for its clock, stored, and forgotten when the clock moves on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, Final, NamedTuple

from aiohttp import web

from smarttree import modes
from smarttree.clock import Clock
from smarttree.codec.coding import BUILD, CODINGS, IDENTITY, document
from smarttree.errors import BadParameter
from smarttree.http.chunk import manifest
from smarttree.http.clock import clock_header, synced
from smarttree.http.documents import field_of, json_pieces
from smarttree.http.errors import require_ready
from smarttree.http.keys import CONFIG, SERVICE
from smarttree.http.negotiation import choose
from smarttree.http.params import Query
from smarttree.http.paths import find_directory
from smarttree.http.stored import Shelf, Stored, answer, is_wanted
from smarttree.modes import Mode, View
from smarttree.stream.events import Body, RootFacts, tree_parts
from smarttree.wire import DEPTH_MAX, MEDIA_TYPE_QTN

KNOWN: Final = ("path", "mode", "depth", "tree", "sync")
LATER: Final = ("include", "exclude", "types", "only")
JSON: Final = "application/json"
TREES: Final = web.AppKey("trees", Shelf)
TREES_BYTES: Final = 64 << 20


def accepted(request: web.BaseRequest) -> set[str]:
    """The media types a client names, without weights; `*/*` where it names none."""
    ranges = ",".join(request.headers.getall("Accept", ["*/*"])).split(",")
    named = [(part.partition(";")[0].strip().lower(), part.replace(" ", "")) for part in ranges]
    return {name for name, whole in named if name and not whole.endswith((";q=0", ";q=0.0"))}


def wants_bare(accept: set[str], mode: Mode) -> bool:
    """Whether the document is asked for by its own type. Raises 406 where neither form is acceptable."""
    bare_type = mode.CONTENT_TYPE.partition(";")[0]
    if field_of(mode) != "tree" and bare_type in accept and JSON not in accept:
        return True
    if accept & {JSON, "application/*", "*/*"}:
        return False
    raise web.HTTPNotAcceptable(text=f"mode {mode.NAME} comes as {JSON} or {bare_type}")


def envelope(view: View, mode: Mode, top: int, depth: int | None) -> Iterator[bytes]:
    tree = view.tree
    body = Body(field_of(mode), "", depth)
    root = RootFacts(tree.path(top), tree.totals(top), tree.digest(top), body)
    head, tail = tree_parts(root, mode.NAME, view.clock, reason=None)
    value = json_pieces(view, mode, top, depth)
    return chain((head.encode(),), value, (tail.encode(),))


class Form(NamedTuple):
    """What an answer's bytes depend on."""

    clock: Clock
    path: bytes
    mode: str
    depth: int | None
    bare: bool
    coding: str

    @property
    def tag(self) -> str:
        """A strong entity tag: the clock, for people, and a hash of all."""
        what = repr((*self, BUILD)).encode()
        return f'"{self.clock}-{hashlib.blake2b(what, digest_size=8).hexdigest()}"'


def coding_of(request: web.BaseRequest, mode: Mode, *, bare: bool) -> str:
    """Raises 406 where no coding is acceptable. What is compressed already is left alone where it may be."""
    accepted = request.headers.getall("Accept-Encoding", [])
    if bare and mode.CONTENT_TYPE == MEDIA_TYPE_QTN and choose(accepted, (IDENTITY,)) is not None:
        return IDENTITY
    coding = choose(accepted, CODINGS)
    if coding is None:
        raise web.HTTPNotAcceptable(text=f"the tree comes as {', '.join(CODINGS)}")
    return coding


class Known(NamedTuple):
    """All but the body of an answer that was given at its clock."""

    form: Form
    tag: str
    headers: dict[str, str]


Words = tuple[str, tuple[str, ...], tuple[str, ...]]
"""All of a request that its answer at a clock depends on, but for conditions and the range."""
ANSWERED: Final = web.AppKey("answered", dict[Words, Known])
ANSWERED_MAX: Final = 256


Look = Callable[..., Any]
"""`Commits.look`, or what shows one view."""
LOOKS: Final = 3  # before a copy is made, where the clock moves between two


class ClockMoved(Exception):
    """What was to be told is of a clock that has passed."""


class Asked(NamedTuple):
    """What a request asks for."""

    mode: Mode
    bare: bool
    coding: str
    depth: int | None
    path: bytes | None
    sync: bool
    manifest: bool


def read(request: web.Request) -> Asked:
    """Raises BadParameter, and what modes and negotiation raise."""
    query = Query(request, KNOWN, LATER)
    accept = accepted(request)
    default = "quantum" if MEDIA_TYPE_QTN in accept else request.app[CONFIG].mode
    mode = modes.find(query.word("mode", default))
    bare = wants_bare(accept, mode)
    coding = coding_of(request, mode, bare=bare)
    depth, path = query.number("depth", 0, DEPTH_MAX), query.octets("path")
    if depth is not None and not mode.CUTS:
        raise BadParameter(f"depth does not go with mode {mode.NAME}, which always tells the whole tree")
    tree = query.word("tree", "full")
    if tree not in ("full", "manifest") or (tree == "manifest" and mode.NAME != "quantum"):
        raise BadParameter(f"tree is full, or, in mode quantum, manifest; not {tree!r} in mode {mode.NAME}")
    return Asked(mode, bare, coding, depth, path, query.flag("sync"), tree == "manifest")


def words_of(request: web.BaseRequest) -> Words:
    headers = request.headers
    return request.raw_path, tuple(headers.getall("Accept", ())), tuple(headers.getall("Accept-Encoding", ()))


def keep_known(answered: dict[Words, Known], words: Words, known: Known) -> None:
    """Spares the next who asks in the same words the reading. Few words are many, so all are forgotten at once."""
    if len(answered) >= ANSWERED_MAX:
        answered.clear()
    answered[words] = known


async def get_tree(request: web.Request) -> web.StreamResponse:
    service, shelf = request.app[SERVICE], request.app[TREES]
    words = words_of(request)
    known = request.app[ANSWERED].get(words)
    if known is not None and service.state == "ready" and known.form.clock == service.clock:
        body = shelf.take(known.form)
        if body is not None:
            return await answer(request, known.tag, known.headers, body)
    asked = read(request)
    require_ready(service)
    if asked.sync:
        await synced(request.app)
    if asked.manifest and (named := await manifest(request, asked.path, bare=asked.bare)) is not None:
        return named
    known, body = await _stored(request, asked)
    if not asked.sync and not asked.manifest:
        keep_known(request.app[ANSWERED], words, known)
    return await answer(request, known.tag, known.headers, body)


def rendered(view: View, form: Form, mode: Mode) -> Iterable[bytes]:
    """The document, not compressed. Raises ClockMoved."""
    if view.clock != form.clock:
        raise ClockMoved
    top = view.tree.resolve(form.path)
    return mode.render(view, top, depth=form.depth) if form.bare else envelope(view, mode, top, form.depth)


async def _stored(request: web.Request, asked: Asked) -> tuple[Known, Stored | None]:
    """What is asked for, and its body where that is needed."""
    tries = LOOKS if asked.mode.SMALL else 0
    for _ in range(tries):
        with suppress(ClockMoved):
            return await _stored_at(request, asked, request.app[SERVICE].look)
    view = await asyncio.to_thread(request.app[SERVICE].view)
    return await _stored_at(request, asked, lambda ask, brief=False: ask(view))


async def _stored_at(request: web.Request, asked: Asked, look: Look) -> tuple[Known, Stored | None]:
    """The same, of what `look` shows. Raises ClockMoved, where that was of another clock in the end."""
    shelf = request.app[TREES]
    mode, bare, coding, depth, path = asked[:5]

    def find(view: View) -> Form:
        return Form(view.clock, view.tree.path(find_directory(view.tree, path)), mode.NAME, depth, bare, coding)

    form = await asyncio.to_thread(look, find, brief=True)

    def make() -> Iterable[bytes]:
        plain = shelf.at_hand(form._replace(coding=IDENTITY))
        if plain is not None:
            return document(coding, plain.pieces())
        if mode.SMALL:
            return document(coding, look(lambda view: [*rendered(view, form, mode)]))
        return document(coding, look(lambda view: rendered(view, form, mode)))

    headers = {
        "Content-Type": mode.CONTENT_TYPE if bare else JSON,
        "Cache-Control": "no-cache",
        "Vary": "Accept, Accept-Encoding",
        **({"Content-Encoding": coding} if coding != IDENTITY else {}),
        **clock_header(form.clock),
    }
    known = Known(form, form.tag, headers)
    return known, await shelf.lend(form, make) if is_wanted(request, known.tag) else None


async def snapshot(request: web.Request, path: bytes | None) -> tuple[Form, dict[str, str], Stored | None]:
    """A directory as the bare document of mode quantum, whatever is accepted: its form, headers, and body if needed."""
    asked = Asked(modes.find("quantum"), True, IDENTITY, None, path, sync=False, manifest=False)
    known, body = await _stored(request, asked)
    return known.form, {name: value for name, value in known.headers.items() if name != "Vary"}, body


async def trees_are_kept(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`: answers are of use until the clock moves on."""
    shelf, loop = app[TREES], asyncio.get_running_loop()
    ended = False

    def listen() -> None:  # in the engine's thread, at every batch
        if not shelf.is_empty and not ended:
            loop.call_soon_threadsafe(shelf.clear)

    app[SERVICE].add_listener(listen)
    yield
    ended = True


async def end_trees(app: web.Application) -> None:
    """For `on_shutdown`: what is being made shall not keep the server from ending."""
    app[TREES].close()
