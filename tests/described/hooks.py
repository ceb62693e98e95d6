"""What OpenAPI can't say, said to schemathesis: which parameters go together, and what is there to be asked for.

Imported by schemathesis in an environment of its own, so it imports nothing of the project. SMARTTREE_THERE holds, as
JSON, what there is: `paths` and `files` below the root, `clocks`, `roots` that may come and go, and `chunks` that can
be had.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode
from typing import Any
from zlib import crc32

import schemathesis
from schemathesis import GenerationMode

THERE: dict[str, list[str]] = json.loads(os.environ["SMARTTREE_THERE"])
WITHOUT_DEPTH = {None, "quantum", "stats", "summary-ai", "digest"}


def is_valid(case: Any) -> bool:
    """Whether it was made to be accepted. What was made to be refused is left as it is, lest it become acceptable."""
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


def one_of(values: list[str], case: Any) -> str:
    return values[crc32(repr((case.query, case.body)).encode()) % len(values)]


def is_sometimes(case: Any) -> bool:
    """Half of the time, and the same for the same case."""
    return crc32(repr((case.query, case.path_parameters, case.headers, case.body)).encode()) % 2 == 0


@schemathesis.hook  # type: ignore[untyped-decorator]
def filter_case(context: Any, case: Any) -> bool:
    """Not the bytes of what is no path: a schema can say that they are base64, not what they decode to."""
    if is_valid(case) and case.operation.path == "/watch" and isinstance(case.body, dict) and "path_b64" in case.body:
        names = b64decode(case.body["path_b64"]).split(b"/")
        return b".." not in names and not any(b"\0" in name for name in names)
    return True


@schemathesis.hook  # type: ignore[untyped-decorator]
def map_case(context: Any, case: Any) -> Any:
    if "Range" in (case.headers or {}):  # a part of what is compressed can't be read by itself
        case.headers["Accept-Encoding"] = "identity"
    if is_valid(case):
        make_consistent(case)
        make_real(case)
    return case


def make_consistent(case: Any) -> None:
    """`depth` goes with modes that cut, `tree=manifest` with mode quantum, `context` with contents, `format=qtn` with
    directories; and few texts are a regular expression.
    """
    query = case.query = case.query or {}
    mode = query.get("mode")
    if mode in WITHOUT_DEPTH:
        query.pop("depth", None)
    if mode not in (None, "quantum") and query.get("tree") == "manifest":
        del query["tree"]
    if query.get("in") == "name":
        query.pop("context", None)
    if case.operation.path == "/search" and not (query.get("in") == "name" and query.get("glob")):
        query.setdefault("q", "TODO")
    if query.get("regex") in ("1", "true"):
        query["q"] = "T[O0]DO|main"
    if case.operation.path == "/changes":
        query["since"], query["wait"] = THERE["clocks"][0], "0"
    if case.operation.path == "/session" and case.method != "GET":
        case.headers = case.headers or {}
        case.headers["Sec-Fetch-Site"] = "same-origin"  # as a page of the server's own
        case.headers.pop("Origin", None)
    if case.operation.path == "/compress":
        query["path"] = one_of(THERE["paths"] if query["format"] == "qtn" else THERE["files"], case)


def make_real(case: Any) -> None:
    """Asks for what is there, half of the time; for a root always, as few directories are below a base."""
    if case.operation.path == "/watch":
        if "path" in (case.query or {}):
            case.query["path"] = one_of(THERE["roots"], case)
        if isinstance(case.body, dict):
            case.body = {"path": one_of(THERE["roots"], case)}
    elif not is_sometimes(case):
        return
    elif case.operation.path == "/chunk/{hash}":
        case.path_parameters["hash"] = one_of(THERE["chunks"], case)
    elif case.operation.path != "/compress" and "path" in (case.query or {}):
        case.query["path"] = one_of(THERE["paths"], case)
