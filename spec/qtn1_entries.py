"""QTN1 in plain Python: an entry (section 2 of `QTN1.md`), a chunk's columns (section 3) and a record's (section 4).

Law: one function for each table of the page, which reads or writes, as the `Coder` does. What is written is the
canonical form, and checked as what is read is: each defect is a `QtnError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .qtn1_columns import MAX_BODY, U64, Coder

MAX_ENTRIES, MAX_ID, MAX_DEPTH, MAX_CHUNK = 50_000_000, 49_999_999, 512, 65_536
MAX_NAME, MAX_PATH, MAX_MODE, MAX_MTIME = 1024, 65_535, 0xFFFF, (1 << 63) - 1
SERVICE = 0
DELETED, PLACE, MODE, SIZE, MTIME, WHOLE = 1, 2, 4, 8, 16, 30  # bits of a record's mask


# --- 2. An entry ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Entry:
    """One entry. The counts are those of columns 1 and 12, and only kept while a snapshot is read or written; `digest`
    is that of what is below it, `weight` what it adds to its parent's digest: only `Mirror` keeps these."""

    id: int
    parent: int
    name: bytes
    mode: int
    size: int
    mtime_ns: int
    child_count: int = field(default=0, compare=False, repr=False)
    below_count: int = field(default=0, compare=False, repr=False)
    digest: int = field(default=0, compare=False, repr=False)
    weight: int = field(default=0, compare=False, repr=False)

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return is_dir(self.mode)


def is_dir(mode: int) -> bool:
    """Whether a mode is a directory's."""
    return mode & 0xF000 == 0x4000


def is_name(name: bytes) -> bool:
    """Whether it is one path component within the limits."""
    return 0 < len(name) <= MAX_NAME and b"/" not in name and b"\0" not in name and name not in (b".", b"..")


def is_path(path: bytes) -> bool:
    """Whether it is absolute, and in its one form."""
    return len(path) <= MAX_PATH and path[:1] == b"/" and (path == b"/" or all(map(is_name, path[1:].split(b"/"))))


# --- 3. The columns of a chunk -----------------------------------------------------------------------------------


def tell_chunk(c: Coder, columns: Sequence[Coder], chunk: list[Entry], size: int, last_id: int) -> list[Entry]:
    """Reads `size` entries, still without parents, or writes those of `chunk`."""
    children, prefixes, suffixes, extensions, extension_ids, modes, widths, bits, table, times, ids, below = columns
    if c.reading:
        if size > prefixes.left():
            prefixes.fail("truncated")
        chunk = [Entry(0, SERVICE, b"", 0, 0, 0) for _ in range(size)]
    _names(prefixes, suffixes, extensions, extension_ids, chunk)
    _modes(modes, chunk)
    _sizes(widths, bits, chunk)
    _times(table, times, chunk)
    for e, e_id in zip(chunk, tell_ids(ids, [e.id for e in chunk], last_id), strict=True):
        e.id = e_id
    directories = [e for e in chunk if e.is_dir]
    told_below = below.left() > 0 if c.reading else any(e.below_count for e in directories)
    for e in directories:
        e.child_count = children.varint(e.child_count, MAX_ENTRIES, "child-counts")
        e.below_count = below.varint(e.below_count, MAX_ENTRIES, "below-counts") if told_below else 0
        if e.size:
            widths.fail("directory-size")
    c.close(columns)
    return chunk


def _names(prefixes: Coder, suffixes: Coder, extensions: Coder, extension_ids: Coder, chunk: list[Entry]) -> None:
    table = [b""]
    if extensions.reading:
        while extensions.left():
            table.append(extensions.to_nul())
            if len(table) > 128 or table[-1][:1] != b"." or table[-1] == b".":
                extensions.fail("extensions")
    else:
        often = Counter(extension(e.name) for e in chunk)
        often.pop(b"", None)
        repeated = sorted((-times, text) for text, times in often.items() if times > 1)
        table += [extensions.to_nul(text) for _, text in repeated[:127]]
    number, name = {text: i for i, text in enumerate(table)}, b""
    for e in chunk:
        i = extension_ids.fixed(1, number.get(extension(e.name), 0), len(table) - 1, "extension-id")
        stem = e.name.removesuffix(table[i])
        same = prefixes.fixed(1, min(in_common(stem, name), 255), len(name), "name-prefix")
        e.name = name = name[:same] + suffixes.to_nul(stem[same:]) + table[i]
        if not is_name(name):
            suffixes.fail("name")


