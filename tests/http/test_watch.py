"""`/watch`: what is listed, added and removed, who may ask for it, and what is said to who may not."""

from __future__ import annotations

import gc
import http.client
import json
import select
import shutil
import socket
import struct
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.clients.plain import DEADLINE_S, Follower
from tests.http.server import Server

APP = "https://app.example.com"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """base/{one/{f, d/g}, two/, file, out -> ../elsewhere, in -> one}, and elsewhere/ beside it."""
    base = tmp_path / "base"
    (base / "one" / "d").mkdir(parents=True)
    (base / "one" / "f").write_bytes(b"ff")
    (base / "one" / "d" / "g").write_bytes(b"ggg")
    (base / "two").mkdir()
    (base / "file").touch()
    (tmp_path / "elsewhere" / "d").mkdir(parents=True)
    (base / "out").symlink_to(tmp_path / "elsewhere")
    (base / "in").symlink_to("one")
    return base


@pytest.fixture
def open_server(project: Path, base: Path) -> Iterator[Server]:
    with Server(project, bases=[base], cors=("*",)) as running:
        yield running


def ask(server: Server, method: str, target: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """The status and the JSON of an answer. `body` is sent as JSON; bytes as they are."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    try:
        connection.request(method, target, data, {"Content-Type": "application/json", **sent})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def add(server: Server, path: Path) -> tuple[int, Any]:
    return ask(server, "POST", "/watch", {"path": str(path)})


def remove(server: Server, path: Path) -> tuple[int, Any]:
    return ask(server, "DELETE", "/watch", {"path": str(path)})


def paths(server: Server) -> list[str]:
    return [root["path"] for root in server.json("/watch")["roots"]]


# ---------------------------------------------------------------- what it does


def test_the_roots_are_listed(open_server: Server, project: Path, base: Path) -> None:
    data = open_server.json("/watch")
    (root,) = data["roots"]
    assert (root["path"], root["state"], root["entries"]) == (str(project), "ready", 6)
    assert (root["files"], root["dirs"]) == (4, 2)
    assert data["bases"] == [{"path": str(base)}]
    assert data["clock"] == open_server.json("/clock")["clock"]


def test_a_root_is_added_and_removed(open_server: Server, project: Path, base: Path) -> None:
    status, data = add(open_server, base / "one")
    assert (status, data) == (201, {"path": str(base / "one"), "clock": data["clock"], "changed": True})
    assert data["clock"] == open_server.json("/clock")["clock"]
    assert paths(open_server) == [str(project), str(base / "one")]
    tree = open_server.json(f"/tree?mode=json&path={base}/one/d")
    assert [child["name"] for child in tree["tree"]["children"]] == ["g"]
    assert len(open_server.json("/stats")["roots"]) == 2
    assert open_server.get("/tree")[0] == 400  # there are several now
    status, data = remove(open_server, base / "one")
    assert (status, data["changed"]) == (200, True)
    assert data["clock"] == open_server.json("/clock")["clock"]
    assert paths(open_server) == [str(project)]
    assert open_server.get(f"/tree?path={base}/one")[0] == 404
    assert open_server.json("/tree")["path"] == str(project)


def test_its_answer_comes_after_the_streams_have_it(open_server: Server, base: Path) -> None:
    """So who is told of a root can ask for it, and a mirror has it."""
    with Follower(f"{open_server.url}/events") as follower:
        follower.turn()
        _, data = add(open_server, base / "one")
        follower.until_clock(data["clock"])
        assert dict(follower.mirror.paths()).keys() >= {bytes(base / "one"), bytes(base / "one" / "d" / "g")}
        (message,) = follower.turns[-1].named("message")
        assert message["root"] == {"path": str(base / "one"), "state": "ready"}
        changes = [change for turn in follower.turns[1:] for change in turn.named("change")]
        assert {change["path"] for change in changes} == {str(base / "one" / name) for name in ("f", "d", "d/g")}
        _, data = remove(open_server, base / "one")
        follower.until_clock(data["clock"])
        (message,) = follower.turns[-1].named("message")
        assert message["root"] == {"path": str(base / "one"), "state": "removed"}
        assert not any(path.startswith(bytes(base)) for path, _ in follower.mirror.paths())
        assert follower.mirror.service_digest == follower.mirror.digest()


def test_a_stream_below_a_root_that_goes_harms_nobody(project: Path, base: Path, fanout: str) -> None:
    """It has no stats any more. What was made of none ended all streams, and with them the server."""
    with Server(project, bases=[base], stats_interval_s=0.05) as server, ExitStack() as until_end:
        assert add(server, base / "one")[0] == 201
        urls = [f"{server.url}/events?events=stats&path={path}" for path in (base / "one" / "d", project)]
        below, beside = [until_end.enter_context(Follower(url)) for url in urls]
        below.until(lambda seen: sum(bool(turn.named("stats")) for turn in seen.turns) > 1)
        assert remove(server, base / "one")[0] == 200
        for _ in range(5):
            beside.until(lambda seen: bool(seen.turn().named("stats")))
        assert add(server, base / "one")[0] == 201
        taken = len(below.turns)
        below.until(lambda seen: any(turn.named("stats") for turn in seen.turns[taken:]))


def test_who_leaves_before_it_is_refused_leaves_no_traceback(
    open_server: Server, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits behind a root that takes its time, for an answer that nobody hears."""
    for number in range(10_000):
        (base / "two" / f"{number}").touch()
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(add, open_server, base / "two")
        while not slow.done():
            with socket.create_connection(("127.0.0.1", open_server.port), timeout=DEADLINE_S) as raw:
                raw.sendall(f"DELETE /watch?path={base}/one HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                select.select([raw], [], [], 0.01)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert slow.result()[0] == 201
    assert remove(open_server, base / "one")[0] == 404
    gc.collect()
    assert open_server.get("/healthz")[0] == 200  # the loop has told what it had to tell
    assert not [record for record in caplog.records if record.exc_info], caplog.text


def test_asking_twice_is_asking_once(open_server: Server, base: Path) -> None:
    _, first = add(open_server, base / "one")
    for spelt in (f"{base}/one", f"{base}/in", f"{base}//one/."):
        status, data = ask(open_server, "POST", "/watch", {"path": spelt})
        assert (status, data["clock"], data["changed"]) == (200, first["clock"], False)
    assert remove(open_server, base / "in")[0] == 200
    status, data = remove(open_server, base / "one")
    assert (status, data["code"]) == (404, "no-such-path")
    assert "is not a root" in data["detail"]


def test_a_path_may_stand_in_the_query(open_server: Server, base: Path) -> None:
    add(open_server, base / "one")
    assert ask(open_server, "DELETE", f"/watch?path={base}/one")[0] == 200


def test_a_path_need_not_be_utf8(open_server: Server, base: Path) -> None:
    odd = bytes(base) + b"/\xff"
    Path(odd.decode("utf-8", "surrogateescape")).mkdir()
    status, data = ask(open_server, "POST", "/watch", {"path_b64": b64encode(odd).decode()})
    assert (status, data["path_b64"]) == (201, b64encode(odd).decode())
    assert ask(open_server, "DELETE", f"/watch?path={base}/%FF")[0] == 200


def test_a_root_of_the_start_may_go_and_come_back(open_server: Server, project: Path, base: Path) -> None:
    status, data = remove(open_server, project)
    assert (status, data["code"]) == (409, "last-root")
    add(open_server, base / "one")
    assert remove(open_server, project)[0] == 200
    assert paths(open_server) == [str(base / "one")]
    assert add(open_server, project)[0] == 201
    assert paths(open_server) == [str(base / "one"), str(project)]


def test_a_missing_root_is_listed_as_that(open_server: Server, base: Path) -> None:
    add(open_server, base / "one")
    shutil.rmtree(base / "one")
    open_server.sync()
    assert [root["state"] for root in open_server.json("/watch")["roots"]] == ["ready", "missing"]
    assert [problem["path"] for problem in open_server.json("/stats")["problems"]] == [str(base / "one")]
    assert add(open_server, base / "one")[0] == 200
    assert remove(open_server, base / "one")[0] == 200


# ---------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("{base}/nothing", 404, "no-such-path"),
        ("{base}/file", 400, "not-a-directory"),
        ("{base}/out", 403, "root-refused"),
        ("{base}/out/d", 403, "root-refused"),
        ("{base}/out/nothing", 403, "root-refused"),
        ("{base}/../elsewhere", 400, "bad-parameter"),
        ("{base}-not", 403, "root-refused"),
        ("/etc", 403, "root-refused"),
        ("/nothing/at/all", 403, "root-refused"),
        ("/", 403, "root-refused"),
        ("one", 400, "bad-parameter"),
        ("", 400, "bad-parameter"),
        ("{base}/one\0", 400, "bad-parameter"),
        ("{base}/\ud800", 400, "bad-parameter"),
        ("{project}/src", 409, "roots-overlap"),
        ("{base}/" + "x" * 300, 404, "no-such-path"),
    ],
)
def test_what_may_not_be_a_root(
    open_server: Server, base: Path, project: Path, path: str, status: int, code: str
) -> None:
    path = path.replace("{base}", str(base)).replace("{project}", str(project))
    answer = ask(open_server, "POST", "/watch", {"path": path})
    assert (answer[0], answer[1]["code"]) == (status, code), answer
    assert paths(open_server) == [str(project)]


