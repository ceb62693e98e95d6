"""The fuzz target of QTN1: any bytes, as any kind of document, to the compiled codec; libFuzzer leads, atheris carries.

Law: whatever comes in, nothing comes out but a value or a `QtnError` with a code of the page and an offset of 0 or more
(and `PathError`, where a directory is asked for that is not there). What is taken is the same when it is encoded and
decoded again, and the plain codec takes it too and says the same; what the one refuses, so does the other.

The first byte chooses how the rest is read. Behind each document a right check is put, so that mutations get past it.
`MAX_ENTRIES` bounds what a document may cost: 70 MB for the largest names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import xxhash

from smarttree import qtn, wire
from smarttree.clock import Clock
from smarttree.errors import PathError, QtnError
from smarttree.row import Row
from smarttree.tree import SERVICE_ID
from spec import qtn1, qtn1_parts

MAX_ENTRIES = 70_000


def sealed(body: bytes, check_bytes: int) -> bytes:
    """The document with its check."""
    return body + xxhash.xxh64_digest(body)[::-1][:check_bytes]


def refused(decode: Callable[[], object]) -> bool:
    """Whether it is refused as it must be; any other exception is a finding."""
    try:
        decode()
    except (QtnError, qtn1.QtnError) as error:
        if error.code in wire.ERRORS and error.offset >= 0:
            return True
        raise
    return False


def snapshot(data: bytes) -> None:
    """A snapshot; if it is one, also each of the ways on from it."""
    document = sealed(wire.MAGIC_SNAPSHOT + data, 8)
    plain = refused(lambda: qtn1.decode_snapshot(document, MAX_ENTRIES))
    assert refused(lambda: qtn.decode(document, max_entries=MAX_ENTRIES)) == plain
    if plain:
        return
    found = qtn.decode(document)
    if max(found.top, found.columns.ids.max(initial=0)) > MAX_ENTRIES:  # a Tree has room for every id up to the largest
        return
    assert qtn.digest(found.tree, found.top) == found.digest
    again = qtn.encode(found.tree, found.top, found.clock)
    assert again == qtn1.encode_snapshot(qtn1.decode_snapshot(document))
    assert qtn.decode(again).digest == found.digest
    parts = qtn.encode_parts(found.tree, found.top, found.clock)
    assert qtn.assemble(parts.manifest(), {g.address: g.stored for _, groups in parts.chunks for g in groups}) == again


def below(data: bytes) -> None:
    """One directory of a snapshot: a path of one byte a name, then the snapshot."""
    document = sealed(wire.MAGIC_SNAPSHOT + data[8:], 8)
    path = b"/".join(data[n : n + 1] for n in range(8) if data[n : n + 1] not in (b"", b"\0", b"/"))
    try:
        refused(lambda: qtn.decode_below(document, path, max_entries=MAX_ENTRIES))
    except PathError:
        return


def manifest(data: bytes) -> None:
    document = sealed(wire.MAGIC_MANIFEST + data, 8)
    plain = refused(lambda: qtn1_parts.decode_manifest(document, MAX_ENTRIES))
    assert refused(lambda: qtn.decode_manifest(document, max_entries=MAX_ENTRIES)) == plain


def batch(data: bytes) -> None:
    document = sealed(wire.MAGIC_BATCH + data, 4)
    plain = refused(lambda: qtn1.decode_batch(document, MAX_ENTRIES))
    assert refused(lambda: qtn.decode_batch(document, max_records=MAX_ENTRIES)) == plain
    if not plain:
        found = qtn.decode_batch(document)
        told = qtn.encode_batch(Clock(found.epoch, found.to_seq), found.from_seq, found.digest, found.records)
        assert told == qtn1.encode_batch(qtn1.decode_batch(document))
        applied(found.records)


def delta(data: bytes) -> None:
    document = sealed(wire.MAGIC_DELTA + data, 4)
    plain = refused(lambda: qtn1.decode_delta(document, MAX_ENTRIES))
    assert refused(lambda: qtn.decode_delta(document, max_records=MAX_ENTRIES)) == plain
    if not plain:
        applied(qtn.decode_delta(document))


def applied(records: qtn.Records) -> None:
    """To a small tree; ids that would make it large are left to the bounds of ids."""
    if max((record.id for record in records), default=0) > MAX_ENTRIES or refused(lambda: qtn.apply(HOUSE, records)):
        return
    after = qtn.apply(HOUSE, records)
    assert qtn.digest(qtn.apply(HOUSE, qtn.diff(HOUSE, after))) == qtn.digest(after)
    assert qtn.digest(qtn.apply(after, records)) == qtn.digest(after)  # twice is once


def text(data: bytes) -> None:
    form = data.decode("latin-1")
    assert refused(lambda: qtn.from_text(form)) == refused(lambda: qtn1.from_text(form))


def group(data: bytes) -> None:
    plain = refused(lambda: qtn1_parts.address(data))
    assert refused(lambda: qtn.address(data)) == plain
    if not plain:
        assert qtn.address(data) == qtn1_parts.address(data)


def house() -> qtn.Tree:
    """Ids 1 to 9: directories in directories, and files."""
    tree = qtn.Tree()
    for eid in range(1, 10):
        assert tree.issue() == eid
        mode = 0o040755 if eid % 3 else 0o100644
        parent, name = (SERVICE_ID, b"/r") if eid == 1 else ((eid // 2) if (eid // 2) % 3 else 1, b"%d" % eid)
        tree.insert(eid, parent, name, Row(mode, 0, eid, 0, 0, 0))
    return tree


HOUSE = house()
WAYS: tuple[Callable[[bytes], None], ...] = (snapshot, below, manifest, batch, delta, text, group)


def examine(data: bytes) -> None:
    """One input. Raises where a law is broken."""
    if data:
        WAYS[data[0] % len(WAYS)](data[1:])


if __name__ == "__main__":
    import atheris

    atheris.Setup(sys.argv, examine)
    atheris.Fuzz()
