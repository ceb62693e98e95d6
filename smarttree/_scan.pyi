from collections.abc import Iterable
from os import PathLike
from typing import Self

from smarttree._ignore import Rules
from smarttree._listing import Listing
from smarttree._walk import Placer, Progress, Worker

class Numbering:
    def __new__(cls, workers: list[Worker]) -> Self: ...

def scan(
    top: int | str | bytes | PathLike[str] | PathLike[bytes],
    *,
    watch: Placer | None = None,
    threads: int = 2,
    depth: int = 0,
    progress: Progress | None = None,
    rules: Rules | None = None,
    hidden: Iterable[tuple[int, int]] = (),
) -> Listing: ...
