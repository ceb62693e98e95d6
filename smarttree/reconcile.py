"""Reconcile: what was seen on disk against the Tree, and out comes a Plan: which ids moved, changed, appeared, ended.

Pure: it is fed observations (a place, and the Row there or None) and asks for more (`unlisted`). Hints are used only as
evidence of how something happened, never of what is there. The first observation of a place in a window counts: what
changes after it has a hint of its own. What rules say of it may change without one: where two looks disagree, there is
another in the next window.

Identity is inode, birth time and type. An entry is *renamed* when something with its identity is seen at another place
and the kernel said that it was moved away (ext4 hands a deleted file's inode to the next file at once, so the inode
alone proves nothing); after lost hints the identity must do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from smarttree._compare import KIND_ITSELF, KIND_LEFT, KIND_REPLACED, Comparison
from smarttree._listing import NO_WATCH_KEY, Listing
from smarttree._looks import Looks
from smarttree.plan import Identity, Plan, Update, prune
from smarttree.row import Row
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from smarttree.watch.base import Place
from smarttree.wire import DEPTH_MAX


class Reconciliation:
    """One window's observations. Feed it, `match` now and then, and take the `plan` when nothing is `unlisted`."""

    def __init__(
        self,
        tree: Tree,
        *,
        moved: Collection[Place],
        written: Collection[Place],
        lost: bool,
        one_by_one: bool = False,
        hidden: Callable[[Place, int], bool] | None = None,
    ) -> None:
        """`one_by_one`: nothing is routine, each step stands in the plan by itself. `hidden`: see `ticks`."""
        self._tree = tree
        self._one_by_one = lost or one_by_one  # after lost hints any two may be a rename
        self._moved, self._written, self._lost, self._hidden = moved, written, lost, hidden
        self._seen: dict[int, set[bytes]] = {}
        self._gone: dict[int, Identity] = {}  # ids whose place holds something else now, not yet found elsewhere
        self._gone_by: dict[Identity, list[int]] = {}
        self._proven: set[int] = set()  # ids that were moved away, as is known by now
        known_at_moved = [known for place in moved if (known := self._known_at(place)) != NO_ID]
        self._moved_inodes = {tree.row(known).ino for known in known_at_moved}
        # A directory has one place only: seen elsewhere, it is there, even if its old place can't be looked at because
        # something above has ended.
        self._leavers = {tree.row(known).identity: known for known in known_at_moved if tree.is_dir(known)}
        self._arrivals: dict[Place, Row] = {}  # what is at a place where the Tree has something else, or nothing ...
        self._new_dirs: dict[Place, Row] = {}  # ... and the same for directories
        self._listed: dict[Place, tuple[Listing, int] | int] = {}  # its content, or the errno that forbids it
        self._fresh: dict[int, Place] = {}  # ids issued for directories that are new
        self._plan = Plan()
        self.watches: list[tuple[int, int]] = []  # (id, watch key or -errno) of every directory that was listed
        self.read: set[int] = set()  # the ids of these directories, but for those in new ones
        self.doubted: set[Place] = set()  # two looks disagreed there on whether there is anything
        self.missed: set[int] = set()  # known ones that were not where they should have been read with what is above
        self.problems: dict[int, dict[bytes, int]] = {}  # what could not be read, by directory
        self.asides: list[tuple[int, int]] = []  # (id, watch key) where that is on a directory with rules for it
        self.moved_dirs: list[int] = []  # known directories that were found elsewhere

    # --- observations -----------------------------------------------------------------------------------------------

    def see(self, directory: int, name: bytes, row: Row | None) -> None:
        """At that place there is something with these values, or nothing."""
        place = (directory, name)
        if self.has_seen(place):
            if (row is not None) != self._holds(place):
                self.doubted.add(place)
            return
        self.skip(directory, name)
        known = NO_ID if directory in self._fresh else self._tree.child(directory, name)
        if known != NO_ID and known not in self._plan.moves:
            before = self._tree.row(known)
            if row is not None and row.identity == before.identity:
                self._compare(known, before, row, written=place in self._written)
                if self._hidden is not None and known not in self._plan.updates and self._hidden(place, row.mtime_ns):
                    self._plan.updates[known] = Update(row, True)
                return
            self._gone[known] = before.identity
            self._gone_by.setdefault(before.identity, []).append(known)
        if row is not None:
            (self._new_dirs if row.is_dir else self._arrivals)[place] = row

    def see_routine(self, directory: int, names: list[bytes], looks: Looks, linked: Collection[int]) -> Sequence[int]:
        """Take in what is routine among looks at names in a known directory; the indices of those to `see` one by one.

        `linked`: inodes that have several names.
        """
        if self._one_by_one or directory in self.read:
            return range(len(names))
        return self._plan.routine.sort_out(
            self._tree,
            directory,
            names,
            looks,
            self._seen.setdefault(directory, set()),
            moved=self._moved,
            written=self._written,
            inodes=self._moved_inodes,
            linked=linked,
            hidden=self._hidden,
        )

    def skip(self, directory: int, name: bytes) -> None:
        """What is at that place can't be looked at: it stays as it was."""
        self._seen.setdefault(directory, set()).add(name)

    def has_seen(self, place: Place) -> bool:
        # In a directory that was read, what is as it was known was seen, too.
        return place[1] in self._seen.get(place[0], ()) or (place[0] in self.read and self._known_at(place) != NO_ID)

    def _holds(self, place: Place) -> bool:
        """Whether something was seen at a place that has been seen, and was not found to be known from elsewhere."""
        known = self._known_at(place)
        stays = known != NO_ID and known not in self._gone and known not in self._plan.moves
        return stays or place in self._arrivals or place in self._new_dirs

    def see_itself(self, directory: int, row: Row) -> None:
        """An open directory has these values."""
        if directory not in self._fresh:
            self._compare(directory, self._tree.row(directory), row, written=False)

    def see_listing(self, directory: int, listing: Listing, top: int) -> None:
        """A directory was read whole, with everything below it; `top` is its index in the listing."""
        if directory in self._fresh:
            self._see_new(directory, listing, top)
            return
        comparison = Comparison(self._tree, directory, listing, top)
        for kind, parent, name, eid, index in comparison.findings():
            if kind in (KIND_LEFT, KIND_REPLACED) and self._tree.is_dir(eid):
                self.missed.add(eid)
            if kind == KIND_ITSELF:
                self.see_itself(parent, listing.row(index))
            elif kind == KIND_LEFT:
                self.see(parent, name, None)
            else:
                self._see_item(parent, listing, index)
        known = comparison.matched()
        self.read.update(eid for eid, _ in known)
        self._take_watches(known, listing)

    def _see_new(self, directory: int, listing: Listing, top: int) -> None:
        """The same of a directory that is new. What is in its directories is taken in when they are."""
        for index in listing.children(top):
            self._see_item(directory, listing, index)
        self.read.add(directory)
        self._take_watches([(directory, top)], listing)

    def _see_item(self, directory: int, listing: Listing, index: int) -> None:
        name, row = listing.name(index), listing.row(index)
        self.see(directory, name, row)
        if row.is_dir and (directory, name) in self._new_dirs:
            self._listed[directory, name] = (listing, index)

    def _take_watches(self, directories: Collection[tuple[int, int]], listing: Listing) -> None:
        watches = ((eid, listing.watch(index)) for eid, index in directories)
        self.watches += ((eid, key) for eid, key in watches if key != NO_WATCH_KEY)
        if listing.asides:
            self.asides += ((eid, listing.asides[index]) for eid, index in directories if index in listing.asides)
        if listing.problems:
            self.problems |= {eid: names for eid, index in directories if (names := listing.problems_of(index))}

    def _compare(self, known: int, before: Row, row: Row, *, written: bool) -> None:
        """Values of an entry that is where it was. ctime alone is told only where content may have been written."""
        if before[:4] == row[:4] and before.ino == row.ino:
            return
        touched = before.ctime_ns != row.ctime_ns and not row.is_dir and (written or self._lost)
        self._plan.updates[known] = Update(row, touched)

    # --- directories found elsewhere --------------------------------------------------------------------------------

    def match(self) -> None:
        """Find known directories among the arrivals: from then on `place_of` tells where they are now."""
        for place, row in list(self._new_dirs.items()):
            known = self._claim(row.identity) if self._fits(row.identity, place) else None
            if known is not None:
                self.moved_dirs.append(known)
                self._move(known, place, row)
                self._take_in(known, self._listed.pop(place, None))

    def _take_in(self, directory: int, content: tuple[Listing, int] | int | None) -> None:
        if isinstance(content, tuple):
            if not self._plant(directory, *content):
                self.see_listing(directory, *content)
        elif content is not None:
            self.problems[directory] = {b"": content}

    def _plant(self, directory: int, listing: Listing, top: int) -> bool:
        """Take in the whole listing of a new directory, where nothing in it can have been moved there; whether so."""
        if self._one_by_one or top or directory not in self._fresh:
            return False
        # Old ids come in any order. Sorted, neighbours in the listing are neighbours among the ids.
        ids = sorted(self._tree.issue() for _ in range(len(listing) - 1))
        if not self._plan.routine.plant(listing, directory, ids, self._moved_inodes):
            self._tree.recycle(ids)
            return False
        ids.insert(0, directory)
        self.watches += ((ids[index], key) for index, key in listing.watches())
        self.asides += ((ids[index], key) for index, key in listing.asides.items())
        for index, name, number in listing.problems:
            of = self.problems.setdefault(ids[index], {})
            of[name] = number
        return True

    def _fits(self, identity: Identity, place: Place) -> bool:
        """Whether what a directory holds stays within the limit of levels when it moves there. If not it is told as
        deleted, and as created with as many levels as fit.
        """
        known = next(iter(self._gone_by.get(identity, ())), self._leavers.get(identity, NO_ID))
        room = DEPTH_MAX - 1 - self.depth_of(place[0])
        # There are at most as many levels as directories, and one of files: nearly always this is enough to know.
        return known == NO_ID or self._tree.totals(known).dirs < room or self._tree.height(known) <= room

    def _claim(self, identity: Identity) -> int | None:
        """An entry that is gone from its place and may be what has appeared elsewhere."""
        for known in self._gone_by.get(identity, ()):
            # Without a birth time an inode proves nothing: it is another file's as soon as this one has ended.
            proven = (self._lost and identity[1] != 0) or known in self._proven
            if known in self._gone and (proven or self._place_in_tree(known) in self._moved):
                del self._gone[known]
                return known
        known = self._leavers.get(identity, NO_ID)
        if known == NO_ID or known in self._plan.moves:
            return None
        self._gone.pop(known, None)
        return known

    def _known_at(self, place: Place) -> int:
        directory, name = place
        return self._tree.child(directory, name) if self._tree.has_directory(directory) else NO_ID

    def _place_in_tree(self, known: int) -> Place:
        return self._tree.parent(known), self._tree.name(known)

    def _move(self, known: int, place: Place, row: Row) -> None:
        (self._new_dirs if row.is_dir else self._arrivals).pop(place)
        self._plan.moves[known] = place
        before = self._tree.row(known)
        if before[:5] != row[:5]:
            self._plan.updates[known] = Update(row, False)

    def is_short(self) -> bool:
        """Whether something known is gone, and was not found elsewhere so far."""
        return bool(self._gone) or self._plan.routine.ends > 0

    def learn(self, leaving: Collection[Place], *, patient: bool) -> list[Place]:
        """While we looked, something was moved away from these places; the hints of that are still to come.

        What was gone from one of them has its proof now if its new place was seen. If not, it is as if nobody had
        looked: the hints to come lead to both. What had been moved to one of them, and on from there, can't be found
        either: if `patient`, the places from which it came are returned, to be looked at again with those hints.
        """
        arrived = {row.identity for row in self._arrivals.values()}
        created = {row.identity for _, row in self._plan.creates.values()}
        taken = {*(place for place, _ in self._plan.creates.values()), *self._plan.moves.values(), *self._new_dirs}
        moved_on, spared = False, set[int]()
        for place in leaving:
            known = self._known_at(place)
            if not self.has_seen(place) or place in taken:
                continue
            if known != NO_ID and known not in self._gone:
                spared.add(known)
                continue
            moved_on |= place not in self._arrivals
            if known == NO_ID or self._gone[known] in created:
                continue
            if self._gone[known] in arrived:
                self._proven.add(known)
            elif place not in self._arrivals or self._arrivals[place].identity not in self._gone_by:
                del self._gone[known]
                self._arrivals.pop(place, None)
        self._plan.routine.spare(self._tree, spared)
        return list(self._put_off(arrived | created, taken | self._arrivals.keys())) if moved_on and patient else []

    def _put_off(self, found: Collection[Identity], taken: Collection[Place]) -> Iterator[Place]:
        """Where something is gone from that the kernel says was moved, and that is nowhere: it stays for now."""
        for known, identity in list(self._gone.items()):
            place = self._place_in_tree(known)
            if place in self._moved and identity not in found and place not in taken:
                del self._gone[known]
                yield place

    def place_of(self, eid: int) -> Place:
        """Where an entry is now, as far as it has been seen."""
        return self._plan.moves.get(eid) or self._fresh.get(eid) or self._place_in_tree(eid)

    def path_of(self, eid: int) -> bytes | None:
        """The path at which a directory can be opened now; None where it, or something above it, is gone."""
        parts: list[bytes] = []
        while eid != SERVICE_ID:
            if eid in self._gone or len(parts) > 1024:
                return None
            eid, name = self.place_of(eid)
            parts.append(name)
        return b"/".join(reversed(parts)).replace(b"//", b"/", 1)

    def depth_of(self, eid: int) -> int:
        """How many levels a directory that `path_of` knows is below its root."""
        depth = 0
        while (eid := self.place_of(eid)[0]) != SERVICE_ID:
            depth += 1
        return depth

    def unlisted(self) -> Iterator[Place]:
        """Places of new directories whose content is not known yet."""
        return (place for place in self._new_dirs if place not in self._listed)

    def row_at(self, place: Place) -> Row:
        """What was seen of the new directory at `place`."""
        return self._new_dirs[place]

    def list_at(self, place: Place, listing: Listing) -> None:
        """The content of the new directory at `place`."""
        self._listed[place] = (listing, 0)

    def leave_unread(self, place: Place, number: int) -> None:
        """The new directory at `place` can't be read, says an errno: it is an entry without children."""
        self._listed[place] = number

    def vanish(self, place: Place) -> None:
        """What had arrived there could not be read: as if it had not been seen."""
        self._new_dirs.pop(place, None)

    def admit(self) -> None:
        """Give new directories ids and take in their content; what is known in them moves there."""
        while listed := [(place, at) for place, at in self._listed.items() if place in self._new_dirs]:
            self._listed = {}
            for place, content in listed:
                eid = self._tree.issue()
                self._fresh[eid] = place
                row = self._new_dirs.pop(place)
                self._plan.creates[eid] = (place, content[0].row(content[1]) if isinstance(content, tuple) else row)
                self._take_in(eid, content)
            self.match()

    # --- the plan ---------------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """What must happen to the Tree. Call once, last."""
        plan = self._plan
        for place, row in list(self._arrivals.items()):
            known = self._claim(row.identity)
            if known is not None:
                self._move(known, place, row)
        self._replace()
        for place, row in self._arrivals.items():
            plan.creates[self._tree.issue()] = (place, row)
        plan.deletes = set(self._gone)
        prune(plan, self._tree, self.place_of)
        return plan

    def _replace(self) -> None:
        """A file renamed or written anew over a file of the same type is that file, modified."""
        for source, place in list(self._plan.moves.items()):
            row = self._tree.row(source)
            if self._supplant(place, row):
                update = self._plan.updates.pop(source, None)
                self._plan.updates[self._tree.child(*place)] = Update(update.row if update else row, True)
                del self._plan.moves[source]
                self._gone[source] = row.identity
        for place, row in list(self._arrivals.items()):
            if self._supplant(place, row):
                self._plan.updates[self._tree.child(*place)] = Update(row, True)
                del self._arrivals[place]

    def _supplant(self, place: Place, row: Row) -> bool:
        """Whether the Tree's entry at `place` ended there and can live on as what replaced it."""
        if place[0] in self._fresh:
            return False
        known = self._tree.child(*place)
        if known not in self._gone or row.is_dir or self._gone[known][2] != row.identity[2]:
            return False
        del self._gone[known]
        return True
