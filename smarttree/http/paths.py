"""From a request's `path` to an entry: by look-up in the tree alone, so nothing outside a root can be reached.

An absolute path below a root is taken as it is; anything else is relative to the single root. No link is followed,
because the tree holds links as entries without children.
"""

from __future__ import annotations

from collections.abc import Sequence

from smarttree.errors import AmbiguousPath, BadParameter, NotADirectory, PathError
from smarttree.printable import printable
from smarttree.tree import NO_ID, Tree


def locate(roots: Sequence[bytes], path: bytes | None) -> bytes:
    """The absolute path that a request means. None, `/` and `.` are the single root itself.

    Raises BadParameter for what is no path, and AmbiguousPath where several roots could be meant.
    """
    if path is None:
        return _single(roots, b"")
    if not path or b"\0" in path:
        raise BadParameter("path is empty or has a NUL in it; `/` is the root")
    names = [name for name in path.split(b"/") if name not in (b"", b".")]
    if b".." in names:
        raise BadParameter("`..` is not followed; give the path itself")
    if path.startswith(b"/"):
        absolute = b"/" + b"/".join(names)
        for root in roots:
            if absolute == root or absolute.startswith(root.rstrip(b"/") + b"/"):
                return absolute
    return b"/".join([_single(roots, path).rstrip(b"/"), *names]) or b"/"


def _single(roots: Sequence[bytes], path: bytes) -> bytes:
    if len(roots) == 1:
        return roots[0]
    wanted = f"{printable(path)} is below none of the roots" if path else "there are several roots"
    raise AmbiguousPath(f"{wanted}; give a path below one of {', '.join(map(printable, roots))}")


def find_entry(tree: Tree, path: bytes | None) -> int:
    """The id of the entry that a request means. Raises as `locate`, and PathError."""
    absolute = locate([tree.name(root) for root in tree.roots()], path)
    entry = tree.resolve(absolute)
    if entry == NO_ID:
        raise PathError(f"there is no {printable(absolute)} in the tree; links are not followed")
    return entry


def find_directory(tree: Tree, path: bytes | None) -> int:
    """The same of a directory. Raises NotADirectory, too."""
    entry = find_entry(tree, path)
    if not tree.is_dir(entry):
        raise NotADirectory(f"{printable(tree.path(entry))} is not a directory; give the directory it is in")
    return entry
