"""Rooting: roots come and go while the service runs, each as batches like any other.

Law: a change of the roots is done whole, by the engine's thread, between two windows; whoever asked for it is answered
with the clock that has it. What is told until then has `more`; the last batch says what has become of the root.

The scan of a new root is made by the engine's thread too, so changes elsewhere are told after it. Views, the clock and
streams don't wait: the scan holds no lock, and what it found is carried out piece by piece.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Final, NamedTuple, Protocol

from smarttree.admission import is_within
from smarttree.advice import explain
from smarttree.clock import Clock
from smarttree.config import ServiceConfig
from smarttree.disk.base import Disk, Progress
from smarttree.errors import LastRoot, NotReady, PathError, RootsOverlap, SmarttreeError, TooManyRoots
from smarttree.observe import Observer
from smarttree.order import Act, Step, order
from smarttree.plan import Plan
from smarttree.printable import printable
from smarttree.standing import READY
from smarttree.stream.activity import Activity
from smarttree.stream.batch import RootState
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from smarttree.vcs import Holds
from smarttree.watch.base import Watcher

logger = logging.getLogger(__name__)

REQUESTS_MAX: Final = 100  # that wait

REMOVED: Final = "removed"


class Rooted(NamedTuple):
    """An answer: `clock` has the change; it was made then only if `is_new`, and else had been before."""

    clock: Clock
    is_new: bool


class Engine(Protocol):
    """What the service does for whoever changes its roots. In the engine's thread, but for `hurry`."""

    @property
    def clock(self) -> Clock:
        """The last committed clock."""

    def carry_out_in_pieces(self, plan: Plan, groups: list[list[Step]], news: RootState) -> None:
        """Carry a plan out and log it, batch by batch; the last one, which may be empty, tells the news."""

    def hurry(self) -> None:
        """Something waits to be done."""


class _Request(NamedTuple):
    path: bytes
    adds: bool
    future: Future[Rooted]


