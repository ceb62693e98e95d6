"""The Tree as bytes and back, with the clock it belongs to: pure. The format is private and versioned (spec/STATE.md).

header (magic, version, layout, clock, shape, counts, check), lists, the Tree's memory as it is, check
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple

import xxhash

from smarttree._store import LAYOUT, blocks_of, fill, lists_of, shape_of, sizes_of
from smarttree.clock import Clock
from smarttree.errors import StateDamaged
from smarttree.tree import SERVICE_ID, Tree

VERSION: Final = 1
MAGIC: Final = b"STtree\r\n"
_HEAD: Final = struct.Struct("<8sIIQQ7QIIQQQ")
_CHECK_BYTES: Final = 8

Dead = tuple[int, list[int]]
"""Ids that ended, and the seq of the batch that told so, or a later one."""


class Kept(NamedTuple):
    """A Tree at a clock. Of ids that nobody has, those in `dead` may not be used again yet."""

    tree: Tree
    clock: Clock
    dead: list[Dead]


def encode_tree(tree: Tree, clock: Clock, dead: Iterable[Dead]) -> list[bytes | memoryview]:
    """In pieces, which are the Tree's own memory: to be written before it changes."""
    free, roots = lists_of(tree)
    pairs = [(seq, eid) for seq, ids in dead for eid in ids]
    lists = array("Q", [*free, *roots, *(number for pair in pairs for number in pair)]).tobytes()
    shape = shape_of(tree)
    digest = tree.digest(SERVICE_ID)
    head = _HEAD.pack(
        MAGIC, VERSION, LAYOUT, *clock, *shape, len(free), len(roots), len(pairs), digest & (1 << 64) - 1, digest >> 64
    )
    pieces: list[bytes | memoryview] = [head + xxhash.xxh64_digest(head), lists, *blocks_of(tree)]
    whole = xxhash.xxh64()
    for piece in pieces:
        whole.update(piece)
    return [*pieces, whole.digest()]


def decode_tree(data: memoryview) -> Kept:
    """Raises StateDamaged."""
    start = _HEAD.size + _CHECK_BYTES
    if len(data) < start + _CHECK_BYTES or bytes(data[:8]) != MAGIC:
        raise StateDamaged("the stored tree does not begin like one")
    _, version, layout, epoch, seq, *numbers = _HEAD.unpack_from(data)
    if version != VERSION or layout != LAYOUT:
        raise StateDamaged(f"the stored tree has version {version}, layout {layout:x}: another build wrote it")
    if xxhash.xxh64_digest(data[: _HEAD.size]) != data[_HEAD.size : start]:
        raise StateDamaged("the stored tree's header does not match its check")
    if xxhash.xxh64_digest(data[:-_CHECK_BYTES]) != data[-_CHECK_BYTES:]:
        raise StateDamaged("the stored tree does not match its check")
    return _fill_in(data, start, Clock(epoch, seq), numbers)


def _fill_in(data: memoryview, start: int, clock: Clock, numbers: list[int]) -> Kept:
    n, live, dirs, kids, waste, heap, heap_waste, free_n, roots_n, dead_n, low, high = numbers
    shape = (n, live, dirs, kids, waste, heap, heap_waste)
    end = start + 8 * (free_n + roots_n + 2 * dead_n)
    lists, blocks = list(data[start:end].cast("Q")), []
    for size in sizes_of(shape):
        blocks.append(data[end : end + size])
        end += size
    if end != len(data) - _CHECK_BYTES:
        raise StateDamaged("the stored tree has another size than it says")
    tree = Tree()
    fill(tree, shape, blocks, lists[:free_n], lists[free_n : free_n + roots_n])
    if tree.digest(SERVICE_ID) != high << 64 | low:
        raise StateDamaged("the stored tree has another digest than it says")
    dead: dict[int, list[int]] = {}
    pairs = iter(lists[free_n + roots_n :])
    for seq, eid in zip(pairs, pairs, strict=True):
        dead.setdefault(seq, []).append(eid)
    return Kept(tree, clock, list(dead.items()))
