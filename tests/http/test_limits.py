"""How much anyone may have, over real sockets: each limit is reached, told as is documented, and given back.

Addresses of the loopback stand for strangers (`strangers`), or a proxy on it speaks for them.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from ipaddress import ip_network
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from smarttree.config import HttpConfig
from smarttree.http.challenge import answering
from smarttree.http.limits import BURST_S, LIMITS, Limits
from smarttree.http.listen import open_sockets
from smarttree.http.runner import HEAD_MAX_BYTES, READ_BYTES, Connection
from smarttree.http.waiting import WAITING
from tests.clients.plain import Stream
from tests.http.server import Server
from tests.http.strangers import ONE, OTHER, Stranger, strangers, until
from tests.http.test_rest import problem

__all__ = ["strangers"]

EVENTS = "/events?events=message"
LOOPBACK = (ip_network("127.0.0.0/8"),)


def is_told_to_come_back(stranger: Stranger) -> bool:
    head, _, body = stranger.until_end().partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 200 ") and body.startswith(b"retry: ") and b"\nid: " not in body


# ---------------------------------------------------------------- connections


@pytest.mark.usefixtures("strangers")
def test_an_address_has_so_many_connections(project: Path, fanout: str) -> None:
    """Also of streams, whoever carries those; each comes back to it when it ends."""
    with Server(project, max_address_connections=3) as server, ExitStack() as until_end:
        stream, *idle = (until_end.enter_context(Stranger(server)) for _ in range(3))
        stream.get(EVENTS).until(b"\nid: ")
        for each in idle:
            assert each.get("/healthz").answer()[0] == 200
        assert Stranger(server).is_refused()
        assert not Stranger(server, OTHER).is_refused()
        stream.close()
        until(lambda: server.app[LIMITS].connections.count == 2)
        assert not Stranger(server).is_refused()
        for each in idle:
            each.close()
        until(lambda: server.app[LIMITS].connections.count == 0)
        assert server.app[LIMITS].reached == {"address-connections": 1}


def test_there_are_so_many_connections_in_all(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smarttree.http.limits.REQUESTS_BESIDE", 2)
    with Server(project, max_connections=1) as server, ExitStack() as until_end:
        there = [until_end.enter_context(Stranger(server, ONE)) for _ in range(3)]
        assert [each.get("/healthz").answer()[0] for each in there] == [200, 200, 200]
        assert Stranger(server, OTHER).is_refused()
        there[0].close()
        until(lambda: server.app[LIMITS].connections.count == 2)
        assert not Stranger(server, OTHER).is_refused()


@pytest.mark.usefixtures("strangers")
def test_a_proxy_has_as_many_as_it_needs(project: Path) -> None:
    with Server(project, max_address_connections=1, trusted_proxies=LOOPBACK) as server, ExitStack() as until_end:
        for _ in range(5):
            assert until_end.enter_context(Stranger(server)).get("/healthz").answer()[0] == 200


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
def test_who_speaks_no_tls_gives_the_place_back(project: Path, words: bytes) -> None:
    with Server(project, https=True, request_s=1.0) as server, Stranger(server) as stranger:
        until(lambda: server.app[LIMITS].connections.count == 1)
        stranger.socket.sendall(words)
        stranger.until_end()
        until(lambda: server.app[LIMITS].connections.count == 0)


@pytest.mark.usefixtures("strangers")
async def test_the_plain_port_beside_https_counts_with_the_other(tmp_path: Path) -> None:
    limits, sockets = Limits(http := HttpConfig(max_address_connections=1)), open_sockets(None, 0)

    def ask() -> list[bool]:
        port = sockets[0].getsockname()[1]
        with Stranger(port, ONE) as first, Stranger(port, ONE) as second, Stranger(port, OTHER) as other:
            first.get("/.well-known/acme-challenge/a").until(b"answer")
            return [bool(each.get("/x", "Connection: close").until_end()) for each in (second, other)]

    async with answering(sockets, http, limits, {"a": "answer"}, "tree.example.com", 443):
        assert await asyncio.to_thread(ask) == [False, True]
    assert limits.reached == {"address-connections": 1}


# ---------------------------------------------------------------- streams


@pytest.mark.usefixtures("strangers")
def test_an_address_has_so_many_streams(project: Path, fanout: str) -> None:
    with Server(project, max_address_streams=2) as server, ExitStack() as until_end:
        first, _ = (until_end.enter_context(Stranger(server)).get(EVENTS).until(b"\nid: ") for _ in range(2))
        assert is_told_to_come_back(Stranger(server).get(EVENTS))
        assert until_end.enter_context(Stranger(server)).get("/clock").answer()[0] == 200
        until_end.enter_context(Stranger(server, OTHER)).get(EVENTS).until(b"\nid: ")
        first.close()
        until(lambda: server.app[LIMITS].streams.count == 2)
        until_end.enter_context(Stranger(server)).get(EVENTS).until(b"\nid: ")
        assert server.app[LIMITS].reached == {"address-streams": 1}


def test_this_machine_has_as_many_as_there_are(project: Path) -> None:
    with Server(project, max_address_streams=1, max_address_connections=1, max_request_rate=1) as server:
        streams = [Stream(server.url + EVENTS) for _ in range(5)]
        assert all(stream.frame() for stream in streams)
        assert {server.get("/clock")[0] for _ in range(2 * BURST_S)} == {200}
        for stream in streams:
            stream.close()


def test_who_a_proxy_speaks_for_has_so_many_streams(project: Path, fanout: str) -> None:
    with Server(project, max_address_streams=1, trusted_proxies=LOOPBACK) as server, ExitStack() as until_end:
        for told, place in (("2001:db8::1", 1), ("2001:db8::2", 0), ("2001:db8:0:1::1", 1), ("203.0.113.9", 1)):
            stranger = until_end.enter_context(Stranger(server)).get(EVENTS, f"X-Forwarded-For: {told}")
            if place:
                stranger.until(b"\nid: ")
            else:
                assert is_told_to_come_back(stranger)


def test_a_token_has_so_many_streams(project: Path, tmp_path: Path, fanout: str) -> None:
    (tmp_path / "tokens").write_text("ci read first-of-them\nops read second-of-them\n")
    settings: dict[str, Any] = {"auth_token_file": str(tmp_path / "tokens"), "max_address_streams": 1}
    with Server(project, max_token_streams=2, **settings) as server, ExitStack() as until_end:

        def follow(secret: str) -> Stranger:
            return until_end.enter_context(Stranger(server)).get(EVENTS, f"Authorization: Bearer {secret}")

        first, _ = (follow("first-of-them").until(b"\nid: ") for _ in range(2))
        assert is_told_to_come_back(follow("first-of-them"))
        follow("second-of-them").until(b"\nid: ")
        first.close()
        until(lambda: server.app[LIMITS].streams.count == 2)
        follow("first-of-them").until(b"\nid: ")


# ---------------------------------------------------------------- requests


@pytest.mark.usefixtures("strangers")
def test_an_address_asks_so_often(project: Path) -> None:
    with Server(project, max_request_rate=1) as server, Stranger(server) as stranger, Stranger(server, OTHER) as other:
        assert [stranger.get("/clock").answer()[0] for _ in range(BURST_S)] == [200] * BURST_S
        status, headers, told = stranger.get("/clock").answer()
        assert (status, told["code"], headers["retry-after"]) == (429, "too-many-requests", "1")
        assert {stranger.get("/nowhere").answer()[0] for _ in range(3)} == {429}
        assert {stranger.get(path).answer()[0] for path in ("/healthz", "/readyz") for _ in range(3)} == {200}
        assert other.get("/clock").answer()[0] == 200
        assert server.get("/clock")[0] == 200
        families = server.get("/metrics")[2].decode()
        assert 'smarttree_limited_total{limit="address-requests"} 4.0' in families


@pytest.mark.usefixtures("strangers")
def test_a_token_that_is_right_is_limited_in_requests_alone(project: Path) -> None:
    """Wrong attempts from its address don't count against it; the rate is everyone's."""
    with Server(project, auth_token="the-one-and-only", max_request_rate=2) as server, Stranger(server) as stranger:
        wrong = [stranger.get("/clock", "Authorization: Bearer wrong").answer() for _ in range(11)]
        assert [status for status, _, _ in wrong] == [401] * 10 + [429]
        assert wrong[-1][2]["code"] == "too-many-attempts"
        right = [stranger.get("/clock", "Authorization: Bearer the-one-and-only").answer() for _ in range(10)]
        assert {status for status, _, _ in right[:9]} == {200}
        assert right[-1][2] is None or right[-1][2].get("code", "too-many-requests") == "too-many-requests"


@pytest.mark.usefixtures("strangers")
def test_a_stream_is_put_off_never_refused(project: Path) -> None:
    """By how long there is to wait, at least."""
    with Server(project, max_request_rate=1, retry_min_ms=1, retry_max_ms=1) as server, Stranger(server) as stranger:
        while stranger.get("/clock").answer()[0] == 200:
            continue
        late = Stranger(server).get(EVENTS)
        assert is_told_to_come_back(late)
        retry_ms = int(late.got.partition(b"\r\n\r\nretry: ")[2].split()[0])
        assert 1 < retry_ms <= 1000 * ceil(1.0)


def test_a_proxy_s_clients_ask_so_often_each(project: Path) -> None:
    with Server(project, max_request_rate=1, trusted_proxies=LOOPBACK) as server:
        for told in ("203.0.113.1", "2001:db8:0:1::1"):
            assert {server.get("/clock", X_Forwarded_For=told)[0] for _ in range(BURST_S)} == {200}
        for told in ("::ffff:203.0.113.1", "2001:db8:0:1:ffff::1"):
            assert problem(server.get("/clock", X_Forwarded_For=told))[:2] == (429, "too-many-requests")
        assert server.get("/clock", X_Forwarded_For="203.0.113.2")[0] == 200


@pytest.mark.usefixtures("strangers")
def test_a_page_may_read_that_it_asks_too_often(project: Path) -> None:
    origin = "Origin: https://app.example.com"
    with Server(project, max_request_rate=1, cors=("https://app.example.com",)) as server, Stranger(server) as page:
        while (answer := page.get("/clock", origin).answer())[0] == 200:
            continue
        assert answer[1]["access-control-allow-origin"] == "https://app.example.com"
        assert "Retry-After" in answer[1]["access-control-expose-headers"]


# ---------------------------------------------------------------- size and time


def test_all_headers_together_are_bounded(server: Server) -> None:
    """Of one that never ends, too, and where it is said behind a request that is answered late."""
    lines = [f"X-{number}: {'x' * 8000}" for number in range(HEAD_MAX_BYTES // 8000 + 1)]
    with Stranger(server) as stranger:
        status, _, told = stranger.get("/clock", *lines).answer()
        assert (status, told["code"]) == (400, "bad-request")
        assert str(HEAD_MAX_BYTES) in told["detail"]
        assert stranger.until_end() == b""
    with Stranger(server) as stranger:
        clock = server.json("/clock")["clock"]
        stranger.get(f"/changes?since={clock}&wait=300")
        until(lambda: server.app[WAITING].count == 1)
        stranger.socket.sendall(b"GET /clock HTTP/1.1\r\n")
        stranger.socket.sendall("\r\n".join(lines).encode())
        (server_root(server) / "news").touch()
        assert stranger.answer()[0] == 200
        assert stranger.answer()[0] == 400
        assert stranger.until_end() == b""
    with Stranger(server) as stranger:
        assert stranger.get("/clock", *lines[:3]).answer()[0] == 200


def test_a_read_takes_no_large_buffer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which almost all would be a hole in the heap for as long as anything of the request is kept."""
    sizes: list[int] = []
    receive = Connection.data_received

    def measured(connection: Connection, data: bytes) -> None:
        sizes.append(len(data))
        receive(connection, data)

    monkeypatch.setattr(Connection, "data_received", measured)
    body = bytes(60_000)
    with Stranger(server) as stranger:
        stranger.say("POST /watch HTTP/1.1", f"Content-Length: {len(body)}", body=body).until(b"\r\n\r\n")
        until(lambda: sum(sizes) > len(body))
    assert max(sizes) <= READ_BYTES


