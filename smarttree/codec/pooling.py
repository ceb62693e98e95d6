"""Work of uneven size spread over a pool: the largest pieces begin first, so that no thread has one left at the end.

Measured on two cores with a Linux tree, whose six chunks have 300 to 33,000 entries: in their own order the last one
runs alone for a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    pool: Executor | None, work: Callable[[Item], Result], items: Sequence[Item], size: Callable[[Item], int]
) -> list[Result]:
    """What `work` makes of each item, in their order; without a pool one after the other."""
    if pool is None or len(items) < 2:
        return list(map(work, items))
    by_size = sorted(range(len(items)), key=lambda index: -size(items[index]))
    begun = {index: pool.submit(work, items[index]) for index in by_size}
    return [begun[index].result() for index in range(len(items))]
