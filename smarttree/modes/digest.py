"""Mode `digest`: one line, for scripts that compare trees: digest, files, directories, bytes, path.

    5f1d3c0a97be24d16c8e0b7f42a9d835 1234 56 78901234 /srv/project

The digest is that of the `tree` event (QTN1.md, section 6), 32 hex digits: equal for two directories exactly if all
names, kinds, modes, sizes and times below them are, wherever they are. Then how many entries below are no directory,
how many are, and their bytes. The path comes last, told by `printable`: it may hold spaces, and can't break the line.
What is no directory has the digest 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from smarttree.errors import BadParameter
from smarttree.printable import printable

if TYPE_CHECKING:
    from smarttree.modes import View

NAME: Final = "digest"
CONTENT_TYPE: Final = "text/plain; charset=utf-8"
CUTS: Final = False
SMALL: Final = True


def render(view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
    """See `smarttree.modes.Mode.render`. O(1): all of it is kept up to date with each change."""
    if depth is not None:
        raise BadParameter("depth does not go with mode digest, which always tells of the whole tree")
    files, dirs, size = view.tree.totals(top)
    line = f"{view.tree.digest(top):032x} {files} {dirs} {size} {printable(view.tree.path(top))}\n"
    return iter((line.encode(),))
