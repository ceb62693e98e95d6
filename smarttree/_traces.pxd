# cython: language_level=3
"""Traces own their memory until they are read; the page writes them."""
from libc.stdint cimport uint8_t, uint32_t

from smarttree._buffer cimport Buffer
from smarttree._columns cimport Columns

cdef enum:
    BORN = 32            # beside the masks of records


cdef struct Touch:
    uint32_t id
    uint32_t mask


cdef class Traces:
    cdef Touch *touched
    cdef size_t n, room
    cdef Buffer left
    cdef readonly size_t dead    # how many ids ended
    cdef int touch(self, uint32_t eid, uint8_t mask) except -1
    cdef int leave(self, Columns tree, uint32_t eid) except -1
    cdef int end(self, Columns tree, uint32_t eid) except -1
