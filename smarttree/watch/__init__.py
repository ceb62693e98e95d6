"""Watchers: whatever tells where to look. See `base` for the contract; `choose` picks the best that works."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smarttree.errors import WatcherUnavailable
from smarttree.printable import printable

if TYPE_CHECKING:  # the command's table of options asks for the names only, and loads no numpy for that
    from smarttree.watch.base import Watcher
    from smarttree.watch.polling import Reader

__all__ = ["AUTO", "NAMES", "choose"]

AUTO: Final = "auto"
NAMES: Final = ("fanotify", "inotify", "watchdog", "polling")

logger = logging.getLogger(__name__)


def choose(roots: Sequence[bytes], name: str = AUTO, *, reader: Reader, poll_s: float) -> Watcher:
    """The watcher of that name; by itself, fanotify where that is allowed and fits, else inotify; watchdog off Linux.
    By itself it also polls what is on a file system that others change unheard of, by `reader`, every `poll_s` seconds.

    Raises WatcherUnavailable where the one that was asked for can't work; OSError where the system refuses one.
    """
    from smarttree.watch.polling import Polled, PollingWatcher

    if name == "polling":
        return PollingWatcher([Polled(root) for root in roots], reader, poll_s=poll_s)
    if name != AUTO:
        return _make(name, roots)
    if sys.platform != "linux":
        return _make("watchdog", roots)
    from smarttree.watch.filesystem import mounts_here, to_poll
    from smarttree.watch.supplemented import SupplementedWatcher

    places = to_poll(roots, mounts_here())
    for place in places:
        logger.info("polling %s: %s", printable(place.path), place.why)
    poller = PollingWatcher([Polled(*place[:2]) for place in places], reader, poll_s=poll_s)
    if {place.path for place in places} >= {*roots}:
        return poller
    return SupplementedWatcher(_kernel_watcher(roots), poller) if places else _kernel_watcher(roots)


def _kernel_watcher(roots: Sequence[bytes]) -> Watcher:
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
