from array import array

from smarttree._ignore import Rules
from smarttree.tree import Tree

def find(
    tree: Tree,
    top: int,
    only: Rules | None,
    without: Rules | None,
    kinds: int,
    name: tuple[bytes, int, bool] | None,
    most: int,
) -> array[int]: ...
