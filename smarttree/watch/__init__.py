"""Watchers: whatever tells where to look. See `base` for the contract; `choose` picks the best that works."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smarttree.errors import WatcherUnavailable
from smarttree.printable import printable

if TYPE_CHECKING:  # the command's table of options asks for the names only, and loads no numpy for that
    from smarttree._fanotify import Fanotify
    from smarttree.config import ServiceConfig
    from smarttree.watch.base import Watcher
    from smarttree.watch.polling import Polled, Reader

    Group = Fanotify

__all__ = ["AUTO", "NAMES", "choose", "choose_for"]

AUTO: Final = "auto"
NAMES: Final = ("fanotify", "inotify", "watchdog", "polling")

_WATCHDOG_ON_LINUX: Final = (
    "watchdog goes on without a word where it can't watch (a limit of the system), and what it loses is told at the "
    "next barrier only; leave --watcher out to have a watcher chosen that loses nothing"
)

logger = logging.getLogger(__name__)


def choose_for(config: ServiceConfig, reader: Reader, group: Group | None) -> Watcher:
    """As the settings want it. Raises as `choose`."""
    return choose(config.roots, config.watcher, reader=reader, poll_s=config.poll_s, group=group)


def choose(
    roots: Sequence[bytes], name: str = AUTO, *, reader: Reader, poll_s: float, group: Group | None = None
) -> Watcher:
    """The watcher of that name; by itself, fanotify where that is allowed and fits, else inotify; watchdog off Linux.

    By itself it also polls what is on a file system that others change unheard of, by `reader`, every `poll_s` seconds;
    and on Linux, whatever was asked for, what the kernel refuses to watch. `group`: one of fanotify that was opened
    when that was permitted; it is the watcher's, and closed where that is another.

    Raises WatcherUnavailable where the one that was asked for can't work; OSError where the system refuses one.
    """
    from smarttree.watch.polling import Polled, PollingWatcher

    if name == "polling":
        return PollingWatcher([Polled(root) for root in roots], reader, poll_s=poll_s)
    if sys.platform != "linux" or name not in (AUTO, "fanotify", "inotify"):
        return _make("watchdog" if name == AUTO else name, roots)
    from smarttree.watch.supplemented import SupplementedWatcher

    places = _places_to_poll(roots) if name == AUTO else []
    poller = PollingWatcher(places, reader, poll_s=poll_s)
    if name != AUTO:
        return SupplementedWatcher(_make(name, roots, group=group), poller)
    if {place.path for place in places} >= {*roots}:
        if group is not None:
            group.close()
        return poller
    try:
        return SupplementedWatcher(_kernel_watcher(roots, places, group), poller, lambda root: _places_to_poll([root]))
    except OSError as error:
        degraded = _nothing_but_polling(error)
        return PollingWatcher([Polled(root) for root in roots], reader, poll_s=poll_s, degraded=degraded)


def _places_to_poll(roots: Sequence[bytes]) -> Sequence[Polled]:
    from smarttree.watch.filesystem import mounts_here, to_poll
    from smarttree.watch.polling import Polled

    places = to_poll(roots, mounts_here())
    for place in places:
        logger.info("polling %s: %s", printable(place.path), place.why)
    return [Polled(*place[:2]) for place in places]


def _kernel_watcher(roots: Sequence[bytes], polled: Sequence[Polled], group: Group | None) -> Watcher:
    try:
        return _make("fanotify", roots, polled, group)
    except WatcherUnavailable as error:
        logger.debug("watching by inotify: %s", error)
        return _make("inotify", roots)


def _nothing_but_polling(error: OSError) -> str:
    """Why nothing but polling is left, and what to do; logged too. Raises the error where it is of another kind."""
    from smarttree.watch import limits

    if error.errno not in (errno.EMFILE, errno.ENOSYS):
        raise error
    degraded = f"inotify can't be used ({error.strerror}), so everything is polled"
    if error.errno == errno.EMFILE:
        limit = limits.lowest(limits.INSTANCES)
        command = limits.raise_now(limit.setting, limits.INSTANCES_ENOUGH)
        degraded += f"; its instances are limited to {limit.value} for each user; raise that by: {command}"
    logger.warning("%s", degraded)
    return degraded


def _make(name: str, roots: Sequence[bytes], polled: Sequence[Polled] = (), group: Group | None = None) -> Watcher:
    if name == "watchdog":
        from smarttree.watch.portable import PortableWatcher

        if sys.platform != "linux":
            return PortableWatcher(roots)
        logger.warning("%s", _WATCHDOG_ON_LINUX)
        return PortableWatcher(roots, degraded=_WATCHDOG_ON_LINUX)
    if sys.platform == "linux":
        from smarttree.watch.linux import FanotifyWatcher, InotifyWatcher

        if name == "fanotify":
            return FanotifyWatcher(roots, polled=[place.path for place in polled], group=group)
        if name == "inotify":
            return InotifyWatcher()
    raise WatcherUnavailable(f"there is no watcher {name} on this system; leave --watcher out to have one chosen")
