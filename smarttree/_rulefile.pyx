# cython: language_level=3
"""Rule files as a walk meets them: read by the descriptor of their directory, before its entries are judged.

As git does: only a regular file counts, a link in its place does not (git's own exclude file may be one).
"""
from libc.errno cimport EFBIG, ELOOP, ENOENT, ENOMEM, ENOTDIR, errno
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport strcmp
from posix.unistd cimport close, read

from smarttree._ignore cimport (
    GITIGNORE, IGNORE, REPOSITORY, RULE_FILE_BYTES_MAX, Level, Shelf, begin_repository, extend,
)
from smarttree._listing cimport Stat
from smarttree._stat cimport AT_EMPTY_PATH, ST_STATX, c_openat, observe

cdef extern from *:
    """
    #include <fcntl.h>
    #define ST_READ (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    """
    int ST_READ, O_NOFOLLOW

cdef enum:
    S_IFMT = 0xF000
    S_IFREG = 0x8000


cdef long content(int fd, uint8_t **data) noexcept nogil:
    """All of an open file, in memory that is the caller's; its size, 0 for what is no regular file, or -errno."""
    cdef Stat seen
    cdef long size = 0, got = 1
    data[0] = NULL
    if observe(fd, b"", ST_STATX | AT_EMPTY_PATH, &seen) < 0:
        return -errno
    if seen.mode & S_IFMT != S_IFREG:
        return 0
    if seen.size > RULE_FILE_BYTES_MAX:
        return -EFBIG
    data[0] = <uint8_t *>malloc(RULE_FILE_BYTES_MAX + 1)
    if data[0] == NULL:
        return -ENOMEM
    while got > 0 and size <= RULE_FILE_BYTES_MAX:
        got = read(fd, data[0] + size, <size_t>(RULE_FILE_BYTES_MAX + 1 - size))
        size += max(got, 0)
    if got < 0:
        return -errno
    return size if size <= RULE_FILE_BYTES_MAX else -EFBIG


cdef const Level *add(Shelf *shelf, const Level *level, int fd, const char *name, int source,
                      int *error) noexcept nogil:
    """What holds with the rules of a file; where it can't be read, what held, and `error` says why."""
    cdef uint8_t *data = NULL
    cdef long size
    cdef int flags = ST_READ | (0 if source == REPOSITORY else O_NOFOLLOW)
    cdef int file = c_openat(fd, name, flags)
    if file < 0:
        if errno != ENOENT and errno != ENOTDIR and errno != ELOOP:
            error[0] = errno
        return level
    size = content(file, &data)
    close(file)
    if size > 0:
        level = extend(shelf, level, source, data, <size_t>size)
    elif size < 0:
        error[0] = <int>-size
    free(data)
    return level


cdef const Level *obey(Shelf *shelf, const Level *level, int fd, const char *name, int *error) noexcept nogil:
    """What holds in the directory `fd` given that `name` is in it; NULL where there is no memory.

    Give it every name, sorted: `.git` comes before `.gitignore`, and ends what holds from above. `error`: the errno of
    a file that can't be read, whose rules then don't hold.
    """
    if strcmp(name, b".git") == 0:
        level = begin_repository(shelf, level)
        if level == NULL:
            return NULL
        return add(shelf, level, fd, b".git/info/exclude", REPOSITORY, error)
    if strcmp(name, b".gitignore") == 0:
        return add(shelf, level, fd, name, GITIGNORE, error)
    if strcmp(name, b".ignore") == 0:
        return add(shelf, level, fd, name, IGNORE, error)
    return level
