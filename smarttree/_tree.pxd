# cython: language_level=3
"""Tree adds no memory to Columns: these are the checks and loops behind its Python methods.

`growing` is for an owner who lets others look at the Tree itself: a lock that is held while they do. To issue an id,
which may happen all the same, waits for it where the columns would have to move.
"""
from libc.stdint cimport uint32_t

from smarttree._columns cimport Columns


cdef class Tree(Columns):
    cdef public object growing           # None: nobody does
    cdef uint32_t alive(self, eid) except? 0xFFFFFFFF
    cdef uint32_t directory(self, eid) except? 0xFFFFFFFF
    cdef int check_name(self, uint32_t parent, bytes name) except -1
    cdef uint32_t adopt(self, bytes path, const uint32_t *ids, const uint32_t *first, const uint32_t *count,
                        uint32_t m) except? 0xFFFFFFFF
    cdef void list_below(self, uint32_t top, uint32_t *out, uint32_t *stack) noexcept nogil
