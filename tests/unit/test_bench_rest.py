"""The harness of answers: small tables of ours, what is no figure is refused, who is missing fails the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.fanout.serving import NotServedError
from bench.rest import __main__ as command
from bench.rest import search
from bench.rest.loading import read
from bench.rest.serving import SCRATCH, Asking, Ours, changing, entries

TOLD = """Running 3s test @ http://127.0.0.1:1/tree
  1 threads and 8 connections
  2514 requests in 3.00s, 2.34GB read
Requests/sec:    838.00
Transfer/sec:      0.78GB
"""


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMARTTREE_CORPORA", str(tmp_path / "corpora"))
    return tmp_path / "corpora"


def small(tmp_path: Path, *only: str) -> list[str]:
    chosen = [argument for name in only for argument in ("--only", name)]
    amounts = ["--rounds", "1", "--requests", "2", "--seconds", "1", "--large", "watch-small", "--tree", "watch-small"]
    return [*amounts, *chosen, "--results", str(tmp_path / "results")]


def test_parts_are_measured_judged_and_kept(corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(small(tmp_path, "figures", "encode")) in (0, 1)
    shown = capsys.readouterr().out
    for name, verdicts in (("rest-figures", 9), ("rest-encode", 2)):
        (kept,) = (tmp_path / "results").glob(f"*/{name}.json")
        table = json.loads(kept.read_text())
        assert len(table["verdicts"]) == verdicts
        assert str(tmp_path) not in kept.read_text()
    assert shown.count("met: ") + shown.count("MISSED: ") == 11
    assert not [*corpora.rglob(SCRATCH)]


@pytest.mark.parametrize(("part", "rival"), [("tree", "nginx"), ("tree", "wrk"), ("search", "rg"), ("names", "find")])
def test_a_missing_rival_fails_the_table_by_name(
    part: str, rival: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in ("nginx", "wrk", "rg", "find"):
        monkeypatch.setenv(each.upper(), f"no-such-{each}" if each == rival else "true")
    assert command.main(small(tmp_path, part)) == 2
    assert f"no-such-{rival} is missing" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_what_wrk_says_is_read_and_what_is_no_figure_is_refused() -> None:
    assert read(TOLD) == (2514, 838.0)
    for wrong in ("  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"):
        with pytest.raises(NotServedError, match=wrong.split(":", maxsplit=1)[0].strip()):
            read(TOLD.replace("Requests/sec", wrong + "Requests/sec"))
    with pytest.raises(NotServedError):
        read(TOLD.replace("2514 requests", "0 requests"))
    with pytest.raises(NotServedError):
        read("")


def test_a_server_is_asked_on_one_connection_and_a_refusal_is_no_figure(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with Ours(tmp_path) as serving, Asking(serving.port) as asking:
        assert entries(asking) == 1
        with changing(tmp_path) as change:
            change(1)
            before = asking.get("/clock?sync=1").clock
            assert entries(asking) == 2
            change(2)
            assert asking.get("/clock?sync=1").clock != before
        with pytest.raises(NotServedError, match="no-such-path"):
            asking.get("/tree?path=/nothing")
        assert serving.cpu_s() > 0


def test_matches_are_counted_in_ripgreps_envelope() -> None:
    lines = [
        b'{"type":"begin"}',
        b'{"type":"match"}',
        b'{"type":"context"}',
        b'{"type":"match"}',
        b'{"type":"end"}',
        b"",
    ]
    assert search.matches(lines) == 2
