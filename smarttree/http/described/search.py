"""`/search`, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.codes import NEEDS_TREE, TAKES_PATH
from smarttree.http.described.parts import (
    CLOCK_HEADER,
    JSON,
    SYNC,
    Json,
    answer,
    array,
    flag,
    header,
    obj,
    operation,
    path_parameter,
    problems,
    query,
    ref,
    text,
    whole,
    word,
)
from smarttree.http.described.schemas import KINDS
from smarttree.http.search import LIMIT, LIMIT_MAX, NDJSON, TIMEOUT_MS, TIMEOUT_MS_MAX
from smarttree.ignore import GLOB_BYTES_MAX
from smarttree.search import CASES, CONTEXT_MAX
from smarttree.search.content import SKIPPED
from smarttree.search.pattern import PATTERN_BYTES_MAX

_GLOB: Final = text(pattern=r"^!?[^!\n\u0000][^\n\u0000]*$", maxLength=GLOB_BYTES_MAX)
_Q: Final = text(pattern=r"^[^\n\u0000]+$", maxLength=PATTERN_BYTES_MAX)

_SEARCH: Final = operation(
    "search",
    "Contents, or names, below a path",
    [
        query("q", "what to look for; only with `in=name` and a `glob` may it be missing", _Q),
        path_parameter("a directory or a file; without it, everything"),
        query("in", "in contents, or in names", {**word("content", "name"), "default": "content"}),
        query("regex", "`1`: `q` is a regular expression of RE2", {**word("0", "1", "false", "true"), "default": "0"}),
        query("case", "`smart`: as `ignore`, unless `q` has a capital letter", {**word(*CASES), "default": CASES[0]}),
        query("glob", "only what matches; with `!` before it, not what does; may be repeated", array(_GLOB)),
        query("context", "how many lines around a match are told; not in names", whole(maximum=CONTEXT_MAX, default=0)),
        query("limit", "how many matches at most", whole(low=1, maximum=LIMIT_MAX, default=LIMIT)),
        query("timeout_ms", "for how long", whole(low=1, maximum=TIMEOUT_MS_MAX, default=TIMEOUT_MS)),
        SYNC,
    ],
    {
        "200": answer(
            "As one document; or, as it is found, in lines: ripgrep's messages `begin`, `match`, `context`, `end` and "
            "`summary`. Whether that is all is told at the end.",
            {JSON: ref("Found"), NDJSON: text()},
            {**CLOCK_HEADER, "Vary": header("on what else it depends")},
        ),
        **problems(*TAKES_PATH, "not-a-file", "not-acceptable", "too-many-searches", *NEEDS_TREE, "gateway-timeout"),
    },
    tags=["tree"],
)

_TEXT: Final = {
    "type": "object",
    "description": "text, or its bytes in base64 where they are not UTF-8",
    "properties": {"text": text(), "bytes": text(contentEncoding="base64")},
    "oneOf": [{"required": ["text"]}, {"required": ["bytes"]}],
}

SCHEMAS: Final[Json] = {
    "Found": obj(
        {
            "matches": array(ref("Match")),
            "complete": flag("neither the limit nor the time has cut it"),
            "limit_reached": flag(),
            "timed_out": flag(),
            "stats": obj(
                {"matches": whole()},
                {name: whole() for name in ("searches", "searches_with_match", "bytes_searched", "matched_lines")},
            ),
            "clock": ref("Clock"),
        },
        {
            "elapsed_total": obj({"secs": whole(), "nanos": whole(), "human": text()}),
            "skipped": obj({name: whole() for name in (*SKIPPED, "long_lines")}, description="files, by why"),
        },
    ),
    "Match": obj(
        {
            "type": word("match", "context", "entry"),
            "path": _TEXT,
            "submatches": array(obj({"match": _TEXT, "start": whole(), "end": whole()})),
        },
        {
            "lines": _TEXT,
            "line_number": {"type": ["integer", "null"]},
            "absolute_offset": whole(),
            "kind": word(*KINDS),
            "size": whole(),
            "mtime_ns": text(pattern="^-?[0-9]+$"),
        },
        description="A line, or with `in=name` an entry.",
    ),
}

PATHS: Final[Json] = {"/search": {"get": _SEARCH}}
