"""Table 5, cost: what one modified file costs the server, in a tree of half a million entries.

    python -m bench.cost

Measured is what the server does once it knows: the ledger carries out one step and is cut into a batch, which holds the
digest and totals after it. Each round is another file of the corpus `synthetic`, by chance, so that nothing of it is in
the processor's caches. There is no rival: whoever has no ledger makes the whole snapshot anew.
Exit status 0: the target is met; 1: it was missed; 2: something is missing.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator

from bench.corpus import SEED, corpora_folder, corpus
from bench.facts import ChangedError
from bench.machine import Others, card
from bench.programs import MissingError
from bench.report import Table, Verdict, write
from bench.rounds import Contestant, Sample, interleaved, spread
from smarttree import qtn
from smarttree.clock import Clock
from smarttree.ledger import Ledger
from smarttree.order import Act, Step
from smarttree.plan import Plan, Update
from smarttree.tree import SERVICE_ID, Tree

OURS = "carry out, and cut the batch"
MAX_US = 100.0
ROUNDS, WARMUPS = 3_000, 100
EPOCH, START_NS = 0x0123456789ABCDEF, 1_763_000_000_123_456_789


def modifications(tree: Tree, top: int, count: int) -> Iterator[Sample]:
    """The cost of one modification after the other, each of another file. Raises ChangedError."""
    files = [eid for eid in tree.below(top).tolist() if not tree.is_dir(eid)]
    ledger = Ledger(tree)
    for seq, eid in enumerate(random.Random(SEED).sample(files, count), 1):
        row = tree.row(eid)
        plan = Plan(updates={eid: Update(row._replace(size=row.size + 1, mtime_ns=START_NS + seq), told=True)})
        steps, clock = [Step(Act.UPDATE, eid)], Clock(EPOCH, seq)
        start = time.perf_counter_ns()
        ledger.carry_out(plan, steps)
        batch = ledger.cut(clock, START_NS, more=False)
        spent_ns = time.perf_counter_ns() - start
        body = qtn.decode_batch(batch.data)
        if [record.id for record in body.records] != [eid] or body.digest != tree.digest(SERVICE_ID) & (1 << 64) - 1:
            raise ChangedError("the batch does not say what happened")
        yield {"us": spent_ns / 1000}


def run(tree: Tree, top: int, rounds: int = ROUNDS) -> Table:
    """Measures the table; the tree is modified. Raises ChangedError."""
    machine, others, entries = card(), Others(), len(tree) - 1
    turns = modifications(tree, top, WARMUPS + rounds)
    ours = Contestant(name=OURS, role="ours", version=f"smarttree {machine['smarttree']}", run=lambda: next(turns))
    name = f"1 of {entries:,} modified"
    samples = interleaved([ours], rounds=rounds, warmups=WARMUPS).samples
    median = spread(samples[OURS]["us"]).median
    return Table(
        name="cost",
        measure="us",
        units={"us": "µs"},
        baseline=OURS,
        rounds=rounds,
        contestants=[ours],
        trees={name: {"entries": entries}},
        samples={name: samples},
        verdicts=[Verdict(target=f"µs to {OURS}", tree=name, value=median, limit=MAX_US)],
        machine={**machine, "others_cpu_share": others.share()},
    )


def main(argv: list[str]) -> int:
    """Runs and keeps the table; the exit status."""
    argparse.ArgumentParser(prog="bench.cost", description=__doc__.partition("\n")[0]).parse_args(argv)
    try:
        table = run(*qtn.scan(corpus("synthetic", corpora_folder()).path))
    except (MissingError, ChangedError) as error:
        print(f"bench-cost: no table: {error}", file=sys.stderr)
        return 2
    write(table)
    return 0 if all(verdict.met for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
