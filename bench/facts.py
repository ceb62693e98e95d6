"""What the tables tell of a tree, entry by entry, by `lstat` and by our decoder: the two must say the same.

Law: nothing of QTN1 is measured before `check` has passed, so no figure is of bytes that say something else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from smarttree import qtn
from smarttree.tree import kind_of


class ChangedError(Exception):
    """The tree is not what it was a moment ago, or our snapshot does not say what the disk does."""


class Fact(NamedTuple):
    """What every row tells of an entry; the path is relative, so that where the tree lies costs nobody anything.

    `mode` is as `lstat` gives it, with the type in it: the shortest way to tell both.
    """

    path: bytes
    mode: int
    size: int
    mtime_ns: int

    @property
    def type(self) -> str:
        return kind_of(self.mode)


def facts_on_disk(top: bytes) -> list[Fact]:
    """By `lstat`, directory by directory, each sorted by name: the order that compresses best for everyone."""
    found: list[Fact] = []
    todo = [b""]
    while todo:
        place = todo.pop()
        with os.scandir(os.path.join(top, place)) as listing:
            entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        dirs = []
        for entry in entries:
            seen, path = entry.stat(follow_symlinks=False), os.path.join(place, os.fsencode(entry.name))
            is_dir = stat.S_ISDIR(seen.st_mode)
            size = 0 if is_dir else seen.st_size  # QTN1 leaves a directory's own size out: so do all rows
            found.append(Fact(path, seen.st_mode, size, seen.st_mtime_ns))
            if is_dir:
                dirs.append(path)
        todo += reversed(dirs)
    return found


def facts_decoded(data: bytes) -> list[Fact]:
    """What the columns of a snapshot say, in their order: that which is timed, not the Tree made of it."""
    snapshot = qtn.decode(data)
    columns = snapshot.columns
    names, ends = columns.names.tobytes(), columns.name_ends.tolist()
    values = zip(*(column.tolist() for column in _values(columns)), strict=True)
    prefixes, found, start = {snapshot.top: b""}, list[Fact](), 0
    for end, (eid, parent, mode, size, mtime_ns) in zip(ends, values, strict=True):
        path, start = prefixes[parent] + names[start:end], end
        found.append(Fact(path, mode, size, mtime_ns))
        if stat.S_ISDIR(mode):
            prefixes[eid] = path + b"/"
    return found


def _values(columns: qtn.Columns) -> Sequence[npt.NDArray[Any]]:
    return columns.ids, columns.parents, columns.modes, columns.sizes, columns.mtimes_ns


def check(tree: str, snapshot: bytes, facts: Sequence[Fact]) -> None:
    """Raises ChangedError unless a snapshot says exactly what `lstat` said."""
    if facts_decoded(snapshot) != facts:
        raise ChangedError(f"{tree} was changed while it was measured, or the snapshot is wrong")
