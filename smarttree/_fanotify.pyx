# cython: language_level=3
"""fanotify: whole file systems marked, directories known by handle, and the kernel's queue drained without the GIL.

    struct fanotify_event_metadata { u32 event_len; u8 vers; u8 pad; u16 metadata_len; u64 mask; s32 fd; s32 pid; }
    then records { u8 type; u8 pad; u16 len; fsid; u32 handle_bytes; s32 handle_type; handle; name }      fanotify(7)

A directory's key is a hash of its file system's id and its file handle, 63 bits of XXH64 with a seed of this group's
own: both are told by the kernel with each event, and asked for when a scan comes to the directory. Should two
directories have one key (for a million of them, one chance in 18 million), what happens in the one is also looked for
in the other; of two in one tree, each look would say that one directory is at two places, and both would be read anew,
over and over. Nothing would be missed.

The kernel tells what happens on the whole file system. What is not in a directory whose key is known is dropped here,
and nothing is made of it. A key is known from before its directory is read, because `place` puts it there; so also
while a scan is under way nothing of the rest has to be kept, however busy that is.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, EINVAL, ENOMEM, errno
from libc.limits cimport INT_MAX
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy
from posix.ioctl cimport ioctl
from posix.unistd cimport close, read

import os

from smarttree._asking cimport st_ask
from smarttree._handle cimport ST_HANDLE_FID, ST_UNIQUE_MOUNT, handle_t, st_handle_of, st_lasting_fsid
from smarttree._keys cimport Keys, key_add, key_known, key_remove, keys_free
from smarttree._memory cimport widen
from smarttree._walk cimport Placer
from smarttree._xxh64 cimport xxh64

cdef extern from *:
    """
    #include <pthread.h>
    #include <string.h>
    #include <sys/fanotify.h>
    #include <sys/ioctl.h>
    /* Younger than some headers that we are built with; the kernel is asked whether it has them. */
    #ifndef FAN_REPORT_DIR_FID
    #define FAN_REPORT_DIR_FID 0x400
    #define FAN_REPORT_NAME 0x800
    #endif
    #ifndef FAN_RENAME
    #define FAN_RENAME 0x10000000
    #endif
    #define ST_OLD_NAME 10           /* FAN_EVENT_INFO_TYPE_OLD_DFID_NAME */
    #define ST_NEW_NAME 12
    #define ST_GROUP (FAN_CLASS_NOTIF | FAN_REPORT_DIR_FID | FAN_REPORT_NAME | FAN_NONBLOCK | FAN_CLOEXEC)
    #define ST_EVENTS (FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_DELETE_SELF \\
                       | FAN_MOVE_SELF | FAN_ONDIR)
    /* As the kernel packs them: each begins at a multiple of four. */
    struct st_event { uint32_t size; uint8_t vers, pad; uint16_t head; uint64_t mask; int32_t fd, pid; }
        __attribute__((packed, aligned(4)));
    struct st_record { uint8_t type, pad; uint16_t size; uint8_t fsid[8]; uint32_t bytes; int32_t kind; };
    """
    ctypedef struct event_t "struct st_event":
        uint32_t size
        uint16_t head
        uint64_t mask
    ctypedef struct record_t "struct st_record":
        uint8_t type
        uint16_t size
        uint8_t fsid[8]
        uint32_t bytes
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *) noexcept nogil
    int pthread_mutex_lock(pthread_mutex_t *) noexcept nogil
    int pthread_mutex_unlock(pthread_mutex_t *) noexcept nogil
    int pthread_mutex_destroy(pthread_mutex_t *) noexcept nogil
    int fanotify_init(unsigned int, unsigned int) noexcept nogil
    int fanotify_mark(int, unsigned int, uint64_t, int, const char *) noexcept nogil
    size_t strnlen(const char *, size_t) noexcept nogil
    int FIONREAD, O_RDONLY
    uint64_t FAN_MOVED_FROM, FAN_MOVED_TO, FAN_RENAME, FAN_ACCESS, FAN_Q_OVERFLOW
    uint64_t ST_EVENTS
    unsigned int ST_GROUP, FAN_UNLIMITED_QUEUE, FAN_MARK_ADD, FAN_MARK_REMOVE, FAN_MARK_FILESYSTEM
    int FAN_EVENT_INFO_TYPE_DFID_NAME, ST_OLD_NAME, ST_NEW_NAME

cdef enum:
    BLOCK_BYTES = 65536      # of one read; the longest event takes 900
    SAID_BYTES = 1 << 20     # of what is kept at a time
    EVENT_BYTES = 24
    FSID_BYTES = 8
    HANDLE_HEAD_BYTES = 16   # the file system's id, the handle's size and type
    RECORD_HEAD_BYTES = 4
    MOUNTS_MAX = 64          # whose marks are remembered; one more costs two system calls for each of its directories
    SAID_MASK = 0xFFFF       # the events that inotify has too, under the same numbers


cdef struct Mount:
    uint64_t number
    uint8_t fsid[FSID_BYTES]


cdef struct Said:            # what an event says of a place; its name follows, and the next begins at a multiple of 8
    int64_t key
    uint32_t mask
    uint32_t size


cdef class Fanotify(Placer):
    """One fanotify group. `fd` is readable while events wait; one thread drains at a time, any may place."""
    cdef readonly int fd
    cdef int marker                    # a socket: who is asked to mark, where this process may not; -1: itself
    cdef readonly uint64_t foreign     # places told of so far that are in no directory of ours
    cdef pthread_mutex_t lock          # guards the keys, those `placed` since the last `settle`, and the mounts
    cdef Keys keys
    cdef int64_t *placed
    cdef size_t placed_n, placed_room
    cdef Mount mounts[MOUNTS_MAX]
    cdef size_t mounts_n
    cdef uint64_t seed, events
    cdef int handle_flags, waiting
    cdef uint8_t *block
    cdef uint8_t *said
    cdef size_t said_n, said_room
    cdef bint lost                     # something that was said could not be kept

    def __cinit__(self, *, bint unlimited=True):
        """`unlimited`: the kernel's queue may grow as it must. Raises OSError: EPERM without the capability, EINVAL or
        ENOSYS where the kernel is too old.
        """
        self.fd = self.marker = -1
        self.seed = int.from_bytes(os.urandom(8), "little")
        pthread_mutex_init(&self.lock, NULL)
        self.block = <uint8_t *>malloc(BLOCK_BYTES)
        if self.block == NULL:
            raise MemoryError
        self.fd = fanotify_init(ST_GROUP | (FAN_UNLIMITED_QUEUE if unlimited else 0), O_RDONLY)
        if self.fd < 0:
            raise OSError(errno, os.strerror(errno))
        self.events = ST_EVENTS | FAN_RENAME
        self.handle_flags = ST_HANDLE_FID | ST_UNIQUE_MOUNT

    def __dealloc__(self):
        if self.fd >= 0:
            close(self.fd)
        if self.marker >= 0:
            close(self.marker)
        keys_free(&self.keys)
        free(self.placed)
        free(self.block)
        free(self.said)
        pthread_mutex_destroy(&self.lock)

    def close(self):
        if self.fd >= 0:
            close(self.fd)
        if self.marker >= 0:
            close(self.marker)
        self.fd = self.marker = -1

    def let_mark(self, int marker):
        """From now on ask this socket to mark (see _asking.pxd); it is closed with the group."""
        self.marker = marker

    # --- marks and keys ---------------------------------------------------------------------------------------------

    def mark(self, int fd):
        """Hear of everything on the file system of `fd`; True where that is new. Raises OSError where that can't be,
        or where it has no handles.
        """
        cdef handle_t at
        cdef uint64_t mount
        cdef uint32_t fresh = 0
        problem = self.add_mark(fd, at.fsid, &fresh)
        if not problem and self.handle_of(fd, &at, &mount) < 0:
            problem = errno
        if problem:
            raise OSError(problem, os.strerror(problem))
        return bool(fresh)

    cdef int add_mark(self, int fd, uint8_t *fsid, uint32_t *fresh) noexcept nogil:
        """0, the file system's id and whether it had no mark, or an errno. Before Linux 5.17 there is no FAN_RENAME,
        but an event for each of the two names.
        """
        if st_lasting_fsid(fd, fsid) < 0:
            return errno
        if self.marker >= 0:
            return st_ask(self.marker, fd, fresh)
        # FAN_ACCESS is in no mark of ours: to take it away changes nothing, and fails where there is no mark.
        fresh[0] = fanotify_mark(self.fd, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, FAN_ACCESS, fd, ".") < 0
        if fanotify_mark(self.fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, self.events, fd, ".") == 0:
            return 0
        if errno != EINVAL or not self.events & FAN_RENAME:
            return errno
        self.events = ST_EVENTS | FAN_MOVED_FROM | FAN_MOVED_TO
        return 0 if fanotify_mark(self.fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, self.events, fd, ".") == 0 else errno

    cdef int handle_of(self, int fd, handle_t *at, uint64_t *mount) noexcept nogil:
        """-1 and errno on failure. Flags that the kernel is too old for are left out from then on, the youngest first.
        """
        cdef int flags = self.handle_flags
        while st_handle_of(fd, at, mount, flags) < 0:
            if errno != EINVAL or not flags:
                return -1
            flags = flags & ST_HANDLE_FID if flags & ST_UNIQUE_MOUNT else 0
            self.handle_flags = flags
        return 0

    cdef int64_t place(self, int fd, bint entered) noexcept nogil:
        cdef handle_t at
        cdef uint64_t mount
        cdef int64_t key
        cdef uint32_t fresh
        cdef int problem = 0
        if self.handle_of(fd, &at, &mount) < 0:
            return -errno
        if not self.marked(mount, at.fsid):
            problem = self.add_mark(fd, at.fsid, &fresh)
            if problem:
                return -problem
            self.remember(mount, at.fsid)
        key = self.key_of(<const uint8_t *>&at, at.bytes)
        pthread_mutex_lock(&self.lock)
        if not widen(<void **>&self.placed, &self.placed_room, self.placed_n + 1, sizeof(int64_t)):
            problem = ENOMEM
        else:
            problem = key_add(&self.keys, key)
            if problem > 0:
                self.placed[self.placed_n] = key
                self.placed_n += 1
            problem = ENOMEM if problem < 0 else 0
        pthread_mutex_unlock(&self.lock)
        return -problem if problem else key

    cdef int64_t key_of(self, const uint8_t *fsid, uint32_t handle_bytes) noexcept nogil:
        """Of an id, a handle's size and type, and the handle, one after the other as events have them."""
        return <int64_t>(xxh64(fsid, HANDLE_HEAD_BYTES + handle_bytes, self.seed) & <uint64_t>INT64_MAX)

    cdef bint marked(self, uint64_t mount, uint8_t *fsid) noexcept nogil:
        """Whether this mount's file system has its mark, and its id.

        A file system that is gone and comes back needs a new mark. Before Linux 6.12 the numbers of mounts are used
        again, so there each directory asks for the mark.
        """
        cdef bint found = False
        cdef size_t i
        if not self.handle_flags & ST_UNIQUE_MOUNT:
            return False
        pthread_mutex_lock(&self.lock)
        for i in range(min(self.mounts_n, <size_t>MOUNTS_MAX)):
            if self.mounts[i].number == mount:
                memcpy(fsid, self.mounts[i].fsid, FSID_BYTES)
                found = True
                break
        pthread_mutex_unlock(&self.lock)
        return found

    cdef void remember(self, uint64_t mount, const uint8_t *fsid) noexcept nogil:
        cdef Mount *at
        pthread_mutex_lock(&self.lock)
        at = &self.mounts[self.mounts_n % MOUNTS_MAX]
        at.number = mount
        memcpy(at.fsid, fsid, FSID_BYTES)
        self.mounts_n += 1
        pthread_mutex_unlock(&self.lock)

    def settle(self, known):
        """A scan has ended: keys that it placed and that are not in `known` are none of ours."""
        cdef size_t i
        pthread_mutex_lock(&self.lock)
        placed = [self.placed[i] for i in range(self.placed_n)]
        free(self.placed)
        self.placed, self.placed_n, self.placed_room = NULL, 0, 0
        pthread_mutex_unlock(&self.lock)
        for key in placed:
            if key not in known:
                self.forget(key)

    def forget(self, int64_t key):
        """Drop what happens in a directory. One that is not known is no error."""
        pthread_mutex_lock(&self.lock)
        key_remove(&self.keys, key)
        pthread_mutex_unlock(&self.lock)

    # --- events -----------------------------------------------------------------------------------------------------

    def drain(self):
        """All events in our directories that waited when it was called, in lists of (key, mask, name), neighbours that
        say the same once. The mask is as inotify's; a rename is two of them, MOVED_FROM and MOVED_TO.

        It does not run after events that arrive meanwhile, so it ends in any storm; and it goes in pieces, as the queue
        may be of any length. Raises OSError.
        """
        cdef int problem = 0, waiting = 0
        if ioctl(self.fd, FIONREAD, &waiting) < 0:
            raise OSError(errno, os.strerror(errno))
        # It counts the events, as so many heads. What comes later stands behind those.
        self.waiting = waiting // EVENT_BYTES if waiting >= 0 else INT_MAX
        while self.waiting > 0 and not problem:
            with nogil:
                problem = self.read_some()
            yield self.take()
        if problem:
            raise OSError(problem, os.strerror(problem))

    cdef int read_some(self) noexcept nogil:
        """Read until enough is kept, or nothing is waited for any more; 0 or an errno."""
        cdef ssize_t got
        while self.waiting > 0 and self.said_n < SAID_BYTES:
            got = read(self.fd, self.block, BLOCK_BYTES)
            if got > 0:
                pthread_mutex_lock(&self.lock)
                self.waiting -= self.sort_out(<size_t>got)
                pthread_mutex_unlock(&self.lock)
            elif got == 0 or errno == EAGAIN:
                self.waiting = 0
            elif errno != EINTR:
                return errno
        return 0

    cdef int sort_out(self, size_t have) noexcept nogil:
        """Keep what the events of a block say of our directories; how many events it had."""
        cdef size_t at = 0, end, record_at
        cdef event_t *event
        cdef record_t *record
        cdef uint32_t mask
        cdef int count = 0
        while at + EVENT_BYTES <= have:
            event = <event_t *>(self.block + at)
            end = at + event.size
            if event.size < EVENT_BYTES or end > have:
                break
            count += 1
            if event.mask & FAN_Q_OVERFLOW:
                self.lost = True
            record_at = at + event.head
            while record_at + RECORD_HEAD_BYTES + HANDLE_HEAD_BYTES <= end:
                record = <record_t *>(self.block + record_at)
                mask = <uint32_t>(event.mask & SAID_MASK)
                if record.type == ST_OLD_NAME:
                    mask = <uint32_t>FAN_MOVED_FROM
                elif record.type == ST_NEW_NAME:
                    mask = <uint32_t>FAN_MOVED_TO
                elif record.type != FAN_EVENT_INFO_TYPE_DFID_NAME:
                    mask = 0
                if mask:
                    self.hear(record, mask)
                record_at += max(record.size, <uint16_t>RECORD_HEAD_BYTES)
            at = end
        return count

    cdef void hear(self, record_t *record, uint32_t mask) noexcept nogil:
        cdef size_t head = RECORD_HEAD_BYTES + HANDLE_HEAD_BYTES + <size_t>record.bytes, size = 0
        cdef const char *name = <const char *>record + head
        cdef int64_t key
        if head > record.size:
            return
        key = self.key_of(<const uint8_t *>record + RECORD_HEAD_BYTES, record.bytes)
        if not key_known(&self.keys, key):
            self.foreign += 1
            return
        if record.size > head:
            size = strnlen(name, record.size - head)
        if size == 1 and name[0] == c".":    # the directory itself
            size = 0
        self.keep(key, mask, name, size)

    cdef void keep(self, int64_t key, uint32_t mask, const char *name, size_t size) noexcept nogil:
        cdef size_t need = (sizeof(Said) + size + 7) & ~<size_t>7
        cdef Said *here
        if not widen(<void **>&self.said, &self.said_room, self.said_n + need, 1):
            self.lost = True
            return
        here = <Said *>(self.said + self.said_n)
        here.key, here.mask, here.size = key, mask, <uint32_t>size
        if size:
            memcpy(<uint8_t *>here + sizeof(Said), name, size)
        self.said_n += need

    cdef list take(self):
        """What is kept, for Python; nothing is kept then."""
        cdef size_t at = 0
        cdef Said *here
        cdef Said *before = NULL
        cdef list out = []
        while at < self.said_n:
            here = <Said *>(self.said + at)
            at += (sizeof(Said) + here.size + 7) & ~<size_t>7
            if (before != NULL and before.key == here.key and before.mask == here.mask and before.size == here.size
                    and memcmp(before + 1, here + 1, here.size) == 0):
                continue
            before = here
            out.append((here.key, here.mask, PyBytes_FromStringAndSize(<char *>(here + 1), here.size)))
        if self.lost:
            out.append((-1, <uint32_t>FAN_Q_OVERFLOW, b""))
        self.said_n, self.lost = 0, False
        return out
