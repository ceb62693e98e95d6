"""Contents: whether a change left a file's content as it was (a touch, a checkout back and forth), by hashes of it.

For each id the hash of the state that the Tree's row describes is kept, where it is known (`_hashes`). When a file gets
new values, and keeps its size, it is read before that is told; equal hashes are *the same* content, others are not, and
where either is unknown nothing is said. What has no hash is read in the background (`hashing`).

Who is not told of what is the same must miss no content. So a verdict of *the same* is given only where

- the file was read after it was looked at and before it is told, and was in the state that is told before and after
  that, in a tick of the kernel's clock that was over: what is written later has a later ctime, and is another change;
- it is not written later without that. The kernel stamps a file first and copies the bytes then, and says so last: what
  it says was written is read again, even if no value shows it, and told if the hash is another one;
- nobody can still be reading because of an earlier change. A file that has A, is told, has B for a moment, and A again,
  has the same content each time it is looked at; but who was told may have read B. So for a while (`settle_s`) after a
  change of a file was told, all its changes are. A slower reader compares the mtime, as spec/HTTP.md says.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from smarttree._hashes import Hashes
from smarttree.config import ServiceConfig
from smarttree.hashing import UNDONE, Background, File, Hashed, hash_file, outlast, stamp_ns
from smarttree.plan import Plan, Update
from smarttree.row import kind_of
from smarttree.tree import NO_ID, Tree
from smarttree.watch.base import Hints, Place

CarryOut = Callable[[Plan], None]
Observe = Callable[[Hints, CarryOut], bool]

JUDGE_S: Final = 0.5  # for so long, at most, the engine waits for the hashes of one plan; the rest is unknown
JUDGE_THREADS: Final = 2
ALONE_BYTES: Final = 1 << 20  # less than this is read sooner than threads are woken
PIECE_FILES: Final = 1000  # handed to the background at a time: 1 ms of the engine's


class Extent(NamedTuple):
    """How many files' contents are known, and how many wait to be read."""

    hashed: int
    waiting: int


class Contents:
    """Contents are left alone: what the engine asks, and the answers that cost nothing."""

    @property
    def extent(self) -> Extent | None:
        """How far the reading has come; None where nothing is read. Any thread may ask."""
        return None

    def observe(self, observe: Observe, hints: Hints, carry_out: CarryOut) -> bool:
        """`Observer.observe`, with what it finds judged before it is carried out."""
        return observe(hints, carry_out)

    def keep(self) -> None:
        """What has happened waits, and is observed later."""

    def turn(self) -> None:
        """The engine's turn: take in what the background has read, and give it more."""

    def patience_s(self) -> float:
        """After how long a turn is wanted, even if nothing happens."""
        return math.inf

    def close(self) -> None:
        """End all threads."""


def choose(config: ServiceConfig, tree: Tree, wake: Callable[[], None], stopping: threading.Event) -> Contents:
    """As the configuration asks."""
    return HashedContents(config, tree, wake, stopping) if config.content_hash else Contents()


