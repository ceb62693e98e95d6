# cython: language_level=3
"""Beneath: a regular file is opened where it stands below a directory, by a path without links, or not at all.

A path is resolved by the kernel: `openat2`, which leaves the directory by no link, no `..` and no link of /proc, also
while someone renames. Where it has no such call, name by name with O_NOFOLLOW. What is no regular file is not opened:
it is looked at first, as opening a pipe wakes who waits to write to it, and opening a device may do anything. What is
put in its place between that look and the opening is opened without waiting, seen for what it is, and let go unread.
"""
from libc.errno cimport EINTR, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, EPERM, errno
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, strchr, strlen
from posix.unistd cimport close

import errno as errors
import os

from smarttree.errors import NotAFile, PathError, SystemLimit, Unreadable
from smarttree.printable import printable

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <unistd.h>
    #ifndef O_PATH
    #define O_PATH O_RDONLY
    #endif
    #ifdef __APPLE__
    #define ST_MTIME(s) ((s).st_mtimespec)
    #else
    #define ST_MTIME(s) ((s).st_mtim)
    #endif
    #define ST_DIRECTORY (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    #define ST_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    static long long st_mtime_ns(const struct stat *s) {
        return ST_MTIME(*s).tv_sec * 1000000000LL + ST_MTIME(*s).tv_nsec;
    }
    #if defined(__linux__) && __has_include(<linux/openat2.h>)
    #include <linux/openat2.h>
    #include <sys/syscall.h>
    static int st_openat2(int top, const char *path) {
        struct open_how how = {.flags = ST_DIRECTORY,
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
        return (int)syscall(SYS_openat2, top, path, &how, sizeof(how));
    }
    #else
    static int st_openat2(int top, const char *path) {
        (void)top, (void)path;
        errno = ENOSYS;
        return -1;
    }
    #endif
    static int st_is_regular(const struct stat *s) { return S_ISREG(s->st_mode); }
    """
    ctypedef struct stat_t "struct stat":
        uint64_t st_dev
        uint64_t st_ino
        uint64_t st_size
    int ST_DIRECTORY, ST_FILE, AT_SYMLINK_NOFOLLOW
    int st_openat2(int, const char *) noexcept nogil
    int st_is_regular(const stat_t *) noexcept nogil
    int64_t st_mtime_ns(const stat_t *) noexcept nogil
    int c_openat "openat"(int, const char *, int) noexcept nogil
    int c_fstat "fstat"(int, stat_t *) noexcept nogil
    int c_fstatat "fstatat"(int, const char *, stat_t *, int) noexcept nogil

cdef enum:
    NAME_BYTES_MAX = 4096

SHORT = frozenset({errors.EMFILE, errors.ENFILE, errors.ENOMEM})
CLOSED = frozenset({errors.EACCES, errors.EPERM})


cdef int open_directory(int top, const char *path) noexcept nogil:
    """Open the directory at `path` below the open directory `top` (b".": that itself), to open files in it; a
    descriptor, or -errno. A link anywhere in the path is -ELOOP or -ENOTDIR.
    """
    cdef int fd = st_openat2(top, path)
    while fd < 0 and errno == EINTR:
        fd = st_openat2(top, path)
    if fd >= 0:
        return fd
    # EPERM: of a sandbox that doesn't know the call. A path may be longer than the kernel takes at a time.
    if errno != ENOSYS and errno != EPERM and errno != ENAMETOOLONG:
        return -errno
    return walk_to(top, path)


cdef int walk_to(int top, const char *path) noexcept nogil:
    """`open_directory`, name by name."""
    cdef char name[NAME_BYTES_MAX]
    cdef const char *end
    cdef size_t size
    cdef int fd = c_openat(top, b".", ST_DIRECTORY), inner
    while fd >= 0 and path[0]:
        end = strchr(path, c'/')
        size = <size_t>(end - path) if end != NULL else strlen(path)
        if size == 0 or size >= NAME_BYTES_MAX or (size == 2 and path[0] == c'.' and path[1] == c'.'):
            close(fd)
            return -ENOENT
        memcpy(name, path, size)
        name[size] = 0
        inner = c_openat(fd, name, ST_DIRECTORY)
        close(fd)
        fd, path = inner, path + size + (end != NULL)
    return fd if fd >= 0 else -errno


cdef int open_file(int directory, const char *name, Opened *opened) noexcept nogil:
    """Open the regular file `name`, without a slash in it, in an open directory; a descriptor, or -errno (-ELOOP: it is
    a link), or NOT_REGULAR.
    """
    cdef stat_t seen
    cdef int fd
    if c_fstatat(directory, name, &seen, AT_SYMLINK_NOFOLLOW) < 0:
        return -errno
    if not st_is_regular(&seen):
        return NOT_REGULAR
    fd = open_known(directory, name)
    if fd >= 0 and not look_at(fd, opened):
        close(fd)
        return NOT_REGULAR
    return fd


cdef int open_known(int directory, const char *name) noexcept nogil:
    """The same for what a Tree has lately seen to be a regular file: half the calls. A descriptor, or -errno. To be
    looked at, or read with `pread`, which takes nothing from a pipe.
    """
    cdef int fd = c_openat(directory, name, ST_FILE)
    return fd if fd >= 0 else -errno


cdef bint look_at(int fd, Opened *opened) noexcept nogil:
    """Whether an open file is a regular one, and what it is now."""
    cdef stat_t seen
    if c_fstat(fd, &seen) < 0 or not st_is_regular(&seen):
        return False
    opened.ino, opened.size, opened.mtime_ns = seen.st_ino, seen.st_size, st_mtime_ns(&seen)
    return True


def open_beneath(bytes root not None, bytes relative not None, bint by_names=False):
    """A descriptor of the regular file at `relative` below the directory `root`, opened for reading.

    `by_names`: without `openat2`. Raises PathError where there is none or a link leads on, NotAFile for what is no
    regular file, Unreadable, and SystemLimit.
    """
    cdef Opened opened
    cdef const char *inside
    cdef const char *last
    cdef int top, directory, fd = 0
    cdef bytes before, name
    names = relative.split(b"/")
    if b"\0" in relative or not {b"", b".", b".."}.isdisjoint(names):
        raise PathError(f"{printable(relative)} is no path below a directory")
    before, _, name = relative.rpartition(b"/")
    before = before or b"."
    inside, last = before, name
    try:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise refusal(error.errno, root) from error
    try:
        with nogil:
            directory = walk_to(top, inside) if by_names else open_directory(top, inside)
            if directory >= 0:
                fd = open_file(directory, last, &opened)
                close(directory)
    finally:
        os.close(top)
    if directory < 0 or fd < 0:
        raise refusal(-directory if directory < 0 else -fd, os.path.join(root, relative))
    return fd


def refusal(int error, path):
    """What stands in the way of opening a file, as an exception to raise: from an errno, or less NOT_REGULAR."""
    if error == -NOT_REGULAR:
        return NotAFile(f"{printable(path)} is no regular file; only those have a content")
    if error in CLOSED:
        return Unreadable(f"{printable(path)} can't be read by the user that the server runs as")
    if error in SHORT:
        return SystemLimit(f"the system has no room to open {printable(path)}: {os.strerror(error)}; ask again later")
    if error in (ELOOP, ENOTDIR):
        return PathError(f"there is a link on the way to {printable(path)}, or at its end; links are not followed")
    return PathError(f"{printable(path)} can't be opened: {os.strerror(error)}")
