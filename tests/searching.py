"""A search of contents without a server: over a tree that was scanned once, and follows nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

from smarttree._scan import scan
from smarttree.search import ContentSearch, Message, Pattern, Scope
from smarttree.tree import Tree

DEADLINE_S = 60.0


class Searched(NamedTuple):
    """What was told, and the search, which has ended."""

    told: list[Message]
    search: ContentSearch


def scanned(root: Path) -> Tree:
    tree = Tree()
    tree.graft(scan(bytes(root)), bytes(root))
    return tree


def search(tree: Tree, pattern: Pattern, *, context: int = 0, limit: int = 1 << 30) -> Searched:
    """All of it, below every root."""
    ready, ended = threading.Event(), threading.Event()
    scope = Scope(tree, tree.roots())
    search = ContentSearch(scope, pattern, context=context, limit=limit, wake=ready.set, end=ended.set)
    search.start()
    told: list[Message] = []
    is_over = False
    while not is_over:
        assert ready.wait(DEADLINE_S), "it did not come in time"
        ready.clear()
        some, is_over = search.take()
        told += some
    assert ended.wait(DEADLINE_S), "its threads did not end"
    return Searched(told, search)
