"""watchdog as a Watcher, for systems on which we have no own. It can lose events in silence, so its barrier reads anew.

Paths come in, so they are turned into ids when they are drained. A directory that is not in the tree yet is hinted at
by the nearest one above it that is. watchdog begins to watch a new directory some time after it was made: what happens
in it meanwhile is found by reading it once more, a moment later.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer as Watchdog
from watchdog.observers.api import ObservedWatch

from smarttree.tree import NO_ID, Tree
from smarttree.watch.base import Hints, Place, WakeUp

logger = logging.getLogger(__name__)

AGAIN_S = 0.5  # when a new directory is read once more
STOP_S = 0.5  # for watchdog's threads, which are daemons, to end


class PortableWatcher(FileSystemEventHandler):
    """Whatever watchdog has for this system, recursively on each root."""

    name = "watchdog"
    scan_handle = None

    def __init__(self, roots: Sequence[bytes], *, degraded: str = "") -> None:
        self.degraded = degraded
        self._roots = tuple(roots)
        self._watched: dict[bytes, ObservedWatch] = {}
        self._lock = threading.Lock()  # guards the six below
        self._touched: set[bytes] = set()
        self._moved: set[bytes] = set()
        self._written: set[bytes] = set()
        self._finished: set[bytes] = set()  # closed by who could write
        self._arrived: set[bytes] = set()
        self._again: set[bytes] = set()  # new directories that were read once more when the timer had run
        self._timers: set[threading.Timer] = set()
        self._closed = False
        self._watchdog = Watchdog()

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        self._wake, self._tree, self._ends = wake, tree, ends
        for root in self._roots:
            self._watched[root] = self._watchdog.schedule(self, os.fsdecode(root), recursive=True)
        self._watchdog.start()

    def add_root(self, path: bytes) -> None:
        self._watched[path] = self._watchdog.schedule(self, os.fsdecode(path), recursive=True)
        self._roots = (*self._roots, path)

    def drop_root(self, path: bytes) -> None:
        self._roots = tuple(root for root in self._roots if root != path)
        watch = self._watched.pop(path, None)
        if watch is not None:
            self._watchdog.unschedule(watch)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Runs in watchdog's thread."""
        if event.event_type in ("opened", "closed_no_write"):
            return
        paths = [os.fsencode(path) for path in (event.src_path, event.dest_path) if path]
        with self._lock:
            self._touched.update(paths)
            if event.event_type == "moved":
                self._moved.add(paths[0])
            if event.event_type == "moved" and self._ends:
                self._arrived.add(paths[-1])
            if event.event_type == "closed" and self._ends:
                self._finished.add(paths[0])
            if event.event_type in ("modified", "closed") and not event.is_directory:
                self._written.add(paths[0])
        if event.is_directory and event.event_type in ("created", "moved"):
            self._read_again(paths[-1])
        self._wake()

    def _read_again(self, path: bytes) -> None:
        def due() -> None:
            with self._lock:
                self._again.add(path)
                self._timers.discard(timer)
            self._wake()

        timer = threading.Timer(AGAIN_S, due)
        timer.daemon = True
        with self._lock:
            if not self._closed:
                self._timers.add(timer)
                timer.start()

    @contextmanager
    def placing(self) -> Iterator[None]:
        yield

    def bind(self, watches: Iterable[tuple[int, int]], asides: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        return []

    def forget(self, directories: Iterable[int]) -> None:
        """Nothing is kept by id."""

    def drain(self, *, barrier: bool = True) -> Hints:
        with self._lock:
            touched, self._touched = self._touched, set()
            moved, self._moved = self._moved, set()
            written, self._written = self._written, set()
            finished, self._finished = self._finished, set()
            arrived, self._arrived = self._arrived, set()
            again, self._again = self._again, set()
        hints = Hints(overflow=barrier)
        for path in touched:
            place = self._place(path)
            if place is not None:
                hints.add(*place)
                for paths, places in (
                    (moved, hints.moved),
                    (written, hints.written),
                    (finished, hints.closed),
                    (arrived, hints.arrived),
                ):
                    if path in paths:
                        places.add(place)
            elif (root := self._tree.resolve(path)) != NO_ID:
                hints.names.setdefault(root, set())
        hints.whole.update(eid for path in again if self._tree.has_directory(eid := self._tree.resolve(path)))
        return hints

    def leaving(self) -> Collection[Place]:
        """watchdog says it some time after it happened: that may have been before the last `drain`."""
        return ()

    def _place(self, path: bytes) -> Place | None:
        """The place of `path`, or of the nearest directory above it that is in one we know; None for a root."""
        while path not in self._roots:
            above, name = os.path.split(path)
            if above == path:
                return None
            directory = self._tree.resolve(above)
            if directory != NO_ID and self._tree.has_directory(directory):
                return directory, name
            path = above
        return None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()
        try:
            self._watchdog.stop()
        except KeyError:
            # Its inotify loses count of its own watches when directories move. Its threads are daemons.
            logger.debug("watchdog could not stop in order", exc_info=True)
        if self._watchdog.is_alive():
            self._watchdog.join(STOP_S)
