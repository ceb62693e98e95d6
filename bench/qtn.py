"""Table 3, QTN1: size, and time to encode and to decode, of a snapshot, against other formats, each with zstd.

    python -m bench.qtn [--tree NAME]... [--rounds N]

Same information in each row, checked before anything is measured: what our decoder says of our bytes is what `lstat`
says of the disk. Ours encodes from a Tree and decodes to columns, digest and check verified; the others as rivals.py
says. Exit status 0: all targets met; 1: one was missed; 2: something is missing, or the tree changed meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from bench.corpus import NAMES, Corpus, corpora_folder, corpus
from bench.machine import Others, card, filesystem
from bench.programs import MissingError
from bench.report import Table, Verdict, write
from bench.rivals import rivals
from bench.rounds import Contestant, Sample, Samples, interleaved, ratios
from bench.size import ChangedError, Fact, facts_decoded, facts_on_disk
from smarttree import qtn

ONE, TWO, PARQUET = "QTN1", "QTN1, 2 threads", "Parquet, zstd -3"
UNITS = {"bytes": "bytes an entry", "encode_ns": "ns an entry, encode", "decode_ns": "ns an entry, decode"}
DEFAULT = ["linux", "node_modules", "usr", "linux-checkouts"]
FRESH = ("linux", "node_modules")  # the promise of size is for trees that were just unpacked
SIZE_MAX, PARQUET_MAX, ENCODE_MAX_NS, DECODE_MAX_NS, SPEEDUP_MIN = 6.2, 0.8, 250.0, 100.0, 1.7


def timed(encode: Callable[[], bytes], decode: Callable[[bytes], object], entries: int) -> Sample:
    """Once there and back. The collector is off: it would look through the millions of objects that rivals make."""
    gc.collect()
    gc.disable()
    start = time.perf_counter_ns()
    data = encode()
    middle = time.perf_counter_ns()
    decode(data)
    end = time.perf_counter_ns()
    gc.enable()
    return {
        "bytes": len(data) / entries,
        "encode_ns": (middle - start) / entries,
        "decode_ns": (end - middle) / entries,
    }


def contestants(tree: qtn.Tree, top: int, facts: Sequence[Fact], smarttree: str) -> list[Contestant]:
    """All rows of the table, ours first. Raises MissingError."""

    def ours(threads: int) -> Callable[[], Sample]:
        encode = partial(qtn.encode, tree, top, threads=threads)
        return partial(timed, encode, partial(qtn.decode, threads=threads), len(facts))

    rows = [Contestant(name=name, role="ours", version=smarttree, run=ours(n)) for n, name in ((1, ONE), (2, TWO))]
    return rows + [
        Contestant(
            name=rival.name,
            role="rival",
            version=rival.version,
            run=partial(timed, rival.encode, rival.decode, len(facts)),
        )
        for rival in rivals(facts)
    ]


def verdicts(tree: str, samples: Samples) -> list[Verdict]:
    """What was promised of each tree; the least of the rounds, for what else runs can only add."""
    one, two = samples[ONE], samples[TWO]
    speedup = statistics.median(a / b for a, b in zip(one["encode_ns"], two["encode_ns"], strict=True))
    found = [
        (f"bytes an entry by those of {PARQUET}", ratios(one["bytes"], samples[PARQUET]["bytes"]).median, PARQUET_MAX),
        ("ns an entry to encode on one core", min(one["encode_ns"]), ENCODE_MAX_NS),
        ("ns an entry to decode", min(one["decode_ns"]), DECODE_MAX_NS),
        ("time to encode on two threads by that on one", 1 / speedup, 1 / SPEEDUP_MIN),
    ]
    if tree in FRESH:
        found.append(("bytes an entry", one["bytes"][0], SIZE_MAX))
    return [Verdict(target=target, tree=tree, value=value, limit=limit) for target, value, limit in found]


def measure(tree: Corpus, rounds: int, smarttree: str) -> tuple[list[Contestant], Samples, dict[str, object]]:
    """One tree's rows, samples and facts. Raises ChangedError, MissingError."""
    scanned, top = qtn.scan(tree.path)
    facts = facts_on_disk(os.fsencode(tree.path))
    if facts_decoded(qtn.encode(scanned, top)) != facts:
        raise ChangedError(f"{tree.name} was changed while it was measured, or the snapshot is wrong")
    rows = contestants(scanned, top, facts, smarttree)
    tell = partial(print, f"{tree.name}:", file=sys.stderr, flush=True)
    measured = interleaved(rows, rounds=rounds, warmups=1, tell=tell)
    told: dict[str, object] = {
        "entries": len(facts),
        "different mtimes": len({fact.mtime_ns for fact in facts}),
        "file system": filesystem(tree.path),
        "what": tree.what,
    }
    return rows, measured.samples, told


def run(trees: Sequence[Corpus], rounds: int) -> Table:
    """Measures the whole table. Raises ChangedError, MissingError."""
    machine, others = card(), Others()
    facts, samples, found = {}, {}, list[Verdict]()
    rows: list[Contestant] = []
    for tree in trees:
        rows, samples[tree.name], facts[tree.name] = measure(tree, rounds, f"smarttree {machine['smarttree']}")
        found += verdicts(tree.name, samples[tree.name])
    return Table(
        name="qtn",
        measure="bytes",
        units=UNITS,
        baseline=ONE,
        rounds=rounds,
        contestants=rows,
        trees=facts,
        samples=samples,
        verdicts=found,
        machine={**machine, "others_cpu_share": others.share()},
    )


def main(argv: list[str]) -> int:
    """Runs and keeps the table; the exit status."""
    parser = argparse.ArgumentParser(prog="bench.qtn", description=__doc__.partition("\n")[0])
    parser.add_argument("--tree", choices=NAMES, action="append", help=f"may be repeated (default: {DEFAULT})")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(argv)
    try:
        table = run([corpus(name, corpora_folder()) for name in options.tree or DEFAULT], options.rounds)
    except (MissingError, ChangedError) as error:
        print(f"bench-qtn: no table: {error}", file=sys.stderr)
        return 2
    write(table)
    return 0 if all(verdict.met for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
