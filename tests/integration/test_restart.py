"""A server that is stopped, killed or robbed of its disk, and the clients that come back to the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.clients.plain import Follower, get_json
from tests.disk import difference, listing, mirror_listing
from tests.integration.process import DEADLINE_S, Process
from tests.mounting import mounted

Follow = Callable[[Process], Follower]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "d").mkdir(parents=True)
    (top / "d" / "f").touch()
    return top


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Begins clients, and closes them."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(server.follow())


def serving(*arguments: Path | str, state: Path) -> Process:
    return Process(*arguments, "--state", str(state))


def come_back(client: Follower, server: Process) -> list[str]:
    """Resume at another server; the reasons of the trees that it sent, once all is told."""
    client.url = f"{server.url}/events"
    before = len(client.turns)
    client.reconnect()
    client.until_clock(server.sync(), DEADLINE_S)
    return [tree["reason"] for turn in client.turns[before:] for tree in turn.named("tree")]


def told(client: Follower, since: int) -> list[tuple[str, str]]:
    return [(c["type"], os.path.basename(c["path"])) for turn in client.turns[since:] for c in turn.named("change")]


def fill(path: Path) -> None:
    """Until nothing more fits."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def assert_true(client: Follower, *tops: Path) -> None:
    disk = {path: seen for top in tops for path, seen in listing(str(top)).items()}
    assert difference(disk, mirror_listing(client.mirror)) == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_happened_meanwhile_is_the_next_batch_of_the_same_epoch(
    tmp_path: Path, top: Path, number: signal.Signals, follow: Follow
) -> None:
    state = tmp_path / "state"
    with serving(top, state=state) as server:
        client = follow(server)
        (top / "a").touch()
        client.until_clock(server.sync())
        server.end(number)
    client.stream.close()
    (top / "d").rename(top / "e")
    (top / "a").unlink()
    os.utime(top / "e" / "f", ns=(1, 1))
    with serving(top, state=state) as server:
        before = len(client.turns)
        assert come_back(client, server) == []
        assert sorted(told(client, before)) == [("deleted", "a"), ("modified", "f"), ("renamed", "e")]
        assert_true(client, top)


def test_other_roots_and_rules_are_ordinary_changes(tmp_path: Path, top: Path, follow: Follow) -> None:
    state, other = tmp_path / "state", tmp_path / "other"
    other.mkdir()
    (other / "x.o").touch()
    (other / "y.c").touch()
    with serving(top, other, state=state) as server:
        client = follow(server)
        server.end(signal.SIGKILL)
    with serving(other, "--exclude", "*.o", state=state) as server:
        assert come_back(client, server) == []
        assert [os.path.basename(path) for path in mirror_listing(client.mirror)] == [b"y.c"]
        server.end(signal.SIGKILL)
    with serving(other, top, state=state) as server:
        before = len(client.turns)
        assert come_back(client, server) == []
        assert_true(client, top, other)
        assert ("created", "f") in told(client, before)
        assert [root["path"] for root in get_json(f"{server.url}/watch")["roots"]] == [str(other), str(top)]


def test_who_sees_a_part_of_the_tree_fetches_it_anew_if_it_has_changed(tmp_path: Path, top: Path) -> None:
    """What a part of a batch is, is known only while someone asks for it."""
    state, query = tmp_path / "state", "events=tree,quantum,message&exclude=*.o"
    with serving(top, state=state) as server, server.follow(f"?{query}") as client:
        (top / "a.o").touch()
        (top / "a.c").touch()
        client.until_clock(server.sync())
        server.end(signal.SIGKILL)
        (top / "b.o").touch()
        (top / "b.c").touch()
        with serving(top, state=state) as another:
            client.url = f"{another.url}/events?{query}"
            client.reconnect()
            assert client.turn(DEADLINE_S).named("tree")[0]["reason"] == "rebase"
            client.until_clock(another.sync(), DEADLINE_S)
            names = {os.path.basename(path) for path in mirror_listing(client.mirror)}
            assert names == {b"a.c", b"b.c", b"d", b"f"}


def test_a_second_server_is_refused_and_told_of_the_first(tmp_path: Path, top: Path) -> None:
    with serving(top, state=tmp_path / "state") as first, serving(top, state=tmp_path / "state") as second:
        assert second.popen.wait(DEADLINE_S) == 3
        assert f"process {first.popen.pid}" in second.log()
        first.sync()


