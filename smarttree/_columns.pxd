# cython: language_level=3
"""Columns owns all of this memory; kernels borrow it while its owner lets no one else change it."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    COLUMNS = 10
    NO_ID = 0xFFFFFFFF
    S_IFMT = 0xF000
    S_IFDIR = 0x4000


cdef size_t[COLUMNS] WIDTHS      # of the columns, in bytes


cdef struct Digest:
    uint64_t lo
    uint64_t hi


cdef struct Dir:
    uint32_t first       # where its span of children starts in the arena
    uint32_t count
    uint32_t room
    uint32_t files       # below it, at any depth: entries that are no directory
    uint32_t dirs        # below it, at any depth
    uint64_t bytes       # sum of the sizes below it
    Digest digest


cdef int grow(void **memory, size_t *room, size_t need, size_t item) except -1


cdef inline Digest plus(Digest a, Digest b) noexcept nogil:
    cdef Digest out
    out.lo = a.lo + b.lo
    out.hi = a.hi + b.hi + (out.lo < a.lo)
    return out


cdef inline Digest minus(Digest a, Digest b) noexcept nogil:
    cdef Digest out
    out.lo = a.lo - b.lo
    out.hi = a.hi - b.hi - (a.lo < b.lo)
    return out


cdef class Columns:
    cdef void *memory[COLUMNS]   # the columns; the names below are its typed aliases
    cdef uint32_t *parent_
    cdef uint32_t *name_off
    cdef uint16_t *name_len
    cdef uint16_t *mode_
    cdef uint64_t *size_
    cdef int64_t *mtime_
    cdef int64_t *ctime_
    cdef uint64_t *ino_
    cdef uint32_t *birth_
    cdef uint32_t *dir_
    cdef size_t n, room
    cdef size_t live
    cdef Dir *dirs
    cdef size_t dirs_n, dirs_room
    cdef list dirs_free
    cdef uint32_t *kids
    cdef size_t kids_n, kids_room, kids_waste
    cdef uint8_t *heap
    cdef size_t heap_n, heap_room, heap_waste
    cdef uint8_t *scratch
    cdef list free_ids
    cdef list root_order

    cdef size_t path_size(self, uint32_t eid) noexcept nogil
    cdef void write_path(self, uint32_t eid, uint8_t *end) noexcept nogil
    cdef int copy_into(self, Columns twin) except -1
    cdef int reserve(self, size_t ids) except -1
    cdef bint holds(self, uint32_t eid) noexcept nogil
    cdef bint is_directory(self, uint32_t eid) noexcept nogil
    cdef bint find(self, uint32_t parent, const uint8_t *name, size_t size, uint32_t *at) noexcept nogil
    cdef Digest hash_of(self, uint32_t eid) noexcept nogil
    cdef void ripple(self, uint32_t parent, Digest gone, Digest come,
                     int64_t files, int64_t dirs, int64_t size) noexcept nogil
    cdef int make(self, uint32_t eid, uint16_t mode, uint64_t size, int64_t mtime) except -1
    cdef void weigh(self, uint32_t eid, int64_t *files, int64_t *dirs, int64_t *size) noexcept nogil
    cdef int pack_names(self) except -1
    cdef int pack_spans(self) except -1
    cdef int widen_span(self, Dir *d) except -1
    cdef int put_name(self, uint32_t eid, const uint8_t *name, size_t size) except -1
    cdef bint link(self, uint32_t eid, uint32_t parent) except -1
    cdef int unlink(self, uint32_t eid) except -1
    cdef void set_values(self, uint32_t eid, uint16_t mode, uint64_t size, int64_t mtime) noexcept nogil
    cdef list free_all(self, uint32_t eid)
    cdef bint is_below(self, uint32_t eid, uint32_t top) noexcept nogil
