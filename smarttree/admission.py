"""Admission: which directories may be served, and what to tell a person about those that may not.

Law: at run time a root's real path is below a base, and whether anything is there is told of nothing else.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Final

from smarttree.errors import (
    BadParameter,
    NotADirectory,
    PathError,
    RootRefused,
    Unreadable,
)
from smarttree.printable import printable

_SHOWN_MAX: Final = 500


def is_within(path: bytes, top: bytes) -> bool:
    """Whether `path` is `top`, or below it."""
    return path == top or path.startswith(top.rstrip(b"/") + b"/")


def normal(path: bytes) -> bytes:
    """An absolute path without empty parts. Raises BadParameter for any other, and for one with `..` or NUL in it."""
    if not path.startswith(b"/") or b"\0" in path:
        raise BadParameter("path is the absolute path of a directory on the server")
    names = [name for name in path.split(b"/") if name not in (b"", b".")]
    if b".." in names:
        raise BadParameter("`..` is not followed; give the path itself")
    return b"/" + b"/".join(names)


def admit(path: bytes, bases: Sequence[bytes]) -> bytes:
    """The real path of a directory that may become a root: it can be read, and is below one of the real paths `bases`.

    Raises BadParameter, RootRefused, PathError and its kinds. Looks at the disk.
    """
    wanted = normal(path)
    real = os.path.realpath(wanted)
    if not any(is_within(real, base) for base in bases):
        where = ", ".join(map(printable, bases))
        raise RootRefused(
            f"{_shown(wanted)} is not below a directory given by --watch-base, or leads out of it: below are {where}"
        )
    try:
        require_readable(real)
    except OSError as error:
        raise refusal(wanted, error) from error
    return real


def require_readable(real: bytes) -> None:
    """Raises OSError for what is no directory that can be listed, and searched."""
    os.close(os.open(real, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)))
    # Opening needs the right to read; to see more than names below it, the right to search as well.
    if not os.access(real, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def refusal(path: str | bytes, error: OSError) -> PathError:
    """What to tell a person about `error`, met at `path`."""
    shown = _shown(path)
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


def _shown(path: str | bytes) -> str:
    shown = printable(path)
    return shown if len(shown) <= _SHOWN_MAX else shown[:_SHOWN_MAX] + "…"
