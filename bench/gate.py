"""The gate: two results of one table; it closes where any ratio fell by more than is tolerated, or is there no more.

    python -m bench.gate BASE [NEW] [--tolerance 0.1]

NEW defaults to the newest result of BASE's table. Exit status 0: passed; 1: a ratio fell; 2: the two can't be compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.report import FORMAT, RESULTS

TOLERANCE = 0.10
"""By how much of itself a ratio may fall: between repeated runs on a quiet machine, medians move by half of this."""

TREE_TOLERANCE = 0.10
"""Trees whose numbers of entries differ by more are not the same tree."""


class NotComparableError(Exception):
    """Two results that say nothing about each other."""


def fallen(base: dict[str, Any], new: dict[str, Any], tolerance: float) -> list[str]:
    """A sentence for each ratio of `base` that fell in `new`, or is missing there. Raises NotComparableError."""
    _compare_headers(base, new)
    found = []
    for tree, by_ours in base["ratios"].items():
        for ours, by_other in by_ours.items():
            for other, then in by_other.items():
                what = f"{tree}: {other} by {ours}"
                now = new["ratios"].get(tree, {}).get(ours, {}).get(other)
                if now is None:
                    found.append(f"{what}: was {then['median']:.2f}, and is not there any more")
                elif now["median"] < then["median"] * (1 - tolerance):
                    found.append(
                        f"{what}: fell from {then['median']:.2f} to {now['median']:.2f} "
                        f"({now['low']:.2f}..{now['high']:.2f})"
                    )
    return found


def _compare_headers(base: dict[str, Any], new: dict[str, Any]) -> None:
    for key in ("format", "table", "measure"):
        if base[key] != new[key]:
            raise NotComparableError(f"{key}: {base[key]!r} and {new[key]!r}")
    if base["format"] != FORMAT:
        raise NotComparableError(f"format {base['format']} is not known here")
    for tree in base["trees"].keys() & new["trees"].keys():
        then, now = (each["trees"][tree].get("entries", 0) for each in (base, new))
        if abs(now - then) > TREE_TOLERANCE * then:
            raise NotComparableError(f"{tree} had {then} entries and has {now}: not the same tree")


def differences(base: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Where the circumstances differ: told, not judged, for ratios are meant to outlive them."""
    told = []
    for key, then in base["machine"].items():
        if new["machine"].get(key) != then:
            told.append(f"{key}: {then} → {new['machine'].get(key)}")
    for name, then in base["contestants"].items():
        now = new["contestants"].get(name, {"version": "missing"})
        if now["version"] != then["version"]:
            told.append(f"{name}: {then['version']} → {now['version']}")
    return told


def newest(table: str, but: Path, folder: Path = RESULTS) -> Path:
    """The newest kept result of a table other than `but`. Raises NotComparableError where there is none."""
    kept = [path for path in sorted(folder.glob(f"*/{table}.json")) if path.resolve() != but.resolve()]
    if not kept:
        raise NotComparableError(f"no result of table {table} but the base: run `make bench-{table}` first")
    return kept[-1]


def main(argv: list[str]) -> int:
    """Runs the gate; the exit status."""
    parser = argparse.ArgumentParser(
        prog="bench.gate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("base", type=Path)
    parser.add_argument("new", type=Path, nargs="?")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    options = parser.parse_args(argv)
    try:
        base = json.loads(options.base.read_text())
        path = options.new or newest(base["table"], options.base)
        new = json.loads(path.read_text())
        found = fallen(base, new, options.tolerance)
    except (OSError, json.JSONDecodeError, KeyError, NotComparableError) as error:
        print(f"bench-gate: the results can't be compared: {error}", file=sys.stderr)
        return 2
    print(f"bench-gate: {options.base} → {path}, tolerance {options.tolerance:.0%}")
    for line in differences(base, new):
        print(f"  differs: {line}")
    for line in found:
        print(f"  FELL: {line}")
    print(f"bench-gate: {'closed' if found else 'passed'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
