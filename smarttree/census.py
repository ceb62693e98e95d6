"""What is below a directory, in figures: counted anew whenever someone asks, in one pass without the GIL, and pure.

A census holds on to the tree that it was taken of, which nobody may change any more. What counts as a file here is
whatever is no directory. Sizes are bytes, a link's those of its text.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from smarttree import _census
from smarttree.tree import Tree

MOST_MAX: Final = 64  # of anything that is ranked


class Sought(NamedTuple):
    """Names to count, of files and of directories; and how a file's name may begin or end, its extension apart, to mark
    what it is in. A name has 63 bytes at most, and there are 128 of a sort at most."""

    files: tuple[bytes, ...] = ()
    directories: tuple[bytes, ...] = ()
    beginnings: tuple[bytes, ...] = ()
    endings: tuple[bytes, ...] = ()


class Extension(NamedTuple):
    """An extension with its dot (b"" for none): how many files have it, and how many bytes they have together."""

    extension: bytes
    files: int
    size: int


class Census(_census.Census):
    """The figures of one directory; see `_census.Census` for what is ranked, and how."""

    def by_size(self, most: int) -> list[Extension]:
        """The extensions with most bytes, the first first."""
        found = [Extension(*row) for row in self.extensions(most, False)]
        return sorted(found, key=lambda row: (-row.size, -row.files, row.extension))

    def by_files(self, most: int) -> list[Extension]:
        """The extensions with most files, the first first."""
        found = [Extension(*row) for row in self.extensions(most, True)]
        return sorted(found, key=lambda row: (-row.files, -row.size, row.extension))

    def files_of(self, *extensions: bytes) -> int:
        """How many files have one of these extensions, in small or in capital letters."""
        return sum(self.extension(each)[0] for name in extensions for each in {name, name.upper()})


def take(tree: Tree, top: int, most: int, sought: Sought | None = None) -> Census:
    """The census of what is below `top` (the service, for everything), ranking `most` of each, MOST_MAX at most.

    Without the GIL: 13 ms for 551,000 entries in the order of a scan, 20 ms where their ids lie in none.
    """
    return Census(tree, top, most, sought if sought is not None else Sought())