def test_roots_overlap_either_way(open_server: Server, base: Path) -> None:
    add(open_server, base / "one" / "d")
    for path in (base / "one", base):
        status, data = add(open_server, path)
        assert (status, data["code"]) == (409, "roots-overlap")
        assert str(base / "one" / "d") in data["detail"]


def test_without_the_flag_nothing_changes(server: Server, project: Path, base: Path) -> None:
    for method, path in (("POST", base / "one"), ("DELETE", project), ("POST", project / "src")):
        status, data = ask(server, method, "/watch", {"path": str(path)})
        assert (status, data["code"]) == (403, "root-refused")
        assert "--watch-base DIR" in data["detail"]
    assert add(server, project)[0] == 200  # it is one, and stays as it is
    assert server.json("/watch")["bases"] == []


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'"/a"', b"{}", b"[" * 60_000, b"\xff"),
        *(b'{"path": 1}', b'{"path": null}', b'{"path": "/a", "depth": 1}', b'{"path_b64": "?"}'),
    ],
)
def test_a_body_that_is_none(open_server: Server, body: bytes) -> None:
    for method in ("POST", "DELETE"):
        status, data = ask(open_server, method, "/watch", body)
        assert (status, data["code"]) == (400, "bad-parameter"), data


def test_a_body_has_a_bound(open_server: Server) -> None:
    body = b'{"path": "/' + b"x" * 100_000 + b'"}'
    assert ask(open_server, "POST", "/watch", body)[0] == 413
    assert chunked(open_server, [body[:50_000], body[50_000:]]) == 413


