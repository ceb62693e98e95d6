"""Who is answered: the law holds for every route and method there is, and for streams under way."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from smarttree.config import StateConfig
from smarttree.errors import ConfigError
from smarttree.http import dashboard
from smarttree.http.access import ACCESS, ATTEMPTS_MAX
from smarttree.http.door import DOOR
from smarttree.http.keyring import Keyring
from smarttree.http.waiting import WAITING
from tests.clients.plain import DEADLINE_S, Follower, Stream
from tests.http.server import Server
from tests.http.test_rest import problem

TOKEN = "a token of the tests".replace(" ", "-")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
APP = "https://app.example.com"


@pytest.fixture
def guarded(project: Path) -> Iterator[Server]:
    with Server(project, auth_token=TOKEN, cors=(APP,)) as running:
        yield running


def asked(server: Server, method: str, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    try:
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        body = b"" if told.get("content-type", "").startswith("text/event-stream") else answer.read()
        return answer.status, told, body
    finally:
        connection.close()


PAGES = {"/", *(f"/page/{path.name}" for path in Path(dashboard.__file__).with_name("static").iterdir())} - {
    f"/page/{dashboard.INDEX}"
}
# What tries to be taken for something that is open.
DISGUISED = (
    "//healthz", "/healthz/", "/%68ealthz/x", "/healthz/../tree", "/healthz%2f..%2ftree", "/healthz;/tree", "/./tree",
    "//", "/page/", "/page/../tree", "/page/%2e%2e/tree", "/page/..%2ftree", "/page/app.js/../../tree", "/page//app.js",
    "/page/index.html", "/page/app.js/", "/page/APP.JS", "/page/%00", "/session/", "//session", "/session/../tree",
)  # fmt: skip


def answered_without(method: str, path: str) -> tuple[int, ...]:
    """What comes without a token where one is wanted, and nothing but that: health, the page, and where to show one."""
    if path in ("/healthz", "/readyz"):
        return (200, 405)
    if method in ("GET", "HEAD") and path in PAGES:
        return (200,)
    return (403,) if (method, path) == ("POST", "/session") else (401,)


def every_route(server: Server) -> set[tuple[str, str]]:
    """Those of the router itself, whatever was added last, and some that are not there."""
    routes = {
        (route.method, route.resource.canonical.replace("{hash}", "0" * 32))
        for route in server.app.router.routes()
        if route.resource is not None
    }
    others = {(method, path) for _, path in routes for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")}
    pages = {(method, path) for path in PAGES for method in ("GET", "HEAD", "POST")}
    return routes | others | pages | {("GET", path) for path in ("/nowhere", *DISGUISED)}


def test_nothing_answers_without_the_token(guarded: Server) -> None:
    routes = every_route(guarded)
    assert len(routes) > 40
    for method, path in routes:
        status, headers, body = asked(guarded, method, path, {})
        assert status in answered_without(method, path), (method, path)
        assert b"README" not in body
        if status == 401:
            assert headers["www-authenticate"] == 'Bearer realm="smarttree"', (method, path)
            assert method == "HEAD" or json.loads(body)["code"] == "token-required"


def test_the_token_opens_everything(guarded: Server) -> None:
    for path in ("/tree", "/stats", "/clock", "/watch", "/events"):
        assert asked(guarded, "GET", path, BEARER)[0] == 200, path
    assert asked(guarded, "GET", "/clock", {"Authorization": f"bearer  {TOKEN} "})[0] == 200


@pytest.mark.parametrize("wrong", ["Basic {}", "Bearer {}x", "Bearer", "Bearer  ", "{}", "Bearer é{}", "Token {}"])
def test_what_only_looks_like_it_does_not(guarded: Server, wrong: str) -> None:
    status, _, body = asked(guarded, "GET", "/clock", {"Authorization": wrong.format(TOKEN)})
    assert (status, json.loads(body)["code"]) in ((401, "token-required"), (401, "token-refused"))
    assert TOKEN.encode() not in body
    status, _, body = asked(guarded, "GET", f"/clock?token={TOKEN}", {})
    assert (status, json.loads(body)["code"]) == (400, "bad-parameter")
    assert b"--token-in-query" in body
    assert TOKEN.encode() not in body


def test_who_is_wrong_too_often_waits_and_who_is_right_does_not(guarded: Server) -> None:
    for _ in range(ATTEMPTS_MAX):
        assert problem(guarded.get("/clock", Authorization="Bearer wrong"))[:2] == (401, "token-refused")
    status, code, _ = problem(answer := guarded.get("/clock", Authorization="Bearer wrong"))
    assert (status, code) == (429, "too-many-attempts")
    assert 0 < int(answer[1]["retry-after"]) <= 6
    assert guarded.get("/clock", **BEARER)[0] == 200
    assert problem(guarded.get("/clock"))[:2] == (401, "token-required")


def test_headers_of_a_proxy_that_is_none_change_nothing(guarded: Server) -> None:
    """Neither who asks, nor which name was asked for."""
    claims = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP", "Via")
    for number in range(ATTEMPTS_MAX):
        told = {claim: f"for=10.0.0.{number}" if claim == "Forwarded" else f"10.0.0.{number}" for claim in claims}
        assert asked(guarded, "GET", "/clock", {**told, "Authorization": "Bearer wrong"})[0] == 401
    told = dict.fromkeys(claims, "for=10.1.1.1")
    assert asked(guarded, "GET", "/clock", {**told, "Authorization": "Bearer wrong"})[0] == 429


def test_no_other_header_names_the_host(server: Server) -> None:
    for claim in ("X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-Host", "X-HTTP-Host-Override"):
        headers = {"Host": "evil.example", claim: "host=localhost" if claim == "Forwarded" else "localhost"}
        assert problem(asked(server, "GET", "/clock", headers))[:2] == (421, "host-unknown")
        assert asked(server, "GET", "/clock", {"Host": "localhost", claim: "evil.example"})[0] == 200
    for claim in ("X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Method-Override"):
        assert problem(asked(server, "GET", "/nowhere", {claim: "/clock"}))[:2] == (404, "no-such-endpoint")


def test_a_page_of_a_named_origin_may_show_the_token(guarded: Server) -> None:
    ask = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for path in ("/events", "/watch", "/ticket", "/search"):
        status, headers, _ = asked(guarded, "OPTIONS", path, ask)
        assert (status, headers["access-control-allow-origin"]) == (204, APP), path
        assert "Authorization" in headers["access-control-allow-headers"]
        assert "POST" in headers["access-control-allow-methods"]
        assert asked(guarded, "OPTIONS", path, {**ask, "Origin": "https://evil.example"})[0] == 403
    status, headers, _ = asked(guarded, "GET", "/clock", {"Origin": APP})
    assert (status, headers["access-control-allow-origin"]) == (401, APP)
    assert "access-control-allow-credentials" not in headers
    assert asked(guarded, "POST", "/ticket", {"Origin": APP, **BEARER})[0] == 201
    assert asked(guarded, "POST", "/ticket", {"Origin": "https://evil.example", **BEARER})[0] == 403


def ticket_of(server: Server) -> str:
    status, _, body = asked(server, "POST", "/ticket", BEARER)
    assert status == 201
    return str(json.loads(body)["ticket"])


def test_a_ticket_opens_a_stream_and_comes_back(project: Path, tmp_path: Path) -> None:
    state = StateConfig(directory=bytes(tmp_path / "state"))
    settings: dict[str, Any] = {"state": state, "auth_token": TOKEN}
    with Server(project, **settings) as server:
        ticket = ticket_of(server)
        for _ in range(3):
            with Follower(f"{server.url}/events?ticket={ticket}") as follower:
                assert follower.turn().named("tree")
        assert problem(server.get(f"/tree?ticket={ticket}"))[:2] == (401, "token-required")
        assert problem(server.get(f"/events?ticket={ticket[:-1]}"))[:2] == (401, "token-refused")
    assert (tmp_path / "state" / "tickets.key").stat().st_mode & 0o777 == 0o600
    with Server(project, **settings) as server, Follower(f"{server.url}/events?ticket={ticket}") as follower:
        assert follower.turn().named("tree")


def test_the_file_is_followed_and_whoever_goes_is_sent_away(project: Path, tmp_path: Path, fanout: str) -> None:
    file = tmp_path / "tokens"
    file.write_text("ci read first-of-them\nops read,watch second-of-them\n")
    with Server(project, auth_token_file=str(file), bases=[project.parent]) as server:
        assert problem(server_post(server, "first-of-them"))[:2] == (403, "scope-missing")
        assert server_post(server, "second-of-them")[0] == 200
        streams = [Stream(f"{server.url}/events", headers={"Authorization": f"Bearer {secret}"})
                   for secret in ("first-of-them", "second-of-them")]  # fmt: skip
        for stream in streams:
            stream.frame(DEADLINE_S)
        until(lambda: server.app_streams() == 2)
        file.write_text("a mistake\n")
        (tmp_path / "draft").write_text("ops read,watch second-of-them\nnew read third-of-them\n")
        (tmp_path / "draft").rename(file)
        until(lambda: server.app[ACCESS].keyring.tokens.find(b"third-of-them") is not None)
        assert server.get("/clock", Authorization="Bearer third-of-them")[0] == 200
        while streams[0].frame(DEADLINE_S) is not None:
            pass
        assert problem(server.get("/clock", Authorization="Bearer first-of-them"))[1] == "token-refused"
        (project / "news").touch()
        while (frame := streams[1].frame(DEADLINE_S)) is not None and "news" not in (frame.data or ""):
            pass
        assert frame is not None
        for stream in streams:
            stream.close()


def test_a_file_that_is_emptied_opens_nothing(project: Path, tmp_path: Path) -> None:
    """As an editor does on its way to write it anew."""
    file = tmp_path / "tokens"
    file.write_text("ci read first-of-them\n")
    with Server(project, auth_token_file=str(file)) as server:
        keyring = server.app[ACCESS].keyring
        for text in ("", "# nobody\n"):
            file.write_text(text)
            assert keyring.file is not None
            keyring.file.look()
            assert problem(server.get("/clock"))[:2] == (401, "token-required"), text
            assert server.get("/clock", Authorization="Bearer first-of-them")[0] == 200


def test_who_waits_is_told_nothing_once_the_token_is_gone(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("ci read first-of-them\nops read second-of-them\n")
    first = {"Authorization": "Bearer first-of-them"}
    with Server(project, auth_token_file=str(file)) as server, ThreadPoolExecutor() as pool:
        clock = json.loads(asked(server, "GET", "/clock", first)[2])["clock"]
        waiting = pool.submit(asked, server, "GET", f"/changes?since={clock}&wait=60", first)
        until(lambda: server.app[WAITING].count == 1)
        (tmp_path / "draft").write_text("ops read second-of-them\n")
        (tmp_path / "draft").rename(file)
        until(lambda: server.app[ACCESS].keyring.tokens.find(b"first-of-them") is None)
        (project / "secret").touch()
        status, _, body = waiting.result(DEADLINE_S)
        assert (status, json.loads(body)["code"]) == (401, "token-refused")


def server_post(server: Server, secret: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    try:
        body = json.dumps({"path": str(server.service.config.roots[0], "utf-8")})
        connection.request("POST", "/watch", body, {"Authorization": f"Bearer {secret}"})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def until(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline


def test_a_file_with_a_mistake_is_an_error_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    for text in ("two words", "", "a read,write secret-of-a"):
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            Keyring(None, str(file))
        assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot read"):
        Keyring(None, str(tmp_path / "nowhere"))


def test_who_is_not_admitted_is_not_heard(project: Path) -> None:
    """This machine always is, so the door is asked by itself, and a proxy's word by the whole server."""
    with Server(project, allow=(ip_network("10.0.0.0/8"),), trusted_proxies=(ip_network("127.0.0.0/8"),)) as server:
        assert server.get("/clock")[0] == 200
        assert server.get("/clock", X_Forwarded_For="10.1.2.3")[0] == 200
        assert server.get("/clock", X_Forwarded_For="::ffff:10.1.2.3")[0] == 200
        assert problem(server.get("/clock", X_Forwarded_For="203.0.113.9"))[:2] == (403, "address-refused")
        assert problem(server.get("/clock", X_Forwarded_For="10.1.2.3, 203.0.113.9"))[:2] == (403, "address-refused")
        assert problem(server.get("/healthz", Forwarded="for=203.0.113.9"))[:2] == (403, "address-refused")


