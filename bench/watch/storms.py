"""Many changes at once: a burst of modifications, and git's checkout of another release; what it costs, what is lost.

The changes are made by another process while this one reads what is told. Counted is the watcher's processor time from
before the first change until all is told and a barrier has passed; *late* is from the end of the last change until the
last notice. Targets: 10 µs a modification; a checkout 0.6 of Watchman's processor time; 0.2 s late; nothing lost.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from bench.corpus import git
from bench.machine import ROOT
from bench.report import Verdict
from bench.rounds import Sample, Samples
from bench.watch.part import Part, Setting, at_most, files_below, row, times, worst
from bench.watchers import OURS, Watcher, Watching, floors, mirrored, ours_name, rivals

MODIFICATION_US, BY_WATCHMAN, LATE_S = 10.0, 0.6, 0.2
QUIET_S, QUIET_MOST_S, END_LOOK_S = 2.0, 30.0, 0.005
AT_ONCE = ", --vcs-settle-ms 0"

Expected = Mapping[bytes, os.stat_result | None]


class Storm(NamedTuple):
    """Seconds of processor time, and from the last change until the last notice."""

    cpu_s: float
    late_s: float


def storm(watching: Watching, command: Sequence[str], given: bytes = b"") -> Storm:
    """Runs what changes the tree, and reads until all of it is told."""
    cpu_s, last = watching.cpu_s(), 0.0
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(given)
        process.stdin.close()
        while process.poll() is None:
            last = watching.until_quiet(END_LOOK_S, most_s=END_LOOK_S) or last
        end = monotonic()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    last = watching.until_quiet(QUIET_S, QUIET_MOST_S) or last
    watching.sync()
    last = watching.until_quiet(QUIET_S / 2, QUIET_MOST_S) or last
    return Storm(watching.cpu_s() - cpu_s, max(0.0, last - end))


def seen(top: Path, paths: Sequence[str]) -> Expected:
    """What the disk says of these relative paths."""
    return {os.fsencode(path): _lstat(top / path) for path in paths}


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def burst(setting: Setting, paths: Sequence[str], can_tell: bool, watcher: Watcher) -> Sample:
    """One more byte in each of these files, one after the other."""
    with watcher.start(setting.top) as watching:
        watching.until_quiet(QUIET_S / 4, most_s=QUIET_S)
        command = [sys.executable, "-m", "bench.watch.modifier", str(setting.top)]
        found = storm(watching, command, "\0".join(paths).encode(errors="surrogateescape"))
        lost = watching.lost(seen(setting.top, paths)) if can_tell else 0
    return {"us": found.cpu_s * 1e6 / len(paths), "late_s": found.late_s, "lost": lost}


def checkout(setting: Setting, paths: Sequence[str], watcher: Watcher) -> Sample:
    """From one release to the other and back; the mean of the two, and the later of their last notices."""
    top, late, cpu, lost = setting.top, list[float](), list[float](), 0
    for branch in ("two", "one"):
        with watcher.start(top) as watching:
            watching.until_quiet(QUIET_S / 4, most_s=QUIET_S)
            found = storm(watching, ["git", "-C", str(top), "checkout", "-q", branch])
            cpu.append(found.cpu_s)
            late.append(found.late_s)
            lost += watching.lost(seen(top, paths))
    return {"cpu_s": sum(cpu) / 2, "late_s": max(late), "lost": lost}


def judge(tree: str, samples: Samples, names: Sequence[str]) -> list[Verdict]:
    """What is promised of both storms."""
    return [
        verdict
        for name in names
        for verdict in (
            at_most(tree, samples, name, "late_s", LATE_S, "seconds from the last change to the last notice"),
            worst(tree, samples, name, "lost", 0, "lost paths"),
        )
    ]


def judge_burst(tree: str, samples: Samples) -> list[Verdict]:
    names = [ours_name(watcher) for watcher in OURS]
    cost = [at_most(tree, samples, name, "us", MODIFICATION_US, "CPU µs a modification") for name in names]
    return cost + judge(tree, samples, names)


def judge_checkout(tree: str, samples: Samples) -> list[Verdict]:
    names = [ours_name(watcher) + more for watcher in OURS for more in ("", AT_ONCE)]
    cost = [times(tree, samples, name, "Watchman", "cpu_s", BY_WATCHMAN, "CPU s of a checkout") for name in names]
    return cost + judge(tree, samples, names)


def bursts(setting: Setting) -> Part:
    """Raises MissingError."""
    floor = floors(setting.watch_floor, setting.compiler)
    paths = files_below(setting.top, setting.modified)
    rows = [row(watcher, partial(burst, setting, paths, False, watcher)) for watcher in floor]
    told = [*mirrored(setting.smarttree), *rivals()]
    return Part(
        name="watch-burst",
        measure="us",
        units={"us": "CPU µs each", "late_s": "s late", "lost": f"lost of {len(paths):,}"},
        baseline=floor[1].name,
        contestants=rows + [row(watcher, partial(burst, setting, paths, True, watcher)) for watcher in told],
        judge=judge_burst,
    )


def checkouts(setting: Setting) -> Part:
    """Of the corpus `linux-repository`. Raises MissingError."""
    git(setting.top, setting.top / ".git", "checkout", "-q", "one")
    changed = git(setting.top, setting.top / ".git", "diff", "--name-only", "--no-renames", "-z", "one", "two")
    paths = changed.rstrip("\0").split("\0")
    at_once = mirrored(setting.smarttree, "--vcs-settle-ms", "0", suffix=AT_ONCE)
    watchers = [*mirrored(setting.smarttree), *at_once, *rivals()]
    return Part(
        name="watch-checkout",
        measure="cpu_s",
        units={"cpu_s": "CPU seconds", "late_s": "s late", "lost": f"lost of 2 × {len(paths):,}"},
        baseline=ours_name(OURS[0]),
        contestants=[row(watcher, partial(checkout, setting, paths, watcher)) for watcher in watchers],
        judge=judge_checkout,
    )
