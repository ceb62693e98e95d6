"""Names that are made to be read as something else: whatever way they are told, they stay names."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from markdown_it import MarkdownIt

from smarttree import modes
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server

NAMES = [
    b"\x1b[2J\x1b]0;owned\x07", b"a\r\nSet-Cookie: forged=1", b"x\n\ndata: forged\nid: 1-1\n\n", b"\rforged",
    b"\x7f", b"<script>alert('forged')<", b'"><img src=x onerror=forged()>', b"=cmd|' !A0", b"+1+cmd", b"-1",
    b"@SUM(1)", b"\tforged", "\u202egpj.forged".encode(), "\u2028forged".encode(), "\u0085forged\u009b2J".encode(),
    b"\xff\xfe\x9b2J", b'a,b;"c"', b"[x](javascript:forged)", b"`forged`", b"| forged |", b"# forged",
    b"\\u001b[2J", b"%0d%0aforged: 1", b"{{7*7}}${7*7}",
]  # fmt: skip
# Of C0 only the line's end; none of C1, no line ends of Unicode, nothing that turns the direction. DEL drives nothing.
DRIVING = re.compile("[\x00-\x09\x0b-\x1f\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
SEPARATORS = {"tsv": "\t", "csv": "\r"}
CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")  # of what is data for programs
FORMULA = ("=", "+", "-", "@", "\t", "\r")
FIELD = re.compile(rb"(event: [a-z-]+|data: .*|id: [0-9a-f-]+|retry: [0-9]+|:.*|)")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for name in NAMES:
        path = os.path.join(bytes(root), name)
        os.mkdir(path)
        with open(os.path.join(path, name), "wb") as file:
            file.write(b"needle\n")
    return root


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(project) as running:
        yield running


@pytest.mark.parametrize("mode", [mode for mode in modes.MODES if mode not in ("quantum", "csv")])
def test_no_mode_lets_a_name_drive_anything(server: Server, mode: str) -> None:
    status, headers, body = server.get(f"/tree?mode={mode}")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert CONTROL.search(body.decode()) is None
    text = json.loads(body).get("text", "")
    for separator in SEPARATORS.get(mode, ""):
        text = text.replace(separator, "")
    assert (CONTROL if mode in SEPARATORS else DRIVING).search(text) is None
    if mode == "ndjson":
        assert [json.loads(line) for line in text.splitlines()]
    if mode == "markdown":
        html = MarkdownIt("commonmark").render(text)
        assert "forged" in html
        assert not re.search("<script|<img|<a ", html)


@pytest.mark.parametrize("mode", SEPARATORS)
def test_no_cell_is_a_formula(server: Server, mode: str) -> None:
    """Also of paths: they begin with the root's, or are told relative to it."""
    text = server.json(f"/tree?mode={mode}")["text"]
    rows = [*csv.reader(io.StringIO(text, newline=""), dialect="excel-tab" if mode == "tsv" else "excel")]
    assert len(rows) == 2 * len(NAMES) + 2
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell.startswith(FORMULA) and not cell.lstrip("-").isdigit()]


@pytest.mark.parametrize("mode", [*modes.MODES])
def test_no_name_forges_a_frame(server: Server, project: Path, mode: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as raw:
        raw.sendall(b"GET /events?mode=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % mode.encode())
        got = b""
        while got.count(b"\nid: ") < 1:
            got += raw.recv(1 << 16)
        for name in NAMES:
            os.rename(os.path.join(bytes(project), name), os.path.join(bytes(project), b"moved " + name))
        server.sync()
        while b"moved" not in got or not got.endswith(b"\n\n"):
            got += raw.recv(1 << 16)
    body = got.partition(b"\r\n\r\n")[2]
    assert b"\r" not in body
    assert not [line for line in body.split(b"\n") if FIELD.fullmatch(line) is None]
    assert not re.search(rb"^(id: 1-1|data: forged)", body, re.M)
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            json.loads(line[6:])


def test_no_answer_is_led_astray_by_a_name(server: Server, project: Path) -> None:
    clock = server.json("/clock")["clock"]
    (project / "later").touch()
    for target in ("/stats", "/watch", f"/changes?since={clock}", "/search?q=needle", "/search?in=name&glob=*"):
        status, headers, body = server.get(target)
        assert (status, headers["content-type"]) == (200, "application/json"), target
        assert CONTROL.search(body.decode()) is None
        json.loads(body)
    for name in NAMES:
        path = quote_from_bytes(b"/" + name + b"/" + name, safe="")
        for target in (
            f"/compress?format=gzip&path={path}",
            f"/compress?format=qtn&path={path}",
            f"/tree?path={path}x",
        ):
            _, headers, body = server.get(target)
            assert not {"set-cookie", "forged"} & headers.keys()
            if headers["content-type"] == "application/problem+json":
                assert DRIVING.search(body.decode()) is None
    assert b"forged" not in server.get("/metrics")[2]
