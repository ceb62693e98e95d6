"""Tables 9, client libraries: what decoding costs in each language, and what a stream costs on the wire.

    python -m bench.clients [--only PART]... [--rounds N] [--tree NAME] [--moments N]

Exit status 0: all targets met; 1: one was missed; 2: something to compare with is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import CalledProcessError

from bench.clients import decoding, traffic
from bench.clients.part import Setting
from bench.corpus import NAMES, corpora_folder, corpus
from bench.fanout.serving import NotServedError
from bench.machine import card
from bench.programs import MissingError
from bench.tables import Part, run

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


def main(argv: Sequence[str]) -> int:
    """The exit status."""
    options, machine = parsed(argv), card()

    def parts() -> Iterator[tuple[str, Part]]:
        tree = corpus(options.tree, corpora_folder())
        for name in options.only or PARTS:
            yield name, PARTS[name](Setting(smarttree=str(machine["smarttree"]), tree=tree, moments=options.moments))

    missing = (MissingError, NotServedError, CalledProcessError)
    return run("bench-clients", parts, rounds=options.rounds, machine=machine, results=options.results, missing=missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
