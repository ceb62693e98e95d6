"""Modes ai and summary-ai: a small parser gets back what the tree has; what is left out is counted; names are names."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import modes
from smarttree.clock import Clock
from smarttree.modes import View, ai
from smarttree.modes.classic import SUFFIXES, human_size
from smarttree.tree import NO_ID, Tree
from tests import plain_trees
from tests.plain_trees import DIRECTORY, FILE, TREES, Row
from tests.printed import undone
from tests.trees import tree_of

# Names that look like what the documents are made of, and names that are alike.
NAMES = st.one_of(
    plain_trees.names,
    st.sampled_from(
        [b"\xe2\x80\xa63", b"*.o \xc3\x973", b'"a"/', b"a\n b", b" x", b"END_SUMMARY_AI", b"a:1,b[2]", b"%41"]
    ),
    st.from_regex(rb"[ab][0-9]{1,2}(\.c)?", fullmatch=True),
    st.from_regex(rb"[a-z]{1,2}\.o", fullmatch=True),
)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Trees with many files in few directories."""
    found: list[Row] = []
    directories, taken = [0], set()
    for name, is_dir, size in draw(st.lists(st.tuples(NAMES, st.booleans(), plain_trees.file_sizes), max_size=60)):
        place = draw(st.sampled_from(directories[-3:])), name
        if place not in taken:
            taken.add(place)
            directory = is_dir and len(directories) < 6
            found.append((*place, DIRECTORY if directory else FILE, 0 if directory else size, 0))
            if directory:
                directories.append(len(found))
    return found


def document(mode: str, tree: Tree, top: int, depth: int | None = None) -> str:
    return b"".join(modes.find(mode).render(View(Clock(7, 9), tree, 0), top, depth=depth)).decode()


# ---------------------------------------------------------------- ai

LINE = re.compile(
    r'(?P<indent> *)(?P<name>"(?:[^"\\]|\\.)+"|[\w.+~*-]+)(?P<suffix>[/@|=]?)'
    r"(?: ×(?P<alike>\d+))?(?: (?P<size>[\d.]+[BKMGTPE]))?(?: …(?P<out>\d+))?"
)
REST = re.compile(r"(?P<indent> *)…(?P<out>\d+)")


class Found(NamedTuple):
    """What a parser has of a document: how many entries are told, and how many are left out."""

    single: int = 0
    alike: int = 0
    left_out: int = 0


def name_of(text: str) -> bytes:
    return undone(text[1:-1].replace('\\"', '"')) if text[0] == '"' else text.encode()


def members(tree: Tree, directory: int, pattern: bytes, suffix: str) -> int:
    """How many of one kind in a directory a pattern fits: its stars are digits."""
    digits = re.compile(re.escape(pattern).replace(rb"\*", rb"[0-9]+"), re.DOTALL)
    return sum(
        bool(digits.fullmatch(tree.name(child))) and SUFFIXES.get(tree.mode(child) & 0xF000, "") == suffix
        for child in tree.children(directory)
    )


def read_ai(tree: Tree, top: int, text: str) -> Found:
    """Reads a document, and checks each line of it against the tree."""
    head, legend, *lines, after = text.split("\n")
    files, dirs, size = tree.totals(top)
    path, numbers = re.fullmatch(r'("(?:[^"\\]|\\.)+") (.*)', head).groups()  # type: ignore[union-attr]
    assert name_of(path) == tree.path(top).rstrip(b"/") + b"/"
    assert re.findall(r"\d[\d.]*[BKMGTPE]?", numbers.replace(",", "")) == [str(files), str(dirs), human_size(size)]
    assert (legend[0], after) == ("(", "")
    found, places = Found(), [top]
    for line in lines:
        if rest := REST.fullmatch(line):
            found = found._replace(left_out=found.left_out + int(rest["out"]))
            continue
        parts = LINE.fullmatch(line)
        assert parts, line
        del places[len(parts["indent"]) + 1 :]
        assert len(places) == len(parts["indent"]) + 1
        name, alike = name_of(parts["name"]), int(parts["alike"] or 1)
        found = found._replace(left_out=found.left_out + int(parts["out"] or 0))
        if alike > 1:
            if members(tree, places[-1], name, parts["suffix"]) != alike:  # then the star is for what is left
                names = map(tree.name, tree.children(places[-1]))
                assert alike >= ai.SAME_EXTENSION_MIN
                assert sum(each.endswith(name.removeprefix(b"*")) for each in names) >= alike
            found = found._replace(alike=found.alike + alike)
            continue
        entry = tree.child(places[-1], name)
        assert entry != NO_ID
        assert SUFFIXES.get(tree.mode(entry) & 0xF000, "") == parts["suffix"]
        entry_size = tree.totals(entry).size if tree.is_dir(entry) else tree.row(entry).size
        assert parts["size"] == (human_size(entry_size) if entry_size >= max(size / 100, 1024) else None)
        found = found._replace(single=found.single + 1)
        if tree.is_dir(entry):
            places.append(entry)
    return found