def test_the_door_closes_before_anything_is_read(project: Path) -> None:
    with Server(project) as server:
        door = server.app[DOOR]
        admits, door.admits = door.admits, lambda peer: False
        with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as refused:
            try:
                refused.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert refused.recv(1) == b""
            except ConnectionError:
                pass
        door.admits = admits
        assert server.get("/healthz")[0] == 200


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "app.localhost:80", "127.0.0.1", "[::1]:1", "10.0.0.7"])
def test_a_name_of_its_own_is_answered(server: Server, name: str) -> None:
    assert asked(server, "GET", "/clock", {"Host": name})[0] == 200


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.example"])
def test_a_name_that_somebody_else_made_is_not(server: Server, name: str) -> None:
    for path in ("/tree", "/events", "/nowhere"):
        status, _, body = asked(server, "GET", path, {"Host": name})
        assert (status, json.loads(body)["code"]) == (421, "host-unknown")


def test_a_name_that_is_trusted_is(project: Path) -> None:
    with Server(project, trusted_hosts=("tree.example.com",)) as server:
        assert asked(server, "GET", "/clock", {"Host": "Tree.Example.com:8973"})[0] == 200
        assert asked(server, "GET", "/clock", {"Host": "other.example.com"})[0] == 421


def test_a_file_that_was_emptied_opens_nothing(project: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens"
    file.write_text("ci read first-of-them\n")
    with Server(project, auth_token_file=str(file)) as server:
        for text in ("", "# nobody\n"):
            caplog.clear()
            (tmp_path / "draft").write_text(text)
            (tmp_path / "draft").rename(file)
            until(lambda: "no token in it" in caplog.text)
            assert problem(server.get("/tree"))[:2] == (401, "token-required")
            assert server.get("/clock", Authorization="Bearer first-of-them")[0] == 200
