"""Laws of tables 3 to 5: what is timed says what the disk does, every rival gives back what it was given, and a target
that is missed is said to be. No rival needs to be installed.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench import changes, corpus, cost, size
from bench import qtn as table
from bench.facts import ChangedError, Fact, check, facts_decoded, facts_on_disk
from bench.programs import MissingError
from bench.rivals import MADE, rivals
from bench.rivals.parquet import PAGED, WHOLE
from bench.rivals.rival import Rival, checked
from bench.rounds import Samples
from smarttree import qtn
from tests.trees import ON_DISK

FACTS = [Fact(b"a", 0o100644, 1, 2), Fact(b"b", 0o040755, 0, 3)]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Every kind of entry and two levels of files."""
    place = tmp_path / "tree"
    place.mkdir()
    (place / os.fsdecode(b"caf\xe9\n")).touch()
    before = os.getcwd()
    os.chdir(place)
    fd = os.open(".", os.O_RDONLY)
    try:
        ON_DISK["EVERY_KIND"](fd)
    finally:
        os.close(fd)
        os.chdir(before)
    for number in range(60):
        (place / "dir" / f"d{number % 7}").mkdir(exist_ok=True)
        (place / "dir" / f"d{number % 7}" / f"file {number}").write_bytes(b"x" * number)
    return place


# ---------------------------------------------------------------- facts


def test_the_columns_say_what_the_disk_does_in_the_same_order(top: Path) -> None:
    facts = facts_on_disk(bytes(top))
    snapshot = qtn.encode(*qtn.scan(top))
    assert facts_decoded(snapshot) == facts
    check("tree", snapshot, facts)
    assert {fact.type for fact in facts} == {"file", "dir", "symlink", "other"}
    with pytest.raises(ChangedError, match="tree was changed"):
        check("tree", snapshot, [*facts[:-1], facts[-1]._replace(mtime_ns=0)])


def test_json_lines_tell_type_and_mode_apart() -> None:
    assert size.json_lines(FACTS) == b'["a","file",420,1,2]\n["b","dir",493,0,3]\n'


# ---------------------------------------------------------------- rivals


def by_json(facts: Iterable[Fact], told: int) -> Rival:
    rows = [[fact.path.decode(), *fact[1:]] for fact in facts]
    return Rival(
        name="plain JSON",
        version="1",
        encode=lambda: json.dumps(rows[:told]).encode(),
        decode=json.loads,
        facts=lambda found: [Fact(path.encode(), *rest) for path, *rest in found],
    )


def test_a_rival_that_does_other_work_is_no_rival() -> None:
    assert checked(by_json(FACTS, 2), FACTS).name == "plain JSON"
    with pytest.raises(ChangedError, match="plain JSON"):
        checked(by_json(FACTS, 1), FACTS)


@pytest.mark.parametrize("package", MADE)
def test_a_rival_that_is_missing_is_named_and_no_other_stands_alone(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingError, match="is missing"):
        list(rivals(FACTS))


def test_what_is_missing_is_found_before_a_tree_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "MADE", ["no-such-rival"])
    monkeypatch.setenv("SMARTTREE_CORPORA", str(tmp_path))
    assert table.main(["--tree", "linux"]) == 2
    assert "no-such-rival is missing" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", MADE)
def test_every_rival_that_is_here_gives_back_every_fact(package: str, top: Path) -> None:
    if not os.environ.get("CI"):  # there a tool that is missing is a failure
        pytest.importorskip(package)
    facts = facts_on_disk(bytes(top))
    assert [checked(rival, facts) for rival in MADE[package](facts)]


# ---------------------------------------------------------------- table 3


def samples(*, ours: float = 5.0, one_ns: float = 100.0, two_ns: float = 55.0, decode_ns: float = 90.0) -> Samples:
    def row(made: float, encode_ns: float) -> dict[str, list[float]]:
        measured = {"bytes": made, "encode_ns": encode_ns, "encode_cpu_ns": encode_ns, "decode_cpu_ns": decode_ns}
        return {name: [value] * 3 for name, value in measured.items()}

    rivals = {PAGED: row(8.0, 0), WHOLE: row(7.0, 0)}
    return {table.ONE: row(ours, one_ns), table.TWO: row(ours, two_ns), **rivals}


def missed(found: Iterable[Any]) -> list[str]:
    return [verdict.target for verdict in found if not verdict.met]


