"""Writes the documents of `spec/vectors/` that are right, and by `vectors_invalid.py` those that are not.

Law: what `spec/vectors/README.md` says of the folder, and a file that exists is never written: exit status 1. The
documents are canonical, but for those called `other-…`: the liberal encoder of the tests takes for these every choice
that a canonical one would not. Run as `python -m spec.vectors`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xxhash

from spec.qtn1 import (
    SERVICE,
    U64,
    Batch,
    Entry,
    Header,
    Record,
    Snapshot,
    digests,
    directory_order,
    encode_batch,
    encode_delta,
    encode_snapshot,
    to_text,
)
from spec.qtn1_mirror import Mirror, compact
from spec.qtn1_parts import Manifest, decode_manifest, encode_manifest
from tests.plain_encoder import Choices, with_sections
from tests.plain_encoder import encode_batch as encode_otherwise_batch
from tests.plain_encoder import encode_snapshot as encode_otherwise

VECTORS = Path(__file__).resolve().parent / "vectors"
TWIN_MAX_BYTES = 200_000
DIRECTORY, FILE, LINK, PIPE = 0o040755, 0o100644, 0o120777, 0o010600
EPOCH, SEQ, TOP = 0xFEDC_BA98_7654_3210, 41, 7

Row = tuple[bytes, int, int, int]  # path below the top, mode, size, mtime_ns
Files = Iterator[tuple[str, bytes]]


def tree(rows: Sequence[Row], *, ids: Callable[[int], int] = lambda at: TOP + 1 + at, **header: Any) -> Snapshot:
    """A snapshot of these rows; `ids` gives the id of the entry that is the how-manieth in directory order."""
    number = {b"": 0} | {row[0]: n for n, row in enumerate(rows, 1)}
    entries = [
        Entry(n, number[path.rpartition(b"/")[0]], path.rpartition(b"/")[2], mode, size, mtime_ns)
        for n, (path, mode, size, mtime_ns) in enumerate(rows, 1)
    ]
    flat, _ = directory_order(entries, SERVICE)
    new = {SERVICE: TOP} | {e.id: ids(at) for at, e in enumerate(flat)}
    flat = [replace(e, id=new[e.id], parent=new[e.parent]) for e in flat]
    digest = digests(flat).get(TOP, 0)
    s = Snapshot(EPOCH, SEQ, TOP, b"/srv/tree", DIRECTORY, -1, digest, {e.id: e for e in flat})
    return replace(s, **header)


# --- What a document says -----------------------------------------------------------------------------------------


def header_json(h: Header, document: str) -> dict[str, Any]:
    """What snapshot and manifest have in common."""
    top = {"id": h.top, "path": h.path.hex(), "mode": h.mode, "mtime_ns": str(h.mtime_ns)}
    return {
        "document": document, "epoch": f"{h.epoch:016x}", "seq": str(h.seq), "top": top, "digest": f"{h.digest:032x}",
    }  # fmt: skip


def snapshot_json(s: Snapshot) -> dict[str, Any]:
    """A snapshot, its entries in directory order."""
    flat, _ = directory_order(s.entries.values(), s.top)
    rows = [[e.id, e.parent, e.name.hex(), e.mode, str(e.size), str(e.mtime_ns)] for e in flat]
    return header_json(s, "snapshot") | {"entries": rows}


def manifest_json(m: Manifest) -> dict[str, Any]:
    """A manifest."""
    chunks = [[size, *([f"{address:032x}", stored] for address, stored in groups)] for size, groups in m.chunks]
    return header_json(m, "manifest") | {"entries": m.entry_count, "children": m.child_count, "chunks": chunks}


def delta_json(records: Sequence[Record]) -> dict[str, Any]:
    """A delta, and the records of a batch."""
    rows = []
    for r in records:
        place, name = (r.parent, r.name.hex()) if r.mask & 2 else (None, None)
        mode, size = r.mode if r.mask & 4 else None, str(r.size) if r.mask & 8 else None
        rows.append([r.id, r.mask, place, name, mode, size, str(r.mtime_ns) if r.mask & 16 else None])
    return {"document": "delta", "records": rows}


def batch_json(b: Batch) -> dict[str, Any]:
    """A batch."""
    digest = None if b.digest_low is None else f"{b.digest_low:016x}"
    clock = {"epoch": f"{b.epoch:016x}", "from_seq": str(b.from_seq), "to_seq": str(b.to_seq), "digest": digest}
    return delta_json(b.records) | {"document": "batch"} | clock


def held(mirror: Mirror) -> Snapshot:
    """A mirror of one root, as the snapshot of it."""
    (top,) = mirror.children[SERVICE].values()
    root = mirror.entries[top]
    entries = {e.id: e for _, e in mirror.paths() if e.id != top}
    return Snapshot(mirror.epoch, mirror.seq, top, root.name, root.mode, root.mtime_ns, root.digest, entries)


def written(value: dict[str, Any]) -> bytes:
    """One row a line, so that a change shows where it is."""
    return (json.dumps(value, separators=(",", ":")).replace("],[", "],\n[") + "\n").encode()


# --- Snapshots and manifests --------------------------------------------------------------------------------------


def named_trees() -> dict[str, Snapshot]:
    """Trees at the format's edges."""
    few = [(b"%03d" % n, FILE, n, 1_700_000_000_000_000_000 + n % 3) for n in range(60)]
    nested = [b"a", b"a/b", b"a/b/c", b"d", b"d/e"]
    levels = [(path, DIRECTORY, 0, 1) for path in nested] + [
        (path + b"/%d" % n, FILE, n, n) for path in nested for n in range(len(path))
    ]
    return {
        "empty": tree([]),
        "one-file": tree([(b"a", FILE, 1, 0)]),
        "every-kind": tree(EVERY_KIND),
        "not-utf8": tree([(name, FILE, 0, 0) for name in (b"\xff\xfe", b"\x01", b"\n", b"\xe9")]),
        "extensions": tree([(name, FILE, 1, 2) for name in EXTENSIONS]),
        "extensions-130": tree(
            [(b"%d.%03d" % (n, m), FILE, 0, 0) for m in range(130) for n in range(3 if m > 120 else 2)]
        ),
        "deep-512": tree([(b"/".join([b"d"] * n), DIRECTORY, 0, n) for n in range(1, 513)]),
        "wide": tree(wide()),
        "long-names": tree([(b"n" * 1020 + b"%04d" % n, FILE, 0, 0) for n in range(20)]),
        "scattered-ids": tree(few, ids=lambda at: 1 + at * 2_654_435_761 % 49_999_999 if at else 49_999_999),
        "interrupted-ids": tree(few, ids=lambda at: 100 + at + at // 9 * 5),
        "few-times": tree(few),
        "many-times": tree([(b"%03d" % n, FILE, 0, 10**18 + n // 2 * 10**9) for n in range(60)]),
        "plain-times": tree([(b"%03d" % n, FILE, 0, (n * 2_654_435_761 << 32) % 2**64 - 2**63) for n in range(60)]),
        "edge-times": tree([(b"%d" % n, FILE, 0, t) for n, t in enumerate([-(2**63), 2**63 - 1] * 2)]),
        "all-sizes": tree([(b"%03d" % n, FILE, (1 << n) - 1, 0) for n in range(64)]),
        "root-path": tree(EVERY_KIND, path=b"/", seq=2**64 - 1, epoch=2**64 - 1, mtime_ns=-(2**63)),
        "not-utf8-path": tree(EVERY_KIND, path=b"/\xff/\n", seq=0, epoch=0, mode=0o047777),
        "odd-modes": tree([(b"%04x" % m, m, 0, 0) for m in (0x1000, 0xF000, 0xFFFF, 0x2001, 0x4000, 0x4FFF)]),
        "counts-below": tree(levels),
    }  # fmt: skip


EVERY_KIND: list[Row] = [
    (b"dir", DIRECTORY, 0, 1_700_000_000_123_456_789),
    (b"dir/empty", DIRECTORY, 0, 5),
    (b"dir/inside", FILE, (1 << 63) - 1, -(2**63)),
    (b"file", FILE, 1 << 40, -1),
    (b"link", LINK, 3, 0),
    (b"pipe", PIPE, 0, 2**63 - 1),
]
EXTENSIONS = (
    b"a.c b.c .c a.b.c c.tar.gz d.gz x. y. e.16-bytes-long-x f.16-bytes-long-x g.17-bytes-long-xx h.17-bytes-long-xx"
).split()


def wide() -> list[Row]:
    """Enough entries for a cut by a directory's name, and for one by an entry's own."""
    cutting = next(b"z%d" % n for n in range(10**6) if xxhash.xxh64_intdigest(b"z%d" % n) % 512 == 0)
    rows = [(b"%04d" % n, FILE, n, n // 100) for n in range(8_192)]
    return [*rows, (cutting, DIRECTORY, 0, 0), *((cutting + b"/%d.txt" % n, FILE, n, n) for n in range(100))]


OTHERS = {
    "other-cuts": Choices(chunk=2),
    "other-no-extensions": Choices(extensions=False),
    "other-no-prefixes": Choices(prefixes=False),
    "other-no-time-table": Choices(time_table=False),
    "other-ids-told": Choices(always_runs=True, longest_run=3),
    "other-below-told": Choices(always_below=True),
}
SECTION = b"\x01\x03abc\xff\x01\x00\x00"  # tag 1 of three bytes, tag 255 of none, the end


def snapshots() -> Iterator[tuple[str, Snapshot, bytes, bytes]]:
    """Name, what it says, the document, and the same with no column compressed."""
    trees = named_trees()
    for name, s in trees.items():
        yield name, s, encode_snapshot(s), encode_snapshot(s, uncompressed=True)
    for name, choices in OTHERS.items():
        s = trees["counts-below"]
        yield name, s, encode_otherwise(s, choices), encode_otherwise(s, replace(choices, zstd=False))
    s = trees["every-kind"]
    packed, raw = encode_snapshot(s), encode_snapshot(s, uncompressed=True)
    yield "other-section", s, with_sections(packed, SECTION), with_sections(raw, SECTION)


MANIFESTS = {"empty", "every-kind", "wide", "other-cuts", "other-section"}


def snapshot_files() -> Files:
    """`snapshot/`, `manifest/` and half of `text/`."""
    for name, s, document, raw in snapshots():
        yield f"snapshot/{name}.qtn", document
        yield f"snapshot/{name}.json", written(snapshot_json(s))
        if len(raw) <= TWIN_MAX_BYTES:
            yield f"snapshot/{name}.raw.qtn", raw
        if name in MANIFESTS:
            manifest = encode_manifest(document)
            yield f"manifest/{name}.qtn", manifest
            yield f"manifest/{name}.json", written(manifest_json(decode_manifest(manifest)))
        if name in {"empty", "every-kind"}:
            yield from text_files(f"snapshot-{name}", document)
            yield from text_files(f"manifest-{name}", encode_manifest(document))


def text_files(name: str, document: bytes) -> Files:
    """A text form beside its document."""
    yield f"text/{name}.qtn", document
    yield f"text/{name}.txt", to_text(document).encode()


# --- Batches and deltas -------------------------------------------------------------------------------------------

HOUSE: list[Row] = [  # ids 8 a, 9 b, 10 c, 11 d, 12 e, then below d: 13 deep, 14 file; below deep: 15 leaf
    (b"a", FILE, 1, 10),
    (b"b", FILE, 2, 20),
    (b"c", FILE, 3, 30),
    (b"d", DIRECTORY, 0, 40),
    (b"e", DIRECTORY, 0, 50),
    (b"d/deep", DIRECTORY, 0, 60),
    (b"d/file", FILE, 4, 70),
    (b"d/deep/leaf", FILE, 5, 80),
]
A, B, C, D, E, DEEP, IN_D, LEAF = range(8, 16)
NEW = 100


def place(entry: int, parent: int, name: bytes) -> Record:
    """A record that only moves."""
    return Record(entry, 2, parent, name)


def create(entry: int, parent: int, name: bytes, mode: int = FILE, size: int = 0) -> Record:
    """A record that says everything."""
    return Record(entry, 30, parent, name, mode, size, 99)


def gone(entry: int) -> Record:
    """A deletion."""
    return Record(entry, 1)


CHANGES: dict[str, list[Record]] = {
    "empty": [],
    "values": [Record(A, 4, mode=0o100600), Record(B, 8, size=2**63 - 1), Record(C, 16, mtime_ns=-(2**63)), gone(LEAF)],
    "top": [Record(TOP, 20, mode=0o041777, mtime_ns=5)],
    "swap": [place(A, TOP, b"b"), place(B, TOP, b"a")],
    "three-cycle": [place(A, TOP, b"b"), place(B, TOP, b"c"), place(C, TOP, b"a")],
    "renamed-over": [place(A, TOP, b"b"), gone(B)],
    "renamed-in-a-chain": [place(A, TOP, b"b"), place(B, TOP, b"c"), place(C, TOP, b"f")],
    "moved-and-child-changed": [place(D, E, b"moved"), Record(LEAF, 8, size=77), create(NEW, D, b"x")],
    "moved-out-of-deleted": [gone(D), place(DEEP, E, b"saved")],
    "deleted-and-made-again": [gone(A), gone(D), create(NEW, TOP, b"a"), create(NEW + 1, TOP, b"d", DIRECTORY)],
    "file-turned-directory": [gone(A), create(NEW, TOP, b"a", DIRECTORY), create(NEW + 1, NEW, b"in", size=5)],
    "parent-and-child-change-places": [place(DEEP, TOP, b"d"), place(D, DEEP, b"deep")],
    "child-before-parent": [create(NEW, NEW + 1, b"\xff"), create(NEW + 1, E, b"dir", DIRECTORY)],
    "deleted-unknown": [gone(49_999_999), gone(DEEP), gone(LEAF)],
    "large": [Record(n, 30, E, b"name-%03d.txt" % n, FILE, n * n, 10**18 + n % 5) for n in range(NEW, NEW + 200)],
}
SINGLE: dict[str, Record] = {
    "created": create(NEW, E, b"new.txt", size=2**63 - 1),
    "deleted": gone(D),
    "renamed": place(D, E, b"d"),
    "changed": Record(LEAF, 28, mode=LINK & 0xFFF | 0x8000, size=6, mtime_ns=-1),
    "long-name": create(NEW, E, b"n" * 1024),
}


def house(**header: Any) -> Mirror:
    """A mirror of HOUSE."""
    mirror = Mirror()
    mirror.replace([tree(HOUSE, **header)])
    return mirror


def following(mirror: Mirror, records: Sequence[Record], *, void: bool = False) -> tuple[Batch, Mirror]:
    """The batch that leads on from a mirror, and the mirror after it."""
    after = mirror.copy()
    batch = Batch(mirror.epoch, mirror.seq, mirror.seq + 1, None, sorted(records, key=lambda record: record.id))
    after.apply(batch)
    return replace(batch, digest_low=None if void else after.service_digest & U64), after


def batch_files() -> Files:
    """`batch/`, and text forms."""
    for name, records in CHANGES.items():
        batch, after = following(house(), records)
        yield from triple(f"batch/{name}", "batch", house(), batch, encode_batch(batch), after)
    batch, after = following(house(), CHANGES["swap"], void=True)
    yield from triple("batch/void-digest", "batch", house(), batch, encode_batch(batch), after)
    yield from text_files("batch-void-digest", encode_batch(batch))
    batch, after = following(house(), CHANGES["values"])
    yield from triple("batch/other-sizes", "batch", house(), batch, encode_otherwise_batch(batch, zstd=True), after)
    section = with_sections(encode_batch(batch), SECTION)
    yield from triple("batch/other-section", "batch", house(), batch, section, after)
    last = house(epoch=2**64 - 1, seq=2**64 - 2)
    batch, after = following(last, [gone(A)])
    yield from triple("batch/last-clock", "batch", last, batch, encode_batch(batch), after)
    one, middle = following(house(), [place(D, E, b"moved"), create(NEW, D, b"x"), Record(A, 8, size=5)])
    two, after = following(middle, [gone(DEEP), gone(NEW), place(A, TOP, b"z"), Record(B, 16, mtime_ns=1)])
    batch = compact(house(), [one, two])
    yield from triple("batch/compacted", "batch", house(), batch, encode_batch(batch), after)


def delta_files() -> Files:
    """`delta/`, and a text form."""
    for name, record in SINGLE.items():
        after = house()
        after.apply_delta([record])
        yield from triple(f"delta/{name}", "delta", house(), [record], encode_delta([record]), after)
    yield from text_files("delta-created", encode_delta([SINGLE["created"]]))


def triple(name: str, kind: str, before: Mirror, told: Batch | list[Record], document: bytes, after: Mirror) -> Files:
    """Before, document, after."""
    yield f"{name}.before.qtn", encode_snapshot(held(before))
    yield f"{name}.{kind}.qtn", document
    yield f"{name}.after.qtn", encode_snapshot(held(after))
    yield f"{name}.json", written(batch_json(told) if isinstance(told, Batch) else delta_json(told))


def files() -> Files:
    """Every file of the folder: its path there, and what is in it."""
    from spec.vectors_invalid import invalid_files  # which is made of what stands above

    yield from snapshot_files()
    yield from batch_files()
    yield from delta_files()
    yield from invalid_files()


def main() -> int:
    made = dict(files())
    existing = [name for name in made if (VECTORS / name).exists()]
    if existing:
        print(f"{len(existing)} exist already, as {existing[0]}: a published vector stays as it is", file=sys.stderr)
        return 1
    for name, data in made.items():
        (VECTORS / name).parent.mkdir(exist_ok=True)
        (VECTORS / name).write_bytes(data)
    print(f"{len(made)} files, {sum(map(len, made.values())):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
