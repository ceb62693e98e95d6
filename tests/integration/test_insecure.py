"""Who starts it insecurely is told so in one sentence, whichever way it is done; who does not is told nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration.process import Process

TOKEN = "a-token-that-is-long-enough"
EVERYONE = "everyone who can reach {} can read the whole tree"
EVERY_SITE = "every site that someone here visits can read the names, sizes and times of its files"
ARGV = "every user of this machine can read the token on the command line"
PLAIN = "tokens travel unencrypted"
AS_ROOT = "running as root"  # said of whoever runs these tests; tests/integration/test_user.py has it


def warnings(tmp_path: Path, *flags: str) -> list[str]:
    (tmp_path / "tree").mkdir(exist_ok=True)
    with Process(tmp_path / "tree", "--quiet", "--no-state", *flags) as server:
        server.end(signal.SIGTERM)
        log = server.log()
    assert TOKEN not in log + server.first_line.decode()
    told = [line.partition(" WARNING ")[2] for line in log.splitlines()]
    return [line for line in told if not line.startswith(AS_ROOT)]


@pytest.mark.parametrize(
    ("flags", "risks"),
    [
        (("--host", "127.0.0.1", "--insecure"), [EVERYONE.format("127.0.0.1")]),
        (("--host", "0.0.0.0", "--insecure"), [EVERYONE.format("0.0.0.0")]),
        (("--allow", "0.0.0.0/0"), [EVERYONE.format("this machine")]),
        (("--cors", "*"), [EVERY_SITE]),
        (("--host", "0.0.0.0", "--insecure", "--cors", "*"), [EVERYONE.format("0.0.0.0"), EVERY_SITE]),
    ],
)
def test_each_way_is_told_in_one_sentence(tmp_path: Path, flags: tuple[str, ...], risks: list[str]) -> None:
    assert warnings(tmp_path, *flags) == [f"starting insecurely: {', and '.join(risks)}"]


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--insecure",),
        ("--host", "127.0.0.1"),
        ("--allow", "10.0.0.0/8"),
        ("--host", "0.0.0.0", "--insecure", "--allow", "10.0.0.0/8"),
        ("--cors", "https://app.example.com"),
    ],
)
def test_nothing_is_told_where_there_is_nothing(tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert warnings(tmp_path, *flags) == []


def test_a_token_answers_for_all_but_says_where_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = warnings(tmp_path, "--auth-token", TOKEN, "--cors", "*")
    assert [line.partition(":")[0] for line in told] == [ARGV]
    told = warnings(tmp_path, "--auth-token", TOKEN, "--host", "0.0.0.0", "--insecure")
    assert [line.partition(":")[0] for line in told] == [ARGV, PLAIN]
    assert "SMARTTREE_AUTH_TOKEN" not in os.environ
    monkeypatch.setenv("SMARTTREE_AUTH_TOKEN", TOKEN)
    assert warnings(tmp_path, "--cors", "*") == []
