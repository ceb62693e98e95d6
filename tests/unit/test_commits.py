"""The law of views: one clock's Tree, the same for all who ask, and kept only as long as someone asks."""

from __future__ import annotations

import threading
import weakref

from smarttree import census
from smarttree.commits import LOOKS_MAX, Commits
from smarttree.ledger import Ledger, Limits
from smarttree.modes import View
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


def test_a_look_is_at_one_clock_and_only_who_comes_late_is_copied_for() -> None:
    tree = Tree()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(0o040755))
    commits = commits_on(tree)
    for number in range(3):
        for _ in range(2):
            assert commits.look(lambda view: view.tree, brief=True) is tree
        for _ in range(LOOKS_MAX):
            assert commits.look(lambda view: view.tree) is tree
        copied = commits.look(lambda view: view.tree)
        assert copied is not tree
        assert copied is commits.look(lambda view: view.tree, brief=True) is commits.view().tree
        assert commits.look(lambda view: view.clock) == commits.clock
        new = tree.issue()
        commits.carry_out(Plan(creates={new: ((root, b"%d" % number), row(0o100644))}), more=False)
        assert new not in copied


def test_a_tree_gets_no_other_memory_while_someone_looks_at_it() -> None:
    tree, grown = Tree(), list[int]()
    commits = commits_on(tree)
    growing = tree.growing
    assert isinstance(growing, type(threading.Lock()))
    for _ in range(LOOKS_MAX):
        assert commits.look(lambda view: growing.locked())
    assert not commits.look(lambda view: growing.locked())  # of a copy

    class Growing:
        def __enter__(self) -> None:
            self.before = tree.nbytes

        def __exit__(self, *_: object) -> None:
            grown.append(tree.nbytes - self.before)

    tree.growing = Growing()
    before = tree.nbytes
    for _ in range(10_000):
        tree.issue()
    assert all(grown)
    assert sum(grown) == tree.nbytes - before > 0


def test_who_looks_sees_no_half_of_a_commit() -> None:
    tree, ended = Tree(), threading.Event()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(0o040755))
    commits, seen = commits_on(tree), list[tuple[int, int, int]]()

    def counted(view: View) -> tuple[int, int, int]:
        below = census.take(view.tree, SERVICE_ID, 1)
        return view.clock.seq, view.tree.totals(SERVICE_ID).files, sum(each.files for each in below.by_files(64))

    def look() -> None:
        while not ended.is_set():
            seen.append(commits.look(counted))

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(300):
        creates = {tree.issue(): ((root, b"%d-%d" % (number, n)), row(0o100644)) for n in range(10)}
        commits.carry_out(Plan(creates=creates), more=False)
    ended.set()
    watcher.join()
    assert all(files == counted == 10 * (seq - 1) for seq, files, counted in seen)