def check_ai(tree: Tree, top: int, depth: int | None) -> Found:
    text = document("ai", tree, top, depth)
    found = read_ai(tree, top, text)
    files, dirs, _ = tree.totals(top)
    assert sum(found) == files + dirs  # each entry is shown, or counted
    assert text.count("\n") <= ai.LINES_MAX + 2
    if depth is not None:
        assert all(len(line) - len(line.lstrip(" ")) <= depth for line in text.splitlines()[2:])
    return found


@given(rows() | plain_trees.rows(), st.sampled_from([b"/", b'/srv/"my"\n1']), st.none() | st.integers(0, 3))
@settings(deadline=None)
def test_ai_shows_or_counts_everything(rows: list[Row], path: bytes, depth: int | None) -> None:
    check_ai(*tree_of(rows, path=path), depth)


@pytest.mark.parametrize("name", TREES)
def test_ai_of_named_trees(name: str) -> None:
    check_ai(*tree_of(TREES[name]), None)


def test_ai_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    wide: list[Row] = [(0, b"%s.txt" % name.encode(), FILE, 0, 0) for name in words(150)]
    assert check_ai(*tree_of([*wide[:20]]), None) == Found(single=20)
    assert check_ai(*tree_of(wide), None) == Found(alike=150)
    odd: list[Row] = [(0, name.encode(), DIRECTORY, 0, 0) for name in words(150)]
    below: list[Row] = [(parent, b"x", FILE, 0, 0) for parent in range(1, 151)]
    assert check_ai(*tree_of(odd + below), None) == Found(single=2 * (ai.OWN_LINES_MAX - 1), left_out=2 * 51)
    monkeypatch.setattr(ai, "NAMES_MAX", 120)
    assert check_ai(*tree_of(odd + below), None) == Found(single=ai.OWN_LINES_MAX - 1, left_out=51 * 2 + 99)
    monkeypatch.setattr(ai, "LINES_MAX", 120)
    monkeypatch.setattr(ai, "NAMES_MAX", 50_000)
    assert check_ai(*tree_of(odd + below), None) == Found(single=119, left_out=51 * 2 + 79)


