# cython: language_level=3
"""What the workers of a scan leave behind, each in memory of its own, for `_scan` to number."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from smarttree._exchange cimport Exchange, Job
from smarttree._ignore cimport Level, Rules, Shelf
from smarttree._listing cimport Stat
from smarttree._stat cimport Hidden


cdef struct Entry:           # one entry of a directory that was read
    Stat stat
    uint64_t name_off
    uint32_t name_len


cdef struct Block:           # one directory's entries, sorted by name, and whose content they are
    Stat stat                # of the directory itself, after it was watched and before it was read
    uint64_t first
    uint64_t owner           # index of the directory's own Entry ...
    int32_t owner_worker     # ... at this worker; -1 for the top
    uint32_t count
    int64_t watch


cdef struct Trouble:
    uint64_t owner           # the directory it happened in: as in Block
    uint64_t name_off        # the entry in it that could not be read, in the reporter's heap
    uint32_t name_len        # 0: the directory itself
    int32_t owner_worker
    int error


cdef struct Aside:           # the watch on a directory that is none of the tree's: of git's own rule file
    uint64_t owner           # the directory for which those rules hold: as in Block
    int32_t owner_worker
    int64_t watch


cdef struct Frame:           # a directory whose subdirectories are being read
    int fd
    int depth
    uint64_t block
    uint32_t next
    const Level *level       # the rules that hold in it; NULL: nothing is left out


cdef struct Key:             # a name in the directory being read
    uint8_t *name
    uint64_t off
    uint32_t size
    uint8_t type             # as in struct dirent: 0 where the file system does not tell
    int error                # of a rule file: why its rules don't hold


cdef class Placer:           # places the watches of a scan, for several threads at once
    cdef bint wants_entry    # whether it is cheaper for it where the thread has made the directory its current one
    cdef int64_t place(self, int fd, bint entered) noexcept nogil


cdef class Progress:
    cdef volatile uint64_t entry_count
    cdef volatile uint64_t dir_count
    cdef volatile bint cancelled


cdef class Worker:
    cdef int number, failed
    cdef Placer placer
    cdef bint places
    cdef bint own_directory
    cdef object pool_owner
    cdef Exchange *pool
    cdef Progress progress
    cdef Entry *entries
    cdef size_t entries_n, entries_room
    cdef Block *blocks
    cdef size_t blocks_n, blocks_room
    cdef uint8_t *heap
    cdef size_t heap_n, heap_room
    cdef Key *keys
    cdef size_t keys_room
    cdef Trouble *troubles
    cdef size_t troubles_n, troubles_room
    cdef Aside *asides
    cdef size_t asides_n, asides_room
    cdef Frame *frames
    cdef int frames_n
    cdef uint8_t *dents
    cdef Rules rules
    cdef Hidden hidden
    cdef Shelf shelf
    cdef int report(self, const Job *at, int error, const Key *key) noexcept nogil
    cdef int fail(self, int error) noexcept nogil
    cdef int trouble(self, const Job *at, int error) noexcept nogil
    cdef long names(self, int fd) noexcept nogil
    cdef int watch_aside(self, int fd, const Job *at) noexcept nogil
    cdef const Level *rules_in(self, int fd, const Job *at, long count) noexcept nogil
    cdef bint is_left_out(self, const Level *level, int fd, const Key *key, const Stat *seen) noexcept nogil
    cdef int read(self, int fd, const Job *at, int64_t watch) noexcept nogil
    cdef int enter(self, int parent_fd, const char *name, const Job *at) noexcept nogil
    cdef int step(self) noexcept nogil
    cdef void drive(self) noexcept nogil
