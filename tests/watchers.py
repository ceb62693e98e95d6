"""The watchers that there are on Linux, which of them can be tested here, and a watched directory to test them on.

Law: what can't be had is skipped; but a CI that runs as root has the capability, and there its absence is a failure.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest

from smarttree._scan import scan
from smarttree.disk.base import Reader
from smarttree.disk.linux import LinuxDisk
from smarttree.errors import WatcherUnavailable
from smarttree.tree import Tree
from smarttree.watch.base import Hints, Watcher
from smarttree.watch.linux import FanotifyWatcher, InotifyWatcher
from smarttree.watch.polling import Polled, PollingWatcher

Maker = Callable[[bytes], Watcher]
DEADLINE_S = 20
POLL_S = 0.01


def make_inotify(top: bytes) -> InotifyWatcher:
    return InotifyWatcher()


def make_fanotify(top: bytes) -> FanotifyWatcher:
    return FanotifyWatcher([top])


def make_polling(top: bytes) -> PollingWatcher:
    return PollingWatcher([Polled(top)], Reader(LinuxDisk()), poll_s=POLL_S)


def missing() -> str:
    """Why there is no fanotify here; "" where there is."""
    try:
        make_fanotify(os.fsencode(os.getcwd())).close()
    except WatcherUnavailable as error:
        return str(error)
    return ""


REASON = missing()
HAS_FANOTIFY = not REASON or ("CI" in os.environ and os.geteuid() == 0)
needs_fanotify = pytest.mark.skipif(not HAS_FANOTIFY, reason=REASON or "there is fanotify")

INOTIFY = pytest.param(make_inotify, id="inotify")
FANOTIFY = pytest.param(make_fanotify, id="fanotify", marks=needs_fanotify)
POLLING = pytest.param(make_polling, id="polling")
NAMES = ["inotify", "fanotify"] if HAS_FANOTIFY else ["inotify"]
QUEUES = [pytest.param("inotify"), pytest.param("fanotify", marks=needs_fanotify)]
BY_NAME = [*QUEUES, pytest.param("polling")]


class Site(NamedTuple):
    """A watched directory: its path and id, its watcher, and the event that its wake-up sets."""

    top: bytes
    root: int
    tree: Tree
    watcher: Watcher
    woken: threading.Event

    def until(self, directory: int, name: bytes) -> Hints:
        """All hints up to the one that names this place."""
        found = Hints()
        while name not in found.names.get(directory, ()):
            assert self.woken.wait(DEADLINE_S), f"nothing was heard of {name!r}"
            self.woken.clear()
            found.merge(self.watcher.drain())
        return found

    def add(self, name: bytes, parent: int | None = None) -> int:
        """A new directory below `top`, in `parent` where that is not `top`; scanned, watched and bound. Its id."""
        os.mkdir(self.top + b"/" + name)
        with self.watcher.placing():
            listing = scan(self.top + b"/" + name, watch=self.watcher.scan_handle, threads=1)
            eid = self.tree.issue()
            self.tree.insert(eid, parent or self.root, name.rpartition(b"/")[2], listing.row(0))
            self.watcher.bind([(eid, listing.watch(0))])
        self.watcher.drain()
        return eid

    def follow(self) -> None:
        """Bring what is right in `top` into the tree, as the engine does with what it was hinted at."""
        listing = scan(self.top, watch=None, threads=1)
        self.tree.update(self.root, listing.row(0))
        there = {listing.name(index): listing.row(index) for index in listing.children(0)}
        for known in self.tree.children(self.root):
            row = there.get(self.tree.name(known))
            if row is None or row.identity != self.tree.row(known).identity:
                self.tree.remove(known)
            else:
                self.tree.update(known, there.pop(self.tree.name(known)))
        for name, row in there.items():
            self.tree.insert(self.tree.issue(), self.root, name, row)


def open_site(make: Maker, top: bytes) -> Site:
    watcher, tree = make(top), Tree()
    with watcher.placing():
        listing = scan(top, watch=watcher.scan_handle)
        root = tree.graft(listing, top)
        watcher.bind((root + index, wd) for index, wd in listing.watches())
    return Site(top, root, tree, watcher, threading.Event())


def touch(path: bytes, content: bytes = b"") -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(fd, content)
    os.close(fd)
