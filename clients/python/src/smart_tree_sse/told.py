"""What subscribers of a mirror are told: each change of an entry, path by path.

Law: whoever makes of every path at the clock before what is told of it has the paths at the clock after. What lies
below a directory that is deleted, moved or created is told one by one. A root that comes or goes is told too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from .draft import Draft
from .globs import Glob
from .qtn.chunk import TYPE_MASK
from .tree import SERVICE, Node, Tree, View, below_root, joined_path, path_of, walk

__all__ = ["ChangeType", "Entry", "Kind", "TreeChange", "chosen", "difference", "draft_changes", "entry_of"]

ChangeType = Literal["created", "modified", "deleted", "renamed"]
Kind = Literal["file", "dir", "symlink", "other"]

KINDS: Final[dict[int, Kind]] = {0x4000: "dir", 0x8000: "file", 0xA000: "symlink"}
# Deletions first, what is deepest before what it is in; creations in the opposite order; then what stayed.
ORDER: Final[dict[ChangeType, int]] = {"deleted": 0, "renamed": 1, "created": 2, "modified": 3}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a mirror. `path` is absolute; bytes that are not UTF-8 are in it as `os.fsdecode` gives them."""

    path: str
    kind: Kind
    mode: int
    size: int
    mtime_ns: int
    id: int


@dataclass(frozen=True, slots=True)
class TreeChange:
    """One entry has changed. `entry` is what it is now, or, for `deleted`, what it was; `old_path` is of a rename."""

    type: ChangeType
    path: str
    entry: Entry
    old_path: str | None = None
    below: tuple[bytes, ...] = field(default=(), repr=False, compare=False)  # the paths below the roots, for globs


def entry_of(path: bytes, node: Node) -> Entry:
    """An entry of the tree, as it is shown."""
    return Entry(
        os.fsdecode(path), KINDS.get(node.mode & TYPE_MASK, "other"), node.mode, node.size, node.mtime_ns, node.id
    )


def chosen(changes: Iterable[TreeChange], globs: tuple[Glob, ...]) -> tuple[TreeChange, ...]:
    """Those of an entry that a glob matches at its old or its new path."""
    return tuple(change for change in changes if any(glob.matches(path) for glob in globs for path in change.below))


class _Told:
    """Gathers changes, each at its place below a root of the view that it is seen in."""

    def __init__(self, old_roots: Iterable[bytes], new_roots: Iterable[bytes]) -> None:
        self._roots = [*dict.fromkeys([*old_roots, *new_roots])]
        self._changes: list[tuple[int, bytes, TreeChange]] = []

    def add(self, kind: ChangeType, path: bytes, node: Node, old_path: bytes | None = None) -> None:
        below = tuple(self._below(one) for one in (path, old_path) if one is not None)
        old = os.fsdecode(old_path) if old_path is not None else None
        entry = entry_of(path, node)
        self._changes.append((ORDER[kind], path, TreeChange(kind, entry.path, entry, old, below)))

    def _below(self, path: bytes) -> bytes:
        found = (below for root in self._roots if (below := below_root(root, path)) is not None)
        return next(found, path)

    def both(self, old_path: bytes, old: Node, path: bytes, new: Node) -> None:
        """An entry that was there and is there."""
        if path != old_path:
            self.add("renamed", path, new, old_path)
        if _shown(old) != _shown(new):
            self.add("modified", path, new)

    def changes(self) -> list[TreeChange]:
        deleted = sorted((c for c in self._changes if c[0] == 0), key=lambda c: c[1], reverse=True)
        return [c[2] for c in [*deleted, *sorted((c for c in self._changes if c[0]), key=lambda c: c[:2])]]


def _shown(node: Node) -> tuple[int, ...]:
    """The values that make a change: of a directory its mode alone."""
    return (node.mode,) if node.is_dir else (node.mode, node.size, node.mtime_ns)


class _Paths:
    """The paths of one view, each directory's worked out once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[int, bytes] = {}

    def of(self, node: Node) -> bytes:
        if node.parent == SERVICE:
            return node.name
        if node.parent not in self._known:
            above = self._view.get(node.parent)
            assert above is not None, "what is in a tree hangs from a root"
            self._known[node.parent] = path_of(self._view, above)
        return joined_path(self._known[node.parent], node.name)


def draft_changes(draft: Draft) -> list[TreeChange]:
    """What a batch changes; to be asked before it is committed."""
    tree = draft.tree
    old_paths, new_paths = _Paths(tree), _Paths(draft)
    told = _Told(tree.roots(), draft.children(SERVICE))
    for entry_id in _concerned(draft, old_paths, new_paths):
        old, new = tree.get(entry_id), draft.get(entry_id)
        if old is None and new is not None:
            told.add("created", new_paths.of(new), new)
        elif new is None and old is not None:
            told.add("deleted", old_paths.of(old), old)
        elif old is not None and new is not None:
            told.both(old_paths.of(old), old, new_paths.of(new), new)
    return told.changes()


def _concerned(draft: Draft, old_paths: _Paths, new_paths: _Paths) -> Iterator[int]:
    """The entries that records tell of, and all that is or was below what is deleted or moved."""
    seen: dict[int, None] = {}
    for record in draft.records:
        old, new = draft.tree.get(record.id), draft.get(record.id)
        seen[record.id] = None
        moved = old is None or new is None or old_paths.of(old) != new_paths.of(new)
        if moved and old is not None:
            seen.update((node.id, None) for _, node in walk(draft.tree, b"", old))
        if moved and new is not None:
            seen.update((node.id, None) for _, node in walk(draft, b"", new))
    return iter(seen)


def difference(old: Tree, new: Tree) -> list[TreeChange]:
    """What differs between two trees. Where the digests of two directories are the same, nothing below is looked at."""
    told = _Told(old.roots(), new.roots())
    gone, made = _compare(old, new, told)
    old_paths = {node.id: (path, node) for path, node in gone} if old.epoch == new.epoch else {}
    moved: set[int] = set()
    for path, node in made:
        if node.id in old_paths:
            moved.add(node.id)
            told.both(*old_paths[node.id], path, node)
        else:
            told.add("created", path, node)
    for path, node in gone:
        if node.id not in moved:
            told.add("deleted", path, node)
    return told.changes()


def _compare(old: Tree, new: Tree, told: _Told) -> tuple[list[tuple[bytes, Node]], list[tuple[bytes, Node]]]:
    """Tells what is at one path in both trees and has other values; gives what is in one of them alone."""
    gone: list[tuple[bytes, Node]] = []
    made: list[tuple[bytes, Node]] = []
    pending = [(b"", old.roots(), new.roots())]
    while pending:
        above, before, after = pending.pop()
        for name in {**before, **after}:
            path = joined_path(above, name) if above else name
            a, b = old.get(before.get(name, SERVICE)), new.get(after.get(name, SERVICE))
            same = a is not None and b is not None and a.is_dir == b.is_dir
            if a is None or b is None or not same or (old.epoch == new.epoch and a.id != b.id):
                gone += walk(old, path, a) if a is not None else ()
                made += walk(new, path, b) if b is not None else ()
                continue
            told.both(path, a, path, b)
            if a.is_dir and a.digest != b.digest:
                pending.append((path, old.children(a.id), new.children(b.id)))
    return gone, made
