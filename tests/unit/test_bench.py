"""The harness's laws: turns are taken, ratios are of one round, nothing is missing in silence, all do the same work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import corpus, facts, gate, report, scan, size
from bench.programs import MissingError, program, timed
from bench.rounds import Contestant, Sample, Spread, interleaved, ratios
from tests.disk import listing

ROOT = Path(__file__).resolve().parents[2]
MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def contestant(name: str, values: Iterator[float], role: Any = "rival", log: list[str] | None = None) -> Contestant:
    def run() -> Sample:
        if log is not None:
            log.append(name)
        return {"ns": next(values)}

    return Contestant(name=name, role=role, version="1", run=run)


def table(ours_ns: float = 2.0, floor_ns: float = 1.0, find_ns: float = 4.0) -> report.Table:
    rows = [
        contestant(scan.FLOOR, iter([]), "floor"),
        contestant("smarttree", iter([]), "ours"),
        contestant(scan.FIND, iter([])),
    ]
    samples = {scan.FLOOR: {"ns": [floor_ns]}, "smarttree": {"ns": [ours_ns]}, scan.FIND: {"ns": [find_ns]}}
    return report.Table(
        name="scan",
        measure="ns",
        units={"ns": "ns an entry"},
        baseline=scan.FLOOR,
        rounds=1,
        contestants=rows,
        trees={"linux": {"entries": 1000}},
        samples={"linux": samples},
        verdicts=[report.Verdict(target="smarttree", tree="linux", value=ours_ns / floor_ns, limit=1.5)],
        machine={"cores": 2},
    )


def kept(made: report.Table, place: Path) -> Path:
    return report.write(made, place)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    for number in range(40):
        (top / f"d{number % 7}" / f"e{number % 3}").mkdir(parents=True, exist_ok=True)
        (top / f"d{number % 7}" / f"file {number}").write_bytes(b"x" * number)
    (top / os.fsdecode(b"caf\xe9\n")).touch()
    (top / "loop").symlink_to(".")
    (top / "dangling").symlink_to("nowhere")
    os.mkfifo(top / "fifo")
    return top


# ---------------------------------------------------------------- rounds


def test_turns_are_taken_and_warm_ups_dropped() -> None:
    log: list[str] = []
    rows = [contestant(name, iter(values), log=log) for name, values in (("a", [9.0, 1, 2]), ("b", [9.0, 3, 4]))]
    assert interleaved(rows, rounds=2, warmups=1).samples == {"a": {"ns": [1, 2]}, "b": {"ns": [3, 4]}}
    assert log == ["a", "b"] * 3


def test_a_disturbed_round_is_run_again_as_often_as_there_is_spare() -> None:
    answers = iter([True, False, True, True])
    row = contestant("a", iter([1.0, 2, 3, 4, 5]))
    measured = interleaved([row], rounds=3, spare=2, disturbed=lambda: lambda: next(answers))
    assert measured == ({"a": {"ns": [2, 4, 5]}}, 2)


def test_a_ratio_is_of_one_round_so_drift_cancels() -> None:
    assert ratios([20, 200, 2000], [10, 100, 1000]) == Spread(2, 2, 2)
    assert ratios([1, 2, 9], [1, 1, 1]) == Spread(2, 1, 9)
    with pytest.raises(ValueError):
        ratios([1, 2], [1])


def test_a_contestant_that_fails_ends_the_table() -> None:
    rows = [contestant("a", iter([1.0, 2.0])), contestant("b", iter([1.0]))]
    with pytest.raises(StopIteration):
        interleaved(rows, rounds=2)
    with pytest.raises(ValueError, match="same name"):
        interleaved([rows[0], rows[0]], rounds=1)


# ---------------------------------------------------------------- what is missing, and who did other work


def test_a_missing_rival_fails_the_table_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BFS", "no-such-finder")
    monkeypatch.setenv("SMARTTREE_CORPORA", str(tmp_path))
    with pytest.raises(MissingError, match="no-such-finder"):
        program("bfs")
    assert scan.main(["floor", "--tree", "linux"]) == 2
    assert "no-such-finder is missing" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_corpus_is_named_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(corpus, "TARBALL", tmp_path / "no-such.tar.xz")
    with pytest.raises(MissingError, match=r"no-such\.tar\.xz"):
        corpus.corpus("linux", tmp_path)
    assert not (tmp_path / "linux").exists()


def test_other_work_is_no_comparison(tree: Path) -> None:
    command = [sys.executable, "-m", "bench.subject", "walk", str(tree)]
    found = scan.counted(command)[2]
    assert scan.self_timed(command, found)["ns"] > 0
    with pytest.raises(scan.OtherWorkError, match="walk"):
        scan.self_timed(command, found + 1)


def test_a_command_that_fails_gives_no_time(tmp_path: Path) -> None:
    assert timed(["true"], tmp_path).wall_ns > 0
    with pytest.raises(subprocess.CalledProcessError):
        timed(["false"], tmp_path)


def test_every_scanner_finds_the_same(tree: Path, tmp_path: Path) -> None:
    floor = tmp_path / "floor"
    compile_it = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu17", "-pthread"]
    subprocess.run([*compile_it, "-o", str(floor), str(ROOT / "bench/floor/scan.c")], check=True)
    told = [subprocess.run([floor, tree, str(n)], stdout=subprocess.PIPE, check=True).stdout.split() for n in (1, 2, 8)]
    assert {tuple(words[2:]) for words in told} == {tuple(told[0][2:])}
    counts = {"floor": int(told[0][2])}
    for kind in ("ours", "ours-watched", "ours-tree", "walk", "snapshot"):
        counts[kind] = scan.counted([sys.executable, "-m", "bench.subject", kind, str(tree)])[2]
    assert counts == dict.fromkeys(counts, len(listing(bytes(tree))))


# ---------------------------------------------------------------- the void and the gate


def test_a_floor_too_high_voids_the_run() -> None:
    assert scan.void(table(floor_ns=2.0, find_ns=4.0)) == []
    assert "linux" in scan.void(table(floor_ns=2.1, find_ns=4.0))[0]


def test_the_gate_passes_equals_and_closes_on_a_fall(tmp_path: Path) -> None:
    base, slower = kept(table(), tmp_path / "base"), kept(table(ours_ns=2.3), tmp_path / "new")
    assert gate.main([str(base), str(base)]) == 0
    assert gate.main([str(base), str(slower)]) == 1
    assert gate.main([str(base), str(slower), "--tolerance", "0.2"]) == 0
    assert gate.main([str(slower), str(base)]) == 0


def test_the_gate_closes_on_a_row_that_is_gone() -> None:
    base = json.loads(json.dumps(report.document(table(), MOMENT)))
    new = json.loads(json.dumps(base))
    del new["ratios"]["linux"]["smarttree"][scan.FIND]
    assert [line for line in gate.fallen(base, new, 0.1) if scan.FIND in line and "not there" in line]
    assert gate.fallen(new, base, 0.1) == []


def test_the_gate_compares_only_what_is_comparable(tmp_path: Path) -> None:
    base = kept(table(), tmp_path)
    other = json.loads(base.read_text())
    other["trees"]["linux"]["entries"] = 2000
    changed = tmp_path / "other.json"
    changed.write_text(json.dumps(other))
    assert gate.main([str(base), str(changed)]) == 2
    assert gate.main([str(base), str(tmp_path / "none.json")]) == 2


# ---------------------------------------------------------------- the size table


def test_the_snapshot_says_what_the_disk_does(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = size.run([corpus.Corpus(name="small", path=tree, what="for a test")])
    found = made.samples["small"]
    assert 0 < found[size.BINARY]["bytes"][0] < found["JSON lines"]["bytes"][0]
    assert made.trees["small"]["entries"] == len(listing(bytes(tree)))
    written = kept(made, tmp_path / "results")
    assert str(tmp_path) not in written.read_text() + written.with_suffix(".txt").read_text()
    assert "for a test" in capsys.readouterr().out


def test_the_synthetic_tree_is_the_same_every_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(corpus, "SYNTHETIC_DIRS", 60)
    monkeypatch.setattr(corpus, "SYNTHETIC_FILES", 200)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        corpus.grow(tmp_path / name)
    one, two = ([fact[:3] for fact in facts.facts_on_disk(bytes(tmp_path / name))] for name in ("one", "two"))
    assert len(one) == 260
    assert one == two
