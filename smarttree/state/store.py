"""The store: the state of one run. The engine appends to it; a thread of its own makes that last.

Law: what was appended is with the kernel when `append` returns, so no end of the process loses it. What a power cut can
cost is what was written since the last sync, and then a new epoch begins: nobody is told something twice.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from smarttree.clock import Clock
from smarttree.config import StateConfig
from smarttree.state.place import Mark, Place, sync_directory, write_whole
from smarttree.state.recovery import TREE_PREFIX, Recovered, recover, tree_name
from smarttree.state.segments import Segments
from smarttree.state.snapshot import Dead, encode_tree
from smarttree.stream.batch import Batch
from smarttree.stream.journal import IDENTITIES, Origin
from smarttree.tree import Tree

logger = logging.getLogger(__name__)

SNAPSHOT_MIN_BYTES: Final = 4 << 20  # of log since the last one, before another is made
OURS: Final = re.compile(r"(?:tree|log)\.([0-9a-f]{16})\.[0-9]{20}(?:\.draft)?")
CLEAN_BYTES: Final = 64 << 10  # of log since the last one, before another is made at a clean stop


class Store:
    """One state directory, held by one process. `append`, `note` and `keep` are the engine's."""

    def __init__(self, config: StateConfig, *, retention_bytes: int, retention_s: float) -> None:
        """Raises StateInUse, and OSError where there can be no state there."""
        self.config = config
        family = Path(os.fsdecode(config.family)) if config.family else None
        self._place = Place(Path(os.fsdecode(config.directory)), family)
        self._segments = Segments(self._place.directory, retention_bytes=retention_bytes, retention_s=retention_s)
        self._epoch = 0
        self._stored_bytes = 0  # of the last stored tree
        self._stored_at = 0  # how much had been logged then
        self._fault: OSError | None = None
        self._synced = 0
        self._stop = threading.Event()
        self._wake = threading.Condition()
        self._job: tuple[Tree, Clock, list[Dead]] | None = None
        self._storing = False
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)

    @property
    def hidden(self) -> list[tuple[int, int]]:
        return self._place.hidden()

    @property
    def head(self) -> int:
        return self._segments.head

    @property
    def oldest(self) -> int:
        return self._segments.oldest

    def bytes_after(self, seq: int) -> int:
        return self._segments.bytes_after(seq)

    def read(self, seq: int, limit: int) -> list[Batch]:
        """Batches from the files. Raises StateDamaged."""
        return self._segments.read(seq, limit)

    # --- the start ----------------------------------------------------------------------------------------------------

    def recover(self) -> Recovered | None:
        """What was kept; if its epoch goes on, everything is ready for the next batch. Raises OSError."""
        found = recover(self._place, self._segments)
        if found is not None and found.goes_on:
            self._epoch = found.clock.epoch
            self._remove_others(self._epoch)
            mark = self._place.read_mark()
            if mark is None or mark.clean or mark.boot != self._place.boot:
                # On disk before anything is shown: else a power cut could leave the word that all had been well.
                self._place.write_mark(Mark(self._place.boot, self._epoch, False, 0), sync=True)
            self._stored_bytes = self._size_of_trees()
            self._stored_at = self._segments.nbytes - self._segments.bytes_after(
                max(self._segments.floor, self._segments.oldest)
            )
            self._place.witness.begin(self._epoch, found.clock.seq)
            self._thread.start()
        return found

    def _size_of_trees(self) -> int:
        return max((path.stat().st_size for path in self._place.directory.glob(f"{TREE_PREFIX}.*")), default=0)

    def begin(self, tree: Tree, clock: Clock, dead: Iterable[Dead], parent: Clock | None) -> None:
        """A new epoch, at this clock, with this tree. Raises OSError."""
        self._epoch = clock.epoch
        self._write_tree(tree, clock, dead, sync=False)
        self._segments.begin(Origin(clock.epoch, clock.seq, parent or (0, 0)))
        self._place.write_mark(Mark(self._place.boot, clock.epoch, False, 0), sync=False)
        self._remove_others(clock.epoch)
        self._place.witness.begin(clock.epoch, clock.seq)
        self._thread.start()

    def _remove_others(self, epoch: int) -> None:
        for path in self._place.directory.iterdir():
            ours = OURS.fullmatch(path.name)  # the directory may be one that has other things in it
            if ours and (ours[1] != f"{epoch:016x}" or path.suffix == ".draft"):  # the writer of a draft was killed
                path.unlink(missing_ok=True)

    # --- the engine ---------------------------------------------------------------------------------------------------

    def append(self, batch: Batch, horizon: int) -> None:
        """Write a batch, and the horizon before it. Raises OSError; then it is not in the log, and nothing will be."""
        if self._fault is not None:
            raise self._fault
        try:
            self._segments.append(batch, horizon)
        except OSError as error:
            self._fault = error
            raise
        self._place.witness.advance(batch.to_seq)

    def note(self, identities: bytes) -> None:
        """What is known of entries of which nothing was told. It may get lost: then something is told needlessly."""
        if self._fault is None and identities:
            try:
                self._segments.note(IDENTITIES, [identities])
            except OSError as error:
                self._fault = error

    def wants_tree(self) -> bool:
        """Whether so much was logged since the last stored tree that it is time for another."""
        bound = max(SNAPSHOT_MIN_BYTES, self._stored_bytes)
        return not self._storing and self._fault is None and self._segments.nbytes - self._stored_at > bound

    def keep(self, tree: Tree, clock: Clock, dead: Iterable[Dead]) -> None:
        """Store a tree that nobody changes any more, soon, in another thread."""
        with self._wake:
            self._job, self._storing = (tree, clock, [*dead]), True
            self._stored_at = self._segments.nbytes
            self._wake.notify()

    def close(self, tree: Tree | None, clock: Clock, dead: Iterable[Dead]) -> None:
        """Let the directory go; with the tree at the last clock, after a clean stop."""
        self._stop.set()
        with self._wake:
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        try:
            if tree is not None and self._fault is None and self._thread.ident is not None:
                if self._segments.nbytes - self._stored_at > CLEAN_BYTES:
                    self._write_tree(tree, clock, dead, sync=True)
                self._sync()
                self._place.write_mark(Mark(self._place.boot, clock.epoch, True, clock.seq), sync=True)
        except OSError as error:
            logger.warning("the state could not be closed cleanly: %s", error)
        finally:
            self._segments.close()
            self._place.close()

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._wake:
                if self._job is None:
                    self._wake.wait(self.config.fsync_s or None)
                job, self._job = self._job, None
            try:
                if job is not None:
                    self._write_tree(*job, sync=True)
                    self._segments.floor = job[1].seq
                if self.config.fsync_s:
                    self._sync()
            except OSError as error:
                if job is None:
                    self._fault = error  # the kernel forgets what it could not write: the log is no longer whole
                logger.warning("the state can't be written: %s", error)
            finally:
                self._storing = self._storing and job is None

    def _sync(self) -> None:
        written = self._segments.nbytes
        if written != self._synced:
            self._segments.sync()
            self._synced = written

    def _write_tree(self, tree: Tree, clock: Clock, dead: Iterable[Dead], *, sync: bool) -> None:
        pieces = encode_tree(tree, clock, dead)
        name = tree_name(*clock)
        write_whole(self._place.directory / name, pieces, sync=sync)
        self._stored_bytes = sum(map(len, pieces))
        for path in self._place.directory.glob(f"{TREE_PREFIX}.{clock.epoch:016x}.*"):
            if path.name < name or path.suffix == ".draft":
                path.unlink(missing_ok=True)
        if sync:
            sync_directory(self._place.directory)
