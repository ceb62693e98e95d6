"""The Watcher contract: hints that say *look here*, never what happened.

A watcher may double, delay and reorder hints; only two things it may not do: lose one without saying `overflow`, and
return from a `drain` that is a barrier before everything that had happened when it was called is in the hints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from smarttree.tree import Tree

if TYPE_CHECKING:
    from smarttree._walk import Placer

Place = tuple[int, bytes]
"""Where an entry is: the id of its directory and its name there."""


@dataclass(slots=True)
class Hints:
    """Where to look.

    `names` has, for each directory's id, the names to look at (none: only the directory itself). `moved` are places
    from which the kernel says something was moved away (evidence for a rename, with the inode); `written` those whose
    content it says was written, and `stored` those of them of which it said so at the write, not only at the end.
    `closed` are those that someone who could write has closed, and `arrived` those that a rename brought there: nothing
    is decided by these two, they are for whoever tells such things. `whole`: directories to read anew with everything
    below. `overflow`: hints were lost, read everything anew.
    """

    names: dict[int, set[bytes]] = field(default_factory=dict)
    moved: set[Place] = field(default_factory=set)
    written: set[Place] = field(default_factory=set)
    stored: set[Place] = field(default_factory=set)
    closed: set[Place] = field(default_factory=set)
    arrived: set[Place] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)
    overflow: bool = False

    def __bool__(self) -> bool:
        return self.overflow or bool(self.names) or bool(self.whole)

    def add(self, directory: int, name: bytes) -> None:
        """Look at `name` in `directory`, and at the directory itself."""
        self.names.setdefault(directory, set()).add(name)

    def pass_on(self, old: int, new: int) -> None:
        """What was heard of the directory `old` was of `new`: say it of both."""
        if old in self.names:
            self.names.setdefault(new, set()).update(self.names[old])
            for places in (self.moved, self.written, self.stored, self.closed, self.arrived):
                places.update([(new, name) for name in self.names[old] if (old, name) in places])

    def merge(self, other: Hints) -> None:
        """Take over what `other` says."""
        for directory, names in other.names.items():
            self.names.setdefault(directory, set()).update(names)
        self.moved |= other.moved
        self.written |= other.written
        self.stored |= other.stored
        self.closed |= other.closed
        self.arrived |= other.arrived
        self.whole |= other.whole
        self.overflow |= other.overflow


class Watching(NamedTuple):
    """The watcher's name, and what it can't watch as it should: why, and what to do; "" where all is well."""

    by: str
    degraded: str


class Watcher(Protocol):
    """What the service needs of a watcher. All methods may be called from the engine's thread only."""

    @property
    def name(self) -> str:
        """As in `--version` and the log."""

    @property
    def degraded(self) -> str:
        """What can't be watched as it should, why, and what to do; "" where all can. Any thread may ask."""

    @property
    def scan_handle(self) -> Placer | None:
        """What `scan(watch=…)` places its watches by; None where the scan places none."""

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        """Begin to listen; `wake` is called, from any thread, when hints wait. `tree` is for looking paths up, by the
        engine's thread only. With `ends`, hints also say what was closed and what has arrived.
        """

    def add_root(self, path: bytes) -> None:
        """A root is about to be scanned that was not there at the start: hear of what happens in it, too.

        Raises WatcherUnavailable where that can't be, and OSError; then, and where its scan fails, `drop_root` follows.
        """

    def drop_root(self, path: bytes) -> None:
        """Nothing in this root is of interest any more: give back what is held for it. `forget` tells of its ids."""

    def placing(self) -> AbstractContextManager[None]:
        """Around a scan and the `bind` that follows: hints for watches that have no id yet are kept."""

    def bind(self, watches: Iterable[tuple[int, int]], asides: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        """Tell which directory's id each watch key stands for; (old id, new id) where it stood for another.

        A key below zero is the errno, negative, for which the directory could not be watched: one that has no other way
        to hear of it raises OSError. `asides` are on directories that are not in the tree, each with the id of that for
        which git's rule file in it holds: a change of the file is a hint at `.git` there.
        """

    def forget(self, directories: Iterable[int]) -> None:
        """These ids are no longer in the tree."""

    def drain(self, *, barrier: bool = True) -> Hints:
        """Everything that waits. With `barrier`, all that happened before the call is in it, or it says `overflow`."""

    def leaving(self) -> Collection[Place]:
        """Places from which something was moved away after the last `drain`; the next one says it, too. May be less."""

    def close(self) -> None:
        """Stop, and give back every resource."""


class WakeUp(Protocol):
    """Says that hints wait; cheap, and callable from any thread."""

    def __call__(self) -> None: ...
