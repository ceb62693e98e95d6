"""The tree that a mirror holds: snapshots as columns, and over them what batches have changed.

Law: a tree is always one clock's whole tree. A batch is applied altogether (`draft.py`), or nothing has happened.
An entry is an object only once it is asked for, or changed. Memory: the columns, some 60 bytes an entry, and some 500
bytes for each entry that has changed since; what came and went again leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from .base import Base
from .errors import QtnError
from .qtn.chunk import DIRECTORY, TYPE_MASK
from .qtn.digest import weight
from .qtn.snapshot import Snapshot

__all__ = ["SERVICE", "U128_MAX", "Node", "Tree", "View", "below_root", "joined_path", "path_of", "walk"]

SERVICE: Final = 0  # the parent of every root
U128_MAX: Final = (1 << 128) - 1


@dataclass(slots=True)
class Node:
    """An entry as the tree keeps it; `digest` is that of what is below it."""

    id: int
    parent: int
    name: bytes
    mode: int
    size: int
    mtime_ns: int
    digest: int = 0

    @property
    def is_dir(self) -> bool:
        return self.mode & TYPE_MASK == DIRECTORY

    def weight(self) -> int:
        """What it adds to the digest it is in."""
        values = (self.mode, self.size, self.mtime_ns) if self.parent != SERVICE else None
        return weight(self.name, values, self.digest)


class View(Protocol):
    """A tree, or what becomes of it."""

    def get(self, entry_id: int) -> Node | None: ...

    def children(self, entry_id: int) -> Mapping[bytes, int]: ...


def joined_path(above: bytes, name: bytes) -> bytes:
    """A root's name is its path."""
    return above.rstrip(b"/") + b"/" + name if above else name


class Tree:
    """A service's tree: one clock, one space of ids, any number of roots."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        """Of these snapshots, which are of one clock. Raises QtnError where they can't stand side by side."""
        self.epoch, self.seq = (snapshots[0].epoch, snapshots[0].seq) if snapshots else (0, 0)
        self.digest = 0
        self.count = sum(len(snapshot) + 1 for snapshot in snapshots)
        self._bases = [Base(snapshot) for snapshot in snapshots]
        self._changed: dict[int, Node | None] = {}  # None: an entry of a snapshot that is gone
        self._children: dict[int, dict[bytes, int]] = {SERVICE: {}}  # of directories that are not as they came
        for index, snapshot in enumerate(snapshots):
            if (snapshot.epoch, snapshot.seq) != (self.epoch, self.seq):
                raise QtnError("clock", index)
            shared = any(base.shares_ids(self._bases[index]) for base in self._bases[:index])
            if shared or snapshot.path in self._children[SERVICE]:
                raise QtnError("id-twice", index)
            self._children[SERVICE][snapshot.path] = snapshot.top_id
            root = Node(snapshot.top_id, SERVICE, snapshot.path, snapshot.mode, 0, snapshot.mtime_ns, snapshot.digest)
            self._changed[root.id] = root
            self.digest = (self.digest + root.weight()) & U128_MAX

    # --- what is there

    def get(self, entry_id: int) -> Node | None:
        """An entry by its id; not to be written to."""
        if entry_id in self._changed:
            return self._changed[entry_id]
        for base in self._bases:
            row = base.row(entry_id)
            if row is not None:
                return Node(entry_id, *base.values(row))
        return None

    def children(self, entry_id: int) -> dict[bytes, int]:
        """The ids of what is in a directory, by name; not to be written to."""
        if entry_id in self._children:
            return self._children[entry_id]
        found = (children for base in self._bases if (children := base.children(entry_id)) is not None)
        return next(found, dict[bytes, int]())

    def child(self, entry_id: int, name: bytes) -> int | None:
        """The id of an entry by the directory it is in and its name."""
        if entry_id in self._children:
            return self._children[entry_id].get(name)
        return next((found for base in self._bases if (found := base.child(entry_id, name)) is not None), None)

    def roots(self) -> dict[bytes, int]:
        """The ids of the roots by their paths."""
        return self._children[SERVICE]

    def find(self, path: bytes) -> Node | None:
        """The entry at an absolute path."""
        for root, root_id in self.roots().items():
            below = below_root(root, path)
            if below is not None:
                found: int | None = root_id
                for name in below.split(b"/") if below else ():
                    found = self.child(found, name) if found is not None else None
                return self.get(found) if found is not None else None
        return None

    def __iter__(self) -> Iterator[tuple[bytes, Node]]:
        """Every path with its entry, root by root."""
        for path, root_id in self.roots().items():
            root = self.get(root_id)
            assert root is not None
            yield from walk(self, path, root)

    def update(self, nodes: Mapping[int, Node | None], children: Mapping[int, dict[bytes, int]], digest: int) -> None:
        """Takes what a draft has worked out: the entries that are new, changed or (None) gone, and what is in the
        directories that have other entries now."""
        self._children.update(children)
        for entry_id, node in nodes.items():
            held = self.get(entry_id) is not None
            self.count += (node is not None) - held
            if node is not None or any(base.row(entry_id) is not None for base in self._bases):
                self._changed[entry_id] = node
            else:
                self._changed.pop(entry_id, None)
            if node is None:
                self._children.pop(entry_id, None)
        self.digest = digest


def path_of(view: View, node: Node) -> bytes:
    """The absolute path of an entry."""
    names: list[bytes] = []
    while node.parent != SERVICE:
        names.append(node.name)
        above = view.get(node.parent)
        assert above is not None, "what is in a tree hangs from a root"
        node = above
    return b"/".join([node.name.rstrip(b"/"), *reversed(names)]) if names else node.name


def walk(view: View, path: bytes, node: Node) -> Iterator[tuple[bytes, Node]]:
    """The entry, which is at this path, and everything below it: each directory followed by what is in it, siblings in
    the order of their names."""
    pending = [(path, node)]
    while pending:
        path, node = pending.pop()
        yield path, node
        if node.is_dir:
            below = sorted(view.children(node.id).items(), reverse=True)
            found = ((joined_path(path, name), view.get(child)) for name, child in below)
            pending += [(where, child) for where, child in found if child is not None]


def below_root(root: bytes, path: bytes) -> bytes | None:
    """The path relative to the root; None if it is not in it."""
    if path == root:
        return b""
    above = root.rstrip(b"/") + b"/"
    return path[len(above) :] if path.startswith(above) else None
