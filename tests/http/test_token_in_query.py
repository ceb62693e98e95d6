"""Tokens in addresses: where it is switched on, as good as in a header, and told nowhere; elsewhere, a 400 says how."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from smarttree.cli.settings import read_settings
from smarttree.errors import BadParameter
from smarttree.http.access import ATTEMPTS_MAX, OPEN_PATHS, READING
from smarttree.http.dashboard import PAGES
from tests.clients.plain import Stream
from tests.http.server import Server
from tests.http.strangers import Stranger
from tests.http.test_access import BEARER, asked, every_route, ticket_of
from tests.http.test_rest import problem

READS, CHANGES, ODD = "reads-and-nothing-else", "changes-as-well-as-reads", "sécret+&=%of-them"


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[Server]:
    file = tmp_path / "tokens"
    file.write_text(f"ci read {READS}\nops read,watch {CHANGES}\nodd read {ODD}\n")
    bases = [project.parent]
    with Server(project, auth_token_file=str(file), token_in_query=True, access_log=True, bases=bases) as running:
        yield running


def test_it_is_as_good_as_in_a_header(server: Server) -> None:
    for path in ("/tree", "/stats", "/clock?sync=1", "/watch", "/metrics", "/openapi.json", "/docs"):
        status, headers, _ = server.get(f"{path}{'&' if '?' in path else '?'}token={READS}")
        assert status == 200, path
        assert headers["referrer-policy"] == "no-referrer"
        assert {"no-store", "private"} & set(headers["cache-control"].split(", "))
    assert server.get(f"/clock?token={quote(ODD)}")[0] == 200
    with closing(Stream(f"{server.url}/events?token={READS}&events=message")) as stream:
        assert (stream.status, stream.headers["referrer-policy"]) == (200, "no-referrer")
        assert stream.frame() is not None
    assert server.get("/clock", Authorization=f"Bearer {READS}")[0] == 200
    assert server.get("/clock", Authorization="Basic b25lOnR3bw==")[0] == 401
    assert server.get(f"/clock?token={READS}", Authorization="Basic b25lOnR3bw==")[0] == 200  # a proxy's own


def test_no_other_opens_anything(server: Server) -> None:
    """Whatever the route and method; what is open takes none."""
    for method, path in every_route(server):
        status, headers, _ = asked(server, method, f"{path}?token=x", {})
        is_open = path in OPEN_PATHS or (path in PAGES and method in READING) or (method, path) == ("POST", "/session")
        assert status in ((400, 403, 405) if is_open else (401, 429)), (method, path)
        assert headers["referrer-policy"] == "no-referrer"


def test_scopes_and_attempts_are_as_for_headers(server: Server) -> None:
    root = json.dumps({"path": server.service.config.roots[0].decode()}).encode()
    for secret, status in ((READS, 403), (CHANGES, 200)):
        with Stranger(server) as stranger:
            first = f"POST /watch?token={secret} HTTP/1.1"
            assert stranger.say(first, f"Content-Length: {len(root)}", body=root).answer()[0] == status
    for _ in range(ATTEMPTS_MAX):
        assert problem(server.get("/clock?token=wrong"))[:2] == (401, "token-refused")
    assert problem(server.get("/clock?token=wrong"))[:2] == (429, "too-many-attempts")
    assert problem(server.get("/clock", Authorization="Bearer wrong"))[:2] == (429, "too-many-attempts")
    assert server.get(f"/clock?token={READS}")[0] == 200


def test_one_in_one_place(server: Server) -> None:
    """Also where each by itself would be good."""
    ticket = json.loads(asked(server, "POST", f"/ticket?token={READS}", {})[2])["ticket"]
    header = f"Bearer {READS}"
    for target, headers in (
        (f"/clock?token={READS}", {"Authorization": header}),
        (f"/clock?token={READS}&token={READS}", {}),
        (f"/events?token={READS}&ticket={ticket}", {}),
        (f"/events?ticket={ticket}", {"Authorization": header}),
        (f"/events?ticket={ticket}&ticket={ticket}", {}),
    ):
        told = server.get(target, **headers)
        assert problem(told)[:2] == (400, "bad-parameter"), target
        assert READS.encode() not in told[2]
        assert ticket.encode() not in told[2]
    with Stranger(server) as stranger:
        status, _, told = stranger.get("/clock", f"Authorization: {header}", f"Authorization: {header}").answer()
        assert (status, told["code"]) == (400, "bad-parameter")


def test_no_log_and_no_error_has_it(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for target in (
        "/clock?",
        "/nowhere?",
        "/tree?nonsense=1&",
        "/tree?path=/nothing&",
        "/compress?",
        "/chunk/0?",
        "/search?",
    ):
        for secret in (READS, f"{READS}-no-more"):
            assert READS.encode() not in server.get(f"{target}token={secret}")[2]
    for line in (
        f"GET /clock?token={READS}\x01 HTTP/1.1",
        f"GET /clock?token={READS} HTTP/9.9",
        f"GET /clock?token={READS}{'x' * 9000} HTTP/1.1",
        f"GE\x00T /clock?token={READS} HTTP/1.1",
        f"GET /clock?token={READS}",
    ):
        with Stranger(server) as stranger:
            assert READS.encode() not in stranger.say(line, "Connection: close").until_end()
    assert len(caplog.records) > 10
    assert [record.getMessage() for record in caplog.records if READS in record.getMessage() + str(record.args)] == []


def test_where_it_is_off_it_is_refused_and_said_how(project: Path) -> None:
    """Also where it is wrong, where there is another, and where there are none at all."""
    for token in (BEARER["Authorization"].partition(" ")[2], None):
        with Server(project, auth_token=token) as server:
            for target in (
                "/clock?token=secret",
                "/events?token=secret",
                "/tree?path=/&token=secret",
                "/nowhere?token=",
            ):
                for headers in ({}, BEARER):
                    told = server.get(target, **headers)
                    assert problem(told)[:2] == (400, "bad-parameter")
                    assert b"Authorization: Bearer TOKEN" in told[2]
                    assert b"--token-in-query" in told[2]
                    assert b"secret" not in told[2]
                    assert "referrer-policy" not in told[1]
            assert ticket_of(server)


def test_it_is_for_servers_that_have_tokens(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="add --auth-token"):
        read_settings(["--serve", str(tmp_path), "--token-in-query"], {})
    settings = read_settings(["--serve", str(tmp_path), "--auth-token", "x"], {"SMARTTREE_TOKEN_IN_QUERY": "1"})
    assert settings.serve is not None
    assert settings.serve[1].token_in_query
