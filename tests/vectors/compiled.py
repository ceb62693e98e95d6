"""The compiled codec as the suite of vectors asks for it.

Law: it goes by way of what `smarttree.qtn` gives everyone: columns, records and trees.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from smarttree import codec, qtn, wire
from smarttree.clock import Clock
from smarttree.codec.header import Header
from smarttree.errors import QtnError
from smarttree.tree import SERVICE_ID
from tests.vectors.implementations import Json, Refused


@contextmanager
def refusing() -> Iterator[None]:
    """A QtnError as what the suite waits for."""
    try:
        yield
    except QtnError as error:
        raise Refused(error.code, error.offset) from None


def header_json(header: Header, document: str) -> Json:
    """What a snapshot and its manifest say first."""
    return {
        "document": document,
        "epoch": f"{header.clock.epoch:016x}",
        "seq": str(header.clock.seq),
        "top": {
            "id": header.top,
            "path": header.path.hex(),
            "mode": header.mode,
            "mtime_ns": str(header.mtime_ns),
        },
        "digest": f"{header.digest:032x}",
    }


def snapshot_json(data: bytes) -> Json:
    """What a snapshot says, from its columns."""
    columns = qtn.decode(data).columns
    names, ends = columns.names.tobytes(), [0, *columns.name_ends.tolist()]
    values = columns.ids, columns.parents, columns.modes, columns.sizes, columns.mtimes_ns
    rows = zip(pairwise(ends), *(column.tolist() for column in values), strict=True)
    return header_json(codec.decode_snapshot(data).header, "snapshot") | {
        "entries": [
            [eid, parent, names[start:end].hex(), mode, str(size), str(mtime_ns)]
            for (start, end), eid, parent, mode, size, mtime_ns in rows
        ]
    }


def records_json(records: qtn.Records) -> list[list[Any]]:
    """Of each record what its mask has."""
    rows = []
    for eid, mask, parent, name, mode, size, mtime_ns in records:
        place = [parent, name.hex()] if mask & wire.MASK_PLACE else [None, None]
        values = (mode, wire.MASK_MODE), (str(size), wire.MASK_SIZE), (str(mtime_ns), wire.MASK_MTIME)
        rows.append([eid, mask, *place, *(value if mask & bit else None for value, bit in values)])
    return rows


class Compiled:
    """The server's own."""

    name = "compiled"

    @refusing()
    def decode_snapshot(self, data: bytes) -> Json:
        return snapshot_json(data)

    @refusing()
    def decode_manifest(self, data: bytes) -> Json:
        header, chunks = qtn.decode_manifest(data)
        return header_json(header, "manifest") | {
            "entries": header.entries,
            "children": header.children,
            "chunks": [[n, *([f"{g.address:032x}", g.size] for g in groups)] for n, groups in chunks],
        }

    @refusing()
    def decode_batch(self, data: bytes) -> Json:
        batch = qtn.decode_batch(data)
        return {
            "document": "batch",
            "epoch": f"{batch.epoch:016x}",
            "from_seq": str(batch.from_seq),
            "to_seq": str(batch.to_seq),
            "digest": None if batch.digest is None else f"{batch.digest:016x}",
            "records": records_json(batch.records),
        }

    @refusing()
    def decode_delta(self, data: bytes) -> Json:
        return {"document": "delta", "records": records_json(qtn.decode_delta(data))}

    @refusing()
    def from_text(self, text: str) -> bytes:
        return qtn.from_text(text)

    @refusing()
    def apply(self, before: bytes, told: bytes) -> Json:
        held = qtn.decode(before)
        if not told.startswith(wire.MAGIC_BATCH):
            return self._after(held, held.clock, qtn.decode_delta(told))
        batch = qtn.decode_batch(told)
        assert (batch.epoch, batch.from_seq) == held.clock
        return self._after(held, Clock(batch.epoch, batch.to_seq), batch.records, batch.digest)

    def _after(self, held: qtn.Snapshot, clock: Clock, records: qtn.Records, digest: int | None = None) -> Json:
        tree = qtn.apply(held.tree, records)
        assert digest in (None, qtn.digest(tree) & (1 << 64) - 1)
        (top,) = tree.children(SERVICE_ID)
        return snapshot_json(qtn.encode(tree, top, clock))

    @refusing()
    def assemble(self, manifest: bytes, groups: list[bytes]) -> bytes:
        references = [reference for _, chunk in qtn.decode_manifest(manifest).chunks for reference in chunk]
        return qtn.assemble(manifest, {r.address: group for r, group in zip(references, groups, strict=True)})
