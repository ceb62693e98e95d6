from array import array

from smarttree._ignore import Rules
from smarttree.tree import Tree

def select(tree: Tree, top: int, only: Rules | None, without: Rules, kinds: int) -> array[int]: ...
def show(shown: Tree, whole: Tree, ids: array[int], top: int, root: int, marked: bytearray) -> None: ...
