"""Names: entries by a part of their name, from the tree alone, in the order of paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from smarttree.row import kind_of
from smarttree.search.excerpt import Message, text_json
from smarttree.search.pattern import Pattern
from smarttree.search.scope import ALL, Scope


class Names(NamedTuple):
    """What was found; whether there is more; whether it was stopped."""

    found: list[Message]
    limit_reached: bool = False
    is_cut: bool = False


def find_names(scope: Scope, pattern: Pattern | None, limit: int, stopped: Callable[[], bool]) -> Names:
    """The first `limit` entries whose name matches; None: all do. Without an expression to ask, 25 ns an entry."""
    needle = pattern.needle if pattern is not None else None
    is_exact = pattern is None or (pattern.exact is not None and needle is not None and needle.text == pattern.exact)
    found: list[Message] = []
    for eid in scope.entries(ALL, needle, limit + 1 if is_exact else 0xFFFFFFFF):
        if stopped():
            return Names(found, is_cut=True)
        spans = _spans(scope, pattern, eid)
        if not spans and pattern is not None:
            continue
        if len(found) == limit:
            return Names(found, limit_reached=True)
        found.append(_message(scope, eid, spans))
    return Names(found)


def _spans(scope: Scope, pattern: Pattern | None, eid: int) -> list[tuple[int, int]]:
    name = scope.tree.name(eid)
    span = pattern.search(name, 0, len(name)) if pattern is not None else None
    return [span] if span is not None else []


def _message(scope: Scope, eid: int, spans: list[tuple[int, int]]) -> Message:
    tree = scope.tree
    row, name = tree.row(eid), tree.name(eid)
    matches = ",".join(f'{{"match":{text_json(name[low:high])},"start":{low},"end":{high}}}' for low, high in spans)
    told = (
        f'{{"path":{text_json(tree.path(eid))},"kind":"{kind_of(row.mode)}","size":{row.size},'
        f'"mtime_ns":"{row.mtime_ns}","submatches":[{matches}]}}'
    )
    return Message("entry", told.encode(), 1)
