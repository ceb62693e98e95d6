"""Searching a tree that is not the disk's any more; needles; and what is known of a pattern before a file is read."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from random import Random
from typing import Any

import pytest

from smarttree._find import find
from smarttree._grep import FILE_BYTES_MAX
from smarttree.search import Scope, compile_pattern, content, find_names
from smarttree.search.excerpt import Seeker
from smarttree.search.pattern import Needle
from smarttree.tree import Tree
from tests.searching import scanned, search

TODO = compile_pattern(b"TODO", regex=False, case="smart")


def skipped(figures: dict[str, object]) -> dict[str, Any]:
    counts = figures["skipped"]
    assert isinstance(counts, dict)
    return {name: count for name, count in counts.items() if count}


def names(told: list[Any]) -> list[str]:
    """Of the files in which lines match."""
    return [Path(json.loads(data)["path"]["text"]).name for kind, data, _ in told if kind == "match"]


def planted(tmp_path: Path, count: int) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(count):
        (root / f"{number:04}").write_bytes(b"TODO\n")
    return root


# ---------------------------------------------------------------- a tree that is behind the disk


def test_what_was_put_in_the_place_of_a_file_is_not_read(tmp_path: Path) -> None:
    root = planted(tmp_path, 6)
    (tmp_path / "secret").write_bytes(b"TODO: what no one may see\n")
    tree = scanned(root)
    for number in range(5):
        (root / f"{number:04}").unlink()
    (root / "0000").symlink_to("../secret")
    (root / "0001").symlink_to("/dev/zero")
    (root / "0002").mkdir()
    os.mkfifo(root / "0003")
    told, done = search(tree, TODO)
    assert names(told) == ["0005"]
    assert skipped(done.figures()) == {"gone": 5}


def test_nothing_is_taken_from_a_pipe(tmp_path: Path) -> None:
    root = planted(tmp_path, 1)
    tree = scanned(root)
    (root / "0000").unlink()
    os.mkfifo(root / "0000")
    reading = os.open(root / "0000", os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(root / "0000", os.O_WRONLY)
    os.write(writing, b"TODO\n")
    assert not search(tree, TODO).told
    assert os.read(reading, 10) == b"TODO\n"
    os.close(reading)
    os.close(writing)


def test_a_directory_that_became_a_link_leads_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "d" / "e").mkdir(parents=True)
    (tmp_path / "outside" / "e").mkdir(parents=True)
    for top in (root / "d", tmp_path / "outside"):
        (top / "e" / "f").write_bytes(b"TODO\n")
    tree = scanned(root)
    (root / "d").rename(root / "moved")
    (root / "d").symlink_to("../outside")
    told, done = search(tree, TODO)
    assert not told
    assert skipped(done.figures()) == {"gone": 1}


def test_a_file_that_changed_is_read_as_it_is(tmp_path: Path) -> None:
    root = planted(tmp_path, 3)
    tree = scanned(root)
    (root / "0000").write_bytes(b"x\n" * 100_000 + b"TODO\n")
    (root / "0001").write_bytes(b"TODO")
    (root / "0002").write_bytes(b"")
    assert names(search(tree, TODO).told) == ["0000", "0001"]


def test_files_that_change_and_vanish_while_they_are_read_do_no_harm(tmp_path: Path) -> None:
    root = planted(tmp_path, 300)
    tree, ended = scanned(root), threading.Event()

    def churn() -> None:
        rng = Random(1)
        while not ended.is_set():
            path = root / f"{rng.randrange(300):04}"
            match rng.randrange(3):
                case 0:
                    path.unlink(missing_ok=True)
                case 1:
                    path.write_bytes(b"TODO\n" * rng.randrange(20))
                case 2:
                    path.write_bytes(b"x" * rng.randrange(100_000))

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        for _ in range(20):
            lines = [json.loads(message.data) for message in search(tree, TODO).told if message.kind == "match"]
            assert {line["lines"]["text"].strip() for line in lines} <= {"TODO", "TOD", "TO", "T"}
    finally:
        ended.set()
        churning.join()


def test_a_file_beyond_the_bound_is_counted(tmp_path: Path) -> None:
    root = planted(tmp_path, 2)
    os.truncate(root / "0000", FILE_BYTES_MAX + 1)
    tree = scanned(root)
    os.truncate(root / "0001", FILE_BYTES_MAX + 1)  # it grew
    told, done = search(tree, TODO)
    assert not told
    assert skipped(done.figures()) == {"large": 2}


# ---------------------------------------------------------------- order and bounds


def test_what_waits_for_its_turn_is_bounded_and_comes_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for nothing, little files, and thousands of matches in each."""
    monkeypatch.setattr(content, "PENDING_BYTES", 0)
    monkeypatch.setattr(content, "BATCH_FILES", 1)
    monkeypatch.setattr(content, "AHEAD", 3)
    monkeypatch.setattr(content, "PIECES_MAX", 1)
    root = planted(tmp_path, 50)
    (root / "0007").write_bytes(b"TODO\n" * 1000)
    found = names(search(scanned(root), TODO).told)
    assert found == sorted(found)
    assert len(found) == 1049


