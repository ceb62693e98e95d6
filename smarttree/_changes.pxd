# cython: language_level=3
"""Changes owns its bytes; what `told_at` hands out points into them."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from smarttree._buffer cimport Buffer

cdef enum Type:
    MODIFIED
    CREATED
    DELETED
    RENAMED


cdef enum Kind:
    A_FILE
    A_DIRECTORY
    A_SYMLINK
    ANOTHER


cdef enum Content:           # of a file that was modified, against what it had before
    UNKNOWN
    SAME
    OTHER


cdef struct Told:            # in memory, followed by the path, the old path and the delta, up to a multiple of eight
    uint64_t size
    int64_t growth
    uint32_t path_size
    uint32_t old_path_size   # 0 for what was not renamed
    uint32_t delta_size
    uint8_t type
    uint8_t kind
    uint8_t content


cdef class Changes:
    cdef uint8_t *data
    cdef size_t size
    cdef size_t count


cdef inline const uint8_t *path_of(const Told *told) noexcept nogil:
    return <const uint8_t *>told + sizeof(Told)


cdef inline const uint8_t *old_path_of(const Told *told) noexcept nogil:
    return path_of(told) + told.path_size


cdef inline const uint8_t *delta_of(const Told *told) noexcept nogil:
    return old_path_of(told) + told.old_path_size


cdef inline size_t told_bytes(const Told *told) noexcept nogil:
    """How far the next one is."""
    return (sizeof(Told) + told.path_size + told.old_path_size + told.delta_size + 7) & ~<size_t>7


cdef Changes changes_of(Buffer *told, size_t count)
cdef object change_of(const Told *told)
