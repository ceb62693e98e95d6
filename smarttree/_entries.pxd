# cython: language_level=3
"""Entries owns its columns; a row is an entry, in directory order (spec/QTN1.md, section 2)."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    TOP = 0xFFFFFFFF         # as a parent: the entry that all are below, which is no row itself
    ENTRY_COLUMNS = 9


cdef class Entries:
    cdef void *memory[ENTRY_COLUMNS]    # the columns; the names below are its typed aliases
    cdef uint32_t *id_
    cdef uint32_t *parent_      # set by `link`: a row, or TOP; in the end an id
    cdef uint32_t *first_       # of a directory: the row of its first child; set by `link`
    cdef uint32_t *count_       # of a directory: how many children it has
    cdef uint32_t *below_       # of a directory: how many entries are below it that are no children
    cdef uint16_t *mode_
    cdef uint64_t *size_
    cdef int64_t *mtime_
    cdef uint64_t *name_end_    # in the heap; a name begins where the one before it ends
    cdef uint8_t *heap
    cdef readonly size_t n
    cdef size_t room, heap_n, heap_room, views
    cdef int reserve(self, size_t rows, size_t name_bytes) except -1
    cdef uint32_t link(self, uint32_t children, int *error) noexcept nogil
