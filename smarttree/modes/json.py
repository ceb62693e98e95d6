"""Mode `json`: the tree as one nested JSON document, made piece by piece, never held as Python objects.

The top has `path`, every other entry `name`; then `kind`, `size` (a directory's own is 0), `mode` (permission bits,
octal) and `mtime_ns` (decimal text: JavaScript's numbers cannot hold it). A directory has `children`, sorted by name
as bytes; where `depth` cuts, a directory that is not empty has null for them, and an empty one an empty list as always.

A name that is not UTF-8 has U+FFFD where it is not, and its bytes in `name_b64` (`path_b64` for the top).
All other than ASCII is escaped, so the document is safe to print on a terminal.
"""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from smarttree.modes.walk import walk
from smarttree.row import kind_of

if TYPE_CHECKING:
    from smarttree.modes import View
    from smarttree.tree import Tree

NAME: Final = "json"
CONTENT_TYPE: Final = "application/json"
CUTS: Final = True
SMALL: Final = False

_PIECE: Final = 2048  # parts in one piece: about 500 entries, 64 KiB
_quote: Final = json.JSONEncoder().encode


def render(view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
    """See `smarttree.modes.Mode.render`. About 2 µs per entry, with the GIL: run it in a thread."""
    tree = view.tree
    parts = ["{", named("path", tree.path(top)), values(tree, top)]
    opened = tree.is_dir(top)
    if opened:
        parts.append(',"children":' + _children(tree, top, enter=depth != 0))
    level, first = 1, True
    for step in walk(tree, top, depth):
        if step.level < level:
            parts.append("]}" * (level - step.level))
            first = False
        parts.append("{" if first else ",{")
        parts.append(named("name", tree.name(step.entry)))
        parts.append(values(tree, step.entry))
        if tree.is_dir(step.entry):
            parts.append(',"children":' + _children(tree, step.entry, enter=step.enter))
        if not step.enter:
            parts.append("}")
        level, first = step.level + step.enter, step.enter
        if len(parts) >= _PIECE:
            yield "".join(parts).encode("ascii")
            parts.clear()
    parts.append("]}" * (level - 1))
    if opened and depth != 0 and tree.child_count(top):
        parts.append("]")
    parts.append("}")
    yield "".join(parts).encode("ascii")


def _children(tree: Tree, entry: int, *, enter: bool) -> str:
    """What follows `"children":`: an open list when they are told next, else all there is to say."""
    if tree.child_count(entry) == 0:
        return "[]"
    return "[" if enter else "null"


def named(key: str, name: bytes) -> str:
    """A name or path as a field, or as two where it is not UTF-8."""
    try:
        return f'"{key}":{_quote(name.decode("utf-8"))}'
    except UnicodeDecodeError:
        shown = name.decode("utf-8", "replace")
        return f'"{key}":{_quote(shown)},"{key}_b64":"{base64.b64encode(name).decode("ascii")}"'


def values(tree: Tree, entry: int) -> str:
    """What follows the name: a comma and the other fields, up to `mtime_ns`."""
    row = tree.row(entry)
    kind, bits = _of_mode(row.mode)
    return f',"kind":"{kind}","size":{row.size},"mode":"{bits}","mtime_ns":"{row.mtime_ns}"'


@lru_cache(maxsize=4096)
def _of_mode(mode: int) -> tuple[str, str]:
    return kind_of(mode), format(stat.S_IMODE(mode), "04o")
