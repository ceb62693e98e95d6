"""The law of the Tree: whatever is done to it, it equals a dict to which the same was done, and what it refuses leaves
it as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from smarttree import codec
from smarttree.tree import NO_ID, SERVICE_ID, Row, Tree
from tests.plain_trees import DIRECTORY, FILE
from tests.trees import ROOT_PATH, Forest, Node, random_row, row

DETACHED = -1
NAMES = [b"a", b"b", b"a.b", b"\xff", b"line\n", b"n" * 200, b"n" * 199 + b"o", b"m" * 255]


class Pair:
    """A Tree and its model, to which the same is done. Every `…_wrong` is an operation that must be refused."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.tree, self.model = Tree(), Forest()
        self.dead: list[int] = []
        self.detached: set[int] = set()
        self.frozen: list[tuple[Tree, Forest]] = []
        for path in (ROOT_PATH, b"/srv/other"):
            eid = self.tree.issue()
            self._insert(eid, SERVICE_ID, path, row(DIRECTORY))

    def _insert(self, eid: int, parent: int, name: bytes, values: Row) -> None:
        self.tree.insert(eid, parent, name, values)
        self.model.nodes[eid] = Node(parent, name, values)

    def any(self) -> int:
        """An entry that is no root."""
        known = [eid for eid, node in self.model.nodes.items() if node.parent != SERVICE_ID]
        return self.rng.choice(known) if known else 0

    def directory(self) -> int:
        return self.rng.choice([eid for eid in self.model.nodes if self.model.is_dir(eid)])

    def free_name(self, parent: int) -> bytes:
        taken = {self.model.nodes[eid].name for eid in self.model.children(parent)}
        left = [name for name in NAMES if name not in taken]
        return self.rng.choice(left) if left else b"x%d" % self.rng.randrange(10**9)

    def insert(self) -> None:
        parent, eid = self.directory(), self.tree.issue()
        assert eid not in self.tree
        assert eid not in self.model.nodes
        if eid in self.dead:
            self.dead.remove(eid)
        self._insert(eid, parent, self.free_name(parent), random_row(self.rng, is_dir=self.rng.random() < 0.4))

    def move(self) -> None:
        eid, parent = self.any(), self.directory()
        if not eid or eid in self.model.chain(parent) or eid in self.detached:
            return
        name = self.free_name(parent)
        self.tree.move(eid, parent, name)
        self.model.nodes[eid] = Node(parent, name, self.model.nodes[eid].row)

    def detach(self) -> None:
        eid = self.any()
        if eid and eid not in self.detached:
            self.tree.detach(eid)
            self.detached.add(eid)
            self.model.nodes[eid] = self.model.nodes[eid]._replace(parent=DETACHED)

    def attach(self) -> None:
        for eid in sorted(self.detached):
            parent = self.directory()
            if eid not in self.model.chain(parent):
                name = self.free_name(parent)
                self.tree.attach(eid, parent, name)
                self.detached.remove(eid)
                self.model.nodes[eid] = Node(parent, name, self.model.nodes[eid].row)
                return

    def remove(self) -> None:
        eid = self.any()
        if not eid:
            return
        gone = {eid, *self.model.below(eid)}
        died = self.tree.remove(eid)
        assert sorted(died) == sorted(gone)
        self.detached -= gone
        for one in gone:
            del self.model.nodes[one]
        self.dead += died

    def update(self) -> None:
        eid = self.any()
        if eid:
            values = random_row(self.rng, is_dir=self.model.is_dir(eid))
            self.tree.update(eid, values)
            self.model.nodes[eid] = self.model.nodes[eid]._replace(row=values)

    def recycle(self) -> None:
        half = self.dead[: len(self.dead) // 2]
        self.tree.recycle(half)
        self.dead = self.dead[len(half) :]
        assert all(eid not in self.tree for eid in half)

    def freeze(self) -> None:
        """A copy stays what it was; and what is done to another copy is seen nowhere else."""
        if len(self.frozen) < 3:
            self.frozen.append((self.tree.copy(), self.model.copy()))
        scratch = self.tree.copy()
        for root in scratch.roots():
            scratch.remove(root)
        for _ in range(10):
            scratch.insert(scratch.issue(), SERVICE_ID, b"/x%d" % len(scratch), row(DIRECTORY))

    # --- what is refused --------------------------------------------------------------------------------------------

    def wrong(self) -> None:
        tree, eid, model = self.tree, self.any(), self.model
        parent = self.directory()
        file = next((e for e in model.nodes if not model.is_dir(e)), 0)
        taken = next(iter(model.children(parent)), 0)
        new = tree.issue()
        attempts: list[tuple[type[Exception], Callable[[], object]]] = [
            (ValueError, lambda: tree.insert(new, parent, b"", row())),
            (ValueError, lambda: tree.insert(new, parent, b"n" * 65_536, row())),
            (ValueError, lambda: tree.insert(parent, parent, b"new", row())),
            (ValueError, lambda: tree.insert(10**8, parent, b"new", row())),
            (ValueError, lambda: tree.update(parent, row(FILE))),
            (KeyError, lambda: tree.insert(new, 10**8, b"new", row())),
            (KeyError, lambda: tree.insert(new, -1, b"new", row())),
            (KeyError, lambda: tree.remove(new)),
            (KeyError, lambda: tree.path(NO_ID)),
            (ValueError, lambda: tree.remove(SERVICE_ID)),
            (ValueError, lambda: tree.move(SERVICE_ID, parent, b"new")),
            (ValueError, lambda: tree.move(parent, parent, b"new")),
        ]
        if taken:
            name = model.nodes[taken].name
            attempts.append((FileExistsError, lambda: tree.insert(new, parent, name, row())))
            attempts.append((ValueError, lambda: tree.attach(taken, parent, b"new")))
        if file:
            attempts.append((NotADirectoryError, lambda: tree.insert(new, file, b"new", row())))
            attempts.append((ValueError, lambda: tree.update(file, row(DIRECTORY))))
            attempts.append((NotADirectoryError, lambda: tree.move(parent, file, b"new")))
        if eid:
            below = self.rng.choice([eid, *(e for e in model.below(eid) if model.is_dir(e))])
            if model.is_dir(below):
                attempts.append((ValueError, lambda: tree.move(eid, below, b"new")))
        if self.detached:
            loose = min(self.detached)
            attempts.append((ValueError, lambda: tree.detach(loose)))
            attempts.append((ValueError, lambda: tree.attach(loose, loose, b"new"))) if model.is_dir(loose) else None
        kind, attempt = self.rng.choice(attempts)
        before = tree.copy()
        with pytest.raises(kind):
            attempt()
        assert_equal(tree, before)
        tree.recycle([new])

    # --- the law ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        check_against(self.tree, self.model)


def assert_equal(tree: Tree, other: Tree) -> None:
    assert len(tree) == len(other)
    assert tree.digest(SERVICE_ID) == other.digest(SERVICE_ID)
    assert tree.totals(SERVICE_ID) == other.totals(SERVICE_ID)
    assert not list(codec.diff(other, tree))


def check_against(tree: Tree, model: Forest) -> None:
    """Everything that can be asked of the Tree is as the model computes it anew."""
    assert len(tree) == len(model.nodes)
    assert sorted(tree.roots()) == sorted(model.children(SERVICE_ID))
    assert tree.digest(SERVICE_ID) == model.digest(SERVICE_ID)
    assert tree.totals(SERVICE_ID) == model.totals(SERVICE_ID)
    assert tree.below(SERVICE_ID).tolist() == model.below(SERVICE_ID)
    sizes, modes, parents = tree.column("size"), tree.column("mode"), tree.column("parent")
    assert int((modes != 0).sum()) == len(model.nodes) + 1
    for eid, node in model.nodes.items():
        assert tree.parent(eid) == (NO_ID if node.parent == DETACHED else node.parent) == parents[eid]
        assert (tree.name(eid), tree.row(eid)) == (node.name, node.row)
        assert tree.path(eid) == model.path(eid)
        assert (int(sizes[eid]), int(modes[eid])) == (node.row.size, node.row.mode)
        if node.parent != DETACHED:
            assert tree.child(node.parent, node.name) == eid
    for eid in [e for e in model.nodes if model.is_dir(e)]:
        assert tree.children(eid) == model.children(eid)
        assert tree.child_count(eid) == len(model.children(eid))
        assert tree.child(eid, b"no such name") == NO_ID


@pytest.mark.parametrize("seed", range(6))
def test_equals_a_dict(seed: int) -> None:
    pair = Pair(seed)
    steps = [pair.insert] * 6 + [pair.move] * 6 + [pair.update] * 3 + [pair.remove, pair.detach] + [pair.attach] * 3
    steps += [pair.wrong] * 2
    rare = [pair.recycle, pair.freeze, pair.check]
    for _ in range(1_500):
        pair.rng.choice(rare if pair.rng.random() < 0.02 else steps)()
        while len(pair.model.nodes) > 120:
            pair.remove()
    pair.check()
    for eid in pair.model.nodes:
        assert pair.tree.digest(eid) == (pair.model.digest(eid) if pair.model.is_dir(eid) else 0)
        assert pair.tree.totals(eid) == pair.model.totals(eid)
    for tree, model in pair.frozen:
        check_against(tree, model)


def test_what_was_packed_is_whole() -> None:
    """Enough churn of names and of spans that both arenas are packed many times over."""
    rng, tree, model = Random(3), Tree(), Forest()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(DIRECTORY))
    model.nodes[root] = Node(SERVICE_ID, ROOT_PATH, row(DIRECTORY))
    tops = []
    for n in range(4):
        tops.append(tree.issue())
        tree.insert(tops[-1], root, b"top%d" % n, row(DIRECTORY))
        model.nodes[tops[-1]] = Node(root, b"top%d" % n, row(DIRECTORY))
    for turn in range(4):
        for n in range(16_000):
            eid, parent, name = tree.issue(), tops[n % 4], b"%d-%d-" % (turn, rng.randrange(10**9)) + b"x" * (n % 40)
            tree.insert(eid, parent, name, row(FILE, n))
            model.nodes[eid] = Node(parent, name, row(FILE, n))
        moved = rng.sample([eid for eid, node in model.nodes.items() if node.parent in tops], 2_000)
        for eid in moved:
            name = b"moved-%d" % eid + b"y" * 50
            tree.move(eid, root, name)
            model.nodes[eid] = Node(root, name, model.nodes[eid].row)
        top = tops.pop(0)
        for eid in tree.remove(top):
            del model.nodes[eid]
        tops.append(tree.issue())
        tree.insert(tops[-1], root, b"again%d" % turn, row(DIRECTORY))
        model.nodes[tops[-1]] = Node(root, b"again%d" % turn, row(DIRECTORY))
    assert len(tree) == len(model.nodes)
    assert tree.below(SERVICE_ID).tolist() == model.below(SERVICE_ID)
    assert tree.digest(SERVICE_ID) == model.digest(SERVICE_ID)
    assert tree.totals(SERVICE_ID) == model.totals(SERVICE_ID)
    assert all(tree.name(eid) == node.name for eid, node in model.nodes.items())


