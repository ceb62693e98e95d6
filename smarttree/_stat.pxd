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
    int ST_OPEN, ST_STATX, ST_MASK, AT_EMPTY_PATH, STATX_BTIME
    int c_openat "openat"(int, const char *, int) noexcept nogil
    int c_statx "statx"(int, const char *, int, unsigned int, statx_t *) noexcept nogil


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
