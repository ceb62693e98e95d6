"""Who comes back later than the log goes: one batch from just their clock, as long as what happened is remembered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from smarttree.codec.coding import CODINGS
from tests.clients.plain import Follower, Turn
from tests.disk import difference, listing, mirror_listing
from tests.http.server import Server
from tests.integration.consumers import ByDeltas, ByWords, shape_of, without_times_of_directories

TINY = 1000  # bytes of log


def shake(server: Server, top: Path, rounds: int) -> None:
    """So many batches, far more than a tiny log holds, of things that move, come and go."""
    (top / "empty").rename(top / "moved")
    (top / "README.md").unlink()
    for number in range(rounds):
        (top / "src" / f"{number}").touch()
        if number % 3 == 0:
            (top / "src" / f"{number}").rename(top / "moved" / f"{number}")
        server.sync()
    (top / "src").rename(top / "sources")
    (top / "moved").rename(top / "src")
    with (top / "sources" / "lib.rs").open("ab") as file:
        file.write(b"more")
    server.sync()


def come_back(client: Follower, server: Server) -> list[Turn]:
    before = len(client.turns)
    client.reconnect()
    client.until_clock(server.sync())
    return client.turns[before:]


def events_of(turns: list[Turn], name: str) -> list[Any]:
    return [event for turn in turns for event in turn.named(name)]


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("rounds", [1, 20])
def test_who_comes_later_than_the_log_goes_gets_one_batch(project: Path, rounds: int, coding: str) -> None:
    headers = {"Accept-Encoding": coding}
    with (
        Server(project, retention_bytes=TINY, compress=True) as server,
        Follower(f"{server.url}/events", headers=headers) as client,
    ):
        client.turn()
        began = mirror_listing(client.mirror)
        root = os.fsencode(os.path.realpath(project))
        by_words, by_deltas = ByWords(shape_of(began), [root]), ByDeltas(client.mirror.copy())
        client.stream.close()
        shake(server, project, rounds)
        assert int(client.last_id.partition("-")[2]) < server.service.log.oldest
        turns = come_back(client, server)
        assert events_of(turns, "tree") == []
        assert len(turns) == 1
        disk = listing(str(project))
        assert difference(disk, mirror_listing(client.mirror)) == ""
        for change in events_of(turns, "change"):
            by_words.take(change)
            by_deltas.take(change)
        assert by_words.shape == shape_of(disk)
        assert by_deltas.listing() == without_times_of_directories(disk)
        (project / "after").touch()  # and the stream goes on
        client.until_clock(server.sync())
        assert difference(listing(str(project)), mirror_listing(client.mirror)) == ""


def test_all_who_wait_at_one_clock_are_told_the_same_in_any_coding(project: Path) -> None:
    with Server(project, retention_bytes=TINY, compress=True) as server:
        url = f"{server.url}/events?events=tree,change,quantum"
        clients = [Follower(url, headers={"Accept-Encoding": coding}) for coding in (*CODINGS, *CODINGS)]
        for client in clients:
            client.turn()
            client.stream.close()
        shake(server, project, 10)
        told = [come_back(client, server) for client in clients]
        assert all(turns == told[0] for turns in told)
        for client in clients:
            client.close()


def test_who_sees_a_part_or_comes_from_before_all_memory_is_rebased(project: Path) -> None:
    with Server(project, retention_bytes=TINY) as server:
        part, whole = (Follower(f"{server.url}/events?{query}") for query in ("exclude=*.o", "events=tree,quantum"))
        for client in (part, whole):
            client.turn()
            client.stream.close()
        shake(server, project, 10)
        assert [tree["reason"] for tree in events_of(come_back(part, server), "tree")] == ["rebase"]
        server.service.log._horizon.begin(server.service.log.head)
        assert [tree["reason"] for tree in events_of(come_back(whole, server), "tree")] == ["rebase"]
        assert difference(listing(str(project)), mirror_listing(whole.mirror)) == ""
        for client in (part, whole):
            client.close()


def test_ids_are_used_again_only_beyond_the_horizon(project: Path) -> None:
    with Server(project, retention_bytes=TINY) as server:
        for number in range(30):
            (project / f"{number}").touch()
            server.sync()
            (project / f"{number}").unlink()
            server.sync()
        log, tree = server.service.log, server.service.view().tree
        assert log.horizon < log.oldest
        assert tree.ids > 30
        log._horizon.begin(log.head)
        (project / "one more").touch()
        server.sync()
        (project / "and another").touch()
        server.sync()
        assert server.service.view().tree.ids <= tree.ids + 1
