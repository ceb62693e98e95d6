"""The law of views that are made of the one before: each is as a copy of the Tree would be, and late for nobody."""

from __future__ import annotations

import threading
from random import Random

import pytest

from smarttree import codec
from smarttree.commits import Commits
from smarttree.modes import View
from smarttree.plan import Plan, Update
from smarttree.tree import SERVICE_ID, Tree
from smarttree.views import LED_ON_BYTES
from tests.trees import ROOT_PATH, row
from tests.unit.test_commits import commits_on

STEPS = 60
CLOCK = commits_on(Tree()).clock


def grown(entries: int = 50) -> tuple[Tree, Commits, int]:
    tree = Tree()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(0o040755))
    commits = commits_on(tree)
    create(tree, commits, root, [b"%d" % number for number in range(entries)])
    return tree, commits, root


def create(tree: Tree, commits: Commits, parent: int, names: list[bytes], mode: int = 0o100644) -> None:
    commits.carry_out(Plan(creates={tree.issue(): ((parent, name), row(mode)) for name in names}), more=False)


def change(tree: Tree, commits: Commits, rng: Random, step: int) -> None:
    """One of what may happen, by chance."""
    entries = [eid for eid in tree.below(SERVICE_ID).tolist() if tree.parent(eid) != SERVICE_ID]
    dirs = [eid for eid in tree.below(SERVICE_ID).tolist() if tree.is_dir(eid)]
    kind, name = rng.randrange(4), b"step-%d" % step
    if kind == 0 or not entries:
        create(tree, commits, rng.choice(dirs), [name], rng.choice([0o100644, 0o040755]))
        return
    eid = rng.choice(entries)
    if kind == 1:
        commits.carry_out(Plan(deletes={eid}), more=False)
    elif kind == 2 and not tree.is_dir(eid):
        commits.carry_out(Plan(updates={eid: Update(row(0o100600, size=step, mtime_ns=step), True)}), more=False)
    else:
        places = (
            [up for up in dirs if up != eid and up not in set(tree.below(eid).tolist())] if tree.is_dir(eid) else dirs
        )
        commits.carry_out(Plan(moves={eid: (rng.choice(places), name)}), more=False)


def told(tree: Tree) -> bytes:
    """All that anyone is told of a tree, ids and all."""
    return codec.encode_snapshot(tree, tree.roots()[0], CLOCK)


@pytest.mark.parametrize("seed", range(20))
def test_each_is_what_a_copy_would_be(seed: int) -> None:
    rng = Random(seed)
    tree, commits, _ = grown()
    views: list[tuple[View, bytes]] = []
    for step in range(STEPS):
        change(tree, commits, rng, step)
        if rng.random() < 0.4:
            view = commits.view()
            assert (view.clock, view.digest) == (commits.clock, tree.digest(SERVICE_ID))
            assert told(view.tree) == told(tree)
            assert view.tree.totals(SERVICE_ID) == tree.totals(SERVICE_ID)
            views.append((view, told(tree)))
    assert [told(view.tree) for view, _ in views] == [before for _, before in views], "a view has changed"


def test_one_after_too_much_is_a_copy_and_as_good() -> None:
    tree, commits, root = grown()
    first = commits.view()
    while (commits._log.cost_after(first.clock.seq) or 0) <= LED_ON_BYTES:
        create(tree, commits, root, [b"%d-%d" % (len(tree), number) for number in range(500)])
    assert commits.view().tree.digest(SERVICE_ID) == tree.digest(SERVICE_ID)


def test_the_batch_that_led_to_it_is_with_it() -> None:
    tree, commits, root = grown()
    for number in range(3):
        create(tree, commits, root, [b"new-%d" % number])
        view, last = commits.pinned()
        assert last is not None
        assert (last.to_seq, last.digest) == (view.clock.seq, view.digest)


def test_in_another_epoch_nothing_is_made_of_the_old_one() -> None:
    tree, commits, root = grown()
    before = commits.view()
    commits._epoch += 1
    create(tree, commits, root, [b"new"])
    after = commits.view()
    assert after.clock.epoch == before.clock.epoch + 1
    assert after.digest == tree.digest(SERVICE_ID)


def test_who_asks_while_much_is_committed_sees_a_clock_not_before(capfd: pytest.CaptureFixture[str]) -> None:
    tree, commits, root = grown(2_000)
    ended, wrong, seen = threading.Event(), list[str](), set[int]()

    def ask() -> None:
        while not ended.is_set():
            asked = commits.clock
            view = commits.view()
            seen.add(view.clock.seq)
            if view.clock.seq < asked.seq or view.tree.digest(SERVICE_ID) != view.digest:
                wrong.append(f"{asked} {view.clock}")
            if view.tree.totals(SERVICE_ID).files != 2_000 + 10 * (view.clock.seq - 2):
                wrong.append(f"{view.clock} has {view.tree.totals(SERVICE_ID)}")

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for number in range(300):
        create(tree, commits, root, [b"%d-%d" % (number, n) for n in range(10)])
    ended.set()
    for asker in askers:
        asker.join()
    assert wrong == []
    assert len(seen) > 1
