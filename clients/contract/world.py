"""A tree as a server would tell it, made by the plain codec of `spec/`: tests change it, and tell it truly or not.

Law: `opening` and `batch` tell the truth; what is false is made of them by the test that says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from spec.qtn1 import SERVICE, Batch, Record, Snapshot, encode_batch, encode_snapshot, to_text
from spec.qtn1_columns import U64
from spec.qtn1_entries import DELETED, MODE, MTIME, PLACE, SIZE, WHOLE, Entry, is_dir
from spec.qtn1_mirror import Mirror
from spec.qtn1_parts import address, encode_manifest, groups_of

DIRECTORY, FILE, LINK = 0o040755, 0o100644, 0o120777
EPOCH = 0x0123_4567_89AB_CDEF
MTIME_NS = 1_700_000_000_000_000_000


class World:
    """Roots and what is in them. Each `batch` goes from the last clock that was told to the next one."""

    def __init__(self, *roots: bytes, epoch: int = EPOCH, seq: int = 5) -> None:
        self.mirror = Mirror()
        self.epoch, self.seq = epoch, seq
        self._ids = 0
        self.mirror.epoch, self.mirror.seq = epoch, seq
        for path in roots or (b"/srv",):
            self.carry_out(self.make(SERVICE, path, DIRECTORY))

    @property
    def clock(self) -> str:
        return clock(self.epoch, self.seq)

    def carry_out(self, *records: Record) -> None:
        self.mirror.apply_delta(sorted(records, key=lambda record: record.id))

    # ------------------------------------------------------------ records

    def make(self, parent: int, name: bytes, mode: int = FILE, size: int = 0) -> Record:
        """A new entry."""
        self._ids += 1
        return Record(self._ids, WHOLE, parent, name, mode, 0 if is_dir(mode) else size, MTIME_NS + self._ids)

    def grow(self, path: bytes, size: int) -> Record:
        return Record(self.id_of(path), SIZE | MTIME, size=size, mtime_ns=MTIME_NS + size)

    def move(self, path: bytes, parent: bytes, name: bytes) -> Record:
        return Record(self.id_of(path), PLACE, self.id_of(parent), name)

    def chmod(self, path: bytes, mode: int) -> Record:
        return Record(self.id_of(path), MODE, mode=mode)

    def delete(self, path: bytes) -> Record:
        return Record(self.id_of(path), DELETED)

    def id_of(self, path: bytes) -> int:
        return next(entry.id for found, entry in self.mirror.paths() if found == path)

    def fill(self, path: bytes, count: int, seed: int = 0) -> None:
        """So many files and directories below it, by chance."""
        rng, dirs = Random(seed), [self.id_of(path)]
        records = []
        for number in range(count):
            is_directory = rng.random() < 0.1
            name = b"%d.%s" % (number, rng.choice([b"rs", b"c", b"tar.gz", b"\xff\n"]))
            record = self.make(rng.choice(dirs), name, DIRECTORY if is_directory else FILE, rng.randrange(1 << 30))
            records.append(record)
            if is_directory:
                dirs.append(record.id)
        self.carry_out(*records)

    # ------------------------------------------------------------ what a server says

    def snapshots(self) -> list[Snapshot]:
        """One for each root."""
        return [self._snapshot(root) for root in self.mirror.children[SERVICE].values()]

    def _snapshot(self, root: int) -> Snapshot:
        below: dict[int, Entry] = {}
        pending = [root]
        while pending:
            children = self.mirror.children.get(pending.pop(), {}).values()
            below |= {eid: self.mirror.entries[eid] for eid in children}
            pending += children
        top = self.mirror.entries[root]
        return Snapshot(self.epoch, self.seq, root, top.name, top.mode, top.mtime_ns, top.digest, below)

    def opening(self, reason: str = "initial", lie: Callable[[bytes], bytes] = bytes, *, manifest: bool = False) -> str:
        """`tree` for each root; the last one has the id. A lie is told of each document."""
        trees = []
        for snapshot in self.snapshots():
            document = encode_snapshot(snapshot)
            told = lie(encode_manifest(document) if manifest else document)
            trees.append(
                {
                    "path": snapshot.path.decode("utf-8", "replace"),
                    "mode": "quantum",
                    ("manifest" if manifest else "compressed"): to_text(told),
                    "stats": {},
                    "clock": self.clock,
                    "digest": f"{snapshot.digest:032x}",
                    "reason": reason,
                    "filtered": False,
                    "protocol": 1,
                    "version": "1.0",
                    "unknown": [1, 2],
                }
            )
        return "".join(f"event: tree\ndata: {json.dumps(tree)}\n\n" for tree in trees)[:-1] + f"id: {self.clock}\n\n"

    def groups(self) -> dict[str, bytes]:
        """Every group of every root, by its address."""
        documents = [encode_snapshot(snapshot) for snapshot in self.snapshots()]
        return {f"{address(group):032x}": group for document in documents for group in groups_of(document)}

    def batch(self, *records: Record, lie: Callable[[Batch], Batch] = lambda batch: batch) -> str:
        """Carries them out and tells them."""
        return frame(encode_batch(lie(self.step(*records))), clock(self.epoch, self.seq))

    def step(self, *records: Record) -> Batch:
        """Carries them out: the batch."""
        self.carry_out(*records)
        self.seq += 1
        self.mirror.seq = self.seq
        low = self.mirror.service_digest & U64
        return Batch(self.epoch, self.seq - 1, self.seq, low, sorted(records, key=lambda record: record.id))

    def listing(self) -> list[list[Any]]:
        """As an adapter lists its mirror."""
        return [[path.hex(), e.mode, str(e.size), str(e.mtime_ns)] for path, e in sorted(self.mirror.paths())]

    def copy(self) -> World:
        """One that changes by itself."""
        other = World.__new__(World)
        other.__dict__.update(self.__dict__)
        other.mirror = self.mirror.copy()
        return other


def clock(epoch: int, seq: int) -> str:
    return f"{epoch:016x}-{seq}"


def frame(document: bytes, at: str) -> str:
    """A batch as the last frame of its clock."""
    return f"event: quantum\ndata: {to_text(document)}\nid: {at}\n\n"


def false_digest(batch: Batch) -> Batch:
    assert batch.digest_low is not None
    return replace(batch, digest_low=batch.digest_low ^ 1)


def void_digest(batch: Batch) -> Batch:
    return replace(batch, digest_low=None)


def flipped(document: bytes) -> bytes:
    """One bit of its last byte but four."""
    return document[:-5] + bytes([document[-5] ^ 1]) + document[-4:]
