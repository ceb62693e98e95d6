"""What is there is described, and nothing else: routes, parameters and errors, in the description and in spec/HTTP.md.

The running server is asked what it knows, and the source for the errors it can give. Whether the answers are as they
are described is for the judges in tests/described.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import smarttree
from smarttree import errors
from smarttree.advice import EngineFailure
from smarttree.errors import SmarttreeError
from smarttree.http.described import description
from smarttree.http.described.codes import CODES
from tests.http.server import Server

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "spec" / "HTTP.md").read_text()
SECTIONS = re.split(r"^##+ ", SPEC, flags=re.M)
PATHS: dict[str, dict[str, Any]] = description()["paths"]
OPERATIONS = [(method.upper(), path) for path, methods in PATHS.items() for method in methods]
# Of the command line, or of what nothing can be asked about yet.
NOT_FOR_CLIENTS = {
    "error",
    "bad-qtn",
    "bad-marqant",
    "bad-config",
    "port-in-use",
    "host-refused",
    "certificate-refused",
    "refused",
}


def parameters(method: str, path: str, place: str) -> set[str]:
    return {each["name"] for each in PATHS[path][method.lower()]["parameters"] if each["in"] == place}


def test_every_route_is_described_and_no_other(server: Server) -> None:
    _, _, body = server.get("/nowhere")
    there = set(json.loads(body)["endpoints"])
    assert there == {f"{method} {path}" for method, path in OPERATIONS if method != "HEAD"}
    assert {path for method, path in OPERATIONS if method == "HEAD"} == {p for m, p in OPERATIONS if m == "GET"}


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if each[0] == "GET"])
def test_every_parameter_is_described_and_no_other(server: Server, method: str, path: str) -> None:
    """Who asks for what nobody knows is told what is known."""
    status, _, body = server.get(path.replace("{hash}", "0" * 32).replace("{file}", "app.js") + "?nonsense=1")
    assert status == 400
    known = re.fullmatch(r"there is no parameter 'nonsense' here; this endpoint has (.*)", json.loads(body)["detail"])
    assert known is not None
    assert set(known[1].split(", ")) - {"none"} == parameters(method, path, "query")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_specification_has_every_parameter(method: str, path: str) -> None:
    shown = path.replace("{hash}", "HASH").replace("{file}", "FILE")
    sections = [section for section in SECTIONS if shown in section]
    assert any(f"`GET {shown}`" in section or f"`{method} {shown}`" in section for section in sections)
    for names, text in ((parameters(method, path, "query"), sections), (parameters(method, path, "header"), SECTIONS)):
        told = " ".join(re.findall(r"`([^`\n]+)`", "\n".join(text)))
        assert not [name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", told)]


def codes_of_classes() -> dict[str, int]:
    kinds: list[type[SmarttreeError]] = [EngineFailure]
    kinds += [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SmarttreeError)]
    return {kind.code: kind.http_status for kind in kinds if kind.code not in NOT_FOR_CLIENTS}


def codes_in_the_source() -> Iterator[tuple[str, int]]:
    """What is given without a class: `problem(403, "origin-refused", …)`, `web.HTTPNotAcceptable(…)`."""
    for file in sorted((ROOT / "smarttree" / "http").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "problem":
                values = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
                if len(values) == 2:
                    yield str(values[1]), int(str(values[0]))
            elif isinstance(node, ast.Call) and (kind := re.fullmatch(r"web\.(HTTP[A-Z]\w+)", ast.unparse(node.func))):
                status = HTTPStatus(getattr(web, kind[1]).status_code)
                yield status.phrase.lower().replace(" ", "-"), status


def test_every_error_is_described_and_no_other() -> None:
    given = codes_of_classes() | dict(codes_in_the_source())
    assert {code: status for code, (status, _) in CODES.items()} == given


def test_the_specification_has_every_error_with_its_status() -> None:
    section = next(section for section in SECTIONS if section.startswith("6. Errors"))
    rows = re.findall(r"^\| (`.+?) \| ([\d, ]+) \|", section, flags=re.M)
    told = {code: statuses.split(", ") for codes, statuses in rows for code in re.findall(r"`([\w-]+)`", codes)}
    assert told.keys() - CODES.keys() == set()
    assert {code for code in CODES if str(CODES[code].status) not in told.get(code, ())} == set()


def test_every_error_that_can_come_is_in_some_answer() -> None:
    told = {
        code
        for methods in PATHS.values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for code in content.get("schema", {}).get("properties", {}).get("code", {}).get("enum", ())
    }
    of_no_endpoint = {"no-such-endpoint", "method-not-allowed", "bad-request", "expectation-failed"}
    assert told | of_no_endpoint == set(CODES)


def test_references_lead_somewhere_and_names_are_given_once() -> None:
    text = json.dumps(description())
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named | {"Problem"} == set(description()["components"]["schemas"])
    ids = [operation["operationId"] for methods in PATHS.values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


# ---------------------------------------------------------------- as it is served


def test_the_description_is_served(server: Server) -> None:
    status, headers, body = server.get("/openapi.json")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-cache")
    served = json.loads(body)
    assert served == json.loads(json.dumps(description()))
    assert (served["openapi"], served["info"]["version"]) == ("3.1.0", smarttree.__version__)
    assert served["servers"] == [{"url": "/"}]
    assert server.get("/openapi.json", If_None_Match=headers["etag"])[0] == 304


def test_pages_of_other_origins_may_read_it(project: Path) -> None:
    with Server(project, cors=("https://a.example",)) as server:
        assert server.get("/openapi.json", Origin="https://a.example")[1]["access-control-allow-origin"]


def test_it_is_there_before_the_tree_is(project: Path) -> None:
    with Server(project, scan=False) as server:
        assert {server.get(path)[0] for path in ("/openapi.json", "/docs", "/metrics", "/healthz")} == {200}
        server.begin_scan()


def test_the_page_shows_all_and_runs_nothing(server: Server) -> None:
    status, headers, body = server.get("/docs")
    page = body.decode()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"<script|javascript:|\son\w+=|https?://", page)
    for method, path in OPERATIONS:
        assert f"{method} {path}" in page or method == "HEAD"
        for name in parameters(method, path, "query"):
            assert f"<code>{name}</code>" in page
    for name in description()["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert server.get("/docs", If_None_Match=headers["etag"])[0] == 304
