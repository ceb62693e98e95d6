# cython: language_level=3
"""Rules that hold in one directory, for whoever walks without the GIL: see `_ignore.pyx`."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from smarttree._sheet cimport Sheet

cdef enum:
    RULE_FILE_BYTES_MAX = 1 << 20


cdef enum Source:            # whose rules come first
    COMMAND                  # --exclude and --include
    IGNORE                   # .ignore, the deepest first
    GITIGNORE                # .gitignore, the deepest first
    REPOSITORY               # .git/info/exclude


cdef enum Verdict:
    UNSAID
    KEPT
    IGNORED


cdef struct Page:            # a sheet, and how far the path from its directory has come in each of its paths
    Sheet *sheet
    uint64_t *state
    int source


cdef struct Level:           # what holds in one directory; never changes once it is made
    Level *next
    bint closed              # nothing in it is looked at
    bint reads_files         # rule files in it count
    uint32_t n
    Page pages[1]


cdef struct Shelf:           # whoever makes sheets and levels owns them by one of these
    Sheet *sheets
    Level *levels


cdef const Level *enter(Shelf *shelf, const Level *outer, const uint8_t *name, size_t size) noexcept nogil
cdef const Level *extend(Shelf *shelf, const Level *level, int source, const uint8_t *data, size_t size) noexcept nogil
cdef const Level *begin_repository(Shelf *shelf, const Level *level) noexcept nogil
cdef bint ignores(const Level *level, const uint8_t *name, size_t size, bint is_dir) noexcept nogil
cdef void clear(Shelf *shelf) noexcept nogil


cdef class Rules:
    cdef Shelf shelf
    cdef Rules outer         # owns what this one's level shares with it
    cdef const Level *level
    cdef Rules inner(self, const Level *level, Shelf *shelf)
