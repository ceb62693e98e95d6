"""QTN1, section 3, *The tree*: what stands where in directory order, and whether it is one tree.

Law: siblings stand together, strictly ascending; the counts of children add up, and the counts below are what is there.
The counts say where everything is, so the tree is laid out a level at a time, on whole columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import QtnError
from .columns import I64, WORD
from .names import U16

__all__ = ["MAX_DEPTH", "Layout", "check_order", "lay_out"]

MAX_DEPTH: Final = 512

I32 = npt.NDArray[np.int32]


@dataclass(slots=True)
class Layout:
    """Of the directories, in directory order: their rows, where their children begin, how many these are, and which
    directory they are in: 0 for the top, 1 for the first of `rows`. Those that have children, by the same numbers and
    in the order of these, and where they begin. Of each entry the row of the directory it is in, -1 for the top."""

    rows: I64
    starts: I64
    counts: I64
    above: I64
    filled: I64
    filled_starts: I64
    parents: I32


def lay_out(rows: I64, counts: I64, below: I64, top_children: int, total: int) -> Layout:
    """The tree that the counts say. `rows`: those of all directories but the top."""
    if top_children + int(counts.sum()) != total:
        raise QtnError("child-counts", 0)
    none = np.empty(0, np.int64)
    layout = Layout(rows, np.zeros_like(counts), counts, np.zeros_like(counts), none, none, none.astype(np.int32))
    spans = counts + below
    level = np.arange(np.searchsorted(rows, top_children))
    sizes, ends, owed = np.array([level.size]), np.array([top_children]), np.array([total - top_children])
    for depth in range(1, MAX_DEPTH + 1):
        if not level.size:
            break
        _check_sums(spans[level], sizes, owed)
        _place(layout, spans, level, sizes, ends)
        first = np.searchsorted(rows, layout.starts[level])
        ends, owed = layout.starts[level] + counts[level], below[level]
        sizes = np.searchsorted(rows, ends) - first
        if depth == MAX_DEPTH and np.any(counts[level]):
            raise QtnError("too-deep", 0)
        above, level = level, _ranges(first, sizes)
        layout.above[level] = np.repeat(above + 1, sizes)
    _check_sums(none, sizes, owed)
    _fill(layout, top_children)
    return layout


def _ranges(first: I64, sizes: I64) -> I64:
    """first[0], first[0] + 1, …, sizes[0] of them, then those from first[1] on."""
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1])) + np.repeat(first - (ends - sizes), sizes)


def _check_sums(spans: I64, sizes: I64, owed: I64) -> None:
    """That what is below the directories of each group is what was said to be there."""
    sums = np.concatenate([[0], np.cumsum(spans)])
    ends = np.cumsum(sizes)
    if np.any(sums[ends] - sums[ends - sizes] != owed):
        raise QtnError("below-counts", 0)


def _place(layout: Layout, spans: I64, level: I64, sizes: I64, ends: I64) -> None:
    """Directories that are siblings have their children one after the other, each followed by what is below these, all
    behind the siblings themselves."""
    before = np.cumsum(spans[level]) - spans[level]
    first = np.cumsum(sizes) - sizes
    some = sizes > 0
    base = np.repeat(ends[some] - before[first[some]], sizes[some])
    layout.starts[level] = before + base


def _fill(layout: Layout, top_children: int) -> None:
    """What is known of the entries by then."""
    counts = np.concatenate([[top_children], layout.counts])
    starts = np.concatenate([[0], layout.starts])
    filled = np.flatnonzero(counts)
    layout.filled = filled[np.argsort(starts[filled])]
    layout.filled_starts = starts[layout.filled]
    rows = np.concatenate([[-1], layout.rows]).astype(np.int32)
    layout.parents = np.repeat(rows[layout.filled], counts[layout.filled])


def check_order(names: bytes, starts: I64, lengths: U16, ascending: npt.NDArray[np.bool_], parents: I32) -> None:
    """That names ascend among siblings, as is known of most."""
    names = names.ljust(WORD, b"\0")
    rows = np.flatnonzero((parents[1:] == parents[:-1]) & ~ascending[1:]) + 1
    offset = 0
    while rows.size:
        if np.any(lengths[rows] <= offset):  # it has ended, and so has the one before: they are equal
            raise QtnError("order", 0)
        here = _word(names, starts[rows] + offset, lengths[rows].astype(np.int64) - offset)
        above = _word(names, starts[rows - 1] + offset, lengths[rows - 1].astype(np.int64) - offset)
        if np.any(here < above):
            raise QtnError("order", 0)
        rows, offset = rows[here == above], offset + WORD


MASKS: Final = np.array([(1 << 64) - (1 << 8 * (8 - size)) for size in range(WORD + 1)], np.uint64)


def _word(names: bytes, places: I64, left: I64) -> npt.NDArray[np.uint64]:
    """The eight bytes at each place, the first of them the most significant, and zeros for those that are not left. No
    name has a NUL, so that a name's end comes before all that could follow."""
    words = np.ndarray(len(names) - WORD + 1, "<u8", names, strides=(1,))
    inner = np.minimum(places, words.size - 1)
    past = (places - inner).view(np.uint64) << np.uint64(3)
    return words[inner].byteswap() << past & MASKS[np.clip(left, 0, WORD)]
