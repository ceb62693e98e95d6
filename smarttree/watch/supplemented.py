"""Two watchers as one: the kernel's for everything, and polling for the places of whose changes the kernel is not told.

So what changes on a local disk is known at once although a network file system is mounted below it, and so is what this
machine itself changes there.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from smarttree.tree import Tree
from smarttree.watch.base import Hints, WakeUp, Watcher
from smarttree.watch.polling import PollingWatcher

if TYPE_CHECKING:
    from smarttree._walk import Placer


class SupplementedWatcher:
    """`kernel` knows the watches; `poller` has none."""

    def __init__(self, kernel: Watcher, poller: PollingWatcher) -> None:
        self._kernel, self._poller = kernel, poller
        self.name = f"{kernel.name} and {poller.name}"

    @property
    def scan_handle(self) -> Placer | None:
        return self._kernel.scan_handle

    def start(self, wake: WakeUp, tree: Tree) -> None:
        self._kernel.start(wake, tree)
        self._poller.start(wake, tree)

    def placing(self) -> AbstractContextManager[None]:
        return self._kernel.placing()

    def bind(self, watches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        self._poller.bind(())
        return self._kernel.bind(watches)

    def forget(self, directories: Iterable[int]) -> None:
        self._kernel.forget(directories)

    def drain(self, *, barrier: bool = True) -> Hints:
        """The kernel's last: what happens on its disks while the poller reads is in it."""
        hints = self._poller.drain(barrier=barrier)
        hints.merge(self._kernel.drain(barrier=barrier))
        return hints

    def close(self) -> None:
        self._poller.close()
        self._kernel.close()
