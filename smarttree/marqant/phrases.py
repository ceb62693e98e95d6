"""Phrases: what repeats in a text, chosen by what it saves, the best first; no two of them overlap. Pure.

A text is taken as *units* (words, numbers, runs of one character), so a phrase begins and ends where words do. Phrases
of 1 to 128 units are ranked by sorting pairs of shorter ones. Those that promise most are looked at first, and once
more, against what has been taken meanwhile, when their turn comes. O(n log n), and adversity is cut off.
"""

from __future__ import annotations

import heapq
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]  # places and ranks: half the memory
Longs = NDArray[np.int64]
Number = TypeVar("Number", int, Longs)

# What some phrases may not have is a unit of its own (a CR without LF, a backslash), and so is what is written without
# spaces between words.
_UNIT: Final = re.compile(r"\r\n|\r|\\|[\u2e80-\U0010ffff]|[^\W\d_\u2e80-\U0010ffff]+|\d+|(.)\1*", re.DOTALL)
# The lengths, and of how many units the first of the two is that make one.
_LENGTHS: Final = {1: 0, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 8: 4, 12: 8, 16: 8, 24: 16, 32: 16, 48: 32, 64: 32, 128: 64}
_CANDIDATES_MAX: Final = 1000  # of each length
# What choosing may cost, in places looked at, 0.15 µs each: so many, and so many for each unit. Texts cost a tenth.
_PLACES_MAX: Final = 4_000_000
_PLACES_OF_UNIT: Final = 24  # more than each length's first look can cost
_LOOK_PLACES: Final = 10  # what it costs to come to a candidate


class Chosen(NamedTuple):
    """A phrase, how many units it has, and at which units it is to be replaced."""

    text: str
    units: int
    starts: list[int]


class _Candidate(NamedTuple):
    """`loss` is the negative of what it saves at most, so the least is the best; `number` makes the order total."""

    loss: int
    number: int
    units: int
    starts: array[int]
    size: int  # bytes of the phrase
    line: int  # bytes that the dictionary has for it, but for the token


class _Groups(NamedTuple):
    """Places where phrases of one length stand that repeat: `order` has them side by side, group by group."""

    order: Ints
    begins: Longs
    counts: Longs


def units_of(text: str) -> list[str]:
    """Joined, they are the text."""
    return [match.group() for match in _UNIT.finditer(text)]


def choose(units: Sequence[str], token_sizes: Sequence[int], check: Callable[[], None]) -> list[Chosen]:
    """The phrases to replace. There is a token of so many bytes for each, in that order, and then no more. `check` is
    called often, and may raise.
    """
    left = _PLACES_MAX + _PLACES_OF_UNIT * len(units)
    heap = list(_candidates(units, check))
    heapq.heapify(heap)
    taken = bytearray(len(units))
    chosen: list[Chosen] = []
    while heap and len(chosen) < len(token_sizes) and left > 0:
        check()
        best = heapq.heappop(heap)
        left -= len(best.starts) + _LOOK_PLACES
        starts = _free(best.starts, best.units, taken)
        loss = -_saved(len(starts), best.size, best.line, token_sizes[len(chosen)])
        if loss >= 0:
            continue
        if heap and loss > heap[0].loss:
            heapq.heappush(heap, best._replace(loss=loss, starts=starts))
            continue
        for start in starts:
            taken[start : start + best.units] = b"\1" * best.units
        chosen.append(Chosen("".join(units[starts[0] : starts[0] + best.units]), best.units, starts.tolist()))
    return chosen


def _saved(count: Number, size: Number, line: Number, token_size: int) -> Number:
    """Bytes, by a token in the place of a phrase."""
    return count * (size - token_size) - (line + token_size)


def _free(starts: array[int], units: int, taken: bytearray) -> array[int]:
    """Those of them, without overlap, of which nothing is taken."""
    kept, end = array("i"), 0
    for start in starts:
        if start >= end and taken.find(1, start, start + units) < 0:
            kept.append(start)
            end = start + units
    return kept


def _candidates(units: Sequence[str], check: Callable[[], None]) -> Iterator[_Candidate]:
    """Those of each length that save most, if each place where they stand could be used."""
    numbers: dict[str, int] = {}
    ids = np.fromiter((numbers.setdefault(unit, len(numbers)) for unit in units), np.int32, len(units))
    ends = _ends(np.array([len(unit.encode()) for unit in numbers], np.int64)[ids])
    line_ends = ends + _ends(np.array([unit.count("\n") for unit in numbers], np.int64)[ids])
    ids[_barred(units)] = -1
    ranks = {1: ids}
    made = 0
    for length, first in _LENGTHS.items():
        if length > len(units):
            return
        check()
        groups = _repeated(_pairs(ranks[first], ranks[length - first], first) if first else ids)
        if length in _LENGTHS.values():
            ranks[length] = _ranks(groups, len(units))
        heads = groups.order[groups.begins]
        sizes, lines = ends[heads + length] - ends[heads], line_ends[heads + length] - line_ends[heads] + 2
        losses = -_saved(groups.counts, sizes, lines, 1)
        for group in np.argsort(losses, kind="stable")[:_CANDIDATES_MAX].tolist():
            begin, count, loss = int(groups.begins[group]), int(groups.counts[group]), int(losses[group])
            if loss >= 0:
                break
            starts = array("i", groups.order[begin : begin + count].tobytes())
            yield _Candidate(loss, made, length, starts, int(sizes[group]), int(lines[group]))
            made += 1


def _ends(sizes: Longs) -> Longs:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))


def _barred(units: Sequence[str]) -> list[int]:
    """A CR at the end of a line of the dictionary would be lost, and a backslash before an n be taken for a feed."""
    followed = zip(units, [*units, ""][1:], strict=True)
    return [at for at, (unit, after) in enumerate(followed) if unit == "\r" or (unit == "\\" and after[:1] == "n")]


def _pairs(a: Ints, b: Ints, first: int) -> Longs:
    """For each place a number that says which phrase stands there, made of two; -1 for none."""
    there = np.full(a.size, -1, np.int64)
    both = np.flatnonzero((a[: a.size - first] >= 0) & (b[first:] >= 0))
    there[both] = a[both].astype(np.int64) * (int(b.max(initial=0)) + 1) + b[both + first]
    return there


def _repeated(numbers: Ints | Longs) -> _Groups:
    """What stands at two places at least."""
    places = np.flatnonzero(numbers >= 0)
    order = places[np.argsort(numbers[places], kind="stable")].astype(np.int32)
    begins = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    counts = np.diff(begins, append=order.size)
    often = counts > 1
    return _Groups(order, begins[often], counts[often])


def _ranks(groups: _Groups, size: int) -> Ints:
    """For each place the number of the group that it is in; -1 for none."""
    ranks = np.full(size, -1, np.int32)
    within = np.arange(int(groups.counts.sum())) - np.repeat(_ends(groups.counts)[:-1], groups.counts)
    ranks[groups.order[np.repeat(groups.begins, groups.counts) + within]] = np.repeat(
        np.arange(groups.counts.size), groups.counts
    )
    return ranks
