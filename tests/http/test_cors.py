"""CORS: who may read across origins, on answers, errors, streams and preflights alike."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarttree.http.cors import Cors
from tests.clients.plain import Stream
from tests.http.server import Server

APP = "https://app.example.com"
OTHER = "https://other.example.com"
TOKEN = "a-token-of-the-tests"


@pytest.fixture
def named(project: Path) -> Iterator[Server]:
    with Server(project, cors=(APP,)) as server:
        yield server


def preflight(server: Server, target: str, origin: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("OPTIONS", target, headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}


@pytest.mark.parametrize("target", ["/tree", "/stats", "/clock", "/nowhere", "/tree?mode=nonsense"])
def test_a_named_origin_may_read_errors_too(named: Server, target: str) -> None:
    _, headers, _ = named.get(target, Origin=APP)
    assert headers["access-control-allow-origin"] == APP
    assert "X-Smarttree-Clock" in headers["access-control-expose-headers"]
    assert "Origin" in headers["vary"]


def test_a_stream_has_the_header_too(named: Server) -> None:
    stream = Stream(f"{named.url}/events", headers={"Origin": APP})
    assert stream.headers["access-control-allow-origin"] == APP
    stream.close()


@pytest.mark.parametrize("origin", [OTHER, "null", "http://app.example.com", "https://app.example.com.evil.example"])
def test_another_origin_may_not(named: Server, origin: str) -> None:
    status, headers, _ = named.get("/tree", Origin=origin)
    assert status == 200
    assert "access-control-allow-origin" not in headers
    assert preflight(named, "/tree", origin)[0] == 403


def test_without_the_flag_nobody_may(server: Server) -> None:
    assert "access-control-allow-origin" not in server.get("/tree", Origin=APP)[1]


def test_a_preflight_allows_what_a_resuming_client_sends(named: Server) -> None:
    status, headers = preflight(named, "/events", APP)
    assert status == 204
    assert headers["access-control-allow-origin"] == APP
    assert "Last-Event-ID" in headers["access-control-allow-headers"]
    assert "GET" in headers["access-control-allow-methods"]


def test_a_star_is_for_what_is_told_about_files_not_for_what_is_in_them(project: Path) -> None:
    with Server(project, cors=("*",)) as server:
        assert server.get("/tree", Origin=OTHER)[1]["access-control-allow-origin"] == "*"
        for target in ("/search", "/compress", "/watch"):
            assert "access-control-allow-origin" not in server.get(target, Origin=OTHER)[1]
            assert preflight(server, target, OTHER)[0] == 403


ORIGINS = (APP, OTHER, "null", "http://app.example.com", "https://app.example.com:8443", f"{APP}.evil.example", "")
CONTENT = ("/search", "/compress", "/watch")
TOLD = ("/tree", "/events", "/changes", "/clock", "/stats", "/metrics", "/openapi.json", "/healthz", "/nowhere")


def allowed(cors: tuple[str, ...], guarded: bool, origin: str, path: str) -> str | None:
    """As spec/HTTP.md, section 7, has it."""
    if path in CONTENT:
        return origin if origin in cors and guarded else None
    return "*" if "*" in cors else origin if origin in cors else None


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("cors", [(), (APP,), ("*",), ("*", APP)])
def test_the_whole_matrix(project: Path, cors: tuple[str, ...], guarded: bool) -> None:
    shown = {"Authorization": f"Bearer {TOKEN}"} if guarded else {}
    with Server(project, cors=cors, auth_token=TOKEN if guarded else None) as server:
        for origin in ORIGINS:
            for path in (*CONTENT, *TOLD):
                expected = allowed(cors, guarded, origin, path)
                for headers in (shown, {}):
                    stream = Stream(f"{server.url}{path}", headers={"Origin": origin, "Connection": "close", **headers})
                    stream.close()
                    assert stream.headers.get("access-control-allow-origin") == expected, (origin, path)
                    assert "access-control-allow-credentials" not in stream.headers
                    assert expected in (None, "*") or "Origin" in stream.headers["vary"]
                assert preflight(server, path, origin)[0] == (403 if expected is None else 204), (origin, path)
            for method, path in (("POST", "/watch"), ("DELETE", "/watch"), ("POST", "/ticket")):
                refused = asked(server, method, path, origin, shown) == (403, "origin-refused")
                assert refused == (not guarded or allowed(cors, guarded, origin, path) is None), (origin, method, path)


def asked(server: Server, method: str, path: str, origin: str, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, b"{}", {"Origin": origin, **headers})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told.get("code", "")


@pytest.mark.parametrize("more", [" /tree?token=secret", "/tree", "?a", ":1:2", "@other"])
def test_what_is_no_origin_is_refused_and_not_logged(
    server: Server, caplog: pytest.LogCaptureFixture, more: str
) -> None:
    status, headers, _ = server.get("/clock", Origin=OTHER + more)
    assert "access-control-allow-origin" not in headers
    assert not caplog.records, status


def test_a_refused_origin_is_logged_once_with_the_flag(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "smarttree.http"):
        for _ in range(3):
            server.get("/tree", Origin=OTHER)
        server.get("/tree", Origin=server.url)
    assert [record.getMessage() for record in caplog.records] == [
        f"refused a page of origin {OTHER}; to allow it, start with --cors {OTHER}"
    ]


def test_origins_are_compared_as_browsers_write_them() -> None:
    cors = Cors(("https://App.Example.com/",), lambda: False, lambda request: "http://localhost")
    assert cors.allows(APP, "/tree") == APP
    assert cors.allows(APP + ":8443", "/tree") is None
