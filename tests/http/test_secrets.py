"""Secrets stay where they were given: no log, answer or file has a token or ticket in it, whatever goes wrong."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smarttree.http.described import description
from tests.clients.plain import DEADLINE_S
from tests.hostile.words import LINES, METHODS, TARGETS
from tests.integration.process import Process

TOKEN = "s3cr3t-T0k3n-0f-th3-t3sts"
WRONG = "wr0ng-T0k3n-0f-th3-t3sts"
OPERATIONS = sorted((method.upper(), path) for path, methods in description()["paths"].items() for method in methods)
SHOWN: tuple[dict[str, str], ...] = (
    {"Authorization": f"Bearer {TOKEN}"},
    {"Authorization": f"Bearer {WRONG}"},
    {"Authorization": f"Basic {TOKEN}"},
    {},
)


@pytest.fixture(params=["text", "json"])
def server(request: pytest.FixtureRequest, project: Path, tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "tokens").write_text(f"ci read,watch {TOKEN}\n")
    flags = ("--auth-token-file", str(tmp_path / "tokens"), "-v", "--access-log", "--log-format", request.param)
    with Process(project, *flags, "--state", tmp_path / "state", "--watch-base", project) as running:
        yield running


def asked(server: Process, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
    """The status, and all that came: of a stream what came first."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    with closing(connection):
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        is_stream = answer.headers.get_content_type() == "text/event-stream"
        return answer.status, bytes(answer.headers) + (answer.read1(1 << 16) if is_stream else answer.read())


def send(server: Process, data: bytes, *, stays: bool = False) -> bytes:
    """What comes to something that is no request, until the end. Who `stays` is not gone before it is answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as raw:
        raw.sendall(data)
        if not stays:
            raw.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: raw.recv(1 << 16), b""))


def test_no_log_answer_or_file_has_a_token(server: Process, tmp_path: Path) -> None:
    good = SHOWN[0]
    while asked(server, "GET", "/readyz", {})[0] != 200:
        continue
    status, told = asked(server, "POST", "/ticket", good)
    assert status == 201
    ticket = str(json.loads(told[told.index(b'{"') :])["ticket"])
    came = []
    for method, path in OPERATIONS:
        path = path.replace("{hash}", "0" * 32)
        for headers in SHOWN:
            for query in ("", f"?token={TOKEN}", f"?access_token={TOKEN}&ticket={ticket}", f"?ticket={ticket}x"):
                came.append(asked(server, method, path + query, headers)[1])
        came.append(asked(server, method, path, good, json.dumps({"token": TOKEN}).encode())[1])
        came.append(asked(server, method, path, {**good, "Cookie": f"token={TOKEN}", "Referer": f"/?t={TOKEN}"})[1])
    stream = asked(server, "GET", f"/events?ticket={ticket}", {})
    assert stream[0] == 200
    shown = f"Authorization: Bearer {TOKEN}\r\n".encode()
    for method in (b"GET", *METHODS[:9]):
        for form in TARGETS:
            target = (form % f"/tree?token={TOKEN}".encode()) if b"%s" in form else form + f"?{TOKEN}".encode()
            came.append(send(server, b"%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (method, target, shown)))
    for line in LINES:
        came.append(send(server, b"GET /clock HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n%s\r\n" % (shown, line, shown)))
    server.end(signal.SIGTERM)
    log = server.log()
    assert len(log.splitlines()) > len(OPERATIONS)
    for secret in (TOKEN, WRONG, ticket):
        assert secret not in log + server.first_line.decode()
    assert not [told for told in came if TOKEN.encode() in told or WRONG.encode() in told]
    assert "Traceback" not in log
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]


def test_what_is_kept_is_for_its_owner_alone(server: Process, tmp_path: Path) -> None:
    assert asked(server, "POST", "/ticket", SHOWN[0])[0] == 201
    modes = {path: path.stat().st_mode & 0o777 for path in [tmp_path / "state", *(tmp_path / "state").rglob("*")]}
    assert tmp_path / "state" / "tickets.key" in modes
    assert not [(path, oct(mode)) for path, mode in modes.items() if mode & 0o077]


def test_a_stranger_is_not_told_what_it_is_made_with(server: Process) -> None:
    came = [asked(server, method, path.replace("{hash}", "0" * 32), {})[1] for method, path in OPERATIONS]
    came += [send(server, line + b"\r\n\r\n", stays=True) for line in (b"nonsense", b"GET /\xff HTTP/1.1")]
    for told in came:
        assert b"Server: smarttree" in told.splitlines(), told
        assert b"aiohttp" not in told
        assert b"Python" not in told
