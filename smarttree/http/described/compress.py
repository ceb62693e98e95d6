"""`/compress`, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.compress import FORMATS
from smarttree.http.described.codes import NEEDS_TREE, STORED
from smarttree.http.described.parts import (
    CONDITIONS,
    Json,
    header,
    operation,
    path_parameter,
    problems,
    query,
    stored,
    text,
    word,
)

_FORMATS: Final = {each.content_type: text(contentMediaType=each.content_type) for each in FORMATS.values()}

_COMPRESS: Final = operation(
    "getCompressed",
    "One file, compressed",
    [
        path_parameter("a file; a directory with `format=qtn`"),
        query("format", "`qtn` is for directories, the others for files", word(*FORMATS), required=True),
        *CONDITIONS,
    ],
    {
        **stored(
            "A file in that format, to keep, whatever `Accept` and `Accept-Encoding` say.",
            _FORMATS,
            {"Content-Disposition": header("what to call it", required=False)},
        ),
        **problems(
            "unknown-format",
            "ambiguous-path",
            "not-a-file",
            "unreadable",
            "no-such-path",
            "too-large",
            "cannot-carry",
            *STORED,
            "changed-while-read",
            "service-unavailable",
            *NEEDS_TREE,
        ),
    },
    description="Its content is that on the disk when it is opened, read in one state; its tag names the content.",
    tags=["tree"],
)

PATHS: Final[Json] = {"/compress": {"get": _COMPRESS}}
SCHEMAS: Final[Json] = {}
