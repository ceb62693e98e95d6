"""The watchers that there are on Linux, by name, and which of them can be tested here.

Law: what can't be had is skipped; but a CI that runs as root has the capability, and there its absence is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from smarttree.errors import WatcherUnavailable
from smarttree.watch.base import Watcher
from smarttree.watch.linux import FanotifyWatcher, InotifyWatcher

Maker = Callable[[bytes], Watcher]


def make_inotify(top: bytes) -> InotifyWatcher:
    return InotifyWatcher()


def make_fanotify(top: bytes) -> FanotifyWatcher:
    return FanotifyWatcher([top])


def missing() -> str:
    """Why there is no fanotify here; "" where there is."""
    try:
        make_fanotify(os.fsencode(os.getcwd())).close()
    except WatcherUnavailable as error:
        return str(error)
    return ""


REASON = missing()
needs_fanotify = pytest.mark.skipif(
    bool(REASON) and not ("CI" in os.environ and os.geteuid() == 0), reason=REASON or "there is fanotify"
)

INOTIFY = pytest.param(make_inotify, id="inotify")
FANOTIFY = pytest.param(make_fanotify, id="fanotify", marks=needs_fanotify)
BY_NAME = [pytest.param("inotify"), pytest.param("fanotify", marks=needs_fanotify)]
