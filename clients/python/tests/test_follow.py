"""`st-follow`: through restarts of itself and of the server, each change triggers once, and none is missed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.python.tests.serving import DEADLINE_S, Serving, environment, until

ST_FOLLOW = Path(sys.executable).with_name("st-follow")
# Appends what it was told to a log, in one write; then does what a file tells it to do.
SCRIPT = """
import json, os, pathlib, sys, time
log, act = map(pathlib.Path, sys.argv[1:3])
told = {name: value for name, value in os.environ.items() if name.startswith("STREE_")}
with open(told["STREE_CHANGES"]) as file:
    changes = [json.loads(line) for line in file]
with log.open("a") as file:
    file.write(json.dumps({"paths": sys.argv[3:], "told": told, "changes": changes}) + "\\n")
todo = act.read_text() if act.exists() else ""
while todo == "wait":
    time.sleep(0.01)
    todo = act.read_text()
sys.exit(int(todo or 0))
"""


class Follow:
    """An `st-follow` whose command logs what it is told, and its state."""

    def __init__(self, serving: Serving, folder: Path, *options: str) -> None:
        self.log, self.act, self.state = folder / "log", folder / "act", folder / "state"
        script = folder / "script.py"
        script.write_text(SCRIPT)
        command = f"{sys.executable} {script} {self.log} {self.act} {{}}"
        self._command = [str(ST_FOLLOW), serving.url, "--exec", command, "--state", str(self.state), *options]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(STREE_TOKEN="secret"),
        )

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        assert self.process is not None
        self.said = self.process.communicate(timeout=DEADLINE_S)[1]
        return self.process.returncode

    def begun(self) -> None:
        until(self.state.exists, "a state")

    def runs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def until_runs(self, number: int) -> None:
        until(lambda: len(self.runs()) >= number, f"{number} runs")

    def clock(self) -> str:
        return str(json.loads(self.state.read_text())["clock"])

    def dealt_with(self) -> None:
        """The last run is in the state."""
        until(lambda: self.clock() == self.runs()[-1]["told"]["STREE_CLOCK"], "the state")

    def told(self) -> list[tuple[str, str]]:
        """Of each change in each run, its type and name."""
        return [(c["type"], Path(c["path"]).name) for run in self.runs() for c in run["changes"]]


@pytest.fixture
def follow(serving: Serving, tmp_path: Path) -> Follow:
    return Follow(serving, tmp_path)


def test_restarts_of_both_miss_nothing_and_repeat_nothing(serving: Serving, follow: Follow) -> None:
    follow.start()
    follow.begun()
    expected = list[tuple[str, str]]()
    for number in range(6):
        (serving.top / f"n{number}").touch()
        expected.append(("created", f"n{number}"))
        if number % 2:
            serving.sync()
            follow.until_runs(len(expected))
            follow.dealt_with()
            assert follow.end(signal.SIGKILL if number % 4 == 1 else signal.SIGTERM) in (0, -signal.SIGKILL)
            if number == 3:
                serving.stop(signal.SIGKILL)
            if number == 5:
                serving.stop()
            (serving.top / f"gone{number}").touch()
            if number in (3, 5):
                serving.start()
            serving.sync()
            expected.append(("created", f"gone{number}"))
            follow.start()
        serving.sync()
        follow.until_runs(len(expected))
        follow.dealt_with()
    assert follow.end() == 0
    assert follow.told() == expected
    assert all("STREE_REBASED" not in run["told"] for run in follow.runs())


def test_what_comes_while_the_command_runs_is_one_trigger(serving: Serving, follow: Follow) -> None:
    follow.start()
    follow.begun()
    follow.act.write_text("wait")
    (serving.top / "first").touch()
    follow.until_runs(1)
    for number in range(20):
        (serving.top / f"n{number}").touch()
        serving.sync()
    (serving.top / "n0").unlink()
    serving.sync()
    follow.act.write_text("0")
    follow.until_runs(2)
    follow.dealt_with()
    assert follow.end() == 0
    first, second = follow.runs()
    assert first["paths"] == [str(serving.top / "first")]
    assert sorted(second["paths"]) == sorted(str(serving.top / f"n{number}") for number in range(1, 20))
    assert second["told"]["STREE_COUNT"] == "19"
    assert "STREE_TOKEN" not in second["told"]


def test_a_command_that_fails_is_run_again_by_the_next_start(serving: Serving, follow: Follow) -> None:
    follow.start()
    follow.begun()
    before = follow.clock()
    follow.act.write_text("7")
    (serving.top / "a").touch()
    assert follow.ended() == 1
    assert "failed with 7" in follow.said
    assert follow.clock() == before
    (serving.top / "b").touch()
    serving.sync()
    follow.act.write_text("0")
    follow.start()
    follow.until_runs(2)
    follow.dealt_with()
    assert follow.end() == 0
    assert sorted(follow.told()[1:]) == [("created", "a"), ("created", "b")]


def test_a_command_is_retried_and_may_be_passed_over(serving: Serving, tmp_path: Path) -> None:
    follow = Follow(serving, tmp_path, "--retry", "1", "--keep-going")
    follow.start()
    follow.begun()
    follow.act.write_text("3")
    (serving.top / "a").touch()
    follow.until_runs(2)
    follow.dealt_with()
    assert follow.end() == 0
    assert follow.told() == [("created", "a")] * 2


def test_killed_before_the_state_is_kept_it_repeats_that_trigger(serving: Serving, follow: Follow) -> None:
    """At least once, there and nowhere else."""
    follow.start()
    follow.begun()
    follow.act.write_text("wait")
    (serving.top / "a").touch()
    follow.until_runs(1)
    assert follow.process is not None
    follow.process.kill()
    follow.act.write_text("0")  # the command goes on by itself
    assert follow.ended() == -signal.SIGKILL
    follow.start()
    follow.until_runs(2)
    follow.dealt_with()
    assert follow.end() == 0
    assert follow.told() == [("created", "a")] * 2


def test_on_sigterm_the_command_finishes_and_counts(serving: Serving, follow: Follow) -> None:
    follow.start()
    follow.begun()
    follow.act.write_text("wait")
    (serving.top / "a").touch()
    follow.until_runs(1)
    assert follow.process is not None
    follow.process.send_signal(signal.SIGTERM)
    follow.act.write_text("0")
    assert follow.ended() == 0
    assert follow.clock() == follow.runs()[0]["told"]["STREE_CLOCK"]


def test_a_second_signal_ends_the_command_which_then_does_not_count(serving: Serving, follow: Follow) -> None:
    follow.start()
    follow.begun()
    before = follow.clock()
    follow.act.write_text("wait")
    (serving.top / "a").touch()
    follow.until_runs(1)
    assert follow.process is not None
    # Two of one kind that come at once are one to the kernel.
    follow.process.send_signal(signal.SIGTERM)
    follow.process.send_signal(signal.SIGINT)
    assert follow.ended() == 1
    assert follow.clock() == before


def test_a_clock_of_another_epoch_is_a_loud_trigger(serving: Serving, follow: Follow) -> None:
    follow.state.write_text('{"format": 1, "clock": "00000000000000aa-5"}')
    follow.start()
    follow.until_runs(1)
    follow.dealt_with()
    assert follow.end() == 0
    (run,) = follow.runs()
    assert (run["told"]["STREE_REBASED"], run["paths"], run["told"]["STREE_COUNT"]) == ("1", [], "0")
    assert [change["type"] for change in run["changes"]] == ["rebased"]
    assert "everything may have changed" in follow.said


def git(top: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(top), "-c", "user.name=n", "-c", "user.email=e", *words], check=True, capture_output=True
    )


def test_a_checkout_is_one_trigger(serving: Serving, follow: Follow) -> None:
    git(serving.top, "init", "-b", "one")
    (serving.top / "a").write_text("1")
    git(serving.top, "add", ".")
    git(serving.top, "commit", "-m", "one")
    git(serving.top, "switch", "-c", "two")
    for number in range(300):
        (serving.top / f"f{number}").write_text("2")
    git(serving.top, "add", ".")
    git(serving.top, "commit", "-m", "two")
    serving.sync()
    follow.start()
    follow.begun()
    git(serving.top, "switch", "one")
    follow.until_runs(1)
    follow.dealt_with()
    serving.sync()
    assert follow.end() == 0
    files = [name for kind, name in follow.told() if kind == "deleted" and name.startswith("f")]
    assert sorted(files) == sorted(f"f{number}" for number in range(300))
    assert len({run["told"]["STREE_CLOCK"] for run in follow.runs() if run["changes"]}) == len(follow.runs())


def test_two_do_not_share_a_state(serving: Serving, follow: Follow) -> None:
    follow.start()
    follow.begun()
    first = follow.process
    follow.start()
    assert follow.ended() == 4
    assert "another st-follow" in follow.said
    follow.process = first
    assert follow.end() == 0


def said(serving: Serving, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ST_FOLLOW), serving.url, *options], capture_output=True, text=True, timeout=DEADLINE_S, env=environment()
    )


def test_once_prints_what_matches_and_ends(serving: Serving, tmp_path: Path) -> None:
    options = ["--once", "--state", str(tmp_path / "state"), "--include", "*.py"]
    assert said(serving, *options).stdout == ""
    (serving.top / "d").mkdir()
    (serving.top / "d" / "x.py").touch()
    (serving.top / "y\n.py").touch()
    (serving.top / "z.txt").touch()
    told = said(serving, *options, "--json")
    assert told.returncode == 0, told.stderr
    names = {Path(json.loads(line)["path"]).name for line in told.stdout.splitlines()}
    assert names == {"d", "x.py", "y\n.py"}
    assert said(serving, *options).stdout == ""
    (serving.top / "d").rename(serving.top / "e")
    lines = said(serving, *options).stdout.splitlines()
    assert lines[0] == f"renamed   {serving.top / 'd'} -> {serving.top / 'e'}"


@pytest.mark.parametrize(
    ("options", "status"),
    [(["--path", "/nowhere/../x"], 3), (["--state", "/nowhere/state"], 4), (["--exec", " "], 2), (["--retry", "x"], 2)],
)
def test_exit_statuses(serving: Serving, options: list[str], status: int) -> None:
    told = said(serving, "--once", "--since", "0-1", *options)
    assert told.returncode == status
    assert told.stderr
