"""What modes that tell one entry a line share: which entries there are, in which order; lines gathered into pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from smarttree.modes.walk import walk

if TYPE_CHECKING:
    from smarttree.tree import Tree

_PIECE: Final = 512  # lines in one piece: about 64 KiB of paths


class Told(NamedTuple):
    """One entry to tell. `cut`: it has children, and `depth` leaves them out."""

    entry: int
    cut: bool


def told(tree: Tree, top: int, depth: int | None) -> Iterator[Told]:
    """`top`, then everything below it down to `depth` levels, each directory followed at once by what is in it."""
    yield Told(top, depth == 0 and tree.child_count(top) > 0)
    for step in walk(tree, top, depth):
        yield Told(step.entry, not step.enter and tree.child_count(step.entry) > 0)


def in_pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines, which have their ends, as UTF-8 in pieces."""
    gathered: list[str] = []
    for line in lines:
        gathered.append(line)
        if len(gathered) == _PIECE:
            yield "".join(gathered).encode()
            gathered.clear()
    if gathered:
        yield "".join(gathered).encode()
