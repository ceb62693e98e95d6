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
from typing import NamedTuple

import zstandard

from bench.corpus import NAMES, Corpus, corpora_folder, corpus
from bench.machine import card, filesystem
from bench.programs import MissingError
from bench.report import Table, Verdict, write
from bench.rounds import Contestant, Sample, Samples, interleaved
from smarttree._scan import scan
from smarttree.clock import Clock
from smarttree.codec import decode_snapshot, encode_snapshot, to_text
from smarttree.tree import Tree, kind_of
from smarttree.wire import PREFIX_SNAPSHOT

BINARY = "smarttree snapshot"
TARGETS = {"linux": 6.5}
DEFAULT = ["linux", "linux-tarball", "usr"]


class ChangedError(Exception):
    """The tree is not what it was a moment ago, or our snapshot does not say what the disk does."""


class Fact(NamedTuple):
    """What every row tells of an entry; the path is relative, so that where the tree lies costs nobody anything."""

    path: bytes
    type: str
    mode: int
    size: int
    mtime_ns: int


def facts_on_disk(top: bytes) -> list[Fact]:
    """By `lstat`, directory by directory, each sorted by name: the order that compresses best for everyone."""
    found: list[Fact] = []
    todo = [b""]
    while todo:
        place = todo.pop()
        with os.scandir(os.path.join(top, place)) as listing:
            entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        dirs = []
        for entry in entries:
            seen, path = entry.stat(follow_symlinks=False), os.path.join(place, os.fsencode(entry.name))
            kind = kind_of(seen.st_mode)
            size = 0 if kind == "dir" else seen.st_size  # QTN1 leaves a directory's own size out: so do all rows
            found.append(Fact(path, kind, seen.st_mode & 0o7777, size, seen.st_mtime_ns))
            if kind == "dir":
                dirs.append(path)
        todo += reversed(dirs)
    return found


def facts_decoded(data: bytes) -> list[Fact]:
    """What a snapshot says, in the same order."""
    tree, top = (snapshot := decode_snapshot(data)).tree, snapshot.top
    found: list[Fact] = []
    todo = [(top, b"")]
    while todo:
        place, prefix = todo.pop()
        dirs = []
        for eid in tree.children(place):
            row, path = tree.row(eid), os.path.join(prefix, tree.name(eid))
            kind = kind_of(row.mode)
            found.append(Fact(path, kind, row.mode & 0o7777, row.size, row.mtime_ns))
            if kind == "dir":
                dirs.append((eid, path))
        todo += reversed(dirs)
    return found


def json_lines(facts: Sequence[Fact]) -> bytes:
    """One array a line, without keys and blanks: the shortest that JSON gets. Bytes that are no UTF-8 are escaped."""
    rows = (json.dumps([os.fsdecode(path), *rest], separators=(",", ":")) for path, *rest in facts)
    return "\n".join(rows).encode() + b"\n"


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
    if facts_decoded(snapshot) != facts:
        raise ChangedError(f"{tree.name} was changed while it was measured, or the snapshot is wrong")
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
