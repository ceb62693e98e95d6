"""What a watched tree takes of memory, for each entry: after the scan, at most, and after much was made and removed.

Of a process: its resident memory above that of the same process on an empty directory. Of the Tree: what it has taken,
but for the names. Targets: 110 bytes an entry of the process, 72 of the Tree without names; and flat, that is at most a
twentieth more at the end of all creations and deletions than after the first tenth of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench.machine import ROOT
from bench.report import Verdict
from bench.rounds import Contestant, Sample, Samples
from bench.watch.part import Part, Setting, at_most, row, scratch
from bench.watchers import OURS, Watcher, Watching, ours, ours_name, rivals

PROCESS_BYTES, TREE_BYTES, FLAT_TIMES = 110.0, 72.0, 1.05
AT_ONCE, DIRECTORIES = 5_000, 50
REST_S = 3.0  # what was made for a client who came is let go by then
SMALL_LOG = ("--retention-bytes", "1M")
HELD = "Tree, by "


def churn(watching: Watching, place: Path, changes: int) -> None:
    """So many creations and deletions, 5,000 and 5,000 in turn; each is known before the next ones are made."""
    dirs = [place / f"churn-{number}" for number in range(DIRECTORIES)]
    for directory in dirs:
        directory.mkdir(exist_ok=True)
    paths = [str(dirs[number % DIRECTORIES] / f"file-{number}") for number in range(AT_ONCE)]
    for _ in range(max(1, changes // (2 * AT_ONCE))):
        for path in paths:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
        known(watching)
        for path in paths:
            os.unlink(path)
        known(watching)


def known(watching: Watching) -> None:
    """Reads on, so that no one waits for us; who has no barrier is given a while."""
    watching.drain()
    watching.sync()
    watching.until_quiet(0.02, most_s=2.0)


def empty(watcher: Watcher) -> tuple[int, int]:
    """Resident memory, and the most there was of it, of the same process with nothing to watch."""
    with tempfile.TemporaryDirectory() as place, watcher.start(Path(place)) as watching:
        watching.until_quiet(0.5, most_s=0.5)
        return watching.resident_bytes(), watching.peak_bytes()


def memory(watcher: Watcher, setting: Setting) -> Sample:
    below, below_peak = empty(watcher)
    with watcher.start(setting.top) as watching, scratch(setting.top) as place:
        watching.until_quiet(REST_S, most_s=REST_S)
        fresh, peak = watching.resident_bytes() - below, watching.peak_bytes() - below_peak
        churn(watching, place, setting.churn // 10)
        watching.until_quiet(REST_S, most_s=REST_S)
        after = watching.resident_bytes() - below
    entries = setting.entries
    return {"fresh": fresh / entries, "peak": peak / entries, "churned": after / entries}


def flat(watcher: Watcher, setting: Setting) -> Sample:
    with watcher.start(setting.top) as watching, scratch(setting.top) as place:
        steps = [setting.churn // 10, setting.churn * 4 // 10, setting.churn // 2]
        cpu_s, resident = watching.cpu_s(), list[int]()
        for step in steps:
            churn(watching, place, step)
            resident.append(watching.resident_bytes())
        early, half, late = resident
        cpu_us = (watching.cpu_s() - cpu_s) * 1e6 / sum(steps)
        return {"early": early / 1e6, "half": half / 1e6, "mb": late / 1e6, "times": late / early, "us": cpu_us}


def held(watcher: str, setting: Setting) -> Sample:
    """What the engine's Tree says of itself, in a process without HTTP. Two words: bytes and names', for each state."""
    with scratch(setting.top) as place:
        command = [sys.executable, "-m", "bench.watch.held", watcher, str(setting.top), str(place)]
        printed = subprocess.run(
            [*command, str(setting.churn // 10)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    fresh, names, churned, names_after, entries = map(int, printed.split())
    return {
        "fresh": (fresh - names) / entries,
        "churned": (churned - names_after) / entries,
        "names": names / entries,
    }


def judge_memory(tree: str, samples: Samples) -> list[Verdict]:
    return [
        at_most(tree, samples, ours_name(watcher), measure, PROCESS_BYTES, f"bytes an entry of the process, {measure}")
        for watcher in OURS
        for measure in ("fresh", "churned")
    ]


def judge_flat(tree: str, samples: Samples) -> list[Verdict]:
    return [at_most(tree, samples, ours_name(w), "times", FLAT_TIMES, "times the memory after a tenth") for w in OURS]


def judge_held(tree: str, samples: Samples) -> list[Verdict]:
    return [
        at_most(tree, samples, HELD + watcher, measure, TREE_BYTES, f"bytes an entry but its name, {measure}")
        for watcher in OURS
        for measure in ("fresh", "churned")
    ]


def memories(setting: Setting) -> Part:
    """Raises MissingError."""
    return Part(
        name="watch-memory",
        measure="fresh",
        units={
            "fresh": "bytes an entry",
            "peak": "at most",
            "churned": f"after {setting.churn // 10:,} creations and deletions",
        },
        baseline=ours_name(OURS[0]),
        contestants=[
            row(watcher, partial(memory, watcher, setting))
            for watcher in [*ours(setting.smarttree, *SMALL_LOG), *rivals()]
        ],
        judge=judge_memory,
        timed=False,
    )


def churns(setting: Setting) -> Part:
    """Ours alone."""
    return Part(
        name="watch-churn",
        measure="mb",
        units={
            "early": "MB after a tenth",
            "half": "after half",
            "mb": f"after {setting.churn:,}",
            "times": "times a tenth's",
            "us": "CPU µs each",
        },
        baseline=ours_name(OURS[0]),
        contestants=[row(w, partial(flat, w, setting)) for w in ours(setting.smarttree, *SMALL_LOG)],
        judge=judge_flat,
        timed=False,
    )


def trees(setting: Setting) -> Part:
    """Of our own memory, what the entries take."""
    return Part(
        name="watch-tree",
        measure="fresh",
        units={"fresh": "bytes an entry but its name", "churned": "after churn", "names": "bytes of a name"},
        baseline=HELD + OURS[0],
        contestants=[
            Contestant(
                name=HELD + watcher,
                role="ours",
                version=f"smarttree {setting.smarttree}",
                run=partial(held, watcher, setting),
            )
            for watcher in OURS
        ],
        judge=judge_held,
        timed=False,
    )