@pytest.mark.parametrize("watcher", ["auto", "inotify", "polling"])
def test_its_own_files_are_in_no_tree_and_cause_no_batch(
    tmp_path: Path, top: Path, watcher: str, follow: Follow
) -> None:
    """Each write to the log is in the tree that is watched: it would be told, and written, and told."""
    with serving(tmp_path, "--watcher", watcher, "--poll-s", "0.05", state=tmp_path / "sub" / "state") as server:
        client = follow(server)
        (top / "a").touch()
        clock = server.sync()
        client.until_clock(clock)
        for _ in range(3):
            assert server.sync() == clock
        paths = {os.fsdecode(path) for path in mirror_listing(client.mirror)}
        assert str(tmp_path / "sub") in paths
        assert not any("state" in path.removeprefix(str(tmp_path)) for path in paths)
        (tmp_path / "sub" / "state").rename(tmp_path / "sub" / "elsewhere")  # by device and inode, not by name
        (top / "b").touch()
        client.until_clock(server.sync())
        assert not any("elsewhere" in os.fsdecode(path) for path in mirror_listing(client.mirror))


def test_the_state_itself_as_a_root_is_empty(tmp_path: Path, follow: Follow) -> None:
    state = tmp_path / "state"
    state.mkdir(0o700)
    with serving(state, state=state) as server:
        client = follow(server)
        assert mirror_listing(client.mirror) == {}


def test_a_client_that_is_ahead_of_a_cut_log_is_rebased(tmp_path: Path, top: Path, follow: Follow) -> None:
    """It must not take what is told under a seq that it knows for what it had been told."""
    state = tmp_path / "state"
    with serving(top, state=state) as server:
        client = follow(server)
        for name in "abc":
            (top / name).touch()
            client.until_clock(server.sync())
        server.end(signal.SIGKILL)
    [log] = state.glob("log.*")
    os.truncate(log, log.stat().st_size - 300)
    with serving(top, state=state) as server:
        assert "put back from a copy, or cut" in server.log()
        for name in "defgh":
            (top / name).touch()
            server.sync()
        assert come_back(client, server) == ["rebase"]
        assert_true(client, top)


def test_a_full_disk_is_said_aloud_and_the_feed_lives_on(tmp_path: Path, top: Path, follow: Follow) -> None:
    small = tmp_path / "small"
    small.mkdir()
    with mounted(small):
        subprocess.run(["mount", "-o", "remount,size=128k", small], check=True)
        with serving(top, state=small / "state") as server:
            client = follow(server)
            fill(small / "filler")
            old = client.last_id
            for n in range(200):
                (top / f"{n:0100d}").touch()
            clock = server.sync()
            assert clock.partition("-")[0] != old.partition("-")[0]
            assert come_back(client, server) == ["rebase"]
            assert_true(client, top)
            (top / "more").touch()
            client.until_clock(server.sync())
            assert get_json(f"{server.url}/clock")["degraded"] is True
            assert "No space" in get_json(f"{server.url}/stats")["state"]["degraded"]
            assert "history can't be kept" in server.log()


def test_where_there_can_be_no_state_history_is_in_memory(tmp_path: Path, top: Path, follow: Follow) -> None:
    (tmp_path / "file").touch()
    with serving(top, state=tmp_path / "file" / "state") as server:
        client = follow(server)
        (top / "a").touch()
        client.until_clock(server.sync())
        assert "Not a directory" in get_json(f"{server.url}/stats")["state"]["degraded"]
    with Process(top, "--no-state") as server:
        state = get_json(f"{server.url}/stats")["state"]
        assert state == {"directory": None, "degraded": None}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_happened_lately_outlives_the_process(tmp_path: Path, top: Path, number: signal.Signals) -> None:
    def day(server: Process) -> tuple[int, int, list[str]]:
        (window,) = get_json(f"{server.url}/stats?path=/d&window=24h")["windows"]
        return window["changes"], window["growth_bytes"], window["hot_files"]

    state = tmp_path / "state"
    with serving(top, state=state) as server:
        for size in (10, 20, 30):
            (top / "d" / "f").write_bytes(b"x" * size)
            server.sync()
        before = day(server)
        assert before[0] >= 3
        server.end(number)
    (top / "d" / "g").write_bytes(b"x" * 5)
    with serving(top, state=state) as server:
        server.sync()
        deadline = time.monotonic() + DEADLINE_S
        while (now := day(server)) != (before[0] + 1, before[1] + 5, ["f", "g"]):
            assert time.monotonic() < deadline, now
