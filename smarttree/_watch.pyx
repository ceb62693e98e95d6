# cython: language_level=3
"""inotify: watches placed in a scan, and the kernel's queue drained without the GIL, each event handed on once.

    struct inotify_event { int wd; uint32_t mask; uint32_t cookie; uint32_t len; char name[]; }     inotify(7)
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, strlen
from posix.ioctl cimport ioctl
from posix.unistd cimport close, read

import os

from smarttree._walk cimport Placer

cdef extern from *:
    """
    #include <sys/inotify.h>
    #define ST_WATCH (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE \\
                      | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
    """
    int ST_WATCH

cdef extern from "<sys/inotify.h>":
    ctypedef struct inotify_event "struct inotify_event":
        int wd
        uint32_t mask
        uint32_t cookie
        uint32_t len
        char name[1]
    int inotify_init1(int) noexcept nogil
    int inotify_add_watch(int, const char *, uint32_t) noexcept nogil
    int inotify_rm_watch(int, int) noexcept nogil
    int IN_NONBLOCK, IN_CLOEXEC

cdef extern from "<sys/ioctl.h>":
    int FIONREAD

cdef enum:
    HEAD_BYTES = 16
    EVENT_BYTES_MAX = 272        # a head and NAME_MAX + 1, rounded up: what one read must have room for
    BLOCK_BYTES = 65536


cdef class Inotify(Placer):
    """One inotify instance. `fd` is readable while events wait; one thread drains at a time."""
    cdef readonly int fd
    cdef uint8_t *buffer
    cdef size_t room

    def __cinit__(self):
        self.fd, self.wants_entry = -1, True
        self.buffer, self.room = <uint8_t *>malloc(BLOCK_BYTES), BLOCK_BYTES
        if self.buffer == NULL:
            raise MemoryError
        self.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
        if self.fd < 0:
            raise OSError(errno, os.strerror(errno))

    def __dealloc__(self):
        free(self.buffer)
        if self.fd >= 0:
            close(self.fd)

    def close(self):
        if self.fd >= 0:
            close(self.fd)
            self.fd = -1

    cdef int64_t place(self, int fd, bint entered) noexcept nogil:
        """Cheapest is a thread that is there: it watches ".". Else /proc names the descriptor."""
        cdef char path[32]
        cdef int wd
        if entered:
            wd = inotify_add_watch(self.fd, ".", ST_WATCH)
        else:
            snprintf(path, sizeof(path), "/proc/self/fd/%d", fd)
            wd = inotify_add_watch(self.fd, path, ST_WATCH)
        return wd if wd >= 0 else -errno

    def settle(self, known):
        """A scan has ended. Its watches that got no id stay: the kernel drops them with their directories."""

    def forget(self, int wd):
        """Stop a watch. One that the kernel has dropped already is no error."""
        inotify_rm_watch(self.fd, wd)

    def drain(self):
        """All events that waited when it was called, as (wd, mask, name) in order, neighbours that say the same once,
        in a list of one list: other queues are drained in several.

        It does not run after events that arrive meanwhile, so it ends in any storm. Raises OSError.
        """
        cdef int waiting = 0, problem = 0
        cdef ssize_t got = 0
        cdef size_t have = 0
        with nogil:
            if ioctl(self.fd, FIONREAD, &waiting) < 0:
                problem = errno
            while not problem and have < <size_t>waiting:
                if not self.make_room(have + BLOCK_BYTES):
                    break
                got = read(self.fd, self.buffer + have, self.room - have)
                if got > 0:
                    have += got
                elif got < 0 and errno == EINTR:
                    continue
                else:
                    problem = errno if got < 0 and errno != EAGAIN else 0
                    break
        if problem:
            raise OSError(problem, os.strerror(problem))
        return [self.events(have)]

    cdef bint make_room(self, size_t need) noexcept nogil:
        cdef void *moved
        if need <= self.room:
            return True
        moved = realloc(self.buffer, 2 * need)
        if moved == NULL:
            return self.room - (need - BLOCK_BYTES) >= EVENT_BYTES_MAX
        self.buffer, self.room = <uint8_t *>moved, 2 * need
        return True

    cdef list events(self, size_t have):
        cdef size_t at = 0
        cdef inotify_event *event
        cdef inotify_event *before = NULL
        cdef list out = []
        while at < have:
            event = <inotify_event *>(self.buffer + at)
            at += HEAD_BYTES + event.len
            if (before != NULL and before.wd == event.wd and before.mask == event.mask and before.len == event.len
                    and memcmp(before.name, event.name, event.len) == 0):
                continue
            before = event
            name = PyBytes_FromStringAndSize(event.name, strlen(event.name)) if event.len else b""
            out.append((event.wd, event.mask, name))
        if self.room > 16 * BLOCK_BYTES:
            free(self.buffer)
            self.room = BLOCK_BYTES
            self.buffer = <uint8_t *>malloc(BLOCK_BYTES)
            if self.buffer == NULL:
                self.room = 0
                raise MemoryError
        return out
