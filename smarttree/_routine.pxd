# cython: language_level=3
"""Routine owns its steps and the bytes of their names; `_page` carries them out."""
from libc.stdint cimport uint8_t, uint32_t

from smarttree._columns cimport Columns
from smarttree._listing cimport Stat
from smarttree._looks cimport Looks

cdef enum Act:
    UPDATE       # other values
    WRITE        # other content, even where no value shows it
    CREATE
    END


cdef struct Step:
    Stat stat
    size_t name_off      # of what is created, as are the three that follow
    uint32_t name_len
    uint32_t parent
    uint32_t eid         # NO_ID until it is issued, but for what is in a new directory
    uint32_t anchor      # the directory with which the step stands or falls
    uint8_t act


cdef class Routine:
    cdef Step *steps
    cdef uint8_t *heap
    cdef size_t n, room, heap_n, heap_room
    cdef readonly size_t ends        # so many known entries were gone when they were looked at
    cdef Step *extend(self, Act act, uint32_t anchor) except NULL
    cdef int keep_name(self, Step *step, const uint8_t *name, size_t size) except -1
    cdef bint settle(self, Columns tree, uint32_t directory, bytes name, Looks looks, size_t i, written,
                     hidden) except -1
