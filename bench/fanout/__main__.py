"""Table 7, fan-out: all its parts, in one run.

    python -m bench.fanout LOAD FLOOR MERCURE [--only PART]... [--rounds N] [--scale SHARE] [--seconds N]

Exit status 0: all targets met; 1: one was missed; 2: something to compare with is missing or ended, or a client was
sent something else than was published.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.fanout import cost, holding, latency
from bench.fanout.loading import WrongStreamError
from bench.fanout.part import Setting
from bench.fanout.serving import NotServedError, raise_limits
from bench.machine import card
from bench.programs import MissingError
from bench.tables import Part, run

PARTS: dict[str, Callable[[Setting], Part]] = {
    "one": cost.one,
    "flight": cost.flight,
    "large": cost.large,
    "rate": latency.rate,
    "idle": holding.idle,
    "stalled": latency.stalled,
    "loop": latency.loop,
    "storm": holding.storm,
}


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.fanout", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("load", type=Path, help="the compiled bench/load")
    parser.add_argument("floor", type=Path, help="the compiled bench/floor/fanout.c")
    parser.add_argument("mercure", type=Path, help="the compiled bench/fanout/mercure")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of clients (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default: %(default)s)")
    parser.add_argument("--reconnects", type=int, default=10_000, help="in a storm (default: %(default)s)")
    parser.add_argument("--results", type=Path, help="where the tables are kept (default: bench/results)")
    return parser.parse_args(argv)


def setting(options: argparse.Namespace, machine: dict[str, Any]) -> Setting:
    return Setting(
        load=options.load.resolve(),
        floor=options.floor.resolve(),
        mercure=options.mercure.resolve(),
        smarttree=str(machine["smarttree"]),
        compiler=str(machine["compiler"]),
        scale=options.scale,
        seconds=options.seconds,
        reconnects=options.reconnects,
    )


def main(argv: Sequence[str]) -> int:
    """The exit status."""
    options, machine = parsed(argv), card()
    raise_limits()

    def parts() -> list[tuple[str, Part]]:  # all of them first: what is missing is said at once
        return [(name, PARTS[name](setting(options, machine))) for name in options.only or PARTS]

    missing = (MissingError, NotServedError, WrongStreamError)
    return run("bench-fanout", parts, rounds=options.rounds, machine=machine, results=options.results, missing=missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
