"""A mirror test that sees nothing proves nothing: here the server is wrong on purpose, and must be found out."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.integration.process import Process
from tests.storm.campaign import BREACHES, Plan, campaign, grow
from tests.storm.team import PROJECT, Team
from tests.storm.witness import LawBroken, Witnesses

DEADLINE_S = 30.0

# Each is one event in the kernel: a second one, in the next window, would repair what the first one did wrong.
DEFECTS = ("drop-hint", "skip-rename", "falsify-size")
OCCASIONS: dict[str, Callable[[Path], object]] = {
    "drop-hint": lambda root: (root / "a" / "fresh").symlink_to("h"),
    "skip-rename": lambda root: (root / "a" / "h").rename(root / "a" / "moved"),
    "falsify-size": lambda root: os.truncate(root / "a" / "h", 7),
}


def command(defect: str) -> tuple[str, ...]:
    return (sys.executable, str(PROJECT / "tests/storm/planted.py"), defect, "--serve")


@contextmanager
def watched(defect: str, root: Path) -> Iterator[tuple[Process, Witnesses]]:
    root.mkdir()
    grow(root, 1)
    (root / "a").mkdir(exist_ok=True)
    (root / "a" / "h").touch()
    with Process(root, command=command(defect)) as server:
        server.await_ready()
        with closing(Witnesses(server.url, root)) as witnesses:
            yield server, witnesses


def arm(server: Process) -> None:
    """Returns when it is: the engine is another thread than the one that takes signals."""
    before, deadline = server.log().count("is armed"), monotonic() + DEADLINE_S
    server.popen.send_signal(signal.SIGUSR1)
    while server.log().count("is armed") == before:
        assert monotonic() < deadline, server.log()


@pytest.mark.parametrize("defect", DEFECTS)
def test_one_defect_in_quiet_is_seen(defect: str, tmp_path: Path) -> None:
    with watched(defect, tmp_path / "root") as (server, witnesses):
        witnesses.look("before")
        arm(server)
        OCCASIONS[defect](tmp_path / "root")
        with pytest.raises(LawBroken, match="disk"):
            witnesses.look("after")
        assert server.log().count("the defect has struck") == 1


def rage(server: Process, witnesses: Witnesses, team: Team) -> None:
    for number in range(40):
        team.start(100)
        arm(server)
        while team.is_busy():
            witnesses.follow()
        witnesses.look(f"round {number}")


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_in_a_storm_is_seen(defect: str, tmp_path: Path) -> None:
    """A later look at the same place may repair what one did wrong, so it may take several."""
    root = tmp_path / "root"
    with watched(defect, root) as (server, witnesses), Team(root, tmp_path, seed=5, workers=2) as team:
        with pytest.raises(BREACHES):
            rage(server, witnesses, team)
        assert "the defect has struck" in server.log()


def test_a_storm_that_finds_a_defect_says_how_to_repeat_it() -> None:
    plan = Plan(seed=3, rounds=9, steps=40, workers=1, command=command("falsify-size:always"), shrink_s=2)
    with pytest.raises(LawBroken) as caught:
        campaign(plan)
    told = str(caught.value)
    assert "seed 3" in told
    assert "steps shrunk to" in told
    assert (plan.logs / "shrunk").exists()
