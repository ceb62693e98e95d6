"""`/session`: `POST` shows a token once, and gets a cookie in its place; `DELETE` gives it back; `GET` says who one is.

Only a page of this server's own may do the first two: nobody else's page shall log someone in, or out. Which sessions
were ended before their time is kept in the state directory, so that a restart brings none of them back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from smarttree.config import StateConfig
from smarttree.errors import BadParameter
from smarttree.http.access import ACCESS, HOLDER, SESSION
from smarttree.http.body import read_body
from smarttree.http.guests import send_away
from smarttree.http.keys import SERVICE
from smarttree.http.params import Query
from smarttree.http.private import write_private
from smarttree.http.sessions import GOOD_S, Session, Sessions
from smarttree.http.tokens import SCOPES, Holder
from smarttree.printable import printable
from smarttree.stream.events import to_json

_LOG = logging.getLogger("smarttree.http")

ENDED_NAME: Final = "sessions.ended"
KEEPING: Final = web.AppKey("keeping of sessions", asyncio.Lock)
FORM: Final = "application/x-www-form-urlencoded"
FIELDS_MAX: Final = 8
WANTED: Final = 'the body is JSON, {"token": "…"}, or a form with the field token'


def sessions_of(state: StateConfig | None, key: bytes) -> Sessions:
    """With what is kept there of those that were ended."""
    sessions = Sessions(key)
    if state is not None:
        path = _path(state)
        try:
            sessions.remember(path.read_bytes(), time.time())
        except FileNotFoundError:
            pass
        except OSError as error:
            _LOG.warning("%s: %s; everybody has to log in again", printable(str(path)), error.strerror)
            sessions.remember(b"", time.time())
    return sessions


def _path(state: StateConfig) -> Path:
    return Path(os.fsdecode(state.directory)) / ENDED_NAME


async def _keep(app: web.Application) -> None:
    state = app[SERVICE].config.state
    if state is None:
        return
    async with app[KEEPING]:
        try:
            await asyncio.to_thread(write_private, _path(state), app[ACCESS].sessions.ended())
        except OSError as error:
            _LOG.warning(
                "%s: %s; who logs out may be logged in after a restart", printable(str(_path(state))), error.strerror
            )


def _told(holder: Holder | None, session: Session | None, status: int = 200) -> web.Response:
    """Who one is. Without tokens nobody has a name, and everyone may do everything."""
    data = {
        "name": holder.name if holder is not None else None,
        "scopes": sorted(holder.scopes if holder is not None else SCOPES),
        "until": datetime.fromtimestamp(session.until, UTC).isoformat(timespec="seconds") if session else None,
    }
    return web.Response(
        status=status,
        body=to_json(data).encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def get_session(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    return _told(request.get(HOLDER), request.get(SESSION))


async def post_session(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    access = request.app[ACCESS]
    access.require_own_page(request)
    token = _token(request.content_type, await read_body(request))
    holder = access.judged(request, access.keyring.tokens.find(token))
    session, value = access.sessions.begin(holder, time.time())
    if request.content_type == FORM:
        response = web.Response(status=303, headers={"Location": "./", "Cache-Control": "no-store"})
    else:
        response = _told(holder, session, 201)
    secure = access.is_secure(request)
    response.set_cookie(
        access.sessions.cookie(secure=secure),
        value,
        max_age=int(GOOD_S),
        path="/",
        secure=secure,
        httponly=True,
        samesite="Strict",
    )
    return response


async def delete_session(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    access = request.app[ACCESS]
    access.require_own_page(request)
    if SESSION in request:
        access.sessions.end(request[SESSION], time.time())
        send_away(request.app)
        await _keep(request.app)
    response = web.Response(status=204, headers={"Cache-Control": "no-store"})
    secure = access.is_secure(request)
    name = access.sessions.cookie(secure=secure)
    response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Strict")
    return response


def _token(content_type: str, body: bytes) -> bytes:
    """As bytes, as a header would bring it. Raises BadParameter, which tells nothing of the body."""
    fields: object
    try:
        if content_type == FORM:
            form = parse_qs(body.decode(), keep_blank_values=True, errors="surrogateescape", max_num_fields=FIELDS_MAX)
            fields = {name: values[0] if len(values) == 1 else None for name, values in form.items()}
        else:
            fields = json.loads(body)
    except (ValueError, RecursionError):
        raise BadParameter(WANTED) from None
    if not isinstance(fields, dict) or fields.keys() != {"token"} or not isinstance(fields["token"], str):
        raise BadParameter(WANTED)
    return fields["token"].strip().encode("utf-8", "surrogateescape")
