"""Who watches, in the tables of `make bench-watch`: ours by each watcher, the floor in C, and the rivals.

Law: each is one or more processes of its own, started afresh for each measurement, and reached as its users reach it:
ours by its stream, Watchman by a subscription, the libraries by a program of a few lines around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bench.programs import library_version, program, program_version
from bench.watchers.ours import Ours
from bench.watchers.piped import Piped, floor, library
from bench.watchers.watching import Watching
from bench.watchers.watchman import Watchman

OURS = ("fanotify", "inotify")
FLOORS = ("fanotify", "inotify")

Start = Callable[[Path], Watching]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """One row of a table. `start` returns once everything below the directory is watched."""

    name: str
    role: Literal["ours", "floor", "rival"]
    version: str
    start: Start


def ours_name(watcher: str) -> str:
    return f"smarttree, {watcher}"


def ours(smarttree: str, *arguments: str) -> list[Watcher]:
    """The server, by each of its watchers, with these options; its client is told of changes alone."""
    return _ours(smarttree, arguments, "", mirror=False)


def mirrored(smarttree: str, *arguments: str, suffix: str = "") -> list[Watcher]:
    """The same with a client that keeps a mirror, from which it is known what was lost."""
    return _ours(smarttree, arguments, suffix, mirror=True)


def _ours(smarttree: str, arguments: Sequence[str], suffix: str, *, mirror: bool) -> list[Watcher]:
    return [
        Watcher(
            name=ours_name(watcher) + suffix,
            role="ours",
            version=f"smarttree {smarttree}",
            start=partial(Ours, watcher=watcher, arguments=arguments, mirrored=mirror),
        )
        for watcher in OURS
    ]


def floors(floor_program: Path, compiler: str) -> list[Watcher]:
    """The system calls alone, in C: no tree is kept, and told is one byte for each time the queue was read."""
    return [
        Watcher(name=f"floor, {kind}", role="floor", version=compiler, start=partial(floor, floor_program, kind))
        for kind in FLOORS
    ]


def rivals(*, quickest: bool = False) -> list[Watcher]:
    """As they come; `quickest`: watchfiles with its window at the smallest. Raises MissingError."""
    path = program("watchman")
    kind = "watchfiles-quickest" if quickest else "watchfiles"
    return [
        Watcher(
            name="Watchman", role="rival", version=f"watchman {program_version(path)}", start=partial(Watchman, path)
        ),
        Watcher(
            name="watchfiles, at its quickest" if quickest else "watchfiles",
            role="rival",
            version=f"watchfiles {library_version('watchfiles')}",
            start=partial(library, kind),
        ),
        Watcher(
            name="watchdog",
            role="rival",
            version=f"watchdog {library_version('watchdog')}",
            start=partial(library, "watchdog"),
        ),
    ]


__all__ = [
    "OURS",
    "Ours",
    "Piped",
    "Watcher",
    "Watching",
    "Watchman",
    "floors",
    "mirrored",
    "ours",
    "ours_name",
    "rivals",
]
