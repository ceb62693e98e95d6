"""Requests that two readers could cut in different places: refused, and nothing after them is read as a request."""

from __future__ import annotations

import socket
import subprocess

import pytest

from smarttree.config import HttpConfig
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server
from tests.http.test_malformed import HOST, answer

# What it asks for is named by its answer alone, not by its own bytes.
HIDDEN = b"GET /tree?path=%73muggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = b"smuggled"
END = b"0\r\n\r\n"
REQUEST_S = HttpConfig().request_s  # for how long a body is waited for


def post(*lines: bytes, body: bytes = END + HIDDEN, version: bytes = b"1.1") -> bytes:
    head = (b"POST /watch HTTP/" + version, b"Host: localhost", *lines)
    return b"".join(line + b"\r\n" for line in head) + b"\r\n" + body


def get(*lines: bytes, body: bytes = HIDDEN) -> bytes:
    return b"".join(line + b"\r\n" for line in (b"GET /clock HTTP/1.1", b"Host: localhost", *lines)) + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
AMBIGUOUS = {
    "CL.TE": post(b"Content-Length: %d" % len(END + HIDDEN), CHUNKED),
    "TE.CL": post(CHUNKED, b"Content-Length: 4", body=b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n" + END),
    "TE.TE": post(CHUNKED, b"Transfer-Encoding: x"),
    "TE.TE the other way": post(b"Transfer-Encoding: x", CHUNKED),
    "TE that only looks like it": post(b"Transfer-Encoding: xchunked"),
    "TE not at the end": post(b"Transfer-Encoding: chunked, identity"),
    "TE of what is not known": post(b"Transfer-Encoding: gzip, chunked"),
    "TE twice in one": post(b"Transfer-Encoding: chunked, chunked"),
    "TE identity": post(b"Transfer-Encoding: identity"),
    "TE after a control character": post(b"Transfer-Encoding: \x0bchunked"),
    "TE with a space before its colon": post(b"Transfer-Encoding : chunked", b"Content-Length: 5"),
    "TE in a folded line": post(b"Transfer-Encoding:\r\n chunked"),
    "TE after a bare line feed": post(b"X: a\nTransfer-Encoding: chunked", b"Content-Length: 5"),
    "TE after a bare carriage return": post(b"X: a\rTransfer-Encoding: chunked", b"Content-Length: 5"),
    "TE of HTTP/1.0": post(CHUNKED, version=b"1.0"),
    "TE of HTTP/1.0 that wants to stay": post(CHUNKED, b"Connection: keep-alive", version=b"1.0"),
    "TE in a trailer": post(CHUNKED, body=b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN),
    "CL in a trailer": post(CHUNKED, body=b"0\r\nContent-Length: 3\r\n\r\n" + HIDDEN),
    "CL.CL": post(b"Content-Length: 0", b"Content-Length: %d" % len(HIDDEN), body=HIDDEN),
    "CL twice the same": post(b"Content-Length: 3", b"Content-Length: 3", body=b"{a}" + HIDDEN),
    "CL as a list": post(b"Content-Length: 3, 3", body=b"{a}" + HIDDEN),
    "CL with a sign": post(b"Content-Length: +3", body=b"{a}" + HIDDEN),
    "CL in hex": post(b"Content-Length: 0x3", body=b"{a}" + HIDDEN),
    "CL with a mark in it": post(b"Content-Length: 1_0", body=b"0123456789" + HIDDEN),
    "CL of no number": post(b"Content-Length: ", body=HIDDEN),
    "CL that overflows": post(b"Content-Length: 18446744073709551616", body=HIDDEN),
    "CL in a folded line": post(b"Content-Length: 3\r\n 0", body=b"{a}" + HIDDEN),
    "a chunk in hex with a prefix": post(CHUNKED, body=b"0x3\r\n{a}\r\n" + END + HIDDEN),
    "a chunk with a sign": post(CHUNKED, body=b"+3\r\n{a}\r\n" + END + HIDDEN),
    "a chunk that overflows": post(CHUNKED, body=b"10000000000000003\r\n{a}\r\n" + END + HIDDEN),
    "chunks by bare line feeds": post(CHUNKED, body=b"3\n{a}\n0\n\n" + HIDDEN),
    "an extension with a line feed": post(CHUNKED, body=b"3;a\n=b\r\n{a}\r\n" + END + HIDDEN),
    "a chunk longer than it says": post(CHUNKED, body=b"2\r\n{a}\r\n" + END + HIDDEN),
    "bare line feeds": b"GET /clock HTTP/1.1\nHost: localhost\n\n" + HIDDEN,
    "a line feed among the headers": b"GET /clock HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n" + HIDDEN,
    "a folded header": get(b"X: a\r\n b"),
    "a NUL": get(b"X: a\0b"),
    "two hosts": get(b"Host: evil.example"),
    "HTTP/0.9": b"GET /clock\r\n\r\n" + HIDDEN,
    "another host in its target": b"GET http://evil.example/clock HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
}
BROKEN_BODIES = [name for name, sent in AMBIGUOUS.items() if sent.startswith(post(CHUNKED, body=b""))]


def told(server: Server, sent: bytes) -> bytes:
    """All that comes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as raw:
        raw.sendall(sent)
        return until_end(raw)


def until_end(raw: socket.socket) -> bytes:
    got = b""
    try:
        while more := raw.recv(1 << 16):
            got += more
    except ConnectionResetError:  # what was sent after it has not been read
        pass
    return got


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_is_ambiguous_is_refused_and_the_end(server: Server, name: str) -> None:
    got = told(server, AMBIGUOUS[name])
    assert got.count(b"HTTP/1.") == 1, got
    assert got.split()[1] == b"400", got
    assert b'"bad-request"' in got
    assert SMUGGLED not in got


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_a_body_that_goes_wrong_later_is_refused_at_once(server: Server, name: str) -> None:
    """Whoever waits for it hears of that: aiohttp tells of it as of another request."""
    head, _, body = AMBIGUOUS[name].partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=REQUEST_S / 2) as raw:
        raw.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert raw.recv(1 << 16).startswith(b"HTTP/1.1 100 ")  # so it is waited for
        raw.sendall(body)
        got = until_end(raw)
    assert got.count(b"HTTP/1.") == 1, got
    assert got.split()[1] == b"400", got
    assert b'"bad-request"' in got
    assert SMUGGLED not in got


def test_a_body_that_nobody_reads_goes_wrong_unheard(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Its request is answered, and that is the end; it costs a line of the log."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=REQUEST_S / 2) as raw:
        raw.sendall(get(CHUNKED, body=b""))
        got = raw.recv(1 << 16)
        raw.sendall(b"+3\r\n{a}\r\n" + END + HIDDEN)
        got += until_end(raw)
    assert got.startswith(b"HTTP/1.1 200 ")
    assert SMUGGLED not in got
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "sent",
    [b"GET /clock\r\n\r\n", b"GET /clock\r\nExpect: x\r\n\r\n", b"GET /clock HTTP/2.0\r\nHost: localhost\r\n\r\n"],
)
def test_another_version_is_not_answered(server: Server, sent: bytes) -> None:
    """HTTP/0.9 has no `Host`, by which a page of another site would be known."""
    assert told(server, sent) == b""


@pytest.mark.parametrize(
    "sent",
    [
        post(b"Content-Length: %d" % len(HIDDEN), body=HIDDEN),
        post(CHUNKED, body=b"%x;a=b\r\n" % len(HIDDEN) + HIDDEN + b"\r\n" + END),
        get(b"Content-Length: %d" % len(HIDDEN)),
        get(CHUNKED, body=b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n" + END),
    ],
)
def test_a_body_is_never_a_request(server: Server, sent: bytes) -> None:
    got = told(server, sent + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert SMUGGLED not in got
    assert got.count(b"HTTP/1.1 ") == 2
    assert b'"status":"ok"' in got


def test_an_upgrade_that_is_not_made_ends_the_connection(server: Server) -> None:
    """What follows it could be meant in another language; and aiohttp forgets some of it."""
    for other in (b"websocket", b"h2c"):
        got = told(server, get(b"Upgrade: " + other, b"Connection: Upgrade", b"Content-Length: 0"))
        assert got.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in got.lower()
        assert SMUGGLED not in got
    url = f"http://127.0.0.1:{server.port}/clock"
    asked = subprocess.run(["curl", "-q", "-sS", "--http2", url, url], capture_output=True, text=True, check=True)
    assert asked.stdout.count('"clock"') == 2


def test_a_target_may_name_the_host(server: Server) -> None:
    sent = b"GET http://LOCALHOST/clock HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert told(server, sent).startswith(b"HTTP/1.1 200 ")


def test_what_nobody_can_expect_is_a_problem_too(server: Server) -> None:
    for path, what in ((b"/clock", b"miracles"), (b"/nowhere", b"100-continue, x"), (b"/clock", b"\xcd")):
        sent = b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Expect: " + what + b"\r\n\r\n"
        status, headers, problem = answer(server, sent)
        assert (status, problem["code"]) == (417, "expectation-failed")
        assert headers["content-type"] == "application/problem+json"
