# cython: language_level=3
"""Single looks at the disk: what `statx` says of names in an open directory, now."""
from cpython.bytes cimport PyBytes_AsString
from libc.errno cimport ENOENT, ENOTDIR, errno
from libc.stdlib cimport free, malloc

import os

from smarttree._listing cimport Stat, row_of


def look(int fd, list names):
    """A `Row`, None (not there) or an errno (can't be read) for each of `names` (bytes) in the directory `fd`.

    One statx a name, about 1 µs each when cached, all of them without the GIL.
    """
    cdef Py_ssize_t n = len(names), i
    cdef const char **paths = <const char **>malloc((n + 1) * sizeof(char *))
    cdef Stat *seen = <Stat *>malloc((n + 1) * sizeof(Stat))
    cdef int *errors = <int *>malloc((n + 1) * sizeof(int))
    try:
        if paths == NULL or seen == NULL or errors == NULL:
            raise MemoryError
        for i in range(n):
            paths[i] = PyBytes_AsString(names[i])  # `names` keeps them alive
        with nogil:
            for i in range(n):
                errors[i] = 0 if observe(fd, paths[i], ST_STATX, &seen[i]) == 0 else errno
        return [None if errors[i] == ENOENT or errors[i] == ENOTDIR else errors[i] or row_of(&seen[i])
                for i in range(n)]
    finally:
        free(paths)
        free(seen)
        free(errors)


def look_at(int fd):
    """The `Row` of an open file or directory itself. Raises OSError."""
    cdef Stat seen
    if observe(fd, b"", ST_STATX | AT_EMPTY_PATH, &seen) < 0:
        raise OSError(errno, os.strerror(errno))
    return row_of(&seen)
