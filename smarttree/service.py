"""The service: one clock over all roots. Scan, watch, reconcile, batch, log: the engine, and the one bridge to others.

One thread, the engine, owns the Tree. Everyone else gets values: a `View` (a copy of the Tree at one clock), batches
from the log, or a future. A clock is shown to no one before its batch is in the log.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from smarttree import contents, disk, watch
from smarttree.advice import EngineFailure, failure_of
from smarttree.clock import Clock
from smarttree.commits import Commits
from smarttree.config import ServiceConfig
from smarttree.disk.base import Disk, Reader
from smarttree.errors import NotReady, SmarttreeError
from smarttree.ignore import command_rules
from smarttree.keeping import Keeping
from smarttree.ledger import Ledger, Limits
from smarttree.modes import View
from smarttree.observe import Observer
from smarttree.order import Step
from smarttree.plan import Plan
from smarttree.problems import Problem
from smarttree.rooting import Rooting
from smarttree.stream.activity import Activity
from smarttree.stream.batch import RootState, Switch
from smarttree.stream.log import Log
from smarttree.tree import Memory, Tree
from smarttree.vcs import LOOK_AGAIN_S, Holds
from smarttree.watch.base import Hints, Watcher, Watching
from smarttree.witness import Witness, WitnessedLedger

__all__ = ["EngineFailure", "Problem", "Progress", "Service", "View"]

logger = logging.getLogger(__name__)

FIRST_SEQ = 1
ROUNDS_MAX = 100  # a barrier looks again this often for what could not be reached, then reads everything anew
ROUNDS_S = 1.0  # and for so long after its first look: who makes directories without end keeps nobody waiting
ROOT_POLL_S = 1.0  # how often each root is glanced at: a hundred of them take a millisecond
LATER_S = 0.02  # what could not be reached moves; its own hint mostly comes sooner


class Progress(NamedTuple):
    """How far the first scan has come."""

    entries: int
    dirs: int
    seconds: float


class Service:
    """Holds the trees of `config.roots` true to the disk. `start` it once; methods may be called from any thread.

    `state` is `scanning`, `ready` or `failed`; then `failure` says why. `log` and `activity` can be used once ready.
    """

    def __init__(
        self,
        config: ServiceConfig,
        *,
        watcher: Watcher | None = None,
        reader: Disk | None = None,
        witness: Witness | None = None,
        group: watch.Group | None = None,
    ) -> None:
        self.config = config
        self.state = "scanning"
        self.failure: SmarttreeError | None = None
        self.log = Log(FIRST_SEQ, retention_bytes=config.retention_bytes, retention_s=config.retention_s)
        self.activity = Activity(config.roots)
        self._tree = Tree()
        self._witness, self._watcher, self._group = witness, watcher, group
        self.keeping = Keeping(config)  # raises StateInUse
        self._disk = reader or disk.choose(time.time_ns, self.keeping.hidden)
        self._rules = command_rules(config.exclude, config.include, rule_files=config.gitignore)
        self._reader = Reader(self._disk, rules=self._rules, roots=lambda: self.rooting.paths)  # for polling
        self._observer: Observer | None = None
        limits, epoch = Limits(config.batch_max_bytes, config.batch_max), secrets.randbits(64)
        ledger = Ledger(self._tree) if witness is None else WitnessedLedger(self._tree, witness)
        self._commits = Commits(
            self._tree, ledger, self.log, self.activity, epoch, limits, time.time_ns, compares=config.content_hash
        )
        self.selections, self.compact, self.look = self._commits.selections, self._commits.compact, self._commits.look
        self.differences = self._commits.differences
        self._lock = threading.Lock()  # guards the two below
        self._syncs: list[Future[Clock]] = []  # asked for
        self._ended = False  # no sync will be answered any more
        self._answering: list[Future[Clock]] = []  # the engine's own: asked for before the window that is under way
        self._wake, self._urgent, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self.contents = contents.choose(config, self._tree, self._wake.set, self._stopping)
        self._listeners: list[Callable[[], None]] = []
        self._poll_at = 0.0  # when roots are looked for again
        self._links_at = 0.0  # when files with links outside the roots are looked at again; 0: never
        self._holds = Holds(config.vcs_settle_ms / 1000)
        self.rooting = Rooting(self, self._tree, self._disk, self.activity, self._holds, config)
        self._kept = Hints()  # what waits while version control is at work
        self._told_more = False  # of the work under way something was told: its end must be
        self._scan, self._began, self._scanned_s = self._disk.progress(), time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # --- for everyone -------------------------------------------------------------------------------------------------

    @property
    def progress(self) -> Progress:
        return Progress(self._scan.entries, self._scan.dirs, self._scanned_s or time.monotonic() - self._began)

    @property
    def problems(self) -> list[Problem]:
        """What could not be read, the first thousand."""
        return list(self._observer.problems.shown) if self._observer else []

    def memory(self) -> Memory:
        with self._lock:
            return self._tree.memory()

    @property
    def watching(self) -> Watching:
        """By what, and how well. Not before the first scan has begun."""
        return Watching(self._watcher.name, self._watcher.degraded) if self._watcher else Watching("", "")

    @property
    def clock(self) -> Clock:
        """The last committed clock."""
        return self._commits.clock

    def state_of_root(self, root: int) -> str:
        """`ready`, `missing` or `unreadable`, by the root's id."""
        return self._observer.standing.state_of(root) if self._observer else "scanning"

    def view(self) -> View:
        """The trees at the last committed clock. Cached for each clock; else a copy: about 10 ms a million entries."""
        self._require_ready()
        return self._commits.view()

    def sync(self) -> Future[Clock]:
        """A clock that has all that happened on disk before this call: the barrier. Well under 1 ms when idle."""
        self._require_ready()
        future: Future[Clock] = Future()
        with self._lock:
            if self._ended:
                raise self.failure or NotReady("the server is stopping")
            self._syncs.append(future)
        self.hurry()
        return future

    def hurry(self) -> None:
        """End the window: someone waits."""
        self._urgent.set()
        self._wake.set()

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call `listener` from the engine's thread after each append and each change of `state`. It must not block."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to scan, in a thread of its own."""
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End the engine and give back everything it holds. Ends a running scan too; may be called twice."""
        self._stopping.set()
        self._scan.cancel()
        self.rooting.cancel()
        self._reader.cancel()
        if self._observer is not None:
            self._observer.progress.cancel()
        self.hurry()
        if self._thread.is_alive():
            self._thread.join()
        self.keeping.close(clean=False)  # where it was never started

    def _require_ready(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.state != "ready":
            raise NotReady("the first scan is still running")

    # --- the engine ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            watcher = self._watcher = self._watcher or watch.choose_for(self.config, self._reader, self._group)
            logger.info("watching by %s", watcher.name)
            try:
                self._begin_to_watch(watcher)
                while not self._stopping.is_set():
                    self._serve_one_window(watcher)
                self.keeping.close(clean=True)
            finally:
                self.keeping.close(clean=False)
                watcher.close()
                self.contents.close()
        except InterruptedError:
            self._fail(NotReady("the server is stopping"))
        except Exception as error:  # noqa: BLE001 - the thread's last line: a dead engine must be seen, whatever killed it
            failure = failure_of(error, b" ".join(self.rooting.paths))
            if failure is not error:
                failure.__cause__ = error
            self._fail(failure)
        finally:
            self._drop_syncs()

    def _fail(self, failure: SmarttreeError) -> None:
        self.failure, self.state = failure, "failed"
        self._tell_listeners()

    def _drop_syncs(self) -> None:
        with self._lock:
            self._ended = True
            self._answering += self._syncs
            self._syncs = []
        for future in self._answering:
            if future.set_running_or_notify_cancel():
                future.set_exception(self.failure or NotReady("the server is stopping"))
        self.rooting.close(self.failure or NotReady("the server is stopping"))

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()

    def _begin_to_watch(self, watcher: Watcher) -> None:
        """Scan the roots, or what has become of them since an earlier run. Then everything is told."""
        witnessed = self._witness is not None
        recovered = self.keeping.recover(self._tree, self._commits)
        observer = self._observer = Observer(
            self._tree, watcher, self._disk, threads=self.config.scan_threads, rules=self._rules, one_by_one=witnessed
        )
        watcher.start(self._wake.set, self._tree, ends=witnessed)
        for path in self.config.roots:
            if recovered is None:
                observer.add_root(path, self._scan)
            self._holds.find(path)
        if recovered is None:
            self.keeping.begin()
        else:
            self._told_more = recovered.more
            self._catch_up(watcher, observer)
        self._scanned_s = time.monotonic() - self._began
        if self.config.hardlink_poll_s:
            self._links_at = time.monotonic() + self.config.hardlink_poll_s
        self.activity.begin(time.time_ns())
        self.state = "ready"
        for problem in observer.problems.shown:
            logger.warning("not in the tree: %r: %s", os.fsdecode(problem.path), problem.message)
        self._wake.set()
        self._tell_listeners()

    def _catch_up(self, watcher: Watcher, observer: Observer) -> None:
        """Tell what has changed while nobody looked, as after lost hints: identity proves a rename, ctime a change."""
        later, observer.progress = observer.progress, self._scan
        self.rooting.replace(observer, self.config.roots, self._scan)
        self._commit(watcher, Hints(overflow=True), barrier=True)
        self._close_holds()
        self.keeping.order(self.config.roots)
        observer.progress = later

    def _serve_one_window(self, watcher: Watcher) -> None:
        """Wait for hints; then commit. The first change after a quiet time is committed at once, others at its end."""
        assert self._observer is not None
        self._wake.wait(self._patience_s(self._observer))
        self._wake.clear()
        if self._stopping.is_set():
            return
        with self._lock:
            self._answering, self._syncs = self._syncs, []
        hints = watcher.drain(barrier=bool(self._answering))
        if self._answering or time.monotonic() >= self._poll_at:
            self._poll_at = time.monotonic() + ROOT_POLL_S
            self._commits.release(time.monotonic())
            for directory in self._observer.unheard():
                hints.names.setdefault(directory, set())
        self._links_at = self._observer.remind_of_links(hints, self._links_at, self.config.hardlink_poll_s)
        self.contents.turn()
        committed = self._commit_or_keep(watcher, hints)
        self.keeping.turn()
        clock = self.clock
        while self._answering:
            future = self._answering.pop()
            if future.set_running_or_notify_cancel():
                future.set_result(clock)
        self.rooting.perform(self._observer, watcher)
        if self._holds.is_on():
            self._urgent.wait(LOOK_AGAIN_S)
        elif committed and not self._stopping.is_set():
            self._urgent.wait(self.config.batch_ms / 1000)
            self._holds.look(time.monotonic())  # HEAD is written last, and where nothing is watched
            if self._told_more or self._holds.has_ended():
                self._wake.set()
        self._urgent.clear()
        with self._lock:
            if self._syncs:
                self._wake.set()

    def _patience_s(self, observer: Observer) -> float:
        """After how long there is something to do even if no hint comes."""
        if self._holds.is_on():
            return LOOK_AGAIN_S
        if observer.later:
            return LATER_S
        due = min(self._poll_at, self._links_at) if self._links_at else self._poll_at
        return max(0.0, min(due - time.monotonic(), self.contents.patience_s()))

    def _commit_or_keep(self, watcher: Watcher, hints: Hints) -> bool:
        """Commit, unless version control is at work and nobody asks; whether a batch was appended."""
        assert self._observer is not None
        if hints or self._holds.is_on():
            for root in self._tree.roots():
                if b".git" in hints.names.get(root, ()):
                    self._holds.find(self._tree.path(root))
            if self._holds.look(time.monotonic()):  # what git wrote last may have come after the hints were drained
                hints.merge(watcher.drain(barrier=False))
        self._kept.merge(hints)
        if self._holds.is_on() and not self._answering and not self._holds.is_overdue():
            self.contents.keep()
            return False
        hints, self._kept = self._kept, Hints()
        committed = self._commit(watcher, hints, barrier=bool(self._answering))
        self._told_more |= committed and self._holds.is_on()
        return self._close_holds() or committed

    def _close_holds(self) -> bool:
        """Tell what version control led to, and the end of what was told in pieces; whether there was any."""
        if self._holds.is_on():
            return False
        ends: list[Switch | None] = [*self._holds.take_ends()] or ([None] if self._told_more else [])
        self._told_more = False
        for end in ends:
            self._commits.tell(more=False, vcs=end)
        if ends:
            self._tell_listeners()
        return bool(ends)

    def _commit(self, watcher: Watcher, hints: Hints, *, barrier: bool) -> bool:
        """Look where the hints point until nothing new is found; whether a batch was appended."""
        assert self._observer is not None
        committed, until_s = False, float("inf")
        for attempt in range(ROUNDS_MAX + 1):
            hints.merge(self._observer.later)
            if not hints:
                break
            is_last = attempt == ROUNDS_MAX or time.monotonic() > until_s
            if is_last and (barrier or attempt == ROUNDS_MAX):  # else the next window goes on with it
                logger.warning("what changes can't be followed: reading everything anew")
                hints.overflow = True
            if self._witness is not None:
                self._witness.hear(hints)
            again, appended = self._reconcile(hints)
            committed |= appended
            if is_last or not (again or (barrier and self._observer.later)):
                break
            until_s = min(until_s, time.monotonic() + ROUNDS_S)
            if self._observer.later:  # what moves while it is looked for is given the time to come to rest
                self._stopping.wait(min(attempt, 20) / 1000)
            hints = watcher.drain(barrier=False)
        if self._witness is not None:
            self._witness.settle(self._tree, self._observer.standing.is_any_gone(), self._observer.later)
        return committed

    def _reconcile(self, hints: Hints) -> tuple[bool, bool]:
        """(new directories were found, so drain again; a batch was appended)."""
        assert self._observer is not None
        assert self._watcher is not None
        before = self.log.head
        again = self.contents.observe(self._observer.observe, hints, self._carry_out)
        self._commits.tell_roots(self._observer.standing.news, more=self._is_more())
        self._commits.bury(self._watcher)
        if appended := self.log.head != before:
            self._tell_listeners()
        return again, appended

    def _carry_out(self, plan: Plan) -> None:
        assert self._observer is not None
        if plan:
            self._commits.carry_out(plan, more=self._is_more() or bool(self._observer.standing.news))

    def _is_more(self) -> bool:
        """Whether what is told now belongs to the work of version control, whose end is told later."""
        return self._told_more or self._holds.is_on() or self._holds.has_ended()

    def carry_out_in_pieces(self, plan: Plan, groups: list[list[Step]], news: RootState) -> None:
        """Bring the Tree to what was seen, and log it; the last batch, which may be empty, tells the news."""
        assert self._watcher is not None
        for _ in self._commits.carry_out_in_pieces(plan, groups, news, more=self._is_more()):
            self._commits.bury(self._watcher)
            self._tell_listeners()
            if self._stopping.is_set():
                raise InterruptedError("the server is stopping")
        self._told_more |= self._holds.is_on()
