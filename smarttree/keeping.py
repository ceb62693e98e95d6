"""Keeping: one service's state from run to run, or none. What is kept is opened, taken up, written on, and let go.

Law: nothing of it is ever the end of the feed. Where it can't be read, a new epoch begins; where it can't be written,
history is in memory from then on, in a new epoch, and that is said aloud.
"""

from __future__ import annotations

import logging
import secrets
import threading
from typing import Final

from smarttree._store import order_roots, refill
from smarttree.clock import Clock
from smarttree.commits import Commits
from smarttree.config import ServiceConfig
from smarttree.disk.base import Hidden
from smarttree.printable import printable
from smarttree.state.recovery import Recovered
from smarttree.state.snapshot import Dead
from smarttree.state.store import Store
from smarttree.tree import Tree

logger = logging.getLogger(__name__)

_REMEDY: Final = "clients can resume only as long as this process lives; make room or give another --state DIR"


class Keeping:
    """Used by the engine's thread, but for `degraded` and `hidden`. The store is held from the beginning on."""

    def __init__(self, config: ServiceConfig) -> None:
        """Raises StateInUse."""
        self.degraded = ""
        self.directory = config.state.directory if config.state is not None else None
        self._shown = printable(config.state.directory) if config.state is not None else ""
        self._store: Store | None = None
        self._commits: Commits | None = None
        self._tree = Tree()
        self._reading: threading.Thread | None = None
        self._ended = threading.Event()
        self.hidden: Hidden = ()
        if config.state is None:
            return
        try:
            self._store = Store(config.state, retention_bytes=config.retention_bytes, retention_s=config.retention_s)
            self.hidden = self._store.hidden
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        self.degraded = f"history can't be kept in {self._shown} ({reason}): {_REMEDY}"
        logger.error("%s. A new epoch begins: clients fetch the tree anew", self.degraded)

    def recover(self, tree: Tree, commits: Commits) -> Recovered | None:
        """Fill the Tree with what was kept, and go on from there; None where nothing was. Before the first scan."""
        self._tree, self._commits = tree, commits
        commits.lost = self._lose
        if self._store is None:
            return None
        try:
            recovered = self._store.recover()
        except OSError as error:
            self._lose(error)
            self._drop()
            return None
        if recovered is None:
            return None
        refill(tree, recovered.tree)
        if recovered.goes_on:
            logger.info("going on with the epoch of the last run, at %s", recovered.clock)
            commits.keep_in(self._store, recovered.clock.epoch, recovered.dead, recovered.memory)
            self._reading = threading.Thread(
                target=commits.recollect, args=(self._ended,), name="recollect", daemon=True
            )
            self._reading.start()
        else:
            self._begin(Clock(secrets.randbits(64), recovered.clock.seq), recovered.dead, recovered.clock)
        return recovered

    def begin(self) -> None:
        """After a first scan: its tree is what the log goes on from."""
        if self._commits is not None:
            self._begin(self._commits.clock, [], None)

    def _begin(self, clock: Clock, dead: list[Dead], parent: Clock | None) -> None:
        if self._store is None or self._commits is None:
            return
        try:
            self._store.begin(self._tree, clock, dead, parent)
            self._commits.keep_in(self._store, clock.epoch, dead)
        except OSError as error:
            self._lose(error)
            self._drop()

    def _drop(self) -> None:
        if self._store is not None:
            self._store.close(None, Clock(0, 0), ())
            self._store = None

    def order(self, paths: tuple[bytes, ...]) -> None:
        """Tell the roots in this order, which is that of the command line."""
        place = {path: at for at, path in enumerate(paths)}
        order_roots(self._tree, sorted(self._tree.roots(), key=lambda root: place[self._tree.path(root)]))

    def turn(self) -> None:
        """Between two windows: note what nothing was told of, and store the tree now and then."""
        if self._store is None or self._commits is None or self.degraded:
            return
        self._store.note(self._commits.take_identities())
        if self._store.wants_tree():
            self._store.keep(self._commits.copy(), self._commits.clock, self._commits.dead)

    def close(self, *, clean: bool) -> None:
        """Let the directory go. `clean`: the Tree is as it was told last."""
        if self._store is None:
            return
        self._ended.set()
        if self._reading is not None:
            self._reading.join()
        if not clean or self._commits is None or self.degraded:
            self._drop()
            return
        self.turn()
        self._store.close(self._tree, self._commits.clock, self._commits.dead)
        self._store = None
