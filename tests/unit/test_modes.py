"""Output modes: each document says what is on the disk, is cut where it should be, and cannot harm who reads it."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree import modes
from smarttree._scan import scan
from smarttree.clock import Clock
from smarttree.codec import decode_snapshot
from smarttree.errors import BadParameter, UnknownMode
from smarttree.modes import View, classic, quantum
from smarttree.modes import json as json_mode
from smarttree.printable import printable
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from tests.printed import undone

NON_UTF8 = b"bad\xffname"
HOSTILE = b"esc\x1b[31m\nline\xc2\x9b"


def scanned(path: Path) -> tuple[View, int]:
    tree = Tree()
    top = tree.graft(scan(os.fsencode(path)), os.fsencode(path))
    return View(Clock(7, 9), tree, tree.digest(SERVICE_ID)), top


def loaded(view: View, top: int, depth: int | None = None) -> Any:
    return json.loads(b"".join(json_mode.render(view, top, depth=depth)))


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "b" / "big.bin").write_bytes(bytes(5000))
    (tmp_path / "a" / "run").write_text("hi\n")
    (tmp_path / "a" / "run").chmod(0o4755)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    for name in (NON_UTF8, HOSTILE):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    return tmp_path


def by_lstat(path: bytes, name: bytes | None) -> dict[str, Any]:
    """What mode json must say, from the standard library alone."""
    seen = os.lstat(path)
    kinds = {stat.S_IFDIR: "dir", stat.S_IFREG: "file", stat.S_IFLNK: "symlink"}
    is_dir = stat.S_ISDIR(seen.st_mode)
    key, told = ("path", path) if name is None else ("name", name)
    entry: dict[str, Any] = {
        key: told.decode("utf-8", "replace"),
        "kind": kinds.get(stat.S_IFMT(seen.st_mode), "other"),
        "size": 0 if is_dir else seen.st_size,
        "mode": f"{stat.S_IMODE(seen.st_mode):04o}",
        "mtime_ns": str(seen.st_mtime_ns),
    }
    if told != told.decode("utf-8", "replace").encode():
        entry[key + "_b64"] = base64.b64encode(told).decode()
    if is_dir:
        entry["children"] = [by_lstat(path + b"/" + child, child) for child in sorted(os.listdir(path))]
    return entry


def cut(entry: dict[str, Any], depth: int) -> dict[str, Any]:
    """The law of `depth`: what is deeper is left out, and null says that it was."""
    if not entry.get("children"):
        return entry
    children = [cut(child, depth - 1) for child in entry["children"]] if depth else None
    return entry | {"children": children}


def test_json_is_what_lstat_says(disk: Path) -> None:
    assert loaded(*scanned(disk)) == by_lstat(os.fsencode(disk), None)


def test_json_of_a_part_and_of_what_is_no_directory(disk: Path) -> None:
    view, top = scanned(disk)
    part = view.tree.resolve(os.fsencode(disk) + b"/a")
    assert loaded(view, part) == by_lstat(os.fsencode(disk) + b"/a", None)
    file = view.tree.resolve(os.fsencode(disk) + b"/" + NON_UTF8)
    assert file != NO_ID
    assert loaded(view, file) == by_lstat(os.fsencode(disk) + b"/" + NON_UTF8, None)
    assert view.tree.parent(file) == top


@pytest.mark.parametrize("depth", range(6))
def test_json_is_cut_at_depth(disk: Path, depth: int) -> None:
    view, top = scanned(disk)
    assert loaded(view, top, depth) == cut(loaded(view, top), depth)


def test_json_is_ascii_in_one_line(disk: Path) -> None:
    document = b"".join(json_mode.render(*scanned(disk), depth=None))
    assert all(0x20 <= byte < 0x7F for byte in document)


def test_classic_looks_as_it_always_did(disk: Path) -> None:
    expected = f"""\
{printable(str(disk))}/
├── a/
│   ├── b/
│   │   ├── big.bin [4.9K]
│   │   └── c/
│   └── run [3B]
├── bad\\xffname [0B]
├── empty/
├── esc\\x1b[31m\\nline\\u009b [0B]
├── link@
└── pipe|
4 directories, 6 files, 4.9K
"""
    assert b"".join(classic.render(*scanned(disk), depth=None)).decode() == expected


def test_classic_says_what_it_leaves_out(disk: Path) -> None:
    view, top = scanned(disk)
    lines = b"".join(classic.render(view, top, depth=1)).decode().splitlines()
    assert lines[1] == "├── a/ [2 entries]"
    assert lines[3] == "├── empty/"
    lines = b"".join(classic.render(view, top, depth=0)).decode().splitlines()
    assert lines == [f"{printable(str(disk))}/", "4 directories, 6 files, 4.9K"]


def test_classic_in_colour_says_the_same(disk: Path) -> None:
    view, top = scanned(disk)
    coloured = b"".join(classic.render(view, top, depth=None, colour=True)).decode()
    plain = b"".join(classic.render(view, top, depth=None)).decode()
    for code in ("\x1b[1;34m", "\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[0m"):
        assert code in coloured
        coloured = coloured.replace(code, "")
    assert coloured == plain


@pytest.mark.parametrize("name", [name for name in modes.MODES if name != "quantum" and not modes.find(name).SMALL])
def test_a_deep_tree_and_a_wide_one(tmp_path: Path, name: str) -> None:
    deep = tmp_path
    for _ in range(300):  # deeper than a recursion of a few frames per level could go
        deep = deep / "d"
    deep.mkdir(parents=True)
    wide = tmp_path / "w"
    wide.mkdir()
    for number in range(3000):
        (wide / f"{number}").touch()
    pieces = list(modes.find(name).render(*scanned(tmp_path), depth=None))
    assert len(pieces) > 2
    assert max(map(len, pieces)) < 512 << 10
    if name != "markdown":  # which has a bound of its own
        assert b"".join(pieces).count({"classic": b"d/", "json": b'"name":"d"'}.get(name, b"/d")) >= 300
    assert b"2999" in b"".join(pieces)


@pytest.mark.parametrize("name", [name for name in modes.MODES if modes.find(name).CUTS])
def test_an_empty_tree(tmp_path: Path, name: str) -> None:
    view, top = scanned(tmp_path)
    whole = b"".join(modes.find(name).render(view, top, depth=None))
    assert whole == b"".join(modes.find(name).render(view, top, depth=0))


def test_quantum_is_the_snapshot(disk: Path) -> None:
    view, top = scanned(disk)
    snapshot = decode_snapshot(b"".join(quantum.render(view, top, depth=None)))
    assert (snapshot.clock, snapshot.path) == (view.clock, os.fsencode(disk))
    assert snapshot.digest == view.tree.digest(top)
    with pytest.raises(BadParameter):
        quantum.render(view, top, depth=1)


def test_the_registry() -> None:
    assert list(modes.MODES) == sorted(modes.MODES)
    for name in modes.MODES:
        mode = modes.find(name)
        assert name == mode.NAME
        assert "/" in mode.CONTENT_TYPE
    for name in ("", "Json", "walk", "summary_ai", "__init__", "../json"):
        with pytest.raises(UnknownMode, match="classic, csv, digest, json"):
            modes.find(name)


@pytest.mark.parametrize("name", [name for name in modes.MODES if not modes.find(name).CUTS])
def test_what_cannot_be_cut_is_not(disk: Path, name: str) -> None:
    view, top = scanned(disk)
    with pytest.raises(BadParameter, match=name):
        modes.find(name).render(view, top, depth=1)


@pytest.mark.parametrize("name", modes.MODES)
def test_a_mode_tells_of_what_is_no_directory(disk: Path, name: str) -> None:
    view, _ = scanned(disk)
    for of in (b"/" + NON_UTF8, b"/link", b"/empty"):
        if name != "quantum" or of == b"/empty":
            entry = view.tree.resolve(os.fsencode(disk) + of)
            assert b"".join(modes.find(name).render(view, entry, depth=None))


@pytest.mark.parametrize("name", [name for name in modes.MODES if name not in ("quantum", "csv")])
def test_no_name_drives_a_terminal(disk: Path, name: str) -> None:
    """What is left out here is printed to a terminal in another way."""
    text = b"".join(modes.find(name).render(*scanned(disk), depth=None)).decode()
    assert {char for char in text if not char.isprintable()} <= {"\n", "\t"}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.0K"),
        (10_188, "9.9K"),
        (10_189, "10K"),
        (1 << 20, "1.0M"),
        (1 << 63, "8.0E"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert classic.human_size(size) == text


@given(st.integers(0, (1 << 64) - 1))
def test_sizes_for_people_are_short_and_near(size: int) -> None:
    text = classic.human_size(size)
    assert len(text) <= 5
    value = float(text[:-1]) * 1024 ** "BKMGTPE".index(text[-1])
    assert abs(value - size) <= 0.06 * size


@given(st.binary())
def test_printable_is_one_visible_line_and_can_be_undone(name: bytes) -> None:
    text = printable(name)
    assert text.isprintable()
    assert undone(text) == name


@given(st.text())
def test_printable_of_text(name: str) -> None:
    assert printable(name).isprintable()
