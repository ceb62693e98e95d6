"""Groups of columns that a manifest has named: kept until a minute after it was given to someone, each once.

Law: whoever was given a manifest finds each of its groups here for PINNED_S after that. Bounded: where GROUPS_BYTES are
kept, no other manifest is made, and the tree is told whole. Thread-safe; makes manifests in the caller's thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from smarttree.clock import Clock
from smarttree.codec import encode_parts, pool_of
from smarttree.modes import View
from smarttree.modes.quantum import THREADS_MAX

PINNED_S: Final = 60.0
GROUPS_BYTES: Final = 256 << 20

Key = tuple[Clock, bytes, int, int]


class Named:
    """A manifest, and the groups that it names, by address."""

    def __init__(self, key: Key, manifest: bytes, groups: dict[int, bytes]) -> None:
        self.key, self.manifest, self.groups = key, manifest, groups
        self.nbytes = len(manifest) + sum(map(len, groups.values()))


class Groups:
    """See the module. `now_s` counts seconds, from anywhere."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._pins: dict[Named, float] = {}  # until when, in this order
        self._shared: dict[Key, Named] = {}  # of those that are pinned
        self._kept: dict[int, tuple[bytes, int]] = {}  # by address: a group, and how many that are pinned name it
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        """What is kept, each group once."""
        with self._lock:
            return self._nbytes

    def name(self, view: View, top: int) -> Named | None:
        """The manifest of a directory, made once while it is pinned; None where there is no room. To be pinned when it
        is given. O(tree), 0.15 µs an entry: not for the event loop.
        """
        tree = view.tree
        key = (view.clock, tree.path(top), tree.digest(top), tree.row(top).mtime_ns)
        with self._lock:
            self._retire()
            if key in self._shared:
                return self._shared[key]
            if self._nbytes >= GROUPS_BYTES:
                return None
        parts = encode_parts(tree, top, view.clock, pool_of(min(os.cpu_count() or 1, THREADS_MAX)))
        groups = {group.address: group.stored for _, chunk in parts.chunks for group in chunk}
        with self._lock:  # what is kept already is not kept twice
            groups = {each: self._kept[each][0] if each in self._kept else stored for each, stored in groups.items()}
        return Named(key, parts.manifest(), groups)

    def pin(self, named: Named) -> None:
        """It is given to someone now."""
        with self._lock:
            if self._pins.pop(named, None) is None:
                self._shared[named.key] = named
                for address, stored in named.groups.items():
                    group, count = self._kept.get(address, (stored, 0))
                    self._kept[address] = (group, count + 1)
                    self._nbytes += len(group) if not count else 0
            self._pins[named] = self._now_s() + PINNED_S

    def get(self, address: int) -> bytes | None:
        """A group as it stands in the snapshot."""
        with self._lock:
            self._retire()
            return self._kept[address][0] if address in self._kept else None

    def retire(self) -> None:
        """Let go of what nobody can want any more: to be called now and then, where nobody asks."""
        with self._lock:
            self._retire()

    def _retire(self) -> None:
        now_s = self._now_s()
        while self._pins and now_s > next(iter(self._pins.values())):
            named = next(iter(self._pins))
            del self._pins[named]
            if self._shared.get(named.key) is named:
                del self._shared[named.key]
            for address in named.groups:
                group, count = self._kept.pop(address)
                if count > 1:
                    self._kept[address] = (group, count - 1)
                else:
                    self._nbytes -= len(group)
