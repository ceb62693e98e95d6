"""`/events`, described, with what each event tells."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.parts import (
    Json,
    answer,
    array,
    bytes_of,
    flag,
    header,
    obj,
    one_of_each,
    operation,
    or_null,
    path_parameter,
    problems,
    query,
    real,
    ref,
    text,
    whole,
    word,
)
from smarttree.http.described.schemas import DIGEST, KINDS, PLACE, TOTALS, tree_schema
from smarttree.stream.classes import EVENTS

FILTERS: Final = [
    path_parameter("a root, or a directory below one, there already or not: only that"),
    query("include", "only what matches, and what is below that; may be repeated", array(ref("Glob"))),
    query("exclude", "not what matches, nor what is below that; may be repeated", array(ref("Glob"))),
    one_of_each("types", "only entries of these kinds", KINDS),
]

_EVENTS: Final = operation(
    "getEvents",
    "The stream: the tree, then every change of it",
    [
        one_of_each("events", "which events; by default all", EVENTS),
        query("mode", "how the tree is told; by default as the server's `--mode` says", ref("Mode")),
        query(
            "tree",
            "`none`: the event `tree` without its document; `manifest`: with the list of its parts, in mode quantum",
            {**word("full", "none", "manifest"), "default": "full"},
        ),
        query(
            "only",
            "leave out changes that left contents the same; needs a server with `--content-hash`",
            word("content"),
        ),
        query("since", "resume after this clock", ref("Clock")),
        query("ticket", "of `/ticket`, in the place of a token", text()),
        *FILTERS,
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "as `since`, and wins over it; what is no clock is answered by a rebase, never by an error",
            "schema": text(),
        },
        {"name": "Accept-Encoding", "in": "header", "description": "zstd, gzip, with `--compress`", "schema": text()},
    ],
    {
        "200": answer(
            "Server-Sent Events, without end. `id:` is the clock, and stands only on the last frame of an opening or a "
            "batch: apply what has come when it does. The data of each event is one line: of `quantum`, `QTN1:BATCH:` "
            "and base64; of the others JSON, as their schemas say.",
            {"text/event-stream": text()},
            {
                "X-Accel-Buffering": header("tells a proxy to hand on what has come", {"const": "no"}),
                "Content-Encoding": header("how it is compressed, if it is", word("zstd", "gzip"), required=False),
            },
        ),
        **problems("unknown-mode", "not-available-yet", "ambiguous-path", "not-acceptable", rated=False),
    },
    description="It ends where the connection does. Where there are too many, of all, of an address or of a token, "
    "where an address asks too often, and where the server stops, that is told by `retry:` and a close.",
    tags=["stream"],
)

# What each event tells, by its name: OpenAPI 3.1 has no word for it.
_EVENTS["responses"]["200"]["content"]["text/event-stream"]["x-events"] = {
    "tree": ref("TreeEvent"),
    "change": ref("ChangeEvent"),
    "quantum": text(pattern="^QTN1:BATCH:"),
    "stats": ref("StatsEvent"),
    "message": ref("MessageEvent"),
}

_WINDOW: Final = {
    "interval": text("of how long", examples=["5m"]),
    "changes": whole("how many in that time"),
    "growth": text("as people read it; powers of 1000", pattern=r"^[+-][0-9.]+[KMGTP]?B$", examples=["+1.2MB"]),
    "growth_bytes": whole(low=None),
    "hot_files": array(text(), maxItems=10, description="relative to the root, the one changed most often first"),
}

SCHEMAS: Final[Json] = {
    "TreeEvent": tree_schema(reason=word("initial", "rebase")),
    "ChangeEvent": obj(
        {
            "type": word("created", "modified", "deleted", "renamed"),
            **PLACE,
            "kind": word(*KINDS),
            "size": whole("bytes; 0 for a directory"),
            "timestamp": text("of the batch; RFC 3339, UTC, milliseconds", format="date-time"),
            "delta": text("this one change", pattern="^QTN1:DELTA:"),
        },
        {
            **bytes_of("path"),
            "old_path": text("of what was renamed"),
            **bytes_of("old_path"),
            "content": {**word("same", "changed"), "description": "of a modified file, where it is known"},
        },
    ),
    "StatsEvent": obj({**PLACE, **_WINDOW, **TOTALS}, bytes_of("path")),
    "Window": obj(
        {
            **PLACE,
            **_WINDOW,
            "changes_per_second": real("`changes` by `seconds`"),
            "seconds": whole("how much of the interval is known"),
            "exact": flag("whether the figures are no more and no less"),
        },
        bytes_of("path"),
    ),
    "MessageEvent": obj(
        {
            "clock": ref("Clock"),
            "changes": whole("how many the batch has; 0 in an opening"),
            "stats": {**ref("Totals"), "description": "of all roots together"},
            "digest": {**or_null(DIGEST), "description": "of all roots together"},
            "more": flag("a piece of something larger, whose next piece follows"),
        },
        {
            "vcs": obj(
                {"root": text(), "from": {"type": ["string", "null"]}, "to": {"type": ["string", "null"]}},
                bytes_of("root"),
                description="version control has moved the HEAD of a root",
            ),
            "root": obj(
                {**PLACE, "state": word("ready", "missing", "unreadable")},
                bytes_of("path"),
                description="what has become of a root",
            ),
        },
    ),
}

PATHS: Final[Json] = {"/events": {"get": _EVENTS}}
