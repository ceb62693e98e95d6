"""A storm as a list of steps: a pure function of its seed, so that what once went wrong can be made to happen again.

Law: a generator touches no disk and reads no clock. It keeps a rough model of what its own steps leave behind, only so
that most of them are possible; several generators may work on one tree, and a step that can't be done is no mistake.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

PLAIN = [b"a", b"b", b"c", b"d", b"e.c", b"f.c", b"g.h", b"h"]
ODD = [b"\xff\xfe", b"new\nline", b" ", b"data: x\n\nid: 1", b"\x1b[31m", b"n" * 255, b"w\xc3\xa4re", b"%2e", b"..."]
HELD = b"held"
"""The directory of files with several names (see `Storm.link`)."""

WEIGHTS = {
    "make": 8, "append": 6, "truncate": 2, "save": 6, "mkdir": 4, "deep": 1, "rename": 10, "move": 4, "swap": 3,
    "exchange": 3, "chain": 2, "again": 3, "turn": 3, "link": 2, "through": 3, "map": 2, "chmod": 2, "utime": 2,
    "symlink": 2, "unlink": 4, "rmtree": 2, "hold": 2, "copy": 1,
}  # fmt: skip
SPOTS_MAX = 600  # entries in the model; beyond it, half of the steps remove something

Node = dict[bytes, Any]
"""A directory of the model: names, each with such a directory or, for anything else, None."""


class Step(NamedTuple):
    """One thing to do. Paths are relative to the root; what `other` and `number` mean, `perform.py` says."""

    act: str
    path: bytes
    other: bytes = b""
    number: int = 0

    def line(self) -> str:
        """As one line of a log."""
        return json.dumps([self.act, os.fsdecode(self.path), os.fsdecode(self.other), self.number])


def parse(line: str) -> Step:
    """The step of such a line."""
    act, path, other, number = json.loads(line)
    return Step(act, os.fsencode(path), os.fsencode(other), number)


def growth(seed: int, count: int = 60) -> Iterator[Step]:
    """What is there before a storm: some directories with files."""
    dice = random.Random(f"growth {seed}")
    yield Step("mkdir", HELD)
    for _ in range(count):
        path = b"/".join(dice.choices(PLAIN[:4], k=dice.choice((1, 2, 2, 3, 4))))
        yield Step("grow", path, number=dice.randrange(100))


class Storm:
    """The steps of one worker, without end. `known` are paths that are there, directories ended by a slash."""

    def __init__(self, seed: int, worker: int, known: Iterable[bytes]) -> None:
        self._dice = random.Random(f"storm {seed} {worker}")
        self._worker, self._names_made = worker, 0
        self._linked: list[list[bytes]] = []  # the names of each file that has, or had, two
        self._mapped: set[bytes] = set()
        self._root: Node = {}
        self._spots = 0
        for path in known:
            self._plant(path)

    def _plant(self, path: bytes) -> None:
        *above, last = path.rstrip(b"/").split(b"/")
        node: Node | None = self._root
        for name in above:
            node = node.setdefault(name, {}) if node is not None else None
        if node is not None and last not in node:
            node[last] = {} if path.endswith(b"/") else None
            self._spots += 1

    def round(self, count: int) -> Iterator[Step]:
        """`count` steps. All that was done before is known to everyone by now."""
        yield from self._age()
        acts, weights = list(WEIGHTS), list(WEIGHTS.values())
        for _ in range(count):
            if self._spots > SPOTS_MAX and self._dice.random() < 0.5:
                act = self._dice.choice(("unlink", "rmtree"))
            else:
                act = self._dice.choices(acts, weights)[0]
            yield from getattr(self, act)()

    # --- where --------------------------------------------------------------------------------------------------------

    def _directory(self) -> tuple[bytes, Node]:
        """A random directory: its path, ended by a slash (empty for the root), and its names."""
        path, node = b"", self._root
        while self._dice.random() < 0.72:
            below = [name for name, its in node.items() if its is not None and (path or name != HELD)]
            if not below:
                break
            name = self._dice.choice(below)
            path, node = path + name + b"/", node[name]
        return path, node

    def _name(self) -> bytes:
        return self._dice.choice(ODD if self._dice.random() < 0.12 else PLAIN)

    def _place(self) -> bytes:
        """Where something may come to be; often something is there already."""
        return self._directory()[0] + self._name()

    def _spot(self, *, directory: bool | None = None) -> tuple[bytes, Node, bytes] | None:
        """Something that is there: its path, and the directory and name in the model. None if there is nothing."""
        for _ in range(8):
            path, node = self._directory()
            names = [n for n, its in node.items() if directory in (None, its is not None) and (path or n != HELD)]
            if names:
                name = self._dice.choice(names)
                return path + name, node, name
        return None

    def _file(self) -> bytes:
        spot = self._spot(directory=False)
        return spot[0] if spot else self._place()

    def _put(self, path: bytes, what: Node | None) -> None:
        """In the model; nothing where that is impossible."""
        *above, last = path.split(b"/")
        node: Node | None = self._root
        for name in above:
            node = node.get(name) if node is not None else None
        if node is not None:
            self._spots += last not in node
            node[last] = what

    def _drop(self, node: Node, name: bytes) -> Node | None:
        self._spots -= 1
        taken: Node | None = node.pop(name, None)
        return taken

    # --- files --------------------------------------------------------------------------------------------------------

    def _on_file(self, act: str, most: int) -> Iterator[Step]:
        path = self._file() if self._dice.random() < 0.7 else self._place()
        self._put(path, None)
        yield Step(act, path, number=self._dice.randrange(most))

    def make(self) -> Iterator[Step]:
        return self._on_file("make", 5000)

    def append(self) -> Iterator[Step]:
        return self._on_file("append", 500)

    def save(self) -> Iterator[Step]:
        return self._on_file("save", 3000)

    def map(self) -> Iterator[Step]:
        """Into a file of one's own, as a mapping that another cuts short ends the process; later it is moved."""
        name = HELD + b"/map%d-%d" % (self._worker, self._dice.randrange(3))
        self._mapped.add(name)
        yield Step("map", name, number=self._dice.randrange(4096))

    def truncate(self) -> Iterator[Step]:
        yield Step("truncate", self._file(), number=self._dice.choice((0, 1, 100, 1 << 33)))

    def chmod(self) -> Iterator[Step]:
        spot = self._spot()
        yield Step("chmod", spot[0] if spot else self._place(), number=self._dice.randrange(0o10000) | 0o700)

    def utime(self) -> Iterator[Step]:
        spot = self._spot()
        when = self._dice.choice(
            (0, 1, -1, 10**18, self._dice.randrange(1 << 61), -self._dice.randrange(1 << 31) * 10**9)
        )
        yield Step("utime", spot[0] if spot else self._place(), number=when)

    def symlink(self) -> Iterator[Step]:
        """Only to a neighbour, to nothing or to itself: a chain of links never leads out of the root."""
        path = self._place()
        self._put(path, None)
        yield Step("symlink", path, self._dice.choice((self._name(), b"nowhere" * 9, path.rpartition(b"/")[2])))

    def hold(self) -> Iterator[Step]:
        """A file is open, renamed, and then written to."""
        path, to = self._file(), self._place()
        self._put(to, None)
        yield Step("hold", path, to, self._dice.randrange(300))

    # --- several names ------------------------------------------------------------------------------------------------

    def link(self) -> Iterator[Step]:
        """A file with two names. A name of it that is made in a round is not removed in that round: a file that is
        written only through a name made and removed within one window is what inotify can't see (ARCHITECTURE.md)."""
        one, other = self._held_name(), self._held_name()
        self._linked.append([one, other])
        yield Step("make", one, number=self._dice.randrange(500))
        yield Step("link", one, other)

    def through(self) -> Iterator[Step]:
        if self._linked:
            name = self._dice.choice(self._dice.choice(self._linked))
            yield Step(self._dice.choice(("append", "truncate", "chmod", "make")), name, number=448)

    def _held_name(self) -> bytes:
        self._names_made += 1
        return HELD + b"/%d-%d" % (self._worker, self._names_made)

    def _age(self) -> Iterator[Step]:
        """At the start of a round: a file of two names has one changed, or loses one, or then goes to the others."""
        for name in sorted(self._mapped):
            yield Step("rename", name, self._place())
        self._mapped = set()
        for names in list(self._linked):
            if len(names) == 1:
                yield Step("rename", names[0], self._place())
                self._linked.remove(names)
            elif self._dice.random() < 0.5:
                yield Step("unlink", names.pop(self._dice.randrange(2)))
            else:
                to = self._held_name()
                yield Step("rename", names[0], to)
                names[0] = to

    # --- moving -------------------------------------------------------------------------------------------------------

    def rename(self) -> Iterator[Step]:
        spot = self._spot()
        if spot is None:
            return
        over = self._spot()
        to = over[0] if over and self._dice.random() < 0.5 else self._place()
        if (to + b"/").startswith(spot[0] + b"/"):
            to = self._place()
        if not (to + b"/").startswith(spot[0] + b"/"):
            self._put(to, self._drop(spot[1], spot[2]))
        yield Step("rename", spot[0], to)

    def move(self) -> Iterator[Step]:
        """A directory into another, and then something in it changes."""
        spot, (into, _) = self._spot(directory=True), self._directory()
        if spot is None or into.startswith(spot[0] + b"/"):
            return
        to = into + self._name()
        child = self._dice.choice([*spot[1][spot[2]], self._name()])
        if not (spot[0] + b"/").startswith(to + b"/"):
            self._put(to, self._drop(spot[1], spot[2]))
        yield Step("rename", spot[0], to)
        yield Step(self._dice.choice(("append", "make", "save", "unlink", "rmtree")), to + b"/" + child, number=77)

    def swap(self) -> Iterator[Step]:
        yield from self._pair("swap")

    def exchange(self) -> Iterator[Step]:
        yield from self._pair("exchange")

    def _pair(self, act: str) -> Iterator[Step]:
        one, other = self._spot(), self._spot()
        if one and other and not (one[0] + b"/").startswith(other[0] + b"/") and not other[0].startswith(one[0] + b"/"):
            first, second = one[1][one[2]], other[1][other[2]]
            one[1][one[2]], other[1][other[2]] = second, first
            yield Step(act, one[0], other[0])

    def chain(self) -> Iterator[Step]:
        spot = self._spot()
        if spot is not None:
            path, last = spot[0], self._drop(spot[1], spot[2])
            for _ in range(self._dice.randrange(2, 9)):
                to = spot[0].rpartition(b"/")
                step = Step("rename", path, to[0] + to[1] + self._name())
                yield step
                path = step.other
            self._put(path, last)

    # --- coming and going ---------------------------------------------------------------------------------------------

    def mkdir(self) -> Iterator[Step]:
        path = self._place()
        self._put(path, {})
        yield Step("mkdir", path)

    def deep(self) -> Iterator[Step]:
        path, levels = self._place(), self._dice.randrange(3, 40)
        node: Node = {}
        for _ in range(levels):
            node = {b"deep": node}
        self._put(path, node)
        yield Step("deep", path, number=levels)

    def copy(self) -> Iterator[Step]:
        spot, to = self._spot(directory=True), self._place()
        if spot is not None and not (to + b"/").startswith(spot[0] + b"/"):
            yield Step("copy", spot[0], to)

    def again(self) -> Iterator[Step]:
        """Deleted, and made again under the same name; often with the inode it had."""
        spot = self._spot()
        if spot is not None:
            yield Step("again", spot[0], number=self._dice.randrange(4))

    def turn(self) -> Iterator[Step]:
        """One name, several kinds of entry in turn: three of a file, a directory, a link, a pipe and a socket."""
        path = self._place()
        kinds = self._dice.sample(range(5), 3)
        self._put(path, {} if kinds[-1] == 1 else None)
        yield Step("turn", path, number=kinds[0] * 25 + kinds[1] * 5 + kinds[2])

    def unlink(self) -> Iterator[Step]:
        spot = self._spot(directory=False)
        if spot is not None:
            self._drop(spot[1], spot[2])
            yield Step("unlink", spot[0])

    def rmtree(self) -> Iterator[Step]:
        spot = self._spot(directory=True)
        if spot is not None:
            self._spots -= _count(spot[1][spot[2]])
            self._drop(spot[1], spot[2])
            yield Step("rmtree", spot[0])


def _count(node: Node) -> int:
    return sum(1 + (_count(its) if its else 0) for its in node.values())
