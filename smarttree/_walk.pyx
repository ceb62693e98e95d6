# cython: language_level=3
"""Walk: read a directory with everything below it, several threads, no GIL, each directory watched before it is read.

`openat`, `getdents64` and `statx` relative to the directory's descriptor: no path is ever built, so depth and PATH_MAX
do not matter, and no symbolic link is followed. Each worker goes depth first and holds one descriptor a level; while
another worker is idle it gives away the next subdirectory. Workers only append to memory of their own.
"""
from libc.errno cimport EINVAL, ELOOP, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENOSPC, ENOTDIR
from libc.errno cimport EOPNOTSUPP, EOVERFLOW, EXDEV, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy, strcmp, strlen
from posix.unistd cimport close, dup, fchdir

from smarttree._exchange cimport Exchange, Job, Pool, offer, take
from smarttree._ignore cimport Level, Rules, clear, ignores
from smarttree._ignore cimport enter as enter_level
from smarttree._listing cimport Stat
from smarttree._memory cimport widen
from smarttree._rulefile cimport obey
from smarttree._stat cimport AT_EMPTY_PATH, ST_OPEN, ST_STATX, c_openat, is_hidden, observe, take_hidden
from smarttree._wire cimport DEPTH_MAX

cdef extern from *:
    """
    #include <sched.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    struct st_dirent64 {
        unsigned long long ino; long long off; unsigned short reclen; unsigned char type; char name[];
    };
    #define st_getdents(fd, buf, n) syscall(SYS_getdents64, fd, buf, n)
    #define st_add(counter, n) __atomic_fetch_add(&(counter), n, __ATOMIC_RELAXED)
    """
    ctypedef struct dirent_t "struct st_dirent64":
        unsigned short reclen
        unsigned char type
        char name[1]
    int CLONE_FS
    long st_getdents(int, void *, size_t) noexcept nogil
    void st_add(uint64_t, uint64_t) noexcept nogil
    int unshare(int) noexcept nogil

cdef enum:
    DENTS_BYTES = 65536      # one call for all but huge directories
    S_IFMT = 0xF000
    S_IFDIR = 0x4000
    DT_DIR = 4


cdef int by_name(const void *a, const void *b) noexcept nogil:
    cdef const Key *x = <const Key *>a
    cdef const Key *y = <const Key *>b
    cdef int order = memcmp(x.name, y.name, min(x.size, y.size))
    if order:
        return order
    return (x.size > y.size) - (x.size < y.size)


cdef class Placer:
    """Watches directories for a scan; see `_watch` and `_fanotify`, which know how."""

    cdef int64_t place(self, int fd, bint entered) noexcept nogil:
        """Watch the open directory `fd`; the key that its events will bear, or -errno.

        `entered`: it is this thread's own current directory too.
        """
        return -EINVAL


cdef bint is_refusal(int error) noexcept nogil:
    """Whether a directory can be read though it can't be watched: a limit on watches is reached, or its file system is
    not of a kind that can be.
    """
    return error == ENOSPC or error == EOPNOTSUPP or error == ENODEV or error == EXDEV


cdef inline bint leaves_out(const Level *level, const Key *key, bint is_dir) noexcept nogil:
    return level != NULL and ignores(level, key.name, key.size, is_dir)


cdef class Progress:
    """Counts that grow while a scan runs; `cancel` ends it soon. Any thread may use it."""

    @property
    def entries(self):
        return self.entry_count

    @property
    def dirs(self):
        return self.dir_count

    def cancel(self):
        self.cancelled = True


