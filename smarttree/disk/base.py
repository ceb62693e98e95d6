"""The contract for reading the disk: open a directory, look at names in it, read it whole. No path of it is cached.

`Reader` is for those who only want directories whole, by their paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from smarttree._listing import Listing
from smarttree._looks import Looks
from smarttree.disk.rulefile import obeyed
from smarttree.row import Row

if TYPE_CHECKING:
    from smarttree._walk import Placer
    from smarttree.ignore import Rules


class Progress(Protocol):
    """Counts that grow while a scan runs. Any thread may read them, and cancel it: it then raises InterruptedError."""

    @property
    def entries(self) -> int: ...
    @property
    def dirs(self) -> int: ...
    def cancel(self) -> None: ...


class Directory(Protocol):
    """An open directory: it stays the same one wherever it is moved, as far as the system can tell."""

    def row(self) -> Row:
        """Its own values. Raises OSError."""

    def look(self, names: list[bytes]) -> Looks:
        """What is at each of these names in it. Links are not followed."""

    def read(self, path: bytes) -> bytes | int | None:
        """The content of a rule file in it; None where there is none, or an errno."""

    def scan(
        self, *, watch: Placer | None, threads: int, depth: int, progress: Progress, rules: Rules | None = None
    ) -> Listing:
        """It and everything below it, each directory watched by `watch` (None: not) before it is read.

        `rules` are those that hold in it, but for rule files in it: what they ignore is left out unread.
        `depth` is how far below its root it is: what is deeper than 512 levels is a problem of the listing. Raises
        OSError where it can't be read, or the system is short of something; InterruptedError when cancelled.
        """

    def close(self) -> None:
        """Give back what it holds."""


def unknown_ns() -> int:
    """A clock for who has none: all that happens is after it."""
    return 0


class Disk(Protocol):
    """Opens directories. `name` is as in the log."""

    @property
    def name(self) -> str: ...

    def progress(self) -> Progress:
        """A counter that this disk's scans take."""

    def now_ns(self) -> int:
        """By the clock that gives files their times: since 1970, in nanoseconds."""

    def open(self, path: bytes, *, follow: bool = False) -> Directory:
        """The directory at an absolute path of any length the system takes; the last name may be a link only if
        `follow`. Whether it may be read shows only when it is scanned. Raises OSError.
        """


class Reader:
    """Reads directories whole, unwatched, each in the thread that asks. `cancel` ends all of it.

    `rules`: those that hold in each of `roots()`, but for rule files in it. None: nothing is left out.
    """

    def __init__(self, disk: Disk, *, rules: Rules | None = None, roots: Callable[[], Iterable[bytes]] = tuple) -> None:
        self._disk, self._progress, self._rules, self._roots = disk, disk.progress(), rules, roots

    def read(self, path: bytes, depth: int) -> Listing:
        """A directory that is `depth` levels below its root. Raises OSError, and InterruptedError once cancelled."""
        opened = self._disk.open(path, follow=True)
        try:
            rules = self._rules_at(self._rules, path) if self._rules else None
            return opened.scan(watch=None, threads=1, depth=depth, progress=self._progress, rules=rules)
        finally:
            opened.close()

    def _rules_at(self, rules: Rules, path: bytes) -> Rules:
        """What holds in a directory, but for rule files in it. Raises OSError."""
        above = next((root for root in self._roots() if path.startswith(root.rstrip(b"/") + b"/")), path)
        for name in filter(None, path.removeprefix(above).split(b"/")):
            if rules.reads_files:
                opened = self._disk.open(above, follow=True)
                try:
                    rules = obeyed(rules, opened)
                finally:
                    opened.close()
            rules, above = rules.enter(name), above.rstrip(b"/") + b"/" + name
        return rules

    def cancel(self) -> None:
        """Any thread may."""
        self._progress.cancel()
