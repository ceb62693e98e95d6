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
from .xxh64 import PADDING

__all__ = ["MAX_DEPTH", "Layout", "check_order", "lay_out"]

MAX_DEPTH: Final = 512

I32 = npt.NDArray[np.int32]


@dataclass(slots=True)
class Layout:
    """Of the directories, in directory order: their rows, where their children begin, how many these are, and their
    depth. Of each entry the row of the directory it is in, -1 for the top."""

    rows: I64
    starts: I64
    counts: I64
    depths: I64
    parents: I32


def lay_out(rows: I64, counts: I64, below: I64, top_children: int, total: int) -> Layout:
    """The tree that the counts say. `rows`: those of all directories but the top."""
    if top_children + int(counts.sum()) != total:
        raise QtnError("child-counts", 0)
    layout = Layout(rows, np.zeros_like(counts), counts, np.zeros_like(counts), np.empty(0, np.int32))
    spans = counts + below
    level = np.arange(np.searchsorted(rows, top_children))
    sizes, ends, owed = np.array([level.size]), np.array([top_children]), np.array([total - top_children])
    for depth in range(1, MAX_DEPTH + 1):
        if not level.size:
            break
        _check_sums(spans[level], sizes, owed)
        _place(layout, spans, level, sizes, ends)
        layout.depths[level] = depth
        first = np.searchsorted(rows, layout.starts[level])
        ends, owed = layout.starts[level] + counts[level], below[level]
        sizes = np.searchsorted(rows, ends) - first
        if depth == MAX_DEPTH and np.any(counts[level]):
            raise QtnError("too-deep", 0)
        level = _ranges(first, sizes)
    _check_sums(np.empty(0, np.int64), sizes, owed)
    layout.parents = _parents(layout, top_children)
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


def _parents(layout: Layout, top_children: int) -> I32:
    full = np.flatnonzero(layout.counts)
    order = full[np.argsort(layout.starts[full])]
    of_rows = np.repeat(layout.rows[order].astype(np.int32), layout.counts[order])
    return np.concatenate([np.full(top_children, -1, np.int32), of_rows])


def check_order(names: bytes, starts: I64, parents: I32) -> None:
    """That names ascend among siblings. `names` has `PADDING` bytes before and after them."""
    lengths = np.diff(starts)
    first = _word(names, starts[:-1], lengths)
    siblings = parents[1:] == parents[:-1]
    if np.any(siblings & (first[1:] < first[:-1])):
        raise QtnError("order", 0)
    rows = np.flatnonzero(siblings & (first[1:] == first[:-1])) + 1
    offset = WORD
    while rows.size:
        if np.any(lengths[rows] <= offset):  # it has ended, and so has the one before: they are equal
            raise QtnError("order", 0)
        here = _word(names, starts[rows] + offset, lengths[rows] - offset)
        above = _word(names, starts[rows - 1] + offset, lengths[rows - 1] - offset)
        if np.any(here < above):
            raise QtnError("order", 0)
        rows, offset = rows[here == above], offset + WORD


MASKS: Final = np.array([(1 << 64) - (1 << 8 * (8 - size)) for size in range(WORD + 1)], np.uint64)


def _word(names: bytes, places: I64, left: I64) -> npt.NDArray[np.uint64]:
    """The eight bytes at each place, the first of them the most significant, and zeros for those that are not left. No
    name has a NUL, so that a name's end comes before all that could follow."""
    words = np.ndarray(len(names) - WORD + 1, "<u8", names, strides=(1,))
    return words[np.minimum(places + PADDING, words.size - 1)].byteswap() & MASKS[np.clip(left, 0, WORD)]