def test_each_target_can_be_missed() -> None:
    assert missed(table.verdicts("linux", samples())) == []
    (size_missed,) = missed(table.verdicts("usr", samples(ours=5.7)))  # 0.81 of the smaller, 0.71 of the larger
    assert "smallest Parquet" in size_missed
    assert missed(table.verdicts("linux", samples(ours=6.3)))[1:] == ["bytes an entry"]
    assert "encode on one" in missed(table.verdicts("usr", samples(one_ns=251)))[0]
    assert "two threads" in missed(table.verdicts("usr", samples(two_ns=60)))[0]
    assert "decode" in missed(table.verdicts("usr", samples(decode_ns=101)))[0]


def test_there_and_back_is_timed_with_the_collector_off_and_on_again() -> None:
    seen: list[bool] = []

    def encode() -> bytes:
        seen.append(gc.isenabled())
        return b"12345678"

    found = table.timed(encode, list, 4)
    assert found["bytes"] == 2
    assert min(found.values()) >= 0
    assert seen == [False] * table.TRIES
    with pytest.raises(ZeroDivisionError):
        table.timed(lambda: bytes(1 // 0), list, 4)
    assert gc.isenabled()


# ---------------------------------------------------------------- tables 4 and 5


def test_files_are_modified_in_turn_and_nothing_else_is(top: Path) -> None:
    before, root = qtn.scan(top)
    files = changes.files_below(before, root)
    after, told = changes.modified(before, root, files)
    assert (qtn.digest(after), told) == (qtn.digest(changes.modified(before, root, files)[0]), told)
    assert {record.id for record in qtn.diff(before, after)} == set(files)
    assert [(top / change.path).is_dir() for change in told if (top / change.path).exists()].count(True) <= 1  # a link
    assert [change.path for change in told] == [
        os.fsdecode(f.path) for f in facts_on_disk(bytes(top)) if f.type != "dir"
    ]
    assert all(after.row(eid).size > before.row(eid).size for eid in files)
    times = [change.mtime_ns for change in told]
    assert times == sorted(times)
    assert {(time - times[0]) % changes.TICK_NS for time in times} == {0}


def test_a_batch_as_an_event_is_what_the_server_sends(top: Path) -> None:
    before, root = qtn.scan(top)
    after, _ = changes.modified(before, root, changes.files_below(before, root)[:1])
    data = qtn.encode_batch(changes.CLOCK, changes.CLOCK.seq - 1, qtn.digest(after), qtn.diff(before, after))
    frame = changes.event(data).decode().splitlines()
    fields = dict(line.split(": ", 1) for line in frame if line)
    assert list(fields) == ["event", "data", "id"]
    assert qtn.from_text(fields["data"]) == data
    assert fields["id"] == str(changes.CLOCK)


def test_the_largest_of_the_batches_is_held_against_the_target() -> None:
    found = {name: {"bytes": [40.0, 49.0, 40.0]} for name in (changes.OURS, changes.EVENT)}
    assert missed(changes.verdicts("1 modified", found)) == [f"bytes of a {changes.OURS}"]
    assert changes.verdicts("10 modified", found) == []


def test_the_cost_is_of_as_many_modifications(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "WARMUPS", 2)
    tree, root = qtn.scan(top)
    digest = qtn.digest(tree)
    made = cost.run(tree, root, rounds=7)
    (found,) = made.samples.values()
    assert len(found[cost.OURS]["us"]) == 7
    assert qtn.digest(tree) != digest


# ---------------------------------------------------------------- the corpus that git has been at


def pack(place: Path, name: str, files: dict[str, str]) -> Path:
    """A source as Debian packs it: one directory with everything in it."""
    source = place / name / f"linux-source-{name}"
    source.mkdir(parents=True)
    for path, content in files.items():
        (source / path).write_text(content)
    packed = place / f"{name}.tar.xz"
    subprocess.run(["tar", "-cJf", packed, "-C", source.parent, source.name], check=True)
    return packed


def test_after_the_checkouts_the_later_release_is_there_and_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"same": "1", "changed": "1", "gone": "1", ".gitignore": "same\n"}
    two = {"same": "1", "changed": "22", "new": "2", ".gitignore": "same\n"}
    monkeypatch.setattr(corpus, "TARBALL", pack(tmp_path, "one", one))
    monkeypatch.setattr(corpus, "LATER_TARBALL", pack(tmp_path, "two", two))
    place = corpus.corpus("linux-checkouts", tmp_path / "corpora").path
    assert {path.name: path.read_text() for path in place.iterdir()} == two
    assert os.listdir(tmp_path / "corpora") == ["linux-checkouts"]
    assert (place / "changed").stat().st_mtime_ns > (place / "same").stat().st_mtime_ns
