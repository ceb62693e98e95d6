"""Looking: a window's looks at the disk, until nothing that can be reached is left; `reconcile` is told what was there.

Every directory is opened by the path at which it should be now and is only believed if it is the same directory (inode
and birth time). One that is not was moved or ended, and the hint that says so is here or on its way: its place is
looked at, and what was to be seen in it waits.
"""

from __future__ import annotations

import errno
from typing import NamedTuple, Protocol

from smarttree._listing import Listing
from smarttree.disk.base import Directory, Disk
from smarttree.ignore import Rules
from smarttree.links import HardLinks
from smarttree.problems import FORBIDDEN, Problems
from smarttree.reconcile import Reconciliation
from smarttree.row import Row
from smarttree.rulebook import RuleBook, sort_out
from smarttree.standing import Standing
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from smarttree.watch.base import Hints, Place

_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class Known(NamedTuple):
    """The Tree, and what is known beside it."""

    tree: Tree
    links: HardLinks
    problems: Problems
    standing: Standing


class Scan(Protocol):
    """Reads an open directory whole, each directory below it watched before it is read. Raises OSError."""

    def __call__(self, opened: Directory, rules: Rules, *, depth: int) -> Listing: ...


def enter(disk: Disk, path: bytes, *, follow: bool = False) -> tuple[Directory, Row]:
    """An open directory and its own values. Raises OSError."""
    opened = disk.open(path, follow=follow)
    try:
        return opened, opened.row()
    except OSError:
        opened.close()
        raise


