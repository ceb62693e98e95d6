from array import array
from collections.abc import Sequence
from typing import Final, Self

from smarttree.tree import Tree

FILE_BYTES_MAX: Final[int]

def count_lines(data: bytes, start: int, end: int) -> int: ...

class Stop:
    def set(self) -> None: ...
    @property
    def is_set(self) -> bool: ...

class Reader:
    searched: int
    nbytes: int
    binary: int
    large: int
    unreadable: int
    gone: int
    def __new__(
        cls, tree: Tree, roots: Sequence[tuple[int, int]], needle: tuple[bytes, int, bool] | None, stop: Stop
    ) -> Self: ...
    def next(self, ids: array[int], at: int, end: int) -> tuple[int, bytes, int] | None: ...
    def close(self) -> None: ...
