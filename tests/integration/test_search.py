"""`GET /search` over a real service: what it finds, and in which form; that nothing leads out, or keeps it busy."""

from __future__ import annotations

import gc
import json
import os
import socket
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from smarttree.config import HttpConfig
from smarttree.http.search import LIMIT
from smarttree.search.excerpt import LINE_BYTES_MAX, SUBMATCHES_MAX
from tests.http.server import Server

DEADLINE_S = 20.0
NDJSON = "application/x-ndjson"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """project/{src/{a.c, b.h, deep/c.c}, README.md, binary, out -> ../secret, up -> ..}, and a secret beside it."""
    root = tmp_path / "project"
    (root / "src" / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"TODO: what no one may see\n")
    (root / "src" / "a.c").write_bytes(b"one\n// TODO: two\nthree\nfour TODO and TODO\n")
    (root / "src" / "b.h").write_bytes(b"todo\r\nno newline: TODO")
    (root / "src" / "deep" / "c.c").write_bytes(b"/* \xff TODO */\n")
    (root / "README.md").write_bytes(b"# TODO\n")
    (root / "binary").write_bytes(b"TODO\n\0")
    (root / "out").symlink_to("../secret")
    (root / "up").symlink_to("..")
    return root


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(project) as running:
        yield running
        until(lambda: not searching())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        threading.Event().wait(0.005)