def test_the_end_of_a_limit_is_where_it_says(tmp_path: Path) -> None:
    root = planted(tmp_path, 10)
    for limit, reached in ((9, True), (10, False), (11, False)):
        told, done = search(scanned(root), TODO, limit=limit)
        assert (len(names(told)), done.limit_reached) == (min(limit, 10), reached)
        assert [message.kind for message in told[-2:]] == ["match", "end"]


def test_of_a_line_beyond_the_bound_an_expression_sees_the_start() -> None:
    data = b"first\n" + b"x" * (3 << 20) + b"needle\nneedle\n"
    seeker = Seeker(compile_pattern(b"needle|first", regex=True, case="smart"), lambda: False)
    assert [line.start for line in seeker.lines(data, 0)] == [0, len(data) - 7]
    assert seeker.long_lines == 1
    exact = Seeker(TODO._replace(exact=b"needle"), lambda: False)
    assert len(list(exact.lines(data, 0))) == 2


# ---------------------------------------------------------------- names


def test_names_come_in_the_order_of_paths(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for path in ("b/c", "b.x", "b-y/z", "a", "b/a/a"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    tree = scanned(root)
    paths = [tree.path(eid) for eid in find(tree, tree.roots()[0], None, None, 0xFFFF, None, 100)]
    below = [path.removeprefix(bytes(root) + b"/") for path in paths]
    assert below == [b"a", b"b", b"b/a", b"b/a/a", b"b/c", b"b-y", b"b-y/z", b"b.x"]
    assert len(find(tree, tree.roots()[0], None, None, 0xFFFF, None, 3)) == 3


def test_a_part_of_a_name_is_found_as_python_finds_it() -> None:
    rng, tree = Random(7), Tree()
    root = tree.issue()
    from smarttree.row import Row

    tree.insert(root, 0, b"/r", Row(0o40755, 0, 0, 0, 1, 1))
    alphabet = ["a", "b", "A", "B", "_", "é", "k", "K", "\u212a"]
    made = {"".join(rng.choices(alphabet, k=rng.randrange(1, 9))) for _ in range(500)}
    for name in made:
        tree.insert(tree.issue(), root, name.encode(), Row(0o100644, 1, 0, 0, 2, 2))
    for _ in range(200):
        wanted = "".join(rng.choices(alphabet, k=rng.randrange(1, 4)))
        pattern = compile_pattern(wanted.encode(), regex=False, case="sensitive")
        told = find_names(Scope(tree, [root]), pattern, 1000, lambda: False).found
        assert len(told) == sum(wanted in name for name in made)
        folded = wanted.replace("\u212a", "k").lower()
        pattern = compile_pattern(wanted.encode(), regex=False, case="ignore")
        told = find_names(Scope(tree, [root]), pattern, 1000, lambda: False).found
        assert len(told) == sum(folded in name.replace("\u212a", "k").lower() for name in made)


# ---------------------------------------------------------------- patterns


@pytest.mark.parametrize(
    ("query", "regex", "needle"),
    [
        ("TODO", False, b"TODO"),
        ("todo", False, b"todo"),
        ("class", False, b"cla"),
        ("ss", False, None),
        ("straße", False, b"tra"),
        ("日本", False, "日本".encode()),
        ("foo.*BAR", True, b"foo"),
        ("fooo?", True, b"foo"),
        ("foo+bar", True, b"bar"),
        ("foo{2}x", True, b"fo"),
        ("foo|bar", True, None),
        ("(foo)", True, None),
        ("(?i)foo", True, None),
        ("(?:foo)bar", True, b"bar"),
        ("[abc]de", True, b"de"),
        (r"\Qa.b\E", True, b"a.b"),
        (r"\.x", True, b".x"),
        (r"\x41bc", True, b"bc"),
        ("x" * 100, False, b"x" * 32),
    ],
)
def test_what_every_match_has_in_it(query: str, regex: bool, needle: bytes | None) -> None:
    found = compile_pattern(query.encode(), regex=regex, case="smart").needle
    assert (found.text if found is not None else None) == needle


def test_the_rarest_byte_is_looked_for_first() -> None:
    assert compile_pattern(b"execute", regex=False, case="sensitive").needle == Needle(b"execute", 1, False)


def test_a_file_is_found_however_long_its_path_is(tmp_path: Path) -> None:
    """Longer than the kernel takes at a time; ripgrep does not get there."""
    root = planted(tmp_path, 1)
    here = os.open(root, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=here)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("deep", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    with open(os.open("deep", os.O_WRONLY, dir_fd=here), "wb") as file:
        file.write(b"TODO\n")
    os.close(here)
    assert names(search(scanned(root), TODO).told) == ["0000", "deep"]
