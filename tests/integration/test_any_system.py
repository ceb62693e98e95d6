"""What must hold on every system, with whatever scan and watcher it has; needs GNU find, and nothing else of Linux."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.disk import difference, listing, mirror_listing
from tests.integration import storm
from tests.integration.process import SERVE, Process

ELSEWHERE = (sys.executable, str(Path(__file__).parent / "elsewhere.py"), "--serve")


@pytest.mark.parametrize("command", [SERVE, ELSEWHERE], ids=["this system", "without our kernels"])
def test_a_mirror_is_the_disk_after_each_of_some_storms(command: Sequence[str], tmp_path: Path) -> None:
    root = tmp_path.resolve() / "root"
    root.mkdir()
    with Process(root, "--batch-ms", "5", command=command) as server:
        server.await_ready()
        follower = server.follow()
        for seed in range(5):
            assert storm.start(root, seed, 2000).wait() == 0
            follower.until_clock(server.sync())
            assert difference(listing(bytes(root)), mirror_listing(follower.mirror)) == "", f"seed {seed}"
            assert follower.mirror.digest() == follower.mirror.service_digest, f"seed {seed}"
        follower.close()
        status, _ = server.end(signal.SIGTERM)
        assert (status, "defect" in server.log()) == (0, False), server.log()


def test_a_change_is_told_without_a_barrier(tmp_path: Path) -> None:
    """The watcher itself is heard: nobody asks for a sync."""
    root = tmp_path.resolve() / "root"
    (root / "d").mkdir(parents=True)
    with Process(root, command=SERVE) as server:
        server.await_ready()
        follower = server.follow()
        (root / "d" / "new").write_bytes(b"heard")
        while not any(path.endswith(b"/d/new") and entry.size == 5 for path, entry in follower.mirror.paths()):
            follower.turn(20.0)
        follower.close()
