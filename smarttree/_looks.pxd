# cython: language_level=3
"""Looks owns its memory; `_stat` fills it in, `_routine` reads it."""
from smarttree._listing cimport Stat


cdef class Looks:
    cdef Stat *seen
    cdef int *errors     # 0 where there is something; ENOENT where there is nothing; else why that can't be said
    cdef size_t n
    cdef int allocate(self, size_t n) except -1
