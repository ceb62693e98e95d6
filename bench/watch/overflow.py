"""After the kernel's queue ran over: how long until what is told is true again, against reading the whole tree anew.

The server is stopped (SIGSTOP) while more events happen than its queue holds, let go, and asked for a barrier at once.
Target: at most 1.2 × the rescan, which is our scan with watches, made into a Tree. fanotify's queue has no bound.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from bench.report import Verdict
from bench.rounds import Contestant, Sample, Samples
from bench.scan import counted
from bench.watch.latency import settled
from bench.watch.part import Part, Setting, files_below, row, times, worst
from bench.watch.storms import seen
from bench.watchers import Ours, Watcher, mirrored, ours_name

LIMIT = 1.2
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
RESCAN = "a rescan"
CHANGED = 100


def recovery(watcher: Watcher, setting: Setting) -> Sample:
    paths = files_below(setting.top, 2 + CHANGED)
    with watcher.start(setting.top) as watching:
        assert isinstance(watching, Ours)
        settled(watching)
        os.kill(watching.pid, signal.SIGSTOP)
        for number in range(int(QUEUE.read_text()) + 1000):
            os.utime(setting.top / paths[number % 2])  # two in turn: the kernel would fold equal events
        for path in paths:
            os.utime(setting.top / path)
        os.kill(watching.pid, signal.SIGCONT)
        start = time.monotonic()
        watching.sync()
        spent_s = time.monotonic() - start
        watching.until_quiet(0.5)
        lost = watching.lost(seen(setting.top, paths))
    return {"s": spent_s, "lost": lost}


def rescan(setting: Setting) -> Sample:
    wall_ns, _, _ = counted([sys.executable, "-m", "bench.subject", "ours-tree", str(setting.top)])
    return {"s": wall_ns / 1e9, "lost": 0}


def judge(tree: str, samples: Samples) -> list[Verdict]:
    name = ours_name("inotify")
    return [
        times(tree, samples, name, RESCAN, "s", LIMIT, "seconds of recovery"),
        worst(tree, samples, name, "lost", 0, "lost paths after an overflow"),
    ]


def overflow(setting: Setting) -> Part:
    """By inotify alone."""
    version = f"smarttree {setting.smarttree}"
    watchers = [watcher for watcher in mirrored(setting.smarttree) if watcher.name == ours_name("inotify")]
    return Part(
        name="watch-overflow",
        measure="s",
        units={"s": "seconds", "lost": f"lost of {2 + CHANGED}"},
        baseline=RESCAN,
        contestants=[
            Contestant(name=RESCAN, role="floor", version=version, run=partial(rescan, setting)),
            *(row(watcher, partial(recovery, watcher, setting)) for watcher in watchers),
        ],
        judge=judge,
    )
