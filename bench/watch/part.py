"""A part: one table, its rows, and what it promises. `command` runs them; each file beside this one makes some.

Law: a part starts every watcher afresh for each sample, and leaves the tree as it found it, but for times and sizes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.report import Verdict
from bench.rounds import Contestant, Sample, Samples, ratios, spread
from bench.watchers import Watcher

SCRATCH = "bench-watch-scratch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all parts are given: one tree, the floors, and how much is to be done."""

    tree: str
    top: Path
    entries: int
    scan_floor: Path
    watch_floor: Path
    smarttree: str
    compiler: str
    samples: int
    modified: int
    churn: int
    idle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`judge` says of one tree's samples what was promised of them. Not `timed`: a busy machine disturbs no round."""

    name: str
    measure: str
    units: Mapping[str, str]
    baseline: str
    contestants: Sequence[Contestant]
    judge: Callable[[str, Samples], list[Verdict]]
    timed: bool = True


def row(watcher: Watcher, run: Callable[[], Sample]) -> Contestant:
    return Contestant(name=watcher.name, role=watcher.role, version=watcher.version, run=run)


def at_most(tree: str, samples: Samples, name: str, measure: str, limit: float, what: str) -> Verdict:
    """The median of a row's measure."""
    return Verdict(target=f"{what}, {name}", tree=tree, value=spread(samples[name][measure]).median, limit=limit)


def times(tree: str, samples: Samples, name: str, other: str, measure: str, limit: float, what: str) -> Verdict:
    """The median of a row's measure by another's, round by round."""
    value = ratios(samples[name][measure], samples[other][measure]).median
    return Verdict(target=f"{what}, {name} by {other}", tree=tree, value=value, limit=limit)


def worst(tree: str, samples: Samples, name: str, measure: str, limit: float, what: str) -> Verdict:
    """The largest of all rounds: what must never happen."""
    return Verdict(target=f"{what}, {name}", tree=tree, value=max(samples[name][measure]), limit=limit)


@contextmanager
def scratch(top: Path) -> Iterator[Path]:
    """A directory below the tree that is made anew and goes again."""
    place = top / SCRATCH
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place)


def files_below(top: Path, count: int) -> list[str]:
    """Relative paths of the first so many files, as the disk lists them; fewer where there are no more."""
    found: list[str] = []
    for place, dirs, names in os.walk(top):
        dirs[:] = [name for name in dirs if name not in (SCRATCH, ".git")]
        found += [os.path.relpath(os.path.join(place, name), top) for name in names]
        if len(found) >= count:
            break
    return found[:count]
