"""Table 4, changes: bytes to tell so many modified files, by a batch and in other ways.

    python -m bench.changes

The files of the corpus `linux` are modified in memory, one after the other in directory order, as by a tool that
rewrites them: 20,000 files a second, sizes that grow by chance, times as coarse as the kernel's clock (4 ms). A single
file is another one each round, by chance, and the largest batch counts. That the batch leads there is checked first.
Exit status 0: all targets met; 1: one was missed; 2: something is missing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import zstandard

from bench.corpus import SEED, corpora_folder, corpus
from bench.facts import ChangedError
from bench.machine import card
from bench.programs import MissingError, library_version
from bench.report import Table, Verdict, write
from bench.rivals.rival import ZSTD, squeeze
from bench.rounds import Contestant, Samples, interleaved
from smarttree import qtn
from smarttree.clock import Clock
from smarttree.stream.batch import Batch, Changes
from smarttree.stream.classes import QUANTUM, LaneKey
from smarttree.stream.events import render
from smarttree.tree import Totals, Tree

OURS, EVENT = "QTN1 batch", "QTN1 batch, as an event"
JSON, PACKED = "JSON lines", f"msgpack, {ZSTD}"
LIMITS = {
    "1 modified": {OURS: 48, EVENT: 125},
    "1,000 modified": {OURS: 4_000},
    "50,000 modified": {OURS: 120_000},
}
ALONE = 101
CLOCK = Clock(0x0123456789ABCDEF, 123_456)
FILES_A_SECOND, TICK_NS, START_NS = 20_000, 4_000_000, 1_763_000_000_123_456_789

Sizes = Mapping[str, int]
"""Row of the table: bytes."""


class Changed(NamedTuple):
    """One modified file, as a rival tells it: the path is relative, as it is in table 2."""

    kind: str
    path: str
    size: int
    mtime_ns: int


def files_below(tree: Tree, top: int) -> list[int]:
    """In directory order."""
    return [eid for eid in tree.below(top).tolist() if not tree.is_dir(eid)]


def modified(tree: Tree, top: int, files: Sequence[int]) -> tuple[Tree, list[Changed]]:
    """The tree after these files were rewritten one after the other, and what was done to each."""
    chance, after, told = random.Random(SEED + files[0]), tree.copy(), list[Changed]()
    above = len(os.path.join(tree.path(top), b""))
    for number, eid in enumerate(files):
        row, tick = tree.row(eid), number * (10**9 // FILES_A_SECOND) // TICK_NS
        growth = 1 + int(chance.lognormvariate(4, 2))
        changed = row._replace(size=row.size + growth, mtime_ns=START_NS + tick * TICK_NS)
        after.update(eid, changed)
        told.append(Changed("modified", os.fsdecode(tree.path(eid)[above:]), changed.size, changed.mtime_ns))
    return after, told


def event(data: bytes) -> bytes:
    """The batch as the server sends it to who asks for `quantum` alone."""
    batch = Batch(CLOCK.seq - 1, CLOCK.seq, 0, data, Changes(), 0, Totals(0, 0, 0), more=False)
    return render(batch, CLOCK.epoch, LaneKey(frozenset({QUANTUM})))


def sizes(before: Tree, after: Tree, told: Sequence[Changed]) -> Sizes:
    """One set of changes, told in every way. Raises ChangedError, MissingError."""
    try:
        import msgpack
    except ImportError as error:
        raise MissingError("msgpack is missing: `make bench-qtn` installs it") from error
    data = qtn.encode_batch(CLOCK, CLOCK.seq - 1, qtn.digest(after), qtn.diff(before, after))
    if qtn.digest(qtn.apply(before, qtn.decode_batch(data).records)) != qtn.digest(after):
        raise ChangedError("the batch does not lead to where the changes do")
    lines = "".join(json.dumps(changed, separators=(",", ":")) + "\n" for changed in told).encode()
    made = {
        OURS: data,
        EVENT: event(data),
        JSON: lines,
        f"{JSON}, gzip -6": gzip.compress(lines, 6),
        f"{JSON}, {ZSTD}": squeeze(lines),
        PACKED: squeeze(msgpack.packb(told)),
    }
    return {name: len(told) for name, told in made.items()}


def contestants(cases: Sequence[Sizes], smarttree: str) -> list[Contestant]:
    """All ways to tell a change, each case one round. Raises MissingError."""
    zstd = "zstd " + ".".join(map(str, zstandard.ZSTD_VERSION))
    versions = {
        JSON: "RFC 8259",
        f"{JSON}, gzip -6": f"zlib {zlib.ZLIB_RUNTIME_VERSION}",
        f"{JSON}, {ZSTD}": zstd,
        PACKED: f"msgpack {library_version('msgpack')}",
    }
    ours = [Contestant(name=n, role="ours", version=smarttree, run=_turns(cases, n)) for n in (OURS, EVENT)]
    return ours + [
        Contestant(name=name, role="rival", version=version, run=_turns(cases, name))
        for name, version in versions.items()
    ]


def _turns(cases: Sequence[Sizes], name: str) -> Callable[[], dict[str, float]]:
    turns = iter(cases)
    return lambda: {"bytes": next(turns)[name]}


def sets(files: Sequence[int]) -> dict[str, list[Sequence[int]]]:
    """What is modified: for each name, the files of each round."""
    chance = random.Random(SEED)
    made: dict[str, list[Sequence[int]]] = {"1 modified": [[eid] for eid in chance.sample(files, ALONE)]}
    made |= {f"{count:,} modified": [files[:count]] for count in (10, 1_000, 50_000)}
    return made | {"50,000 modified, in any order": [chance.sample(files, min(50_000, len(files)))]}


def verdicts(name: str, samples: Samples) -> list[Verdict]:
    """The largest of the rounds counts: a promise is for every file."""
    return [
        Verdict(target=f"bytes of a {way}", tree=name, value=max(samples[way]["bytes"]), limit=limit)
        for way, limit in LIMITS.get(name, {}).items()
    ]


def run(before: Tree, top: int) -> Table:
    """Measures the whole table on one tree. Raises ChangedError, MissingError."""
    machine = card()
    samples, facts, found = dict[str, Samples](), dict[str, dict[str, object]](), list[Verdict]()
    rows: list[Contestant] = []
    for name, rounds in sets(files_below(before, top)).items():
        cases = [sizes(before, *modified(before, top, files)) for files in rounds]
        rows = contestants(cases, f"smarttree {machine['smarttree']}")
        samples[name] = interleaved(rows, rounds=len(cases)).samples
        facts[name] = {"of entries": len(before) - 1, "rounds": len(cases)}
        found += verdicts(name, samples[name])
    return Table(
        name="changes",
        measure="bytes",
        units={"bytes": "bytes"},
        baseline=OURS,
        rounds=1,
        contestants=rows,
        trees=facts,
        samples=samples,
        verdicts=found,
        machine=machine,
    )


def main(argv: list[str]) -> int:
    """Runs and keeps the table; the exit status."""
    argparse.ArgumentParser(prog="bench.changes", description=__doc__.partition("\n")[0]).parse_args(argv)
    try:
        table = run(*qtn.scan(corpus("linux", corpora_folder()).path))
    except (MissingError, ChangedError) as error:
        print(f"bench-changes: no table: {error}", file=sys.stderr)
        return 2
    write(table)
    return 0 if all(verdict.met for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
