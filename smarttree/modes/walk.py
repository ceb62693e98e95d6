"""A walk over a tree in the order people read it: each directory followed at once by what is in it.

Iterative, because a tree may be deeper than Python's stack; it holds one list of ids for each level it is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from smarttree.tree import Tree


class Step(NamedTuple):
    """One entry met. `enter`: its children are the next steps, one level deeper. Otherwise `level` falls or stays."""

    entry: int
    level: int
    is_last: bool
    enter: bool


def walk(tree: Tree, top: int, depth: int | None) -> Iterator[Step]:
    """Every entry below `top`, down to `depth` levels (None: all). `top` is not told; its children have level 1."""
    limit = depth if depth is not None else len(tree) + 1
    if limit < 1:
        return
    levels = [iter(tree.children(top))]
    pending: list[int | None] = [next(levels[0], None)]
    while levels:
        entry = pending[-1]
        if entry is None:
            levels.pop()
            pending.pop()
            continue
        # One id is read ahead on each level, so that an entry knows whether it is the last of its directory.
        following = pending[-1] = next(levels[-1], None)
        level = len(levels)
        enter = level < limit and tree.is_dir(entry) and tree.child_count(entry) > 0
        yield Step(entry, level, following is None, enter)
        if enter:
            levels.append(iter(tree.children(entry)))
            pending.append(next(levels[-1], None))
