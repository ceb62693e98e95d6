"""The law of the rule book: what holds in a directory follows from where it is now, and is asked of that one alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smarttree._scan import scan
from smarttree.disk.linux import LinuxDisk
from smarttree.ignore import command_rules
from smarttree.reconcile import Reconciliation
from smarttree.rulebook import RuleBook, ruled_anew, sort_out
from smarttree.tree import Tree


class Site:
    """A directory in a Tree, with ids by relative path."""

    def __init__(self, top: Path) -> None:
        self.top, self.tree = top, Tree()
        self.root = self.tree.graft(scan(top), os.fsencode(top))

    def eid(self, path: str) -> int:
        return self.tree.resolve(os.fsencode(self.top / path))

    def reconciliation(self, *moved: str) -> Reconciliation:
        places = [(self.tree.parent(self.eid(path)), self.tree.name(self.eid(path))) for path in moved]
        return Reconciliation(self.tree, moved=places, written=(), lost=False)

    def book(self, found: Reconciliation) -> RuleBook:
        return RuleBook(command_rules(rule_files=True), self.tree, LinuxDisk(), found)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    top = tmp_path / "top"
    (top / "a" / "deep").mkdir(parents=True)
    (top / "b").mkdir()
    (top / "a" / ".gitignore").write_text("x\n/deep/y\n")
    (top / ".git" / "info").mkdir(parents=True)
    return Site(top)


def test_rules_come_from_above(site: Site) -> None:
    book = site.book(site.reconciliation())
    deep = book.within(site.eid("a/deep"))
    assert [deep.ignores(name, False) for name in (b"x", b"y", b"z")] == [True, True, False]
    assert not book.within(site.eid("b")).ignores(b"x", False)
    assert book.within(site.eid(".git")).closed


def test_a_directory_that_was_found_elsewhere_has_the_rules_of_its_place(site: Site) -> None:
    found = site.reconciliation("a/deep")
    book, deep = site.book(found), site.eid("a/deep")
    assert book.within(deep).ignores(b"y", False)
    row = site.tree.row(deep)
    found.see(site.eid("a"), b"deep", None)
    found.see(site.eid("b"), b"deep", row)
    (site.top / "a" / "deep").rename(site.top / "b" / "deep")
    found.match()
    assert found.moved_dirs == [deep]
    assert not book.within(deep).ignores(b"y", False)


def test_another_directory_at_its_place_is_not_asked(site: Site) -> None:
    (site.top / "a").rename(site.top / "away")
    (site.top / "a").mkdir()
    book = site.book(site.reconciliation())
    for path in ("a", "a/deep"):
        with pytest.raises(FileNotFoundError):
            book.within(site.eid(path))


def test_a_name_that_changes_rules_points_to_where_they_hold(site: Site) -> None:
    root, git, info, a = site.root, site.eid(".git"), site.eid(".git/info"), site.eid("a")
    names = {a: {b".ignore", b"x"}, git: {b"info"}, info: {b"exclude"}, site.eid("b"): {b"info", b"exclude"}}
    assert sorted(ruled_anew(site.tree, names)) == sorted([a, root, root])
    assert list(ruled_anew(site.tree, {root: {b".git"}})) == [root]


def test_names_are_sorted_by_whether_they_must_be_looked_at() -> None:
    rules = command_rules((b"*.o", b"d/"))
    assert sort_out(rules, [b"a.o", b"d", b"x"]) == ([b"x"], [b"a.o"], [b"d"])
    assert sort_out(rules.enter(b".git"), [b"HEAD"]) == ([], [], [])
    assert sort_out(command_rules(), [b"a.o"]) == ([b"a.o"], [], [])
