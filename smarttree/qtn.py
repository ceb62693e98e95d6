"""QTN1 for programs: encode, decode, diff, apply, compact, digest. The format is spec/QTN1.md.

    tree, top = scan("/path")
    data = encode(tree, top)                     # bytes; `to_text(PREFIX_SNAPSHOT, data)` for the text form
    snapshot = decode(data)
    snapshot.columns.sizes.sum()                 # numpy columns, no Python object for each entry
    records = diff(before, after)                # two Trees of one id space
    after = apply(before, records)

Pure but for `scan`: no sockets, no clocks; threads where they are asked for, which are kept for the next call. What is
decoded is distrusted; bytes that break the format raise `QtnError`, with `code` and `offset`, and nothing else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from smarttree import codec, disk
from smarttree._entries import Entries
from smarttree.clock import Clock
from smarttree.codec import (
    BatchBody,
    Manifest,
    Parts,
    Records,
    address,
    apply,
    assemble,
    compact,
    decode_batch,
    decode_delta,
    decode_manifest,
    diff,
    encode_batch,
    encode_delta,
    from_text,
    pool_of,
    to_text,
)
from smarttree.errors import QtnError
from smarttree.tree import SERVICE_ID, Tree
from smarttree.wire import ENTRIES_MAX, PREFIX_BATCH, PREFIX_DELTA, PREFIX_MANIFEST, PREFIX_SNAPSHOT

__all__ = [
    "PREFIX_BATCH",
    "PREFIX_DELTA",
    "PREFIX_MANIFEST",
    "PREFIX_SNAPSHOT",
    "BatchBody",
    "Clock",
    "Columns",
    "Manifest",
    "Parts",
    "QtnError",
    "Records",
    "Snapshot",
    "Tree",
    "address",
    "apply",
    "assemble",
    "compact",
    "decode",
    "decode_batch",
    "decode_below",
    "decode_delta",
    "decode_manifest",
    "diff",
    "digest",
    "encode",
    "encode_batch",
    "encode_delta",
    "encode_parts",
    "from_text",
    "scan",
    "to_text",
]


@dataclass(frozen=True, slots=True)
class Columns:
    """The entries below a snapshot's top, one value each, in directory order. Read-only views, without a copy.

    The name of entry i is `names[name_ends[i - 1]:name_ends[i]]` (from 0 for the first); `parents` holds ids.
    """

    ids: npt.NDArray[np.uint32]
    parents: npt.NDArray[np.uint32]
    modes: npt.NDArray[np.uint16]
    sizes: npt.NDArray[np.uint64]
    mtimes_ns: npt.NDArray[np.int64]
    names: npt.NDArray[np.uint8]
    name_ends: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, entries: Entries) -> Columns:
        return cls(
            ids=entries.column("id"),
            parents=entries.column("parent"),
            modes=entries.column("mode"),
            sizes=entries.column("size"),
            mtimes_ns=entries.column("mtime_ns"),
            names=entries.column("names"),
            name_ends=entries.column("name_end"),
        )


@dataclass(frozen=True)
class Snapshot:
    """A decoded snapshot: what its header says of the top entry, `columns` of everything below it, and the same as a
    `tree`, which takes `apply` and `diff` and is made when first asked for: 60 bytes for every id up to the largest,
    which the format bounds by 50 million.
    """

    clock: Clock
    path: bytes
    top: int
    mode: int
    mtime_ns: int
    digest: int
    columns: Columns
    _decoded: codec.Snapshot

    @cached_property
    def tree(self) -> Tree:
        return self._decoded.tree


def scan(path: str | os.PathLike[str], *, threads: int = 2) -> tuple[Tree, int]:
    """A directory of the disk as a Tree with one root, and the root's id. Raises OSError."""
    tree, reader = Tree(), disk.choose()
    top = os.fsencode(os.path.abspath(path))
    opened = reader.open(top, follow=True)
    try:
        return tree, tree.graft(
            opened.scan(watch=None, threads=threads, depth=0, progress=reader.progress()), top
        )  # fmt: skip
    finally:
        opened.close()


def encode(tree: Tree, top: int, clock: Clock | None = None, *, threads: int = 1) -> bytes:
    """The snapshot of directory `top`. About 0.15 µs an entry and thread.

    Raises NotADirectoryError; PathError for a path past the format's limit.
    """
    return codec.encode_snapshot(tree, top, clock or Clock(0, 0), pool_of(threads))


def encode_parts(tree: Tree, top: int, clock: Clock | None = None, *, threads: int = 1) -> Parts:
    """The same in its parts: groups with addresses of their own, which make the snapshot and its manifest."""
    return codec.encode_parts(tree, top, clock or Clock(0, 0), pool_of(threads))


def decode(data: bytes, *, threads: int = 1, max_entries: int = ENTRIES_MAX) -> Snapshot:
    """What a snapshot says, checked whole, its digest too. About 0.1 µs an entry.

    `max_entries`: more are refused before anything is allocated; each costs 46 bytes and its name.
    """
    return _snapshot(codec.decode_snapshot(data, pool_of(threads), max_entries=max_entries))


def decode_below(data: bytes, path: bytes, *, max_entries: int = ENTRIES_MAX) -> Snapshot:
    """One directory of a snapshot, `path` relative to its top; the chunks that have no part in it stay packed.

    Its digest is computed, and checked against nothing. Raises QtnError; PathError where there is no such directory.
    """
    return _snapshot(codec.decode_below(data, path, max_entries=max_entries))


def digest(tree: Tree, entry: int = SERVICE_ID) -> int:
    """The digest of a directory, or of the service: 128 bits, kept up to date by every change. O(1)."""
    return tree.digest(entry)


def _snapshot(decoded: codec.Snapshot) -> Snapshot:
    head = decoded.header
    columns = Columns.of(decoded.entries)
    return Snapshot(head.clock, head.path, head.top, head.mode, head.mtime_ns, head.digest, columns, decoded)
