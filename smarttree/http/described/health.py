"""Health, figures and the description itself, described."""

from __future__ import annotations

from typing import Final

from smarttree.http.described.codes import NEEDS_TREE, STORED
from smarttree.http.described.parts import (
    CONDITIONS,
    JSON,
    Json,
    answer,
    header,
    json_answer,
    obj,
    operation,
    problems,
    ref,
    stored,
    text,
    word,
)

_HEALTHZ: Final = operation(
    "getHealth",
    "The process answers",
    [],
    {
        "200": json_answer("It does.", obj({"status": {"const": "ok"}, "state": word("scanning", "ready", "failed")})),
        **problems(guarded=False),
    },
    tags=["server"],
)

_READYZ: Final = operation(
    "getReadiness",
    "The tree is there",
    [],
    {
        "200": json_answer("It is.", obj({"status": {"const": "ready"}, "clock": ref("Clock")})),
        **problems(*NEEDS_TREE, guarded=False),
    },
    tags=["server"],
)

_METRICS: Final = operation(
    "getMetrics",
    "Figures for Prometheus",
    [],
    {
        "200": answer(
            "All figures, each with its name, type and meaning; during the first scan too. No path is among them.",
            {"text/plain": text(), "application/openmetrics-text": text()},
            {"Vary": header("on what else it depends", {"const": "Accept"})},
        ),
        **problems(),
    },
    description="In Prometheus' text format, or in OpenMetrics where `Accept` names it.",
    tags=["server"],
)

_OPENAPI: Final = operation(
    "getDescription",
    "This description, as OpenAPI 3.1",
    CONDITIONS,
    {**stored("It.", {JSON: {"type": "object"}}, {}), **problems(*STORED)},
    tags=["server"],
)

_DOCS: Final = operation(
    "getPage",
    "This description, as a page to read",
    CONDITIONS,
    {
        **stored("It.", {"text/html": text()}, {"Content-Security-Policy": header("nothing is loaded, nothing runs")}),
        **problems(*STORED),
    },
    tags=["server"],
)

PATHS: Final[Json] = {
    "/healthz": {"get": _HEALTHZ},
    "/readyz": {"get": _READYZ},
    "/metrics": {"get": _METRICS},
    "/openapi.json": {"get": _OPENAPI},
    "/docs": {"get": _DOCS},
}
SCHEMAS: Final[Json] = {}