def in_common(a: bytes, b: bytes) -> int:
    """How many bytes both begin with."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def extension(name: bytes) -> bytes:
    """What of a name may stand in the table of extensions, if anything."""
    dot = name.rfind(b".")
    return name[dot:] if dot > 0 and 2 <= len(name) - dot <= 16 else b""


def _modes(c: Coder, chunk: list[Entry]) -> None:
    table = sorted({e.mode for e in chunk})
    count = c.varint(len(table), len(chunk), "mode-table")
    table = [c.fixed(2, 0 if c.reading else table[i], MAX_MODE, "mode") for i in range(count)]
    if any(a >= b for a, b in pairwise(table)):
        c.fail("mode-table")
    if table and table[0] < 0x1000:
        c.fail("mode")
    number = {mode: i for i, mode in enumerate(table)}
    for e in chunk:
        e.mode = table[c.varint(number.get(e.mode, 0), len(table) - 1, "mode-index")]


def _sizes(widths: Coder, bits: Coder, told: Sequence[Entry | Record]) -> None:
    """Columns 7 and 8 of a chunk and of a body."""
    for x, width in [(x, widths.fixed(1, x.size.bit_length(), 63, "size-width")) for x in told]:
        high = 1 << width >> 1  # the highest bit is always one, and so is not stored
        x.size = high + bits.bits(max(width - 1, 0), max(x.size - high, 0))
    bits.end_bits()


def _times(table: Coder, column: Coder, told: Sequence[Entry | Record]) -> None:
    """Columns 9 and 10 of a chunk and of a body."""
    times = sorted({x.mtime_ns for x in told})
    d = table.varint(0 if 2 * len(times) > len(told) else len(times), len(told), "time-table")
    times = [0] * d if table.reading else times
    for i in range(d):
        before = times[i - 1] if i else 0
        rise = table.varint(times[i] - before, MAX_MTIME - before, "time-table") if i else table.zigzag(times[0])
        times[i] = before + (rise if i == 0 or rise else table.fail("time-table"))
    number, last = {time: i for i, time in enumerate(times)}, 0
    for x in told:
        if d:
            last += column.zigzag(number.get(x.mtime_ns, 0) - last)
            x.mtime_ns = times[last] if 0 <= last < d else column.fail("time-index")
        else:
            x.mtime_ns = last = signed(last + column.zigzag(signed(x.mtime_ns - last)))


def signed(value: int) -> int:
    """`value` modulo 2^64, as a signed number."""
    return ((value + (1 << 63)) & U64) - (1 << 63)


def tell_ids(c: Coder, ids: list[int], last: int) -> list[int]:
    """Column 11; `ids` has the length of what is read."""
    at, told = 0, list[int]()
    goes_on = c.left() == 0 if c.reading else ids[0] == last + 1 and _run(ids, 0) == len(ids)
    while at < len(ids):
        first = last + 1 + (0 if goes_on else c.zigzag(ids[at] - last - 1))
        length = len(ids) if goes_on else c.varint(_run(ids, at), len(ids) - at, "id-runs") or c.fail("id-runs")
        at, last = at + length, first + length - 1
        if first < 1 or last > MAX_ID:
            c.fail("id-range")
        told += range(first, last + 1)
    return told


def _run(ids: list[int], at: int) -> int:
    """How many ids from here on are each the one before plus 1."""
    return next((n for n in range(1, len(ids) - at) if ids[at + n] != ids[at] + n), len(ids) - at)


def tell_mode(c: Coder, mode: int) -> int:
    """A mode, which has a type."""
    mode = c.varint(mode, MAX_MODE, "mode")
    return mode if mode & 0xF000 else c.fail("mode")


# --- 4. Records: the body of a delta and of a batch -------------------------------------------------------------


@dataclass(slots=True)
class Record:
    """What a batch says about one id; a field counts only if `mask` has its bit."""

    id: int
    mask: int
    parent: int = 0
    name: bytes = b""
    mode: int = 0
    size: int = 0
    mtime_ns: int = 0


def tell_records(c: Coder, records: list[Record], *, sized: bool, limit: int = MAX_ENTRIES) -> list[Record]:
    """Reads the body, or writes that of `records`, which are in the order of their ids."""
    count = c.varint(len(records), min(limit, MAX_ENTRIES), "too-many-records")
    columns = c.columns(10, MAX_BODY, count * (MAX_PATH + 1)) if sized else [c] * 10
    ids, masks, parents, prefixes, suffixes, modes, widths, bits, table, times = columns
    if c.reading:
        if count > masks.left():  # a record takes a byte of it or, bare, of what is left
            masks.fail("truncated")
        records = [Record(0, 0) for _ in range(count)]
    before = -1
    for x in records:
        x.id = before = before + 1 + ids.varint(x.id - before - 1, MAX_ID, "id-range")
        if not 0 < x.id <= MAX_ID:
            ids.fail("id-range")
    for x in records:
        x.mask = masks.fixed(1, x.mask)
        if x.mask != DELETED and (x.mask & ~WHOLE or x.mask == 0):
            masks.fail("mask")
    _places(parents, prefixes, suffixes, [x for x in records if x.mask & PLACE])
    for x in records:
        if x.mask & MODE:
            x.mode = tell_mode(modes, x.mode)
    _sizes(widths, bits, [x for x in records if x.mask & SIZE])
    if timed := [x for x in records if x.mask & MTIME]:
        _times(table, times, timed)
    c.close([*columns, c])
    return records


def _places(parents: Coder, prefixes: Coder, suffixes: Coder, placed: list[Record]) -> None:
    parent, name, all_bytes = 0, b"", 0
    for x in placed:
        x.parent = parent = parent + parents.zigzag(x.parent - parent)
        if not 0 <= parent <= MAX_ID:
            parents.fail("id-range")
    names = [b"", *(x.name for x in placed)]
    common = [prefixes.varint(in_common(*pair)) for pair in pairwise(names)]
    for x, same in zip(placed, common, strict=True):
        if same > len(name):
            prefixes.fail("name-prefix")
        x.name = name = name[:same] + suffixes.to_nul(x.name[same:])
        if len(name) > MAX_PATH and not x.parent:
            suffixes.fail("path-too-long")
        if not (is_name(name) if x.parent else is_path(name)):
            suffixes.fail("name")
        all_bytes += len(name)
        if all_bytes > MAX_BODY:
            suffixes.fail("column-too-large")
