"""Clients that mistreat their stream: whatever one does, it is told or dropped, and the others' streams are untouched.

With each carrier. Law: a stream's bytes are whole frames of batches in order, or end; what a client sends changes none
of them; a client that is gone is forgotten.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from smarttree.clock import Clock
from smarttree.stream import lanes
from tests.clients.plain import DEADLINE_S, Follower, Stream
from tests.disk import difference, listing, mirror_listing
from tests.http.server import Server

pytestmark = pytest.mark.usefixtures("fanout")

TALK_MAX = 64 * 1024
RECEIVE_BYTES = 64 * 1024  # a smaller window opens by a timer


def follow(server: Server, **options: Any) -> Follower:
    """Past its opening, so that the carrier has it."""
    client = Follower(f"{server.url}/events?events=tree,change,quantum,message", **options)
    client.turn()
    return client


def assert_true(client: Follower, server: Server, project: Path, opened: int = 1) -> None:
    """It holds what is on the disk, and was sent no tree anew."""
    client.until_clock(server.sync())
    assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""
    assert not [turn.id for turn in client.turns[opened:] if turn.named("tree")]


def until_clients(server: Server, count: int) -> None:
    deadline = monotonic() + DEADLINE_S
    while server.json("/stats")["clients"] != count:
        assert monotonic() < deadline, server.json("/stats")["streams"]


def until_closed(client: Follower) -> None:
    """By the server: by an end or a reset."""
    deadline = monotonic() + DEADLINE_S
    with suppress(ConnectionResetError):
        while select.select([client.stream.socket], [], [], max(0.0, deadline - monotonic()))[0]:
            if not client.stream.socket.recv(1 << 16):
                return
        raise AssertionError("it was not closed")


def many_files(project: Path, count: int = 2000) -> None:
    """A batch of which the stream has a megabyte or more: they appear with their directory."""
    away = project.parent / "away"
    away.mkdir()
    for number in range(count):
        (away / f"{number:05}{'x' * 200}").touch()
    away.rename(project / f"many{len(os.listdir(project))}")


def read_ids(raw: socket.socket, got: bytes, count: int) -> bytes:
    """What came in all, once it has so many ids."""
    while got.count(b"\nid: ") < count:
        more = raw.recv(1 << 16)
        assert more, f"the stream has ended: {got!r}"
        got += more
    return got


@pytest.mark.parametrize("garbage", [b"\x00\xff\r\n\r\n", b"GET /x", b"GET /clock HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_garbage_after_the_request_changes_nothing(server: Server, project: Path, garbage: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)) as raw:
        raw.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        raw.sendall(garbage if garbage.startswith(b"GET") else b"")  # in the same packet, it may be
        got = read_ids(raw, b"", 1)
        raw.sendall(garbage)
        (project / "one").touch()
        server.sync()
        got = read_ids(raw, got, 2)
    assert got.count(b"HTTP/1.") == 1, got
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body.startswith(b"retry: ")


def test_garbage_with_the_request_is_a_bad_request(server: Server) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)) as raw:
        raw.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\xff\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(1 << 16), b""))
    assert answer.split()[1] == b"400"
    until_clients(server, 0)


def test_who_goes_on_talking_is_dropped(server: Server, project: Path, fanout: str) -> None:
    with follow(server) as good, follow(server) as bad:
        until_clients(server, 2)
        bad.stream.socket.settimeout(DEADLINE_S)
        with suppress(ConnectionResetError, BrokenPipeError, TimeoutError):
            for _ in range(3 * TALK_MAX // 1024):
                bad.stream.socket.sendall(b"x" * 1024)
        (project / "one").touch()
        until_closed(bad)
        until_clients(server, 1)
        assert_true(good, server, project)


@pytest.mark.parametrize("beginning", [b"", b"GET /clock HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_who_never_comes_to_the_end_of_a_request_is_dropped(project: Path, beginning: bytes) -> None:
    """Also one who sends a byte now and then."""
    with Server(project, request_s=0.5) as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(beginning)
        slow.settimeout(0.05)
        deadline, ended = monotonic() + DEADLINE_S, False
        while not ended:
            assert monotonic() < deadline
            try:
                slow.sendall(b"x" * bool(beginning))
                ended = slow.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True


def test_half_a_connection_is_none(server: Server, project: Path) -> None:
    with follow(server) as good, follow(server) as bad:
        until_clients(server, 2)
        bad.stream.socket.shutdown(socket.SHUT_WR)
        until_closed(bad)
        until_clients(server, 1)
        (project / "one").touch()
        assert_true(good, server, project)


def test_a_reset_in_the_middle_of_a_frame(server: Server, project: Path) -> None:
    with follow(server) as good, follow(server) as bad:
        bad.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        many_files(project)
        assert bad.stream.socket.recv(1)
        bad.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        bad.stream.socket.close()
        assert_true(good, server, project)
        until_clients(server, 1)


@pytest.mark.parametrize("seq", ["-1", "+1", "01", "1 2", "1-1", "\u0661", str(1 << 63), str(1 << 64), "9" * 400, ""])
def test_an_id_that_is_no_clock_of_ours_is_rebased(server: Server, seq: str) -> None:
    """In our own epoch: the seq alone is wrong."""
    now = Clock.parse(server.sync())
    assert now is not None
    with closing(Follower(f"{server.url}/events", since=f"{now.epoch:016x}-{seq}")) as client:
        assert client.turn().named("tree")[0]["reason"] == "rebase"


def test_a_header_larger_than_any_is_refused_and_harms_nobody(server: Server, project: Path) -> None:
    with follow(server) as good:
        with closing(Stream(f"{server.url}/events", last_id="x" * 100_000)) as stream:
            assert stream.status == 400
        assert_true(good, server, project)


def test_a_batch_larger_than_all_segments_together(
    project: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LANE_BYTES", 1000)
    with follow(server) as quick, follow(server) as slow:
        slow.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        many_files(project)
        assert_true(quick, server, project)
        (project / "afterwards").touch()
        assert_true(quick, server, project)
        assert_true(slow, server, project)


def test_a_laggard_that_fell_out_of_the_segments_catches_up_exactly(
    project: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read to from the log, and takes its place in the lane again: both, while batches go on."""
    monkeypatch.setattr(lanes, "LANE_BYTES", 50_000)
    with ExitStack() as clients:
        quick, *laggards = (clients.enter_context(follow(server)) for _ in range(4))
        for laggard in laggards:
            laggard.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        for _ in range(6):
            many_files(project, 1000)
            assert_true(quick, server, project)
        assert server.json("/stats")["streams"]["lagging"] == len(laggards)
        for laggard in laggards:
            (project / f"while{laggards.index(laggard)}").touch()
            assert_true(laggard, server, project)
        assert_true(quick, server, project)
        assert_true(laggards[0], server, project)
        assert {turn.id for turn in laggards[0].turns} == {turn.id for turn in quick.turns}
        assert server.json("/stats")["streams"]["lagging"] == 0
