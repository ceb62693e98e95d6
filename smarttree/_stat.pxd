# cython: language_level=3
"""`statx`, reduced to what the Tree keeps: shared by the scan and by single looks."""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from smarttree._listing cimport Stat

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <sys/sysmacros.h>
    #define ST_OPEN (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    #define ST_STATX (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)
    #define ST_MASK (STATX_BASIC_STATS | STATX_BTIME)
    """
    ctypedef struct timestamp "struct statx_timestamp":
        int64_t tv_sec
        uint32_t tv_nsec
    ctypedef struct statx_t "struct statx":
        uint32_t stx_mask
        uint32_t stx_nlink
        uint16_t stx_mode
        uint64_t stx_ino
        uint64_t stx_size
        timestamp stx_btime
        timestamp stx_ctime
        timestamp stx_mtime
        uint32_t stx_dev_major
        uint32_t stx_dev_minor
    int ST_OPEN, ST_STATX, ST_MASK, AT_EMPTY_PATH, STATX_BTIME
    int c_openat "openat"(int, const char *, int) noexcept nogil
    uint64_t makedev(uint32_t, uint32_t) noexcept nogil
    int c_statx "statx"(int, const char *, int, unsigned int, statx_t *) noexcept nogil


cdef enum:
    HIDDEN_MAX = 4


cdef struct Hidden:          # directories that no tree shows, whatever the roots: the server's own
    uint64_t[HIDDEN_MAX] dev
    uint64_t[HIDDEN_MAX] ino
    int n


cdef inline int64_t nanoseconds(timestamp t) noexcept nogil:
    return t.tv_sec * 1000000000 + t.tv_nsec


cdef inline int observe(int fd, const char *name, int flags, Stat *out) noexcept nogil:
    """statx `name` relative to `fd` (flags: ST_STATX, and AT_EMPTY_PATH for `fd` itself); -1 and errno on failure."""
    cdef statx_t seen
    cdef uint64_t birth
    if c_statx(fd, name, flags, ST_MASK, &seen) < 0:
        return -1
    out.mode, out.ino, out.nlink = seen.stx_mode, seen.stx_ino, seen.stx_nlink
    out.size = 0 if seen.stx_mode & 0xF000 == 0x4000 else seen.stx_size
    out.mtime, out.ctime, out.birth = nanoseconds(seen.stx_mtime), nanoseconds(seen.stx_ctime), 0
    if seen.stx_mask & STATX_BTIME:
        birth = <uint64_t>nanoseconds(seen.stx_btime) * 0x9E3779B97F4A7C15ULL
        out.birth = max(<uint32_t>(birth >> 32), <uint32_t>1)
    return 0


cdef inline bint is_hidden(const Hidden *hidden, int fd, const char *name, int flags, const Stat *seen) noexcept nogil:
    """Whether what was seen there, a directory, is one of these. Where no inode is like theirs, nothing is asked."""
    cdef statx_t again
    cdef int i
    for i in range(hidden.n):
        if hidden.ino[i] == seen.ino and c_statx(fd, name, flags, ST_MASK, &again) == 0:
            if hidden.dev[i] == makedev(again.stx_dev_major, again.stx_dev_minor) and again.stx_ino == seen.ino:
                return True
    return False


cdef inline int take_hidden(Hidden *hidden, directories) except -1:
    """From pairs of device and inode."""
    hidden.n = 0
    for dev, ino in directories:
        if hidden.n == HIDDEN_MAX:
            raise ValueError("too many directories to hide")
        hidden.dev[hidden.n], hidden.ino[hidden.n] = dev, ino
        hidden.n += 1
    return 0
