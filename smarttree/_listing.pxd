# cython: language_level=3
"""What a scan hands on: a Listing's memory, owned by the Listing and frozen once the scan has returned it."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef enum:
    NO_WATCH = -1        # none was asked for


cdef struct Stat:
    uint64_t size
    int64_t mtime
    int64_t ctime
    uint64_t ino
    uint32_t birth       # a 32-bit fingerprint of the birth time; 0 where the file system has none
    uint32_t nlink
    uint16_t mode


cdef struct Item:
    Stat stat
    uint64_t name_off    # into Listing.heap
    uint32_t name_len
    uint32_t parent      # index of the parent; the top's is its own
    uint32_t first       # index of the first child
    uint32_t count       # number of children; 0 for what is no directory, or could not be read
    int64_t watch        # the key of a directory's watch, as its watcher gave it; NO_WATCH; -errno if it was refused


cdef class Listing:
    cdef Item *items
    cdef uint8_t *heap
    cdef readonly uint32_t n
    cdef readonly list problems
    cdef readonly dict asides      # index of a directory: the key of the watch on that of git's own rule file for it
    cdef dict problems_by          # the same by directory, made when first asked for
    cdef Item *at(self, index) except NULL


cdef object row_of(const Stat *seen)
