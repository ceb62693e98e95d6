"""Results: one table as JSON and as text, in a dated folder; nothing is averaged away in the JSON.

A ratio in the JSON is always *theirs by ours*: how many times what we take another contestant takes. So more is better,
and `gate` need not know what is measured. There is none where we took nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rounds import Contestant, Samples, Spread, ratios, spread

FORMAT = 1
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a target was met: `value` should be at most `limit`."""

    target: str
    tree: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        return self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All that one run found. `measure` is the one that ratios are of; `baseline` is what the text compares with."""

    name: str
    measure: str
    units: Mapping[str, str]
    baseline: str
    rounds: int
    contestants: Sequence[Contestant]
    trees: Mapping[str, Mapping[str, Any]]
    samples: Mapping[str, Samples]
    verdicts: Sequence[Verdict]
    machine: Mapping[str, Any]

    def against(self, tree: str, ours: str) -> dict[str, Spread]:
        """Theirs by ours, for every contestant that is not ours."""
        found, measure = self.samples[tree], self.measure
        others = [contestant.name for contestant in self.contestants if contestant.role != "ours"]
        if 0 in found[ours][measure]:
            return {}
        return {name: ratios(found[name][measure], found[ours][measure]) for name in others}

    def times_baseline(self, tree: str, name: str, measure: str) -> Spread | None:
        """None where the baseline took nothing at all."""
        found = self.samples[tree]
        if 0 in found[self.baseline][measure]:
            return None
        return ratios(found[name][measure], found[self.baseline][measure])


def document(table: Table, moment: datetime) -> dict[str, Any]:
    """The table as it is kept."""
    ours = [contestant.name for contestant in table.contestants if contestant.role == "ours"]
    return {
        "format": FORMAT,
        "table": table.name,
        "date": moment.strftime("%Y-%m-%dT%H:%MZ"),
        "measure": table.measure,
        "units": dict(table.units),
        "rounds": table.rounds,
        "machine": dict(table.machine),
        "contestants": {c.name: {"role": c.role, "version": c.version} for c in table.contestants},
        "trees": {name: dict(facts) for name, facts in table.trees.items()},
        "samples": _rounded(table.samples),
        "ratios": {
            tree: {
                name: {other: _figures(found) for other, found in table.against(tree, name).items()} for name in ours
            }
            for tree in table.trees
        },
        "verdicts": [{**asdict(verdict), "met": verdict.met} for verdict in table.verdicts],
    }


def text(table: Table, moment: datetime) -> str:
    """The table as it is printed."""
    lines = [f"{table.name}, {moment:%Y-%m-%d %H:%M} UTC, rounds: {table.rounds}; median (lowest..highest)"]
    lines += [f"  {key}: {value}" for key, value in table.machine.items()]
    for tree, facts in table.trees.items():
        lines += ["", f"{tree}: " + "; ".join(f"{key} {value}" for key, value in facts.items())]
        lines += _aligned([_header(table), *(_row(table, tree, c) for c in table.contestants)])
    lines += ["", *map(_sentence, table.verdicts)] if table.verdicts else []
    return "\n".join(lines) + "\n"


def write(table: Table, folder: Path = RESULTS) -> Path:
    """Keeps a table below `folder` in one named after this minute, prints it, and returns where the JSON lies."""
    moment = datetime.now(UTC)
    place = folder / f"{moment:%Y-%m-%d-%H%M}"
    place.mkdir(parents=True, exist_ok=True)
    shown, kept = text(table, moment), place / f"{table.name}.json"
    kept.write_text(json.dumps(document(table, moment), indent=1) + "\n")
    kept.with_suffix(".txt").write_text(shown)
    print(shown, end="")
    return kept


def _rounded(samples: Mapping[str, Samples]) -> dict[str, Samples]:
    return {
        tree: {
            name: {measure: [round(value, 4) for value in values] for measure, values in measured.items()}
            for name, measured in found.items()
        }
        for tree, found in samples.items()
    }


def _figures(found: Spread) -> dict[str, float]:
    return {name: round(value, 4) for name, value in found._asdict().items()}


def _header(table: Table) -> list[str]:
    columns = [part for unit in table.units.values() for part in (unit, f"× {table.baseline}")]
    return ["", *columns, "version"]


def _row(table: Table, tree: str, contestant: Contestant) -> list[str]:
    cells = [contestant.name]
    for measure in table.units:
        found = spread(table.samples[tree][contestant.name][measure])
        cells += [_cell(found), _cell(table.times_baseline(tree, contestant.name, measure))]
    return [*cells, contestant.version]


def _cell(found: Spread | None) -> str:
    if found is None:
        return "–"
    digits = 0 if found.median >= 100 else 2
    if found.low == found.high:
        return f"{found.median:.{digits}f}"
    return f"{found.median:.{digits}f} ({found.low:.{digits}f}..{found.high:.{digits}f})"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _sentence(verdict: Verdict) -> str:
    said = "met" if verdict.met else "MISSED"
    return f"{said}: {verdict.target}, {verdict.tree}: {verdict.value:.2f}, and {verdict.limit:g} at most is the target"