class Rooting:
    """The roots of a service, and the requests to change them. `add`, `remove`, `paths` and `pending` are for all."""

    def __init__(
        self, engine: Engine, tree: Tree, disk: Disk, activity: Activity, holds: Holds, config: ServiceConfig
    ) -> None:
        self._engine, self._tree, self._disk = engine, tree, disk
        self._activity, self._holds = activity, holds
        self._most = config.max_roots
        self.paths = config.roots  # in the order in which they were added
        self._lock = threading.Lock()  # guards the two below
        self._requests: deque[_Request] = deque()
        self._end: SmarttreeError | None = None  # why nothing is done any more
        self._progress: Progress | None = None  # of the scan under way

    # --- for everyone -------------------------------------------------------------------------------------------------

    def add(self, path: bytes) -> Future[Rooted]:
        """Serve a directory too; `path` is its real one. One that is a root already stays as it is.

        The future may raise RootsOverlap, TooManyRoots, and what a scan can fail with, as a SmarttreeError.
        """
        return self._ask(path, adds=True)

    def remove(self, path: bytes) -> Future[Rooted]:
        """Serve a root no longer. The future may raise PathError where it is none, and LastRoot."""
        return self._ask(path, adds=False)

    def pending(self) -> dict[bytes, int]:
        """Roots that are being added: how many entries were found so far."""
        with self._lock:
            progress = self._progress
            found = {request.path: 0 for request in self._requests if request.adds and request.path not in self.paths}
        if progress is not None and found:
            found[next(iter(found))] = progress.entries
        return found

    def cancel(self) -> None:
        """End a scan that is under way: it raises InterruptedError."""
        progress = self._progress
        if progress is not None:
            progress.cancel()

    def close(self, why: SmarttreeError) -> None:
        """Whoever waits, or asks from now on, is told why nothing is done."""
        with self._lock:
            self._end = why
            requests, self._requests = self._requests, deque()
        for request in requests:
            if not request.future.done() and request.future.set_running_or_notify_cancel():
                request.future.set_exception(why)

    def _ask(self, path: bytes, *, adds: bool) -> Future[Rooted]:
        future: Future[Rooted] = Future()
        with self._lock:
            if self._end is not None:
                raise self._end
            if len(self._requests) >= REQUESTS_MAX:
                raise TooManyRoots(f"{REQUESTS_MAX} changes of the roots are waiting already; ask again later")
            self._requests.append(_Request(path, adds, future))
        self._engine.hurry()
        return future

    # --- the engine's thread ------------------------------------------------------------------------------------------

    def perform(self, observer: Observer, watcher: Watcher) -> None:
        """Do what was asked for. Raises InterruptedError from `cancel` on, and where the engine is at its end."""
        while self._requests:
            request = self._requests[0]  # it stays there until it is done: `pending` and `close` know of it
            try:
                change = self._add if request.adds else self._take_out
                is_new = change(request.path, observer, watcher)
            except InterruptedError as error:
                raise NotReady("the server is stopping") from error
            except SmarttreeError as error:
                self._answer(request, error)
            else:
                self._answer(request, Rooted(self._engine.clock, is_new))

    def _answer(self, request: _Request, answer: Rooted | SmarttreeError) -> None:
        with self._lock:
            self._requests.popleft()
        if not request.future.set_running_or_notify_cancel():
            return  # whoever asked has left
        if isinstance(answer, SmarttreeError):
            request.future.set_exception(answer)
        else:
            request.future.set_result(answer)

    def replace(self, observer: Observer, paths: tuple[bytes, ...], progress: Progress) -> None:
        """At the start, with the tree of an earlier run: its roots that are named no longer go, and new ones come, each
        told like any other change. Raises as a scan does.
        """
        held = {self._tree.path(root) for root in self._tree.roots()}
        for path in sorted(held - set(paths)):
            self._tell_removed(path)
        for path in paths:
            if path not in held:
                observer.take_in(path, progress, partial(self._tell_new, path=path), late=False)

    def _add(self, path: bytes, observer: Observer, watcher: Watcher) -> bool:
        if path in self.paths:
            return False
        self._require_room(path)
        self._progress = self._disk.progress()
        try:
            watcher.add_root(path)
            self._activity.add_root(path)
            observer.take_in(path, self._progress, lambda plan: self._tell_new(plan, path))
        except InterruptedError:
            raise
        except (OSError, SmarttreeError) as error:
            self._undo(path, observer, watcher)
            raise explain(error, path) if isinstance(error, OSError) else error from error
        finally:
            self._progress = None
        self._holds.find(path)
        self.paths = (*self.paths, path)
        logger.info("serving %s, too", printable(path))
        self._engine.hurry()  # what was heard while it was scanned wakes nobody
        return True

    def _tell_new(self, plan: Plan, path: bytes) -> None:
        self._engine.carry_out_in_pieces(plan, order(self._tree, plan), RootState(path, READY))

    def _undo(self, path: bytes, observer: Observer, watcher: Watcher) -> None:
        """What could not be added is as it was before, also where some of it had been told."""
        if self._tree.child(SERVICE_ID, path) != NO_ID:
            self._tell_removed(path)
        self._drop(path, observer, watcher)

    def _take_out(self, path: bytes, observer: Observer, watcher: Watcher) -> bool:
        if path not in self.paths:
            raise PathError(f"{printable(path)} is not a root; they are {', '.join(map(printable, self.paths))}")
        if len(self.paths) == 1:
            raise LastRoot(f"{printable(path)} is the only root; add another one first, or stop the server")
        self._tell_removed(path)
        self.paths = tuple(root for root in self.paths if root != path)
        self._drop(path, observer, watcher)
        logger.info("serving %s no longer", printable(path))
        self._engine.hurry()  # a hold that has gone with it has an end to be told
        return True

    def _tell_removed(self, path: bytes) -> None:
        """The children are told; the root itself only by its record and the news."""
        root = self._tree.child(SERVICE_ID, path)
        ending = [*self._tree.children(root), root]
        groups = [[Step(Act.DELETE, eid)] for eid in ending]
        self._engine.carry_out_in_pieces(Plan(deletes=set(ending)), groups, RootState(path, REMOVED))

    def _drop(self, path: bytes, observer: Observer, watcher: Watcher) -> None:
        observer.standing.drop(path)
        observer.problems.settle()
        watcher.drop_root(path)
        self._activity.drop_root(path)
        self._holds.drop(path)

    def _require_room(self, path: bytes) -> None:
        if len(self.paths) >= self._most:
            raise TooManyRoots(f"there are {len(self.paths)} roots, and there may be no more: remove one first")
        for root in self.paths:
            if is_within(path, root):
                raise RootsOverlap(f"{printable(path)} lies inside {printable(root)}, a root: it is served already")
            if is_within(root, path):
                raise RootsOverlap(f"{printable(path)} holds {printable(root)}, a root: remove that one first")
            if _is_same(path, root):
                raise RootsOverlap(f"{printable(path)} and {printable(root)}, which is a root, are the same directory")


def _is_same(path: bytes, other: bytes) -> bool:
    """By way of a bind mount: the kernel would tell of both as one."""
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
