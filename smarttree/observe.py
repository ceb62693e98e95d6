"""Observe: go where the hints point, look, and make a Plan of what is different there. The shell around `reconcile`.

Every directory is opened by the path at which it should be now and is only believed if it is the same directory (inode
and birth time). One that is not was moved or ended, and the hint that says so is here or on its way: its place is
looked at, and what was to be seen in it waits.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import NamedTuple

from smarttree._listing import Listing
from smarttree.disk.base import Directory, Disk, Progress
from smarttree.ignore import GIT, Rules
from smarttree.links import HardLinks
from smarttree.plan import Plan
from smarttree.problems import FORBIDDEN, Problems
from smarttree.reconcile import Reconciliation
from smarttree.row import Row
from smarttree.rulebook import RuleBook, ruled_anew, sort_out
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from smarttree.watch.base import Hints, Place, Watcher
from smarttree.wire import DEPTH_MAX

PATIENCE = 4  # windows in a row in which what moves on and on is left where it was, before it is told as it looks
_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class _Window(NamedTuple):
    """What one call of `observe` works on.

    `book`: which rules hold where. `waiting`: names to look at, by directory; it shrinks as they are seen. `whole`:
    directories to read anew. `ended`: names in `waiting` whose directory seems to have ended, and that were asked for
    other links.
    """

    found: Reconciliation
    book: RuleBook
    waiting: dict[int, set[bytes]]
    whole: set[int]
    ended: dict[int, set[bytes]]


class Observer:
    """Looks at the disk for one Tree. Used by the engine's thread only."""

    def __init__(
        self, tree: Tree, watcher: Watcher, disk: Disk, *, threads: int, rules: Rules, one_by_one: bool = False
    ) -> None:
        """`rules`: those that hold in each root, but for rule files in it. `one_by_one`: someone wants to hear of each
        step by itself.
        """
        self._tree, self._watcher, self._disk, self._threads, self._rules = tree, watcher, disk, threads, rules
        self._links = HardLinks(tree)
        self._linked: set[int] = set()  # inodes with several links that were seen: look at their other names too
        self.progress = disk.progress()  # of all scans but the first; cancelled, it ends the one under way
        self.problems = Problems(tree)
        self.missing: set[int] = set()  # roots that can't be opened now
        self.later = Hints()  # what could not be looked at yet: add it to the next hints
        self._patience, self._one_by_one = PATIENCE, one_by_one

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
            self._watcher.bind(
                ((root + index, key) for index, key in listing.watches()),
                ((root + index, key) for index, key in listing.asides.items()),
            )
        for index, inode, count in listing.hard_linked():
            self._links.add(inode, root + index, count)
        for index, name, number in listing.problems:
            self.problems.note(root + index, name, number)
        self.problems.settle()
        return root

    def _scan(self, opened: Directory, rules: Rules, *, depth: int, progress: Progress) -> Listing:
        # A directory with two links has no subdirectories where the file system counts them: one thread will do.
        threads = 1 if opened.row().nlink == 2 else self._threads
        return opened.scan(
            watch=self._watcher.scan_handle, threads=threads, depth=depth, progress=progress, rules=rules
        )

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
        )
        whole = set(self._tree.roots()) if hints.overflow else set(filter(self._tree.has_directory, hints.whole))
        waiting = {eid: set(names) for eid, names in hints.names.items() if self._tree.has_directory(eid)}
        if self._rules.reads_files:
            whole.update(ruled_anew(self._tree, waiting))
        book = RuleBook(self._rules, self._tree, self._disk, found)
        window = _Window(found, book, waiting | {eid: waiting.get(eid, set()) for eid in whole}, whole, {})
        self.later = Hints()
        with self._watcher.placing():
            self._settle(window)
            if found.is_short():
                self._hear_on(found)
            self._postpone(window, hints)
            plan = found.plan()
            self._links.learn(plan)
            elsewhere = self._ruled_elsewhere(found)
            carry_out(plan)
            self._bind(found)
            self._note_problems(found)
        self.later.whole |= elsewhere
        return bool(found.watches or elsewhere)

    def _ruled_elsewhere(self, found: Reconciliation) -> set[int]:
        """Directories that have moved to where other rules may hold for what is in them. They are read anew later, as
        some of it may have been seen in this window where it was.
        """
        if self._rules.depends_on_place:
            return set(found.moved_dirs)
        return {eid for eid in found.moved_dirs if GIT in (self._tree.name(eid), found.place_of(eid)[1])}

    def _hear_on(self, found: Reconciliation) -> None:
        """What is gone may have been moved away while we looked, without the kernel's word of it in the hints."""
        moving = found.learn(self._watcher.leaving(), patient=self._patience > 0)
        self._patience = self._patience - 1 if moving else PATIENCE
        for place in moving:
            self.later.add(*place)

    def links_outside(self) -> Hints:
        """Look at files that are written, perhaps, through links outside the roots."""
        hints = Hints()
        for place in self._links.partly_outside():
            hints.add(*place)
        return hints

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
                    self.later.add(self._tree.parent(eid), self._tree.name(eid))

    def _postpone(self, window: _Window, hints: Hints) -> None:
        for directory, names in window.waiting.items():
            if window.found.path_of(directory) is None:  # it has ended, and what was in it
                continue
            self.later.names.setdefault(directory, set()).update(names)
            if self._tree.parent(directory) != SERVICE_ID:
                self.later.add(*window.found.place_of(directory))
        self.later.whole |= window.whole & window.waiting.keys()
        if self.later:
            self.later.moved, self.later.written = hints.moved, hints.written
            self.later.closed, self.later.arrived = hints.closed, hints.arrived

    def _settle(self, window: _Window) -> None:
        """Look, match and list until nothing that can be reached is left. `waiting` keeps what can't."""
        found, waiting = window.found, window.waiting
        while True:
            progress = self._look_around(window)
            found.match()
            if progress and waiting:
                continue
            unlisted = list(found.unlisted())
            for place in unlisted:
                self._list_new(window, place)
            found.admit()
            self._note_ended(window)
            if not (unlisted and waiting) and not self._linked:
                return

    def _note_ended(self, window: _Window) -> None:
        """What was hinted at in a directory that has ended may be a file with other names elsewhere."""
        if not self._links.inodes:
            return
        for directory, names in window.waiting.items():
            if window.found.path_of(directory) is None:
                fresh = names - window.ended.setdefault(directory, set())
                window.ended[directory] |= fresh
                known = (self._tree.child(directory, name) for name in fresh)
                linked = (eid for eid in known if eid != NO_ID and self._links.is_linked(eid))
                self._linked.update(self._tree.row(eid).ino for eid in linked)

    def _look_around(self, window: _Window) -> bool:
        """Look at everything in `waiting` that can be reached now; whether there was any."""
        found, waiting, progress = window.found, window.waiting, False
        todo, stuck = list(waiting), set[int]()
        while todo:
            directory = todo.pop()
            path = found.path_of(directory)
            # Without a path it is gone from its place, and not found elsewhere so far.
            if path is None or directory in stuck or directory not in waiting:
                continue
            is_root = self._tree.parent(directory) == SERVICE_ID
            if self._look_in_root(window, directory, path) if is_root else self._look_in(window, directory, path):
                progress = True
                continue
            stuck.add(directory)
            if not is_root:
                # Its place is next, so that one pass climbs to where a chain of directories ends, however long it is.
                todo += self._suspect(window, directory)
        return self._look_at_links(found, waiting) or progress

    def _look_at_links(self, found: Reconciliation, waiting: dict[int, set[bytes]]) -> bool:
        """Have the other names of hard-linked files that were seen looked at, too; whether there are any."""
        names = self._links.names(self._linked) if self._linked else ()
        self._linked = set()
        places = [(self._tree.parent(eid), self._tree.name(eid)) for eid in names]
        unseen = [place for place in places if not found.has_seen(place)]
        for directory, name in unseen:
            waiting.setdefault(directory, set()).add(name)
        return bool(unseen)

    def _enter(self, path: bytes, *, follow: bool = False) -> tuple[Directory, Row]:
        """An open directory and its own values. Raises OSError."""
        opened = self._disk.open(path, follow=follow)
        try:
            return opened, opened.row()
        except OSError:
            opened.close()
            raise

    def _look_in(self, window: _Window, directory: int, path: bytes) -> bool:
        """Whether that could be done. If not, it is not where it was, or something above it is closed."""
        try:
            opened, itself = self._enter(path)
        except OSError as error:
            if error.errno in FORBIDDEN:
                # What is above it is looked at next. Once that can be entered again, it is read whole.
                del window.waiting[directory]
            return False
        try:
            return itself.identity == self._tree.row(directory).identity and self._see_all(
                window, opened, directory, itself
            )
        finally:
            opened.close()

    def _suspect(self, window: _Window, directory: int) -> list[int]:
        """The directory that must be looked in as this one is not where it was, unless its place has been seen."""
        parent, name = window.found.place_of(directory)
        if window.found.has_seen((parent, name)):
            return []
        window.waiting.setdefault(parent, set()).add(name)
        return [parent]

    def _see_all(self, window: _Window, opened: Directory, directory: int, itself: Row) -> bool:
        """See a directory and the names in it that wait; everything in it, if that is wanted. False: it has ended."""
        try:
            if directory in window.whole or self._may_be_open(directory, itself):
                self._read_whole(window, directory, opened)
            self._see_names(window, opened, directory)
        except FileNotFoundError:
            return False
        window.found.see_itself(directory, itself)
        return True

    def _may_be_open(self, directory: int, itself: Row) -> bool:
        """Whether a directory was closed to us, and has changed since: its permissions, perhaps."""
        return self.problems.is_closed(directory) and itself.ctime_ns != self._tree.row(directory).ctime_ns

    def _see_names(self, window: _Window, opened: Directory, directory: int) -> None:
        rules, waiting = window.book.within(directory), window.waiting.pop(directory)
        for name in self.problems.names(directory) & waiting:
            self.problems.clear(directory, name)
        names, silent, doubtful = sort_out(rules, waiting)
        looks = opened.look(names)
        for index in window.found.see_routine(directory, names, looks, self._links.inodes):
            self._see_name(window, directory, names[index], looks[index])
        for name in silent:
            self._see_name(window, directory, name, None)
        for name, row in zip(doubtful, opened.look(doubtful) if doubtful else (), strict=True):
            left_out = isinstance(row, Row) and rules.ignores(name, row.is_dir)
            self._see_name(window, directory, name, None if left_out else row)

    def _see_name(self, window: _Window, directory: int, name: bytes, row: Row | int | None) -> None:
        found = window.found
        if isinstance(row, int):
            self.problems.note(directory, name, row)
            found.skip(directory, name)
            return
        known = self._tree.child(directory, name)
        if known != NO_ID and self._links.is_linked(known):
            self._linked.add(self._tree.row(known).ino)
        if row is not None and row.nlink > 1 and not row.is_dir:
            self._linked.add(row.ino)
        if row is not None and row.is_dir and known != NO_ID and self._may_be_open(known, row):
            window.waiting.setdefault(known, set())
        found.see(directory, name, row)

    def _look_in_root(self, window: _Window, root: int, path: bytes) -> bool:
        """Whether that could be done. If not, the system is short of something for now."""
        try:
            opened, itself = self._enter(path, follow=True)
        except OSError as error:
            if error.errno in _SHORT:
                return False
            self._lose_root(window, root)
            return True
        try:
            if root in self.missing or itself.identity != self._tree.row(root).identity:
                self.missing.discard(root)
                window.whole.add(root)
            if not self._see_all(window, opened, root, itself):
                self._lose_root(window, root)
        finally:
            opened.close()
        return True

    def _lose_root(self, window: _Window, root: int) -> None:
        del window.waiting[root]
        self.missing.add(root)
        for child in self._tree.children(root):
            window.found.see(root, self._tree.name(child), None)

    def _read_whole(self, window: _Window, directory: int, opened: Directory) -> None:
        """Read an open directory anew with everything below it, each directory watched before it is read. Raises
        OSError, but where it is only that it may not be read.
        """
        found = window.found
        rules = window.book.at(found.place_of(directory))
        try:
            listing = self._scan(opened, rules, depth=found.depth_of(directory), progress=self.progress)
        except OSError as error:
            if error.errno not in FORBIDDEN:
                raise
            found.problems[directory] = {b"": error.errno or 0}
            return
        self._linked.update(inode for _, inode, _ in listing.hard_linked())
        found.see_listing(directory, listing, 0)

    def _list_new(self, window: _Window, place: Place) -> None:
        """Read a directory that is new, each directory below it watched before it is read."""
        found = window.found
        parent = found.path_of(place[0])
        if parent is None:
            self._defer(found, place)
            return
        try:
            opened, itself = self._enter(parent.rstrip(b"/") + b"/" + place[1])
        except OSError:
            self._defer(found, place)
            return
        try:
            if itself.identity != found.row_at(place).identity:
                self._defer(found, place)
                return
            rules, depth = window.book.at(place), found.depth_of(place[0]) + 1
            listing = self._scan(opened, rules, depth=depth, progress=self.progress)
        except FileNotFoundError:
            self._defer(found, place)
            return
        except OSError as error:
            if error.errno not in FORBIDDEN:
                raise
            found.leave_unread(place, error.errno or 0)
            return
        finally:
            opened.close()
        self._linked.update(inode for _, inode, _ in listing.hard_linked())
        found.list_at(place, listing)

    def _defer(self, found: Reconciliation, place: Place) -> None:
        """What was new there could not be read: it, or what it is in, has moved again. Look again later."""
        found.vanish(place)
        self.later.add(*place)

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