def searching() -> list[threading.Thread]:
    """Threads of searches under way."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("search_")]


def messages(server: Server, target: str) -> list[dict[str, Any]]:
    status, headers, body = server.get(target, Accept=NDJSON)
    assert (status, headers["content-type"]) == (200, NDJSON)
    return [json.loads(line) for line in body.splitlines()]


def places(server: Server, target: str) -> list[tuple[str, int]]:
    """(path below the root, line number) of what matches."""
    found = server.json(target)["matches"]
    return [(Path(match["path"]["text"]).name, match["line_number"]) for match in found if match["type"] == "match"]


def problem(server: Server, target: str) -> tuple[int, str]:
    status, headers, body = server.get(target)
    assert headers["content-type"] == "application/problem+json"
    return status, json.loads(body)["code"]


# ---------------------------------------------------------------- what is found


def test_the_line_of_the_seed(server: Server, project: Path) -> None:
    data = server.json("/search?q=TODO&path=/src")
    first = data["matches"][0]
    assert first == {
        "type": "match",
        "path": {"text": str(project / "src" / "a.c")},
        "lines": {"text": "// TODO: two\n"},
        "line_number": 2,
        "absolute_offset": 4,
        "submatches": [{"match": {"text": "TODO"}, "start": 3, "end": 7}],
    }
    assert (data["complete"], data["limit_reached"], data["timed_out"]) == (True, False, False)
    assert data["clock"] == server.json("/clock")["clock"]
    assert places(server, "/search?q=TODO&path=/src") == [("a.c", 2), ("a.c", 4), ("b.h", 2), ("c.c", 1)]


def test_lines_are_ripgreps_messages(server: Server) -> None:
    told = messages(server, "/search?q=TODO&path=/src&context=1")
    kinds = [message["type"] for message in told]
    assert kinds[:5] == ["begin", "context", "match", "context", "match"]
    assert kinds[-1] == "summary"
    assert kinds.count("begin") == kinds.count("end") == 3
    ends = [message["data"] for message in told if message["type"] == "end"]
    assert ends[0]["stats"] == {"matched_lines": 2, "matches": 3}
    summary = told[-1]["data"]
    assert summary["stats"]["matched_lines"] == 4
    assert summary["complete"]
    last = [message["data"]["lines"] for message in told if message["type"] == "match"][-1]
    assert b64decode(last["bytes"]) == b"/* \xff TODO */\n"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=todo", [("README.md", 1), ("a.c", 2), ("a.c", 4), ("b.h", 1), ("b.h", 2), ("c.c", 1)]),
        ("q=todo&case=sensitive", [("b.h", 1)]),
        ("q=TODO&case=ignore&glob=*.h", [("b.h", 1), ("b.h", 2)]),
        ("q=TODO&glob=*.c&glob=!deep", [("a.c", 2), ("a.c", 4)]),
        ("q=TODO&glob=/src/*.h", [("b.h", 2)]),
        ("q=%5Et%5Cw%2B&regex=1", [("a.c", 3), ("b.h", 1)]),
        ("q=TODO%24&regex=1", [("README.md", 1), ("a.c", 4), ("b.h", 2)]),
        ("q=t.%2Ae%0A&regex=0", None),
        ("q=TODO&path=/src/a.c", [("a.c", 2), ("a.c", 4)]),
        ("q=%FF+TODO", [("c.c", 1)]),
        ("q=.*TODO", []),
    ],
)
def test_what_is_asked_for_is_found(server: Server, query: str, found: list[tuple[str, int]] | None) -> None:
    if found is None:
        assert problem(server, f"/search?{query}") == (400, "bad-parameter")
    else:
        assert places(server, f"/search?{query}") == found


def test_names_are_found(server: Server, project: Path) -> None:
    def names(query: str) -> list[str]:
        found = server.json(f"/search?in=name&{query}")["matches"]
        return [str(Path(match["path"]["text"]).relative_to(project)) for match in found]

    assert names("q=c") == ["src", "src/a.c", "src/deep/c.c"]
    assert names("q=C&case=ignore&path=/src") == ["src/a.c", "src/deep/c.c"]
    assert names("q=%5E[ab]\\.&regex=1") == ["src/a.c", "src/b.h"]
    assert names("glob=*.c") == ["src/a.c", "src/deep/c.c"]
    assert names("glob=*.c&q=a") == ["src/a.c"]
    entry = server.json("/search?in=name&q=README")["matches"][0]
    assert (entry["type"], entry["kind"], entry["size"]) == ("entry", "file", 7)
    assert server.json("/search?in=name&q=c&limit=1")["limit_reached"]


def test_what_was_just_written_is_found(server: Server, project: Path) -> None:
    (project / "new").write_bytes(b"TODO: new\n")
    assert ("new", 1) in places(server, "/search?q=TODO&sync=1")


def test_several_roots_are_searched_in_their_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_bytes(b"TODO\n")
    with Server(tmp_path / "b", tmp_path / "a") as server:
        assert places(server, "/search?q=TODO") == [("a.txt", 1), ("b.txt", 1)]
        assert places(server, f"/search?q=TODO&path={tmp_path}/b") == [("b.txt", 1)]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "bad-parameter"),
        ("q=", 400, "bad-parameter"),
        ("q=a%00b", 400, "bad-parameter"),
        ("q=" + "x" * 1025, 400, "bad-parameter"),
        ("q=(&regex=1", 400, "bad-parameter"),
        ("q=a)(b&regex=1", 400, "bad-parameter"),
        ("q=(?%3C%3Da)b&regex=1", 400, "bad-parameter"),
        ("q=%5C1&regex=1", 400, "bad-parameter"),
        ("q=%5Cx&regex=1", 400, "bad-parameter"),
        ("q=[%5Cx&regex=1", 400, "bad-parameter"),
        ("q=%FF&regex=1", 400, "bad-parameter"),
        ("q=(((x{100}){100}){100})&regex=1", 400, "bad-parameter"),
        ("q=x&limit=1000000000000", 400, "bad-parameter"),
        ("q=x&limit=0", 400, "bad-parameter"),
        ("q=x&context=21", 400, "bad-parameter"),
        ("q=x&timeout_ms=3600000", 400, "bad-parameter"),
        ("q=x&in=nowhere", 400, "bad-parameter"),
        ("q=x&case=upper", 400, "bad-parameter"),
        ("q=x&in=name&context=1", 400, "bad-parameter"),
        ("q=x&glob=!!x", 400, "bad-parameter"),
        ("q=x&nonsense=1", 400, "bad-parameter"),
        ("q=x&path=/nothing", 404, "no-such-path"),
        ("q=x&path=/out", 400, "not-a-file"),
        ("q=x&in=name&path=/README.md", 400, "not-a-directory"),
    ],
)
def test_what_cannot_be_is_refused(server: Server, query: str, status: int, code: str) -> None:
    assert problem(server, f"/search?{query}") == (status, code)


@pytest.mark.parametrize(
    "path",
    [
        "..", "/..", "../secret", "/src/../../secret", "%2e%2e/secret", "..%2fsecret", "%2e%2e%2fsecret", "..%5csecret",
        "%252e%252e%252fsecret", "..%c0%afsecret", "/up/secret", "/out", "//../secret", "/src/..%00/secret",
        "./../secret", "{outside}/secret", "/proc/self/root{outside}/secret",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_root(server: Server, project: Path, path: str) -> None:
    status, _, body = server.get(f"/search?q=TODO&path={path.format(outside=project.parent)}")
    assert status in (400, 404)
    assert b"what no one may see" not in body


def test_links_and_what_is_no_file_are_not_read(server: Server, project: Path) -> None:
    os.mkfifo(project / "pipe")
    (project / "null").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(project / "socket"))
        found = places(server, "/search?q=TODO&sync=1")
    assert {name for name, _ in found} == {"a.c", "b.h", "c.c", "README.md"}


def test_another_type_is_refused(server: Server) -> None:
    assert server.get("/search?q=x", Accept="image/png")[0] == 406


def test_no_other_origin_may_read_contents(project: Path) -> None:
    with Server(project, cors=("*", "http://page.example")) as server:
        for origin in ("http://page.example", "http://other.example"):
            _, headers, _ = server.get("/search?q=TODO", Origin=origin)
            assert "access-control-allow-origin" not in headers


# ---------------------------------------------------------------- what changes meanwhile


def test_a_large_file_is_counted_not_read(server: Server, project: Path) -> None:
    with (project / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    data = server.json("/search?q=TODO&sync=1")
    assert data["skipped"]["large"] == 1


def test_a_file_that_may_not_be_read_is_counted(server: Server, project: Path) -> None:
    if not os.geteuid():
        pytest.skip("root may read everything")
    (project / "README.md").chmod(0)
    assert server.json("/search?q=TODO&sync=1")["skipped"]["unreadable"] == 1


# ---------------------------------------------------------------- bounds


def test_a_long_line_is_told_in_part(server: Server, project: Path) -> None:
    (project / "min.js").write_bytes("é".encode() * 50_000 + b"NEEDLE" * 1000 + "é".encode() * 50_000)
    (match,) = server.json("/search?q=NEEDLE&sync=1")["matches"]
    line = match["lines"]["text"].encode()
    assert len(line) <= LINE_BYTES_MAX
    assert match["cut"]["bytes"] == 206_000
    assert 0 < len(match["submatches"]) <= SUBMATCHES_MAX
    for each in match["submatches"]:
        assert line[each["start"] : each["end"]] == b"NEEDLE"
    assert line.startswith("é".encode())
    assert match["cut"]["start"] + match["submatches"][0]["start"] == 100_000


def test_matches_are_limited_and_that_is_told(server: Server, project: Path) -> None:
    (project / "many").write_bytes(b"hit\n" * (LIMIT + 5))
    data = server.json("/search?q=hit&sync=1")
    assert len(data["matches"]) == LIMIT
    assert (data["complete"], data["limit_reached"]) == (False, True)
    assert not server.json("/search?q=TODO&limit=5")["limit_reached"]
    assert server.json("/search?q=TODO&limit=4")["limit_reached"]
    assert not server.json(f"/search?q=hit&limit={LIMIT + 5}")["limit_reached"]
    told = messages(server, "/search?q=hit&limit=3")
    assert [message["type"] for message in told] == ["begin", "match", "match", "match", "end", "summary"]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "([a-z]+)*[0-9]$", "(x+x+)+y"])
def test_a_pattern_that_would_blow_up_does_not(server: Server, project: Path, pattern: str) -> None:
    """Each of these takes a backtracking engine longer than the sun will last."""
    (project / "evil").write_bytes((b"a" * 5000 + b"!\n") * 20 + b"x" * 5000)
    data = server.json(f"/search?q={quote(pattern)}&regex=1&glob=evil&sync=1&timeout_ms=60000")
    assert data["complete"]


def test_time_is_limited_and_that_is_told(server: Server, project: Path) -> None:
    plant_many(project)
    data = server.json("/search?q=needle+that+is+nowhere&sync=1&timeout_ms=1")
    assert (data["complete"], data["timed_out"]) == (False, True)


def plant_many(project: Path) -> None:
    """So many files that a search takes a while."""
    for number in range(40):
        (project / f"d{number}").mkdir()
        for inner in range(100):
            (project / f"d{number}" / f"f{inner}").write_bytes(b"a line of text to be found\n" * 2000)


def asking(server: Server, query: str) -> socket.socket:
    """A connection on which a search was asked for, with little room for its answer."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(f"GET /search?{query} HTTP/1.1\r\nHost: localhost\r\nAccept: {NDJSON}\r\n\r\n".encode())
    return raw