def server_root(server: Server) -> Path:
    return Path(server.service.config.roots[0].decode())


@pytest.mark.parametrize("said", [b"", b"GET /clock HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_head_has_so_long_also_the_second_one(project: Path, said: bytes) -> None:
    """However long a connection is kept for its next request."""
    with Server(project, request_s=0.3, idle_s=3600.0) as server, Stranger(server) as stranger:
        if said:
            assert stranger.get("/healthz").answer()[0] == 200
        stranger.socket.sendall(said)
        assert stranger.until_end() == b""


def test_a_connection_is_kept_so_long(project: Path) -> None:
    with Server(project, request_s=3600.0, idle_s=0.3) as server, Stranger(server) as stranger:
        for _ in range(2):
            assert stranger.get("/healthz").answer()[0] == 200
        assert stranger.until_end() == b""


def test_a_body_has_so_many_bytes_and_so_long(project: Path) -> None:
    with Server(project, bases=[project.parent], max_body_bytes=1024, request_s=0.3) as server:
        body = json.dumps({"path": "/" + "x" * 1024}).encode()
        with Stranger(server) as stranger:
            told = stranger.say("POST /watch HTTP/1.1", f"Content-Length: {len(body)}", body=body).answer()
            assert (told[0], told[2]["code"]) == (413, "request-entity-too-large")
        with Stranger(server) as stranger:
            stranger.say("POST /watch HTTP/1.1", "Transfer-Encoding: chunked", body=b"800\r\n" + b"x" * 2048)
            assert stranger.answer()[0] == 413
        with Stranger(server) as stranger:
            told = stranger.say("POST /watch HTTP/1.1", "Content-Length: 100", body=b"{").answer()
            assert (told[0], told[2]["code"]) == (408, "request-timeout")


def test_roots_are_added_up_to_a_bound(project: Path) -> None:
    paths = [project.parent / f"r{number}" for number in range(3)]
    for path in paths:
        path.mkdir()
    with Server(project, bases=[project.parent], max_roots=3) as server, Stranger(server) as stranger:
        told = []
        for path in paths:
            body = json.dumps({"path": str(path)}).encode()
            told.append(stranger.say("POST /watch HTTP/1.1", f"Content-Length: {len(body)}", body=body).answer())
        assert [status for status, _, _ in told] == [201, 201, 409]
        assert told[-1][2]["code"] == "too-many-roots"
