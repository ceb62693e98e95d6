# cython: language_level=3
"""One file's rules, compiled: see `_sheet.pyx`."""
from libc.stdint cimport uint8_t, uint32_t

from smarttree._wildmatch cimport Sets, Token


cdef enum PatternKind:
    EXACT                    # a name
    ENDS                     # an asterisk and a name's end
    GLOB                     # a name with other wildcards
    PATH                     # has a slash: it goes with a path from the directory of its file


cdef struct Pattern:
    uint32_t tokens          # where they begin in the sheet's
    uint32_t tokens_n
    uint32_t text            # of a name that is all literal, or behind its asterisk: where it begins
    uint32_t size
    uint32_t state           # of a path: where its state begins in the sheet's, in words
    uint8_t kind
    uint8_t last             # the byte a name must end with, or 0
    uint32_t before          # the number of the pattern before it with that byte, from 1; or 0
    bint negated
    bint only_dirs


cdef struct Sheet:           # one file's rules, compiled
    Sheet *next
    Pattern *patterns
    size_t n, room
    uint32_t latest[256]     # the number of the last pattern with each last byte
    Token *tokens
    size_t tokens_n
    Sets sets
    uint8_t *bytes
    uint32_t words           # of the states of all its paths


cdef void discard(Sheet *sheet) noexcept nogil
cdef Sheet *compile(const uint8_t *data, size_t size) noexcept nogil
