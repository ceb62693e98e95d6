"""The log's files: an append is one `write()`, and a batch is found by its seq without reading what is before it.

One epoch's records, in files of consecutive seqs. In memory are only, for each batch, where its record begins and when
it was made: 16 bytes. Thread-safe: the engine appends, anyone reads.
"""

from __future__ import annotations

import os
import threading
from array import array
from pathlib import Path
from typing import Final

from smarttree.state.place import write_all
from smarttree.stream.batch import Batch
from smarttree.stream.journal import (
    BATCH,
    FILE_HEAD_BYTES,
    Damaged,
    Origin,
    Record,
    decode_batch,
    decode_origin,
    encode_batch,
    encode_origin,
    encode_record,
    read_record,
    walk,
)

SEGMENT_MIN_BYTES: Final = 64 << 10
SEGMENT_MAX_BYTES: Final = 16 << 20
READ_BYTES: Final = 2 << 20  # read at a time, for one who comes back: more than that waits for the next call


def file_name(epoch: int, seq: int) -> str:
    return f"log.{epoch:016x}.{seq:020d}"


class Segment:
    """One file. `starts` and `times` are of its batches, one after the other, the first of which follows `seq`."""

    def __init__(self, path: Path, origin: Origin, before: int) -> None:
        self.path, self.origin = path, origin
        self.before = before  # bytes of all files before it
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND, 0o600)
        self.size = 0
        self.starts, self.times = array("Q"), array("q")

    @property
    def seq(self) -> int:
        return self.origin.seq

    @property
    def head(self) -> int:
        """The seq of its last batch."""
        return self.seq + len(self.starts)

    def note(self, start: int, time_ns: int) -> None:
        self.starts.append(start)
        self.times.append(time_ns)

    def write(self, pieces: list[bytes]) -> None:
        """Raises OSError; then nothing was appended, or what was is cut off again if that can be."""
        try:
            write_all(self.fd, pieces)
        except OSError:
            os.ftruncate(self.fd, self.size)
            raise
        self.size += sum(map(len, pieces))

    def remove(self) -> None:
        os.close(self.fd)
        self.path.unlink(missing_ok=True)


class Found:
    """What was in the files at the start: up to which seq, what was wrong, and whether a record was unfinished."""

    def __init__(self) -> None:
        self.head = 0
        self.damage: Damaged | None = None
        self.torn = False


