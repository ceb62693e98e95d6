"""The compiled codec and the plain decoder, written from `spec/QTN1.md` apart, agree on every document: both accept it
and read the same, or both refuse it.

Law: documents are valid ones, damaged at random (but the same in every run), with the check made good again, and the
digest too where nothing else is wrong: so that the decoders proper meet the damage.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from random import Random

import pytest
from hypothesis import given
from zstandard import ZstdCompressionParameters, ZstdCompressor

from smarttree import codec
from smarttree.clock import Clock
from smarttree.errors import QtnError
from smarttree.tree import Tree
from spec import qtn1
from spec.qtn1 import SERVICE, Batch, Entry, Record, Snapshot
from spec.qtn1_mirror import Mirror
from tests import plain_encoder as enc
from tests.plain_encoder import Choices, seal
from tests.plain_trees import DIRECTORY, FILE, LINK, PIPE, TREES, Row, choices, snapshot, snapshots

SEEDS = range(12)
DOCUMENTS = 120  # for each seed
NEW_IDS = range(50_000, 99_999)  # none of them is in a base; so many that none comes back
TELLING_BYTES = [0, 1, 2, 3, 4, 0x2E, 0x2F, 0x40, 0x7F, 0x80, 0x81, 0xFF]
CHAIN: list[Row] = [(n, b"d", DIRECTORY, 0, n) for n in range(9)]
BASES = [TREES["ONE_FILE"], TREES["EVERY_KIND"], TREES["NON_UTF8"], TREES["EXTENSIONS"], TREES["WIDE"][:40], CHAIN]


# ---------------------------------------------------------------- damage


def damaged(random: Random, data: bytes) -> bytes:
    """`data` with one to three small accidents."""
    out = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        at, other = (random.randrange(len(out)) if out else 0 for _ in range(2))
        accident = random.randrange(6) if out else 0
        if accident == 0:
            out.insert(at, random.choice(TELLING_BYTES))
        elif accident == 1:
            out[at] = random.choice(TELLING_BYTES)
        elif accident == 2:
            out[at] = (out[at] + random.choice([1, -1])) & 0xFF
        elif accident == 3:
            del out[at]
        elif accident == 4:
            out[at:at] = out[at : at + random.randrange(1, 6)]
        else:
            out[at], out[other] = out[other], out[at]
    return bytes(out)


def one_column_damaged(random: Random) -> Callable[[list[bytes]], list[bytes]]:
    """A `damage` for the encoder: most chunks get one column that is another, whose sizes are right all the same."""

    def damage(columns: list[bytes]) -> list[bytes]:
        at = random.randrange(len(columns) + 2)
        return [damaged(random, raw) if i == at else raw for i, raw in enumerate(columns)]

    return damage


def any_choices(random: Random) -> Choices:
    """What another encoder might do."""
    return Choices(
        chunk=random.choice([1, 2, 3, 7, 100]),
        zstd=random.random() < 0.2,
        prefixes=random.random() < 0.7,
        extensions=random.random() < 0.7,
        time_table=random.random() < 0.5,
        always_runs=random.random() < 0.5,
        longest_run=random.choice([1, 2, 100]),
    )


# ---------------------------------------------------------------- what each of the two reads

Held = dict[int, tuple[int, bytes, int, int, int]]  # by id: parent, name, mode, size, mtime_ns


def of_tree(tree: Tree) -> Held:
    """Everything in a compiled tree, in directory order below each root."""
    ids = [i for root in tree.roots() for i in (root, *map(int, tree.below(root)))]
    rows = {i: tree.row(i) for i in ids}
    return {i: (tree.parent(i), tree.name(i), row.mode, row.size, row.mtime_ns) for i, row in rows.items()}


def of_entries(entries: dict[int, Entry]) -> Held:
    """Everything in a plain snapshot or mirror."""
    return {e.id: (e.parent, e.name, e.mode, e.size, e.mtime_ns) for e in entries.values()}


def compiled_snapshot(data: bytes) -> object:
    """What the compiled codec reads in a snapshot, or None for refused."""
    try:
        read = codec.decode_snapshot(data)
    except QtnError:
        return None
    return *read.clock, read.top, read.path, read.digest, list(of_tree(read.tree).items())


def plain_snapshot(data: bytes) -> tuple[object, str]:
    """What the plain decoder reads in a snapshot, or None, and the code with which it refuses it."""
    try:
        read = qtn1.decode_snapshot(data)
    except qtn1.QtnError as error:
        return None, error.code
    top = (read.top, (SERVICE, read.path, read.mode, 0, read.mtime_ns))
    return (read.epoch, read.seq, read.top, read.path, read.digest, [top, *of_entries(read.entries).items()]), ""


def compiled_records(decode: Callable[[bytes], codec.BatchBody | codec.Records], data: bytes) -> object:
    """What the compiled codec reads in a batch or delta, or None for refused."""
    try:
        read = decode(data)
    except QtnError:
        return None
    return (*read[:4], list(map(tuple, read[4]))) if isinstance(read, tuple) else list(map(tuple, read))


def of_record(r: Record) -> tuple[int, int, int, bytes, int, int, int]:
    """A plain record as a tuple."""
    return r.id, r.mask, r.parent, r.name, r.mode, r.size, r.mtime_ns


def plain_records(decode: Callable[[bytes], Batch | list[Record]], data: bytes) -> object:
    """What the plain decoder reads in a batch or delta, or None for refused."""
    try:
        read = decode(data)
    except qtn1.QtnError:
        return None
    if isinstance(read, Batch):
        return read.epoch, read.from_seq, read.to_seq, read.digest_low, list(map(of_record, read.records))
    return list(map(of_record, read))


# ---------------------------------------------------------------- snapshots


class LastDigests:
    """Stands in for the plain decoder's `digests` and remembers its last answer, to repair a document with."""

    def __init__(self) -> None:
        self.compute, self.last = qtn1.digests, dict[int, int]()

    def __call__(self, parents_first: list[Entry]) -> dict[int, int]:
        self.last = self.compute(parents_first)
        return self.last