def test_a_client_that_leaves_ends_its_search(server: Server, project: Path) -> None:
    plant_many(project)
    server.sync()
    with asking(server, "q=line&limit=100000&timeout_ms=60000") as raw:
        assert raw.recv(100).startswith(b"HTTP/1.1 200")
        until(lambda: bool(searching()))
    until(lambda: not searching())
    assert places(server, "/search?q=TODO&limit=1&path=/src")


def test_a_search_leaves_nothing_open(server: Server, project: Path) -> None:
    """Also before the collector has come by: two descriptors each, and 1,024 may be all there are."""

    def held() -> list[str]:
        links = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        return [str(link.readlink()) for link in links if os.path.lexists(link) and "/src" in str(link.readlink())]

    gc.disable()
    try:
        for _ in range(5):
            assert places(server, "/search?q=TODO&path=/src")
            assert places(server, "/search?q=TODO&limit=1&path=/src")
        until(lambda: not searching())
        assert held() == []
    finally:
        gc.enable()


def test_searches_at_a_time_are_limited(server: Server, project: Path) -> None:
    """Who does not read what was found keeps its search waiting."""
    plant_many(project)
    server.sync()
    held = [asking(server, "q=line&limit=100000&timeout_ms=60000") for _ in range(HttpConfig().max_searches)]
    try:
        for raw in held:
            assert raw.recv(10)
        status, headers, body = server.get("/search?q=TODO")
        assert (status, json.loads(body)["code"], headers["retry-after"]) == (503, "too-many-searches", "1")
        assert server.get("/search?q=TODO&in=name")[0] == 503
    finally:
        for raw in held:
            raw.close()
    until(lambda: not searching())
    assert server.json("/search?q=TODO")["complete"]


def test_one_reader_leaves_a_search_for_others(project: Path) -> None:
    """By address, as a proxy tells it."""
    with Server(project, max_searches=2, trusted_proxies=(ip_network("127.0.0.0/8"),)) as server:
        plant_many(project)
        server.sync()
        with socket.create_connection(("127.0.0.1", server.port)) as held:
            query = "q=line&limit=100000&timeout_ms=60000"
            lines = f"GET /search?{query} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n"
            held.sendall(lines.encode())
            assert held.recv(10)
            assert server.get("/search?q=TODO", X_Forwarded_For="203.0.113.1")[0] == 503
            assert server.get("/search?q=TODO", X_Forwarded_For="203.0.113.2")[0] == 200
        until(lambda: not searching())
        assert places(server, "/search?q=TODO")


def test_who_only_asks_for_headers_gets_those(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"HEAD /search?q=TODO HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")
