"""What documents say, as `spec/vectors/README.md` writes it.

Law: nothing is decided here; each field is the library's, in the suite's form.
"""

from __future__ import annotations

from typing import Any

from smart_tree_sse.draft import Draft
from smart_tree_sse.qtn import Batch, Delta, Header, Manifest, Records, Snapshot, decode, decode_snapshot
from smart_tree_sse.qtn.records import MODE, MTIME, PLACE, SIZE
from smart_tree_sse.tree import Tree

Json = dict[str, Any]


def says(document: bytes) -> Json:
    """A document of any kind."""
    match decode(document):
        case Snapshot() as snapshot:
            columns = (snapshot.ids, snapshot.parent_ids(), snapshot.modes, snapshot.sizes, snapshot.mtimes_ns)
            rows = enumerate(zip(*(column.tolist() for column in columns), strict=True))
            entries = [[i, up, snapshot.name(row).hex(), m, str(s), str(t)] for row, (i, up, m, s, t) in rows]
            return {"document": "snapshot", **_header(snapshot), "entries": entries}
        case Manifest() as manifest:
            chunks = [
                [chunk.entry_count, *([f"{at:032x}", size] for at, size in chunk.groups)] for chunk in manifest.chunks
            ]
            counts = {"entries": manifest.entry_count, "children": manifest.top_child_count}
            return {"document": "manifest", **_header(manifest), **counts, "chunks": chunks}
        case Batch() as batch:
            digest = None if batch.digest_low is None else f"{batch.digest_low:016x}"
            clocks = {"from_seq": str(batch.from_seq), "to_seq": str(batch.to_seq), "digest": digest}
            return {"document": "batch", "epoch": f"{batch.epoch:016x}", **clocks, "records": _records(batch.records)}
        case Delta() as delta:
            return {"document": "delta", "records": _records(delta.records)}


def _header(told: Header) -> Json:
    top = {"id": told.top_id, "path": told.path.hex(), "mode": told.mode, "mtime_ns": str(told.mtime_ns)}
    return {"epoch": f"{told.epoch:016x}", "seq": str(told.seq), "top": top, "digest": f"{told.digest:032x}"}


def _records(records: Records) -> list[list[Any]]:
    return [
        [
            record.id,
            record.mask,
            record.parent if record.mask & PLACE else None,
            record.name.hex() if record.mask & PLACE else None,
            record.mode if record.mask & MODE else None,
            str(record.size) if record.mask & SIZE else None,
            str(record.mtime_ns) if record.mask & MTIME else None,
        ]
        for record in records
    ]


def applied(before: bytes, change: bytes) -> Json:
    """The snapshot after a batch or a delta."""
    tree = Tree([decode_snapshot(before)])
    told = decode(change)
    assert isinstance(told, Batch | Delta)
    Draft(tree, told.records).commit()
    (root_id,) = tree.roots().values()
    root = tree.get(root_id)
    assert root is not None
    seq = told.to_seq if isinstance(told, Batch) else tree.seq
    header = Header(epoch=tree.epoch, seq=seq, top_id=root.id, path=root.name, mode=root.mode, mtime_ns=root.mtime_ns,
                    digest=root.digest)  # fmt: skip
    # In directory order: siblings together, each directory's entries behind all of these.
    entries: list[list[Any]] = []
    pending = [root]
    while pending:
        below = [tree.get(child) for _, child in sorted(tree.children(pending.pop().id).items())]
        found = [node for node in below if node is not None]
        entries += [[n.id, n.parent, n.name.hex(), n.mode, str(n.size), str(n.mtime_ns)] for n in found]
        pending += [node for node in reversed(found) if node.is_dir]
    return {"document": "snapshot", **_header(header), "entries": entries}
