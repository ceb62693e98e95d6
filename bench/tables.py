"""Tables: what a program of benchmarks measures part by part, and what its exit status says of them.

Law: a table is kept as soon as it is whole; where something to compare with is missing there is none, and that is told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.machine import Others, disturbed
from bench.report import RESULTS, Table, Verdict, write
from bench.rounds import Contestant, Samples, interleaved, ratios, spread

SPARE: Final = 1  # a disturbed round that is run again takes a minute or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`judge` says of the samples what was promised of them. `kept` lives as long as the part."""

    name: str
    what: str
    measure: str
    units: Mapping[str, str]
    baseline: str
    contestants: Sequence[Contestant]
    judge: Callable[[str, Samples], list[Verdict]]
    kept: object = None


def measured(name: str, part: Part, rounds: int, machine: Mapping[str, Any]) -> Table:
    """One table. Raises what the contestants raise."""
    others = Others()
    tell = partial(print, f"{name}:", file=sys.stderr, flush=True)
    found = interleaved(part.contestants, rounds=rounds, spare=SPARE, disturbed=disturbed, tell=tell)
    return Table(
        name=part.name,
        measure=part.measure,
        units=part.units,
        baseline=part.baseline,
        rounds=rounds,
        contestants=part.contestants,
        trees={part.what: {"rounds run again": found.again}},
        samples={part.what: found.samples},
        verdicts=part.judge(part.what, found.samples),
        machine={**machine, "others_cpu_share": others.share()},
    )


def run(
    program: str,
    parts: Callable[[], Iterable[tuple[str, Part]]],
    *,
    rounds: int,
    machine: Mapping[str, Any],
    results: Path | None,
    missing: tuple[type[Exception], ...],
) -> int:
    """The exit status. 0: all targets were met; 1: one was missed; 2: one of the errors in `missing`, which is told."""
    met = True
    try:
        for name, part in parts():
            table = measured(name, part, rounds, machine)
            write(table, results or RESULTS)
            met &= all(verdict.met for verdict in table.verdicts)
    except missing as error:
        print(f"{program}: no table: {error}", file=sys.stderr)
        return 2
    return 0 if met else 1


def at_most(what: str, samples: Samples, target: str, name: str, measure: str, limit: float) -> Verdict:
    """The median of a row's measure."""
    return Verdict(target=f"{target}, {name}", tree=what, value=spread(samples[name][measure]).median, limit=limit)


def worst(what: str, samples: Samples, target: str, name: str, measure: str, limit: float) -> Verdict:
    """The largest of all rounds: what must never happen."""
    return Verdict(target=f"{target}, {name}", tree=what, value=max(samples[name][measure]), limit=limit)


def times(what: str, samples: Samples, target: str, measure: str, limit: float, *, one: str, other: str) -> Verdict:
    """The median of one row's measure by another's, round by round."""
    value = ratios(samples[one][measure], samples[other][measure]).median
    return Verdict(target=f"{target}, {one} by {other}", tree=what, value=value, limit=limit)
