"""Roots that come and go, fed by the stream alone: the plain decoder holds what `find` sees, at each step."""

from __future__ import annotations

import errno
import http.client
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.plain import Follower, get_json
from tests.disk import Listing, difference, listing, mirror_listing
from tests.integration import storm
from tests.integration.consumers import ByWords, shape_of
from tests.integration.edits import grow
from tests.integration.process import DEADLINE_S, PROJECT, Process
from tests.watchers import BY_NAME

CAP_SYS_ADMIN = "21"


def ask(server: Process, method: str, path: Path) -> dict[str, Any]:
    """AssertionError for anything but a success."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=DEADLINE_S)
    with closing(connection):
        connection.request(method, "/watch", json.dumps({"path": str(path)}))
        answer = connection.getresponse()
        text = answer.read()
    assert answer.status in (200, 201), text
    told: dict[str, Any] = json.loads(text)
    return told


def disk(*roots: Path) -> Listing:
    return {path: seen for root in roots for path, seen in listing(bytes(root)).items()}


def agree(server: Process, follower: Follower, *roots: Path) -> None:
    follower.until_clock(server.sync())
    assert difference(disk(*roots), mirror_listing(follower.mirror)) == ""
    assert set(follower.mirror.children[0]) == {bytes(root) for root in roots}
    assert follower.mirror.digest() == follower.mirror.service_digest


def standing(follower: Follower, since: int) -> list[tuple[str, str]]:
    """What the messages say of roots, after so many turns."""
    messages = [message for turn in follower.turns[since:] for message in turn.named("message")]
    return [(message["root"]["path"], message["root"]["state"]) for message in messages if "root" in message]


@contextmanager
def serving(base: Path, *roots: Path, watcher: str = "auto") -> Iterator[Process]:
    with Process(*roots, "--watch-base", base, "--watcher", watcher, "--batch-max-bytes", "8K") as server:
        server.await_ready()
        yield server
        assert "Traceback" not in server.log()
        assert "defect" not in server.log()


@pytest.mark.parametrize("watcher", BY_NAME)
def test_roots_come_and_go_while_all_of_them_change(tmp_path: Path, watcher: str) -> None:
    """Three storms rage; two of the roots come and go. Everyone who follows holds the same, and what is there."""
    stays, comes, also = (tmp_path / "base" / name for name in ("stays", "comes", "also"))
    for root in (stays, comes, also):
        grow(root / "before")
    with (
        serving(tmp_path / "base", stays, watcher=watcher) as server,
        server.follow() as full,
        server.follow("?events=tree,quantum") as bare,
    ):
        storms = [storm.start(root, seed, 6000) for seed, root in enumerate((stays, comes, also))]
        while any(one.poll() is None for one in storms):
            ask(server, "POST", comes)
            full.until_clock(ask(server, "POST", also)["clock"])
            assert bytes(also) in full.mirror.children[0]
            ask(server, "DELETE", comes)
            ask(server, "DELETE", also)
        for root in (comes, also):
            ask(server, "POST", root)
        for follower in (full, bare):
            agree(server, follower, stays, comes, also)
        with server.follow() as late:
            agree(server, late, stays, comes, also)
        assert not [tree for turn in full.turns[1:] for tree in turn.named("tree")]
        assert full.digests_checked > 4
        assert standing(full, 0)[-2:] == [(str(comes), "ready"), (str(also), "ready")]


def test_the_changes_alone_tell_it_too(tmp_path: Path) -> None:
    """By words: what is in an added root is created, what was in a removed one is deleted; itself is neither."""
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, *(two / f"part{number}" for number in range(60))):
        grow(root)
    with serving(tmp_path, one) as server, server.follow() as follower:
        words = ByWords(shape_of(disk(one)), [bytes(one), bytes(two)])
        for _ in range(2):
            since = len(follower.turns)
            ask(server, "POST", two)
            (two / "late").touch()
            agree(server, follower, one, two)
            assert len(follower.turns) - since > 2  # in pieces
            for turn in follower.turns[since:]:
                for change in turn.named("change"):
                    words.take(change)
            assert words.shape == shape_of(disk(one, two))
            since = len(follower.turns)
            ask(server, "DELETE", two)
            agree(server, follower, one)
            for turn in follower.turns[since:]:
                for change in turn.named("change"):
                    words.take(change)
            assert words.shape == shape_of(disk(one))
            (two / "late").unlink()


def test_a_client_that_was_away_is_told_what_it_missed(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for root in (one, two, three):
        grow(root)
    with serving(tmp_path, one, two) as server, server.follow() as follower:
        follower.stream.close()
        ask(server, "POST", three)
        ask(server, "DELETE", one)
        (three / "x").touch()
        follower.reconnect()
        agree(server, follower, two, three)
        assert not [tree for turn in follower.turns[1:] for tree in turn.named("tree")]


def test_an_opening_has_the_roots_of_its_clock(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    grow(one)
    two.mkdir()
    with serving(tmp_path, one) as server:
        ask(server, "POST", two)
        for _ in range(3):
            with server.follow() as follower:
                agree(server, follower, one, two)
                assert [stats["path"] for stats in follower.turns[0].named("stats")] == [str(one), str(two)]
            ask(server, "DELETE", two)
            with server.follow() as follower:
                agree(server, follower, one)
            ask(server, "POST", two)


@pytest.mark.parametrize("watcher", BY_NAME)
def test_a_root_that_goes_is_told_and_found_again(tmp_path: Path, watcher: str) -> None:
    """Nobody asks for a barrier: it is found by itself."""
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        grow(root)
    with serving(tmp_path, one, two, watcher=watcher) as server, server.follow() as follower:
        for _ in range(2):
            shutil.rmtree(two)
            follower.until(lambda it: (str(two), "missing") in standing(it, len(it.turns) - 1), DEADLINE_S)
            assert states(server) == ["ready", "missing"]
            assert [problem["path"] for problem in get_json(f"{server.url}/stats")["problems"]] == [str(two)]
            grow(two)
            follower.until(lambda it: (str(two), "ready") in standing(it, len(it.turns) - 1), DEADLINE_S)
            agree(server, follower, one, two)
            assert states(server) == ["ready", "ready"]


def states(server: Process) -> list[str]:
    return [root["state"] for root in get_json(f"{server.url}/watch")["roots"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be without root's privileges, and be fanotify's")
@pytest.mark.parametrize("watcher", BY_NAME)
@pytest.mark.parametrize("closed", ["top", "above"])
def test_permission_that_is_taken_and_given_back(tmp_path: Path, watcher: str, closed: str) -> None:
    """On the root, or on what it is in. What was told stays, and is what is there in the end."""
    above, top = tmp_path / "above", tmp_path / "above" / "top"
    grow(top)
    keep = ("--keep", CAP_SYS_ADMIN) if watcher == "fanotify" else ()
    command = (sys.executable, f"{PROJECT}/tests/storm/unprivileged.py", *keep, "--serve")
    with Process(top, "--watcher", watcher, command=command) as server, server.follow() as follower:
        before, door = disk(top), above if closed == "above" else top
        door.chmod(0)
        (top / "unseen").touch()
        follower.until_clock(server.sync())
        assert {path for path, seen in mirror_listing(follower.mirror).items() if seen.kind != "dir"} >= {
            path for path, seen in before.items() if seen.kind != "dir"
        }
        assert states(server) == ["unreadable"]
        assert (str(top), "unreadable") in standing(follower, 0)
        told = get_json(f"{server.url}/stats")["problems"]
        assert (str(top), errno.EACCES) in [(problem["path"], problem["errno"]) for problem in told]
        door.chmod(0o755)
        agree(server, follower, top)
        assert states(server) == ["ready"]
        assert get_json(f"{server.url}/stats")["problems"] == []
        (top / "seen").touch()
        agree(server, follower, top)
