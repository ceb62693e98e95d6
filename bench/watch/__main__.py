"""Table 6, watching: all its parts, in one run, on trees of 550,000 and of 2 million entries, and on a git repository.

    python -m bench.watch SCAN-FLOOR WATCH-FLOOR [--tree NAME]... [--only PART]... [--rounds N] [--churn N]

Exit status 0: all targets met; 1: one was missed; 2: something to compare with is missing, ended or did other work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.corpus import Corpus, corpora_folder, corpus
from bench.machine import Others, card, disturbed, filesystem
from bench.programs import MissingError
from bench.report import Table, Verdict, write
from bench.rounds import Samples, interleaved
from bench.scan import OtherWorkError, counted
from bench.watch import latency, memory, overflow, start, storms
from bench.watch.part import Part, Setting
from bench.watchers import rivals
from bench.watchers.watching import NotToldError

TREES = ("small", "550k", "2m")
REPOSITORY = "linux-repository"
PARTS: dict[str, Callable[[Setting], Part]] = {
    "start": start.start,
    "memory": memory.memories,
    "tree": memory.trees,
    "churn": memory.churns,
    "latency": latency.latency,
    "busy": latency.busy,
    "barrier": latency.barriers,
    "idle": latency.idles,
    "burst": storms.bursts,
    "overflow": overflow.overflow,
    "checkout": storms.checkouts,
}


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.watch", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scan_floor", type=Path, help="the compiled bench/floor/scan.c")
    parser.add_argument("watch_floor", type=Path, help="the compiled bench/floor/watch.c")
    parser.add_argument("--tree", choices=TREES, action="append", help="may be repeated (default: 550k and 2m)")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=200, help="of latency, in each round (default: %(default)s)")
    parser.add_argument("--modified", type=int, default=100_000, help="files in the burst (default: %(default)s)")
    parser.add_argument("--churn", type=int, default=500_000, help="creations and deletions (default: %(default)s)")
    parser.add_argument("--idle-s", type=float, default=10.0, help="of doing nothing (default: %(default)s)")
    parser.add_argument("--results", type=Path, help="where the tables are kept (default: bench/results)")
    return parser.parse_args(argv)


def setting(tree: Corpus, options: argparse.Namespace, machine: dict[str, Any]) -> Setting:
    top = tree.path.resolve()
    return Setting(
        tree=tree.name,
        top=top,
        entries=counted([str(options.scan_floor.resolve()), str(top), "1"])[2],
        scan_floor=options.scan_floor.resolve(),
        watch_floor=options.watch_floor.resolve(),
        smarttree=str(machine["smarttree"]),
        compiler=str(machine["compiler"]),
        samples=options.samples,
        modified=options.modified,
        churn=options.churn,
        idle_s=options.idle_s,
    )


def run(part: str, trees: Sequence[Corpus], options: argparse.Namespace) -> Table:
    """Measures one table. Raises MissingError, OtherWorkError, NotToldError."""
    machine, others = card(), Others()
    samples, found, facts = dict[str, Samples](), list[Verdict](), dict[str, dict[str, object]]()
    made: Part | None = None
    for tree in trees:
        given = setting(tree, options, machine)
        made = PARTS[part](given)
        tell = partial(print, f"{part}, {tree.name}:", file=sys.stderr, flush=True)
        spare = options.rounds if made.timed else 0
        measured = interleaved(made.contestants, rounds=options.rounds, spare=spare, disturbed=disturbed, tell=tell)
        samples[tree.name] = measured.samples
        found += made.judge(tree.name, measured.samples)
        facts[tree.name] = {"entries": given.entries, "file system": filesystem(given.top), "what": tree.what}
        facts[tree.name]["rounds run again"] = measured.again
    assert made is not None
    return Table(
        name=made.name,
        measure=made.measure,
        units=made.units,
        baseline=made.baseline,
        rounds=options.rounds,
        contestants=made.contestants,
        trees=facts,
        samples=samples,
        verdicts=found,
        machine={**machine, "others_cpu_share": others.share()},
    )


def main(argv: Sequence[str]) -> int:
    """Runs the parts, each table kept as soon as it is whole; the exit status."""
    options = parsed(argv)
    met = True
    try:
        rivals()  # before corpora are made, which takes minutes
        for part in options.only or PARTS:
            names = [REPOSITORY] if part == "checkout" else [f"watch-{name}" for name in options.tree or TREES[1:]]
            table = run(part, [corpus(name, corpora_folder()) for name in names], options)
            write(table, *([options.results] if options.results else []))
            met &= all(verdict.met for verdict in table.verdicts)
    except (MissingError, OtherWorkError, NotToldError) as error:
        print(f"bench-watch: no table: {error}", file=sys.stderr)
        return 2
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
