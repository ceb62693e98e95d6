"""QTN1 in plain Python: the receiver. Holds a service's tree and keeps it up with batches (QTN1.md, sections 4 to 6),
tells what differs between two such trees, and makes one batch of several.

Law: a mirror is always one clock's whole tree: a batch is applied altogether or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .qtn1 import Batch, Record, Snapshot, digests, weigh
from .qtn1_columns import U64, U128, QtnError
from .qtn1_entries import DELETED, MAX_DEPTH, MODE, MTIME, PLACE, SERVICE, SIZE, WHOLE, Entry, is_dir


class OutOfStep(Exception):
    """The batch does not follow what is held (epoch, clock or digest): fetch the tree anew. `why` says which."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the mirror is out of step by its {why}: fetch the tree anew")
        self.why = why


class Mirror:
    """A service's tree as a client holds it: one clock, one space of ids, any number of roots (their parent is 0).

    `service_digest` is kept up by every change; `digest()` computes the same number in full."""

    def __init__(self) -> None:
        self.epoch, self.seq, self.service_digest = 0, -1, 0  # before the first `replace` every batch is out of step
        self.entries: dict[int, Entry] = {}
        self.children: dict[int, dict[bytes, int]] = {SERVICE: {}}

    def replace(self, snapshots: Sequence[Snapshot]) -> None:
        """Takes these trees, all of one clock, in place of everything held. Raises QtnError (the offset is the
        tree's index) when their clocks differ or an id or path is in two of them."""
        fresh = Mirror()
        for index, s in enumerate(snapshots):
            fresh.epoch, fresh.seq = s.epoch, s.seq
            root = Entry(s.top, SERVICE, s.path, s.mode, 0, s.mtime_ns)
            if (s.epoch, s.seq) != (snapshots[0].epoch, snapshots[0].seq):
                raise QtnError("clocks-differ", index)
            if not fresh.entries.keys().isdisjoint([s.top, *s.entries]) or s.path in fresh.children[SERVICE]:
                raise QtnError("id-twice", index)
            for entry in (root, *(replace(e) for e in s.entries.values())):
                fresh.entries[entry.id] = entry
                fresh.children.setdefault(entry.parent, {})[entry.name] = entry.id
        sums = digests(list(fresh.entries.values()))
        for entry in fresh.entries.values():
            entry.digest = sums.get(entry.id, 0)
            entry.weight = weigh(entry, entry.digest)
        fresh.service_digest = sums.get(SERVICE, 0)
        self.__dict__.update(fresh.__dict__)

    def apply(self, batch: Batch) -> bool:
        """True: applied. False: skipped, being known already. Raises OutOfStep, or QtnError when the result would be no
        tree; then nothing has changed."""
        if batch.epoch != self.epoch:
            raise OutOfStep("epoch")
        if batch.to_seq <= self.seq:
            return False
        if batch.from_seq > self.seq:
            raise OutOfStep("clock")
        draft = _Draft(self, batch.records)
        if batch.digest_low is not None and batch.digest_low != draft.service_digest & U64:
            raise OutOfStep("digest")
        draft.commit()
        self.seq = batch.to_seq
        return True

    def apply_delta(self, records: Sequence[Record]) -> None:
        """One change without a clock; the caller knows that it fits. Raises QtnError, and then nothing has changed."""
        _Draft(self, records).commit()

    def copy(self) -> Mirror:
        """A mirror that changes by itself. Entries are shared: none is ever written to."""
        other = Mirror()
        other.epoch, other.seq, other.service_digest = self.epoch, self.seq, self.service_digest
        other.entries, other.children = dict(self.entries), dict(self.children)
        return other

    def paths(self) -> Iterator[tuple[bytes, Entry]]:
        """(absolute path, entry): root by root, a directory before what is below it; the roots themselves too."""
        pending = [(name, i) for name, i in reversed(self.children[SERVICE].items())]
        while pending:
            path, entry_id = pending.pop()
            yield path, self.entries[entry_id]
            below = sorted(self.children.get(entry_id, {}).items(), reverse=True)
            pending += [(path.rstrip(b"/") + b"/" + name, i) for name, i in below]

    def digest(self) -> int:
        """The service's digest, computed in full from what is held."""
        return digests([entry for _, entry in self.paths()]).get(SERVICE, 0)


def diff(before: Mirror, after: Mirror) -> list[Record]:
    """The least records, by id, that make `after` of `before`; both are of one id space."""
    records = []
    for entry_id in sorted(before.entries.keys() | after.entries.keys()):
        old, new = before.entries.get(entry_id), after.entries.get(entry_id)
        if new is None:
            if old and (old.parent == SERVICE or old.parent in after.entries):  # else it goes with its parent
                records.append(Record(entry_id, DELETED))
        elif old is None:
            records.append(Record(entry_id, WHOLE, new.parent, new.name, new.mode, new.size, new.mtime_ns))
        else:
            record = Record(entry_id, 0)
            if (old.parent, old.name) != (new.parent, new.name):
                record.mask, record.parent, record.name = PLACE, new.parent, new.name
            for bit, what in ((MODE, "mode"), (SIZE, "size"), (MTIME, "mtime_ns")):
                if getattr(old, what) != getattr(new, what):
                    record.mask |= bit
                    setattr(record, what, getattr(new, what))
            if record.mask:
                records.append(record)
    return records


