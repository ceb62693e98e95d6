"""What is no request, or asks for what can't be: a problem document with a code, and no traceback in the log."""

from __future__ import annotations

import json
import logging
import socket
import struct
from typing import Any

import pytest

from tests.clients.plain import DEADLINE_S
from tests.http.server import Server

HOST = b"Host: localhost\r\n"
MANY = 10_000

WRONG: dict[str, tuple[bytes, int, str]] = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "bad-request"),
    "another HTTP": (b"GET /tree HTTP/9.9\r\n" + HOST + b"\r\n", 400, "bad-request"),
    "an address that is none": (b"GET http://[::1/aaaa?aaaa=1 HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad-request"),
    "no host": (b"GET /tree HTTP/1.1\r\n\r\n", 400, "bad-request"),
    "an address too long": (b"GET /tree?path=" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad-request"),
    "a header too long": (b"GET /tree HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 400, "bad-request"),
    "many headers": (
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(MANY)) + b"\r\n",
        400,
        "bad-request",
    ),
    "10,000 parameters": (
        b"GET /tree?" + b"&".join(b"a%d=1" % number for number in range(MANY)) + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        400,
        "bad-request",
    ),
    "as many as an address holds": (
        b"GET /tree?" + b"&a" * 4000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        400,
        "bad-parameter",
    ),
    "a number of no range": (
        b"GET /tree?mode=json&depth=1%s HTTP/1.1\r\n" % (b"0" * 12) + HOST + b"\r\n",
        400,
        "bad-parameter",
    ),
    "below zero": (b"GET /tree?mode=json&depth=-1 HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad-parameter"),
    "a method that nobody has": (b"BREW /tree HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad-request"),
    "a way that is not there": (b"GET //tree HTTP/1.1\r\n" + HOST + b"\r\n", 404, "no-such-endpoint"),
    "bytes that are no text": (b"GET /%ff%00 HTTP/1.1\r\n" + HOST + b"\r\n", 404, "no-such-endpoint"),
    "a proxy's request": (b"CONNECT elsewhere:443 HTTP/1.1\r\n" + HOST + b"\r\n", 404, "no-such-endpoint"),
    "a body of no length": (b"POST /watch HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400, "bad-request"),
    "a broken chunk": (
        b"POST /watch HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
        "bad-request",
    ),
    "a body that is not JSON": (
        b"POST /watch HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n{a}",
        400,
        "bad-parameter",
    ),
    "nested without end": (
        b"POST /watch HTTP/1.1\r\n" + HOST + b"Content-Length: 60000\r\n\r\n" + b"[" * 60_000,
        400,
        "bad-parameter",
    ),
    "a body that is compressed": (
        b"POST /watch HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        400,
        "bad-parameter",
    ),
}


def answer(server: Server, request: bytes) -> tuple[int, dict[str, str], Any]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as raw:
        raw.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got:
            got += receive(raw)
        head, _, body = got.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        while len(body) < int(headers["content-length"]):
            body += receive(raw)
        return int(first.split()[1]), headers, json.loads(body)


def receive(raw: socket.socket) -> bytes:
    data = raw.recv(1 << 16)
    assert data, "closed without an answer"
    return data


def is_told_briefly(caplog: pytest.LogCaptureFixture) -> bool:
    return not any(record.exc_info or record.levelno >= logging.WARNING for record in caplog.records)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_as_a_problem(server: Server, caplog: pytest.LogCaptureFixture, name: str) -> None:
    caplog.set_level(logging.DEBUG)
    sent, status, code = WRONG[name]
    found, headers, problem = answer(server, sent)
    assert (found, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert "aaaa" not in problem["detail"]
    assert is_told_briefly(caplog)
    assert "aaaa" not in caplog.text


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"QUERY"])
def test_a_method_that_is_not_there_says_which_are(server: Server, method: bytes) -> None:
    status, headers, problem = answer(server, method + b" /tree HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (status, headers["allow"], problem["code"]) == (405, "GET, HEAD", "method-not-allowed")


def test_an_answer_on_its_way_is_not_taken_back(server: Server) -> None:
    """To close a connection while there is something unread resets it: what the other side has not got yet is gone."""
    expected = len(server.get("/openapi.json")[2])
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(DEADLINE_S)
        raw.connect(("127.0.0.1", server.port))
        raw.sendall(b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n")
        got = raw.recv(1)
        raw.sendall(b"GET /clock HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 300_000)
        while more := raw.recv(1 << 12):
            got += more
    body, last = got.partition(b"\r\n\r\n")[2][:expected], got[got.rindex(b"HTTP/1.0 ") :]
    assert json.loads(body)["openapi"]
    assert last.startswith(b"HTTP/1.0 400 ")


def test_who_resets_the_connection_under_a_refusal_costs_a_line(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(1000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.sendall(b"nonsense\r\n\r\n")
    assert server.get("/healthz")[0] == 200
    assert is_told_briefly(caplog)
