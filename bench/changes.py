"""Table 4, changes: bytes of a batch of so many modified files, against other ways to tell it; and what one costs.

    python -m bench.changes

The files of the corpus `linux` are modified in memory, one after the other in directory order, as a tool would that
rewrites them: 20,000 files a second, sizes that grow by chance, times as coarse as the kernel's clock (4 ms). The cost
of one change is measured on the corpus `synthetic` by what the server does: one step carried out, and the batch cut.
Exit status 0: all targets met; 1: one was missed; 2: something is missing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bench.corpus import SEED, corpora_folder, corpus
from bench.machine import card
from bench.programs import MissingError, library_version
from bench.report import Table, Verdict, write
from bench.rivals.rival import squeeze
from bench.rounds import Contestant, Sample, Samples, interleaved
from smarttree import qtn
from smarttree.clock import Clock
from smarttree.ledger import Ledger
from smarttree.order import Act, Step
from smarttree.reconcile import Plan, Update
from smarttree.stream.batch import Batch
from smarttree.stream.classes import QUANTUM
from smarttree.stream.events import render
from smarttree.tree import SERVICE_ID, Totals, Tree

OURS, EVENT = "QTN1 batch", "QTN1 batch, as an event"
LIMITS = {1: {OURS: 48, EVENT: 125}, 1_000: {OURS: 4_000}, 50_000: {OURS: 120_000}}
COUNTS = (1, 10, 1_000, 50_000)
CLOCK = Clock(0x0123456789ABCDEF, 123_456)
FILES_A_SECOND, TICK_NS, EPOCH_NS = 20_000, 4_000_000, 1_763_000_000_123_456_789
ONE_MAX_US, ONE_ROUNDS = 100.0, 2_000


class Changed(NamedTuple):
    """One modified file, as a rival tells it."""

    path: str
    size: int
    mtime_ns: int


def modified(tree: Tree, top: int, count: int) -> tuple[Tree, list[Changed]]:
    """The tree after so many modifications, and what they were."""
    chance, after, told = random.Random(SEED), tree.copy(), list[Changed]()
    for eid in tree.below(top).tolist():
        if len(told) == count:
            break
        row = tree.row(eid)
        if row.is_dir:
            continue
        tick = len(told) * (10**9 // FILES_A_SECOND) // TICK_NS
        changed = row._replace(size=row.size + 1 + int(chance.lognormvariate(4, 2)), mtime_ns=EPOCH_NS + tick * TICK_NS)
        after.update(eid, changed)
        told.append(Changed(os.fsdecode(tree.path(eid)), changed.size, changed.mtime_ns))
    return after, told


def event(data: bytes) -> bytes:
    """The batch as the server sends it to who asks for `quantum` alone."""
    batch = Batch(CLOCK.seq - 1, CLOCK.seq, 0, data, (), 0, Totals(0, 0, 0), more=False)
    return render(batch, CLOCK.epoch, frozenset({QUANTUM}))


def contestants(before: Tree, after: Tree, told: Sequence[Changed], smarttree: str) -> list[Contestant]:
    """All ways to tell one set of changes. Raises MissingError."""
    try:
        import msgpack
    except ImportError as error:
        raise MissingError("msgpack is missing: `make bench-qtn` installs it") from error
    data = qtn.encode_batch(CLOCK, CLOCK.seq - 1, qtn.digest(after), qtn.diff(before, after))
    lines = "".join(json.dumps(["modified", *changed], separators=(",", ":")) + "\n" for changed in told).encode()
    packed = msgpack.packb([["modified", *changed] for changed in told])

    def sized(make: Callable[[], bytes]) -> Sample:
        return {"bytes": len(make())}

    ways: list[tuple[str, str, str, Callable[[], bytes]]] = [
        (OURS, "ours", smarttree, partial(bytes, data)),
        (EVENT, "ours", smarttree, partial(event, data)),
        ("JSON lines", "rival", "RFC 8259", partial(bytes, lines)),
        ("JSON lines, gzip -6", "rival", "zlib", partial(gzip.compress, lines, 6)),
        ("JSON lines, zstd -3", "rival", "zstd", partial(squeeze, lines)),
        ("msgpack, zstd -3", "rival", f"msgpack {library_version('msgpack')}", partial(squeeze, packed)),
    ]
    return [
        Contestant(name=name, role="ours" if role == "ours" else "rival", version=version, run=partial(sized, make))
        for name, role, version, make in ways
    ]


def cost_of_one_us(tree: Tree, top: int) -> float:
    """The median time to carry out one modification and to cut its batch, each of another file."""
    chance, ledger, times = random.Random(SEED), Ledger(tree), list[int]()
    files = [eid for eid in chance.sample(tree.below(top).tolist(), 2 * ONE_ROUNDS) if not tree.is_dir(eid)]
    for number, eid in enumerate(files[:ONE_ROUNDS], 1):
        row = tree.row(eid)
        plan = Plan(updates={eid: Update(row._replace(size=row.size + 1, mtime_ns=EPOCH_NS + number), told=True)})
        start = time.perf_counter_ns()
        ledger.carry_out(plan, [Step(Act.UPDATE, eid)])
        batch = ledger.cut(Clock(CLOCK.epoch, number), 0, more=False)
        times.append(time.perf_counter_ns() - start)
        if qtn.decode_batch(batch.data).digest != tree.digest(SERVICE_ID) & (1 << 64) - 1:
            raise AssertionError("the batch is not what happened")
    return statistics.median(times) / 1000


def run() -> Table:
    """Measures the whole table. Raises MissingError."""
    machine = card()
    before, top = qtn.scan(corpus("linux", corpora_folder()).path)
    facts, samples, found = dict[str, dict[str, object]](), dict[str, Samples](), list[Verdict]()
    rows: list[Contestant] = []
    for count in COUNTS:
        name = f"{count:,} modified"
        rows = contestants(before, *modified(before, top, count), f"smarttree {machine['smarttree']}")
        samples[name] = interleaved(rows, rounds=1).samples
        facts[name] = {"of entries": len(before) - 1}
        for way, limit in LIMITS.get(count, {}).items():
            value = samples[name][way]["bytes"][0]
            found.append(Verdict(target=f"bytes of a {way}", tree=name, value=value, limit=limit))
    large, large_top = qtn.scan(corpus("synthetic", corpora_folder()).path)
    value = cost_of_one_us(large, large_top)
    tree = f"1 of {len(large) - 1:,} entries"
    found.append(
        Verdict(target="µs to carry out one modification and cut its batch", tree=tree, value=value, limit=ONE_MAX_US)
    )
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
        table = run()
    except MissingError as error:
        print(f"bench-changes: no table: {error}", file=sys.stderr)
        return 2
    write(table)
    return 0 if all(verdict.met for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
