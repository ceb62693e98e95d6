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

from spec.qtn1_mirror import Mirror
from tests.clients.plain import DEADLINE_S, Follower, Turn
from tests.http.server import Server

WRITES = 400
A, B = b"A" * 5000, b"B" * 5000


@pytest.fixture
def comparing(project: Path) -> Iterator[Server]:
    with Server(project, content_hash=True, content_settle_s=0.0) as running:
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


class Writer(threading.Thread):
    """Writes A, B, A, … over a file, in place and by renames, as fast as it can, and ends with A."""

    def __init__(self, path: Path) -> None:
        super().__init__(name="writer")
        self._path = path

    def run(self) -> None:
        aside = self._path.parent.parent / "aside"
        for number, content in zip(range(WRITES), cycle((B, A)), strict=False):
            if number % 3:
                aside.write_bytes(content)
                aside.rename(self._path)
            else:
                with open(self._path, "r+b", buffering=0) as file:
                    file.write(content)


def read(path: Path) -> tuple[bytes, int]:
    """A content, and the mtime it had before and after."""
    while True:
        with open(path, "rb") as file:
            before, content = os.fstat(file.fileno()), file.read()
            if before.st_mtime_ns == os.fstat(file.fileno()).st_mtime_ns:
                return content, before.st_mtime_ns


def held_mtime(mirror: Mirror, name: bytes) -> int:
    (mtime,) = (entry.mtime_ns for entry in mirror.entries.values() if entry.name == name)
    return mtime


def test_a_reader_who_reads_at_once_ends_with_what_is_there(project: Path) -> None:
    """It reads when it is told, and at no other time: for a while after that it is told of everything."""
    path = project / "src" / "main.rs"
    path.write_bytes(A)
    with Server(project, content_hash=True, content_settle_s=600.0) as server:
        learn(server)
        with Follower(f"{server.url}/events?only=content&events=change") as client:
            client.turn()
            content = read(path)[0]
            writer = Writer(path)
            writer.start()
            done = False
            while not done:
                done = not writer.is_alive()
                clock = server.sync()
                seen = len(client.turns)
                client.until_clock(clock)
                if any(name == path.name for name, _ in told(client.turns[seen:])):
                    content = read(path)[0]
            writer.join()
            assert content == read(path)[0] == A


def test_a_slow_reader_who_compares_the_times_ends_with_what_is_there(comparing: Server, project: Path) -> None:
    """As spec/HTTP.md tells it: what is read in another state than the tree's is read again with the next batch. Here
    nothing protects who reads late.
    """
    path = project / "src" / "main.rs"
    path.write_bytes(A)
    comparing.sync()
    learn(comparing)
    with Follower(f"{comparing.url}/events?only=content") as client:
        client.turn()
        content, mtime_ns = read(path)
        writer = Writer(path)
        writer.start()
        done = False
        while not done:
            done = not writer.is_alive()
            clock = comparing.sync()
            seen = len(client.turns)
            client.until_clock(clock)
            shown = any(name == path.name for name, _ in told(client.turns[seen:]))
            in_doubt = mtime_ns != held_mtime(client.mirror, b"main.rs")
            if shown or (in_doubt and len(client.turns) > seen):
                content, mtime_ns = read(path)
        writer.join()
        assert content == read(path)[0] == A
