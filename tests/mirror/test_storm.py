"""The mirror law: whatever is done to a tree, a client that knows only the published format holds what `find` sees."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.integration.process import SERVE
from tests.limited import limited, needs_limits
from tests.storm.campaign import FLAGS, Plan, campaign
from tests.storm.perform import perform
from tests.storm.shrink import shrink
from tests.storm.steps import Step, Storm, growth, parse
from tests.storm.team import PROJECT
from tests.watchers import BY_NAME

CLIENT = ("tests.storm.campaign", "tests.clients.plain", "spec.qtn1_mirror")


@pytest.mark.parametrize("watcher", BY_NAME)
def test_in_a_storm(watcher: str, seed: int) -> None:
    """Form (a): three processes, thousands of steps."""
    flags = (*FLAGS[seed % len(FLAGS)], "--watcher", watcher)
    outcome = campaign(Plan(seed=seed, rounds=5, steps=400, flags=flags))
    assert outcome.steps > 6000
    assert outcome.done > outcome.steps / 4
    assert outcome.batches > 20


@needs_limits
def test_in_a_storm_beyond_the_limit(seed: int) -> None:
    """Most directories can't be watched, and are polled; which ones, changes all the time."""
    flags = (*FLAGS[seed % len(FLAGS)], "--poll-s", "0.05")
    outcome = campaign(Plan(seed=seed, rounds=4, steps=300, flags=flags, command=limited(SERVE, 6)))
    assert outcome.batches > 20


def test_cut_off_and_resumed(seed: int) -> None:
    """Form (c): many cuts, nearly all inside a frame; and one client that reads only when all is over.

    How many is the machine's doing: a busy one tells more in a batch.
    """
    outcome = campaign(Plan(seed=seed, rounds=4, steps=500, cutters=4, slow=1, flags=FLAGS[1]))
    assert outcome.closed == 0
    assert outcome.cuts > 30
    assert outcome.inside > outcome.cuts / 2


def test_out_of_retention(seed: int) -> None:
    """Hardly any batch is kept: who was cut off, or lags, is told in one what happened since, and nobody anew."""
    flags = (*FLAGS[3], "--retention-bytes", "2K")
    outcome = campaign(Plan(seed=seed, rounds=3, steps=300, cutters=3, slow=1, flags=flags))
    assert outcome.compacted > 0
    assert outcome.rebases == 0


def test_the_client_knows_nothing_of_the_server() -> None:
    ours = "sorted(name for name in sys.modules if name.split('.')[0] == 'smarttree')"
    code = f"import sys, {', '.join(CLIENT)}; print(*{ours})"
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, cwd=PROJECT, env=os.environ | {"PYTHONPATH": "."}
    )
    assert run.stdout.split() == []


# ---------------------------------------------------------------- the storm itself


def known(seed: int) -> list[bytes]:
    return [step.path + b"/" for step in growth(seed)]


def test_steps_are_a_function_of_the_seed() -> None:
    def steps(seed: int, worker: int) -> list[Step]:
        storm = Storm(seed, worker, known(seed))
        return [*islice(storm.round(200), 200), *storm.round(50)]

    assert steps(1, 0) == steps(1, 0)
    assert steps(1, 0) != steps(1, 1)
    assert steps(1, 0) != steps(2, 0)
    assert [parse(step.line()) for step in steps(3, 0)] == steps(3, 0)


def test_most_steps_can_be_done_by_one_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for step in growth(7):
        assert perform(step)
    done = [perform(step) for step in Storm(7, 0, known(7)).round(3000)]
    assert sum(done) > len(done) / 2


def test_what_goes_wrong_is_shrunk_to_the_steps_that_matter() -> None:
    """The server here leaves out each rename: the defect to find among a few steps."""
    steps = [Step("make", b"%d" % n, number=n) for n in range(2, 4)]
    steps += [Step("sync", b""), Step("rename", b"3", b"30")]
    steps += [Step("append", b"%d" % n, number=n) for n in range(3, 4)]
    planted = (sys.executable, str(PROJECT / "tests/storm/planted.py"), "skip-rename:always", "--serve")
    short = shrink(steps, command=planted, within_s=300)
    assert short is not None
    assert {Step("make", b"3", number=3), Step("rename", b"3", b"30")} <= {*short}
    assert len(short) <= 3
