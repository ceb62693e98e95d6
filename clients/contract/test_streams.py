"""Streams: what is handed on of each, and how often; when it comes back, and with what; when it is over for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clients.contract.adapters import Adapter, Session
from clients.contract.scripted import Scene, Scripted, Talk, chunked, frames, held, status, torn
from tests.vectors.implementations import Json

RETRY = "retry: 20\n\n"
OPENING = RETRY + ': hello\n\nevent: tree\ndata: {"path": "/r", "protocol": 1}\n\ndata: {"clock": "e-1"}\nid: e-1\n\n'
FIRST = 'event: change\ndata: {"n": 1}\n\n'
SECOND = 'event: change\ndata: {"n": 2}\n\n'
LAST = 'data: {"clock": "e-2"}\nid: e-2\n\n'
BATCH = FIRST + SECOND + LAST
OPENED = [("tree", {"path": "/r", "protocol": 1}, "e-1"), ("message", {"clock": "e-1"}, "e-1")]
TOLD = [("change", {"n": 1}, "e-2"), ("change", {"n": 2}, "e-2"), ("message", {"clock": "e-2"}, "e-2")]
OVER = "http-204"


def session(adapter: Adapter, server: Scripted, query: Json | None = None, **options: Any) -> Session:
    options = {"silence_s": 30.0} | options
    return Session(adapter, do="stream", url=server.url, query=query or {}, options=options)


def events(lines: list[Json]) -> list[tuple[str, object, str]]:
    return [(line["event"], line["data"], line["id"]) for line in lines if "event" in line]


def followed(adapter: Adapter, *scenes: Scene, ended: str = OVER, **options: Any) -> tuple[Session, Scripted]:
    """What is told until it is over."""
    with Scripted(*scenes) as server:
        stream = session(adapter, server, **options)
        stream.until_told("ended", ended)
        stream.stop()
    return stream, server


FORMS: dict[str, Callable[[bytes], Scene]] = {
    "whole": lambda data: frames(data),
    "crlf": lambda data: frames(data.replace(b"\n", b"\r\n")),
    "cr": lambda data: frames(data.replace(b"\n", b"\r")),
    "bom": lambda data: frames(b"\xef\xbb\xbf" + data),
    "byte by byte": lambda data: frames(*(data[at : at + 1] for at in range(len(data)))),
    "in chunks": lambda data: chunked([data[:7], data[7:90], data[90:]]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_event_comes_once_with_its_clock(adapter: Adapter, form: str) -> None:
    stream, server = followed(adapter, FORMS[form]((OPENING + BATCH).encode()))
    assert events(stream.lines) == OPENED + TOLD
    assert [request.last_id for request in server.requests] == [None, "e-2"]


@pytest.mark.parametrize("cut", range(0, len(BATCH), 3))
def test_a_batch_that_was_cut_comes_again_and_once(adapter: Adapter, cut: int) -> None:
    """Wherever the connection ends, also with a part of the bytes of a line."""
    stream, server = followed(adapter, frames(OPENING + BATCH[:cut]), frames(RETRY + BATCH))
    assert events(stream.lines) == OPENED + TOLD
    assert [request.last_id for request in server.requests] == [None, "e-1", "e-2"]


def test_what_a_reset_cut_comes_again(adapter: Adapter) -> None:
    stream, server = followed(adapter, frames(OPENING + FIRST, then=torn), frames(OPENING + BATCH))
    told = events(stream.lines)
    assert told[-5:] == OPENED + TOLD
    assert told[:-5] in ([], OPENED)  # a reset may overtake what was sent before it
    assert [request.last_id for request in server.requests][-1] == "e-2"


def test_an_id_alone_moves_the_clock_and_tells_nothing(adapter: Adapter) -> None:
    stream, server = followed(adapter, frames(OPENING + "id: e-5\n\n"), frames(RETRY + ": alive\n\nid: e-6\n\n"))
    assert events(stream.lines) == OPENED
    assert [request.last_id for request in server.requests] == [None, "e-5", "e-6"]


def test_statistics_between_batches_are_told_by_themselves(adapter: Adapter) -> None:
    stats = 'event: stats\ndata: {"changes": 3}\nid: e-1\n\n'
    stream, _ = followed(adapter, frames(OPENING + stats + BATCH))
    assert events(stream.lines) == [*OPENED, ("stats", {"changes": 3}, "e-1"), *TOLD]


def test_quantum_is_told_as_it_is_and_unknown_events_too(adapter: Adapter) -> None:
    more = 'event: quantum\ndata: QTN1:BATCH:AQIF\n\nevent: future\ndata: {"a": [1]}\nid: e-2\n\n'
    stream, _ = followed(adapter, frames(OPENING + more))
    assert events(stream.lines)[2:] == [("quantum", "QTN1:BATCH:AQIF", "e-2"), ("future", {"a": [1]}, "e-2")]


def test_it_asks_as_it_is_told(adapter: Adapter) -> None:
    query = {"since": "e-0", "events": "change", "path": "/r/ü", "include": ["*.rs", "a b"], "types": ["file", "dir"]}
    with Scripted(frames(OPENING)) as server:
        stream = session(adapter, server, query, token="secret")
        stream.until_told("ended", OVER)
        stream.stop()
        first, second = server.requests
    assert first.query["since"] == ["e-0"] or first.last_id == "e-0"
    assert second.last_id == "e-1", "the header wins over `since`"
    for request in server.requests:
        assert request.query["events"] == ["change"]
        assert request.query["path"] == ["/r/ü"]
        assert request.query["include"] == ["*.rs", "a b"]
        assert sorted(",".join(request.query["types"]).split(",")) == ["dir", "file"]
        assert request.headers["authorization"] == "Bearer secret"
        assert "text/event-stream" in request.headers["accept"]
        assert "secret" not in str(request.query)


@pytest.mark.parametrize("line", ["500 Oops", "502 Bad Gateway", "503 Busy", "429 Slow", "408 Late", "425 Early"])
def test_what_may_pass_is_tried_again(adapter: Adapter, line: str) -> None:
    stream, server = followed(
        adapter, frames(OPENING), status(line), status(line, b"Retry-After: 0\r\n"), frames(RETRY + BATCH)
    )
    assert events(stream.lines) == OPENED + TOLD
    assert [request.last_id for request in server.requests] == [None, "e-1", "e-1", "e-1", "e-2"]


@pytest.mark.parametrize("number", [201, 204, 206, 400, 401, 403, 404, 406, 410, 418])
def test_what_is_final_is(adapter: Adapter, number: int) -> None:
    _, server = followed(adapter, status(f"{number} Final"), ended=f"http-{number}")
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", [b"Content-Type: text/html\r\n", b"", b"Content-Type: text/event-streams\r\n"])
def test_what_is_no_stream_is_final(adapter: Adapter, kind: bytes) -> None:
    followed(adapter, lambda talk: talk.begin(headers=kind), ended="not-a-stream")


@pytest.mark.parametrize("kind", [b"text/event-stream; charset=utf-8", b"Text/Event-Stream", b"text/event-stream;x"])
def test_a_stream_by_any_name(adapter: Adapter, kind: bytes) -> None:
    def scene(talk: Talk) -> None:
        talk.begin(headers=b"Content-Type: " + kind + b"\r\n")
        talk.send(OPENING)

    assert events(followed(adapter, scene)[0].lines) == OPENED


def test_a_newer_protocol_is_refused(adapter: Adapter) -> None:
    newer = 'event: tree\ndata: {"path": "/r", "protocol": 2}\n\ndata: {"clock": "e-1"}\nid: e-1\n\n'
    _, server = followed(adapter, frames(RETRY + newer, then=held), ended="protocol")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "much", ["data: " + "x" * 50_000 + "\n\n", "x" * 50_000, "data: x\n" * 8_000, ":" + "x" * 50_000]
)
def test_one_event_has_a_bound(adapter: Adapter, much: str) -> None:
    followed(adapter, frames(OPENING + much, then=held), ended="too-large", max_event_bytes=20_000)


def test_a_batch_has_a_bound(adapter: Adapter) -> None:
    followed(adapter, frames(OPENING + FIRST * 2_000, then=held), ended="too-large", max_batch_bytes=20_000)


def test_silence_is_a_dead_connection(adapter: Adapter) -> None:
    stream, server = followed(adapter, frames(OPENING, then=held), frames(BATCH), silence_s=0.5)
    assert events(stream.lines) == OPENED + TOLD
    assert server.requests[1].last_id == "e-1"


def test_a_comment_is_a_sign_of_life(adapter: Adapter) -> None:
    def breathing(talk: Talk) -> None:
        for _ in range(20):
            talk.pause(0.2)
            talk.send(": alive\n\n")
        talk.send(BATCH)

    stream, server = followed(adapter, frames(OPENING, then=breathing), silence_s=2.0)
    assert events(stream.lines) == OPENED + TOLD
    assert len(server.requests) == 2


def test_nobody_there_is_tried_again(adapter: Adapter) -> None:
    """A port where nothing listens, and then something does."""
    with Scripted() as gone:
        pass
    stream = session(adapter, gone, retry_max_s=0.2)
    stream.until_told("lost")
    stream.until_told("lost")
    stream.stop()


def half_a_head(talk: Talk) -> None:
    talk.send("HTTP/1.1 200 OK\r\nContent-")
    talk.hold()


SCENES: dict[str, Scene] = {
    "a stream that is open": frames(OPENING, then=held),
    "a head that does not come": held,
    "half a head": half_a_head,
    "a wait": status("503 Busy", b"Retry-After: 3600\r\n"),
}


@pytest.mark.parametrize("name", SCENES)
def test_it_can_be_stopped_at_any_moment(adapter: Adapter, name: str) -> None:
    with Scripted(SCENES[name]) as server:
        stream = session(adapter, server)
        server.until(lambda server: len(server.requests) == 1)
        stream.stop()
        server.until(lambda server: server.left == [0])
        assert len(server.requests) == 1
