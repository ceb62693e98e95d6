from smarttree._listing import Listing
from smarttree._tree import Tree

KIND_ITSELF: int
KIND_CAME: int
KIND_LEFT: int
KIND_REPLACED: int
KIND_WRITTEN: int
KIND_CHANGED: int

class Comparison: ...

def compare(tree: Tree, top: int, listing: Listing) -> list[tuple[int, int, bytes, int, int]]: ...
