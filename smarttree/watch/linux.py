"""The two watchers on Linux: fanotify marks whole file systems, where that is allowed; inotify watches each directory.

fanotify needs no watch for each directory, so there is no limit on them, and its queue has no bound. It needs
CAP_SYS_ADMIN, and tells of the whole file system: what is not ours is dropped in `_fanotify`. inotify needs nothing.
"""

from __future__ import annotations

import errno
import logging
import os
import select
from collections.abc import Collection, Sequence

from smarttree._fanotify import Fanotify
from smarttree._watch import Inotify
from smarttree.errors import WatcherUnavailable
from smarttree.printable import printable
from smarttree.tree import NO_ID, Tree
from smarttree.watch.base import Hints, WakeUp
from smarttree.watch.mounts import Mounts, is_below
from smarttree.watch.queue import QueueWatcher

logger = logging.getLogger(__name__)

_HOLD = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

_INSTEAD = "leave --watcher out to have one chosen that works"
_REASONS = {
    errno.EPERM: "it needs the capability CAP_SYS_ADMIN, as root has it outside of containers",
    errno.EINVAL: "it needs Linux 5.9 or newer",
    errno.ENOSYS: "this kernel was built without it",
    errno.EMFILE: "too many groups are open; raise that by: sudo sysctl fs.fanotify.max_user_groups=1024",
}
_UNFIT = "it is not of a kind on which file handles are known to last"
_HIDDEN = {errno.ENOENT, errno.ENOTDIR}  # below another mount, or a file: no scan comes there


class InotifyWatcher(QueueWatcher[Inotify]):
    """The watcher for local file systems on Linux, without privileges."""

    name = "inotify"

    def __init__(self) -> None:
        super().__init__(Inotify())

    def drop_root(self, path: bytes) -> None:
        """A scan that failed has left watches that no id will ever have: the kernel lists all there are."""
        with self._lock:
            for key in self._placed():
                if key not in self._watched and key not in self._asides:
                    self._queue.forget(key)

    def _placed(self) -> set[int]:
        with open(f"/proc/self/fdinfo/{self._queue.fd}", encoding="ascii") as told:
            return {int(line.split()[1].removeprefix("wd:"), 16) for line in told if line.startswith("inotify wd:")}


class FanotifyWatcher(QueueWatcher[Fanotify]):
    """The watcher for local file systems on Linux that may hear of all that happens on them.

    A mount or unmount below a root, or of a root, is no event of fanotify, and an unmounted file system takes its mark
    with it. So the table of mounts is watched beside the queue: hints say where it changes, and marks that went are
    renewed.
    """

    name = "fanotify"

    def __init__(
        self, roots: Sequence[bytes], *, polled: Collection[bytes] = (), group: Fanotify | None = None
    ) -> None:
        """Raises WatcherUnavailable where a root's file system, or one that is mounted below it, can't be marked; but
        for what is mounted on, or below, what is `polled`.
        """
        super().__init__(group or _open_group())
        self._roots = tuple(roots)
        self._tree: Tree | None = None
        self._suspects: set[bytes] = set()  # mount points and roots to be read anew; guarded by the lock
        try:
            self._mounts = Mounts(roots)
        except OSError as error:
            super().close()
            raise WatcherUnavailable(f"fanotify needs the table of mounts: {error}; {_INSTEAD}") from error
        try:
            for path in (*roots, *sorted(self._mounts.points)):
                if not any(is_below(path, top) for top in polled):
                    self._check(path)
        except WatcherUnavailable:
            self.close()
            raise

    def _check(self, path: bytes) -> None:
        try:
            self._mark(path)
        except OSError as error:
            if error.errno in _HIDDEN:
                return
            why = _UNFIT if error.errno == errno.EOPNOTSUPP else error.strerror
            raise WatcherUnavailable(
                f"fanotify can't watch the file system at {printable(path)}: {why}; {_INSTEAD}"
            ) from error

    def _mark(self, path: bytes) -> bool:
        """Whether the file system at `path` had no mark so far. Raises OSError."""
        fd = os.open(path, _HOLD)
        try:
            return self._queue.mark(fd)
        finally:
            os.close(fd)

    @property
    def foreign(self) -> int:
        """How many places were told of so far that are in no directory of ours."""
        return self._queue.foreign

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        self._tree = tree
        super().start(wake, tree, ends=ends)

    def add_root(self, path: bytes) -> None:
        """Its scan marks what it comes to."""
        with self._lock:
            self._roots = (*self._roots, path)
            self._mounts.follow(self._roots)

    def drop_root(self, path: bytes) -> None:
        """Marks stay: other roots may need them, and what is in none of our directories is dropped at once."""
        with self._lock:
            self._roots = tuple(root for root in self._roots if root != path)
            self._mounts.follow(self._roots)

    def _sources(self) -> dict[int, int]:
        return {**super()._sources(), self._mounts.fd: select.POLLPRI}

    def _waits(self) -> bool:
        return super()._waits() or bool(self._suspects)

    def _take(self) -> None:
        # Mounts first: what happens on a file system once it has its mark is in the queue.
        if self._mounts.has_changed():
            self._suspects |= self._mounts.renew()
            self._suspects.update(path for path in (*self._roots, *self._mounts.points) if self._has_lost_mark(path))
        super()._take()

    def _has_lost_mark(self, path: bytes) -> bool:
        try:
            return self._mark(path)
        except OSError as error:  # gone again, or not fit to be watched: who reads it will say so
            logger.debug("no mark at %s: %s", printable(path), error)
            return False

    def drain(self, *, barrier: bool = True) -> Hints:
        hints = super().drain(barrier=barrier)
        if self._tree is not None and self._suspects:
            with self._lock:
                suspects, self._suspects = self._suspects, set()
            for path in suspects:
                self._point_to(path, self._tree, hints)
        return hints

    def _point_to(self, point: bytes, tree: Tree, hints: Hints) -> None:
        """What is mounted at `point` has changed, or may have changed unheard: look there, and read it anew."""
        for root in self._roots:
            if is_below(root, point) and (eid := tree.resolve(root)) != NO_ID:
                hints.whole.add(eid)
            elif is_below(point, root):
                above, name = os.path.split(point)
                if (directory := tree.resolve(above)) != NO_ID:
                    hints.add(directory, name)
                if (eid := tree.resolve(point)) != NO_ID:
                    hints.whole.add(eid)

    def close(self) -> None:
        super().close()
        self._mounts.close()


def _open_group() -> Fanotify:
    try:
        return Fanotify()
    except OSError as error:
        why = _REASONS.get(error.errno or 0, error.strerror)
        raise WatcherUnavailable(f"fanotify can't be used here: {why}; {_INSTEAD}") from error
