"""`--compress`: the same events whatever the coding, at once, from any batch on; and nothing of it where it is off."""

from __future__ import annotations

import asyncio
import http.client
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from smarttree.codec.coding import CODINGS, GZIP, IDENTITY, ZSTD
from tests.clients.plain import DEADLINE_S, Follower, Stream
from tests.disk import difference, listing, mirror_listing
from tests.http.server import Server
from tests.http.test_node import node, read_until
from tests.http.test_rest import problem
from tests.integration.curl import Curl


@pytest.fixture(params=["reactor", "loop"], autouse=True)
def fanout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds whoever moves the bytes."""
    monkeypatch.setenv("SMARTTREE_FANOUT", request.param)


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(project, compress=True) as running:
        yield running


def events(server: Server, coding: str, query: str = "", **options: Any) -> Follower:
    return Follower(f"{server.url}/events{query}", headers={"Accept-Encoding": coding}, **options)


def coding_of(follower: Follower) -> str:
    return follower.stream.headers.get("content-encoding", IDENTITY)


def knows_when_to_come_back(stream: Stream) -> bool:
    return stream.parser.retry_ms is not None


def test_every_coding_tells_the_same(server: Server, project: Path) -> None:
    clients = [events(server, coding) for coding in CODINGS]
    assert [coding_of(client) for client in clients] == list(CODINGS)
    assert {client.stream.headers["vary"] for client in clients} == {"Accept-Encoding"}
    for client in clients:
        client.turn()
    for number in range(20):
        (project / f"{number}").touch()
        clock = server.sync()
        for client in clients:
            client.until_clock(clock)
    for number in range(500):
        (project / "src" / f"{number}").touch()
    clock = server.sync()
    for client in clients:
        client.until_clock(clock)
        assert client.turns == clients[0].turns
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""
        client.close()


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_it_is_resumed_in_any_coding(server: Server, project: Path, coding: str) -> None:
    with events(server, coding) as client:
        client.turn()
        for number, other in enumerate((IDENTITY, ZSTD, GZIP, IDENTITY)):
            (project / f"{number}").touch()
            clock = server.sync()
            client.headers = {"Accept-Encoding": other}
            client.reconnect()
            assert coding_of(client) == other
            client.until_clock(clock)
        assert [turn for turn in client.turns[1:] if turn.named("tree")] == []
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""


@pytest.mark.parametrize("coding", CODINGS)
def test_heartbeats_and_stats_come_at_once(project: Path, coding: str) -> None:
    settings: dict[str, Any] = {"compress": True, "heartbeat_s": 0.1, "stats_interval_s": 0.25}
    with Server(project, **settings) as server, events(server, coding) as client:
        opening = client.turn()
        client.until(lambda self: len(self.turns) >= 6 and any(turn.named("stats") for turn in self.turns[1:]))
        assert {turn.id for turn in client.turns} == {opening.id}


@pytest.mark.parametrize("coding", CODINGS)
def test_the_last_words_are_in_the_stream_s_own_coding(project: Path, coding: str) -> None:
    with Server(project, compress=True) as server:
        client = events(server, coding)
        client.turn()
        (project / "new").touch()
        client.until_clock(server.sync())
        client.stream.parser.retry_ms = None
    assert client.step() is None
    assert knows_when_to_come_back(client.stream)
    client.close()


def test_who_finds_the_house_full_is_told_in_its_coding(project: Path) -> None:
    with Server(project, compress=True, max_connections=1) as server, events(server, GZIP) as first:
        first.turn()
        stream = Stream(f"{server.url}/events", headers={"Accept-Encoding": "gzip"})
        assert stream.frame() is None
        assert (stream.headers["content-encoding"], knows_when_to_come_back(stream)) == ("gzip", True)
        stream.close()


def test_without_the_flag_nothing_is_compressed(project: Path) -> None:
    with Server(project) as server:
        with events(server, "gzip, zstd") as client:
            assert coding_of(client) == IDENTITY
            assert "vary" not in client.stream.headers
            client.turn()
        assert problem(server.get("/events", Accept_Encoding="gzip, identity;q=0"))[:2] == (406, "not-acceptable")


@pytest.mark.parametrize("accept", ["*;q=0", "identity;q=0", "br, identity;q=0"])
def test_what_can_never_be_right_is_refused(server: Server, accept: str) -> None:
    assert problem(server.get("/events", Accept_Encoding=accept))[:2] == (406, "not-acceptable")


@pytest.mark.parametrize("accept", ["br", "gzip;q=0", "gzip;q=2", "", "identity, gzip;q=0.9", "nonsense;;"])
def test_what_is_not_asked_for_is_not_compressed(server: Server, accept: str) -> None:
    with events(server, accept) as client:
        assert coding_of(client) == IDENTITY
        client.turn()


def test_a_head_request_tells_the_coding(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    connection.request("HEAD", "/events", headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    assert (response.headers["Content-Encoding"], response.read()) == ("gzip", b"")
    connection.close()


# -- other people's clients


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_curl_prints_events_as_they_come(server: Server, project: Path, coding: str) -> None:
    """`--compressed` decodes whatever comes; the header of our own says which of them it asks for."""
    with Curl(f"{server.url}/events", "--compressed", "-H", f"Accept-Encoding: {coding}") as curl:
        assert curl.headers["content-encoding"] == coding
        curl.until_id()
        for number in range(5):
            (project / f"{number}").touch()
            blocks = curl.until_id(server.sync())  # printed before the next change is made
            assert blocks[-1].event == "message"


def test_the_standard_library_reads_it(server: Server, project: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    connection.request("GET", "/events?events=message", headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    inflate, text = zlib.decompressobj(31), b""
    for number in range(5):
        (project / f"{number}").touch()
        clock = server.sync()
        while f"id: {clock}\n\n".encode() not in text:
            text += inflate.decompress(response.read1())
    connection.close()


async def test_aiohttp_reads_it(server: Server, project: Path) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/events?events=message") as response:
        assert response.headers["Content-Encoding"] == "gzip"  # what it asks for by itself
        text = b""
        for number in range(5):
            (project / f"{number}").touch()
            clock = await asyncio.to_thread(server.sync)
            while f"id: {clock}\n\n".encode() not in text:
                text += await response.content.readany()


NODE_FETCH = """
const response = await fetch('URL/events?events=message');
console.log('Coding:', response.headers.get('content-encoding'));
let text = '';
for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
  text += piece;
  for (let end; (end = text.indexOf('\\n\\n')) >= 0; text = text.slice(end + 2))
    for (const line of text.slice(0, end).split('\\n'))
      if (line.startsWith('data: ')) console.log('Clock:', JSON.parse(line.slice(6)).clock);
}
"""
NODE_EVENT_SOURCE = """
import { EventSource } from 'eventsource';
const source = new EventSource('URL/events?events=message', {
  fetch: async (url, init) => {
    const response = await fetch(url, init);
    console.log('Coding:', response.headers.get('content-encoding'));
    return response;
  },
});
source.onmessage = (event) => console.log('Clock:', JSON.parse(event.data).clock);
"""


@pytest.mark.parametrize("script", [NODE_FETCH, NODE_EVENT_SOURCE], ids=["fetch", "EventSource"])
def test_node_reads_it(server: Server, project: Path, script: str) -> None:
    with node(script.replace("URL", server.url)) as running:
        assert read_until(running, "Coding:")[-1] == "Coding: gzip"  # what it asks for by itself
        read_until(running, "Clock:")
        for number in range(5):
            (project / f"{number}").touch()
            read_until(running, f"Clock: {server.sync()}")
        assert json.loads(server.get("/clock")[2])["clock"]
