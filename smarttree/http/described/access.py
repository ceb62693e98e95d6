"""`/ticket`, described, and how a token is shown."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.parts import JSON, Json, answer, obj, operation, problems, text, whole

_TICKET: Final = operation(
    "postTicket",
    "A ticket for an EventSource",
    [],
    {
        "201": answer(
            "A ticket, good for `/events` as the token that asks for it is.",
            {
                JSON: obj(
                    {"ticket": text(minLength=1), "first_use_s": whole("within how many seconds it is to be used")}
                )
            },
        ),
        **problems("origin-refused"),
    },
    tags=["stream"],
)

_BEARER: Final = "where the server was given tokens; with `--token-in-query` also as the parameter `token`"

SECURITY: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": _BEARER},
    "ticket": {"type": "apiKey", "in": "query", "name": "ticket", "description": "of `/ticket`; for `/events` alone"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "smarttree-00000000",
        "description": "of `POST /session`; the name ends in eight hex digits of the server's own, and under HTTPS "
        "`__Host-` begins it. What changes something must come from a page of the server's own",
    },
}

PATHS: Final[Json] = {"/ticket": {"post": _TICKET}}
SCHEMAS: Final[Json] = {}
