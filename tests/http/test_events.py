"""`GET /events` as a client sees it: the opening, live batches, resume, rebase, and what is refused."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

import smarttree
from smarttree.clock import Clock
from tests.clients.plain import Follower, Stream
from tests.clients.sse import Frame
from tests.disk import difference, listing, mirror_listing
from tests.http.server import Server

pytestmark = pytest.mark.usefixtures("fanout")  # everything here holds whoever moves the bytes


def events(server: Server, query: str = "", **options: Any) -> Follower:
    return Follower(f"{server.url}/events{query}", **options)


def test_the_response_can_be_streamed_and_ends_with_the_connection(server: Server) -> None:
    stream = Stream(f"{server.url}/events")
    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["cache-control"] == "no-store, no-transform"
    assert stream.headers["x-accel-buffering"] == "no"
    assert stream.headers["connection"] == "close"
    assert "content-length" not in stream.headers
    stream.close()


def test_a_head_request_gets_the_headers_alone(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("HEAD", "/events")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    connection.close()


def test_the_opening_is_tree_stats_message_of_one_clock(server: Server, project: Path) -> None:
    with events(server) as client:
        turn = client.turn()
        assert [frame.event for frame in turn.frames] == ["tree", "stats", "message"]
        assert client.stream.parser.retry_ms is not None
        (tree,), (stats,), (message,) = turn.named("tree"), turn.named("stats"), turn.named("message")
        counts = {"files": 4, "dirs": 2, "size": 10 + 13 + 300 + len("src")}
        assert tree["path"] == stats["path"] == str(project)
        assert (tree["mode"], tree["reason"], tree["filtered"]) == ("quantum", "initial", False)
        assert (tree["protocol"], tree["version"]) == (1, smarttree.__version__)
        assert tree["clock"] == message["clock"] == turn.id
        assert tree["stats"] == message["stats"] == counts
        assert {key: stats[key] for key in counts} == counts
        assert (message["changes"], message["more"]) == (0, False)
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""
        assert client.digests_checked == 1


def test_a_change_on_disk_is_told_with_its_delta_and_its_batch(server: Server, project: Path) -> None:
    with events(server) as client:
        client.turn()
        (project / "src" / "main.rs").write_bytes(b"fn main() { run() }\n")
        client.until_clock(server.sync())
        changes = [change for turn in client.turns for change in turn.named("change")]
        last = changes[-1]
        assert (last["type"], last["path"], last["kind"]) == ("modified", str(project / "src" / "main.rs"), "file")
        assert last["size"] == 20
        assert last["delta"].startswith("QTN1:DELTA:")
        assert last["timestamp"].endswith("Z")
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""
        turn = next(turn for turn in client.turns[1:] if turn.named("change"))
        names = [frame.event for frame in turn.frames]
        assert names == ["change"] * (len(names) - 2) + ["quantum", "message"]
        assert turn.named("message")[0]["changes"] == len(names) - 2


def test_edits_of_every_kind_keep_the_mirror_equal_to_the_disk(server: Server, project: Path) -> None:
    with events(server) as client:
        client.turn()
        (project / "src" / "new.rs").write_bytes(b"new\n")
        (project / "README.md").unlink()
        (project / "src").rename(project / "source")
        (project / "deep" / "er").mkdir(parents=True)
        (project / "deep" / "er" / b"\xff\n".decode("utf-8", "surrogateescape")).write_bytes(b"x")
        (project / "empty").rmdir()
        (project / "empty").symlink_to("deep")
        (project / "source" / "lib.rs").chmod(0o600)
        client.until_clock(server.sync())
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""
        assert client.digests_checked == sum(bool(turn.named("message")) for turn in client.turns)


def test_a_client_that_was_cut_off_resumes_with_what_it_missed(server: Server, project: Path) -> None:
    with events(server) as client:
        client.turn()
        client.stream.close()
        (project / "one").write_bytes(b"1")
        server.sync()
        (project / "two").write_bytes(b"2")
        clock = server.sync()
        client.reconnect()
        before = len(client.turns)
        client.until_clock(clock)
        names = {frame.event for turn in client.turns[before:] for frame in turn.frames}
        assert names == {"change", "quantum", "message"}
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""


def test_since_resumes_like_the_header_which_wins_over_it(server: Server, project: Path) -> None:
    first = server.sync()
    (project / "one").write_bytes(b"1")
    second = server.sync()
    assert second != first
    with events(server, f"?since={first}&events=message") as client:
        assert client.turn().id != first
    (project / "two").write_bytes(b"2")
    server.sync()
    with events(server, f"?since={first}&events=change", since=second) as client:
        paths = [change["path"] for change in client.turn().named("change")]
        assert str(project / "one") not in paths


@pytest.mark.parametrize("last_id", ["0123456789abcdef-1", "nonsense", "-", "\u00e9"])
def test_an_unknown_clock_is_rebased_even_where_no_tree_was_asked_for(server: Server, last_id: str) -> None:
    with events(server, "?events=message", since=last_id) as client:
        (tree,) = _rebase(client)  # not by a turn: without a document the follower has nothing to hold
        assert tree["reason"] == "rebase"
        assert "compressed" not in tree


def _rebase(client: Follower) -> list[dict[str, Any]]:
    frames: list[Frame] = []
    while not frames or frames[-1].id is None:
        frame = client.stream.frame()
        assert frame is not None
        frames.append(frame)
    return [json.loads(frame.data or "") for frame in frames if frame.event == "tree"]


def test_a_clock_beyond_the_horizon_is_rebased_and_the_mirror_is_right_again(project: Path) -> None:
    with Server(project, retention_bytes=1) as server, events(server) as client:
        client.turn()
        client.stream.close()
        for name in ("one", "two", "three"):
            (project / name).write_bytes(name.encode())
            clock = server.sync()
        server.service.log._horizon.begin(server.service.log.head)
        client.reconnect()
        client.until_clock(clock)
        assert client.turns[1].named("tree")[0]["reason"] == "rebase"
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""


def test_a_clock_of_the_future_is_rebased(server: Server) -> None:
    now = Clock.parse(server.sync())
    assert now is not None
    with events(server, since=str(Clock(now.epoch, now.seq + 1000))) as client:
        assert client.turn().named("tree")[0]["reason"] == "rebase"


@pytest.mark.parametrize("asked", ["change", "quantum", "stats", "message", "tree", "tree,message", "change,quantum"])
def test_only_what_was_asked_for_is_sent(server: Server, project: Path, asked: str) -> None:
    stream = Stream(f"{server.url}/events?events={asked}")
    (project / "new").write_bytes(b"new")
    clock = server.sync()
    names = set()
    while stream.parser.last_id != clock:
        frame = stream.frame()
        assert frame is not None
        names |= {frame.event} if frame.data is not None else set()
    stream.close()
    assert names <= set(asked.split(","))


def test_a_tree_without_its_document(server: Server) -> None:
    stream = Stream(f"{server.url}/events?tree=none")
    frame = stream.frame()
    stream.close()
    assert frame is not None
    assert (frame.event, "compressed" in json.loads(frame.data or "")) == ("tree", False)


@pytest.mark.parametrize(
    ("mode", "field"), [("json", "tree"), ("classic", "text"), ("ai", "text"), ("ndjson", "text"), ("stats", "text")]
)
def test_other_modes_tell_the_tree_in_their_own_field(server: Server, mode: str, field: str) -> None:
    stream = Stream(f"{server.url}/events?mode={mode}&events=tree")
    frame = stream.frame()
    stream.close()
    assert frame is not None
    data = json.loads(frame.data or "")
    assert data["mode"] == mode
    assert "main.rs" in json.dumps(data[field])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("include=", "bad-parameter"),
        ("exclude=!a", "bad-parameter"),
        ("types=socket", "bad-parameter"),
        ("only=content", "bad-parameter"),
        ("only=names", "bad-parameter"),
        ("tree=manifest&mode=json", "bad-parameter"),
        ("mode=nonsense", "unknown-mode"),
        ("events=nonsense", "bad-parameter"),
        ("events=", "bad-parameter"),
        ("tree=some", "bad-parameter"),
        ("tree=", "bad-parameter"),
        ("mode=", "unknown-mode"),
        ("since=yesterday", "bad-parameter"),
        ("colour=red", "bad-parameter"),
        ("mode=json&mode=classic", "bad-parameter"),
        ("path=/..", "bad-parameter"),
        ("path=%00", "bad-parameter"),
    ],
)
def test_what_cannot_be_honoured_is_refused_before_the_stream(server: Server, query: str, code: str) -> None:
    status, headers, body = server.get(f"/events?{query}")
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert json.loads(body)["code"] == code


def test_the_path_of_the_only_root_is_everything(server: Server, project: Path) -> None:
    for path in ("/", str(project), f"{project}/"):
        with events(server, f"?path={path}") as client:
            assert client.turn().named("tree")[0]["path"] == str(project)


def test_several_roots_open_with_a_tree_each_in_their_order(tmp_path: Path) -> None:
    roots = [tmp_path / "b", tmp_path / "a"]
    for root in roots:
        root.mkdir()
        (root / "file").write_bytes(root.name.encode())
    with Server(*roots) as server, events(server) as client:
        turn = client.turn()
        assert [frame.event for frame in turn.frames] == ["tree", "tree", "stats", "stats", "message"]
        assert [tree["path"] for tree in turn.named("tree")] == [str(root) for root in roots]
        (roots[1] / "new").write_bytes(b"new")
        client.until_clock(server.sync())
        both = listing(str(roots[0])) | listing(str(roots[1]))
        assert difference(both, mirror_listing(client.mirror)) == ""
        status, _, body = server.get("/events?path=/file")
        assert (status, json.loads(body)["code"]) == (400, "ambiguous-path")


def test_a_full_house_is_told_by_a_retry_and_a_close(project: Path) -> None:
    with Server(project, max_connections=1) as server, events(server) as client:
        client.turn()
        second = Stream(f"{server.url}/events")
        assert second.status == 200
        assert second.frame() is None
        assert second.parser.retry_ms is not None
        second.close()


def test_heartbeats_and_periodic_stats_repeat_the_last_id(project: Path) -> None:
    with Server(project, heartbeat_s=0.05, stats_interval_s=0.2) as server, events(server) as client:
        clock = client.turn().id
        client.until(lambda each: any(turn.named("stats") for turn in each.turns[1:]))
        assert {turn.id for turn in client.turns} == {clock}
        assert any(frame.data is None for turn in client.turns for frame in turn.frames)


def test_a_client_that_reads_nothing_for_long_gets_everything_later(server: Server, project: Path) -> None:
    with events(server) as client:
        client.turn()
        for number in range(200):
            (project / f"{number:03d}{'x' * 200}").write_bytes(b"")
            if number % 20 == 0:
                server.sync()
        client.until_clock(server.sync())
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""


def test_the_clients_are_counted(server: Server) -> None:
    with events(server) as client:
        client.turn()
        clock = server.sync()
        client.until_clock(clock)
        stats = server.json("/stats")
        assert stats["clients"] == 1
        assert stats["streams"].keys() == {
            *("count", "lagging", "lag_bytes", "lag_s", "sends", "sent_bytes", "closed", "worst")
        }