class Segments:
    """All files of one epoch. `oldest` is the first clock from which everything is here and within the bounds."""

    def __init__(self, directory: Path, *, retention_bytes: int, retention_s: float) -> None:
        self._directory = directory
        self._retention_bytes, self._retention_ns = retention_bytes, int(retention_s * 1e9)
        self._segment_bytes = min(max(retention_bytes // 8, SEGMENT_MIN_BYTES), SEGMENT_MAX_BYTES)
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._end = 0  # bytes of all files that ever were, in the order of time
        self.oldest = 0
        self.floor = 0  # what comes after this seq is needed to restore the tree
        self.unsynced: list[int] = []  # descriptors of files that are full, and may not be on disk yet

    @property
    def head(self) -> int:
        return self._segments[-1].head

    @property
    def nbytes(self) -> int:
        """What was ever appended in this run, and what was found: a difference of two is what came between."""
        return self._end

    def begin(self, origin: Origin) -> None:
        """The first file of a new epoch. Raises OSError."""
        self.close()
        self._segments, self.oldest, self.floor = [], origin.seq, origin.seq
        self._begin_file(origin)

    def _begin_file(self, origin: Origin) -> None:
        path = self._directory / file_name(origin.epoch, origin.seq)
        path.unlink(missing_ok=True)
        segment = Segment(path, origin, self._end)
        segment.write([encode_origin(origin)])
        self._end += segment.size
        self._segments.append(segment)

    def append(self, batch: Batch, horizon: int) -> None:
        """Raises OSError; then the batch is not in the log."""
        segment = self._roll() if self._segments[-1].size > self._segment_bytes else self._segments[-1]
        start = segment.size
        segment.write(encode_record(BATCH, batch.to_seq, encode_batch(batch, horizon), segment.origin.epoch))
        with self._lock:
            segment.note(start, batch.time_ns)
            self._end += segment.size - start
            self._trim(batch.time_ns)

    def note(self, type: int, payload: list[bytes]) -> None:
        """A record that moves no clock. Raises OSError."""
        segment = self._segments[-1]
        start = segment.size
        segment.write(encode_record(type, segment.head, payload, segment.origin.epoch))
        self._end += segment.size - start

    def _roll(self) -> Segment:
        last = self._segments[-1]
        with self._lock:
            self._begin_file(Origin(last.origin.epoch, last.head, last.origin.parent))
            self.unsynced.append(os.dup(last.fd))
        return self._segments[-1]

    def _trim(self, now_ns: int) -> None:
        head = self.head
        while self.oldest < head - 1:
            segment, at = self._find(self.oldest)
            too_many_bytes = self._end - segment.before - segment.starts[at] > self._retention_bytes
            if not too_many_bytes and now_ns - segment.times[at] <= self._retention_ns:
                break
            self.oldest += 1
        while len(self._segments) > 1 and self._segments[0].head <= min(self.oldest, self.floor):
            self._segments.pop(0).remove()

    def _find(self, seq: int) -> tuple[Segment, int]:
        """The segment that has the batch after `seq`, and its index there."""
        for segment in self._segments:
            if seq < segment.head:
                return segment, seq - segment.seq
        raise IndexError(seq)

    def bytes_after(self, seq: int) -> int:
        """How much was written after a clock that is here."""
        with self._lock:
            if seq >= self.head:
                return 0
            segment, at = self._find(seq)
            return self._end - segment.before - segment.starts[at]

    def read(self, seq: int, limit: int) -> list[Batch]:
        """At most `limit` batches after a clock, and not many bytes; none where they are gone. Raises Damaged."""
        batches: list[Batch] = []
        size = 0
        with self._lock:
            if seq < self.oldest:
                return []
            while seq < self.head and len(batches) < limit and size < READ_BYTES:
                segment, at = self._find(seq)
                end = segment.starts[at + 1] if at + 1 < len(segment.starts) else segment.size
                data = os.pread(segment.fd, end - segment.starts[at], segment.starts[at])
                record = read_record(data, 0, segment.origin.epoch)
                if record is None or record.type != BATCH or record.seq != seq + 1:
                    raise Damaged(f"the batch {seq + 1} is not where it was written", segment.starts[at])
                batches.append(decode_batch(memoryview(data)[record.start : record.end], record.seq))
                size += len(data)
                seq += 1
        return batches

    def load(self, epoch: int, restore: Restore) -> Found:
        """Take in the files of an epoch as they are, cut what is torn, and hand each record that follows `restore.seq`
        to it, and the traces of every batch. Where something is damaged, the rest is left out, and `damage` says so.
        Raises OSError.
        """
        found, expected = Found(), -1
        names = sorted(path.name for path in self._directory.glob(f"log.{epoch:016x}.*"))
        for index, name in enumerate(names):
            segment = Segment(self._directory / name, Origin(epoch, 0), self._end)
            if index and index == len(names) - 1 and os.fstat(segment.fd).st_size < FILE_HEAD_BYTES:
                segment.remove()  # the file was begun, and nothing was ever written to it
                break
            try:
                self._load_one(segment, epoch, expected, restore, found, is_last=index == len(names) - 1)
            except Damaged as damage:
                found.damage = damage
            if not segment.size:
                os.close(segment.fd)
                break
            self._segments.append(segment)
            self._end += segment.size
            expected = segment.head
            if found.damage is not None:
                break
        found.head = self._segments[-1].head if self._segments else 0
        if self._segments:
            self.oldest = self._segments[0].seq
            times = self._segments[-1].times
            self._trim(times[-1] if times else 0)
        return found

    def _load_one(
        self, segment: Segment, epoch: int, expected: int, restore: Restore, found: Found, *, is_last: bool
    ) -> None:
        data = memoryview(segment.path.read_bytes())
        segment.origin = decode_origin(data)
        if segment.origin.epoch != epoch or expected not in (-1, segment.seq):
            raise Damaged(f"its first batch follows {segment.seq}, not {expected}", 0)
        segment.size = FILE_HEAD_BYTES
        for record in walk(data, segment.origin):
            self._take(segment, data, record, restore)
        if segment.size < len(data):
            if not is_last:
                raise Damaged("a file ends inside a record, and is not the last", segment.size)
            os.ftruncate(segment.fd, segment.size)
            found.torn = True

    def _take(self, segment: Segment, data: memoryview, record: Record, restore: Restore) -> None:
        if record.type == BATCH:
            segment.note(record.offset, int.from_bytes(data[record.start : record.start + 8], "little", signed=True))
            restore.trace(record.seq, data[record.start : record.end])
        segment.size = record.end
        if record.seq > restore.seq or (record.type != BATCH and record.seq == restore.seq):
            restore.take(record, data[record.start : record.end])

    def sync(self) -> None:
        """Everything written so far is on disk when this returns. Raises OSError."""
        with self._lock:
            full, self.unsynced = self.unsynced, []
            fds = [*full, os.dup(self._segments[-1].fd)] if self._segments else full
        try:
            for fd in fds:
                getattr(os, "fdatasync", os.fsync)(fd)
        finally:
            for fd in fds:
                os.close(fd)

    def close(self) -> None:
        with self._lock:
            for segment in self._segments:
                os.close(segment.fd)
            for fd in self.unsynced:
                os.close(fd)
            self._segments, self.unsynced = [], []


class Restore:
    """Follows the records after a stored tree's clock. The base takes none of them."""

    seq = 1 << 63

    def trace(self, seq: int, payload: memoryview) -> None:
        """The batch that led to `seq`, whether or not it is to be taken. Raises Damaged."""

    def take(self, record: Record, payload: memoryview) -> None:
        """The next one. Raises Damaged."""
