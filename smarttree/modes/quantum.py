"""Mode `quantum`: the tree as a QTN1 snapshot, binary. See spec/QTN1.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from smarttree.codec import encode_snapshot, pool_of
from smarttree.errors import BadParameter
from smarttree.wire import MEDIA_TYPE_QTN

if TYPE_CHECKING:
    from smarttree.modes import View

NAME: Final = "quantum"
CONTENT_TYPE: Final = MEDIA_TYPE_QTN
CUTS: Final = False
SMALL: Final = False
THREADS_MAX: Final = 8


def render(view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
    """See `smarttree.modes.Mode.render`. A snapshot tells all: one that is cut would be another tree's."""
    if depth is not None:
        raise BadParameter("depth does not go with mode quantum, which always tells the whole tree")
    return iter((encode_snapshot(view.tree, top, view.clock, pool_of(min(os.cpu_count() or 1, THREADS_MAX))),))
