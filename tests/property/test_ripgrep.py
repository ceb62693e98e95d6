"""Search gives ripgrep's matches: on random trees and patterns, line by line, byte by byte.

ripgrep is the oracle. It is asked not to look for byte order marks (`-E none`), and to read what is hidden or ignored;
everything else is as it is by itself. Of what matches without a byte (`a*`) only the lines are compared. Of a file that
ripgrep calls binary it may tell lines before the first NUL, which lines depends on its buffers; we tell none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from smarttree.search import compile_pattern
from smarttree.search.excerpt import SUBMATCHES_MAX
from tests.searching import scanned, search

DEADLINE_S = 30.0
ROUNDS = 8
PATTERNS = 20
WORDS = (
    """
todo TODO Todo fixme foo foobar Foo_Bar class Class kiss KISS \u212aiss li\u017ft s K k été ÉTÉ straße 日本 \udcff\udcfe
aaa ab aab abab x_1 9 -- .* (a) \t {} [x] a.b A.B \\ $ ^ \r
"""[1:-1]
    .replace("\n", " ")
    .split(" ")
)
# What is common to both: `\w` and the like are ASCII's alone in RE2, so ripgrep is told to have them so, too.
REGEXES = [
    r"fo+",
    r"a|",
    r"(?:)",
    r"(?:foo|bar)+",
    r"^foo",
    r"foo$",
    r"^$",
    r"[A-Z]od",
    r"[a-f]+b",
    r"t.do",
    r"(?i)class",
    r"a{2,3}b",
    r"x?y*a",
    r"colou?r|kiss",
    r"[a-z]_(?-u:\d)",
    r"\.\*",
    r"s",
    r"k",
    r".",
    r"[[:upper:]]+",
    r"\x41\.B",
    r"(a+)+$",
    r"a.*b",
    r"^.{3}$",
    r"é.é",
    r"日|ß",
    r"\(a\)",
    r"[^a]b",
    r"(?P<Name>foo)_?bar",
    r"t[éo]",
    r"[^x]$",
    r"\p{Lu}",
    r"\p{Greek}|foo",
    r"(?s).b",
    r"(?-u:\b)foo(?-u:\b)",
    r"a.?(?-u:\s)b",
    r"[\x41-\x43]",
    r"[\]a-c]+",
    r"foo(?:_|b)(?i:BAR)?",
    r"\pL\PL",
    r"(?:a|b)*?c",
]


class Found(NamedTuple):
    """A line that was told: whether it matches itself, and where."""

    path: bytes
    number: int
    offset: int
    line: bytes
    is_match: bool
    spans: tuple[tuple[int, int], ...]


def read(lines: list[bytes]) -> list[Found]:
    """The lines that were told, but of files that are binary."""
    found, binary = [], set()
    for message in map(json.loads, lines):
        data = message["data"]
        if message["type"] == "end" and data["binary_offset"] is not None:
            binary.add(octets(data["path"]))
        if message["type"] not in ("match", "context"):
            continue
        spans = [(each["start"], each["end"]) for each in data["submatches"][:SUBMATCHES_MAX]]
        found.append(
            Found(
                octets(data["path"]),
                data["line_number"],
                data["absolute_offset"],
                octets(data["lines"]),
                message["type"] == "match",
                tuple(span for span in spans if span[0] < span[1]),
            )
        )
    return [line for line in found if line.path not in binary]


def octets(data: dict[str, str]) -> bytes:
    if "text" in data:
        return data["text"].encode()
    return b64decode(data["bytes"])


@pytest.fixture(autouse=True)
def _ripgrep() -> None:
    if shutil.which("rg") is None:
        missing = "ripgrep is missing: run `make system-packages`"
        pytest.fail(missing, pytrace=False) if os.environ.get("CI") else pytest.skip(missing)


def by_ripgrep(root: Path, query: str, *options: str) -> list[Found]:
    command = ["rg", "--json", "--no-ignore", "--hidden", "--no-config", "-E", "none", "--sort", "path", *options]
    done = subprocess.run(
        [*command, "-e", query, "--", str(root)], capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return read(done.stdout.splitlines())


def by_us(root: Path, query: str, *, regex: bool, case: str, context: int) -> list[Found]:
    pattern = compile_pattern(query.encode(), regex=regex, case=case)
    told = search(scanned(root), pattern, context=context).told
    return read([b'{"type":"%b","data":%b}' % (kind.encode(), data) for kind, data, _ in told])


def content(rng: Random) -> bytes:
    words = [word.encode(errors="surrogateescape") for word in rng.choices(WORDS, k=rng.choice([0, 1, 3, 10, 200]))]
    text = b"".join(word + rng.choice([b" ", b"\n", b"\n", b"", b"\r\n", b"\n\n"]) for word in words)
    match rng.randrange(12):
        case 0:
            return text + b"\0binary todo\n"
        case 1:
            return b"todo " * rng.randrange(200) + text
        case 2:
            return text * 40 + b"TODO"
    return text


def plant(root: Path, rng: Random) -> None:
    """A tree in which names sort in many ways."""
    for _ in range(30):
        names = rng.choices(["a", "b", "a.b", "a b", "A", "é", ".hidden", "a-b", "node_modules"], k=rng.randrange(1, 4))
        directory = root.joinpath(*[f"{name}_" for name in names[:-1]])
        directory.mkdir(parents=True, exist_ok=True)
        (directory / names[-1]).write_bytes(content(rng))
    name = os.fsencode(root) + b"/\xff\xfe.txt"
    Path(os.fsdecode(name)).write_bytes(b"todo foo\n")
    (root / "link").symlink_to("/etc")


def asked(rng: Random) -> Iterator[tuple[str, bool, str]]:
    """(query, whether it is an expression, case)"""
    for _ in range(PATTERNS):
        case = rng.choice(["smart", "smart", "sensitive", "ignore"])
        if rng.random() < 0.5:
            yield rng.choice(REGEXES), True, case
        else:
            text = " ".join(rng.choices([word for word in WORDS if word.isprintable()], k=rng.choice([1, 1, 1, 2])))
            start = rng.randrange(len(text)) if rng.random() < 0.3 else 0
            yield text[start:], False, case


OPTIONS = {"smart": "-S", "sensitive": "-s", "ignore": "-i"}


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_is_found_is_what_ripgrep_finds(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    root = tmp_path / "tree"
    root.mkdir()
    plant(root, rng)
    for query, regex, case in asked(rng):
        context = rng.choice([0, 0, 1, 3])
        options = [OPTIONS[case], "-C", str(context), *([] if regex else ["-F"])]
        wanted = by_ripgrep(root, query, *options)
        ours = by_us(root, query.replace("(?-u:", "(?:"), regex=regex, case=case, context=context)
        differs = [pair for pair in zip_longest(ours, wanted) if pair[0] != pair[1]]
        assert not differs, f"{query!r} {options}: {differs[0]}"
