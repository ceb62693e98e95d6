"""The law of `only=content`: who leaves out what is the same is never left with another content than the disk has."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.clients.plain import DEADLINE_S, Follower, Turn
from tests.http.server import Server

WRITES = 400


@pytest.fixture
def comparing(project: Path) -> Iterator[Server]:
    with Server(project, content_hash=True, content_settle_s=0.0, content_quiet_s=0.05) as running:
        yield running


def learn(server: Server) -> None:
    """Returns once all contents are known."""
    deadline = time.monotonic() + DEADLINE_S
    while (extent := server.json("/stats")["contents"])["waiting"] or not extent["hashed"]:
        assert time.monotonic() < deadline, extent
        server.sync()


def told(turns: list[Turn]) -> list[tuple[str, str | None]]:
    return [(os.path.basename(c["path"]), c.get("content")) for turn in turns for c in turn.named("change")]


def test_what_is_the_same_is_flagged_and_left_out(comparing: Server, project: Path) -> None:
    learn(comparing)
    with Follower(f"{comparing.url}/events") as all_of_it, Follower(f"{comparing.url}/events?only=content") as only:
        for each in (all_of_it, only):
            assert each.turn().named("tree")[0]["filtered"] is False
        (project / "README.md").touch()
        clock = comparing.sync()
        for each in (all_of_it, only):
            each.until_clock(clock)
        assert told(all_of_it.turns) == [("README.md", "same")]
        assert told(only.turns) == []
        assert [message["changes"] for message in only.turns[-1].named("message")] == [0]
        assert {message["digest"] for turn in only.turns for message in turn.named("message")} == {None}
        assert len(only.turns[-1].named("quantum")) == 1
        assert only.mirror.service_digest == all_of_it.mirror.service_digest
        os.truncate(project / "README.md", 3)
        only.until_clock(comparing.sync())
        assert told(only.turns) == [("README.md", "changed")]


def test_changes_alone_move_the_place_to_resume_from(comparing: Server, project: Path) -> None:
    learn(comparing)
    with Follower(f"{comparing.url}/events?only=content&events=change") as client:
        client.turn()
        (project / "README.md").touch()
        client.until_clock(comparing.sync())
        assert [frame.data for frame in client.turns[-1].frames] == [None]
        client.reconnect()
        os.truncate(project / "README.md", 3)
        client.until_clock(comparing.sync())
        assert told(client.turns) == [("README.md", "changed")]


def test_a_server_that_compares_nothing_says_how_to_make_it(server: Server) -> None:
    status, _, body = server.get("/events?only=content")
    assert status == 400
    assert "--content-hash" in json.loads(body)["detail"]
    assert server.json("/stats")["contents"] is None


def test_only_has_one_value(comparing: Server) -> None:
    for query in ("only=names", "only=", "only=content&only=content"):
        assert comparing.get(f"/events?{query}")[0] == 400


# ---------------------------------------------------------------- nobody is left with another content


class Reader:
    """Reads one file when it is told of it.

    A `careful` one does as spec/HTTP.md says: what it read in another state than the tree's it reads again with the
    next batch.
    """

    def __init__(self, server: Server, client: Follower, path: Path, *, careful: bool) -> None:
        self._server, self._client, self._path, self._careful = server, client, path, careful
        client.turn()
        self.read()

    def read(self) -> None:
        while True:
            with open(self._path, "rb") as file:
                self._mtime_ns, self.content = os.fstat(file.fileno()).st_mtime_ns, file.read()
                if self._mtime_ns == os.fstat(file.fileno()).st_mtime_ns:
                    return

    def follow(self) -> None:
        """Take in all that has happened."""
        seen = len(self._client.turns)
        self._client.until_clock(self._server.sync())
        if (self._path.name in dict(told(self._client.turns[seen:]))) or (self._careful and self._is_in_doubt()):
            self.read()

    def _is_in_doubt(self) -> bool:
        entries = self._client.mirror.entries.values()
        return all(entry.mtime_ns != self._mtime_ns for entry in entries if entry.name == os.fsencode(self._path.name))


def write(path: Path, content: bytes) -> None:
    """Another content at once, in an inode and at a time of its own."""
    aside = path.parent.parent.parent / "aside"
    aside.write_bytes(content)
    os.utime(aside, ns=(0, time.time_ns()))
    aside.rename(path)


@pytest.mark.parametrize(("settle_s", "careful"), [(3600.0, False), (0.0, True)], ids=["protected", "careful"])
def test_what_was_there_for_a_moment(project: Path, settle_s: float, careful: bool) -> None:
    """B is told. C is there for a moment, between two looks, and is read; then B again, as at the look before. (Without
    either protection the reader may end with C, and does about every second time.)
    """
    path = project / "src" / "main.rs"
    write(path, b"A")
    with Server(project, content_hash=True, content_settle_s=settle_s, content_quiet_s=0.05, batch_ms=60_000) as server:
        learn(server)
        with Follower(f"{server.url}/events?only=content") as client:
            reader = Reader(server, client, path, careful=careful)
            write(path, b"B")
            reader.follow()
            write(path, b"C")
            reader.read()
            write(path, b"B")
            reader.follow()
            assert reader.content == b"B"


@pytest.mark.parametrize(("settle_s", "careful"), [(3600.0, False), (0.0, True)], ids=["protected", "careful"])
def test_readers_of_a_file_that_is_written_all_the_time(project: Path, settle_s: float, careful: bool) -> None:
    path = project / "src" / "main.rs"
    write(path, b"A" * 5000)

    def write_on() -> None:
        for number, content in zip(range(WRITES), cycle((b"B" * 5000, b"A" * 5000)), strict=False):
            if number % 3:
                write(path, content)
            else:
                with open(path, "r+b", buffering=0) as file:
                    file.write(content)

    with Server(project, content_hash=True, content_settle_s=settle_s, content_quiet_s=0.05) as server:
        learn(server)
        with Follower(f"{server.url}/events?only=content") as client:
            reader = Reader(server, client, path, careful=careful)
            writer = threading.Thread(target=write_on)
            writer.start()
            while writer.is_alive():
                reader.follow()
            writer.join()
            reader.follow()
            assert reader.content == path.read_bytes() == b"A" * 5000