def test_resolve_leads_down_and_never_up() -> None:
    tree = Tree()
    slash, other = tree.issue(), tree.issue()
    tree.insert(other, SERVICE_ID, b"/srv/a", row(DIRECTORY))
    inner, file = tree.issue(), tree.issue()
    tree.insert(inner, other, b"in", row(DIRECTORY))
    tree.insert(file, inner, b"f", row(FILE))
    assert tree.resolve(b"/srv/a") == other
    assert tree.resolve(b"/srv/a/in/f") == file
    assert tree.root_of(file) == other
    for nowhere in (b"/srv/a/in/..", b"/srv/a/", b"/srv/ab", b"/srv", b"", b"in", b"/srv/a/in/f/x", b"/srv/a/no/x"):
        assert tree.resolve(nowhere) == NO_ID
    whole = Tree()
    assert whole.issue() == slash
    whole.insert(slash, SERVICE_ID, b"/", row(DIRECTORY))
    leaf = whole.issue()
    whole.insert(leaf, slash, b"etc", row(DIRECTORY))
    assert whole.path(leaf) == b"/etc"
    assert whole.resolve(b"/etc") == leaf


def test_roots_keep_their_order_and_paths_are_whole() -> None:
    tree = Tree()
    for path in (b"/z", b"/a", b"/m"):
        tree.insert(tree.issue(), SERVICE_ID, path, row(DIRECTORY))
    assert [tree.name(root) for root in tree.roots()] == [b"/z", b"/a", b"/m"]
    tree.remove(tree.roots()[1])
    assert [tree.path(root) for root in tree.roots()] == [b"/z", b"/m"]
    assert tree.path(SERVICE_ID) == b""


