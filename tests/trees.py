"""Named trees on a disk, and trees and forests in memory: what tests of the core are made of.

Law: a name stands for one tree, always; what is random is a pure function of the seed it is given.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from smarttree._looks import Looks
from smarttree.clock import Clock
from smarttree.plan import Plan, Update
from smarttree.tree import SERVICE_ID, Row, Tree
from spec.qtn1 import Entry
from tests.plain_encoder import digest_of, directory_order, service_digest
from tests.plain_trees import DIRECTORY, FILE, LINK, PIPE
from tests.plain_trees import Row as PlainRow

ROOT_PATH = b"/srv/tree"
CLOCK = Clock(0xFEDC_BA98_7654_3210, 41)

# ---------------------------------------------------------------- on a disk


def plant_empty(top: int) -> None:
    """Nothing."""


def plant_one_file(top: int) -> None:
    """One file of one byte."""
    write(top, b"a", b"x")


def plant_every_kind(top: int) -> None:
    """Every kind of entry, links that lead nowhere and round in a circle, two names of one file."""
    os.mkdir(b"dir", 0o750, dir_fd=top)
    os.mkdir(b"dir/empty", dir_fd=top)
    write(top, b"file", b"1234567")
    write(top, b"dir/script", b"#!", mode=0o4755)
    write(top, b"nothing", b"")
    os.link(b"file", b"dir/other name", src_dir_fd=top, dst_dir_fd=top)
    os.mkfifo(b"pipe", dir_fd=top)
    os.symlink(b"nowhere", b"dangling", dir_fd=top)
    os.symlink(b"circle", b"circle", dir_fd=top)
    os.symlink(b"..", b"dir/up", dir_fd=top)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{top}/socket")
    os.utime(b"file", ns=(0, -1), dir_fd=top)
    os.utime(b"nothing", ns=(0, 1_700_000_000_123_456_789), dir_fd=top)


ODD_NAMES = [
    b"\xff\xfe", b"\x01", b"caf\xe9", "caf\u00e9".encode(), b"new\nline", b"tab\there", b"-rf", b"...", b" ", b"*",
    b"a.", b".a", b"a.b.c", b"n" * 255, b"n" * 254 + b"\x80", b"'\"\\$`", b"%p%n", b"A", b"a", b"b", b"B",
]  # fmt: skip


def plant_odd_names(top: int) -> None:
    """Names no one expects, as files and as directories with a file in them."""
    for name in ODD_NAMES:
        write(top, name, name)
    os.mkdir(b"dirs", dir_fd=top)
    for name in ODD_NAMES:
        os.mkdir(b"dirs/" + name, dir_fd=top)
        write(top, b"dirs/" + name + b"/x", b"")


def plant_nested(top: int, levels: int, name: bytes) -> None:
    """`levels` directories, each in the one before, and a file beside each."""
    fd = os.dup(top)
    for level in range(levels):
        write(fd, b"f", b"x" * (level % 3))
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)


def plant_deep(top: int) -> None:
    """Paths of 20,000 bytes, five times PATH_MAX."""
    plant_nested(top, 100, b"d" * 200)


def plant_wide(top: int) -> None:
    """20,000 entries in one directory, made in no order; each file has 20 names, which is quicker to make."""
    names = [b"%05d" % n for n in range(20_000)]
    Random(1).shuffle(names)
    for n, name in enumerate(names):
        if n % 20 == 0:
            write(top, name, b"x" * (n % 7))
        else:
            os.link(names[n - n % 20], name, src_dir_fd=top, dst_dir_fd=top)


def plant_bushy(top: int) -> None:
    """600 directories of all depths up to 40, most of them with files: what several threads share out among them."""
    rng = Random(2)
    places = [b""]
    for n in range(600):
        above = rng.choice(places[-60:] if n % 3 else places)
        place = above + b"d%d/" % n
        os.mkdir(place, dir_fd=top)
        if place.count(b"/") < 40:
            places.append(place)
        for f in range(rng.randrange(5)):
            write(top, place + b"f%d.%s" % (f, rng.choice([b"c", b"h", b"txt"])), b"x" * rng.randrange(9))


ON_DISK: dict[str, Callable[[int], None]] = {
    "EMPTY": plant_empty, "ONE_FILE": plant_one_file, "EVERY_KIND": plant_every_kind, "ODD_NAMES": plant_odd_names,
    "DEEP": plant_deep, "WIDE": plant_wide, "BUSHY": plant_bushy,
}  # fmt: skip


def write(directory: int, name: bytes, content: bytes, *, mode: int = 0o644) -> None:
    """A file in an open directory."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=directory)
    os.write(fd, content)
    os.fchmod(fd, mode)
    os.close(fd)


# ---------------------------------------------------------------- in memory


def row(mode: int = FILE, size: int = 0, mtime_ns: int = 0, *, ino: int = 0, birth: int = 0, ctime_ns: int = 0) -> Row:
    """A `Row` of which only some values matter."""
    return Row(mode, size, mtime_ns, ctime_ns, ino, birth)


