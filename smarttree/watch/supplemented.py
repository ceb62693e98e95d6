"""Two watchers as one: the kernel's for everything, and polling for what the kernel does not tell of, or not enough.

Polled are the places of file systems that others change unheard of, and each directory that the kernel refuses to
watch, because a limit is reached or its file system is not of a kind that can be. So what changes elsewhere is known
at once all the same. What is refused may move: it is known by its id, and its path is looked up before each pass.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from smarttree.printable import printable
from smarttree.tree import SERVICE_ID, Tree
from smarttree.watch import limits
from smarttree.watch.base import Hints, Place, WakeUp, Watcher
from smarttree.watch.mounts import is_below
from smarttree.watch.polling import Polled, PollingWatcher

if TYPE_CHECKING:
    from smarttree._walk import Placer

logger = logging.getLogger(__name__)

_LIMIT: Final = errno.ENOSPC
_SETTINGS: Final = {"fanotify": limits.MARKS}


class SupplementedWatcher:
    """`kernel` knows the watches; `poller` has none, and polls the places it was made with at all times, and those that
    `to_poll` names in a root that comes later.
    """

    def __init__(
        self, kernel: Watcher, poller: PollingWatcher, to_poll: Callable[[bytes], Sequence[Polled]] = lambda root: ()
    ) -> None:
        self._kernel, self._poller, self._to_poll = kernel, poller, to_poll
        self._settled = poller.places
        self._tree = Tree()
        self._refused: dict[int, int] = {}  # directories that are not watched, and the errno that says why
        self._limit: limits.Limit | None = None  # as it was when it was reached
        self.degraded = ""

    @property
    def name(self) -> str:
        return f"{self._kernel.name} and {self._poller.name}" if self._poller.places else self._kernel.name

    @property
    def scan_handle(self) -> Placer | None:
        return self._kernel.scan_handle

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        self._tree = tree
        self._kernel.start(wake, tree, ends=ends)
        self._poller.start(wake, tree, ends=ends)

    def add_root(self, path: bytes) -> None:
        """What in it can't be watched shows when it is scanned, and is polled."""
        places = self._to_poll(path)
        self._settled = (*self._settled, *places)
        self._poller.replace([*self._poller.places, *places])
        self._kernel.add_root(path)

    def drop_root(self, path: bytes) -> None:
        self._settled = tuple(place for place in self._settled if not is_below(place.path, path))
        self._kernel.drop_root(path)
        self._plan()

    def placing(self) -> AbstractContextManager[None]:
        return self._kernel.placing()

    def bind(self, watches: Iterable[tuple[int, int]], asides: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        placed = list(watches)
        refused = {directory: -key for directory, key in placed if key < 0}
        if refused or self._refused:
            placed = [watch for watch in placed if watch[0] not in refused]
            for directory, _ in placed:
                self._refused.pop(directory, None)
            self._refused |= refused
        replaced = self._kernel.bind(placed, asides)
        if self._refused and not self.degraded:
            self._plan()  # later ones when a pass has ended: it takes as long as there are many
        self._poller.bind(())
        return replaced

    def forget(self, directories: Iterable[int]) -> None:
        ended = list(directories)
        for directory in ended:
            self._refused.pop(directory, None)
        self._kernel.forget(ended)

    def drain(self, *, barrier: bool = True) -> Hints:
        """The kernel's last: what happens on its disks while the poller reads is in it.

        Where a directory is not at its path any more, the kernel's hints on what is above it lead to where it is.
        """
        hints = Hints()
        if (self._refused or self.degraded) and (barrier or self._poller.has_passed):
            if self._has_limit_changed():
                hints.whole.update(self._tops())  # read anew, they are watched if that can be
            self._plan()
        hints.merge(self._poller.drain(barrier=barrier))
        hints.merge(self._kernel.drain(barrier=barrier))
        return hints

    def leaving(self) -> Collection[Place]:
        return self._kernel.leaving()

    def _tops(self) -> list[int]:
        """Refused directories that are in none that is refused."""
        tree, refused = self._tree, self._refused
        return [eid for eid in refused if tree.has_directory(eid) and tree.parent(eid) not in refused]

    def _plan(self) -> None:
        """Have polled what must be, and say so. O(refused)."""
        places = [Polled(self._tree.path(eid), self._depth(eid)) for eid in self._tops()]
        places = [place for place in places if not any(is_below(place.path, it.path) for it in self._settled)]
        self._poller.replace([*self._settled, *places])
        was, self.degraded = self.degraded, self._reason() if places else ""
        if self.degraded and not was:
            logger.warning("%s", self.degraded)
        elif was and not self.degraded:
            logger.info("every directory is watched again")

    def _reason(self) -> str:
        by_limit = [eid for eid, number in self._refused.items() if number == _LIMIT]
        if not by_limit and errno.ENODEV in self._refused.values():
            return "the process that may mark file systems for this one has ended: what it did not mark is polled"
        if not by_limit:
            return "some directories are on a file system that can't be watched, and are polled"
        self._limit = self._limit or self._lowest()
        needed = limits.enough_for(self._tree.totals(SERVICE_ID).dirs)
        setting, value = self._limit
        return (
            f"the system's limit on {self._kernel.name} watches is reached ({setting} is {value}): {len(by_limit)} "
            f"directories can't be watched and are polled, among them {printable(self._tree.path(by_limit[0]))}; "
            f"raise it by: {limits.raise_now(setting, needed)}"
        )

    def _lowest(self) -> limits.Limit:
        return limits.lowest(_SETTINGS.get(self._kernel.name, limits.WATCHES))

    def _has_limit_changed(self) -> bool:
        if self._limit is None:
            return False
        was, self._limit = self._limit, self._lowest()
        return was != self._limit

    def _depth(self, eid: int) -> int:
        depth = 0
        while (eid := self._tree.parent(eid)) != SERVICE_ID:
            depth += 1
        return depth

    def close(self) -> None:
        self._poller.close()
        self._kernel.close()
