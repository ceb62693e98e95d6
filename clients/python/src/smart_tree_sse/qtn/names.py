"""QTN1, section 3, columns 2 to 5: the names of a chunk, as one buffer of bytes and where each name ends.

Law: name = previous name[:prefix] + suffix + extension, and each is one path component. No name is made by itself:
bytes are put where they belong a word at a time, for all names at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .columns import I64, U64, WORD, Column

__all__ = ["EXTENSIONS_MAX", "MAX_NAME", "is_name", "is_path", "read_names"]

MAX_NAME: Final = 1024
MAX_PATH: Final = 65_535
EXTENSIONS_MAX: Final = 127

# The first so many bytes of a word; they are the least significant.
FIRST_BYTES: Final = np.array([(1 << 8 * size) - 1 for size in range(WORD + 1)], np.uint64)

U8 = npt.NDArray[np.uint8]


def is_name(name: bytes) -> bool:
    """Whether it is one path component within the limits."""
    return 0 < len(name) <= MAX_NAME and b"/" not in name and b"\0" not in name and name not in (b".", b"..")


def is_path(path: bytes) -> bool:
    """Whether it is absolute, and in its one form."""
    return len(path) <= MAX_PATH and path[:1] == b"/" and (path == b"/" or all(map(is_name, path[1:].split(b"/"))))


def read_names(prefixes: Column, suffixes: Column, extensions: Column, ids: Column, count: int) -> tuple[U8, I64]:
    """The bytes of a chunk's names, one after the other, and where each ends."""
    shared = prefixes.sized(count).astype(np.int64)
    told, nuls = suffixes.texts(count)
    own = np.diff(nuls, prepend=-1) - 1
    table = _extensions(extensions)
    chosen = ids.sized(count)
    if int(chosen.max()) >= len(table):
        ids.fail("extension-id")
    table_sizes = np.array([len(text) for text in table], np.int64)
    tails = table_sizes[chosen]
    lengths = shared + own + tails
    if shared[0] or np.any(shared[1:] > lengths[:-1]):
        prefixes.fail("name-prefix")
    if int(lengths.min()) < 1 or int(lengths.max()) > MAX_NAME:
        suffixes.fail("name")
    ends = np.cumsum(lengths)
    names = np.empty(int(ends[-1]) + WORD, np.uint8)
    table_places = told.size + np.cumsum(table_sizes) - table_sizes
    source = b"".join([told.data, *table, bytes(WORD)])
    sources = np.stack([nuls - own, table_places[chosen]], 1).ravel()
    places = np.stack([ends - tails - own, ends - tails], 1).ravel()
    _put_pieces(names, source, sources, places, np.stack([own, tails], 1).ravel())
    _put_prefixes(names, shared, ends - lengths)
    names = names[:-WORD]
    _check(suffixes, names, ends, lengths)
    return names, ends


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


def _words(octets: U8 | bytes) -> U64:
    """A word of eight bytes at each offset; they overlap."""
    return np.ndarray(len(octets) - WORD + 1, "<u8", octets, strides=(1,))


def _put_pieces(names: U8, source: bytes, sources: I64, places: I64, lengths: I64) -> None:
    """Copies pieces, a word at a time, in the order of their places. What a word has beyond its piece is overwritten by
    what comes after it: the first words of all pieces are written last."""
    taken, given = _words(source), _words(names)
    pieces = np.flatnonzero(lengths)
    sources, places, lengths = sources[pieces], places[pieces], lengths[pieces]
    for offset in range((int(lengths.max(initial=1)) - 1) // WORD * WORD, 0, -WORD):
        long = np.flatnonzero(lengths > offset)
        given[places[long] + offset] = taken[sources[long] + offset]
    given[places] = taken[sources]


def _put_prefixes(names: U8, shared: I64, starts: I64) -> None:
    """Word by word, for runs of names that have a prefix there; the name before a run is whole in this word."""
    words = _words(names)
    for offset in range(0, int(shared.max()), WORD):
        rows = np.flatnonzero(shared > offset)
        places = starts[rows] + offset
        masks = FIRST_BYTES[np.minimum(shared[rows] - offset, WORD)]
        begins = np.flatnonzero(np.diff(rows, prepend=-1) != 1)
        found = words[places] & ~masks
        found[begins] |= words[starts[rows[begins] - 1] + offset] & masks[begins]
        masks[begins] = 0
        _scan(found, masks)
        words[places] = found


def _scan(found: U64, masks: U64) -> None:
    """`found[i] |= found[i - 1] & masks[i]`, one after the other, in as many steps as the longest run has binary
    digits: after each step, `found` and `masks` are those of twice as many names together."""
    open_rows, distance = np.flatnonzero(masks), 1
    while open_rows.size:
        before = open_rows - distance
        of_open = masks[open_rows]
        whole = found[open_rows] | found[before] & of_open
        of_open &= masks[before]
        found[open_rows], masks[open_rows] = whole, of_open
        open_rows, distance = open_rows[of_open != 0], distance * 2


def _check(column: Column, names: U8, ends: I64, lengths: I64) -> None:
    dots = (lengths < 3) & (names[ends - 1] == ord(".")) & (names[ends - lengths] == ord("."))
    if np.any(dots) or np.any(names == ord("/")):
        column.fail("name")
