"""QTN1, section 3, columns 2 to 5: the names of a chunk, as one buffer of bytes and how long each name is.

Law: name = previous name[:prefix] + suffix + extension, and each is one path component. No name is made by itself: the
same 32 bytes of all names are made at once, as four words, and then put where they belong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .columns import I64, U64, WORD, Column

__all__ = ["EXTENSIONS_MAX", "MAX_NAME", "Names", "is_name", "is_path", "read_names"]

MAX_NAME: Final = 1024
PREFIX_MAX: Final = 255
MAX_PATH: Final = 65_535
EXTENSIONS_MAX: Final = 127

SPAN: Final = 32  # bytes of a name that are made at a time
FULL: Final = np.uint64((1 << 64) - 1)
# The first so many bytes of a word, and of four; they are the least significant.
FIRST_BYTES: Final = np.array([(1 << 8 * size) - 1 for size in range(WORD + 1)], np.uint64)
FIRST_OF_SPAN: Final = FIRST_BYTES[np.clip(np.arange(SPAN + 1)[:, None] - np.arange(0, SPAN, WORD), 0, WORD)]

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]


def is_name(name: bytes) -> bool:
    """Whether it is one path component within the limits."""
    return 0 < len(name) <= MAX_NAME and b"/" not in name and b"\0" not in name and name not in (b".", b"..")


def is_path(path: bytes) -> bool:
    """Whether it is absolute, and in its one form."""
    return len(path) <= MAX_PATH and path[:1] == b"/" and (path == b"/" or all(map(is_name, path[1:].split(b"/"))))


@dataclass(slots=True)
class Names:
    """The bytes of a chunk's names, one after the other; how long each is; and of which it is known that they are above
    the name before, as they are in the first byte that is not of their prefix."""

    octets: U8
    lengths: U16
    ascending: npt.NDArray[np.bool_]


def read_names(prefixes: Column, suffixes: Column, extensions: Column, ids: Column, count: int) -> Names:
    """The names of a chunk."""
    shared = prefixes.sized(count).astype(np.int64)
    told, nuls = suffixes.texts(count)
    own = np.diff(nuls, prepend=-1)
    own -= 1
    table = _extensions(extensions)
    chosen = ids.sized(count)
    if int(chosen.max()) >= len(table):
        ids.fail("extension-id")
    table_sizes = np.array([len(text) for text in table], np.int64)
    lengths = shared + own + table_sizes.take(chosen)
    if shared[0] or np.any(shared[1:] > lengths[:-1]):
        prefixes.fail("name-prefix")
    if int(lengths.min()) < 1 or int(lengths.max()) > MAX_NAME:
        suffixes.fail("name")
    ends = np.cumsum(lengths)
    pieces = _Pieces(shared, shared + own, told, nuls - own, table, chosen)
    names = _whole_names(pieces, lengths, ends)
    ascending = _ascending(names, shared, lengths, ends)
    names = names[:-SPAN]
    _check(suffixes, names, ends, lengths)
    return Names(names, lengths.astype(np.uint16), ascending)


def _extensions(column: Column) -> list[bytes]:
    """The table, with none at 0."""
    if not column.data:
        return [b""]
    if column.data[-1]:
        column.fail("truncated")
    table = column.data[:-1].split(b"\0")
    if len(table) > EXTENSIONS_MAX or any(text[:1] != b"." or text == b"." for text in table):
        column.fail("extensions")
    return [b"", *table]


class _Pieces:
    """What names are made of. Pieces lie in buffers with so much around them that for any 32 bytes of a name as many
    may be read from where they would be if all of the name stood there; of extensions the others are zeros."""

    def __init__(self, shared: I64, own_ends: I64, told: U8, places: I64, table: list[bytes], chosen: U8) -> None:
        zeros = bytes(SPAN)
        self.shared, self.own_ends = shared, own_ends
        self.own = _spans(b"".join([bytes(PREFIX_MAX), told.data, bytes(MAX_NAME + SPAN)]))
        self.own_places = places - shared + PREFIX_MAX
        self.tails = _spans(b"".join([zeros, *(text + zeros for text in table)]))
        sizes = np.array([len(text) + SPAN for text in table], np.int64)
        self.tail_places = (np.cumsum(sizes) - sizes + SPAN).take(chosen)

    def put(self, rows: I64 | slice, offset: int) -> U64:
        """Of each row the four words at this offset of its name."""
        kept = np.clip(self.shared[rows] - offset, 0, SPAN)
        ends = self.own_ends[rows] - offset
        masks = FIRST_OF_SPAN.take(ends, axis=0, mode="clip")
        masks ^= FIRST_OF_SPAN.take(kept, axis=0)
        words = _four_words(self.own[self.own_places[rows] + offset])
        words &= masks
        words |= _four_words(self.tails[self.tail_places[rows] - np.minimum(ends, SPAN)])
        _put_prefixes(words, kept)
        return words


def _spans(octets: U8 | bytes) -> npt.NDArray[np.void]:
    """32 bytes at each offset; they overlap."""
    return np.ndarray(len(octets) - SPAN + 1, f"V{SPAN}", octets, strides=(1,))


def _four_words(spans: npt.NDArray[np.void]) -> U64:
    return spans.view("<u8").reshape(-1, SPAN // WORD)


def _whole_names(pieces: _Pieces, lengths: I64, ends: I64) -> U8:
    """The bytes of all names, and 32 more. The first 32 of each are put last, in order: what these, and those that were
    put before, have beyond their name is overwritten by those of the names behind."""
    names = np.empty(int(ends[-1]) + SPAN, np.uint8)
    spans, starts = _spans(names), ends - lengths
    for offset in range((int(lengths.max()) - 1) // SPAN * SPAN, 0, -SPAN):
        rows = np.flatnonzero(lengths > offset)
        spans[starts[rows] + offset] = pieces.put(rows, offset).view(spans.dtype).ravel()
    spans[starts] = pieces.put(slice(None), 0).view(spans.dtype).ravel()
    return names


def _put_prefixes(words: U64, kept: I64) -> None:
    """Word by word, for runs of names that have a prefix there; the name before a run is whole in this word."""
    for place in range(SPAN // WORD):
        shares = kept > place * WORD
        rows = np.flatnonzero(shares)
        if not rows.size:
            break
        column = words[:, place]
        masks = FIRST_BYTES.take(kept.take(rows) - place * WORD, mode="clip")
        found = column[rows]
        begins = np.flatnonzero(~shares.take(rows - 1))
        found[begins] |= column[rows[begins] - 1] & masks[begins]
        masks[begins] = 0
        column[rows] = _scanned(found, masks)


def _scanned(found: U64, masks: U64) -> U64:
    """`found[i] |= found[i - 1] & masks[i]`, one after the other. What is the same as the one before is left out."""
    changed = masks != FULL
    some = np.flatnonzero(changed)
    if some.size == masks.size:
        _scan(found, masks)
        return found
    found = found.take(some)
    _scan(found, masks.take(some))
    return found.take(np.cumsum(changed) - 1)


def _scan(found: U64, masks: U64) -> None:
    """In as many steps as the longest run has binary digits: after each, `found` and `masks` are those of twice as many
    names together."""
    open_rows, distance = np.flatnonzero(masks != 0), 1
    while open_rows.size:
        before = open_rows - distance
        of_open = masks.take(open_rows)
        found[open_rows] |= found.take(before) & of_open
        of_open &= masks.take(before)
        masks[open_rows] = of_open
        open_rows, distance = open_rows[of_open != 0], distance * 2


def _ascending(names: U8, shared: I64, lengths: I64, ends: I64) -> npt.NDArray[np.bool_]:
    above, prefixes = lengths[:-1], shared[1:]
    places = ends[:-1] + prefixes
    ascending = np.zeros(lengths.size, bool)
    np.less(names.take(places - above), names.take(places), out=ascending[1:])
    ascending[1:] &= prefixes < np.minimum(above, lengths[1:])
    return ascending


def _check(column: Column, names: U8, ends: I64, lengths: I64) -> None:
    short = np.flatnonzero(lengths < 3)
    ends, starts = ends[short], (ends - lengths)[short]
    if np.any((names[starts] == ord(".")) & (names[ends - 1] == ord("."))) or np.any(names == ord("/")):
        column.fail("name")