def tree_of(rows: Sequence[PlainRow], *, path: bytes = ROOT_PATH, seed: int | None = None) -> tuple[Tree, int]:
    """The Tree of plain rows, and its root's id. Ids are in the rows' order, or scattered by `seed`."""
    tree = Tree()
    ids = [tree.issue() for _ in range(len(rows) + 1)]
    if seed is not None:
        ids = Random(seed).sample(ids + [tree.issue() for _ in range(3 * len(ids))], len(ids))
    tree.insert(ids[0], SERVICE_ID, path, row(DIRECTORY, 0, -1))
    for eid, (parent, name, mode, size, mtime_ns) in zip(ids[1:], rows, strict=True):
        tree.insert(eid, ids[parent], name, row(mode, size, mtime_ns))
    return tree, ids[0]


def entries_of(tree: Tree, top: int = SERVICE_ID) -> dict[int, Entry]:
    """What is below `top`, as the plain decoder would hold it."""
    found = {}
    for eid in tree.below(top).tolist():
        mode, size, mtime_ns = tree.row(eid)[:3]
        found[eid] = Entry(eid, tree.parent(eid), tree.name(eid), mode, size, mtime_ns)
    return found


class Node(NamedTuple):
    """One entry of a `Forest`."""

    parent: int
    name: bytes
    row: Row


class Forest:
    """The model of a Tree: a dict, and everything computed from it anew. What has the parent None is detached."""

    def __init__(self, nodes: dict[int, Node] | None = None) -> None:
        self.nodes: dict[int, Node] = nodes if nodes is not None else {}

    def copy(self) -> Forest:
        return Forest(dict(self.nodes))

    def is_dir(self, eid: int) -> bool:
        return eid == SERVICE_ID or self.nodes[eid].row.is_dir

    def children(self, parent: int) -> list[int]:
        """Sorted by name."""
        return sorted((e for e, node in self.nodes.items() if node.parent == parent), key=lambda e: self.nodes[e].name)

    def below(self, top: int) -> list[int]:
        """In directory order (spec/QTN1.md, section 2)."""
        return [entry.id for entry in directory_order(self.entries(), top)[0]]

    def chain(self, eid: int) -> Iterator[int]:
        """An entry, its parent, and so on; ends at a root or at what is detached."""
        while eid in self.nodes:
            yield eid
            eid = self.nodes[eid].parent

    def path(self, eid: int) -> bytes:
        return b"/".join(reversed([self.nodes[e].name for e in self.chain(eid)]))

    def entries(self) -> list[Entry]:
        return [
            Entry(eid, node.parent, node.name, node.row.mode, node.row.size, node.row.mtime_ns)
            for eid, node in self.nodes.items()
        ]

    def digest(self, eid: int) -> int:
        """Section 6 of the format, from scratch."""
        if eid == SERVICE_ID:
            return service_digest((self.nodes[root].name, self.digest(root)) for root in self.children(SERVICE_ID))
        return digest_of(self.entries(), eid)

    def totals(self, eid: int) -> tuple[int, int, int]:
        """(files, directories, bytes) below an entry; the service's roots are not counted."""
        below = [self.nodes[e].row for e in self.below(eid)]
        dirs = sum(r.is_dir for r in below) - (len(self.children(eid)) if eid == SERVICE_ID else 0)
        return sum(not r.is_dir for r in below), dirs, sum(r.size for r in below)

    def tree(self, ids: int) -> Tree:
        """A real Tree of this forest, in which the ids 1 to `ids` are issued."""
        tree = Tree()
        for _ in range(ids):
            tree.issue()
        for eid in self.below(SERVICE_ID):
            tree.insert(eid, *self.nodes[eid])
        return tree


ROOT = 1
MODES = [FILE, FILE | 0o111, LINK, PIPE]


def random_row(rng: Random, *, is_dir: bool) -> Row:
    """Values of which many are equal."""
    mode = rng.choice([DIRECTORY, DIRECTORY | 0o2000]) if is_dir else rng.choice(MODES)
    size = 0 if is_dir else rng.choice([0, 1, 1, 300, 2**40])
    return Row(mode, size, rng.choice([-1, 0, 5, 10**18]), rng.randrange(4), rng.randrange(1000), rng.randrange(3))


def random_forest(rng: Random, kinds: Sequence[bool], names: Sequence[bytes], *, absent: float = 0.2) -> Forest:
    """Entries ROOT + 1 ... strewn anywhere below ROOT; `kinds[n]`: whether the n-th of them is a directory.

    Each is left out with the chance `absent`, or where its place is taken.
    """
    forest = Forest({ROOT: Node(SERVICE_ID, ROOT_PATH, row(DIRECTORY))})
    directories, taken = [ROOT], set()
    for n in rng.sample(range(len(kinds)), len(kinds)):
        place = rng.choice(directories[-5:]), rng.choice(names)
        if place in taken or rng.random() < absent:
            continue
        taken.add(place)
        forest.nodes[ROOT + 1 + n] = Node(*place, random_row(rng, is_dir=kinds[n]))
        if kinds[n]:
            directories.append(ROOT + 1 + n)
    return forest


