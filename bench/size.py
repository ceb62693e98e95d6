"""Table 2, size: what a snapshot of a whole tree takes, in bytes for each entry, against JSON lines compressed.

    python -m bench.size [--tree NAME]...

Same information in each row: path, type, mode, size, mtime in nanoseconds. That is checked, not believed: what our
decoder says of our bytes must equal what `lstat` said of the disk. Sizes do not drift, so one round is a run.
Exit status 0: all targets met; 1: one was missed; 2: something is missing, or the tree changed meanwhile.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from functools import partial

import zstandard

from bench.corpus import NAMES, Corpus, corpora_folder, corpus
from bench.facts import ChangedError, Fact, check, facts_on_disk
from bench.machine import card, filesystem
from bench.programs import MissingError
from bench.report import Table, Verdict, write
from bench.rounds import Contestant, Sample, Samples, interleaved
from smarttree._scan import scan
from smarttree.clock import Clock
from smarttree.codec import encode_snapshot, to_text
from smarttree.tree import Tree
from smarttree.wire import PREFIX_SNAPSHOT

BINARY = "smarttree snapshot"
TARGETS = {"linux": 6.5}
DEFAULT = ["linux", "linux-tarball", "usr"]


def json_lines(facts: Sequence[Fact]) -> bytes:
    """One array a line, without keys and blanks: the shortest that JSON gets. Bytes that are no UTF-8 are escaped."""
    rows = ([os.fsdecode(f.path), f.type, f.mode & 0o7777, f.size, f.mtime_ns] for f in facts)
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def contestants(facts: Sequence[Fact], snapshot: bytes, smarttree: str) -> list[Contestant]:
    """All rows of the table. Each compresses the same JSON lines, or is ours."""
    lines, count = json_lines(facts), len(facts)

    def sized(made: Callable[[], bytes | str]) -> Sample:
        return {"bytes": len(made()) / count}

    def zstd(level: int) -> Contestant:
        squeeze = partial(zstandard.ZstdCompressor(level=level).compress, lines)
        version = "zstd " + ".".join(map(str, zstandard.ZSTD_VERSION))
        return Contestant(name=f"JSON lines, zstd -{level}", role="rival", version=version, run=partial(sized, squeeze))

    text, plain = partial(to_text, PREFIX_SNAPSHOT, snapshot), partial(bytes, lines)
    gzipped = partial(gzip.compress, lines, 6)
    library = f"zlib {zlib.ZLIB_RUNTIME_VERSION}"
    return [
        Contestant(name=BINARY, role="ours", version=smarttree, run=partial(sized, partial(bytes, snapshot))),
        Contestant(name=f"{BINARY}, text form", role="ours", version=smarttree, run=partial(sized, text)),
        Contestant(name="JSON lines", role="rival", version="RFC 8259", run=partial(sized, plain)),
        Contestant(name="JSON lines, gzip -6", role="rival", version=library, run=partial(sized, gzipped)),
        zstd(3),
        zstd(19),
    ]


def measure(tree: Corpus, smarttree: str) -> tuple[list[Contestant], Samples, dict[str, object]]:
    """One tree's rows, samples and facts. Raises ChangedError."""
    top = os.fsencode(tree.path)
    ours = Tree()
    root = ours.graft(scan(top), b"/corpus")
    snapshot = encode_snapshot(ours, root, Clock(0, 0))
    facts = facts_on_disk(top)
    check(tree.name, snapshot, facts)
    rows = contestants(facts, snapshot, smarttree)
    distinct = len({fact.mtime_ns for fact in facts})
    told = {
        "entries": len(facts),
        "different mtimes": distinct,
        "file system": filesystem(tree.path),
        "what": tree.what,
    }
    return rows, interleaved(rows, rounds=1).samples, told


def run(trees: Sequence[Corpus]) -> Table:
    """Measures the whole table. Raises ChangedError."""
    machine = card()
    facts, samples, verdicts = {}, {}, []
    rows: list[Contestant] = []
    for tree in trees:
        print(f"{tree.name} …", file=sys.stderr, flush=True)
        rows, samples[tree.name], facts[tree.name] = measure(tree, f"smarttree {machine['smarttree']}")
        if tree.name in TARGETS:
            value = samples[tree.name][BINARY]["bytes"][0]
            verdicts.append(
                Verdict(target=f"bytes an entry, {BINARY}", tree=tree.name, value=value, limit=TARGETS[tree.name])
            )
    return Table(
        name="size",
        measure="bytes",
        units={"bytes": "bytes an entry"},
        baseline=BINARY,
        rounds=1,
        contestants=rows,
        trees=facts,
        samples=samples,
        verdicts=verdicts,
        machine=machine,
    )


def main(argv: list[str]) -> int:
    """Runs and keeps the table; the exit status."""
    parser = argparse.ArgumentParser(prog="bench.size", description=__doc__.partition("\n")[0])
    parser.add_argument("--tree", choices=NAMES, action="append", help=f"may be repeated (default: {DEFAULT})")
    options = parser.parse_args(argv)
    try:
        table = run([corpus(name, corpora_folder()) for name in options.tree or DEFAULT])
    except (MissingError, ChangedError) as error:
        print(f"bench-size: no table: {error}", file=sys.stderr)
        return 2
    write(table)
    return 0 if all(verdict.met for verdict in table.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
