"""Translate: what the engine does to its Tree, told in watchdog's events. Pure: steps in, events out.

A step is told with the Tree as it is at that moment, so nothing is remembered of what is there: only, until the window
ends, what a later step of the same window may need. Which events there are, and when, is said in `smarttree.observer`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
)

from smarttree.plan import Identity, Update
from smarttree.row import Row, kind_of
from smarttree.tree import NO_ID, Tree
from smarttree.watch.base import Hints, Place


class Translator:
    """A `Witness` of one root. `root` is its real path, `shown` what events call it: bytes give bytes in events.

    `deliver` is called in the engine's thread with the events of each window that had any.
    """

    def __init__(self, root: bytes, shown: bytes | str, deliver: Callable[[list[FileSystemEvent]], None]) -> None:
        self._deliver = deliver
        self._skip = len(os.path.join(root, b""))
        self._top = os.fsencode(shown)
        self._as_bytes = isinstance(shown, bytes)
        self._missing = False
        self._closed: set[Place] = set()  # told of a place where the file is not any more when all is settled
        self._arrived: set[Place] = set()
        self._begin_window()

    def _begin_window(self) -> None:
        self._events: list[FileSystemEvent] = []
        self._touched: set[bytes] = set()  # directories that were told as modified
        self._fresh: set[int] = set()  # what was created, or replaced by something unknown
        self._renamed: set[int] = set()
        self._gone: dict[Identity, tuple[int, bytes, Row]] = {}  # of a deleted file: where its event is, its path
        self._still_since = 0  # no directory has moved since the event with this index

    # --- what the engine says -----------------------------------------------------------------------------------------

    def hear(self, hints: Hints) -> None:
        self._closed |= hints.closed
        self._arrived |= hints.arrived

    def created(self, tree: Tree, eid: int) -> None:
        path, row = tree.path(eid), tree.row(eid)
        self._fresh.add(eid)
        self._put(DirCreatedEvent if row.is_dir else FileCreatedEvent, path)
        self._touch(os.path.dirname(path))
        if row.size and kind_of(row.mode) == "file":
            self._put(FileModifiedEvent, path)

    def deleted(self, tree: Tree, eid: int) -> None:
        """What is in a directory goes before it, as `rm -r` does it."""
        path, row = tree.path(eid), tree.row(eid)
        if row.is_dir:
            for below in reversed(tree.below(eid).tolist()):
                self._put(DirDeletedEvent if tree.is_dir(below) else FileDeletedEvent, tree.path(below))
            self._put(DirDeletedEvent, path)
        else:
            self._close((tree.parent(eid), tree.name(eid)), path)
            self._gone[row.identity] = len(self._events), path, row
            self._put(FileDeletedEvent, path)
        self._touch(os.path.dirname(path))

    def renamed(self, tree: Tree, eid: int, place: Place, path: bytes) -> None:
        new, is_dir = tree.path(eid), tree.is_dir(eid)
        self._renamed.add(eid)
        if not is_dir:
            self._close(place, path)
        self._move(path, new, is_dir=is_dir)
        self._touch(os.path.dirname(path))
        self._touch(os.path.dirname(new))
        if is_dir:
            for below in tree.below(eid).tolist():
                inner = tree.path(below)
                self._move(path + inner[len(new) :], inner, is_dir=tree.is_dir(below), synthetic=True)
            self._still_since = len(self._events)

    def updated(self, tree: Tree, eid: int, before: Row, update: Update) -> None:
        path = tree.path(eid)
        if update.row.is_dir:
            self._directory_updated(path, before, update.row, moved=eid in self._renamed)
        else:
            self._file_updated(eid, path, before, update)

    def settle(self, tree: Tree, missing: bool, waiting: Hints) -> None:
        closed, self._closed = self._closed - waiting.closed, set()
        arrived, self._arrived = self._arrived - waiting.arrived, set()
        for directory, name in sorted(closed | arrived):
            eid = tree.child(directory, name) if tree.has_directory(directory) else NO_ID
            if eid == NO_ID or kind_of(tree.mode(eid)) != "file":
                continue
            if (directory, name) in closed or eid in self._fresh:
                self._tell_closed(tree.path(eid))
        if missing and not self._missing:
            self._events.append(DirDeletedEvent(self._decode(self._top)))
        elif self._missing and not missing:
            self._events.insert(0, DirCreatedEvent(self._decode(self._top)))
        self._missing = missing
        if self._events:
            self._deliver(self._events)
            self._begin_window()

    # --- values -------------------------------------------------------------------------------------------------------

    def _directory_updated(self, path: bytes, before: Row, row: Row, *, moved: bool) -> None:
        """What came and went within the window has left a mark on its directory."""
        if before.mtime_ns != row.mtime_ns and path not in self._touched:
            self._touch(path)
        quietly = before.mtime_ns == row.mtime_ns and before.ctime_ns != row.ctime_ns
        if before.mode != row.mode or (quietly and not moved):
            self._put(DirAttribEvent, path)

    def _file_updated(self, eid: int, path: bytes, before: Row, update: Update) -> None:
        row, told = update
        if before.identity != row.identity:
            source = self._replaced(path, row.identity)
            if source is None:
                self._fresh.add(eid)
                self._put(FileModifiedEvent, path)
                return
            before, told = source, False
            self._renamed.add(eid)
        resized, retimed = before.size != row.size, before.mtime_ns != row.mtime_ns
        if told or resized or retimed:
            self._put(FileModifiedEvent, path)
        quietly = not told and not resized and before.ctime_ns != row.ctime_ns and eid not in self._renamed
        if before.mode != row.mode or quietly:
            self._put(FileAttribEvent, path)

    def _replaced(self, path: bytes, identity: Identity) -> Row | None:
        """What is at a file's place now was deleted elsewhere, says the plan: it was moved over it. Its old values.

        It is told where the deletion stood, if no directory has moved since: then both paths are those of that moment.
        """
        index, source, row = self._gone.get(identity, (-1, b"", None))
        if row is None or index < self._still_since:
            return None
        del self._gone[identity]
        self._events[index] = FileMovedEvent(self._shown(source), self._shown(path))
        self._touch(os.path.dirname(path))
        return row

    # --- events -------------------------------------------------------------------------------------------------------

    def _close(self, place: Place, path: bytes) -> None:
        if place in self._closed:
            self._closed.discard(place)
            self._tell_closed(path)

    def _tell_closed(self, path: bytes) -> None:
        self._put(FileClosedEvent, path)
        self._touch(os.path.dirname(path))

    def _touch(self, directory: bytes) -> None:
        self._touched.add(directory)
        self._put(DirModifiedEvent, directory)

    def _move(self, old: bytes, new: bytes, *, is_dir: bool, synthetic: bool = False) -> None:
        kind = DirMovedEvent if is_dir else FileMovedEvent
        self._events.append(kind(self._shown(old), self._shown(new), is_synthetic=synthetic))

    def _put(self, kind: type[FileSystemEvent], path: bytes) -> None:
        self._events.append(kind(self._shown(path)))

    def _shown(self, path: bytes) -> bytes | str:
        below = path[self._skip :]
        return self._decode(os.path.join(self._top, below) if below else self._top)

    def _decode(self, path: bytes) -> bytes | str:
        return path if self._as_bytes else os.fsdecode(path)
