from typing import Self

from smarttree._listing import Listing
from smarttree._tree import Tree

KIND_ITSELF: int
KIND_CAME: int
KIND_LEFT: int
KIND_REPLACED: int
KIND_WRITTEN: int
KIND_CHANGED: int

class Comparison:
    def __new__(cls, tree: Tree, top: int, listing: Listing, index: int = 0) -> Self: ...
    def findings(self) -> list[tuple[int, int, bytes, int, int]]: ...
    def matched(self) -> list[tuple[int, int]]: ...