def with_digest(data: bytes, tree: Snapshot, digest: int) -> bytes:
    """The document with another digest; its header must still be that of `tree`."""
    at = 12 + sum(len(enc.varint(n)) for n in (tree.seq, tree.top, len(tree.path), tree.mode))
    at += len(tree.path) + len(enc.zigzag(tree.mtime_ns))
    return seal(data[:at] + digest.to_bytes(16, "little") + data[at + 16 : -8], 8)


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_snapshots(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random, digests = Random(seed), LastDigests()
    monkeypatch.setattr(qtn1, "digests", digests)
    accepted = 0
    for _ in range(DOCUMENTS):
        tree = snapshot(random.choice(BASES), scattered=random.random() < 0.4)
        if random.random() < 0.7:
            data = enc.encode_snapshot(tree, any_choices(random), one_column_damaged(random))
        else:
            data = seal(damaged(random, enc.encode_snapshot(tree, any_choices(random))[:-8]), 8)
        plain, code = plain_snapshot(data)
        if code == "digest":
            data = with_digest(data, tree, digests.last.get(tree.top, 0))
            plain, code = plain_snapshot(data)
        assert compiled_snapshot(data) == plain, f"{code or 'taken'} by the plain decoder: {data.hex()}"
        accepted += plain is not None
    assert DOCUMENTS // 20 < accepted < DOCUMENTS * 2 // 3, "the damage is too much, or too little, to tell anything"


@pytest.mark.parametrize("first_run", [-10, -9, -8, -7, 0, 50_000_000 - 9, 50_000_000 - 8, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("length", [1, 2])
def test_ids_out_of_bounds(first_run: int, length: int) -> None:
    """Runs that begin or end below 1, at the top's own id 7, or beyond the last id; the first is 8 + `first_run`."""
    rows: list[Row] = [(0, b"%d" % n, FILE, 0, 0) for n in range(length)]

    def damage(columns: list[bytes]) -> list[bytes]:
        return [*columns[:10], enc.zigzag(first_run) + enc.varint(length), *columns[11:]]

    data = enc.encode_snapshot(snapshot(rows), Choices(), damage)
    first = 8 + first_run
    right = 1 <= first <= 50_000_000 - length and not first <= 7 < first + length
    plain, _ = plain_snapshot(data)
    assert (plain is not None) == right
    if not right:  # one that is right at the last id would cost the compiled codec gigabytes
        assert compiled_snapshot(data) is None


@given(snapshots, choices)
def test_any_snapshot_of_the_one_is_read_by_the_other(tree: Snapshot, options: Choices) -> None:
    read = codec.decode_snapshot(enc.encode_snapshot(tree, options))
    assert qtn1.decode_snapshot(codec.encode_snapshot(read.tree, read.top, read.clock)) == tree


# ---------------------------------------------------------------- records, and batches applied


def any_record(random: Random, entry: int, told: list[int], mirror: Mirror) -> Record:
    """A record about the entry, held or not, in a batch that tells of `told`; often one that can't be obeyed."""
    known = sorted(mirror.entries)
    some = mirror.entries[random.choice(known)]
    held = mirror.entries.get(entry)
    mask = random.choice([1, 2, 2, 4, 8, 16, 18, 26, 30] if held else [1, 30, 30, 30, 30, 30, 28])
    parents = [i for i in known if mirror.entries[i].is_dir] * 3 + [*told, some.id, 0]
    parent = random.choice(parents)
    name = random.choice([b"a", b"b", b"new%d" % random.randrange(9), some.name.rpartition(b"/")[2]])
    mode = random.choice([DIRECTORY, FILE, LINK, PIPE, *([held.mode ^ 0o10] * 8 if held else [])])
    size = random.choice([0, 0, 1, 77, (1 << 63) - 1]) * (mode != DIRECTORY or random.random() < 0.1)
    mtime_ns = random.choice([0, 5, -1, -(2**63), 2**63 - 1])
    return Record(
        entry,
        mask,
        parent * bool(mask & 2),
        (b"" if parent else b"/") + name if mask & 2 else b"",
        mode * bool(mask & 4),
        size * bool(mask & 8),
        mtime_ns * bool(mask & 16),
    )


def any_batch(random: Random, mirror: Mirror) -> Batch:
    """The next batch of up to six records, told of distinct ids, in order; it can't always be applied."""
    ids = [*mirror.entries, *random.sample(NEW_IDS, 3)]
    told = sorted(random.sample(ids, min(len(ids), random.choice([1, 1, 2, 3, 6]))))
    records = [any_record(random, entry, told, mirror) for entry in told]
    return Batch(mirror.epoch, mirror.seq, mirror.seq + 1, None, records)


def house(random: Random) -> tuple[Mirror, Tree]:
    """One tree, held by both."""
    data = enc.encode_snapshot(snapshot(random.choice(BASES), scattered=random.random() < 0.4))
    mirror = Mirror()
    mirror.replace([qtn1.decode_snapshot(data)])
    return mirror, codec.decode_snapshot(data).tree


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_batches_and_deltas(seed: int) -> None:
    random, accepted = Random(seed), 0
    for _ in range(DOCUMENTS):
        batch, zstd = any_batch(random, house(random)[0]), random.random() < 0.1
        batch.digest_low = random.choice([None, random.getrandbits(64)])
        data = seal(damaged(random, enc.encode_batch(batch, zstd=zstd)[:-4]), 4)
        plain = plain_records(qtn1.decode_batch, data)
        assert compiled_records(codec.decode_batch, data) == plain, data.hex()
        accepted += plain is not None
        data = seal(damaged(random, enc.encode_delta(batch.records, zstd=zstd)[:-4]), 4)
        assert compiled_records(codec.decode_delta, data) == plain_records(qtn1.decode_delta, data), data.hex()
    assert DOCUMENTS // 20 < accepted < DOCUMENTS * 2 // 3, "the damage is too much, or too little, to tell anything"


# Bodies of which one column is packed in some way: ids (column 1) of deletions, and suffixes (5) of more than 8 MiB.
DELETIONS = [Record(i, 1) for i in range(1, 90)]
MOVES = [Record(i, 2, 7, b"%05d" % i + b"n" * 1000) for i in range(10_001, 20_001)]
IDS = enc.record_columns(DELETIONS, Choices())[0]
SUFFIXES = enc.record_columns(MOVES, Choices(prefixes=False))[4]
PACKED = ZstdCompressor().compress(IDS)
FRAMES = {
    "right": (IDS, PACKED, True),
    "own checksum": (IDS, ZstdCompressor(write_checksum=True).compress(IDS), True),
    "no content size": (IDS, ZstdCompressor(write_content_size=False).compress(IDS), False),
    "a byte after it": (IDS, PACKED + b"\0", False),
    "an empty frame after it": (IDS, PACKED + ZstdCompressor().compress(b""), False),
    "two frames": (IDS, ZstdCompressor().compress(IDS[:50]) + ZstdCompressor().compress(IDS[50:]), False),
    "skippable": (IDS, b"\x50\x2a\x4d\x18" + len(IDS).to_bytes(4, "little") + IDS, False),
    "larger than told": (IDS, ZstdCompressor().compress(IDS + b"\0"), False),
    "no magic": (IDS, PACKED[4:], False),
    "of nothing": (b"", ZstdCompressor().compress(b""), False),
    "large": (SUFFIXES, ZstdCompressor().compress(SUFFIXES), True),
    "wide window": (
        SUFFIXES,
        ZstdCompressor(compression_params=ZstdCompressionParameters.from_level(1, window_log=24)).compress(SUFFIXES),
        False,
    ),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_frames(frame: str) -> None:
    raw, stored, right = FRAMES[frame]
    records, at = (MOVES, 4) if raw == SUFFIXES else (DELETIONS, 0)
    columns = [enc.column(column) for column in enc.record_columns(records, Choices(prefixes=False))]
    columns[at] = enc.varint(len(raw)) + enc.varint(len(stored)) + stored
    data = seal(b"\1\2\4\1" + enc.varint(len(records)) + b"".join(columns), 4)
    plain = plain_records(qtn1.decode_delta, data)
    assert (plain is not None) == right
    assert compiled_records(codec.decode_delta, data) == plain


def both_apply(mirror: Mirror, tree: Tree, batch: Batch) -> Tree | None:
    """The tree after the batch, which both agree on; None where both refuse it."""
    try:
        after = codec.apply(tree, codec.decode_batch(enc.encode_batch(batch)).records)
    except QtnError:
        with pytest.raises(qtn1.QtnError):
            mirror.apply(batch)
        return None
    assert mirror.apply(batch)
    return after


@pytest.mark.parametrize("seed", SEEDS)
def test_batches_come_to_the_same_tree(seed: int) -> None:
    random, applied = Random(seed), 0
    for _ in range(DOCUMENTS // 8):
        mirror, tree = house(random)
        for _ in range(8):
            batch = any_batch(random, mirror)
            before = of_entries(mirror.entries)
            after = both_apply(mirror, tree, batch)
            if after is None:
                assert of_entries(mirror.entries) == before
                continue
            assert_same(mirror, after, batch)
            applied += 1
            if not mirror.entries:
                break
            tree = after
    assert applied > DOCUMENTS // 8, "too little could be applied to tell anything"


def test_both_check_the_depth_of_what_is_told_and_no_more() -> None:
    """Ids: root 7, below it 8 to 517 at depths 1 to 510, one below the other."""
    data = enc.encode_snapshot(snapshot(TREES["DEEP"][:510]))
    mirror, tree = Mirror(), codec.decode_snapshot(data).tree
    mirror.replace([qtn1.decode_snapshot(data)])

    def agreed(*records: Record) -> bool:
        nonlocal tree
        batch = Batch(mirror.epoch, mirror.seq, mirror.seq + 1, None, list(records))
        after = both_apply(mirror, tree, batch)
        tree = after or tree
        assert_same(mirror, tree, batch)
        return after is not None

    def directory(entry: int, parent: int) -> Record:
        return Record(entry, 30, parent, b"new", DIRECTORY, 0, 0)

    assert agreed(directory(600, 517), directory(601, 600)), "depths 511 and 512"
    assert not agreed(directory(602, 601)), "depth 513"
    assert agreed(Record(8, 2, 701, b"d"), directory(700, 7), directory(701, 700)), "600 and 601 come to 513 and 514"
    assert not agreed(Record(601, 16))
    assert not agreed(Record(600, 2, 517, b"other"))
    assert agreed(Record(601, 1)), "a deletion tells of no depth"
    assert agreed(Record(516, 16), Record(517, 1)), "516 is at 511"


def assert_same(mirror: Mirror, tree: Tree, batch: Batch) -> None:
    """Both hold one tree, and have one digest for it."""
    assert of_tree(tree) == of_entries(mirror.entries), batch
    assert tree.digest(SERVICE) == mirror.service_digest == mirror.digest(), batch


@pytest.mark.parametrize("seed", SEEDS)
def test_the_difference_told_by_the_one_is_obeyed_by_the_other(seed: int) -> None:
    """Whatever some batches did, the compiled codec's difference does the same to the plain mirror in one."""
    random = Random(seed)
    for _ in range(DOCUMENTS // 8):
        mirror, before = house(random)
        goal, after = deepcopy(mirror), before
        for _ in range(4):
            if goal.entries:
                after = both_apply(goal, after, any_batch(random, goal)) or after
        clock = Clock(mirror.epoch, mirror.seq + 1)
        told = codec.encode_batch(clock, mirror.seq, after.digest(SERVICE), codec.diff(before, after))
        batch = qtn1.decode_batch(told)
        assert mirror.apply(batch)
        assert_same(mirror, after, batch)


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize("prefix", ["QTN1:", "QTN1:DELTA:", "QTN1:BATCH:", "QTN1", "qtn1:", ""])
@pytest.mark.parametrize("data", ["AQID", "AQIF", "AQIDAA==", "AQIDAB==", "AQIDAA", "AQID\tAAA", "AQI_", "é", ""])
def test_texts(prefix: str, data: str) -> None:
    try:
        plain = qtn1.from_text(prefix + data)
    except qtn1.QtnError:
        with pytest.raises(QtnError):
            codec.from_text(prefix + data)
    else:
        assert codec.from_text(prefix + data) == plain
