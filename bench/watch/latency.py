"""How soon a single change is told, when all is quiet and when not; how long a barrier takes; what waiting costs.

From before `write()` on an open file until the first byte about it is read from the client's socket (the
libraries: their program's pipe), both by this process. Between two changes all is quiet for at least 20 ms.
Targets: p50 2 ms, p99 5 ms with --batch-ms 0, a fifth of Watchman's, 3 × itself while snapshots are encoded; a
barrier's p99 2 ms; no processor time while nothing happens, which is less than a thousandth of one core.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.corpus import SEED
from bench.machine import ROOT
from bench.report import Verdict
from bench.rounds import Sample, Samples
from bench.watch.part import Part, Setting, at_most, row, scratch, times
from bench.watchers import OURS, Ours, Watcher, Watching, floors, ours, ours_name, rivals
from bench.watchers.watching import NOTICE_S, SilentError

P50_MS, P99_MS, BY_WATCHMAN, BUSY_TIMES, BARRIER_MS = 2.0, 5.0, 0.2, 3.0, 2.0
IDLE_SHARE = 1.0  # thousandths of a core
QUIET_S, PAUSE_MAX_S = 0.02, 0.02
SMALLEST = ("--batch-ms", "0")
PERCENTILES = {"p50": "p50 ms", "p99": "p99 ms"}


def percentiles(seconds: Sequence[float], prefix: str = "") -> Sample:
    """In milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"{prefix}p50": cuts[49] * 1000, f"{prefix}p99": cuts[98] * 1000}


def changes(watching: Watching, place: Path, count: int) -> list[float]:
    """Seconds from a write to its notice, so many times."""
    found, chance = list[float](), random.Random(SEED)
    fd = os.open(place / "latency", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        for _ in range(count + 1):
            watching.until_quiet(QUIET_S + chance.uniform(0, PAUSE_MAX_S), most_s=0.2)
            start = time.monotonic()
            os.write(fd, b"x")
            found.append(watching.next_notice() - start)
    finally:
        os.close(fd)
    return found[1:]


def settled(watching: Watching) -> None:
    """What was made for the measurement is told by now."""
    watching.sync()
    watching.until_quiet(0.5, most_s=5.0)


def idle_latency(watcher: Watcher, setting: Setting) -> Sample:
    """The file's directory is there from the start: the floor does not follow new ones."""
    with scratch(setting.top) as place, watcher.start(setting.top) as watching:
        settled(watching)
        try:
            return percentiles(changes(watching, place, setting.samples))
        except SilentError:
            if watcher.role != "rival":
                raise
            return percentiles([NOTICE_S, NOTICE_S])  # at least: the table must show it, not fall for it


@contextmanager
def downloads(port: int) -> Iterator[None]:
    """A second client, which takes the whole tree again and again, in a process of its own."""
    command = [sys.executable, "-m", "bench.watch.downloader", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.kill()


def busy_latency(watcher: Watcher, setting: Setting) -> Sample:
    with watcher.start(setting.top) as watching, scratch(setting.top) as place:
        assert isinstance(watching, Ours)
        settled(watching)
        idle = percentiles(changes(watching, place, setting.samples))
        with downloads(watching.port):
            busy = percentiles(changes(watching, place, setting.samples))
    return {**busy, "times_p50": busy["p50"] / idle["p50"], "times_p99": busy["p99"] / idle["p99"]}


def barrier(watcher: Watcher, setting: Setting) -> Sample:
    with watcher.start(setting.top) as watching, scratch(setting.top):
        settled(watching)
        found = []
        for _ in range(setting.samples):
            start = time.monotonic()
            watching.sync()
            found.append(time.monotonic() - start)
            watching.drain()
    return percentiles(found)


def idle(watcher: Watcher, setting: Setting) -> Sample:
    """Processor time while nothing happens, a stream being open."""
    with watcher.start(setting.top) as watching:
        watching.until_quiet(2.0, most_s=2.0)
        before = watching.cpu_s()
        watching.until_quiet(setting.idle_s, most_s=setting.idle_s)
        used_s = watching.cpu_s() - before
        return {"ms": used_s * 1000, "share": used_s * 1000 / setting.idle_s}


def judge_latency(tree: str, samples: Samples) -> list[Verdict]:
    found = []
    for name in map(ours_name, OURS):
        found += [
            at_most(tree, samples, name, "p50", P50_MS, "ms from write to socket, p50"),
            at_most(tree, samples, name, "p99", P99_MS, "ms from write to socket, p99"),
            times(tree, samples, name, "Watchman", "p50", BY_WATCHMAN, "ms from write to socket, p50"),
        ]
    return found


def judge_busy(tree: str, samples: Samples) -> list[Verdict]:
    what = "times itself while snapshots are encoded"
    return [
        at_most(tree, samples, ours_name(watcher), f"times_{cut}", BUSY_TIMES, f"{cut} of latency, {what}")
        for watcher in OURS
        for cut in ("p50", "p99")
    ]


def judge_barrier(tree: str, samples: Samples) -> list[Verdict]:
    return [at_most(tree, samples, ours_name(w), "p99", BARRIER_MS, "ms of a barrier, p99") for w in OURS]


def judge_idle(tree: str, samples: Samples) -> list[Verdict]:
    what = "thousandths of a core while nothing happens"
    return [at_most(tree, samples, ours_name(w), "share", IDLE_SHARE, what) for w in OURS]


def latency(setting: Setting) -> Part:
    """Raises MissingError."""
    quickest = [watcher for watcher in rivals(quickest=True) if watcher.name.startswith("watchfiles")]
    floor = floors(setting.watch_floor, setting.compiler)
    watchers = [*floor, *ours(setting.smarttree, *SMALLEST), *rivals(), *quickest]
    return Part(
        name="watch-latency",
        measure="p50",
        units=PERCENTILES,
        baseline=floor[1].name,
        contestants=[row(watcher, partial(idle_latency, watcher, setting)) for watcher in watchers],
        judge=judge_latency,
    )


def busy(setting: Setting) -> Part:
    """While a second client downloads the tree: ours alone, for no rival has a tree to download."""
    return Part(
        name="watch-busy",
        measure="p50",
        units={**PERCENTILES, "times_p50": "p50 × idle", "times_p99": "p99 × idle"},
        baseline=ours_name(OURS[0]),
        contestants=[row(w, partial(busy_latency, w, setting)) for w in ours(setting.smarttree, *SMALLEST)],
        judge=judge_busy,
    )


def barriers(setting: Setting) -> Part:
    """Who has a barrier: ours and Watchman. Raises MissingError."""
    watchers = [*ours(setting.smarttree), *(watcher for watcher in rivals() if watcher.name == "Watchman")]
    return Part(
        name="watch-barrier",
        measure="p50",
        units=PERCENTILES,
        baseline=ours_name(OURS[0]),
        contestants=[row(watcher, partial(barrier, watcher, setting)) for watcher in watchers],
        judge=judge_barrier,
    )


def idles(setting: Setting) -> Part:
    """Raises MissingError."""
    return Part(
        name="watch-idle",
        measure="ms",
        units={"ms": f"CPU ms in {setting.idle_s:g} s", "share": "thousandths of a core"},
        baseline=ours_name(OURS[0]),
        contestants=[row(w, partial(idle, w, setting)) for w in [*ours(setting.smarttree), *rivals()]],
        judge=judge_idle,
    )
