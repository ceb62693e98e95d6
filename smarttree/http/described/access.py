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
}

PATHS: Final[Json] = {"/ticket": {"post": _TICKET}}
SCHEMAS: Final[Json] = {}