def chunked(server: Server, pieces: list[bytes]) -> int:
    """The status for a body whose size is not told."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    try:
        connection.request("POST", "/watch", iter(pieces), encode_chunked=True)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_parameters_are_known_or_refused(open_server: Server, base: Path) -> None:
    assert ask(open_server, "GET", "/watch?path=/")[0] == 400
    assert ask(open_server, "POST", f"/watch?path={base}/one", {"path": str(base / "one")})[0] == 400
    assert ask(open_server, "DELETE", f"/watch?path={base}/one", {"path": str(base / "one")})[0] == 400
    assert ask(open_server, "PUT", "/watch", {})[1]["code"] == "method-not-allowed"


# ---------------------------------------------------------------- who may ask


def test_a_page_of_another_origin_may_change_nothing(open_server: Server, project: Path, base: Path) -> None:
    """Though `--cors "*"` is given; and though it needs no preflight for a text."""
    for origin in (APP, "null", f"http://127.0.0.1:{open_server.port + 1}"):
        for method in ("POST", "DELETE"):
            status, data = ask(
                open_server, method, "/watch", {"path": str(base / "one")}, Origin=origin, Content_Type="text/plain"
            )
            assert (status, data["code"]) == (403, "origin-refused")
    assert paths(open_server) == [str(project)]
    assert "access-control-allow-origin" not in open_server.get("/watch", Origin=APP)[1]


def test_our_own_page_may(open_server: Server, base: Path) -> None:
    status, _ = ask(open_server, "POST", "/watch", {"path": str(base / "one")}, Origin=open_server.url)
    assert status == 201
