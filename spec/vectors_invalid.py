"""The documents of `spec/vectors/invalid/`: each has one defect, and a check that is right.

Law: every code of section 8 of `QTN1.md` is that of at least one. A reader may find what follows from the defect (as
another digest) only after the defect.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace

from spec.qtn1 import Batch, Entry, Record, Snapshot, encode_batch, encode_delta, encode_snapshot
from spec.qtn1_parts import encode_manifest
from spec.vectors import (
    CHANGES,
    DEEP,
    DIRECTORY,
    FILE,
    HOUSE,
    LEAF,
    NEW,
    SECTION,
    TOP,
    A,
    B,
    C,
    D,
    E,
    create,
    gone,
    held,
    house,
    place,
    tree,
)
from tests.plain_encoder import Choices, column, seal, snapshot_header, varint, with_sections, zigzag
from tests.plain_encoder import encode_snapshot as encode_otherwise

ONE = tree([(b"a", FILE, 0, 0)])
TWENTY = tree([(b"%c" % (97 + n), FILE, 0, 0) for n in range(20)])
EMPTY_DIRECTORY = tree([(b"a", DIRECTORY, 0, 0)])
A_FILE = {
    "counts": b"", "prefixes": b"\0", "suffixes": b"a\0", "extensions": b"", "extension_ids": b"\0",
    "modes": b"\x01\xa4\x81\x00", "widths": b"\0", "bits": b"", "table": b"\x01\x00", "times": b"\0", "ids": b"",
    "below": b"",
}  # fmt: skip
A_DIRECTORY = A_FILE | {"modes": b"\x01\xed\x41\x00", "counts": b"\0"}
RAW = A_FILE | {"prefixes": bytes(20), "suffixes": b"".join(b"%c\0" % (97 + n) for n in range(20))} | {
    "extension_ids": bytes(20), "modes": b"\x01\xa4\x81" + bytes(20), "widths": bytes(20), "times": bytes(20),
}  # fmt: skip

CHUNKS: dict[str, dict[str, bytes]] = {  # one file, with columns that are wrong
    "truncated--prefixes": {"prefixes": b""},
    "truncated--suffix-without-nul": {"suffixes": b"a"},
    "truncated--size-bits": {"widths": b"\x02"},
    "truncated--ids": {"ids": b"\x00"},
    "bytes-left-over--counts": {"counts": b"\0"},
    "bytes-left-over--prefixes": {"prefixes": b"\0\0"},
    "bytes-left-over--size-bits": {"bits": b"\0"},
    "bytes-left-over--below": {"below": b"\0"},
    "varint-too-long--eleven-bytes": {"table": b"\0", "times": b"\x80" * 10 + b"\x01"},
    "varint-too-long--65-bits": {"table": b"\0", "times": b"\xff" * 9 + b"\x02"},
    "varint-not-shortest--zero-in-two-bytes": {"table": b"\0", "times": b"\x80\x00"},
    "mode--no-type": {"modes": b"\x01\xa4\x01\x00"},
    "mode-table--more-than-entries": {"modes": b"\x02\xa4\x81\xa5\x81\x00"},
    "mode-index--past-the-table": {"modes": b"\x01\xa4\x81\x01"},
    "mode-index--no-table": {"modes": b"\x00\x00"},
    "name-prefix--first": {"prefixes": b"\x01"},
    "name--empty": {"suffixes": b"\0"},
    "name--dot": {"suffixes": b".\0"},
    "name--dot-dot": {"suffixes": b"..\0"},
    "name--slash": {"suffixes": b"a/b\0"},
    "name--1025-bytes": {"suffixes": b"n" * 1025 + b"\0"},
    "extensions--no-dot": {"extensions": b"c\0"},
    "extensions--dot-alone": {"extensions": b".\0"},
    "extensions--128": {"extensions": b".c\0" * 128},
    "extension-id--past-the-table": {"extension_ids": b"\x01"},
    "size-width--64": {"widths": b"\x40", "bits": bytes(8)},
    "size-padding--one": {"widths": b"\x02", "bits": b"\x02"},
    "time-table--more-than-entries": {"table": b"\x02\x00\x01"},
    "time-index--past-the-table": {"times": b"\x02"},
    "time-index--negative": {"times": b"\x01"},
    "id-runs--no-length": {"ids": b"\x00\x00"},
    "id-runs--longer-than-chunk": {"ids": b"\x00\x02"},
    "id-range--zero": {"ids": zigzag(-TOP - 1) + b"\x01"},
    "id-range--negative": {"ids": zigzag(-TOP - 2) + b"\x01"},
    "id-range--50000000": {"ids": zigzag(50_000_000 - TOP - 1) + b"\x01"},
    "id-twice--top": {"ids": zigzag(-1) + b"\x01"},
}  # fmt: skip
DIRECTORIES: dict[str, dict[str, bytes]] = {  # one directory, likewise
    "truncated--child-count": {"counts": b""},
    "child-counts--more-than-follow": {"counts": b"\x01"},
    "below-counts--one-too-many": {"below": b"\x01"},
    "directory-size--one": {"widths": b"\x01"},
}


def frame(descriptor: int, fields: bytes, content_size: int = 20) -> bytes:
    """A zstd frame of one block of so many zeros."""
    block = (content_size << 3 | 2 | 1).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + fields + block


SIZE_20 = struct.pack("<I", 20)
TOO_LARGE = (8 << 20) + 1
COLUMNS: dict[str, bytes] = {  # what stands for a column of twenty zeros
    "column-too-large--8-mib-and-1": varint(TOO_LARGE) + varint(14) + frame(0x80, b"\0" + struct.pack("<I", TOO_LARGE)),
    "column-size--stored-is-larger": varint(20) + varint(21) + bytes(21),
    "zstd--noise": varint(20) + varint(8) + b"not zstd",
    "zstd--nothing": varint(20) + varint(0),
    "zstd--skippable": varint(20) + varint(12) + b"\x50\x2a\x4d\x18\x04\0\0\0abcd",
    "zstd--cut-off": varint(20) + varint(13) + frame(0x80, b"\0" + SIZE_20)[:13],
    "zstd--something-after-it": varint(20) + varint(15) + frame(0x80, b"\0" + SIZE_20) + b"\0",
    "zstd--another-size-inside": varint(20) + varint(14) + frame(0x80, b"\0" + SIZE_20, 19),
    "zstd-size--another": varint(20) + varint(14) + frame(0x80, b"\0" + struct.pack("<I", 21), 21),
    "zstd-size--none": varint(20) + varint(10) + frame(0x00, b"\0"),
    "zstd-header--dictionary": varint(20) + varint(15) + frame(0x81, b"\0\x05" + SIZE_20),
    "zstd-header--window-of-16-mib": varint(20) + varint(14) + frame(0x80, b"\x70" + SIZE_20),
}  # fmt: skip

BODIES: dict[str, bytes] = {  # of a delta
    "truncated--no-body": b"",
    "truncated--fewer-bytes-than-records": varint(50_000_000) + bytes(9),
    "too-many-records--50000001": varint(50_000_001),
    "mask--none": b"\x01\x05\x00",
    "mask--unknown-bit": b"\x01\x05\x20",
    "mask--deleted-and-placed": b"\x01\x05\x03\x02\x00a\0",
    "id-range--record-zero": b"\x01\x00\x01",
    "id-range--record-50000000": b"\x02\x05" + varint(49_999_994) + b"\x01\x01",
    "id-range--parent-negative": b"\x01\x05\x02\x01\x00a\0",
    "id-range--parent-50000000": b"\x01\x05\x02" + zigzag(50_000_000) + b"\x00a\0",
    "name-prefix--first-record": b"\x01\x05\x02\x02\x01a\0",
    "name-prefix--second-record": b"\x02\x05\x00\x02\x02\x02\x00\x00\x02a\0b\0",
    "name--record-slash": b"\x01\x05\x02\x02\x00/\0",
    "name--root-relative": b"\x01\x05\x02\x00\x00a\0",
    "path-too-long--root-of-65536-bytes": b"\x01\x05\x02\x00\x00" + b"/abc" * 16_384 + b"\0",
    "mode--record-17-bits": b"\x01\x05\x04\x80\x80\x04",
    "mode--record-no-type": b"\x01\x05\x04\xa4\x03",
    "size-width--record-64": b"\x01\x05\x08\x40" + bytes(8),
    "size-padding--record": b"\x01\x05\x08\x02\x02",
    "time-table--record-more-than-records": b"\x01\x05\x10\x02\x00\x01\x00",
    "time-table--record-equal": b"\x02\x05\x00\x10\x10\x02\x00\x00\x00\x00",
    "time-index--record": b"\x01\x05\x10\x01\x00\x02",
    "bytes-left-over--record": b"\x01\x05\x01\x00",
    "empty-delta--no-records": b"\x00",
}

APPLIED: dict[str, list[Record]] = {
    "incomplete-record--no-place": [Record(NEW, 28, mode=FILE)],
    "incomplete-record--size-alone": [Record(NEW, 8, size=3)],
    "type-turned--file-to-directory": [Record(A, 4, mode=DIRECTORY)],
    "type-turned--directory-to-file": [Record(D, 4, mode=FILE)],
    "directory-size--set": [Record(D, 8, size=1)],
    "parent--file": [place(A, B, b"x")],
    "parent--unknown": [place(A, NEW, b"x")],
    "parent--file-as-root": [place(A, 0, b"/a")],
    "name-twice--moved": [place(A, TOP, b"b")],
    "name-twice--created": [create(NEW, D, b"x"), create(NEW + 1, D, b"x")],
    "below-itself--directly": [place(D, D, b"d")],
    "below-itself--in-its-child": [place(D, DEEP, b"d")],
    "below-itself--two": [place(D, E, b"d"), place(E, D, b"e")],
    "below-deleted--changed": [gone(D), Record(LEAF, 8, size=1)],
    "below-deleted--moved-in": [place(A, D, b"x"), gone(D)],
    "below-deleted--created": [gone(D), create(NEW, DEEP, b"x")],
}

TEXTS = {
    "text-prefix--nothing": "", "text-prefix--version-2": "QTN2:AQID", "text-prefix--lower-case": "qtn1:AQID",
    "text-prefix--delta-without-its-word": "QTN1:AQIE", "text-prefix--snapshot-called-batch": "QTN1:BATCH:AQID",
    "base64--no-padding": "QTN1:AQIDAA", "base64--too-much-padding": "QTN1:AQID=", "base64--line-end": "QTN1:AQID\n",
    "base64--blank": "QTN1:AQ ID", "base64--bits-left-over": "QTN1:AQIDAB==", "base64--url-alphabet": "QTN1:AQI_",
    "base64--word-without-colon": "QTN1:DELTA",
}  # fmt: skip


def one_chunk(columns: dict[str, bytes]) -> bytes:
    """A snapshot of one chunk of one entry."""
    return whole(ONE, b"\x01\x01\x01\x01" + b"".join(column(raw, zstd=False) for raw in columns.values()))


def whole(s: Snapshot, rest: bytes) -> bytes:
    """The header of a snapshot, and what comes after it."""
    return seal(snapshot_header(s) + rest, 8)


def snapshot_defects() -> Iterator[tuple[str, bytes]]:
    """Name, and document."""
    yield from ((name, one_chunk(A_FILE | columns)) for name, columns in CHUNKS.items())
    directory = {name: one_chunk(A_DIRECTORY | columns) for name, columns in DIRECTORIES.items()}
    header, good = snapshot_header(EMPTY_DIRECTORY), snapshot_header(ONE)
    yield from ((name, seal(header + data[len(good) : -8], 8)) for name, data in directory.items())
    for name, twisted in COLUMNS.items():
        columns = [column(raw, zstd=False) for raw in RAW.values()]
        yield name, whole(TWENTY, b"\x14\x14\x01\x14" + columns[0] + twisted + b"".join(columns[2:]))
    counts = {
        "too-many-entries--50000001": varint(50_000_001),
        "child-counts--of-top-more-than-entries": b"\x01\x02\x01",
        "chunk-count--more-than-entries": b"\x01\x01\x02",
        "chunk-size--none": b"\x01\x01\x01\x00",
        "chunk-size--more-than-to-come": b"\x01\x01\x01\x02",
        "entry-count--no-chunk": b"\x01\x01\x00",
        "truncated--counts": b"\x01",
    }
    yield from ((name, whole(ONE, rest)) for name, rest in counts.items())
    large = b"\x81\x80\x04"  # 65,537
    yield "chunk-size--65537", whole(ONE, large + large + b"\x01" + large)


def tree_defects() -> Iterator[tuple[str, bytes]]:
    """What is wrong with the header or with the whole."""
    headers: dict[str, dict[str, object]] = {
        "id-range--top-zero": {"top": 0},
        "id-range--top-50000000": {"top": 50_000_000},
        "path-too-long--65536": {"path": b"/abc" * 16_384},
        "top-entry--empty-path": {"path": b""},
        "top-entry--relative": {"path": b"srv"},
        "top-entry--dot-dot": {"path": b"/srv/.."},
        "top-entry--slash-at-end": {"path": b"/srv/"},
        "top-entry--nul": {"path": b"/s\0rv"},
        "top-entry--file": {"mode": FILE},
        "mode--top-17-bits": {"mode": 0x1_4000},
        "digest--other": {"digest": ONE.digest ^ 1},
    }
    for name, changed in headers.items():
        yield name, encode_otherwise(replace(ONE, **changed))  # type: ignore[arg-type]
    same = tree_of(Entry(8, TOP, b"a", FILE, 0, 0), Entry(9, TOP, b"a", FILE, 0, 0))
    yield "order--equal", encode_otherwise(same)
    yield "order--equal-over-a-seam", encode_otherwise(same, Choices(chunk=1))
    twins = tree([(b"a", FILE, 0, 0), (b"b", FILE, 0, 0)])
    for name, (s, at, raw) in {
        "order--descending": (twins, 2, b"b\0a\0"),
        "name-prefix--second": (twins, 1, b"\0\2"),
        "id-twice--again": (twins, 10, b"\0\1" + zigzag(-1) + b"\1"),
        "mode-table--descending": (twins, 5, b"\x02\xa5\x81\xa4\x81\x00\x00"),
        "time-table--equal": (twins, 8, b"\x02\x00\x00"),
        "time-table--past-the-end": (twins, 8, b"\x02" + zigzag(2**63 - 1) + b"\x01"),
        "child-counts--fewer-than-there": (tree(HOUSE), 0, b"\1\1\0"),
        "below-counts--one-too-few": (tree(HOUSE), 11, b"\0\0\0"),
        "below-counts--of-another": (tree(HOUSE), 11, b"\0\1\0"),
    }.items():
        yield name, encode_otherwise(s, damage=exchange(at, raw))
    yield "too-deep--513", encode_otherwise(tree([(b"/".join([b"d"] * n), DIRECTORY, 0, n) for n in range(1, 514)]))


def exchange(at: int, raw: bytes) -> Callable[[list[bytes]], list[bytes]]:
    """Puts another column in the place of one."""
    return lambda columns: [*columns[:at], raw, *columns[at + 1 :]]


def tree_of(*entries: Entry) -> Snapshot:
    """A snapshot that is no tree."""
    return replace(ONE, entries={e.id: e for e in entries})


def document_defects(document: bytes, kind: str, unknown_flag: int) -> Iterator[tuple[str, bytes]]:
    """What any document can have wrong with its ends."""
    check_size = 8 if kind in ("snapshot", "manifest") else 4
    body = document[:-check_size]
    yield f"truncated--{kind}-shortest", document[: 3 + check_size]
    yield f"magic--{kind}", seal(b"\x01\x03" + body[2:], check_size)
    yield f"magic--{kind}-other-kind", seal(body[:2] + bytes([body[2] ^ 7]) + body[3:], check_size)
    yield f"unknown-version--{kind}", seal(body[:3] + bytes([body[3] | unknown_flag]) + body[4:], check_size)
    yield f"check--{kind}", document[:-1] + bytes([document[-1] ^ 1])
    yield f"bytes-left-over--{kind}-end", seal(body + b"\0", check_size)
    yield f"section--{kind}-critical", with_sections(document, b"\x02\x00\x00")
    yield f"section--{kind}-none", with_sections(document, b"\x00")
    if kind == "snapshot":
        yield "section--descending", with_sections(document, b"\x03\x00\x01\x00\x00")
        yield "section--tag-twice", with_sections(document, b"\x01\x00\x01\x00\x00")
        yield "section--critical-after-ancillary", with_sections(document, SECTION[:-1] + b"\x80\x02\x00\x00")
        yield "truncated--section", with_sections(document, b"\x01" + varint(2**64 - 1))


def batch_defects() -> Iterator[tuple[str, bytes]]:
    """What only a batch can have wrong."""
    header = b"\x01\x02\x05\x00" + struct.pack("<Q", 3)
    yield "clock--leads-nowhere", seal(header + b"\x05\x00" + bytes(9), 4)
    yield "clock--past-2-64", seal(header + varint(2**64 - 1) + b"\x01" + bytes(9), 4)
    yield "void-digest--not-zero", seal(header[:3] + b"\x02" + header[4:] + b"\x05\x01" + b"\x01" + bytes(8), 4)
    sized = header[:3] + b"\x01" + header[4:] + b"\x05\x01" + bytes(8)
    yield "column-too-large--1-gib-and-1", seal(sized + b"\x01" + varint((1 << 30) + 1) + b"\x00", 4)
    columns = [b"\x05", b"\x01", *[b""] * 8]
    for at, name in ((0, "ids"), (1, "masks"), (8, "time-table"), (9, "times")):
        longer = [raw + b"\x01" * (n == at) for n, raw in enumerate(columns)]
        yield f"bytes-left-over--{name}", seal(sized + b"\x01" + b"".join(column(raw, zstd=False) for raw in longer), 4)
    short = [column(raw, zstd=False) for raw in [b"\x05", b"", *columns[2:]]]
    yield "truncated--masks", seal(sized + b"\x01" + b"".join(short), 4)


def invalid_files() -> Iterator[tuple[str, bytes]]:
    """Every file of `invalid/`."""
    snapshot, manifest = encode_snapshot(tree(HOUSE)), encode_manifest(encode_snapshot(tree(HOUSE)))
    batch = encode_batch(Batch(3, 5, 6, None, CHANGES["values"]))
    delta = encode_delta(CHANGES["values"])
    header = encode_manifest(whole(tree([]), b"\0\0\0"))[:-11]
    kinds = {
        "snapshot": [*snapshot_defects(), *tree_defects(), *document_defects(snapshot, "snapshot", 1)],
        "manifest": [
            *document_defects(manifest, "manifest", 128),
            ("chunk-size--manifest-none", seal(header + b"\x01\x01\x01\x00" + bytes(51), 8)),
            ("entry-count--manifest", seal(header + b"\x02\x02\x01\x01" + bytes(51), 8)),
        ],
        "batch": [*batch_defects(), *document_defects(batch, "batch", 8)],
        "delta": [(name, seal(b"\x01\x02\x04\x00" + body, 4)) for name, body in BODIES.items()],
    }
    kinds["delta"] += document_defects(delta, "delta", 2)
    for kind, defects in kinds.items():
        yield from ((f"invalid/{name}.{kind}.qtn", document) for name, document in defects)
    yield from ((f"invalid/{name}.txt", text.encode()) for name, text in TEXTS.items())
    yield from unfit_files()


def unfit_files() -> Iterator[tuple[str, bytes]]:
    """Two right documents that do not fit."""
    before = held(house())
    for name, records in APPLIED.items():
        told = Batch(before.epoch, before.seq, before.seq + 1, None, [Record(C, 8, size=1), *records])
        yield f"invalid/{name}.before.qtn", encode_snapshot(before)
        yield f"invalid/{name}.batch.qtn", encode_batch(told)
    deepest = tree([(b"/".join([b"d"] * n), DIRECTORY, 0, n) for n in range(1, 513)])
    told = Batch(deepest.epoch, deepest.seq, deepest.seq + 1, None, [create(NEW * 10, TOP + 512, b"x")])
    yield "invalid/too-deep--created.before.qtn", encode_snapshot(deepest)
    yield "invalid/too-deep--created.batch.qtn", encode_batch(told)
    manifest = encode_manifest(encode_snapshot(before))
    yield "invalid/address--one-size-changed.manifest.qtn", manifest
    other = [(path, mode, size + (path == b"a"), mtime_ns) for path, mode, size, mtime_ns in HOUSE]
    yield "invalid/address--one-size-changed.snapshot.qtn", encode_snapshot(tree(other))
