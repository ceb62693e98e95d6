"""Modes csv, tsv and ndjson: read back by what others read them with, each entry is there once, as it is."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import modes
from smarttree.cli import output
from smarttree.clock import Clock
from smarttree.modes import View
from smarttree.row import kind_of
from smarttree.tree import Tree
from tests import plain_trees
from tests.golden.project import plant, view_of
from tests.plain_trees import TREES, Row
from tests.printed import undone
from tests.trees import tree_of

COLUMNS = ["path", "kind", "size", "mode", "mtime_ns", "path_b64"]


class Told(NamedTuple):
    """What a line says. `path` is bytes, put together from its fields."""

    path: bytes
    kind: str
    size: str
    mode: str
    mtime_ns: str
    cut: bool = False


def document(mode: str, tree: Tree, top: int, depth: int | None = None) -> bytes:
    return b"".join(modes.find(mode).render(View(Clock(7, 9), tree, 0), top, depth=depth))


def expected(tree: Tree, entry: int, depth: int | None) -> Iterator[Told]:
    """Each entry, by recursion."""
    row = tree.row(entry)
    cut = depth == 0 and tree.child_count(entry) > 0
    yield Told(tree.path(entry), kind_of(row.mode), str(row.size), f"{row.mode & 0o7777:04o}", str(row.mtime_ns), cut)
    for child in [] if depth == 0 else tree.children(entry):
        yield from expected(tree, child, None if depth is None else depth - 1)


def checked_path(shown: str, octets: str) -> bytes:
    """The path that two fields stand for: the second is there exactly if it is not UTF-8."""
    path = base64.b64decode(octets, validate=True) if octets else shown.encode()
    assert path.decode("utf-8", "replace") == shown
    assert bool(octets) == (path != shown.encode())
    return path


def read_csv(text: bytes) -> Iterator[Told]:
    rows = csv.reader(io.StringIO(text.decode(), newline=""), strict=True)
    assert next(rows) == COLUMNS
    for path, kind, size, mode, mtime_ns, octets in rows:
        yield Told(checked_path(path, octets), kind, size, mode, mtime_ns)


def read_tsv(text: bytes) -> Iterator[Told]:
    header, *lines, after = text.decode().split("\n")
    assert (header.split("\t"), after) == (COLUMNS, "")
    for line in lines:
        path, kind, size, mode, mtime_ns, octets = line.split("\t")
        assert not octets or base64.b64decode(octets) == undone(path)
        yield Told(undone(path), kind, size, mode, mtime_ns)


def read_ndjson(text: bytes) -> Iterator[Told]:
    *lines, after = text.split(b"\n")
    assert after == b""
    for line in lines:
        fields = json.loads(line)
        path = checked_path(fields.pop("path"), fields.pop("path_b64", ""))
        yield Told(path, **fields | {"size": str(fields["size"])})


READERS = {"csv": read_csv, "tsv": read_tsv, "ndjson": read_ndjson}


def check(mode: str, tree: Tree, top: int, depth: int | None) -> None:
    told = list(READERS[mode](document(mode, tree, top, depth)))
    wanted = [each if mode == "ndjson" else each._replace(cut=False) for each in expected(tree, top, depth)]
    assert told == wanted


@pytest.mark.parametrize("mode", READERS)
@given(
    rows=plain_trees.rows(),
    path=st.sampled_from([b"/", b"/srv/tree", b'/\xff,"\n=1+1']),
    depth=st.none() | st.integers(0, 4),
)
@settings(deadline=None)
def test_each_entry_is_told_as_it_is(mode: str, rows: list[Row], path: bytes, depth: int | None) -> None:
    check(mode, *tree_of(rows, path=path), depth)


@pytest.mark.parametrize("mode", READERS)
@pytest.mark.parametrize("name", [name for name in TREES if name != "DEEP"])
def test_named_trees(mode: str, name: str) -> None:
    check(mode, *tree_of(TREES[name]), None)


@pytest.mark.parametrize("mode", READERS)
def test_a_project_is_what_lstat_says(mode: str, tmp_path: Path) -> None:
    plant(tmp_path)
    view, top = view_of(tmp_path, os.fsencode(tmp_path))
    told = list(READERS[mode](document(mode, view.tree, top)))
    for path, kind, size, bits, mtime_ns, _ in told:
        seen = os.lstat(path)
        is_dir = stat.S_ISDIR(seen.st_mode)
        assert (kind, bits) == (kind_of(seen.st_mode), f"{stat.S_IMODE(seen.st_mode):04o}")
        assert (size, mtime_ns) == ("0" if is_dir else str(seen.st_size), str(seen.st_mtime_ns))
    there = [os.path.join(path, name) for path, dirs, files in os.walk(bytes(tmp_path)) for name in (*dirs, *files)]
    assert sorted(each.path for each in told) == sorted([bytes(tmp_path), *there])


@given(plain_trees.rows())
@settings(deadline=None)
def test_no_cell_is_a_formula(rows: list[Row]) -> None:
    """Whatever a program takes for the separator: quoted cells are whole in each, the others are words and numbers."""
    for mode, separator in (("csv", ","), ("csv", ";"), ("csv", "\t"), ("tsv", "\t")):
        text = document(mode, *tree_of(rows)).decode()
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        for cell in (cell for line in lines for cell in line):
            assert cell[:1] not in ("=", "+", "@", "\t", "\r")
            assert not cell.startswith("-") or cell[1:].replace(",", "").isalnum()


@given(plain_trees.rows())
@settings(deadline=None)
def test_csv_on_a_terminal_cannot_drive_it(rows: list[Row]) -> None:
    tree, top = tree_of(rows)
    shown = b"".join(output.harmless(iter([document("csv", tree, top)]))).decode()
    assert {char for char in shown if not char.isprintable()} <= {"\n"}
