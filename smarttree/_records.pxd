# cython: language_level=3
"""Records owns its items and the bytes of their names."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from smarttree._buffer cimport Buffer
from smarttree._columns cimport Columns


cdef struct Item:
    uint64_t size
    int64_t mtime
    size_t name_off
    uint32_t name_len
    uint32_t id
    uint32_t parent
    uint16_t mode
    uint8_t mask


cdef class Records:
    cdef Item *items
    cdef uint8_t *heap
    cdef size_t n, room, heap_n, heap_room
    cdef Item *extend(self) except NULL
    cdef int keep_name(self, Item *item, const uint8_t *name, size_t size) except -1
    cdef int take(self, Columns tree, uint32_t eid, uint8_t mask) except -1
    cdef int sort(self) except -1
    cdef list put(self, size_t count)


cdef bint put_records(Buffer **columns, const Item *items, size_t n, const uint8_t *heap) noexcept nogil
