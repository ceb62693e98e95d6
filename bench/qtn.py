"""Table 3, QTN1: size, and time to encode and to decode, of a snapshot, against other formats, each packed.

    python -m bench.qtn [--tree NAME]... [--rounds N]

Same information in each row, checked before anything is measured: the columns that our decoder makes of our bytes are
what `lstat` says of the disk, and every rival gives back what it was given. Ours encodes from a Tree and decodes to
columns, digest and check verified; the others as bench/rivals says.
Exit status 0: all targets met; 1: one was missed; 2: something is missing, or the tree changed meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise, starmap

from bench.corpus import NAMES, Corpus, corpora_folder, corpus
from bench.facts import ChangedError, check, facts_on_disk
from bench.machine import Others, card, disturbed, filesystem
from bench.programs import MissingError, library_version
from bench.report import Table, Verdict, write
from bench.rivals import MADE, rivals
from bench.rivals.parquet import PAGED, WHOLE
from bench.rivals.rival import Rival
from bench.rounds import Contestant, Sample, Samples, interleaved, ratios, spread
from smarttree import qtn

ONE, TWO = "QTN1", "QTN1, 2 threads"
UNITS = {"bytes": "bytes an entry", "encode_ns": "encode, ns an entry", "decode_ns": "decode, ns an entry"}
DEFAULT = ["linux", "node_modules", "usr", "linux-checkouts"]
FRESH = ("linux", "node_modules")  # the promise of size is for trees that were just unpacked
TRIES = 3
SIZE_MAX, PARQUET_MAX, ENCODE_MAX_NS, DECODE_MAX_NS, SPEEDUP_MIN = 6.2, 0.8, 250.0, 100.0, 1.7


def timed(encode: Callable[[], bytes], decode: Callable[[bytes], object], entries: int) -> Sample:
    """There and back, the best of three: the first finds its memory and its threads cold, after another contestant.

    The collector is off: it would look through the millions of objects that rivals make. Nor does it count what it
    takes to throw away what was decoded.
    """
    tries: list[Sample] = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(TRIES):
            moments = [_now()]
            data = encode()
            moments.append(_now())
            decoded = decode(data)
            moments.append(_now())
            del decoded
            (encode_ns, encode_cpu_ns), (decode_ns, decode_cpu_ns) = starmap(_spent, pairwise(moments))
            tries.append(
                {
                    "bytes": len(data),
                    "encode_ns": encode_ns,
                    "decode_ns": decode_ns,
                    "encode_cpu_ns": encode_cpu_ns,
                    "decode_cpu_ns": decode_cpu_ns,
                }
            )
    finally:
        gc.enable()
    return {measure: min(found[measure] for found in tries) / entries for measure in tries[0]}


def _now() -> tuple[int, int]:
    """By the clock, and processor time of all threads."""
    return time.perf_counter_ns(), time.process_time_ns()


def _spent(since: tuple[int, int], until: tuple[int, int]) -> tuple[int, int]:
    return until[0] - since[0], until[1] - since[1]


def contestants(tree: qtn.Tree, top: int, entries: int, smarttree: str, others: Sequence[Rival]) -> list[Contestant]:
    """All rows of the table, ours first."""

    def ours(threads: int) -> Callable[[], Sample]:
        encode = partial(qtn.encode, tree, top, threads=threads)
        return partial(timed, encode, partial(qtn.decode, threads=threads), entries)

    rows = [Contestant(name=name, role="ours", version=smarttree, run=ours(n)) for n, name in ((1, ONE), (2, TWO))]
    return rows + [
        Contestant(
            name=rival.name,
            role="rival",
            version=rival.version,
            run=partial(timed, rival.encode, rival.decode, entries),
        )
        for rival in others
    ]


def verdicts(tree: str, samples: Samples) -> list[Verdict]:
    """What was promised of each tree. Of one core, that is processor time; two are held against one by the clock."""
    one, two = samples[ONE], samples[TWO]
    parquet = min(spread(samples[name]["bytes"]).median for name in (PAGED, WHOLE))
    found = [
        ("bytes by those of the smallest Parquet", spread(one["bytes"]).median / parquet, PARQUET_MAX),
        ("CPU ns an entry to encode on one thread", spread(one["encode_cpu_ns"]).median, ENCODE_MAX_NS),
        ("CPU ns an entry to decode on one thread", spread(one["decode_cpu_ns"]).median, DECODE_MAX_NS),
        (
            "time to encode on two threads by that on one",
            ratios(two["encode_ns"], one["encode_ns"]).median,
            1 / SPEEDUP_MIN,
        ),
    ]
    if tree in FRESH:
        found.append(("bytes an entry", spread(one["bytes"]).median, SIZE_MAX))
    return [Verdict(target=target, tree=tree, value=value, limit=limit) for target, value, limit in found]


def measure(tree: Corpus, rounds: int, smarttree: str) -> tuple[list[Contestant], Samples, dict[str, object]]:
    """One tree's rows, samples and facts. Raises ChangedError, MissingError."""
    scanned, top = qtn.scan(tree.path)
    facts = facts_on_disk(os.fsencode(tree.path))
    check(tree.name, qtn.encode(scanned, top), facts)
    others = list(rivals(facts))
    rows = contestants(scanned, top, len(facts), smarttree, others)
    tell = partial(print, f"{tree.name}:", file=sys.stderr, flush=True)
    measured = interleaved(rows, rounds=rounds, warmups=1, spare=rounds, disturbed=disturbed, tell=tell)
    told: dict[str, object] = {
        "entries": len(facts),
        "different mtimes": len({fact.mtime_ns for fact in facts}),
        "file system": filesystem(tree.path),
        "what": tree.what,
        "rounds run again": measured.again,
        **{f"layout of {rival.name}": rival.layout for rival in others if rival.layout},
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
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    try:
        for name in MADE:  # before corpora are made, which takes minutes
            library_version(name)
        table = run([corpus(name, corpora_folder()) for name in options.tree or DEFAULT], options.rounds)
    except (MissingError, ChangedError) as error:
        print(f"bench-qtn: no table: {error}", file=sys.stderr)
        return 2
    write(table)
    return 0 if all(verdict.met for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
