"""`/tree` and `/chunk/{hash}`, described."""

from __future__ import annotations

from typing import Final

from smarttree import modes
from smarttree.http.described.codes import NEEDS_TREE, STORED, TAKES_PATH
from smarttree.http.described.parts import (
    BINARY,
    CLOCK_HEADER,
    CONDITIONS,
    JSON,
    SYNC,
    Json,
    header,
    operation,
    path_parameter,
    problems,
    query,
    ref,
    stored,
    text,
    whole,
    word,
)
from smarttree.wire import DEPTH_MAX, MEDIA_TYPE_QTN

_CUTS: Final = [name for name in modes.MODES if modes.find(name).CUTS]
_BARE: Final = {modes.find(name).CONTENT_TYPE.partition(";")[0] for name in modes.MODES} - {JSON, MEDIA_TYPE_QTN}

_HEADERS: Final = {
    **CLOCK_HEADER,
    "Vary": header("what else the answer depends on"),
    "Content-Encoding": header("how it is compressed, if it is", word("zstd", "gzip"), required=False),
}

_TREE: Final = operation(
    "getTree",
    "The tree now",
    [
        path_parameter("a directory; without it, the single root"),
        query("mode", "how it is told; by default `quantum` if its type is accepted, else the server's", ref("Mode")),
        query(
            "depth",
            f"how many levels below the path are told; only in modes {', '.join(_CUTS)}",
            whole(low=0, maximum=DEPTH_MAX),
        ),
        query(
            "tree",
            "`manifest`: the list of its parts instead, in mode quantum; see /chunk",
            {**word("full", "manifest"), "default": "full"},
        ),
        SYNC,
        *CONDITIONS,
        {"name": "Accept-Encoding", "in": "header", "description": "zstd, gzip", "schema": text()},
    ],
    {
        **stored(
            "An envelope with the fields of the event `tree`; or the bare document, if its type is accepted by name "
            "and `application/json` is not.",
            {JSON: ref("Tree"), MEDIA_TYPE_QTN: BINARY, **{media: text() for media in sorted(_BARE)}},
            _HEADERS,
            always=False,  # a manifest has no tag
        ),
        **problems(
            "unknown-mode",
            "not-available-yet",
            *TAKES_PATH,
            "not-acceptable",
            *STORED,
            *NEEDS_TREE,
            "service-unavailable",
            "gateway-timeout",
        ),
    },
    description="Made once for all who ask for the same at the same clock.",
    tags=["tree"],
)

_CHUNK: Final = operation(
    "getChunk",
    "A part of a tree that a manifest has named",
    [
        {
            "name": "hash",
            "in": "path",
            "required": True,
            "description": "the part's address: 32 hex digits, in lower case",
            "schema": text(pattern="^[0-9a-f]{32}$"),
        },
        *CONDITIONS,
    ],
    {
        **stored("A group of columns, as it stands in the snapshot.", {"application/octet-stream": text()}, {}),
        **problems("no-such-chunk", *STORED),
    },
    description="What an address names never changes. A manifest's parts are kept for a minute after it was given.",
    tags=["tree"],
)

PATHS: Final[Json] = {"/tree": {"get": _TREE}, "/chunk/{hash}": {"get": _CHUNK}}
SCHEMAS: Final[Json] = {}
