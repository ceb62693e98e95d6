"""`/session`, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.codes import GUARDED
from smarttree.http.described.parts import (
    JSON,
    Json,
    array,
    header,
    json_answer,
    obj,
    operation,
    or_null,
    problems,
    ref,
    text,
    word,
)
from smarttree.http.tokens import SCOPES

_FROM: Final = [
    {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
    for name, description in (
        ("Origin", "this server's own, unless `Sec-Fetch-Site` says so alone; a browser sends both by itself"),
        ("Sec-Fetch-Site", "`same-origin`, where it is there"),
    )
]
_BODY: Final = obj({"token": text("a token of the server's", minLength=1)}, additionalProperties=False)
_COOKIE: Final = {
    "Set-Cookie": header("`HttpOnly`, `SameSite=Strict`, `Path=/`, `Max-Age`; under HTTPS `Secure` and by `__Host-`")
}

_WHO: Final = operation(
    "getSession",
    "Who one is",
    [],
    {"200": json_answer("By what is shown: a token, or a session.", ref("Session")), **problems()},
    tags=["server"],
)

_BEGIN: Final = operation(
    "postSession",
    "A cookie in the place of a token",
    _FROM,
    {
        "201": json_answer("A session has begun.", ref("Session"), _COOKIE),
        "303": {"description": "The same, for a form: back to the page.", "headers": {**_COOKIE}},
        **problems(*GUARDED[1:], "origin-refused", "request-entity-too-large", "request-timeout", guarded=False),
    },
    description="For the page at `/`, and no other: who is a program sends its token each time. It is good for what "
    "the token is, and for half a day at most.",
    requestBody={
        "required": True,
        "content": {JSON: {"schema": _BODY}, "application/x-www-form-urlencoded": {"schema": _BODY}},
    },
    tags=["server"],
)

_END: Final = operation(
    "deleteSession",
    "The end of a session",
    _FROM,
    {
        "204": {"description": "It is over, and so are its streams.", "headers": _COOKIE},
        **problems("origin-refused"),
    },
    tags=["server"],
)

PATHS: Final[Json] = {"/session": {"get": _WHO, "post": _BEGIN, "delete": _END}}
SCHEMAS: Final[Json] = {
    "Session": obj(
        {
            "name": or_null(text("of the token, in the server's file; null: there are no tokens")),
            "scopes": array(word(*sorted(SCOPES)), description="what it is good for"),
            "until": or_null(text("when the session ends; null: it is none", format="date-time")),
        }
    )
}