def test_values_out_of_range_leave_the_tree_as_it_was() -> None:
    tree = Tree()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(DIRECTORY))
    new = tree.issue()
    good = row(FILE, 1, 2, ino=3, birth=4, ctime_ns=5)
    for at, bad in enumerate([1 << 16, 1 << 64, 1 << 63, 1 << 63, 1 << 64, 1 << 32]):
        values = list(good)
        values[at] = bad
        before = tree.copy()
        with pytest.raises(OverflowError):
            tree.insert(new, root, b"f", Row._make(values))
        assert_equal(tree, before)
    tree.insert(new, root, b"f", good)
    for at, bad in enumerate([1 << 16, 1 << 64, 1 << 63, 1 << 63, 1 << 64, 1 << 32]):
        values = [FILE, 9, 9, 9, 9, 9, 9]
        values[at] = bad
        with pytest.raises(OverflowError):
            tree.update(new, Row._make(values))
        assert tree.row(new) == good


def test_inodes() -> None:
    tree = Tree()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(DIRECTORY, ino=7))
    ids = {}
    for name, ino in {b"a.c": 7, b"b.c": 7, b"c": 8, b".hidden": 9, b"x.tar.gz": 2**63}.items():
        ids[name] = tree.issue()
        tree.insert(ids[name], root, name, row(FILE, len(name), ino=ino))
    assert sorted(tree.with_inodes({7, 2**63})) == sorted(
        [(7, ids[b"a.c"]), (7, ids[b"b.c"]), (2**63, ids[b"x.tar.gz"])]
    )
    assert tree.with_inodes(set()) == []
