"""How long until a tree is watched, and until it is served; and what of a watcher's memory that takes.

Targets: the scan with watches at most 1.3 × the C scan floor with as many threads; ready to serve, from before the
process is started until a stream is answered, at most 1.6 × the same.
"""

from __future__ import annotations

import sys
from functools import partial

from bench.report import Verdict
from bench.rounds import Contestant, Sample, Samples
from bench.scan import FLOOR, check, counted
from bench.watch.part import Part, Setting, row, times
from bench.watchers import OURS, Watcher, floors, ours, ours_name, rivals

SUBJECTS = {"fanotify": "ours-marked", "inotify": "ours-watched"}
SCAN_LIMIT, READY_LIMIT = 1.3, 1.6


def scan_name(watcher: str) -> str:
    return f"smarttree scan, {watcher}"


def timed_scan(command: list[str], setting: Setting) -> Sample:
    """One scan in a process of its own, timed inside. Raises OtherWorkError."""
    wall_ns, cpu_ns, entries = counted(command)
    check(command[-2], entries, setting.entries)
    return {"s": wall_ns / 1e9, "cpu_s": cpu_ns / 1e9}


def ready(watcher: Watcher, setting: Setting) -> Sample:
    with watcher.start(setting.top) as watching:
        return {"s": watching.ready_s, "cpu_s": watching.cpu_s()}


def judge(tree: str, samples: Samples) -> list[Verdict]:
    scans = [times(tree, samples, scan_name(w), FLOOR, "s", SCAN_LIMIT, "seconds to scan with watches") for w in OURS]
    served = [times(tree, samples, ours_name(w), FLOOR, "s", READY_LIMIT, "seconds until served") for w in OURS]
    return scans + served


def start(setting: Setting) -> Part:
    """The table. Raises MissingError."""
    version, top = f"smarttree {setting.smarttree}", str(setting.top)
    floor = [str(setting.scan_floor), top, "2"]
    scans = [
        Contestant(
            name=scan_name(watcher),
            role="ours",
            version=version,
            run=partial(timed_scan, [sys.executable, "-m", "bench.subject", SUBJECTS[watcher], top], setting),
        )
        for watcher in OURS
    ]
    watchers = [*ours(setting.smarttree), *floors(setting.watch_floor, setting.compiler), *rivals()]
    return Part(
        name="watch-start",
        measure="s",
        units={"s": "seconds", "cpu_s": "CPU seconds"},
        baseline=FLOOR,
        contestants=[
            Contestant(name=FLOOR, role="floor", version=setting.compiler, run=partial(timed_scan, floor, setting)),
            *scans,
            *(row(watcher, partial(ready, watcher, setting)) for watcher in watchers),
        ],
        judge=judge,
    )
