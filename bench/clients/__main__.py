"""Tables 9, client libraries: what decoding costs in each language, and what a stream costs on the wire.

    python -m bench.clients [--only PART]... [--rounds N] [--tree NAME] [--moments N]

Exit status 0: all targets met; 1: one was missed; 2: something to compare with is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError

from bench.clients import decoding, traffic
from bench.clients.part import Part, Setting
from bench.corpus import NAMES, corpora_folder, corpus
from bench.fanout.serving import NotServedError
from bench.machine import Others, card, disturbed
from bench.programs import MissingError
from bench.report import Table, write
from bench.rounds import interleaved

SPARE = 1  # a disturbed round that is run again

PARTS: dict[str, Callable[[Setting], Part]] = {"decoding": decoding.decoding, "traffic": traffic.traffic}


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.clients", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tree", choices=NAMES, default="watch-550k", help="that is decoded (default: %(default)s)")
    parser.add_argument("--moments", type=int, default=500, help="of work on the wire (default: %(default)s)")
    parser.add_argument("--results", type=Path, help="where the tables are kept (default: bench/results)")
    return parser.parse_args(argv)


def run(name: str, options: argparse.Namespace) -> Table:
    """Measures one table. Raises MissingError, NotServedError, CalledProcessError."""
    machine, others = card(), Others()
    tree = corpus(options.tree, corpora_folder())
    part = PARTS[name](Setting(smarttree=str(machine["smarttree"]), tree=tree, moments=options.moments))
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
    options, met = parsed(argv), True
    try:
        for name in options.only or PARTS:
            table = run(name, options)
            write(table, *([options.results] if options.results else []))
            met &= all(verdict.met for verdict in table.verdicts)
    except (MissingError, NotServedError, CalledProcessError) as error:
        print(f"bench-clients: no table: {error}", file=sys.stderr)
        return 2
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
