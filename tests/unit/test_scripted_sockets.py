"""The reactor over sockets that do what a script says: partial sends, EAGAIN, EINTR, resets, garbage, false alarms.

In a process of its own, as the library that scripts them has to be loaded first. The sanitizers' build does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.scripted.loaded import run

SEEDS = 300
ENDS = {"dismissed", "failed", "left", "stopped", "talked", "timed-out"}

if sys.platform != "linux":
    pytest.skip("the reactor speaks to Linux", allow_module_level=True)


def test_whatever_the_sockets_do_each_client_has_a_true_prefix(tmp_path: Path) -> None:
    done = run(tmp_path, "tests.scripted.campaign", "0", str(SEEDS))
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.rpartition("ended: ")[2].strip().split(", ")) == ENDS


def test_who_ends_in_the_queue_is_not_let_go_before_it_has_been_gone_through(tmp_path: Path) -> None:
    done = run(tmp_path, "tests.scripted.releasing")
    assert (done.returncode, done.stdout) == (0, "released\n"), done.stderr
