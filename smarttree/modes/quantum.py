"""Mode `quantum`: the tree as a QTN1 snapshot, binary. See spec/QTN1.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from smarttree.codec import encode_snapshot
from smarttree.errors import BadParameter
from smarttree.wire import CHUNK_END_ENTRIES, MEDIA_TYPE_QTN

if TYPE_CHECKING:
    from smarttree.modes import View

NAME: Final = "quantum"
CONTENT_TYPE: Final = MEDIA_TYPE_QTN
CUTS: Final = False
THREADS_MAX: Final = 8  # a pool for each call costs 0.1 ms; a tree of one chunk does without


def render(view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
    """See `smarttree.modes.Mode.render`. A snapshot tells all: one that is cut would be another tree's."""
    if depth is not None:
        raise BadParameter("depth does not go with mode quantum, which always tells the whole tree")
    threads = min(os.cpu_count() or 1, THREADS_MAX)
    if threads == 1 or sum(view.tree.counts(top)[:2]) <= CHUNK_END_ENTRIES:
        return iter((encode_snapshot(view.tree, top, view.clock),))
    with ThreadPoolExecutor(threads, thread_name_prefix="quantum") as pool:
        return iter((encode_snapshot(view.tree, top, view.clock, pool),))
