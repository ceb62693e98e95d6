"""Table 1, scan: what reading a whole tree costs, for each entry, against the floor that the system calls alone cost.

    python -m bench.scan FLOOR-PROGRAM [--tree NAME]... [--rounds N]

Exit status 0: all targets met; 1: one was missed; 2: something to compare with is missing, or did other work; 3: the
run is void, because the floor was not low enough to be one (a busy machine, most likely).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.corpus import NAMES, Corpus, corpora_folder, corpus
from bench.machine import ROOT, Others, card, disturbed, filesystem
from bench.programs import MissingError, library_version, program, program_version, timed
from bench.report import Table, Verdict, text, write
from bench.rounds import Contestant, Sample, Samples, interleaved, ratios

FLOOR, FIND = "floor, 2 threads", "find -printf"
FLOOR_BY_FIND_MAX = 0.5
TARGET = 1.5
TARGETED = ("smarttree scan", "smarttree scan, watched")
PRINTED = r"%p\t%y\t%m\t%s\t%T@\0"  # path, type, mode, size, mtime in nanoseconds: what a scan must know
# Once numpy is imported, the idle threads of its OpenBLAS spin for 20 ms, on the processors that the scan wants.
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
UNITS = {"ns": "ns an entry", "cpu_ns": "CPU ns an entry"}


class OtherWorkError(Exception):
    """A contestant found another number of entries than the floor: their times can't be compared."""


def counted(command: Sequence[str]) -> tuple[int, int, int]:
    """Runs a command that times itself, the floor or a subject: nanoseconds, processor nanoseconds, entries."""
    printed = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True).stdout
    wall_ns, cpu_ns, entries = printed.split()[:3]
    return int(wall_ns), int(cpu_ns), int(entries)


def self_timed(command: Sequence[str], expected: int) -> Sample:
    """One measurement by a command that times itself. Raises OtherWorkError."""
    wall_ns, cpu_ns, entries = counted(command)
    check(" ".join(command[-3:-1]), entries, expected)
    return {"ns": wall_ns / entries, "cpu_ns": cpu_ns / entries}


def timed_outside(command: list[str], place: Path, entries: int) -> Sample:
    """One measurement of a command that does not time itself; its start is in it, a millisecond or two in all."""
    used = timed(command, place)
    return {"ns": used.wall_ns / entries, "cpu_ns": used.cpu_ns / entries}


def check(who: str, entries: int, expected: int) -> None:
    if entries != expected:
        raise OtherWorkError(f"{Path(who).name} found {entries} entries where the floor found {expected}")


def programs(place: Path, entries: int) -> Iterator[Contestant]:
    """find and bfs, each counted once before it is timed. Raises MissingError, OtherWorkError."""
    for name in ("find", "bfs"):
        path = program(name)
        command = [path, ".", "-mindepth", "1", "-printf", PRINTED]
        check(name, subprocess.run(command, cwd=place, stdout=subprocess.PIPE, check=True).stdout.count(b"\0"), entries)
        run = partial(timed_outside, command, place, entries)
        yield Contestant(name=f"{name} -printf", role="rival", version=program_version(path), run=run)


def contestants(floor: Path, place: Path, entries: int, machine: Mapping[str, object]) -> list[Contestant]:
    """All rows of the table, in the order in which they run: ours right after the floor that they are held against."""

    def subject(kind: str) -> Callable[[], Sample]:
        return partial(self_timed, [sys.executable, "-m", "bench.subject", kind, str(place)], entries)

    def floor_of(threads: int) -> Callable[[], Sample]:
        return partial(self_timed, [str(floor), str(place), str(threads)], entries)

    ours, python, compiler = f"smarttree {machine['smarttree']}", str(machine["python"]), str(machine["compiler"])
    plain, watched = TARGETED
    watchdog = f"watchdog {library_version('watchdog')}"
    return [
        Contestant(name=FLOOR, role="floor", version=compiler, run=floor_of(2)),
        Contestant(name=plain, role="ours", version=ours, run=subject("ours")),
        Contestant(name=watched, role="ours", version=ours, run=subject("ours-watched")),
        Contestant(name="smarttree scan, watched, to Tree", role="ours", version=ours, run=subject("ours-tree")),
        Contestant(name="floor, 1 thread", role="floor", version=compiler, run=floor_of(1)),
        *programs(place, entries),
        Contestant(name="os.walk + os.lstat", role="rival", version=python, run=subject("walk")),
        Contestant(name="watchdog DirectorySnapshot", role="rival", version=watchdog, run=subject("snapshot")),
    ]


def void(table: Table) -> list[str]:
    """Why the run says nothing, a sentence for each tree on which the floor costs more than half of what find does."""
    told = []
    for tree, samples in table.samples.items():
        found = ratios(samples[FLOOR]["ns"], samples[FIND]["ns"]).median
        if found > FLOOR_BY_FIND_MAX:
            told.append(f"{tree}: the floor is {found:.2f} × find, and {FLOOR_BY_FIND_MAX} at most makes it one")
    return told


def verdicts(tree: str, samples: Samples) -> list[Verdict]:
    return [
        Verdict(
            target=f"{name} by the {FLOOR}",
            tree=tree,
            value=ratios(samples[name]["ns"], samples[FLOOR]["ns"]).median,
            limit=TARGET,
        )
        for name in TARGETED
    ]


def run(floor: Path, trees: Sequence[Corpus], rounds: int) -> Table:
    """Measures the whole table. Raises MissingError, OtherWorkError."""
    machine, others = card(), Others()
    samples, found = {}, list[Verdict]()
    facts: dict[str, dict[str, object]] = {}
    rows: list[Contestant] = []
    for tree in trees:
        entries = counted([str(floor), str(tree.path), "1"])[2]
        rows = contestants(floor, tree.path, entries, machine)
        tell = partial(print, f"{tree.name}:", file=sys.stderr, flush=True)
        measured = interleaved(rows, rounds=rounds, warmups=1, spare=3 * rounds, disturbed=disturbed, tell=tell)
        samples[tree.name] = measured.samples
        found += verdicts(tree.name, samples[tree.name])
        facts[tree.name] = {"entries": entries, "file system": filesystem(tree.path), "what": tree.what}
        facts[tree.name]["rounds run again"] = measured.again
    return Table(
        name="scan",
        measure="ns",
        units=UNITS,
        baseline=FLOOR,
        rounds=rounds,
        contestants=rows,
        trees=facts,
        samples=samples,
        verdicts=found,
        machine={**machine, "others_cpu_share": others.share()},
    )


def main(argv: list[str]) -> int:
    """Runs and keeps the table; the exit status."""
    parser = argparse.ArgumentParser(
        prog="bench.scan", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("floor", type=Path, help="the compiled bench/floor/scan.c")
    parser.add_argument("--tree", choices=NAMES, action="append", help="may be repeated (default: linux and usr)")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args(argv)
    try:
        for name in ("find", "bfs"):  # before corpora are made, which takes minutes
            program(name)
        trees = [corpus(name, corpora_folder()) for name in options.tree or ["linux", "usr"]]
        table = run(options.floor.resolve(), trees, options.rounds)
    except (MissingError, OtherWorkError) as error:
        print(f"bench-scan: no table: {error}", file=sys.stderr)
        return 2
    reasons = void(table)
    if reasons:
        print(text(table, datetime.now(UTC)), end="")
        print(*(f"bench-scan: VOID, and not kept: {reason}" for reason in reasons), sep="\n", file=sys.stderr)
        return 3
    write(table)
    return 0 if all(verdict.met for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