def words(count: int) -> list[str]:
    """Names without digits."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [f"{letters[n // 26]}{letters[n % 26]}" for n in range(count)]


def test_ai_tells_what_is_alike_as_one() -> None:
    rows: list[Row] = [(0, b"v%d" % n, DIRECTORY, 0, 0) for n in range(4)]
    rows += [(n + 1, b"notes", FILE, 300, 0) for n in range(4)]
    rows += [(0, b"page %d.html" % n, FILE, 0, 0) for n in range(5)] + [(0, b"%d*" % n, FILE, 0, 0) for n in range(4)]
    assert document("ai", *tree_of(rows)).splitlines()[2:] == [
        '"0*"', '"1*"', '"2*"', '"3*"', '"page *.html" ×5', "v*/ ×4 1.2K …4",
    ]  # fmt: skip


# ---------------------------------------------------------------- summary-ai


def read_summary(text: str) -> dict[str, str]:
    """The fields of a document by their tags; every line is one."""
    head, *lines, end, after = text.split("\n")
    assert (head, end, after) == ("SUMMARY_AI_V1:", "END_SUMMARY_AI", "")
    fields = dict(line.split(":", 1) for line in lines)
    assert [*fields] == ["PATH", "STATS", "TYPE", *(["KEY"] if "KEY" in fields else []), "EXT", "DIRS", "LARGE"]
    return fields


def pairs(field: str, pattern: str) -> list[tuple[bytes, ...]]:
    """The items of a list: names, then what the pattern has groups for."""
    found = [re.fullmatch(r"([\w./@+=~%-]+)" + pattern, item) for item in re.split(r",(?![^[]*\])", field) if item]
    assert None not in found
    return [
        (unquote_to_bytes(each[1]), *((group or "1").encode() for group in each.groups()[1:])) for each in found if each
    ]


def check_summary(tree: Tree, top: int) -> dict[str, str]:
    text = document("summary-ai", tree, top)
    assert text.isascii()
    fields = read_summary(text)
    files, dirs, size = tree.totals(top)
    assert unquote_to_bytes(fields["PATH"]) == tree.path(top)
    assert fields["STATS"] == f"F{files:x}D{dirs:x}S{size:x}"
    entries = [entry for entry in tree.below(top).tolist() if not tree.is_dir(entry)]
    large = sorted(entries, key=lambda entry: -tree.row(entry).size)[:5]
    assert pairs(fields["LARGE"], ":([0-9a-f]+)") == [
        (tree.name(entry), b"%x" % tree.row(entry).size) for entry in large
    ]
    inside = sorted(filter(tree.is_dir, tree.children(top)), key=lambda entry: -tree.totals(entry).size)[:10]
    below = [tree.totals(entry) for entry in inside]
    assert pairs(fields["DIRS"], r"\[(\d+),([0-9a-f]+)\]") == [
        (tree.name(entry), b"%d" % (files + dirs + 1), b"%x" % size)
        for entry, (files, dirs, size) in zip(inside, below, strict=True)
    ]
    names = Counter(tree.name(entry) for entry in entries)
    extensions: Counter[bytes] = Counter()
    for name in names.elements():
        extensions[name[name.rfind(b".") :] if name.rfind(b".") > 0 else b""] += 1
    told = pairs(fields["EXT"], r":(\d+)")
    assert all(extensions[b"." + extension] == int(count) for extension, count in told)
    most = sorted((count for name, count in extensions.items() if len(name) > 1), reverse=True)
    assert [int(count) for _, count in told] == most[:10]
    for name, count in pairs(fields.get("KEY", ""), r"(?::(\d+)|)"):
        assert names[name] == int(count)
    return fields


@given(rows() | plain_trees.rows(), st.sampled_from([b"/", b"/srv/tree", b"/a:b\n%\xff"]))
@settings(deadline=None)
def test_summary_ai_is_what_is_there(rows: list[Row], path: bytes) -> None:
    check_summary(*tree_of(rows, path=path))


@pytest.mark.parametrize("name", TREES)
def test_summary_ai_of_named_trees(name: str) -> None:
    check_summary(*tree_of(TREES[name]))


def test_names_in_summary_ai_are_encoded() -> None:
    rows: list[Row] = [(0, b"a:1,b[2]\n%41 .x:y", FILE, 9, 0), (0, b"d[1,0]", DIRECTORY, 0, 0)]
    rows += [(0, b"END_SUMMARY_AI", FILE, 8, 0), (2, b"\xff\xc3\xa9", FILE, 7, 0)]
    assert check_summary(*tree_of(rows, path=b"/a:b\n,")) == {
        "PATH": "/a%3Ab%0A%2C",
        "STATS": "F3D1S18",
        "TYPE": "MIXED[3]",
        "EXT": "x%3Ay:1",
        "DIRS": "d%5B1%2C0%5D[2,7]",
        "LARGE": "a%3A1%2Cb%5B2%5D%0A%2541%20.x%3Ay:9,END_SUMMARY_AI:8,%FF%C3%A9:7",
    }


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("", "MIXED[0]"),
        ("a.rs " + " ".join(f"{n}.js" for n in range(9)), "CODE[JavaScript]T0D0"),
        ("a.rs b.rs c.js test_c.js", "CODE[Rust]T1D0"),
        ("a.py latest.py contest.py", "CODE[Python]T0D0"),
        ("a.go a_test.go", "CODE[Go]T1D0"),
        ("a.ts a.spec.ts", "CODE[TypeScript]T1D0"),
        ("Makefile " + " ".join(f"{n}.jpg" for n in range(9)), "CODE[Unknown]T0D0"),
        ("a.py " + " ".join(f"{n}.JPG" for n in range(9)), "PHOTO[9]"),
        ("a.pdf b.md x y z", "DOCS[2]"),
        ("a.mp4 b.mp3 c.flac", "MEDIA[V1,A2]"),
        ("a.ipynb b.csv c.parquet", "DATA[N1,D2]"),
        ("a.py b c d e", "MIXED[5]"),
        ("a.h b.h c.cpp", "CODE[Cpp]T0D0"),
    ],
)
def test_what_a_tree_is(names: str, kind: str) -> None:
    rows: list[Row] = [(0, name.encode(), FILE, 0, 0) for name in names.split()]
    assert check_summary(*tree_of(rows))["TYPE"] == kind


def test_tests_and_docs_by_directories() -> None:
    rows: list[Row] = [(0, b"tests", DIRECTORY, 0, 0), (0, b"docs", DIRECTORY, 0, 0), (1, b"a.py", FILE, 0, 0)]
    assert check_summary(*tree_of(rows))["TYPE"] == "CODE[Python]T1D1"


def test_key_files_are_few_and_counted() -> None:
    rows: list[Row] = [(0, b"d%d" % n, DIRECTORY, 0, 0) for n in range(300)]
    rows += [(n, b"package.json", FILE, 0, 0) for n in range(301)] + [(0, b"README.md", FILE, 0, 0)]
    fields = check_summary(*tree_of(rows))
    assert (fields["KEY"], fields["TYPE"]) == ("package.json:301,README.md", "CODE[Unknown]T0D0")
    fields = check_summary(*tree_of([*rows[:1], *rows[300:302]]))
    assert fields["KEY"] == "package.json:2"
    everything: list[Row] = [(0, name.encode(), FILE, 0, 0) for name in KEYS.split()]
    assert len(check_summary(*tree_of(everything))["KEY"].split(",")) == 10


KEYS = "Cargo.toml package.json pyproject.toml setup.py go.mod pom.xml Makefile Gemfile main.rs main.py index.js README"
