"""One address against all others: whatever it does, a live stream beside it loses nothing, and others are answered.

Law, while each attack goes on: a mirror is what is on the disk, without a tree sent anew; another address gets an
answer and a stream; and what the attack took is given back when it ends.
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from smarttree.http.limits import LIMITS
from tests.clients.plain import Follower
from tests.http.server import Server
from tests.http.strangers import OTHER, Stranger, strangers, until
from tests.http.test_bad_clients import RECEIVE_BYTES, assert_true, follow, many_files

__all__ = ["strangers"]

pytestmark = pytest.mark.usefixtures("strangers", "fanout", "many_descriptors")

EVENTS = "/events?events=tree,change,quantum,message"
STREAMS = 1000
DESCRIPTORS = 5 * STREAMS


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """For both ends of each connection, and the reactor's own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < DESCRIPTORS:
        pytest.skip(f"may not have {DESCRIPTORS} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def attacked(server: Server, project: Path) -> Iterator[ExitStack]:
    """The law, around an attack; the sockets of that go into what is given."""
    with follow(server) as live, ExitStack() as attack:
        yield attack
        for number in range(3):
            (project / f"during-{number}").mkdir()
            (project / f"during-{number}" / "file").write_text("x" * number)
            assert_true(live, server, project)
            others_are_served(server)
        attack.close()
        until(lambda: server.app[LIMITS].connections.count == 1)
        until(lambda: server.app[LIMITS].streams.count == 1)
        (project / "after").touch()
        assert_true(live, server, project)


def others_are_served(server: Server) -> None:
    with Stranger(server, OTHER) as other:
        assert other.get("/clock").answer()[0] == 200
        other.get("/events?events=message").until(b"\nid: ")


def test_a_thousand_streams_of_one_address(project: Path) -> None:
    with Server(project, max_address_streams=STREAMS) as server, attacked(server, project) as attack:
        for _ in range(STREAMS):
            attack.enter_context(Stranger(server)).get("/events?events=message").until(b"\nid: ")
        for _ in range(50):
            assert b"\nid: " not in Stranger(server).get("/events").until_end()
        assert server.app[LIMITS].reached == {"address-streams": 50}


def test_a_thousand_streams_that_take_nothing(project: Path) -> None:
    """Each wants everything, and has a window of nothing."""
    with Server(project) as server, attacked(server, project) as attack:
        for _ in range(STREAMS - 100):
            slow = attack.enter_context(Stranger(server)).get(EVENTS).until(b"\nid: ")
            slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        many_files(project, 1000)


def test_a_flood_of_connections_that_say_nothing(project: Path) -> None:
    """Or half a request, or half-closed. They are cut off where there are too many, and when their time is over."""
    with Server(project, max_address_connections=100, request_s=2.0) as server, attacked(server, project) as attack:
        flood = [attack.enter_context(Stranger(server)) for _ in range(500)]
        for number, each in enumerate(flood):
            try:
                each.socket.sendall(b"GET /clock HTTP/1.1\r\nX-Half: "[: 10 * (number % 4)])
                if number % 5 == 0:
                    each.socket.shutdown(socket.SHUT_WR)
            except OSError:  # it is cut off already
                continue
        until(lambda: server.app[LIMITS].reached["address-connections"] >= 500 - 100 - 20)  # as some have left
        assert server.app[LIMITS].connections.count <= 101
        attack.callback(lambda: [each.until_end() for each in flood])


def test_a_flood_of_requests(project: Path) -> None:
    """On many connections at a time, each with requests behind one another."""
    with Server(project, max_request_rate=10) as server, attacked(server, project) as attack:
        request = b"GET /clock HTTP/1.1\r\nHost: localhost\r\n\r\n"
        flood = [attack.enter_context(Stranger(server)) for _ in range(50)]
        for each in flood:
            each.socket.sendall(20 * request)

        @attack.callback
        def answered() -> None:
            statuses = [each.answer()[0] for each in flood for _ in range(20)]
            assert statuses.count(429) > 500
            assert statuses.count(200) + statuses.count(429) == len(statuses)


def test_streams_that_come_and_go(project: Path) -> None:
    """Reset in the middle of their opening, at once, and in order: no place is lost on the way."""
    with Server(project, max_address_streams=20, max_request_rate=1000) as server, attacked(server, project):
        for number in range(300):
            with Stranger(server) as stranger:
                stranger.get(EVENTS)
                if number % 3:
                    stranger.read()
                if number % 2:
                    stranger.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_the_follower_is_one_that_would_notice(project: Path) -> None:
    with Server(project) as server, Follower(f"{server.url}{EVENTS}") as live:
        live.turn()
        (project / "lost").touch()
        live.until_clock(server.sync())
        live.mirror.replace([])
        with pytest.raises(AssertionError):
            assert_true(live, server, project)
