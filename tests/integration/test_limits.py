"""The system's limits on inotify, reached: what can't be watched is polled, that is said, and nothing is lost.

That one is reached in the first scan stands in `tests/mirror/test_faults.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.plain import Follower, get_json
from tests.disk import difference, listing, mirror_listing
from tests.integration.process import COMMAND, SERVE, Process
from tests.limited import INSTANCES, limited, needs_limits, raise_limit

pytestmark = needs_limits

WATCHES = 30
EAGER = ("--poll-s", "0.05")


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Many more directories than may be watched."""
    for number in range(100):
        (tmp_path / "wide" / f"d{number:02}" / "in").mkdir(parents=True)
    return tmp_path / "wide"


def degraded(server: Process) -> str:
    told = get_json(f"{server.url}/stats")["watcher"]["degraded"]
    assert get_json(f"{server.url}/clock")["degraded"] == bool(told)
    return told or ""


def look(server: Process, follower: Follower, top: Path) -> None:
    """The mirror law, at a barrier."""
    follower.until_clock(server.sync())
    assert difference(listing(bytes(top)), mirror_listing(follower.mirror)) == ""


def test_what_is_polled_is_told_without_anyone_asking(wide: Path) -> None:
    with Process(wide, *EAGER, command=limited(SERVE, WATCHES)) as server:
        server.await_ready()
        with server.follow("?events=tree,quantum") as follower:
            for number in range(100):
                (wide / f"d{number:02}" / "in" / "f").write_text("x")
            there = listing(bytes(wide))
            follower.until(lambda follower: difference(there, mirror_listing(follower.mirror)) == "", 20.0)


def test_later_by_new_directories(tmp_path: Path) -> None:
    with Process(tmp_path, *EAGER, command=limited(SERVE, WATCHES)) as server:
        server.await_ready()
        follower = server.follow()
        assert degraded(server) == ""
        for number in range(2 * WATCHES):
            (tmp_path / f"d{number:02}").mkdir()
        server.sync()
        server.sync()
        assert "polled" in degraded(server)
        for number in range(2 * WATCHES):
            (tmp_path / f"d{number:02}" / "f").write_text("x")
        look(server, follower, tmp_path)
        for number in range(2 * WATCHES):
            (tmp_path / f"d{number:02}" / "f").unlink()
            (tmp_path / f"d{number:02}").rmdir()
        look(server, follower, tmp_path)
        server.sync()
        assert degraded(server) == ""
        follower.close()


def test_when_the_limit_is_raised_all_is_watched_again(wide: Path) -> None:
    with Process(wide, *EAGER, command=limited(SERVE, WATCHES)) as server:
        server.await_ready()
        assert degraded(server)
        raise_limit(server.popen.pid, 1000)
        server.sync()
        server.sync()
        assert degraded(server) == ""
        assert "every directory is watched again" in server.log()


def test_without_an_instance_of_inotify_all_is_polled(wide: Path) -> None:
    with Process(wide, *EAGER, command=limited(SERVE, 0, INSTANCES)) as server:
        server.await_ready()
        assert "user.max_inotify_instances" in degraded(server)
        with server.follow() as follower:
            (wide / "d50" / "f").write_text("x")
            look(server, follower, wide)
    with Process(wide, "--watcher", "inotify", command=limited(SERVE, 0, INSTANCES)) as server:
        assert server.end()[0] == 3
        assert "max_user_instances" in server.log()


def test_doctor_says_it_before(wide: Path) -> None:
    with Process(command=limited((*COMMAND, "doctor", str(wide)), WATCHES)) as doctor:
        assert doctor.end()[0] == 1
