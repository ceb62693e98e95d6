"""Tables 8, answers: all their parts, in one run.

    python -m bench.rest [--only PART]... [--rounds N] [--requests N] [--seconds N] [--tree NAME] [--large NAME]

Exit status 0: all targets met; 1: one was missed; 2: something to compare with is missing, or an answer is not what it
should be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from bench.corpus import NAMES
from bench.fanout.serving import NotServedError
from bench.machine import Others, card, disturbed
from bench.programs import MissingError
from bench.report import Table, write
from bench.rest import changes, figures, search, tree
from bench.rest.part import Part, Setting
from bench.rounds import interleaved

SPARE = 1  # a disturbed round that is run again

PARTS: dict[str, Callable[[Setting], Part]] = {
    "tree": tree.warm,
    "encode": tree.encoded,
    "figures": figures.figures,
    "search": search.search,
    "names": search.names,
    "changes": changes.changes,
}


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.rest", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=11, help="in a sample, but for wrk's (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of wrk (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="of wrk (default: %(default)s)")
    parser.add_argument(
        "--tree", choices=NAMES, default="rest-84k", help="of which 1 MB is sent (default: %(default)s)"
    )
    parser.add_argument("--large", choices=NAMES, default="watch-550k", help="for all but that (default: %(default)s)")
    parser.add_argument("--sources", choices=NAMES, default="linux", help="that are searched (default: %(default)s)")
    parser.add_argument("--results", type=Path, help="where the tables are kept (default: bench/results)")
    return parser.parse_args(argv)


def setting(options: argparse.Namespace, machine: dict[str, Any]) -> Setting:
    return Setting(
        smarttree=str(machine["smarttree"]),
        tree=options.tree,
        large=options.large,
        sources=options.sources,
        connections=options.connections,
        seconds=options.seconds,
        requests=options.requests,
    )


def run(name: str, part: Part, options: argparse.Namespace, machine: dict[str, Any]) -> Table:
    """Measures one table. Raises NotServedError, CalledProcessError."""
    others = Others()
    tell = partial(print, f"{name}:", file=sys.stderr, flush=True)
    measured = interleaved(part.contestants, rounds=options.rounds, spare=SPARE, disturbed=disturbed, tell=tell)
    return Table(
        name=part.name,
        measure=part.measure,
        units=part.units,
        baseline=part.baseline,
        rounds=options.rounds,
        contestants=part.contestants,
        trees={part.what: {"rounds run again": measured.again}},
        samples={part.what: measured.samples},
        verdicts=part.judge(part.what, measured.samples),
        machine={**machine, "others_cpu_share": others.share()},
    )


def main(argv: Sequence[str]) -> int:
    """Runs the parts, each table kept as soon as it is whole; the exit status."""
    options = parsed(argv)
    met, machine = True, card()
    try:
        for name in options.only or PARTS:
            table = run(name, PARTS[name](setting(options, machine)), options, machine)
            write(table, *([options.results] if options.results else []))
            met &= all(verdict.met for verdict in table.verdicts)
    except (MissingError, NotServedError, CalledProcessError) as error:
        print(f"bench-rest: no table: {error}", file=sys.stderr)
        return 2
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
