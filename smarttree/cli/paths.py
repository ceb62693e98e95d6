"""From the paths a person gives to the roots a service has: absolute real paths, each a directory that can be read,
none inside another. Every refusal says which path, why, and what would be right.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import xxhash

from smarttree.admission import is_within, refusal, require_readable
from smarttree.errors import BadParameter, RootsOverlap
from smarttree.printable import printable

__all__ = ["open_root", "open_roots", "refusal"]


def open_roots(paths: Sequence[str]) -> tuple[bytes, ...]:
    """The real paths, in the order given. Raises PathError and its kinds, and BadParameter for an empty path."""
    roots = tuple(open_root(path) for path in paths)
    for at, root in enumerate(roots):
        for other_at, other in enumerate(roots):
            if at == other_at or not is_within(other, root):
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
        real = os.fsencode(os.path.realpath(path, strict=True))
        require_readable(real)
    except OSError as error:
        raise refusal(path, error) from error
    return real


def states_of_all(environ: Mapping[str, str], home: str = "") -> bytes:
    """`$XDG_STATE_HOME/smarttree`, where states are kept unless something else is said. `home`: of another user."""
    given = environ.get("XDG_STATE_HOME", "")
    home = given if os.path.isabs(given) else os.path.join(home or os.path.expanduser("~"), ".local/state")
    return os.fsencode(os.path.join(home, "smarttree"))


def state_of(roots: Sequence[bytes], states: bytes) -> bytes:
    """The place of one set of roots in there, in whatever order they are given."""
    return os.path.join(states, xxhash.xxh64_hexdigest(b"\0".join(sorted(roots))).encode())
