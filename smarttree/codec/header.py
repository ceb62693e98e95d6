"""The header that snapshots and manifests share (spec/QTN1.md, section 3)."""

from __future__ import annotations

from typing import NamedTuple

from smarttree import wire
from smarttree.clock import Clock
from smarttree.codec.reading import Reading, varint, zigzag
from smarttree.errors import PathError
from smarttree.tree import Tree


class Header(NamedTuple):
    """Of the top entry all is told here; `entries` counts what is below it, `children` what is directly below."""

    clock: Clock
    top: int
    path: bytes
    mode: int
    mtime_ns: int
    digest: int
    entries: int
    children: int

    @classmethod
    def of(cls, tree: Tree, top: int, clock: Clock) -> Header:
        """Raises NotADirectoryError; PathError for a path past the format's limit."""
        if not tree.is_dir(top):
            raise NotADirectoryError(tree.path(top))
        if len(path := tree.path(top)) >= wire.PATH_MAX_BYTES:
            raise PathError("a directory whose path is longer than 65,535 bytes has no snapshot; ask for one above it")
        row, (files, dirs, _) = tree.row(top), tree.counts(top)
        return cls(
            clock, top, path, row.mode, row.mtime_ns, tree.digest(top), files + dirs, tree.child_count(top)
        )  # fmt: skip

    def encode(self, magic: bytes, chunks: int) -> bytes:
        return b"".join(
            [
                magic,
                b"\0",
                self.clock.epoch.to_bytes(8, "little"),
                varint(self.clock.seq),
                varint(self.top),
                varint(len(self.path)),
                self.path,
                varint(self.mode),
                zigzag(self.mtime_ns),
                self.digest.to_bytes(16, "little"),
                varint(self.entries),
                varint(self.children),
                varint(chunks),
            ]
        )

    @classmethod
    def read(cls, reading: Reading, max_entries: int) -> tuple[Header, int]:
        """The header, and how many chunks follow it."""
        clock = Clock(reading.u64(), reading.varint())
        top = reading.varint("id-range", most=wire.IDS_MAX - 1) or reading.fail("id-range")
        path = reading.take(reading.varint("path-too-long", most=wire.PATH_MAX_BYTES - 1))
        mode = reading.varint("mode", most=0xFFFF)
        if mode & 0xF000 == 0:
            reading.fail("mode")
        mtime_ns, digest = reading.zigzag(), reading.u128()
        if not _is_path(path) or mode & 0xF000 != 0x4000:
            reading.fail("top-entry")
        entries = reading.varint("too-many-entries", most=min(max_entries, wire.ENTRIES_MAX))
        children = reading.varint("child-counts", most=entries)
        chunks = reading.varint("chunk-count", most=entries)
        return cls(clock, top, path, mode, mtime_ns, digest, entries, children), chunks


def _is_path(path: bytes) -> bool:
    """Absolute, and each part a name."""
    if path == b"/":
        return True
    parts = path.split(b"/")
    return (
        parts[0] == b""
        and len(parts) > 1
        and b"\0" not in path
        and all(0 < len(part) <= wire.NAME_MAX_BYTES and part not in (b".", b"..") for part in parts[1:])
    )
