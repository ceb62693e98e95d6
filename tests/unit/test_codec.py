"""Laws of the codec: decode(encode(t)) == t, both implementations read the same bytes alike, and bytes that are no
document give QtnError and nothing else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree import codec, wire
from smarttree._qtn import encode_chunk
from smarttree.clock import Clock
from smarttree.codec import parts
from smarttree.errors import QtnError
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from spec import qtn1
from tests import plain_encoder
from tests.plain_trees import DIRECTORY, FILE, TREES, choices, rows, snapshot
from tests.plain_trees import Row as PlainRow
from tests.trees import CLOCK, entries_of, pair, row, tree_of

typed_rows = rows().filter(lambda it: all(mode & 0xF000 for _, _, mode, _, _ in it))
"""A mode without a type is no entry's; that it is refused is tested below."""


def encoded(tree: Tree, top: int) -> bytes:
    return codec.encode_snapshot(tree, top, CLOCK)


def assert_same(tree: Tree, top: int, snapshot: codec.Snapshot) -> None:
    """The snapshot's tree is what is below `top`, with the same ids."""
    assert snapshot.clock == CLOCK
    assert (snapshot.top, snapshot.path) == (top, tree.path(top))
    assert snapshot.digest == tree.digest(top) == snapshot.tree.digest(top)
    assert entries_of(snapshot.tree, top) == entries_of(tree, top)
    assert snapshot.tree.row(top)[:3] == tree.row(top)[:3]
    assert snapshot.tree.totals(top) == tree.totals(top)


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("name", TREES)
def test_decode_takes_back_encode(name: str, seed: int | None) -> None:
    tree, top = tree_of(TREES[name], seed=seed)
    snapshot = codec.decode_snapshot(encoded(tree, top))
    assert_same(tree, top, snapshot)
    assert not list(codec.diff(tree, snapshot.tree))


@given(rows=typed_rows, seed=st.none() | st.integers(0, 99), chunk=st.sampled_from([1, 2, 3, 5, 1 << 16]))
@settings(max_examples=150, deadline=None)
def test_decode_takes_back_encode_of_any_tree(rows: list[PlainRow], seed: int | None, chunk: int) -> None:
    tree, top = tree_of(rows, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "next_cut", lambda _, ids, begin: min(begin + chunk, len(ids)))
        data = encoded(tree, top)
    assert_same(tree, top, codec.decode_snapshot(data))
    plain = qtn1.decode_snapshot(data)
    assert (plain.epoch, plain.seq, plain.top, plain.path) == (*CLOCK, top, tree.path(top))
    assert (plain.mode, plain.mtime_ns, plain.digest) == (DIRECTORY, -1, tree.digest(top))
    assert plain.entries == entries_of(tree, top)
    assert list(plain.entries) == tree.below(top).tolist()


@given(rows=typed_rows, path=st.sampled_from([b"/", b"/srv/tree", b"/\xff"]), choices=choices)
@settings(max_examples=150, deadline=None)
def test_any_encoder_is_understood(rows: list[PlainRow], path: bytes, choices: plain_encoder.Choices) -> None:
    """The plain encoder takes every liberty that the format gives."""
    plain = snapshot(rows, path=path)
    decoded = codec.decode_snapshot(plain_encoder.encode_snapshot(plain, choices))
    assert entries_of(decoded.tree, plain.top) == plain.entries
    assert (decoded.clock, decoded.top) == (Clock(plain.epoch, plain.seq), plain.top)
    assert (decoded.path, decoded.digest) == (plain.path, plain.digest)
    again = qtn1.decode_snapshot(codec.encode_snapshot(decoded.tree, decoded.top, decoded.clock))
    assert again == plain


@pytest.mark.parametrize("name", ["WIDE", "EXTENSIONS", "LONG_NAMES", "DEEP", "NON_UTF8"])
def test_named_trees_of_any_encoder_are_understood(name: str) -> None:
    plain = snapshot(TREES[name])
    decoded = codec.decode_snapshot(plain_encoder.encode_snapshot(plain, plain_encoder.Choices(chunk=700)))
    assert entries_of(decoded.tree, plain.top) == plain.entries


