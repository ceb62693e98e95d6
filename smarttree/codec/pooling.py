"""Work spread over threads that are kept: each piece begins as soon as it is known, and results come in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@cache
def pool_of(threads: int) -> Executor | None:
    """So many threads, kept for the next call: a new one begins with a compressor and memory of its own to make, which
    costs as much as a chunk. None for one thread: the caller is it.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix="qtn") if threads > 1 else None


def spread(pool: Executor | None, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """What `work` makes of each item, in their order; without a pool one after the other."""
    if pool is None:
        return list(map(work, items))
    return [begun.result() for begun in [pool.submit(work, item) for item in items]]
