"""The columns of modes `csv` and `tsv`, and what stands in them: all of one entry but how its path is written."""

from __future__ import annotations

import base64
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from smarttree.row import kind_of

if TYPE_CHECKING:
    from smarttree.tree import Tree

COLUMNS: Final = ("path", "kind", "size", "mode", "mtime_ns", "path_b64")


class Cells(NamedTuple):
    """One entry. `path` is absolute. `middle`: kind, size (a directory's own is 0), mode (permission bits, four octal
    digits at least) and mtime_ns, none of which needs an escape. `path_b64`: "" where the path is UTF-8."""

    path: bytes
    middle: tuple[str, str, str, str]
    path_b64: str


def cells(tree: Tree, entry: int) -> Cells:
    path, row = tree.path(entry), tree.row(entry)
    middle = (kind_of(row.mode), str(row.size), f"{stat.S_IMODE(row.mode):04o}", str(row.mtime_ns))
    return Cells(path, middle, "" if _is_utf8(path) else base64.b64encode(path).decode())


def _is_utf8(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
