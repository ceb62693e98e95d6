"""Subject: one scan of one directory by one Python scanner, in a process of its own, timed inside.

    python -m bench.subject NAME DIRECTORY  ->  one line: NANOSECONDS PROCESSOR-NANOSECONDS ENTRIES

A fresh process for each measurement: memory that an earlier scan left behind would spare the next one its page faults.
Imports and the interpreter's start are not in the time, and neither is giving back what the scan holds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from watchdog.utils.dirsnapshot import DirectorySnapshot

from smarttree._fanotify import Fanotify
from smarttree._scan import scan
from smarttree._watch import Inotify
from smarttree.tree import Tree

THREADS = 2

Held = tuple[object, int]
"""What must stay alive until the clock is stopped, and how many entries were found below the directory."""


def ours(path: bytes) -> Held:
    """The scan alone: a listing in directory order."""
    listing = scan(path, threads=THREADS)
    return listing, len(listing) - 1


def ours_watched(path: bytes) -> Held:
    """The scan as the service makes it: every directory watched before it is read."""
    queue = Inotify()
    listing = scan(path, threads=THREADS, watch=queue)
    return (queue, listing), len(listing) - 1


def ours_marked(path: bytes) -> Held:
    """The same by fanotify: a mark on the file system, and every directory's handle."""
    queue, top = Fanotify(), os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    queue.mark(top)
    listing = scan(path, threads=THREADS, watch=queue)
    return (queue, listing), len(listing) - 1


def ours_tree(path: bytes) -> Held:
    """The scan with watches, and its listing made into a Tree with digests and totals: ready to be served."""
    queue, tree = Inotify(), Tree()
    tree.graft(scan(path, threads=THREADS, watch=queue), path)
    return (queue, tree), len(tree) - 1


def walk(path: bytes) -> Held:
    """What a Python programmer writes first. Nothing is kept."""
    count = 0
    for place, dirs, files in os.walk(path):
        for name in [*dirs, *files]:
            os.lstat(os.path.join(place, name))
            count += 1
    return None, count


def snapshot(path: bytes) -> Held:
    """watchdog's; by lstat, or it would follow links and take loops for trees."""
    found = DirectorySnapshot(os.fsdecode(path), stat=os.lstat)
    return found, len(found.paths) - 1


SUBJECTS: dict[str, Callable[[bytes], Held]] = {
    "ours": ours,
    "ours-watched": ours_watched,
    "ours-marked": ours_marked,
    "ours-tree": ours_tree,
    "walk": walk,
    "snapshot": snapshot,
}


def main(name: str, path: str) -> None:
    """Runs one subject once and prints its figures."""
    subject, place = SUBJECTS[name], os.fsencode(path)
    start, cpu_start = time.perf_counter_ns(), time.process_time_ns()
    held, count = subject(place)
    wall_ns, cpu_ns = time.perf_counter_ns() - start, time.process_time_ns() - cpu_start
    print(wall_ns, cpu_ns, count)
    del held


if __name__ == "__main__":
    main(*sys.argv[1:])
