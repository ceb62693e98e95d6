"""Modes markdown, stats and digest: what people read is what is there, and no name is anything but a name."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from smarttree import modes
from smarttree.clock import Clock
from smarttree.modes import View, markdown, stats
from smarttree.modes.classic import SUFFIXES, human_size
from smarttree.printable import printable
from smarttree.tree import Tree
from tests import plain_trees
from tests.plain_trees import TREES, Row
from tests.printed import undone
from tests.trees import tree_of

PARSER = MarkdownIt("commonmark", {"maxNesting": 1000}).enable(["strikethrough", "table"])
Item = tuple[int, str, str]  # its level, what stands in its code span, what follows


def document(mode: str, tree: Tree, top: int, depth: int | None = None) -> str:
    return b"".join(modes.find(mode).render(View(Clock(7, 9), tree, 0), top, depth=depth)).decode()


# ---------------------------------------------------------------- markdown


def parts(token: Token) -> tuple[str, str]:
    """A code span and the text after it; anything else would be markup that a name has made."""
    children = token.children or []
    assert [child.type for child in children] in (["code_inline"], ["code_inline", "text"])
    return children[0].content, "".join(child.content for child in children[1:])


def parsed(text: str) -> tuple[tuple[str, str], str, list[Item]]:
    """The heading, the totals and the list of a document that has nothing else."""
    tokens = PARSER.parse(text)
    assert [token.type for token in tokens[:6]] == [
        "heading_open", "inline", "heading_close", "paragraph_open", "inline", "paragraph_close",
    ]  # fmt: skip
    level, items = 0, []
    for token in tokens[6:]:
        level += {"bullet_list_open": 1, "bullet_list_close": -1}.get(token.type, 0)
        if token.type == "inline":
            items.append((level, *parts(token)))
        else:
            assert re.fullmatch(r"(bullet_list|list_item|paragraph)_(open|close)", token.type)
    assert len([token for token in tokens if token.type == "list_item_open"]) == len(items)
    return parts(tokens[1]), tokens[4].content, items


def expected_items(tree: Tree, directory: int, depth: int, level: int = 1) -> Iterator[Item]:
    for child in tree.children(directory) if depth else []:
        row, count = tree.row(child), tree.child_count(child)
        kind = row.mode & 0xF000
        note = f" {human_size(row.size)}" if kind == 0x8000 else ""
        if depth == 1 and count:
            note = " 1 entry" if count == 1 else f" {count:,} entries"
        yield level, printable(tree.name(child)) + SUFFIXES.get(kind, ""), note
        yield from expected_items(tree, child, depth - 1, level + 1)


def check_markdown(tree: Tree, top: int, depth: int | None) -> None:
    heading, totals, items = parsed(document("markdown", tree, top, depth))
    assert undone(heading[0]) == tree.path(top).rstrip(b"/") + b"/"
    files, dirs, size = tree.totals(top)
    assert re.sub(r"[,a-z ]+", " ", totals.replace(",", "")).split() == [str(files), str(dirs), human_size(size)]
    assert items == list(expected_items(tree, top, markdown.LEVELS_MAX if depth is None else depth))


@given(
    rows=plain_trees.rows(),
    path=st.sampled_from([b"/", b"/srv/tree", b"/`` \n# x"]),
    depth=st.none() | st.integers(0, 4),
)
@settings(deadline=None)
def test_markdown_is_a_list_of_code_spans(rows: list[Row], path: bytes, depth: int | None) -> None:
    check_markdown(*tree_of(rows, path=path), depth)


@pytest.mark.parametrize("name", TREES)
def test_markdown_of_named_trees(name: str) -> None:
    check_markdown(*tree_of(TREES[name]), None)


@given(st.text("` a*_[\\", min_size=1))
def test_a_code_span_holds_any_line(text: str) -> None:
    inline = PARSER.parse(f"- {markdown.code_span(text)} 1B\n")[3]
    assert parts(inline) == (text, " 1B")


# ---------------------------------------------------------------- stats and digest


def sections(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """The two lines of the head, and the lines of each part by its title."""
    head, *others = text.removesuffix("\n").split("\n\n")
    lines = [part.split("\n") for part in others]
    assert all(line.startswith("  ") for part in lines for line in part[1:])
    return head.split("\n"), {part[0]: [line.strip(" ") for line in part[1:]] for part in lines}


def check_stats(tree: Tree, top: int) -> None:
    text = document("stats", tree, top)
    files, dirs, size = tree.totals(top)
    (path, totals), found = sections(text)
    assert undone(path) == tree.path(top).rstrip(b"/") + b"/"
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]+(?= (?:file|director|bytes))", totals)]
    assert numbers == [files, dirs, *([size] if size >= 1024 else [])]
    entries = [entry for entry in tree.below(top).tolist() if not tree.is_dir(entry)]
    prefix = len(tree.path(top).rstrip(b"/")) + 1
    largest = sorted(entries, key=lambda entry: -tree.row(entry).size)[: stats.RANKED]
    newest = sorted(entries, key=lambda entry: -tree.row(entry).mtime_ns)[: stats.RANKED]
    assert found.get("largest", []) == [
        f"{human_size(tree.row(e).size)}  {printable(tree.path(e)[prefix:])}".rstrip(" ") for e in largest
    ]
    assert found.get("newest", []) == [
        f"{stats.utc(tree.row(e).mtime_ns)}  {printable(tree.path(e)[prefix:])}".rstrip(" ") for e in newest
    ]
    title = next((title for title in found if title.startswith("by extension")), "")
    assert bool(title) == bool(entries)
    if title == "by extension":
        told = [re.fullmatch(r"\S+ +([\d,]+) files?  .*", line) for line in found[title]]
        assert sum(int(line[1].replace(",", "")) for line in told if line) == len(entries)
    elif title:
        assert re.fullmatch(r"by extension, 20 of \d+", title)


@given(plain_trees.rows(), st.sampled_from([b"/", b"/srv/tree", b"/\xff\n  x"]))
@settings(deadline=None)
def test_stats_are_what_is_there(rows: list[Row], path: bytes) -> None:
    check_stats(*tree_of(rows, path=path))


@pytest.mark.parametrize("name", TREES)
def test_stats_of_named_trees(name: str) -> None:
    check_stats(*tree_of(TREES[name]))


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_can_be_told(mtime_ns: int) -> None:
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z|[+-]\d+s", stats.utc(mtime_ns))


def test_times_are_told_in_utc() -> None:
    assert stats.utc(1_700_000_000_999_999_999) == "2023-11-14T22:13:20Z"
    assert stats.utc(-1) == "1969-12-31T23:59:59Z"


@given(plain_trees.rows(), st.sampled_from([b"/", b"/srv/tree", b"/\xff \n"]))
def test_the_digest_is_one_line(rows: list[Row], path: bytes) -> None:
    tree, top = tree_of(rows, path=path)
    for entry in (top, *tree.children(top)):
        line, after = document("digest", tree, entry).split("\n")
        digest, files, dirs, size, shown = line.split(" ", 4)
        assert (int(digest, 16), len(digest), after) == (tree.digest(entry), 32, "")
        assert (int(files), int(dirs), int(size)) == tree.totals(entry)
        assert undone(shown) == tree.path(entry)