def evolved(rng: Random, before: Forest, kinds: Sequence[bool], names: Sequence[bytes], changes: int) -> Forest:
    """`before` after a few moves, exchanges, deletions, creations and modifications."""
    after = before.copy()
    for _ in range(changes):
        below = [eid for eid in after.nodes if eid != ROOT]
        eid = rng.choice(below) if below else ROOT
        match rng.randrange(5):
            case 0:
                _move(rng, after, eid, names)
            case 1:
                _exchange(after, eid, rng.choice([*below, ROOT]))
            case 2 if eid != ROOT:
                for gone in [*after.below(eid), eid]:
                    del after.nodes[gone]
            case 3:
                new = ROOT + 1 + rng.randrange(len(kinds))
                if new not in after.nodes:
                    after.nodes[new] = Node(-1, b"", random_row(rng, is_dir=kinds[new - ROOT - 1]))
                    if not _move(rng, after, new, names):
                        del after.nodes[new]
            case _:
                after.nodes[eid] = after.nodes[eid]._replace(row=random_row(rng, is_dir=after.is_dir(eid)))
    return after


def _move(rng: Random, forest: Forest, eid: int, names: Sequence[bytes]) -> bool:
    parent, name = rng.choice([e for e in forest.nodes if forest.is_dir(e)]), rng.choice(names)
    taken = any(node.parent == parent and node.name == name for node in forest.nodes.values())
    if eid == ROOT or taken or eid in forest.chain(parent):
        return False
    forest.nodes[eid] = Node(parent, name, forest.nodes[eid].row)
    return True


def _exchange(forest: Forest, a: int, b: int) -> None:
    if ROOT in (a, b) or a in forest.chain(b) or b in forest.chain(a):
        return
    one, two = forest.nodes[a], forest.nodes[b]
    forest.nodes[a], forest.nodes[b] = Node(two.parent, two.name, one.row), Node(one.parent, one.name, two.row)


def pair(seed: int, *, size: int = 14) -> tuple[Forest, Forest, int]:
    """Two states of one id space, and how many ids that has: unrelated for even seeds, near for odd ones."""
    rng = Random(seed)
    kinds = [rng.random() < 0.5 for _ in range(size)]
    names = [b"a", b"b", b"c", b"dd.txt", b"\xff\n"][: rng.randrange(2, 6)]
    before = random_forest(rng, kinds, names)
    if seed % 2:
        return before, evolved(rng, before, kinds, names, rng.randrange(1, 12)), size + 1
    after = random_forest(rng, kinds, names)
    for eid in after.nodes.keys() & before.nodes.keys():
        if rng.random() < 0.5:
            after.nodes[eid] = after.nodes[eid]._replace(row=before.nodes[eid].row)
    return before, after, size + 1


def plan_between(before: Forest, after: Forest) -> Plan:
    """What must happen to `before` so that it becomes `after`, as the reconciler would put it."""
    plan = Plan()
    for eid in after.below(SERVICE_ID):
        node = after.nodes[eid]
        if eid not in before.nodes:
            plan.creates[eid] = ((node.parent, node.name), node.row)
            continue
        if node[:2] != before.nodes[eid][:2]:
            plan.moves[eid] = (node.parent, node.name)
        if node.row != before.nodes[eid].row:
            plan.updates[eid] = Update(node.row, told=False)
    gone = before.nodes.keys() - after.nodes.keys()
    plan.deletes = {eid for eid in gone if before.nodes[eid].parent not in gone}
    return plan


def made_routine(before: Forest, after: Forest, plan: Plan, tree: Tree) -> Plan:
    """The same plan, with what is routine in it as such. `tree` is as `before` says."""
    taken = {node[:2] for node in after.nodes.values()}
    for eid, node in before.nodes.items():
        name = node.name
        if eid in plan.updates and not node.row.is_dir and eid not in plan.moves:
            _, told = plan.updates[eid]
            written = {(node.parent, name)} if told else set()
            if not _sort_out(plan, tree, node.parent, name, plan.updates[eid].row, written):
                del plan.updates[eid]
        elif eid in plan.deletes and not node.row.is_dir and (node.parent, name) not in taken:
            assert not _sort_out(plan, tree, node.parent, name, None, set())
            plan.deletes.discard(eid)
    return plan


def _sort_out(
    plan: Plan, tree: Tree, directory: int, name: bytes, row: Row | None, written: set[tuple[int, bytes]]
) -> list[int]:
    return plan.routine.sort_out(
        tree, directory, [name], Looks([row]), set(), moved=(), written=written, inodes=(), linked=(), hidden=None
    )
