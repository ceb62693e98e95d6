"""Ticks: where the kernel's clock for files stands still for a while, two writes can bear one time, and show alike.

Before Linux 6.13 a file's times come from the tick of the timer, and some file systems keep whole seconds. So where the
kernel says that a file was written, and all its values are as they were, it may be that it was looked at between two
writes within a tick. That is told as a change: one time too often is no harm, once too few is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection
from typing import Final

from smarttree.watch.base import Place

SECOND_NS: Final = 1_000_000_000
TICK_NS: Final = 20_000_000  # 10 ms where the timer is slowest on Linux, 16 on Windows
COARSE_SECONDS_NS: Final = 2 * SECOND_NS  # FAT; others that keep whole seconds keep each

_FINE_SINCE: Final = (6, 13)  # ext4, xfs, btrfs and tmpfs tell apart what someone has looked at between


def tick_ns(system: str = sys.platform, release: str = "") -> int:
    """For how long the times of files may stand still here, in nanoseconds; 0: not at all, where they are fine."""
    found = re.match(r"(\d+)\.(\d+)", release or os.uname().release) if system == "linux" else None
    return 0 if found and (int(found[1]), int(found[2])) >= _FINE_SINCE else TICK_NS


def hiding(stored: Collection[Place], since_ns: int, tick: int) -> Callable[[Place, int], bool] | None:
    """Tells of a place, and the mtime there, whether something was stored, after `since_ns`, that no value may show;
    None: nowhere.
    """
    if not stored:
        return None

    def is_hidden(place: Place, mtime_ns: int) -> bool:
        still_ns = tick if mtime_ns % SECOND_NS else COARSE_SECONDS_NS
        return still_ns > 0 and mtime_ns + still_ns > since_ns and place in stored

    return is_hidden
