"""What several endpoints tell: clocks, paths, totals, trees. Pure."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.codes import CODES
from smarttree.http.described.parts import (
    Json,
    array,
    bytes_of,
    flag,
    obj,
    or_null,
    problem_schema,
    real,
    ref,
    text,
    whole,
    word,
)
from smarttree.ignore import GLOB_BYTES_MAX
from smarttree.modes import MODES
from smarttree.stream.batch import ALL_KINDS
from smarttree.wire import PROTOCOL_VERSION

KINDS: Final = ("file", "dir", "symlink", "other")
assert set(KINDS) == ALL_KINDS

TOTALS: Final = {
    "files": whole("entries that are no directory"),
    "dirs": whole("directories below"),
    "size": whole("bytes of all files below"),
}
PLACE: Final = {"path": ref("AbsolutePath")}
DIGEST: Final = text("32 hex digits", pattern="^[0-9a-f]{32}$")
VERSIONS: Final = {"protocol": {"const": PROTOCOL_VERSION}, "version": text("the server's version")}
_TREE_FIELDS: Final = {
    **PLACE,
    "mode": ref("Mode"),
    "stats": obj(TOTALS),
    "clock": ref("Clock"),
    "digest": or_null(DIGEST),
    "filtered": flag("only a part is told: what was asked for"),
    **VERSIONS,
}
_DOCUMENT: Final = {
    **bytes_of("path"),
    "depth": whole("how many levels it tells, where that is not all"),
    "compressed": text("in mode quantum: `QTN1:` and a snapshot in base64", pattern="^QTN1:[A-Za-z0-9+/]"),
    "manifest": text("with `tree=manifest`: the list of its parts", pattern="^QTN1:MANIFEST:"),
    "tree": ref("Node"),
    "text": text("in all other modes: the document"),
}


def tree_schema(**more: Json) -> Json:
    """A tree and its document, in the field that its mode has."""
    return obj({**_TREE_FIELDS, **more}, _DOCUMENT)


def node_schema() -> Json:
    fields = {
        "kind": word(*KINDS),
        "size": whole("bytes; 0 for a directory"),
        "mode": text("permission bits, octal", pattern="^[0-7]{4}$"),
        "mtime_ns": text(
            "nanoseconds since 1970; a text, as it is more than a JSON number holds", pattern="^-?[0-9]+$"
        ),
    }
    named = {"path": text("of the top"), **bytes_of("path"), "name": text("of all others"), **bytes_of("name")}
    children = or_null(array(ref("Node"), description="of a directory, by name; null where `depth` cuts"))
    return obj(fields, {**named, "children": children})


def problem_of_any() -> Json:
    return problem_schema(None, [*CODES])


SCHEMAS: Final[dict[str, Json]] = {
    "Clock": text(
        "`<epoch>-<seq>`; opaque: compare it for equality, hand it back, nothing else",
        pattern="^[0-9a-f]{16}-(0|[1-9][0-9]{0,18})$",
        examples=["58c0ffee58c0ffee-1"],
    ),
    "Path": text(
        "An absolute path below a root; any other is relative to the single root, so `/src` and `src` are one. Bytes "
        "that are not UTF-8 are sent percent-encoded. No link is followed.",
        pattern=r"^(?!([\s\S]*/)?\.\.(/|$))[^\u0000]+$",
    ),
    "AbsolutePath": text("absolute, as the kernel spells it", pattern="^/"),
    "Glob": text(
        "A line of a `.gitignore`, relative to `path`, or to each root.",
        pattern=r"^[^!\n\u0000][^\n\u0000]*$",
        maxLength=GLOB_BYTES_MAX,
    ),
    "Mode": word(*MODES),
    "Totals": obj(TOTALS),
    "Tree": {**tree_schema(), "description": "The tree now: the fields of the event `tree`, `reason` apart."},
    "Node": {**node_schema(), "description": "In mode json: an entry, and what is below it."},
    "Progress": obj({"entries": whole(), "dirs": whole(), "seconds": real()}, description="How far the first scan is."),
    "Problem": {**problem_of_any(), "description": "RFC 9457. Every error is one of these."},
}