class HashedContents(Contents):
    """Used by the engine's thread only. `stopping` ends what it waits for."""

    def __init__(
        self,
        config: ServiceConfig,
        tree: Tree,
        wake: Callable[[], None],
        stopping: threading.Event,
    ) -> None:
        self._tree, self._stopping, self._quiet_s = tree, stopping, config.content_quiet_s
        self._max_bytes = config.content_max_bytes
        # What is found in a window happened at any time in it.
        self._settle_s = config.content_settle_s and config.content_settle_s + config.batch_ms / 1000
        self._hashes = Hashes()
        self._background = Background(wake)
        self._pool = ThreadPoolExecutor(JUDGE_THREADS, thread_name_prefix="contents")
        self._kept_at, self._keeping = math.inf, False  # since when something waits; until it has been carried out
        self._cursor: int | None = 0  # where the pass under way is
        self._due, self._pass_at = False, 0.0  # whether, and when, there is to be another one
        self._entries = 0
        self._extent = Extent(0, 0)
        self._read: set[int] = set()  # in this window

    @property
    def extent(self) -> Extent:
        return self._extent

    # --- verdicts -----------------------------------------------------------------------------------------------------

    def observe(self, observe: Observe, hints: Hints, carry_out: CarryOut) -> bool:
        began = min(self._kept_at, time.monotonic())
        self._keeping = False
        self._read = set()
        self._take_in()

        def judge_and_carry_out(plan: Plan) -> None:
            plan.same = self._judge(plan, began)
            self._due |= bool(plan)
            carry_out(plan)

        again = observe(hints, judge_and_carry_out)
        rewritten = self._find_rewritten(hints.written)
        if rewritten:
            carry_out(rewritten)
        return again

    def keep(self) -> None:
        if not self._keeping:
            self._kept_at, self._keeping = time.monotonic(), True

    def _judge(self, plan: Plan, began: float) -> dict[int, bool]:
        """Of the files in a plan that can be compared: whether each has the content it had."""
        tree, now = self._tree, time.monotonic()
        rewrites = [(eid, update.row) for eid, update in plan.updates.items() if self._is_rewrite(eid, update)]
        rewrites += plan.routine.rewrites(tree)
        files = [
            File(eid, tree.path(eid), row)
            for eid, row in rewrites
            if row.size <= self._max_bytes and self._hashes.known(tree, eid) is not None
        ]
        if files:
            stamp_ns = outlast(max(file.row.ctime_ns for file in files))
            files = [file for file in files if file.row.ctime_ns < stamp_ns]
        verdicts: dict[int, bool] = {}
        for file, digest in self._hash_all(files):
            known = self._hashes.known(tree, file.eid)
            if not digest or known is None:
                continue
            before, since = known
            self._read.add(file.eid)
            same = digest == before
            if not same or began - since >= self._settle_s or not self._settle_s:
                verdicts[file.eid] = same
            self._hashes.put(file.eid, file.row, digest, since if verdicts.get(file.eid) else now)
        return verdicts

    def _is_rewrite(self, eid: int, update: Update) -> bool:
        """Whether a regular file has new values that are told, and the size it had."""
        before, row = self._tree.row(eid), update.row
        told = update.told or before.mode != row.mode or before.mtime_ns != row.mtime_ns
        return told and before.size == row.size and kind_of(before.mode) == kind_of(row.mode) == "file"

    def _find_rewritten(self, places: Iterable[Place]) -> Plan:
        """What the kernel says was written, and no value shows it: if it has another content than when it was read."""
        files: list[File] = []
        for directory, name in places:
            eid = self._tree.child(directory, name) if self._tree.has_directory(directory) else NO_ID
            if eid != NO_ID and eid not in self._read and self._hashes.known(self._tree, eid) is not None:
                files.append(File(eid, self._tree.path(eid), self._tree.row(eid)))
        plan, now = Plan(same={}), time.monotonic()
        assert plan.same is not None
        for (eid, _, row), digest in self._hash_all(files):
            known = self._hashes.known(self._tree, eid)
            if digest is None or known is None or digest == known[0]:
                continue  # None: it changes again, and that has a hint
            plan.updates[eid] = Update(row, True)
            if digest == UNDONE:
                self._hashes.forget(eid)
                self._due = True
            else:
                plan.same[eid] = False
                self._hashes.put(eid, row, digest, now)
        return plan

    def _hash_all(self, files: list[File]) -> Iterable[Hashed]:
        deadline = time.monotonic() + JUDGE_S

        def hash_one(file: File) -> Hashed:
            return hash_file(file, give_up)

        def give_up() -> bool:
            return time.monotonic() > deadline or self._stopping.is_set()

        if len(files) > 1 and sum(file.row.size for file in files) >= ALONE_BYTES:
            return self._pool.map(hash_one, files)
        return map(hash_one, files)

    # --- in the background --------------------------------------------------------------------------------------------

    def turn(self) -> None:
        if not self._keeping:
            self._kept_at = math.inf
        self._take_in()
        now = time.monotonic()
        self._due |= len(self._tree) != self._entries  # a root was added, perhaps
        self._entries = len(self._tree)
        if self._background.is_busy() or self._stopping.is_set():
            return
        if self._cursor is None and self._due and now >= self._pass_at:
            self._cursor, self._due = 0, False
        if self._cursor is None:
            return
        if self._cursor == 0:
            self._extent = Extent(*self._hashes.survey(self._tree, self._max_bytes))
        ids, self._cursor, young = self._hashes.stale(
            self._tree,
            self._cursor,
            limit=PIECE_FILES,
            max_bytes=self._max_bytes,
            now_ns=stamp_ns(),
            quiet_ns=int(self._quiet_s * 1e9),
        )
        self._due |= young
        if ids:
            self._background.begin([File(eid, self._tree.path(eid), self._tree.row(eid)) for eid in ids])
        self._pass_at = now + self._quiet_s

    def patience_s(self) -> float:
        if self._background.is_busy():
            return math.inf
        if self._cursor is not None:
            return 0.0
        return self._pass_at - time.monotonic() if self._due else math.inf

    def _take_in(self) -> None:
        now, count, known = time.monotonic(), 0, 0
        for (eid, _, row), digest in self._background.take():
            count += 1
            if digest == UNDONE:
                self._due = True
            elif eid in self._tree and self._tree.row(eid) == row:
                self._hashes.put(eid, row, digest, now)
                known += digest is not None
        if count:
            self._extent = Extent(self._extent.hashed + known, max(0, self._extent.waiting - count))

    def close(self) -> None:
        self._background.close()
        self._pool.shutdown()