def test_part_of_a_tree_is_a_snapshot_of_its_own() -> None:
    tree, _ = tree_of(TREES["EVERY_KIND"], seed=1)
    inner = tree.resolve(b"/srv/tree/dir")
    decoded = codec.decode_snapshot(encoded(tree, inner))
    assert decoded.path == b"/srv/tree/dir"
    assert entries_of(decoded.tree, inner) == entries_of(tree, inner)
    with pytest.raises(NotADirectoryError):
        encoded(tree, tree.resolve(b"/srv/tree/file"))


# ---------------------------------------------------------------- canonical


def big(n: int) -> list[PlainRow]:
    """Some chunks full, with directories that reach over their borders."""
    found: list[PlainRow] = [(0, b"d%d" % d, DIRECTORY, 0, d) for d in range(3)]
    return found + [(1 + i % 3, b"%06d.%s" % (i, [b"c", b"h"][i % 2]), FILE, i * i, i // 9) for i in range(n)]


@given(rows=typed_rows)
@settings(max_examples=60, deadline=None)
def test_one_tree_has_one_form(rows: list[PlainRow]) -> None:
    """Names and values do not depend on ids, nor on the order in which the entries came."""
    (one, top), (other, other_top) = tree_of(rows), tree_of(rows, seed=3)
    if rows:
        columns = encode_chunk(one, one.below(top), top)
        assert columns[:10] == encode_chunk(other, other.below(other_top), other_top)[:10]
    assert one.digest(SERVICE_ID) == other.digest(SERVICE_ID)


def test_consecutive_ids_cost_nothing() -> None:
    plain = snapshot(big(100))
    tree = codec.decode_snapshot(plain_encoder.encode_snapshot(plain)).tree
    assert encode_chunk(tree, tree.below(plain.top), plain.top)[10] == b""


def test_a_pool_makes_the_same_bytes() -> None:
    tree, top = tree_of(big(60_000), seed=1)
    serial = encoded(tree, top)
    with ThreadPoolExecutor(4) as pool:
        assert codec.encode_snapshot(tree, top, CLOCK, pool) == serial
    assert_same(tree, top, codec.decode_snapshot(serial))
    assert qtn1.decode_snapshot(serial).digest == tree.digest(top)


def test_many_threads_share_the_codec() -> None:
    """Compressors are kept for each thread: no call sees another's."""
    tree, top = tree_of(big(3_000))
    wanted, wrong = encoded(tree, top), []

    def again() -> None:
        for _ in range(5):
            data = encoded(tree, top)
            if data != wanted or codec.decode_snapshot(data).digest != tree.digest(top):
                wrong.append(data)

    team = [threading.Thread(target=again) for _ in range(6)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    assert not wrong


# ---------------------------------------------------------------- batch, delta, text


@pytest.mark.parametrize("seed", range(40))
def test_records_are_read_alike(seed: int) -> None:
    before, after, ids = pair(seed)
    a, b = before.tree(ids), after.tree(ids)
    records = codec.diff(a, b)
    body = codec.decode_batch(codec.encode_batch(CLOCK, 40, b.digest(SERVICE_ID), records))
    assert (body.epoch, body.from_seq, body.to_seq) == (CLOCK.epoch, 40, 41)
    assert body.digest == b.digest(SERVICE_ID) & (1 << 64) - 1
    assert body.records == records
    plain = qtn1.decode_batch(codec.encode_batch(CLOCK, 40, None, records))
    assert plain.digest_low is None
    assert [(r.id, r.mask, r.parent, r.name, r.mode, r.size, r.mtime_ns) for r in plain.records] == list(records)
    for zstd in (False, True):
        again = plain_encoder.encode_batch(plain, zstd=zstd)
        assert codec.decode_batch(again).records == records
        assert codec.decode_batch(again).digest is None
    if plain.records:
        assert codec.decode_delta(codec.encode_delta(records)) == records
        assert qtn1.decode_delta(codec.encode_delta(records)) == plain.records
        assert codec.decode_delta(plain_encoder.encode_delta(plain.records)) == records


TEXT_FORMS = {
    wire.PREFIX_SNAPSHOT: wire.MAGIC_SNAPSHOT,
    wire.PREFIX_DELTA: wire.MAGIC_DELTA,
    wire.PREFIX_BATCH: wire.MAGIC_BATCH,
}


@given(st.binary(max_size=40), st.sampled_from(sorted(TEXT_FORMS)), st.sampled_from(sorted(TEXT_FORMS)))
def test_text_is_taken_back_under_its_own_prefix(rest: bytes, prefix: str, other: str) -> None:
    data = TEXT_FORMS[prefix] + rest
    text = codec.to_text(prefix, data)
    assert codec.from_text(text) == data
    assert json.loads(json.dumps(text)) == text
    if other != prefix:
        with pytest.raises(QtnError):
            codec.from_text(codec.to_text(other, data))


def test_a_snapshot_begins_as_the_seed_shows_it() -> None:
    tree, top = tree_of([])
    assert codec.to_text(wire.PREFIX_SNAPSHOT, encoded(tree, top)).startswith("QTN1:AQID")


NO_TEXTS = ["", "QTN2:AQID", "QTN1", "QTN1:A", "QTN1:AQ=", "QTN1:\u00e9", "QTN1:AQ ID", "QTN1:DELTA:!"]


@pytest.mark.parametrize("text", NO_TEXTS)
def test_what_is_no_text_form(text: str) -> None:
    with pytest.raises(QtnError):
        codec.from_text(text)


# ---------------------------------------------------------------- hostile bytes

Decode = Callable[[bytes], object]


def small_documents() -> Iterator[tuple[str, bytes, Decode, int]]:
    """Small documents of every kind, packed and not: name, bytes, their decoder, the size of their check."""
    for name in ("EMPTY", "ONE_FILE", "EVERY_KIND", "EXTENSIONS"):
        tree, top = tree_of(TREES[name], seed=2)
        yield f"snapshot {name}", encoded(tree, top), codec.decode_snapshot, 8
    tree, top = tree_of(TREES["WIDE"][:60])
    yield "snapshot packed", encoded(tree, top), codec.decode_snapshot, 8
    before, after, ids = pair(4)
    a, b = before.tree(ids), after.tree(ids)
    records = codec.diff(a, b)
    yield "batch", codec.encode_batch(CLOCK, 40, b.digest(SERVICE_ID), records), codec.decode_batch, 4
    yield "delta", codec.encode_delta(codec.diff(a, Tree())), codec.decode_delta, 4
    tree, top = tree_of(TREES["WIDE"][:60])
    many = codec.encode_batch(CLOCK, 40, None, codec.diff(Tree(), tree))
    assert many[3] & wire.FLAG_SIZES
    yield "batch packed", many, codec.decode_batch, 4


DOCUMENTS = {name: (data, decode, check) for name, data, decode, check in small_documents()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_damage_is_noticed(name: str) -> None:
    """Every bit turned, every cut, and bytes behind the end."""
    data, decode, _ = DOCUMENTS[name]
    decode(data)
    for at in range(len(data)):
        for bit in range(8):
            with pytest.raises(QtnError):
                decode(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        with pytest.raises(QtnError):
            decode(data[:at])
    with pytest.raises(QtnError):
        decode(data + b"\0")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_malice_is_noticed_or_makes_a_document(name: str) -> None:
    """As before, with the check made good. The plain decoder agrees on what is a document and on what it says."""
    data, decode, check = DOCUMENTS[name]
    body = data[:-check]
    for at in range(4, len(body)):
        for flip in (1, 2, 0x10, 0x40, 0x80, 0xFF):
            examine(plain_encoder.seal(body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :], check), decode)
        examine(plain_encoder.seal(body[:at], check), decode)
        examine(plain_encoder.seal(body[:at] + body[at + 1 :], check), decode)
        examine(plain_encoder.seal(body[:at] + body[at : at + 1] + body[at:], check), decode)


def examine(data: bytes, decode: Decode) -> None:
    """QtnError, or a document that both implementations read alike."""
    try:
        plain: qtn1.Snapshot | qtn1.Batch | list[qtn1.Record] | None = PLAIN[decode](data)
    except qtn1.QtnError:
        plain = None
    found: object = None
    refusal: QtnError | None = None
    try:
        found = decode(data)
    except QtnError as error:
        refusal = error
    if refusal:
        assert 0 <= refusal.offset <= len(data)
        assert plain is None, f"only the plain decoder takes {data.hex()}: {refusal}"
        return
    assert plain is not None, f"only the compiled decoder takes {data.hex()}"
    if isinstance(found, codec.Snapshot):
        assert isinstance(plain, qtn1.Snapshot)
        assert entries_of(found.tree, found.top) == plain.entries
        assert found.tree.row(found.top)[:3] == (plain.mode, 0, plain.mtime_ns)
        assert (*found.clock, found.top, found.path, found.digest) == (
            plain.epoch, plain.seq, plain.top, plain.path, plain.digest,
        )  # fmt: skip


PLAIN: dict[Decode, Callable[[bytes], qtn1.Snapshot | qtn1.Batch | list[qtn1.Record]]] = {
    codec.decode_snapshot: qtn1.decode_snapshot,
    codec.decode_batch: qtn1.decode_batch,
    codec.decode_delta: qtn1.decode_delta,
}
MAGIC: dict[Decode, bytes] = {
    codec.decode_snapshot: wire.MAGIC_SNAPSHOT,
    codec.decode_batch: wire.MAGIC_BATCH,
    codec.decode_delta: wire.MAGIC_DELTA,
}


@given(data=st.binary(max_size=200), kind=st.sampled_from(list(PLAIN)))
@settings(max_examples=300, deadline=None)
def test_noise_is_noticed(data: bytes, kind: Decode) -> None:
    check = 8 if kind == codec.decode_snapshot else 4
    examine(plain_encoder.seal(MAGIC[kind] + b"\0" + data, check), kind)


def test_promises_are_not_believed() -> None:
    """Counts and sizes of many gigabytes in a few bytes: an error at once, and nothing allocated for them."""
    head = wire.MAGIC_SNAPSHOT + bytes(9) + b"\1\1" + b"\2/a" + plain_encoder.varint(DIRECTORY) + b"\0" + bytes(16)
    huge = plain_encoder.varint(49_999_999)
    for body in (
        head + huge + huge + huge,
        head + huge + huge + b"\1" + plain_encoder.varint(65_536) + (b"\x80\x80\x80\4\0" * 12),
        wire.MAGIC_BATCH + bytes(18) + huge + b"\0\0",
        wire.MAGIC_DELTA + b"\1" + huge + (plain_encoder.varint(1 << 30) + plain_encoder.column(b"x")[1:]) * 10,
    ):
        check = 8 if body.startswith(wire.MAGIC_SNAPSHOT) else 4
        for decode in PLAIN:
            with pytest.raises(QtnError):
                decode(plain_encoder.seal(body, check))


def test_a_snapshot_at_the_limits() -> None:
    """512 levels and a name of 1,024 bytes are taken, 513 and 1,025 are not."""
    deepest: list[PlainRow] = [(n, b"d", DIRECTORY, 0, 0) for n in range(513)]
    tree, top = tree_of(deepest[:512])
    assert codec.decode_snapshot(encoded(tree, top)).digest == tree.digest(top)
    too_deep = plain_encoder.encode_snapshot(snapshot(deepest))
    too_long = plain_encoder.encode_snapshot(snapshot([(0, b"n" * 1025, FILE, 0, 0)]))
    long_enough = plain_encoder.encode_snapshot(snapshot([(0, b"n" * 1024, FILE, 0, 0)]))
    codec.decode_snapshot(long_enough)
    for data in (too_deep, too_long):
        with pytest.raises(QtnError):
            codec.decode_snapshot(data)


def test_a_mode_without_a_type_is_refused() -> None:
    with pytest.raises(QtnError):
        codec.decode_snapshot(plain_encoder.encode_snapshot(snapshot([(0, b"a", 0o644, 1, 0)])))


def test_a_tree_decoded_has_no_disk_values() -> None:
    plain = snapshot(TREES["EVERY_KIND"])
    tree = codec.decode_snapshot(plain_encoder.encode_snapshot(plain)).tree
    assert tree.row(plain.top + 1) == row(*tree.row(plain.top + 1)[:3])
    assert tree.child(plain.top, b"none") == NO_ID
