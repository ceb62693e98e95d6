from collections.abc import Callable, Collection, Iterator

from smarttree._listing import Listing
from smarttree._looks import Looks
from smarttree.row import Row
from smarttree.tree import Tree
from smarttree.watch.base import Place

class Routine:
    def __len__(self) -> int: ...
    def sort_out(
        self,
        tree: Tree,
        directory: int,
        names: list[bytes],
        looks: Looks,
        seen: set[bytes],
        *,
        moved: Collection[Place],
        written: Collection[Place],
        inodes: Collection[int],
        linked: Collection[int],
        hidden: Callable[[Place, int], bool] | None,
    ) -> list[int]: ...
    @property
    def ends(self) -> int: ...
    def spare(self, tree: Tree, ids: set[int]) -> None: ...
    def plant(self, listing: Listing, top: int, ids: list[int], inodes: Collection[int]) -> bool: ...
    def linked(self) -> Iterator[tuple[int, int, int]]: ...
    def rewrites(self, tree: Tree) -> Iterator[tuple[int, Row]]: ...
    def keep(self, lives: Callable[[int], bool]) -> list[int]: ...