cdef class Worker:
    """One thread's share of a walk."""

    def __cinit__(self, int number, Placer placer, Pool pool, Progress progress):
        self.number, self.placer, self.progress = number, placer, progress
        self.places = placer is not None
        self.pool_owner, self.pool = pool, pool.exchange
        self.frames = <Frame *>malloc((DEPTH_MAX + 2) * sizeof(Frame))
        self.dents = <uint8_t *>malloc(DENTS_BYTES)
        if self.frames == NULL or self.dents == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.entries)
        free(self.blocks)
        free(self.heap)
        free(self.keys)
        free(self.troubles)
        free(self.asides)
        free(self.frames)
        free(self.dents)
        clear(&self.shelf)

    def leave_out(self, Rules rules):
        """Before `start`, of every worker: what the rules that hold in the top ignore is not told, nor read."""
        self.rules = rules

    def hide(self, directories):
        """Before `start`, of every worker: these, pairs of device and inode, are not there."""
        take_hidden(&self.hidden, directories)

    def start(self, int top_fd, bint own_thread, int depth):
        """Walk until nothing is left anywhere. `top_fd` (kept open): the top for one worker, -1 for the others."""
        cdef Job job
        with nogil:
            if self.places and self.placer.wants_entry:
                self.own_directory = own_thread and unshare(CLONE_FS) == 0
            if top_fd >= 0:
                job.owner, job.owner_worker, job.depth, job.fd = 0, -1, depth, top_fd
                job.name[0], job.name[1] = c'.', 0
                job.level = NULL
                if self.rules is not None:
                    job.level = self.rules.level
                self.enter(top_fd, job.name, &job)
            self.drive()

    @property
    def error(self):
        """The errno that ended the walk, or 0."""
        return self.failed

    cdef int report(self, const Job *at, int error, const Key *key) noexcept nogil:
        cdef Trouble *trouble
        if not widen(<void **>&self.troubles, &self.troubles_room, self.troubles_n + 1, sizeof(Trouble)):
            return self.fail(ENOMEM)
        trouble = &self.troubles[self.troubles_n]
        trouble.owner, trouble.owner_worker, trouble.error = at.owner, at.owner_worker, error
        trouble.name_off = key.off if key != NULL else 0
        trouble.name_len = key.size if key != NULL else 0
        self.troubles_n += 1
        return 0

    cdef int fail(self, int error) noexcept nogil:
        self.failed = error
        self.progress.cancelled = True
        return -1

    cdef long names(self, int fd) noexcept nogil:
        """Read all names of the directory into the heap and `keys`, sorted; their number, or -errno."""
        cdef size_t count = 0, i, size
        cdef long got, at
        cdef dirent_t *entry
        while True:
            got = st_getdents(fd, self.dents, DENTS_BYTES)
            if got <= 0:
                break
            at = 0
            while at < got:
                entry = <dirent_t *>(self.dents + at)
                at += entry.reclen
                size = strlen(entry.name)
                if entry.name[0] == c'.' and (size == 1 or (size == 2 and entry.name[1] == c'.')):
                    continue
                if (not widen(<void **>&self.keys, &self.keys_room, count + 1, sizeof(Key))
                        or not widen(<void **>&self.heap, &self.heap_room, self.heap_n + size + 1, 1)):
                    return -ENOMEM
                memcpy(self.heap + self.heap_n, entry.name, size + 1)
                self.keys[count].off, self.keys[count].size = self.heap_n, <uint32_t>size
                self.keys[count].type, self.keys[count].error = entry.type, 0
                self.heap_n += size + 1
                count += 1
        if got < 0:  # half a list would tell the rest as deleted
            return -errno
        for i in range(count):
            self.keys[i].name = self.heap + self.keys[i].off
        qsort(self.keys, count, sizeof(Key), by_name)
        return <long>count

    cdef const Level *rules_in(self, int fd, const Job *at, long count) noexcept nogil:
        """The rules that hold in a directory of which `names` told; NULL where that ends the walk."""
        cdef const Level *level = at.level
        cdef const char *name
        cdef long i
        for i in range(count if level.reads_files else 0):
            name = <const char *>self.keys[i].name
            if name[0] != c'.':
                continue
            if self.places and strcmp(name, b".git") == 0 and self.watch_aside(fd, at) < 0:
                return NULL
            level = obey(&self.shelf, level, fd, name, &self.keys[i].error)
            if level == NULL:
                self.fail(ENOMEM)
                return NULL
        return level

    cdef int watch_aside(self, int fd, const Job *at) noexcept nogil:
        """Watch `.git` and the directory of git's own rule file in it, before that is read; -1 ends the walk.

        `.git` is watched again when the walk comes to it: without this, `info` could be made in between unseen. Where
        one of them is not there, the watch above it tells when that changes; where it can't be watched, nothing does
        until everything is read anew.
        """
        cdef int git = c_openat(fd, b".git", ST_OPEN), info
        cdef int64_t watch
        if git < 0:
            return 0
        watch = self.placer.place(git, False)
        info = c_openat(git, b"info", ST_OPEN)
        close(git)
        if info < 0:
            return 0
        watch = self.placer.place(info, False)
        close(info)
        if watch < 0:
            return 0
        if not widen(<void **>&self.asides, &self.asides_room, self.asides_n + 1, sizeof(Aside)):
            return self.fail(ENOMEM)
        self.asides[self.asides_n] = Aside(at.owner, at.owner_worker, watch)
        self.asides_n += 1
        return 0

    cdef bint is_left_out(self, const Level *level, int fd, const Key *key, const Stat *seen) noexcept nogil:
        """Whether what is left out shows only now that it was looked at."""
        cdef bint is_dir = seen.mode & S_IFMT == S_IFDIR
        if is_dir and self.hidden.n and is_hidden(&self.hidden, fd, <const char *>key.name, ST_STATX, seen):
            return True
        return (key.type == 0 or is_dir != (key.type == DT_DIR)) and leaves_out(level, key, is_dir)

    cdef int read(self, int fd, const Job *at, int64_t watch) noexcept nogil:
        """Read one open directory into a new block and put it on the stack; -1 ends the walk."""
        cdef const Level *level = NULL
        cdef Key *key
        cdef long count, i
        cdef Block *block
        cdef Entry *entry
        cdef Stat itself
        if observe(fd, b"", ST_STATX | AT_EMPTY_PATH, &itself) < 0:
            return self.fail(errno)
        count = 0 if at.level != NULL and at.level.closed else self.names(fd)
        if self.hidden.n and is_hidden(&self.hidden, fd, b"", ST_STATX | AT_EMPTY_PATH, &itself):
            count = 0
        if count < 0:
            self.report(at, <int>-count, NULL)
            count = 0
        if at.level != NULL:
            level = self.rules_in(fd, at, count)
            if level == NULL:
                return -1
        if (not widen(<void **>&self.blocks, &self.blocks_room, self.blocks_n + 1, sizeof(Block))
                or not widen(<void **>&self.entries, &self.entries_room, self.entries_n + count, sizeof(Entry))):
            return self.fail(ENOMEM)
        block = &self.blocks[self.blocks_n]
        block.owner, block.owner_worker, block.watch = at.owner, at.owner_worker, watch
        block.first, block.count, block.stat = self.entries_n, 0, itself
        for i in range(count):
            key, entry = &self.keys[i], &self.entries[self.entries_n]
            # Mostly the type is known beforehand, and what is left out is not even looked at.
            if key.type and leaves_out(level, key, key.type == DT_DIR):
                continue
            if observe(fd, <const char *>key.name, ST_STATX, &entry.stat) < 0:
                if errno != ENOENT:  # deleted since it was listed: there is nothing to tell
                    self.report(at, errno, key)
                continue
            if self.is_left_out(level, fd, key, &entry.stat):
                continue
            if key.error:
                self.report(at, key.error, key)
            entry.name_off, entry.name_len = key.off, key.size
            self.entries_n += 1
            block.count += 1
        self.frames[self.frames_n] = Frame(fd, at.depth, self.blocks_n, 0, level)
        self.frames_n += 1
        self.blocks_n += 1
        st_add(self.progress.entry_count, block.count)
        st_add(self.progress.dir_count, 1)
        return 0

    cdef int enter(self, int parent_fd, const char *name, const Job *at) noexcept nogil:
        """Open, watch and read a directory; -1 ends the walk. One that can't be opened is a trouble, not the end.

        ENOENT: it was moved, deleted or replaced since it was looked at, and the watch on its parent tells of that.
        """
        cdef int fd, result
        cdef int64_t watch = -1
        cdef bint entered
        if at.depth >= DEPTH_MAX:
            return self.report(at, EOVERFLOW, NULL)
        fd = c_openat(parent_fd, name, ST_OPEN)
        if fd < 0:
            return self.trouble(at, errno)
        if self.places:
            entered = self.own_directory and fchdir(fd) == 0
            watch = self.placer.place(fd, entered)
            if watch < 0 and not is_refusal(<int>-watch):
                result = self.trouble(at, <int>-watch)
                close(fd)
                return result
        result = self.read(fd, at, watch)
        if result < 0:
            close(fd)
        return result

    cdef int trouble(self, const Job *at, int error) noexcept nogil:
        """A directory that can't be read is told as such; what the system is short of ends the walk."""
        if error == EMFILE or error == ENFILE or error == ENOMEM:
            return self.fail(error)
        return self.report(at, ENOENT if error == ENOTDIR or error == ELOOP else error, NULL)

    cdef int step(self) noexcept nogil:
        """Go on with the directory on top of the stack: into its next subdirectory, or out of it."""
        cdef Frame *frame = &self.frames[self.frames_n - 1]
        cdef Block *block = &self.blocks[frame.block]
        cdef Exchange *pool = self.pool
        cdef const char *name
        cdef Entry *entry
        cdef Job job
        while frame.next < block.count:
            job.owner, job.owner_worker, job.depth = block.first + frame.next, self.number, frame.depth + 1
            entry = &self.entries[job.owner]
            frame.next += 1
            if entry.stat.mode & S_IFMT != S_IFDIR:
                continue
            name = <const char *>(self.heap + entry.name_off)
            job.level = frame.level
            if job.level != NULL:
                job.level = enter_level(&self.shelf, job.level, <const uint8_t *>name, entry.name_len)
                if job.level == NULL:
                    return self.fail(ENOMEM)
            if pool.waiting > pool.count and entry.name_len < sizeof(job.name):
                memcpy(job.name, name, entry.name_len + 1)
                job.fd = dup(frame.fd)
                if job.fd >= 0:
                    if offer(pool, &job):
                        continue
                    close(job.fd)
            return self.enter(frame.fd, name, &job)
        close(frame.fd)
        self.frames_n -= 1
        return 0

    cdef void drive(self) noexcept nogil:
        cdef Exchange *pool = self.pool
        cdef Job job
        while True:
            while self.frames_n and not self.progress.cancelled:
                self.step()
            while self.frames_n:
                self.frames_n -= 1
                close(self.frames[self.frames_n].fd)
            if not take(pool, &job):
                return
            if not self.progress.cancelled:
                self.enter(job.fd, job.name, &job)
            close(job.fd)
