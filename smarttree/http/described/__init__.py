"""The API described as OpenAPI 3.1: one file an endpoint, or a few that belong together, each with PATHS and SCHEMAS.

To describe another endpoint, write its file and name it in `_ENDPOINTS`. Tests hold the description against the running
server: its routes, its parameters, its errors and, by other people's tools, whatever it answers.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import smarttree
from smarttree.http.described import (
    access,
    changes,
    compress,
    events,
    health,
    page,
    search,
    session,
    stats,
    tree,
    watch,
)
from smarttree.http.described.parts import Json, problem_answer
from smarttree.http.described.schemas import SCHEMAS

_ENDPOINTS: Final = (events, changes, tree, compress, search, stats, watch, access, session, page, health)

_ABOUT: Final = """\
A live, compressed mirror of a directory tree. The full specification is `spec/HTTP.md` of the project.

Every error is an `application/problem+json` (RFC 9457) with a stable `code`. A parameter that an endpoint does not \
know, one given twice, and a value out of its range are a 400 that says what is right; nothing is ignored or bent. \
Until the first scan is done, what needs the tree is a 503 with `Retry-After`; `/events` is held open. An address at \
which there is nothing is a 404 `no-such-endpoint`, another method a 405 `method-not-allowed`, and what is no HTTP a \
400 `bad-request`.\
"""

_TAGS: Final = {
    "stream": "the tree, and every change of it",
    "tree": "the tree now",
    "roots": "roots that come and go",
    "server": "how the server does",
}


def _as_head(get: Json) -> Json:
    """HEAD is answered like GET, without a body."""
    responses = {
        status: {key: value for key, value in answer.items() if key != "content"}
        for status, answer in get["responses"].items()
        if status != "206"  # a range is of what GET sends
    }
    name = "head" + get["operationId"].removeprefix("get")
    return {**get, "operationId": name, "summary": f"{get['summary']}: the headers alone", "responses": responses}


def _path(methods: Json) -> Json:
    return {**methods, **({"head": _as_head(methods["get"])} if "get" in methods else {})}


@cache
def description() -> Json:
    """All of it. Not to be changed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "smarttree",
            "version": smarttree.__version__,
            "summary": "A live mirror of a directory tree",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}, {"ticket": []}, {"session": []}],
        "tags": [{"name": name, "description": told} for name, told in _TAGS.items()],
        "paths": {path: _path(methods) for each in _ENDPOINTS for path, methods in each.PATHS.items()},
        "components": {
            "schemas": {**SCHEMAS, **{name: schema for each in _ENDPOINTS for name, schema in each.SCHEMAS.items()}},
            "responses": {
                "NoSuchEndpoint": problem_answer(404, ["no-such-endpoint"]),
                "MethodNotAllowed": problem_answer(405, ["method-not-allowed"]),
            },
            "securitySchemes": access.SECURITY,
        },
    }
