# cython: language_level=3
"""Opening files that stand below a directory, and nothing else: for kernels that read, see `_beneath.pyx`."""
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    NOT_REGULAR = -100000        # beyond every errno


cdef struct Opened:              # what a file was when it was opened
    uint64_t ino, size
    int64_t mtime_ns


cdef int open_directory(int top, const char *path) noexcept nogil
cdef int open_file(int directory, const char *name, Opened *opened) noexcept nogil
cdef int open_known(int directory, const char *name) noexcept nogil
cdef bint look_at(int fd, Opened *opened) noexcept nogil
