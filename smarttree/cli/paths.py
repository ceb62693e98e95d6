"""From the paths a person gives to the roots a service has: absolute real paths, each a directory that can be read,
none inside another. Every refusal says which path, why, and what would be right.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Final

from smarttree.errors import BadParameter, NotADirectory, PathError, RootsOverlap, Unreadable
from smarttree.printable import printable

_SHOWN_MAX: Final = 500


def open_roots(paths: Sequence[str]) -> tuple[bytes, ...]:
    """The real paths, in the order given. Raises PathError and its kinds, and BadParameter for an empty path."""
    roots = tuple(open_root(path) for path in paths)
    for at, root in enumerate(roots):
        for other_at, other in enumerate(roots):
            if at == other_at or not _holds(root, other):
                continue
            if root == other:
                one, two = printable(paths[at]), printable(paths[other_at])
                raise RootsOverlap(f"{one} and {two} are the same directory: give it once")
            raise RootsOverlap(
                f"{printable(paths[other_at])} lies inside {printable(paths[at])}, which serves it already: "
                "leave one of them out"
            )
    return roots


def open_root(path: str) -> bytes:
    """The real path of one directory. Raises as `open_roots` does."""
    if not path or "\0" in path:
        raise BadParameter("a PATH is empty or holds a NUL: give a directory, `.` for this one")
    try:
        real = os.path.realpath(path, strict=True)
        descriptor = os.open(real, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
        os.close(descriptor)
    except OSError as error:
        raise refusal(path, error) from error
    # Opening needs the right to read; to see more than names below it, the right to search as well.
    if not os.access(real, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise refusal(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return os.fsencode(real)


def refusal(path: str | bytes, error: OSError) -> PathError:
    """What to tell a person about `error`, met at `path`."""
    shown = printable(path)
    if len(shown) > _SHOWN_MAX:
        shown = shown[:_SHOWN_MAX] + "…"
    match error.errno:
        case errno.ENOENT:
            return PathError(f"{shown} does not exist: check the spelling; a path is taken from the current directory")
        case errno.ENOTDIR:
            return NotADirectory(f"{shown} is not a directory: give the directory it is in")
        case errno.EACCES | errno.EPERM:
            return Unreadable(
                f"{shown} cannot be read by this user: it takes the rights to read and search it, and to search every "
                "directory above it (chmod, or run as another user)"
            )
        case errno.ELOOP:
            return PathError(f"{shown} leads through symbolic links in a circle: give the real directory")
        case errno.ENAMETOOLONG:
            return PathError(f"{shown} is too long for this system: start inside it and give `.`")
        case _:
            return Unreadable(f"{shown} cannot be opened: {error.strerror}")


def _holds(root: bytes, path: bytes) -> bool:
    return path == root or path.startswith(root.rstrip(b"/") + b"/")
