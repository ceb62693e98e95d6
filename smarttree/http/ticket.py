"""`POST /ticket`: by a token, a ticket for a browser's EventSource, which can send no header.

Its key is in the state directory, so that a ticket, or a session, is good after a restart; without one, or where it
can't be written, they end with the process.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from pathlib import Path
from typing import Final

from aiohttp import web

from smarttree.config import StateConfig
from smarttree.http.access import ACCESS, HOLDER
from smarttree.http.params import Query
from smarttree.http.private import write_private
from smarttree.http.tickets import FIRST_USE_S, KEY_BYTES
from smarttree.http.tokens import Holder
from smarttree.printable import printable
from smarttree.stream.events import to_json

_LOG = logging.getLogger("smarttree.http")

KEY_NAME: Final = "tickets.key"
NOBODY: Final = Holder("", frozenset(), bytes(32))  # where there are no tokens, a ticket is as good as none


def key_of(state: StateConfig | None) -> bytes:
    """The key that is kept there, made if there is none. Nobody else can read in that directory."""
    key = secrets.token_bytes(KEY_BYTES)
    if state is not None:
        path = Path(os.fsdecode(state.directory)) / KEY_NAME
        try:
            key = _kept(path) or _keep(path, key)
        except OSError as error:
            _LOG.warning("%s: %s; tickets and sessions end with this process", printable(str(path)), error.strerror)
    return key


def _kept(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    return key if len(key) == KEY_BYTES else None


def _keep(path: Path, key: bytes) -> bytes:
    write_private(path, key)
    return key


async def post_ticket(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    holder = request.get(HOLDER, NOBODY)
    ticket = request.app[ACCESS].tickets.make(holder, time.time())
    data = {"ticket": ticket, "first_use_s": int(FIRST_USE_S)}
    return web.Response(
        status=201,
        body=to_json(data).encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
