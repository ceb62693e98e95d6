"""`/stats` and `/clock`, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.codes import NEEDS_TREE, TAKES_PATH
from smarttree.http.described.parts import (
    CLOCK_HEADER,
    SYNC,
    Json,
    array,
    bytes_of,
    flag,
    json_answer,
    obj,
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
from smarttree.http.described.schemas import PLACE, TOTALS, VERSIONS
from smarttree.stream.activity import INTERVALS

_STATS: Final = operation(
    "getStats",
    "Counts, sizes, extensions, what is large, what is busy",
    [
        path_parameter("a directory; without it, the roots"),
        query("window", "only this window is told of", word(*INTERVALS)),
    ],
    {
        "200": json_answer("What is below the path, by numbers, and how the server does.", ref("Stats"), CLOCK_HEADER),
        **problems(*TAKES_PATH, *NEEDS_TREE),
    },
    tags=["tree"],
)

_CLOCK: Final = operation(
    "getClock",
    "The clock; with `sync`, once everything that already happened has been told",
    [SYNC],
    {
        "200": json_answer("Where the server stands.", ref("Standing"), CLOCK_HEADER),
        **problems(*NEEDS_TREE, "gateway-timeout"),
    },
    tags=["tree"],
)

_LAG: Final = obj(
    {
        "peer": text("its address"),
        "clock": {**ref("Clock"), "description": "what it has"},
        "bytes": whole("how far it is behind"),
        "s": real("since when"),
    }
)

SCHEMAS: Final[Json] = {
    "Stats": obj(
        {
            **TOTALS,
            "by_extension": array(
                obj({"extension": text("with its dot; empty for none"), "files": whole(), "size": whole()}),
                maxItems=50,
                description="those with most bytes",
            ),
            "by_directory": array(
                obj({**PLACE, **TOTALS}, bytes_of("path")), maxItems=10, description="of those right below, by bytes"
            ),
            "largest": array(obj({**PLACE, "size": whole()}, bytes_of("path")), maxItems=10),
            "newest": array(obj({**PLACE, "mtime_ns": text(pattern="^-?[0-9]+$")}, bytes_of("path")), maxItems=10),
            "windows": array(
                ref("Window"), description="what happened lately at the path, or each root, in each interval"
            ),
            "problems": array(
                obj({**PLACE, "errno": whole(), "message": text()}, bytes_of("path")),
                maxItems=1000,
                description="what could not be read",
            ),
            "watcher": obj(
                {
                    "name": text("what tells of changes"),
                    "degraded": or_null(text("what it can't watch as it should, and why")),
                }
            ),
            "contents": or_null(obj({"hashed": whole("files whose content is known"), "waiting": whole("to be read")})),
            "state": obj(
                {
                    "directory": or_null(text("where history is kept; null: in memory")),
                    "degraded": or_null(text("why it is in memory although it should not be")),
                },
                bytes_of("directory"),
            ),
            "clock": ref("Clock"),
            "clients": whole("streams open"),
            "streams": ref("Streams"),
        },
        {
            "path": {**ref("AbsolutePath"), "description": "what was asked for"},
            **bytes_of("path"),
            "roots": array(
                obj(PLACE, bytes_of("path")), description="all of them, where no path was given and there are several"
            ),
        },
    ),
    "Streams": obj(
        {
            "count": whole("streams that are past their opening"),
            "lagging": whole("those that have not got everything"),
            "lag_bytes": whole("of the worst"),
            "lag_s": real("of the worst"),
            "sends": whole("how often something was sent"),
            "sent_bytes": whole(),
            "closed": {
                "type": "object",
                "description": "how many ended, by why",
                "additionalProperties": whole(),
                "propertyNames": {"enum": ["left", "timed-out", "talked", "failed", "dismissed", "stopped"]},
            },
            "worst": array(_LAG, maxItems=10, description="those furthest behind"),
        },
        description="How the streams do.",
    ),
    "Standing": obj(
        {
            "clock": ref("Clock"),
            **VERSIONS,
            "degraded": flag("whether /stats has something to say in `watcher.degraded` or `state.degraded`"),
        }
    ),
}

PATHS: Final[Json] = {"/stats": {"get": _STATS}, "/clock": {"get": _CLOCK}}