class Looking:
    """The looks of one window.

    `waiting`: names to look at, by directory; it shrinks as they are seen. `whole`: directories to read anew. `later`
    takes what could not be looked at yet. `book` says which rules hold where.
    """

    def __init__(
        self, known: Known, disk: Disk, scan: Scan, found: Reconciliation, book: RuleBook, later: Hints
    ) -> None:
        self._tree, self._links, self._problems, self._standing = known
        self._disk, self._scan, self._found, self._book, self._later = disk, scan, found, book, later
        self.waiting: dict[int, set[bytes]] = {}
        self.whole: set[int] = set()
        self._ended: dict[int, set[bytes]] = {}  # names that waited in what has ended, and were asked for other links
        self._linked: set[int] = set()  # inodes with several links that were seen: look at their other names too

    def settle(self) -> None:
        """Look, match and list until nothing that can be reached is left. `waiting` keeps what can't."""
        found, waiting = self._found, self.waiting
        while True:
            progress = self._look_around()
            found.match()
            if progress and waiting:
                continue
            unlisted = list(found.unlisted())
            for place in unlisted:
                self._list_new(place)
            found.admit()
            self._note_ended()
            if not (unlisted and waiting) and not self._linked:
                return

    def _note_ended(self) -> None:
        """What was hinted at in a directory that has ended may be a file with other names elsewhere."""
        if not self._links.inodes:
            return
        for directory, names in self.waiting.items():
            if self._found.path_of(directory) is None:
                fresh = names - self._ended.setdefault(directory, set())
                self._ended[directory] |= fresh
                known = (self._tree.child(directory, name) for name in fresh)
                linked = (eid for eid in known if eid != NO_ID and self._links.is_linked(eid))
                self._linked.update(self._tree.row(eid).ino for eid in linked)

    def _look_around(self) -> bool:
        """Look at everything in `waiting` that can be reached now; whether there was any."""
        found, waiting, progress = self._found, self.waiting, False
        todo, stuck = list(waiting), set[int]()
        while todo:
            directory = todo.pop()
            path = found.path_of(directory)
            # Without a path it is gone from its place, and not found elsewhere so far.
            if path is None or directory in stuck or directory not in waiting:
                continue
            is_root = self._tree.parent(directory) == SERVICE_ID
            if self._look_in_root(directory, path) if is_root else self._look_in(directory, path):
                progress = True
                continue
            stuck.add(directory)
            if not is_root:
                # Its place is next, so that one pass climbs to where a chain of directories ends, however long it is.
                todo += self._suspect(directory)
        return self._look_at_links() or progress

    def _look_at_links(self) -> bool:
        """Have the other names of hard-linked files that were seen looked at, too; whether there are any."""
        names = self._links.names(self._linked) if self._linked else ()
        self._linked = set()
        places = [(self._tree.parent(eid), self._tree.name(eid)) for eid in names]
        unseen = [place for place in places if not self._found.has_seen(place)]
        for directory, name in unseen:
            self.waiting.setdefault(directory, set()).add(name)
        return bool(unseen)

    def _look_in(self, directory: int, path: bytes) -> bool:
        """Whether that could be done. If not, it is not where it was, or something above it is closed."""
        try:
            opened, itself = enter(self._disk, path)
        except OSError as error:
            if error.errno in FORBIDDEN:
                # What is above it is looked at next. Once that can be entered again, it is read whole.
                del self.waiting[directory]
            return False
        try:
            return itself.identity == self._tree.row(directory).identity and self._see_all(opened, directory, itself)
        finally:
            opened.close()

    def _suspect(self, directory: int) -> list[int]:
        """The directory that must be looked in as this one is not where it was, unless its place has been seen."""
        parent, name = self._found.place_of(directory)
        if self._found.has_seen((parent, name)):
            return []
        self.waiting.setdefault(parent, set()).add(name)
        return [parent]

    def _see_all(self, opened: Directory, directory: int, itself: Row) -> bool:
        """See a directory and the names in it that wait; everything in it, if that is wanted. False: it has ended."""
        try:
            if directory in self.whole or self._may_be_open(directory, itself):
                self._read_whole(directory, opened)
            self._see_names(opened, directory)
        except FileNotFoundError:
            return False
        self._found.see_itself(directory, itself)
        return True

    def _may_be_open(self, directory: int, itself: Row) -> bool:
        """Whether a directory was closed to us, and has changed since: its permissions, perhaps."""
        return self._problems.is_closed(directory) and itself.ctime_ns != self._tree.row(directory).ctime_ns

    def _see_names(self, opened: Directory, directory: int) -> None:
        rules, waiting = self._book.within(directory), self.waiting.pop(directory)
        for name in self._problems.names(directory) & waiting:
            self._problems.clear(directory, name)
        names, silent, doubtful = sort_out(rules, waiting)
        looks = opened.look(names)
        for index in self._found.see_routine(directory, names, looks, self._links.inodes):
            self._see_name(directory, names[index], looks[index])
        for name in silent:
            self._see_name(directory, name, None)
        for name, row in zip(doubtful, opened.look(doubtful) if doubtful else (), strict=True):
            left_out = isinstance(row, Row) and rules.ignores(name, row.is_dir)
            self._see_name(directory, name, None if left_out else row)

    def _see_name(self, directory: int, name: bytes, row: Row | int | None) -> None:
        found = self._found
        if isinstance(row, int):
            self._problems.note(directory, name, row)
            found.skip(directory, name)
            return
        known = self._tree.child(directory, name)
        if known != NO_ID and self._links.is_linked(known):
            self._linked.add(self._tree.row(known).ino)
        if row is not None and row.nlink > 1 and not row.is_dir:
            self._linked.add(row.ino)
        if row is not None and row.is_dir and known != NO_ID and self._may_be_open(known, row):
            self.waiting.setdefault(known, set())
        found.see(directory, name, row)

    def _look_in_root(self, root: int, path: bytes) -> bool:
        """Whether that could be done. If not, the system is short of something for now."""
        try:
            opened, itself = enter(self._disk, path, follow=True)
        except OSError as error:
            if error.errno in _SHORT:
                return False
            self._lose_root(root, error.errno or errno.EIO)
            return True
        try:
            is_another = self._standing.is_another(root, itself)
            if self._standing.must_be_read(root, itself):
                self.whole.add(root)
            if self._standing.leads_astray(root, itself) or not self._see_all(opened, root, itself):
                self._lose_root(root, errno.ENOENT)
            elif root in self.whole:
                number = self._found.problems.get(root, {}).get(b"", 0)
                if self._standing.find(root, number, is_another=is_another):
                    self._empty(root)
        finally:
            opened.close()
        return True

    def _lose_root(self, root: int, number: int) -> None:
        names = self.waiting.pop(root, set())
        self._problems.replace(root, {b"": number})
        if self._standing.lose(root, number):
            self._empty(root)
        for name in names:
            self._found.skip(root, name)

    def _empty(self, root: int) -> None:
        for child in self._tree.children(root):
            self._found.see(root, self._tree.name(child), None)

    def _read_whole(self, directory: int, opened: Directory) -> None:
        """Read an open directory anew with everything below it, each directory watched before it is read. Raises
        OSError, but where it is only that it may not be read.
        """
        found = self._found
        rules = self._book.at(found.place_of(directory))
        try:
            listing = self._scan(opened, rules, depth=found.depth_of(directory))
        except OSError as error:
            if error.errno not in FORBIDDEN:
                raise
            found.problems[directory] = {b"": error.errno or 0}
            return
        self._links.count(listing)
        self._linked.update(inode for _, inode, _ in listing.hard_linked())
        found.see_listing(directory, listing, 0)

    def _list_new(self, place: Place) -> None:
        """Read a directory that is new, each directory below it watched before it is read."""
        found = self._found
        parent = found.path_of(place[0])
        if parent is None:
            self._defer(place)
            return
        try:
            opened, itself = enter(self._disk, parent.rstrip(b"/") + b"/" + place[1])
        except OSError:
            self._defer(place)
            return
        try:
            if itself.identity != found.row_at(place).identity:
                self._defer(place)
                return
            rules, depth = self._book.at(place), found.depth_of(place[0]) + 1
            listing = self._scan(opened, rules, depth=depth)
        except FileNotFoundError:
            self._defer(place)
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

    def _defer(self, place: Place) -> None:
        """What was new there could not be read: it, or what it is in, has moved again. Look again later."""
        self._found.vanish(place)
        self._later.add(*place)
