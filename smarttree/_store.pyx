# cython: language_level=3
"""A Tree as blocks of memory and back, and what of an entry no document tells: for the state that outlives the process.

The blocks are those of `Columns`, as they are: good on machines that lay them out alike, which `LAYOUT` tells apart.
What is filled in is trusted: a checksum must have been compared before.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

import sys

from smarttree._changes cimport Told
from smarttree._columns cimport COLUMNS, WIDTHS, Columns, Dir, grow

cdef enum:
    BLOCKS = 13      # the columns, and three more

LAYOUT = sizeof(Dir) | sizeof(Identity) << 8 | sizeof(Told) << 16 | (sys.byteorder == "little") << 24
"""Differs where the memory of one build means nothing to another."""


cdef object block(const void *memory, size_t size):
    """A look at memory, without a copy."""
    return memoryview(<const uint8_t[:size]><const uint8_t *>memory) if size else memoryview(b"")


def shape_of(Columns tree not None):
    """The numbers without which the blocks mean nothing."""
    return (tree.n, tree.live, tree.dirs_n, tree.kids_n, tree.kids_waste, tree.heap_n, tree.heap_waste)


def blocks_of(Columns tree not None):
    """The Tree's memory, to be read before it changes: the columns, the directories, spans and names."""
    cdef list blocks = []
    cdef int i
    for i in range(COLUMNS):
        blocks.append(block(tree.memory[i], tree.n * WIDTHS[i]))
    blocks.append(block(tree.dirs, tree.dirs_n * sizeof(Dir)))
    blocks.append(block(tree.kids, tree.kids_n * sizeof(uint32_t)))
    blocks.append(block(tree.heap, tree.heap_n))
    return blocks


def lists_of(Columns tree not None):
    """(free places among the directories, the roots in their order)."""
    return tree.dirs_free[:], tree.root_order[:]


def sizes_of(tuple shape not None):
    """How many bytes each block of a Tree of that shape has."""
    cdef list sizes = []
    cdef int i
    for i in range(COLUMNS):
        sizes.append(<size_t>shape[0] * WIDTHS[i])
    return [*sizes, <size_t>shape[2] * sizeof(Dir), <size_t>shape[3] * sizeof(uint32_t), <size_t>shape[5]]


def fill(Columns tree not None, tuple shape not None, list blocks not None, list dirs_free not None,
         list roots not None):
    """Make an empty Tree what another was when it had this shape and these blocks."""
    cdef const uint8_t[::1] data
    cdef void *into[BLOCKS]
    cdef int i
    sizes = sizes_of(shape)
    if len(blocks) != len(sizes) or any(len(each) != size for each, size in zip(blocks, sizes)):
        raise ValueError("the blocks don't have the sizes that the shape says")
    tree.reserve(shape[0])
    grow(<void **>&tree.dirs, &tree.dirs_room, shape[2], sizeof(Dir))
    grow(<void **>&tree.kids, &tree.kids_room, shape[3], sizeof(uint32_t))
    grow(<void **>&tree.heap, &tree.heap_room, shape[5], 1)
    for i in range(COLUMNS):
        into[i] = tree.memory[i]
    into[COLUMNS], into[COLUMNS + 1], into[COLUMNS + 2] = tree.dirs, tree.kids, tree.heap
    for i in range(BLOCKS):
        if sizes[i]:
            data = blocks[i]
            memcpy(into[i], &data[0], <size_t>data.shape[0])
    tree.n, tree.live, tree.dirs_n, tree.kids_n, tree.kids_waste, tree.heap_n, tree.heap_waste = shape
    tree.dirs_free, tree.root_order = dirs_free, roots


def refill(Columns tree not None, Columns source not None):
    """Make an empty Tree what another is."""
    source.copy_into(tree)


def identify(Columns tree not None, const uint8_t[::1] packed not None):
    """Take in packed `Identity`s, of living entries. Raises ValueError for any other."""
    cdef size_t i, count = packed.shape[0] // sizeof(Identity)
    cdef Identity one
    for i in range(count):
        memcpy(&one, &packed[i * sizeof(Identity)], sizeof(Identity))
        if not tree.holds(one.id):
            raise ValueError(f"no entry has the id {one.id}")
        tree.ctime_[one.id], tree.ino_[one.id], tree.birth_[one.id] = one.ctime, one.ino, one.birth


def reclaim(Columns tree not None, set dead not None):
    """Ids that nobody has are free, but for those in `dead`."""
    cdef uint32_t eid
    cdef list found = []
    for eid in range(<uint32_t>tree.n - 1, 0, -1):
        if tree.mode_[eid] == 0 and eid not in dead:
            found.append(eid)
    tree.free_ids = found


def free_ids(Columns tree not None):
    """The ids that may be used again."""
    return tree.free_ids[:]


def order_roots(Columns tree not None, list roots not None):
    """Tell the roots in this order from now on."""
    if sorted(roots) != sorted(tree.root_order):
        raise ValueError("these are not the roots")
    tree.root_order = roots
