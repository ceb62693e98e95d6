"""Groups of a tree, fetched one by one by their addresses, a few at a time.

Law: what is given back is what its address says. A group that can't be had, or is another, makes all of them worthless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from .errors import ProblemError
from .link import Link, read_bounded
from .replica import Group, is_group

__all__ = ["GroupsLostError", "fetch_groups"]

AT_ONCE: Final = 8
MEDIA_TYPE: Final = "application/octet-stream, */*"


class GroupsLostError(Exception):
    """A group that a manifest has named can't be had: the tree has to come in one piece."""


async def fetch_groups(link: Link, groups: Sequence[Group]) -> dict[int, bytes]:
    """By address."""
    found: dict[int, bytes] = {}
    places = asyncio.Semaphore(AT_ONCE)

    async def fetch(group: Group) -> None:
        async with places:
            found[group[0]] = await _fetch(link, group)

    try:
        async with asyncio.TaskGroup() as tasks:
            for group in groups:
                tasks.create_task(fetch(group))
    except* GroupsLostError as lost:
        raise GroupsLostError(str(lost.exceptions[0])) from None
    return found


async def _fetch(link: Link, group: Group) -> bytes:
    address, size = group
    try:
        async with link.call("GET", f"/chunk/{address:032x}", accept=MEDIA_TYPE) as response:
            body = await read_bounded(response, size)
    except ProblemError as problem:
        if problem.status == 404 or problem.code == "too-large":
            raise GroupsLostError(f"a group of the tree can't be had: {problem}") from problem
        raise
    if not is_group(body, group):
        raise GroupsLostError("a group of the tree is not what its address says")
    return body
