"""`st state`: what is told of what is kept is what its server says, and removing ends that and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from smarttree.cli import main
from smarttree.errors import PathError, StateInUse
from smarttree.state import survey
from smarttree.state.place import LOCK, MARK, Place
from tests.clients.plain import get_json
from tests.integration.process import COMMAND, DEADLINE_S, Process


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where states are; beside it, two trees."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "file").write_text("x")
    return tmp_path / "home"


def serve(*roots: Path, kept: Path, ends: bool = True) -> Process:
    server = Process(*roots, "--state", kept)
    server.await_ready()
    if ends:
        server.popen.send_signal(signal.SIGTERM)
        server.popen.wait(DEADLINE_S)
    return server


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    assert main(["state", "--json", *map(str, words)]) == 0
    return json.loads(capsys.readouterr().out)["states"]


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    status = main(["state", *map(str, words)])
    return status, capsys.readouterr().err


def test_nothing_is_kept(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == []
    assert main(["state"]) == 0
    assert capsys.readouterr().out == f"nothing is kept in {home}/smarttree\n"


def test_what_is_told_is_what_the_server_says(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = home / "smarttree" / "0123456789abcdef"
    with serve(tmp_path / "one", tmp_path / "two", kept=place, ends=False) as server:
        for number in range(3):
            (tmp_path / "one" / f"new-{number}").touch()
            clock = server.sync()
        [state] = told(capsys)
        assert state["directory"] == str(place)
        assert [root["path"] for root in state["roots"]] == [str(tmp_path / "one"), str(tmp_path / "two")]
        assert (state["clock"], state["epoch"]) == (clock, clock.partition("-")[0])
        assert (state["in_use"], state["process"]) == (True, server.popen.pid)
        assert not state["stopped_cleanly"]
        assert state["trouble"] is None
        assert state["log_version"] == 2
        assert state["tree_version"] == 1
        assert state["bytes"] == sum(path.stat().st_size for path in place.iterdir())
        assert get_json(f"{server.url}/clock")["clock"] == clock  # looking has changed nothing
        server.end(signal.SIGTERM)
    [state] = told(capsys, place)
    assert (state["clock"], state["in_use"], state["stopped_cleanly"]) == (clock, False, True)
    assert told(capsys, tmp_path / "one" / "sub") == [state]  # by what is served
    assert main(["state"]) == 0
    text = capsys.readouterr().out
    assert f"of {tmp_path / 'two'}\n" in text
    assert "in use by nobody, stopped cleanly; log version 2, tree version 1" in text


def test_one_that_was_killed(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = home / "smarttree" / "0123456789abcdef"
    with serve(tmp_path / "one", kept=place, ends=False) as server:
        (tmp_path / "one" / "new").touch()
        clock = server.sync()
    [state] = told(capsys)
    assert (state["clock"], state["in_use"], state["stopped_cleanly"]) == (clock, False, False)


@pytest.mark.parametrize(("name", "version"), [("log", 77), ("log", 1), ("tree", 77)])
def test_one_that_another_version_wrote(
    home: Path, tmp_path: Path, name: str, version: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told by its version, and a server begins a new epoch beside it: that is what upgrade and downgrade are."""
    place = home / "smarttree" / "0123456789abcdef"
    with serve(tmp_path / "one", kept=place):
        pass
    [state] = told(capsys)
    written = max(place.glob(f"{name}.*"))
    data = bytearray(written.read_bytes())
    data[8] = version
    written.write_bytes(data)
    [later] = told(capsys)
    assert later[f"{name}_version"] == version
    assert f"version {version}" in later["trouble"]
    with serve(tmp_path / "one", kept=place, ends=False) as server:
        clock = server.sync()
        assert clock.partition("-")[0] != state["epoch"]
        assert f"version {version}" in server.log()
    [after] = told(capsys)
    assert after["trouble"] is None
    assert after["epoch"] == clock.partition("-")[0]


def test_removing(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = home / "smarttree" / ("1" * 16), home / "smarttree" / ("2" * 16)
    with serve(tmp_path / "one", kept=one), serve(tmp_path / "two", kept=two):
        pass
    status, error = refused(capsys, "--remove", one)
    assert (status, one.is_dir()) == (2, True)
    assert "add --yes" in error
    assert main(["state", "--remove", str(one), "--yes"]) == 0
    assert not one.exists()
    assert str(tmp_path / "one") in capsys.readouterr().out
    assert [state["directory"] for state in told(capsys)] == [str(two)]


def test_one_in_use_is_not_removed(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = home / "smarttree" / ("1" * 16)
    with serve(tmp_path / "one", kept=place, ends=False) as server:
        status, error = refused(capsys, "--remove", place, "--yes")
        assert status == 3
        assert f"process {server.popen.pid}" in error
        (tmp_path / "one" / "new").touch()
        server.sync()


def test_what_is_not_ours_stays(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, precious = home / "smarttree" / ("1" * 16), tmp_path / "precious"
    precious.write_text("x")
    with serve(tmp_path / "one", kept=place):
        pass
    (place / "letters").write_text("dear")
    (place / "tls").mkdir()
    (place / f"log.{'0' * 16}.{'0' * 20}").symlink_to(precious)
    assert main(["state", "--remove", str(place), "--yes"]) == 0
    assert sorted(os.listdir(place)) == ["letters", f"log.{'0' * 16}.{'0' * 20}", "tls"]
    assert "left there" in capsys.readouterr().out
    assert precious.read_text() == "x"


def test_links_and_other_directories_are_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, link = home / "smarttree" / ("1" * 16), tmp_path / "link"
    with serve(tmp_path / "one", kept=place):
        pass
    link.symlink_to(place)
    (tmp_path / "two" / LOCK).touch()
    (tmp_path / "two" / MARK).touch()
    for other in (link, tmp_path / "two", tmp_path / "nothing", tmp_path / "two" / "file"):
        status, error = refused(capsys, "--remove", other, "--yes")
        assert status == 2, error
        assert "Traceback" not in error
    assert place.is_dir()
    with pytest.raises(PathError):
        survey.remove(link)


def test_a_server_that_comes_while_it_is_removed_has_one_of_its_own(tmp_path: Path) -> None:
    """It waited for the lock of a directory that is gone: that lock keeps nobody out."""
    first = Place(tmp_path / "state")
    first.close()
    (tmp_path / "state" / f"tree.{'0' * 16}.{'0' * 20}").touch()
    with survey._held(tmp_path / "state", "it"), pytest.raises(StateInUse):
        Place(tmp_path / "state")
    survey.remove(tmp_path / "state")
    second = Place(tmp_path / "state")
    with pytest.raises(StateInUse, match=f"process {os.getpid()}"):
        Place(tmp_path / "state")
    second.close()


def test_on_a_terminal_it_asks(home: Path, tmp_path: Path) -> None:
    place = home / "smarttree" / ("1" * 16)
    with serve(tmp_path / "one", kept=place):
        pass
    for answer, status in (("n", 1), ("y", 0)):
        command = ["script", "-qec", " ".join([*COMMAND, "state", "--remove", str(place)]), "/dev/null"]
        done = subprocess.run(command, input=f"{answer}\n", capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout
        assert "of history of" in done.stdout
        assert place.exists() == (answer == "n")
