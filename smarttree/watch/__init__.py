"""Watchers: whatever tells where to look. See `base` for the contract; `choose` picks this system's."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from smarttree.watch.base import Watcher

__all__ = ["choose"]


def choose(roots: Sequence[bytes]) -> Watcher:
    """inotify on Linux, watchdog elsewhere. Raises OSError where the system refuses one."""
    if sys.platform == "linux":
        from smarttree.watch.linux import InotifyWatcher

        return InotifyWatcher()
    else:
        from smarttree.watch.portable import PortableWatcher

        return PortableWatcher(roots)
