"""Tables 8, answers: all their parts, in one run.

    python -m bench.rest [--only PART]... [--rounds N] [--requests N] [--seconds N] [--tree NAME] [--large NAME]

Exit status 0: all targets met; 1: one was missed; 2: something to compare with is missing, or an answer is not what it
should be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from bench.corpus import NAMES
from bench.fanout.serving import NotServedError
from bench.machine import card
from bench.programs import MissingError
from bench.rest import changes, figures, search, tree
from bench.rest.part import Setting
from bench.tables import Part, run

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


def main(argv: Sequence[str]) -> int:
    """The exit status."""
    options, machine = parsed(argv), card()

    def parts() -> Iterator[tuple[str, Part]]:
        for name in options.only or PARTS:
            yield name, PARTS[name](setting(options, machine))

    missing = (MissingError, NotServedError, CalledProcessError)
    return run("bench-rest", parts, rounds=options.rounds, machine=machine, results=options.results, missing=missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
