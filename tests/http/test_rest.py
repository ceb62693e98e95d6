"""The REST face: `/tree`, `/stats`, `/clock`, health, and a problem document for everything else."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from smarttree.wire import MEDIA_TYPE_QTN
from spec.qtn1 import decode_snapshot, from_text
from tests.http.server import Server


def problem(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str, dict[str, Any]]:
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json"
    data = json.loads(body)
    assert data["status"] == status
    assert data["detail"]
    return status, data["code"], data


def test_the_tree_comes_in_the_envelope_of_the_tree_event(server: Server, project: Path) -> None:
    data = server.json("/tree")
    snapshot = decode_snapshot(from_text(data["compressed"]))
    assert snapshot.path == bytes(project)
    assert data["digest"] == f"{snapshot.digest:032x}"
    assert (data["path"], data["mode"], data["stats"]["files"]) == (str(project), "quantum", 4)
    assert "reason" not in data


def test_the_tree_comes_bare_in_its_own_type(server: Server) -> None:
    status, headers, body = server.get("/tree", Accept=MEDIA_TYPE_QTN)
    assert (status, headers["content-type"]) == (200, MEDIA_TYPE_QTN)
    assert headers["x-smarttree-clock"] == server.json("/clock")["clock"]
    assert decode_snapshot(body).path
    status, headers, body = server.get("/tree?mode=classic", Accept="text/plain")
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert "└── src/".encode() in body


def test_a_type_that_no_mode_has_is_refused(server: Server) -> None:
    assert problem(server.get("/tree", Accept="image/png"))[:2] == (406, "not-acceptable")


def test_a_part_of_the_tree(server: Server, project: Path) -> None:
    for path in ("/src", "src", "src/", "/src/.", f"{project}/src"):
        data = server.json(f"/tree?mode=json&path={path}")
        assert data["path"] == str(project / "src")
        assert [child["name"] for child in data["tree"]["children"]] == ["lib.rs", "main.rs"]


def test_depth_cuts(server: Server) -> None:
    data = server.json("/tree?mode=json&depth=1")
    assert data["depth"] == 1
    assert {child["name"]: child.get("children", 0) for child in data["tree"]["children"]} == {
        "README.md": 0,
        "empty": [],
        "latest": 0,
        "src": None,
    }


def test_a_name_that_is_not_utf8_can_be_asked_for(server: Server, project: Path) -> None:
    (project / b"\xff+".decode("utf-8", "surrogateescape")).mkdir()
    data = server.json("/tree?mode=json&sync=1&path=/%FF%2B")
    assert data["path"] == f"{project}/\ufffd+"
    assert data["path_b64"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("path=/nothing", 404, "no-such-path"),
        ("path=/latest/main.rs", 404, "no-such-path"),
        ("path=/etc", 404, "no-such-path"),
        ("path=/..%2f..%2fetc", 400, "bad-parameter"),
        ("path=..", 400, "bad-parameter"),
        ("path=%00", 400, "bad-parameter"),
        ("path=", 400, "bad-parameter"),
        ("path=/README.md", 400, "not-a-directory"),
        ("depth=1", 400, "bad-parameter"),
        ("mode=json&depth=-1", 400, "bad-parameter"),
        ("mode=json&depth=513", 400, "bad-parameter"),
        ("mode=json&depth=" + "1" * 5000, 400, "bad-parameter"),
        ("sync=maybe", 400, "bad-parameter"),
        ("tree=none", 400, "bad-parameter"),
        ("tree=", 400, "bad-parameter"),
        ("mode=", 400, "unknown-mode"),
        ("depth=1000000000000&mode=json", 400, "bad-parameter"),
        ("include=*.c", 400, "not-available-yet"),
        ("nonsense=1", 400, "bad-parameter"),
        ("&".join(f"a{number}=1" for number in range(200)), 400, "bad-parameter"),
        ("mode=nonsense", 400, "unknown-mode"),
        ("mode=summary-ai&depth=1", 400, "bad-parameter"),
    ],
)
def test_what_cannot_be_is_refused(server: Server, query: str, status: int, code: str) -> None:
    assert problem(server.get(f"/tree?{query}"))[:2] == (status, code)


def test_a_large_document_comes_whole(project: Path) -> None:
    (project / "many").mkdir()
    for number in range(15_000):
        (project / "many" / f"{number:05d}").touch()
    with Server(project) as server:
        status, headers, body = server.get("/tree?mode=json")
        assert (status, int(headers["content-length"])) == (200, len(body))
        children = {child["name"]: child for child in json.loads(body)["tree"]["children"]}
        assert len(children["many"]["children"]) == 15_000
        status, headers, body = server.get("/tree?mode=classic")
        assert json.loads(body)["text"].count("\n") >= 15_000


def test_stats_tell_the_tree_by_numbers(server: Server, project: Path) -> None:
    data = server.json("/stats")
    assert (data["path"], data["files"], data["dirs"]) == (str(project), 4, 2)
    assert data["by_extension"][0] == {"extension": ".rs", "files": 2, "size": 313}
    assert data["largest"][0] == {"path": str(project / "src" / "lib.rs"), "size": 300}
    assert [(window["path"], window["interval"]) for window in data["windows"]] == [
        (str(project), interval) for interval in ("1m", "5m", "1h", "24h")
    ]
    assert (data["problems"], data["clients"]) == ([], 0)
    assert data["watcher"] in [{"name": name, "degraded": None} for name in ("fanotify", "inotify")]
    assert server.json("/clock")["degraded"] is False
    part = server.json("/stats?path=/src")
    assert (part["files"], part["size"]) == (2, 313)


def test_stats_tell_what_happened_lately(server: Server, project: Path) -> None:
    (project / "README.md").write_bytes(b"x" * 1000)
    server.sync()
    for window in server.json("/stats")["windows"]:
        assert window["changes"] >= 1
        assert window["changes_per_second"] == round(window["changes"] / window["seconds"], 3)
        assert (window["growth"], window["growth_bytes"], window["hot_files"]) == ("+990B", 990, ["README.md"])
        assert (window["exact"], 1 <= window["seconds"] <= 60) == (True, True)


def test_stats_tell_what_happened_below_any_path(server: Server, project: Path) -> None:
    (project / "src" / "main.rs").write_bytes(b"x" * 1013)
    server.sync()
    (window,) = server.json("/stats?path=/src&window=1h")["windows"]
    assert (window["path"], window["interval"], window["changes"] >= 1) == (str(project / "src"), "1h", True)
    assert (window["growth_bytes"], window["hot_files"]) == (1000, ["main.rs"])
    (window,) = server.json("/stats?path=/empty&window=1h")["windows"]
    assert (window["changes"], window["changes_per_second"], window["hot_files"]) == (0, 0, [])
    for wrong in ("2h", "", "5m&window=5m"):
        assert problem(server.get(f"/stats?window={wrong}"))[:2] == (400, "bad-parameter")


def test_stats_of_several_roots_are_of_all_of_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_bytes(b"12345")
    with Server(tmp_path / "a", tmp_path / "b") as server:
        data = server.json("/stats")
        assert [root["path"] for root in data["roots"]] == [str(tmp_path / "a"), str(tmp_path / "b")]
        assert (data["files"], data["dirs"], data["size"]) == (2, 0, 10)
        assert problem(server.get("/tree"))[:2] == (400, "ambiguous-path")
        assert problem(server.get("/tree?path=/a.txt"))[:2] == (400, "ambiguous-path")
        assert server.json(f"/tree?path={tmp_path}/b")["stats"]["files"] == 1


def test_a_synced_clock_has_seen_what_was_written(server: Server, project: Path) -> None:
    before = server.json("/clock")["clock"]
    (project / "new").write_bytes(b"new")
    after = server.sync()
    assert after != before
    assert any(child["name"] == "new" for child in server.json("/tree?mode=json")["tree"]["children"])


def test_health(server: Server) -> None:
    assert server.json("/healthz") == {"status": "ok", "state": "ready"}
    assert server.json("/readyz")["status"] == "ready"


def test_until_the_first_scan_is_done_rest_says_how_far_it_is(project: Path) -> None:
    with Server(project, scan=False) as server:
        assert server.json("/healthz")["state"] == "scanning"
        for target in ("/readyz", "/tree", "/stats", "/clock", "/clock?sync=1", "/watch"):
            answer = server.get(target)
            status, code, data = problem(answer)
            assert (status, code) == (503, "not-ready")
            assert answer[1]["retry-after"] == "1"
            assert set(data["progress"]) == {"entries", "dirs", "seconds"}
        server.begin_scan()
        assert server.json("/readyz")["status"] == "ready"


def test_an_unknown_url_lists_what_there_is(server: Server) -> None:
    status, code, data = problem(server.get("/evnts"))
    assert (status, code) == (404, "no-such-endpoint")
    assert {"GET /events", "GET /tree", "DELETE /watch"} <= set(data["endpoints"])


def test_a_client_that_leaves_while_it_waits_harms_nobody(server: Server, project: Path) -> None:
    for number in range(100):
        (project / "busy").write_bytes(b"x" * number)
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(b"GET /clock?sync=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    server.sync()
    assert server.service.state == "ready"