def compact(before: Mirror, batches: Sequence[Batch]) -> Batch:
    """One batch for consecutive ones; `before` is the tree at the first's from-clock. Raises what `apply` raises."""
    after = before.copy()
    for batch in batches:
        after.apply(batch)
    return Batch(before.epoch, before.seq, after.seq, batches[-1].digest_low, diff(before, after))


class _Draft:
    """One set of records worked out on copies of what they touch; the mirror changes only at `commit`."""

    def __init__(self, mirror: Mirror, records: Sequence[Record]) -> None:
        self.mirror, self.records = mirror, records
        self.service_digest = mirror.service_digest
        self.entries: dict[int, Entry | None] = {}  # None: gone after it
        self.children: dict[int, dict[bytes, int]] = {}
        self.orphaned: set[int] = set()  # directories that lost a child
        self._detach()
        self._set_and_place()
        self._remove()
        self._weigh()

    def commit(self) -> None:
        self.mirror.children.update(self.children)
        for entry_id, entry in self.entries.items():
            if entry is not None:
                self.mirror.entries[entry_id] = entry
            else:
                self.mirror.entries.pop(entry_id, None)
                self.mirror.children.pop(entry_id, None)
        self.mirror.service_digest = self.service_digest

    def _get(self, entry_id: int) -> Entry | None:
        return self.entries[entry_id] if entry_id in self.entries else self.mirror.entries.get(entry_id)

    def _own(self, entry_id: int, index: int = 0) -> Entry:
        """A copy of the entry that the draft may write to."""
        entry = self._get(entry_id)
        if entry is None:
            raise QtnError("parent", index)
        if entry_id not in self.entries:
            self.entries[entry_id] = entry = replace(entry)
        return entry

    def _names(self, parent: int) -> dict[bytes, int]:
        if parent not in self.children:
            self.children[parent] = dict(self.mirror.children.get(parent, {}))
        return self.children[parent]

    def _add(self, parent: int, weight: int) -> None:
        if parent == SERVICE:
            self.service_digest = (self.service_digest + weight) & U128
        else:
            own = self._own(parent)
            own.digest = (own.digest + weight) & U128

    def _detach(self) -> None:
        for record in self.records:
            if record.mask & (DELETED | PLACE) and self._get(record.id):
                entry = self._own(record.id)
                self._names(entry.parent).pop(entry.name)
                self._add(entry.parent, -entry.weight)
                self.orphaned.add(entry.parent)
                entry.weight = 0

    def _set_and_place(self) -> None:
        for index, record in enumerate(self.records):
            if record.mask == DELETED:
                continue
            if self._get(record.id) is None:
                if record.mask != WHOLE:
                    raise QtnError("incomplete-record", index)
                self.entries[record.id] = Entry(record.id, 0, b"", record.mode, record.size, record.mtime_ns)
            entry = self._own(record.id)
            if record.mask & MODE and is_dir(record.mode) != entry.is_dir:
                raise QtnError("type-turned", index)
            entry.mode = record.mode if record.mask & MODE else entry.mode
            entry.size = record.size if record.mask & SIZE else entry.size
            entry.mtime_ns = record.mtime_ns if record.mask & MTIME else entry.mtime_ns
            if entry.is_dir and entry.size:
                raise QtnError("directory-size", index)
        for index, record in enumerate(self.records):
            if record.mask & PLACE:
                entry = self._own(record.id)
                entry.parent, entry.name = record.parent, record.name
                if not (entry.is_dir if entry.parent == SERVICE else self._own(entry.parent, index).is_dir):
                    raise QtnError("parent", index)
                if self._names(entry.parent).setdefault(entry.name, entry.id) != entry.id:
                    raise QtnError("name-twice", index)

    def _remove(self) -> None:
        told = {record.id: index for index, record in enumerate(self.records) if record.mask != DELETED}
        pending = [record.id for record in self.records if record.mask == DELETED]
        while pending:
            entry_id = pending.pop()
            if entry_id in told:  # else the same batch, received again, would meet an entry it does not hold
                raise QtnError("below-deleted", told[entry_id])
            pending += self._names(entry_id).values()
            self.entries[entry_id] = None

    def _weigh(self) -> None:
        """Checks that everything told hangs from a root, and brings the digests above it up to date."""
        depths: dict[int, int] = {}
        told = {record.id: index for index, record in enumerate(self.records) if record.mask != DELETED}
        for entry_id, index in (*told.items(), *((i, None) for i in self.orphaned if i and self._get(i))):
            chain = self._chain(entry_id, index)
            depths.update((i, len(chain) - above) for above, i in enumerate(chain))
        for entry_id in sorted(depths, key=lambda i: -depths[i]):
            entry = self._own(entry_id)
            weight = weigh(entry, entry.digest)
            self._add(entry.parent, weight - entry.weight)
            entry.weight = weight

    def _chain(self, entry_id: int, index: int | None) -> list[int]:
        """The entry's id, its parent's, and so on up to its root's. Without a record's index it is not checked: it can
        only be wrong if a record's entry is in it, and may be deep because one was moved."""
        chain: dict[int, None] = {}  # in order, and quick to ask
        while entry_id != SERVICE:
            if index is not None and (entry_id in chain or len(chain) > MAX_DEPTH):
                raise QtnError("below-itself" if entry_id in chain else "too-deep", index)
            chain[entry_id] = None
            entry_id = self._own(entry_id).parent
        return list(chain)
