# cython: language_level=3
"""Rule files of an open directory, for the walk: see `_rulefile.pyx`."""
from libc.stdint cimport uint8_t

from smarttree._ignore cimport Level, Shelf

cdef const Level *obey(Shelf *shelf, const Level *level, int fd, const char *name, int *error) noexcept nogil
