"""`/changes`, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.changes import NDJSON, WAIT_MAX_S
from smarttree.http.described.codes import NEEDS_TREE
from smarttree.http.described.events import FILTERS
from smarttree.http.described.parts import (
    BINARY,
    CLOCK_HEADER,
    JSON,
    SYNC,
    Json,
    answer,
    array,
    bytes_of,
    flag,
    header,
    obj,
    operation,
    problems,
    query,
    ref,
    text,
    whole,
    word,
)
from smarttree.http.described.schemas import KINDS
from smarttree.wire import MEDIA_TYPE_QTN

_VARY: Final = {"Vary": header("on what else it depends")}

_CHANGES: Final = operation(
    "getChanges",
    "What has changed since a clock",
    [
        query("since", "the clock of the last answer, or any other", ref("Clock"), required=True),
        query("wait", "where nothing has changed, for how many seconds to wait", whole(maximum=WAIT_MAX_S, default=0)),
        *FILTERS,
        query("only", "leave out files that were written with the content they had", word("content")),
        SYNC,
    ],
    {
        "200": answer(
            "Changes that lead from the tree at one clock to that at the other; in lines, `clock`, `from`, `complete` "
            "and the number of `changes` are the last of them. In QTN1 it is one BATCH.",
            {JSON: ref("Changes"), NDJSON: text(), MEDIA_TYPE_QTN: BINARY},
            {
                **CLOCK_HEADER,
                **_VARY,
                "Content-Encoding": header("how it is compressed, if it is", word("zstd", "gzip"), required=False),
            },
        ),
        "204": {"description": "In QTN1: nothing has changed.", "headers": {**CLOCK_HEADER, **_VARY}},
        **problems(
            "not-a-directory",
            "ambiguous-path",
            "not-acceptable",
            "unknown-clock",
            *NEEDS_TREE,
            "service-unavailable",
            "gateway-timeout",
        ),
    },
    tags=["stream"],
)

SCHEMAS: Final[Json] = {
    "Changes": obj(
        {
            "clock": ref("Clock"),
            "from": ref("Clock"),
            "complete": flag("not in the middle of something larger, of which the rest is to come"),
            "changes": array(ref("Changed")),
        }
    ),
    "Changed": obj(
        {
            "type": word("modified", "created", "deleted", "renamed"),
            "path": text("absolute"),
            "kind": word(*KINDS),
            "size": whole("bytes"),
            "timestamp": text("when it was told, RFC 3339 in UTC", format="date-time"),
        },
        {
            "old_path": text("of a rename"),
            "content": word("same", "changed"),
            **bytes_of("path"),
            **bytes_of("old_path"),
        },
        description="A change as in the stream, without its delta.",
    ),
}

PATHS: Final[Json] = {"/changes": {"get": _CHANGES}}
