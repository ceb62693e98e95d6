"""`/watch`, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.codes import NEEDS_TREE
from smarttree.http.described.parts import (
    CLOCK_HEADER,
    JSON,
    Json,
    array,
    bytes_of,
    flag,
    json_answer,
    obj,
    operation,
    problems,
    query,
    ref,
    text,
    whole,
    word,
)
from smarttree.http.described.schemas import PLACE, TOTALS

_CHANGES: Final = (
    "scope-missing",
    "origin-refused",
    "root-refused",
    "no-such-path",
    "request-entity-too-large",
    "request-timeout",
)
_PATH: Final = text("an absolute path", pattern=r"^/(?!([\s\S]*/)?\.\.(/|$))[^\u0000]*$")
_BYTES: Final = text(
    "its bytes, where they are not UTF-8; wins over `path`",
    contentEncoding="base64",
    pattern="^(?=L[w-z0-9+/])([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",  # of what begins with /
)
_BODY: Final = obj(
    {},
    {"path": _PATH, "path_b64": _BYTES},
    anyOf=[{"required": ["path"]}, {"required": ["path_b64"]}],
    additionalProperties=False,
)

_ROOTS: Final = operation(
    "getRoots",
    "The roots",
    [],
    {
        "200": json_answer("The roots, and below what others may be added.", ref("Roots"), CLOCK_HEADER),
        **problems(*NEEDS_TREE),
    },
    tags=["roots"],
)

_ADD: Final = operation(
    "addRoot",
    "One more root",
    [],
    {
        "200": json_answer("It is a root already.", ref("Rooted"), CLOCK_HEADER),
        "201": json_answer("It was added, and told to every stream.", ref("Rooted"), CLOCK_HEADER),
        **problems(*_CHANGES, "not-a-directory", "unreadable", "roots-overlap", "too-many-roots", *NEEDS_TREE),
    },
    description="Only below what `--watch-base` names, by its real path.",
    requestBody={"required": True, "content": {JSON: {"schema": _BODY}}},
    tags=["roots"],
)

_REMOVE: Final = operation(
    "removeRoot",
    "One root less",
    [query("path", "the root", _PATH, required=True)],
    {
        "200": json_answer("It is no root any more, and that was told to every stream.", ref("Rooted"), CLOCK_HEADER),
        **problems(*_CHANGES, "last-root", "too-many-roots", *NEEDS_TREE),
    },
    description="A body as that of POST may name it instead, for clients that can send one with DELETE; not both.",
    tags=["roots"],
)

SCHEMAS: Final[Json] = {
    "Roots": obj(
        {
            "roots": array(
                obj(
                    {
                        **PLACE,
                        "state": word("ready", "scanning", "missing", "unreadable"),
                        "entries": whole("while it is scanned, those found so far"),
                    },
                    {**bytes_of("path"), **TOTALS},
                )
            ),
            "bases": array(obj(PLACE, bytes_of("path")), description="what `--watch-base` names"),
            "clock": ref("Clock"),
        }
    ),
    "Rooted": obj(
        {
            **PLACE,
            "clock": {**ref("Clock"), "description": "that has the change"},
            "changed": flag("false: it was so already"),
        },
        bytes_of("path"),
    ),
}

PATHS: Final[Json] = {"/watch": {"get": _ROOTS, "post": _ADD, "delete": _REMOVE}}
