"""What goes on though its client has left, and whose failure then concerns nobody: asyncio would log it as a bug."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def shielded(work: asyncio.Future[T]) -> T:
    """Its result. Who is cancelled meanwhile leaves it to itself."""
    work.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(work)
