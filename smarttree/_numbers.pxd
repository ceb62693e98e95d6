# cython: language_level=3
"""The codings of numbers that chunks and bodies share: sizes, and times (spec/QTN1.md, columns 7 to 10 of a chunk).

They write to Buffers and read from Readers: one of each for a column, or the same one for all that stand bare.
"""
from libc.stdint cimport int64_t, uint8_t, uint64_t

from smarttree._buffer cimport Buffer, Reader

cdef void put_sizes(Buffer *widths, Buffer *bits, const uint64_t *sizes, size_t n) noexcept nogil
cdef int get_sizes(Reader *widths, Reader *bits, uint64_t *sizes, size_t n) noexcept nogil
cdef bint put_times(Buffer *table, Buffer *times, const int64_t *values, size_t n) noexcept nogil
cdef int get_times(Reader *table, Reader *times, int64_t *values, size_t n) noexcept nogil
