"""Observe: go where the hints point (`looking`), make a Plan of what is different there (`reconcile`), have it carried
out, and keep what could not be looked at for later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from smarttree._listing import Listing
from smarttree.disk.base import Directory, Disk, Progress
from smarttree.ignore import GIT, Rules
from smarttree.links import HardLinks
from smarttree.looking import Known, Looking, enter
from smarttree.plan import Plan
from smarttree.problems import Problems
from smarttree.reconcile import Reconciliation
from smarttree.rulebook import RuleBook, ruled_anew
from smarttree.standing import Standing
from smarttree.ticks import hiding, tick_ns
from smarttree.tree import SERVICE_ID, Tree
from smarttree.watch.base import Hints, Watcher
from smarttree.wire import DEPTH_MAX

PATIENCE = 4  # windows in a row in which what moves on and on is left where it was, before it is told as it looks


class Observer:
    """Looks at the disk for one Tree. Used by the engine's thread only."""

    def __init__(
        self,
        tree: Tree,
        watcher: Watcher,
        disk: Disk,
        *,
        threads: int,
        rules: Rules,
        one_by_one: bool = False,
    ) -> None:
        """`rules`: those that hold in each root, but for rule files in it. `one_by_one`: someone wants to hear of each
        step by itself.
        """
        self._tree, self._watcher, self._disk, self._threads, self._rules = tree, watcher, disk, threads, rules
        self._links = HardLinks(tree)
        self.progress = disk.progress()  # of all scans but the first; cancelled, it ends the one under way
        self.problems = Problems(tree)
        self.standing = Standing(tree, disk)
        self.later = Hints()  # what could not be looked at yet: add it to the next hints
        self._patience, self._one_by_one, self._tick_ns = PATIENCE, one_by_one, tick_ns()
        self._ended_ns = self._ended_before_ns = 0  # when the last two windows' looks ended

    # --- the first scan ---------------------------------------------------------------------------------------------

    def add_root(self, path: bytes, progress: Progress) -> int:
        """Scan and watch a directory and put it in the tree. Raises OSError, InterruptedError."""
        with self._watcher.placing():
            opened = self._disk.open(path, follow=True)
            try:
                listing = self._scan(opened, self._rules, depth=0, progress=progress)
            finally:
                opened.close()
            root = self._tree.graft(listing, path)
            asides = [(root + index, key) for index, key in listing.asides.items()]
            self._watcher.bind(listing.watches(root), asides)
        for index, inode, count in listing.hard_linked():
            self._links.add(inode, root + index, count)
        for index, name, number in listing.problems:
            self.problems.note(root + index, name, number)
        self.problems.settle()
        return root

    def take_in(self, path: bytes, progress: Progress, carry_out: Callable[[Plan], None], *, late: bool = True) -> None:
        """As `add_root`, but carried out as a change. Raises OSError, InterruptedError; some may be told then.

        `late`: the root was added at run time.
        """
        found = Reconciliation(self._tree, moved=(), written=(), lost=False)
        with self._watcher.placing():
            opened, itself = enter(self._disk, path, follow=not late)
            try:
                if late:
                    self.standing.expect(path)
                listing = self._scan(opened, self._rules, depth=0, progress=progress)
            finally:
                opened.close()
            found.see(SERVICE_ID, path, itself)
            found.list_at((SERVICE_ID, path), listing)
            found.admit()
            plan = found.plan()
            self._links.learn(plan)
            carry_out(plan)
            self._bind(found)
            self._note_problems(found)

    def _scan(self, opened: Directory, rules: Rules, *, depth: int, progress: Progress) -> Listing:
        # A directory with two links has no subdirectories where the file system counts them: one thread will do.
        threads = 1 if opened.row().nlink == 2 else self._threads
        return opened.scan(
            watch=self._watcher.scan_handle, threads=threads, depth=depth, progress=progress, rules=rules
        )

    def _scan_anew(self, opened: Directory, rules: Rules, *, depth: int) -> Listing:
        return self._scan(opened, rules, depth=depth, progress=self.progress)

    # --- hints ------------------------------------------------------------------------------------------------------

    def observe(self, hints: Hints, carry_out: Callable[[Plan], None]) -> bool:
        """Look where the hints point and have the differences carried out on the Tree.

        True where directories were found that are new: hints of what happened between their watch and their id may
        wait; or that moved to where other rules may hold: they are in `later`. Raises OSError where the system is short
        of something.
        """
        found = Reconciliation(
            self._tree,
            moved=hints.moved,
            written=hints.written,
            lost=hints.overflow,
            one_by_one=self._one_by_one,
            # All that is heard now happened after the drain before this one, and that followed the looks before that.
            hidden=hiding(hints.stored, self._ended_before_ns, self._tick_ns),
        )
        whole = set(self._tree.roots()) if hints.overflow else set(filter(self._tree.has_directory, hints.whole))
        waiting = {eid: set(names) for eid, names in hints.names.items() if self._tree.has_directory(eid)}
        if self._rules.reads_files:
            whole.update(ruled_anew(self._tree, waiting))
        book = RuleBook(self._rules, self._tree, self._disk, found)
        self.later = Hints()
        known = Known(self._tree, self._links, self.problems, self.standing)
        looking = Looking(known, self._disk, self._scan_anew, found, book, self.later)
        looking.waiting, looking.whole = waiting | {eid: waiting.get(eid, set()) for eid in whole}, whole
        with self._watcher.placing():
            looking.settle()
            if found.is_short():
                self._hear_on(found)
            self._postpone(looking, found, hints)
            plan = found.plan()
            self._links.learn(plan)
            elsewhere, unread = self._ruled_elsewhere(found), self._unread(looking, found)
            carry_out(plan)
            self._bind(found)
            self._note_problems(found)
        for place in found.doubted:
            self.later.add(*place)
        self.later.whole |= elsewhere
        self.later.whole.update(filter(self._tree.has_directory, unread))
        self._ended_before_ns, self._ended_ns = self._ended_ns, self._disk.now_ns()
        return bool(found.watches or elsewhere)

    def _ruled_elsewhere(self, found: Reconciliation) -> set[int]:
        """Directories that have moved to where other rules may hold for what is in them. They are read anew later, as
        some of it may have been seen in this window where it was.
        """
        if self._rules.depends_on_place:
            return set(found.moved_dirs)
        return {eid for eid in found.moved_dirs if GIT in (self._tree.name(eid), found.place_of(eid)[1])}

    def _unread(self, looking: Looking, found: Reconciliation) -> set[int]:
        """Directories that should have been read with what is above them, and moved while that was done.

        The hints of that lead to where they are, and not to what was changed in them before, unheard.
        """
        missed = found.missed | (looking.whole & looking.waiting.keys())
        moved = {eid for eid in found.moved_dirs if any(above in missed for above in self._tree.ancestors(eid))}
        return (found.missed | moved) - found.read

    def _hear_on(self, found: Reconciliation) -> None:
        """What is gone may have been moved away while we looked, without the kernel's word of it in the hints."""
        moving = found.learn(self._watcher.leaving(), patient=self._patience > 0)
        self._patience = self._patience - 1 if moving else PATIENCE
        for place in moving:
            self.later.add(*place)

    def unheard(self) -> Iterator[int]:
        """Directories to be looked at now and then: what becomes of them may be told by no hint."""
        yield from self.standing.strayed()
        if self._watcher.name.startswith("fanotify"):  # what could not be opened has no key by which that would tell
            yield from self.problems.closed()

    def remind_of_links(self, hints: Hints, due: float, every_s: float) -> float:
        """Point out files that are written, perhaps, through links outside the roots, if that is due (0: it never is);
        when it will be.
        """
        began = time.monotonic()
        if not due or began < due:
            return due
        for place in self._links.partly_outside():
            hints.add(*place)
        # To look takes about as long again as to find them: never more than a twentieth of the time.
        return began + max(every_s, 40 * (time.monotonic() - began))

    def _bind(self, found: Reconciliation) -> None:
        """Give the watches their ids.

        Where one stood for another directory that still lives in the Tree, the same directory was met at two places
        while it moved: hints may have gone to the wrong one of them, so both are read anew.
        """
        alive = [(eid, key) for eid, key in found.watches if self._tree.has_directory(eid)]
        asides = [(eid, key) for eid, key in found.asides if self._tree.has_directory(eid)]
        for old, new in self._watcher.bind(alive, asides):
            if old in self._tree:
                for eid in (old, new):
                    self.later.whole.add(eid)
                    if self._tree.parent(eid) != SERVICE_ID:
                        self.later.add(self._tree.parent(eid), self._tree.name(eid))

    def _postpone(self, looking: Looking, found: Reconciliation, hints: Hints) -> None:
        for directory, names in looking.waiting.items():
            if found.path_of(directory) is None:  # it has ended, and what was in it
                continue
            if self._tree.root_of(directory) in self.standing.missing:  # read whole once that can be entered
                looking.whole.discard(directory)
                continue
            self.later.names.setdefault(directory, set()).update(names)
            if self._tree.parent(directory) != SERVICE_ID:
                self.later.add(*found.place_of(directory))
        self.later.whole |= looking.whole & looking.waiting.keys()
        if self.later:
            self.later.moved, self.later.written = hints.moved, hints.written
            self.later.stored = hints.stored
            self.later.closed, self.later.arrived = hints.closed, hints.arrived

    def _note_problems(self, found: Reconciliation) -> None:
        """Keep what could not be read. A directory that was too deep, and was moved up, is read now."""
        for directory in self.problems.directories() & found.read:
            self.problems.replace(directory, {})
        for directory, names in found.problems.items():
            self.problems.replace(directory, names)
        self.problems.settle()
        for directory in self.problems.too_deep():
            if found.depth_of(directory) < DEPTH_MAX:
                self.later.whole.add(directory)
