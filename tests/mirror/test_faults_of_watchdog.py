"""watchdog on Linux, asked for by name: faults that it does not survive are reported, and each barrier is right.

Law: what it loses it may not lose in silence. Nobody is given it on Linux who did not ask for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.clients.plain import get_json
from tests.integration.process import SERVE, Process
from tests.limited import limited, needs_limits
from tests.mirror.watching import STORM, Watching, see_at_work
from tests.storm.small_queue import SETTINGS

WATCHES, ROOM = 30, 16
OVERFLOWING = (sys.executable, str(STORM / "small_queue.py"), str(ROOM), "--serve")
needs_setting = pytest.mark.skipif(
    not all(os.access(setting, os.W_OK) for setting in SETTINGS.values()),
    reason="the kernel's setting may not be changed here",
)
BRIEF = """
for number in range(20):
    os.makedirs(f"d{number}/in", exist_ok=True)
    open(f"d{number}/in/{count % 9}", "w").close()
if count % 2:
    shutil.rmtree(f"d{count % 20}")
"""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(limited(SERVE, WATCHES), marks=needs_limits, id="limit"),
        pytest.param(OVERFLOWING, marks=needs_setting, id="overflow"),
    ],
)
def test_what_it_may_lose_is_reported_and_a_barrier_finds_it(command: Sequence[str], tmp_path: Path) -> None:
    for number in range(3 * WATCHES):
        (tmp_path / f"there{number}").mkdir()
    with Process(tmp_path, "--watcher", "watchdog", command=command) as server:
        server.await_ready()
        told = get_json(f"{server.url}/stats")["watcher"]
        assert told["name"] == "watchdog"
        assert "what it loses is told at the next barrier only" in told["degraded"]
        assert told["degraded"] in server.log()
        assert get_json(f"{server.url}/clock")["degraded"]
        with closing(Watching(server, tmp_path)) as witnesses:
            for number in range(3 * WATCHES):
                (tmp_path / f"there{number}" / "file").touch()
            told = witnesses.see("everywhere")
            assert {("created", f"there{number}/file") for number in range(3 * WATCHES)} <= told
            see_at_work(witnesses, BRIEF, tmp_path)
        assert server.popen.poll() is None


def test_nobody_is_given_it_who_did_not_ask(tmp_path: Path) -> None:
    with Process(tmp_path) as server:
        server.await_ready()
        assert "watchdog" not in get_json(f"{server.url}/stats")["watcher"]["name"]
