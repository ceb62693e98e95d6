"""Watchers: whatever tells where to look. See `base` for the contract; `choose` picks the best that works."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smarttree.errors import WatcherUnavailable

if TYPE_CHECKING:  # the command's table of options asks for the names only, and loads no numpy for that
    from smarttree.watch.base import Watcher

__all__ = ["AUTO", "NAMES", "choose"]

AUTO: Final = "auto"
NAMES: Final = ("fanotify", "inotify", "watchdog")

logger = logging.getLogger(__name__)


def choose(roots: Sequence[bytes], name: str = AUTO) -> Watcher:
    """The watcher of that name; by itself, fanotify where that is allowed and fits, else inotify; watchdog off Linux.

    Raises WatcherUnavailable where the one that was asked for can't work; OSError where the system refuses one.
    """
    if name != AUTO:
        return _make(name, roots)
    if sys.platform != "linux":
        return _make("watchdog", roots)
    try:
        return _make("fanotify", roots)
    except WatcherUnavailable as error:
        logger.debug("watching by inotify: %s", error)
        return _make("inotify", roots)


def _make(name: str, roots: Sequence[bytes]) -> Watcher:
    if name == "watchdog":
        from smarttree.watch.portable import PortableWatcher

        return PortableWatcher(roots)
    if sys.platform == "linux":
        from smarttree.watch.linux import FanotifyWatcher, InotifyWatcher

        if name == "fanotify":
            return FanotifyWatcher(roots)
        if name == "inotify":
            return InotifyWatcher()
    raise WatcherUnavailable(f"there is no watcher {name} on this system; leave --watcher out to have one chosen")
