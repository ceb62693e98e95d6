"""The law of views: one clock's Tree, the same for all who ask, and kept only as long as someone asks."""

from __future__ import annotations

import weakref

from smarttree.commits import Commits
from smarttree.ledger import Ledger, Limits
from smarttree.plan import Plan
from smarttree.stream.activity import Activity
from smarttree.stream.log import Log
from smarttree.tree import SERVICE_ID, Tree
from tests.trees import ROOT_PATH, row


def commits_on(tree: Tree) -> Commits:
    log, activity = Log(1, retention_bytes=1 << 20, retention_s=60.0), Activity([ROOT_PATH])
    return Commits(tree, Ledger(tree), log, activity, 7, Limits(1 << 20, 1 << 20), lambda: 0)


def test_a_view_is_shared_until_the_clock_moves_on() -> None:
    tree = Tree()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(0o040755))
    commits = commits_on(tree)
    before = commits.view()
    assert commits.view() is before
    new = tree.issue()
    commits.carry_out(Plan(creates={new: ((root, b"a"), row(0o100644))}), more=False)
    after = commits.view()
    assert (before.clock.seq, after.clock.seq) == (1, 2)
    assert new not in before.tree
    assert new in after.tree


def test_a_view_that_nobody_asks_for_is_let_go() -> None:
    commits = commits_on(Tree())
    kept = weakref.ref(commits.view().tree)
    commits.release(0.0)
    assert kept() is not None
    assert commits.view().tree is kept()
    commits.release(0.0)
    commits.release(0.0)
    assert kept() is None
