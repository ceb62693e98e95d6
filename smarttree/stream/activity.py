"""What happened lately: a window of five minutes that slides, per root. Pure: the time is passed in.

It is kept in buckets of one second, so that forgetting is dropping a bucket. Memory is bounded by the number of
paths a bucket remembers; the counts of changes and bytes are exact all the same.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, NamedTuple

from smarttree.stream.batch import Batch, Changes

WINDOW_S: Final = 300
WINDOW_NAME: Final = "5m"
# A file is hot when it changes in many seconds, and then it is among these in most of them. 300 buckets of 256 paths
# of 100 bytes are 10 MB for each root, at worst.
PATHS_PER_BUCKET: Final = 256
HOT_FILES: Final = 10


class Window(NamedTuple):
    """The last five minutes of one root. `hot_files` are relative to it, the one changed most often first."""

    changes: int
    growth_bytes: int
    hot_files: list[str]


@dataclass(slots=True)
class _Bucket:
    second: int
    changes: int = 0
    growth_bytes: int = 0
    paths: Counter[bytes] = field(default_factory=Counter)


class _RootWindow:
    """The window of one root. Times are whole seconds; one that runs backwards counts as the newest seen."""

    def __init__(self, root: bytes) -> None:
        self.prefix = root.rstrip(b"/") + b"/"
        self._buckets: deque[_Bucket] = deque()
        self._changes = 0
        self._growth_bytes = 0
        self._heat: Counter[bytes] = Counter()

    def add(self, second: int, changes: Changes) -> None:
        count, growth_bytes = changes.below(self.prefix)
        if not count:
            return
        self.forget(second)
        if not self._buckets or self._buckets[-1].second < second:
            self._buckets.append(_Bucket(second))
        bucket = self._buckets[-1]
        bucket.changes += count
        bucket.growth_bytes += growth_bytes
        self._changes += count
        self._growth_bytes += growth_bytes
        for path in changes.files(self.prefix):
            if path in bucket.paths or len(bucket.paths) < PATHS_PER_BUCKET:
                bucket.paths[path] += 1
                self._heat[path] += 1

    def forget(self, now: int) -> None:
        while self._buckets and self._buckets[0].second <= now - WINDOW_S:
            bucket = self._buckets.popleft()
            self._changes -= bucket.changes
            self._growth_bytes -= bucket.growth_bytes
            for path, count in bucket.paths.items():
                if self._heat[path] > count:
                    self._heat[path] -= count
                else:
                    del self._heat[path]

    def window(self) -> Window:
        hottest = nsmallest(HOT_FILES, self._heat.items(), key=lambda item: (-item[1], item[0]))
        names = [path.removeprefix(self.prefix).decode("utf-8", "replace") for path, _ in hottest]
        return Window(self._changes, self._growth_bytes, names)


class Activity:
    """The windows of all roots. Thread-safe: the engine adds, requests ask."""

    def __init__(self, roots: Sequence[bytes]) -> None:
        self._lock = threading.Lock()
        self._windows = {root: _RootWindow(root) for root in roots}
        self._paths: dict[bytes, _RootWindow] = {}

    def add_root(self, root: bytes) -> None:
        """Begin a window."""
        with self._lock:
            self._windows.setdefault(root, _RootWindow(root))

    def drop_root(self, root: bytes) -> None:
        """Forget a window; no window is no error."""
        with self._lock:
            self._windows.pop(root, None)

    def add_path(self, path: bytes) -> None:
        """Begin a window of what is below a path in a root; a window that is there stays as it is."""
        with self._lock:
            self._paths.setdefault(path, _RootWindow(path))

    def drop_path(self, path: bytes) -> None:
        with self._lock:
            self._paths.pop(path, None)

    def add(self, batch: Batch) -> None:
        """Counts a batch, at the second of its commit. O(changes)."""
        second = batch.time_ns // 1_000_000_000
        with self._lock:
            for window in (*self._windows.values(), *self._paths.values()):
                window.add(second, batch.changes)

    def summary(self, now_ns: int, root: bytes) -> Window:
        """The five minutes before `now_ns` below a root, or a path that was added. O(paths in the window)."""
        with self._lock:
            window = self._windows.get(root) or self._paths.get(root)
            if window is None:  # removed a moment ago
                return Window(0, 0, [])
            window.forget(now_ns // 1_000_000_000)
            return window.window()
