"""The harness of watching: parts give tables on a small tree, who is missing or ends fails it, loss is seen."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import corpus
from bench.watch import __main__ as command
from bench.watch import latency, memory, start, storms
from bench.watch.part import files_below, scratch
from bench.watchers import Ours, Watching, mirrored
from bench.watchers.piped import Piped
from bench.watchers.watching import NotToldError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SMARTTREE_CORPORA", str(tmp_path / "corpora"))
    monkeypatch.setitem(corpus.MADE, "watch-small", (lambda place: corpus.grow(place, 30, 200), "for a test"))
    return corpus.corpus("watch-small", corpus.corpora_folder()).path


@pytest.fixture(scope="module")
def floors(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    place = tmp_path_factory.mktemp("floors")
    compile_it = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu17", "-pthread"]
    for name in ("scan", "watch"):
        subprocess.run([*compile_it, "-o", place / name, ROOT / f"bench/floor/{name}.c"], check=True)
    return [str(place / "scan"), str(place / "watch")]


@pytest.fixture
def ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without rivals, where a table would be refused."""
    for module in (command, latency, storms, memory, start):
        monkeypatch.setattr(module, "rivals", lambda **_: [])


@pytest.fixture
def watching(small: Path) -> Iterator[Watching]:
    with mirrored("test")[1].start(small) as found:
        yield found


def few(tmp_path: Path) -> list[str]:
    amounts = ["--rounds", "1", "--samples", "3", "--modified", "50", "--churn", "10000", "--idle-s", "0.1"]
    return ["--tree", "small", "--results", str(tmp_path / "results"), *amounts]


# ---------------------------------------------------------------- tables


@pytest.mark.skipif(os.geteuid() != 0, reason="fanotify needs to be root")
@pytest.mark.usefixtures("ours_alone", "small")
def test_the_table_is_kept_and_judged(
    floors: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(storms, "QUIET_S", 0.2)
    monkeypatch.setattr(storms, "QUIET_MOST_S", 1.0)  # the floor hears of the whole file system, and is never quiet
    assert command.main([*floors, *few(tmp_path), "--only", "burst"]) in (0, 1)
    (kept,) = (tmp_path / "results").glob("*/watch-burst.json")
    table = json.loads(kept.read_text())
    assert {c["role"] for c in table["contestants"].values()} == {"floor", "ours"}
    assert [v["value"] for v in table["verdicts"] if "lost" in v["target"]] == [0, 0]
    shown = capsys.readouterr().out
    assert shown.count("met: ") + shown.count("MISSED: ") == len(table["verdicts"])
    assert str(tmp_path) not in kept.read_text() + shown


def test_a_missing_rival_fails_the_table_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATCHMAN", "no-such-watchman")
    monkeypatch.setenv("SMARTTREE_CORPORA", str(tmp_path / "corpora"))
    assert command.main(["scan", "watch", *few(tmp_path)]) == 2
    assert "no-such-watchman is missing" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- who watches


def test_a_mirror_tells_what_was_lost(small: Path, watching: Watching) -> None:
    assert isinstance(watching, Ours)
    path = files_below(small, 1)[0]
    before = storms.seen(small, [path])
    with scratch(small) as place:
        (place / "new").touch()
        fd = os.open(small / path, os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"x")
        watching.next_notice()
        os.close(fd)
        watching.sync()
        watching.until_quiet(0.1)
        fresh = os.path.relpath(place / "new", small)
        now = storms.seen(small, [path, fresh])
    assert watching.lost({**now, b"never/there": None}) == 0
    assert watching.lost(before) == 1
    assert watching.lost({b"never/there": (small / path).stat()}) == 1


def test_who_does_not_get_ready_gives_no_figure(tmp_path: Path) -> None:
    with pytest.raises(NotToldError, match="did not get ready"):
        Piped(["true", "x", str(tmp_path)], tmp_path)


def test_who_ends_gives_no_figure(watching: Watching) -> None:
    os.kill(watching.pid, 9)
    with pytest.raises(NotToldError, match="ended"):
        watching.until_quiet(10.0)


def test_percentiles_are_in_milliseconds() -> None:
    found = latency.percentiles([number / 1000 for number in range(1, 102)])
    assert found == pytest.approx({"p50": 51.0, "p99": 100.0})
