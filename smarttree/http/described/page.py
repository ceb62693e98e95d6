"""`/` and the files of the page, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.dashboard import FILES
from smarttree.http.described.codes import STORED
from smarttree.http.described.parts import CONDITIONS, Json, header, operation, problems, stored, text, word

_HEADERS: Final = {"Content-Security-Policy": header("it runs its own files alone, and loads from nowhere else")}
_NAME: Final = {
    "name": "file",
    "in": "path",
    "required": True,
    "description": "one of its files",
    "schema": word(*sorted(FILES)),
}

_PAGE: Final = operation(
    "getDashboard",
    "The live page",
    CONDITIONS,
    {**stored("It.", {"text/html": text()}, _HEADERS), **problems(*STORED, guarded=False)},
    description="For people: the tree as it changes. It holds nothing of the tree itself, so it needs no token; what "
    "it shows it asks for, in the name of who reads it.",
    tags=["server"],
)

_FILE: Final = operation(
    "getDashboardFile",
    "What the live page is made of",
    [_NAME, *CONDITIONS],
    {
        **stored("It.", {"text/css": text(), "text/javascript": text(), "image/svg+xml": text()}, _HEADERS),
        **problems("no-such-endpoint", *STORED),
    },
    tags=["server"],
)

PATHS: Final[Json] = {"/": {"get": _PAGE}, "/page/{file}": {"get": _FILE}}
SCHEMAS: Final[Json] = {}
