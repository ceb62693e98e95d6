# cython: language_level=3
"""What the log keeps of an entry beside what the wire tells."""
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef struct Identity:
    int64_t ctime
    uint64_t ino
    uint32_t id
    uint32_t birth
