# cython: language_level=3
"""The Tree: one service's entries under stable ids, with paths, digests and totals. Python's face of `_columns`.

numpy is loaded by the methods that make arrays: that takes 0.1 s, in which a server's first scan is well under way.

Entry 0 is the service; its children are the roots, named by their absolute paths. Nothing here looks at a disk or a
clock: one owner changes the Tree, everyone else reads a `copy()`.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from array import array

from smarttree._columns cimport NO_ID, S_IFDIR, S_IFMT, Columns, Digest, Dir, grow, plus
from smarttree._entries cimport Entries
from smarttree._listing cimport Item, Listing


cdef uint32_t[:, ::1] spans_of(uint32_t n):
    """Three rows of `n` numbers."""
    return memoryview(bytearray(12 * <size_t>n)).cast("I", (3, n))


cdef class Tree(Columns):
    """A forest of roots under the service (id 0).

    Ids are unsigned 32-bit integers. A method that takes an id raises `KeyError` for one that is not alive,
    `NotADirectoryError`, `FileExistsError` or `ValueError` for a place that can't be taken; then nothing has changed.
    """

    def copy(self):
        """A Tree of its own with the same content: a memcpy of every column, about 70 bytes an entry."""
        cdef Tree twin = type(self).__new__(type(self))
        self.copy_into(twin)
        return twin

    cdef uint32_t alive(self, eid) except? 0xFFFFFFFF:
        cdef object number = eid
        if not 0 <= number < self.n or self.mode_[<uint32_t>number] == 0:
            raise KeyError(f"no entry has the id {number}")
        return number

    cdef uint32_t directory(self, eid) except? 0xFFFFFFFF:
        cdef uint32_t known = self.alive(eid)
        if self.dir_[known] == NO_ID:
            raise NotADirectoryError(f"entry {known} is no directory")
        return known

    cdef int check_name(self, uint32_t parent, bytes name) except -1:
        cdef uint32_t at
        if not 0 < PyBytes_GET_SIZE(name) <= 0xFFFF:
            raise ValueError(f"a name of {len(name)} bytes")
        if self.find(parent, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), &at):
            raise FileExistsError(name)
        return 0

    def __len__(self):
        return self.live

    def __contains__(self, eid):
        return 0 <= eid < self.n and self.mode_[<uint32_t>eid] != 0

    def issue(self):
        """An id that no living entry has, reserved for the caller: an old one given back by `recycle`, or the next."""
        if self.free_ids:
            return self.free_ids.pop()
        if self.n < self.room or self.growing is None:
            self.reserve(self.n + 1)
        else:
            with self.growing:
                self.reserve(self.n + 1)
        self.n += 1
        return self.n - 1

    @property
    def ids(self):
        """One more than the highest id that was ever issued."""
        return self.n

    def admit(self, ids):
        """Let the caller give any id below `ids` by itself: those of another Tree. `issue` gives none of them."""
        if ids > self.n:
            self.reserve(ids)
            self.n = ids

    def recycle(self, ids):
        """Give dead ids back for reuse. The caller answers for no reader remembering them any more."""
        self.free_ids.extend(ids)

    def insert(self, eid, parent, bytes name, row):
        """Bring `eid`, from `issue()`, to life as `parent`'s child, with `Row` values. O(depth + siblings)."""
        cdef uint32_t up = self.directory(parent), new = eid, birth = row[5]
        cdef uint16_t mode = row[0]
        cdef uint64_t size = row[1], ino = row[4]
        cdef int64_t mtime = row[2], ctime = row[3]
        if new >= self.n or self.mode_[new]:
            raise ValueError(f"the id {eid} is not free")
        self.check_name(up, name)
        self.make(new, mode, size, mtime)
        self.put_name(new, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        self.ctime_[new], self.ino_[new], self.birth_[new] = ctime, ino, birth
        self.link(new, up)

    def update(self, eid, row):
        """Set an entry's `Row` values; its type must stay a directory or stay none. O(depth)."""
        cdef uint32_t known = self.alive(eid), birth = row[5]
        cdef uint16_t mode = row[0]
        cdef uint64_t size = row[1], ino = row[4]
        cdef int64_t mtime = row[2], ctime = row[3]
        if (mode & S_IFMT == S_IFDIR) != (self.dir_[known] != NO_ID):
            raise ValueError("an entry can't turn from directory to another type, or back")
        self.set_values(known, mode, size, mtime)
        self.ctime_[known], self.ino_[known], self.birth_[known] = ctime, ino, birth

    def detach(self, eid):
        """Take an entry from its parent and keep it, with everything below it, alive; `attach` or `end` must follow."""
        cdef uint32_t known = self.alive(eid)
        if self.parent_[known] == NO_ID:
            raise ValueError(f"entry {eid} is under no directory")
        self.unlink(known)

    def attach(self, eid, parent, bytes name):
        """Put a detached entry under `parent` by that name. O(depth + siblings)."""
        cdef uint32_t known = self.alive(eid), up = self.directory(parent)
        if self.parent_[known] != NO_ID or known == 0 or self.is_below(up, known):
            raise ValueError(f"entry {eid} can't go below {parent}")
        self.check_name(up, name)
        self.put_name(known, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        self.link(known, up)

    def move(self, eid, parent, bytes name):
        """Move an entry with everything below it; checked before anything changes. O(depth + siblings)."""
        cdef uint32_t known = self.alive(eid), up = self.directory(parent)
        if known == 0 or self.is_below(up, known):
            raise ValueError(f"entry {eid} can't go below itself")
        self.check_name(up, name)
        self.unlink(known)
        self.put_name(known, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        self.link(known, up)

    def remove(self, eid):
        """End an entry with everything below it; returns the ids that died (give them to `recycle` in time)."""
        cdef uint32_t known = self.alive(eid)
        if known == 0:
            raise ValueError("the service itself can't be removed")
        if self.parent_[known] != NO_ID:
            self.unlink(known)
        return self.free_all(known)

    def graft(self, Listing listing not None, bytes path):
        """Put a whole listing in as the root `path`, its items under consecutive new ids in directory order; returns
        the root's id. O(entries), about 0.1 µs each.
        """
        cdef uint32_t i, eid, m = listing.n, top = <uint32_t>self.n
        cdef Item *item
        self.check_name(0, path)
        self.reserve(self.n + m)
        self.n += m
        cdef uint32_t[:, ::1] span = spans_of(m)
        for i in range(m):
            item, eid = &listing.items[i], top + i
            self.make(eid, item.stat.mode, item.stat.size, item.stat.mtime)
            self.ctime_[eid], self.ino_[eid], self.birth_[eid] = item.stat.ctime, item.stat.ino, item.stat.birth
            span[0, i], span[1, i], span[2, i] = eid, item.first, item.count
            if i:
                self.put_name(eid, listing.heap + item.name_off, item.name_len)
                self.parent_[eid] = top + item.parent
        return self.adopt(path, &span[0, 0], &span[1, 0], &span[2, 0], m)

    def take(self, Entries entries not None, row, uint32_t children, bytes path):
        """Put decoded entries in as the root `path`, under the ids they have; `row` is (id, mode, mtime_ns) of the
        root. None of the ids may be in use.
        """
        cdef uint32_t i, eid, m = <uint32_t>entries.n, top = row[0], highest = top
        cdef int64_t mtime = row[2]
        cdef uint64_t start = 0
        self.check_name(0, path)
        for i in range(m):
            highest = max(highest, entries.id_[i])
        self.reserve(<size_t>highest + 1)
        self.n = max(self.n, <size_t>highest + 1)
        cdef uint32_t[:, ::1] span = spans_of(m + 1)
        self.make(top, row[1], 0, mtime)
        span[0, 0], span[1, 0], span[2, 0] = top, 1, children
        for i in range(m):
            eid = entries.id_[i]
            if self.mode_[eid]:
                raise ValueError(f"the id {eid} is given twice")
            self.make(eid, entries.mode_[i], entries.size_[i], entries.mtime_[i])
            self.put_name(eid, entries.heap + start, entries.name_end_[i] - start)
            self.parent_[eid] = entries.parent_[i]
            start = entries.name_end_[i]
            span[0, i + 1], span[1, i + 1], span[2, i + 1] = eid, entries.first_[i] + 1, entries.count_[i]
        return self.adopt(path, &span[0, 0], &span[1, 0], &span[2, 0], m + 1)

    cdef uint32_t adopt(self, bytes path, const uint32_t *ids, const uint32_t *first, const uint32_t *count,
                        uint32_t m) except? 0xFFFFFFFF:
        """The last part of putting `m` entries in: spans, digests and totals, children before parents (directory
        order, backwards), and the root's name. `first` and `count` are of a directory, in `ids`.
        """
        cdef uint32_t i, k
        cdef int64_t files, dirs, size
        cdef Dir *d
        grow(<void **>&self.kids, &self.kids_room, self.kids_n + m, sizeof(uint32_t))
        for i in range(m):
            if self.dir_[ids[i]] == NO_ID:
                continue
            d = &self.dirs[self.dir_[ids[i]]]
            d.first, d.count, d.room = <uint32_t>self.kids_n, count[i], count[i]
            for k in range(count[i]):
                self.kids[self.kids_n + k] = ids[first[i] + k]
            self.kids_n += count[i]
        for i in range(m - 1, 0, -1):
            d = &self.dirs[self.dir_[self.parent_[ids[i]]]]
            self.weigh(ids[i], &files, &dirs, &size)
            d.digest = plus(d.digest, self.hash_of(ids[i]))
            d.files += <uint32_t>files
            d.dirs += <uint32_t>dirs
            d.bytes += <uint64_t>size
        self.put_name(ids[0], <const uint8_t *>PyBytes_AS_STRING(path), PyBytes_GET_SIZE(path))
        self.link(ids[0], 0)
        return ids[0]

    def roots(self):
        """The roots' ids in the order in which they were added."""
        return self.root_order[:]

    def child(self, parent, bytes name):
        """The id of `parent`'s child of that name, or NO_ID. O(log siblings)."""
        cdef uint32_t up = self.directory(parent), at
        if not self.find(up, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), &at):
            return <uint32_t>NO_ID
        return self.kids[self.dirs[self.dir_[up]].first + at]

    def children(self, eid):
        """The ids of a directory's children, sorted by name; [] for anything else."""
        cdef uint32_t known = self.alive(eid), k
        cdef Dir *d
        if self.dir_[known] == NO_ID:
            return []
        d = &self.dirs[self.dir_[known]]
        return [self.kids[d.first + k] for k in range(d.count)]

    def child_count(self, eid):
        cdef uint32_t known = self.alive(eid)
        return self.dirs[self.dir_[known]].count if self.dir_[known] != NO_ID else 0

    def below(self, eid):
        """The ids of everything below `eid`, in directory order: a uint32 array. O(their number)."""
        cdef uint32_t known = self.alive(eid)
        cdef Dir *d
        cdef size_t total = 0
        if self.dir_[known] != NO_ID:
            d = &self.dirs[self.dir_[known]]
            total = <size_t>d.files + d.dirs
        import numpy as np

        ids = np.empty(total, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        cdef uint32_t *stack = <uint32_t *>malloc((total + 1) * sizeof(uint32_t))
        if stack == NULL:
            raise MemoryError
        try:
            if total:
                self.list_below(known, &out[0], stack)
        finally:
            free(stack)
        return ids

    cdef void list_below(self, uint32_t top, uint32_t *out, uint32_t *stack) noexcept nogil:
        cdef size_t depth = 1, at = 0
        cdef uint32_t k, child
        cdef Dir *d
        stack[0] = top
        while depth:
            depth -= 1
            d = &self.dirs[self.dir_[stack[depth]]]
            memcpy(out + at, self.kids + d.first, d.count * sizeof(uint32_t))
            at += d.count
            for k in range(d.count, 0, -1):
                child = self.kids[d.first + k - 1]
                if self.dir_[child] != NO_ID:
                    stack[depth] = child
                    depth += 1

    def parent(self, eid):
        """The id of the directory an entry is in; NO_ID for the service and for a detached entry."""
        return self.parent_[self.alive(eid)]

    def name(self, eid):
        """An entry's name (a root's: its absolute path)."""
        cdef uint32_t known = self.alive(eid)
        return PyBytes_FromStringAndSize(<char *>self.heap + self.name_off[known], self.name_len[known])

    def path(self, eid):
        """An entry's absolute path; b"" for the service. A detached entry's begins at its top. O(depth)."""
        cdef uint32_t known = self.alive(eid)
        cdef size_t size = self.path_size(known)
        cdef bytes path = PyBytes_FromStringAndSize(NULL, size)
        self.write_path(known, <uint8_t *>PyBytes_AS_STRING(path) + size)
        return path

    def mode(self, eid):
        return self.mode_[self.alive(eid)]

    def is_dir(self, eid):
        return self.dir_[self.alive(eid)] != NO_ID

    def values(self, eid):
        """(mode, size, mtime_ns, ctime_ns, inode, birth fingerprint) of an entry."""
        cdef uint32_t i = self.alive(eid)
        return self.mode_[i], self.size_[i], self.mtime_[i], self.ctime_[i], self.ino_[i], self.birth_[i]

    def digest(self, eid):
        """A directory's digest (QTN1 section 6) as an int of 128 bits; 0 for anything else."""
        cdef uint32_t known = self.alive(eid)
        cdef Digest digest
        if self.dir_[known] == NO_ID:
            return 0
        digest = self.dirs[self.dir_[known]].digest
        return <object>digest.hi << 64 | digest.lo

    def counts(self, eid):
        """(files, directories, bytes) below an entry."""
        cdef uint32_t known = self.alive(eid)
        cdef Dir *d
        if self.dir_[known] == NO_ID:
            return 0, 0, 0
        d = &self.dirs[self.dir_[known]]
        return d.files, d.dirs, d.bytes

    def column(self, str name):
        """A copy of one column as an array indexed by id; 0 as `mode` marks an id that is not in use."""
        import numpy as np

        if name == "parent":
            return np.asarray(<uint32_t[:self.n]>self.parent_).copy()
        if name == "mode":
            return np.asarray(<uint16_t[:self.n]>self.mode_).copy()
        if name == "size":
            return np.asarray(<uint64_t[:self.n]>self.size_).copy()
        if name == "mtime_ns":
            return np.asarray(<int64_t[:self.n]>self.mtime_).copy()
        raise KeyError(name)

    def with_inodes(self, inodes):
        """(inode, id) of every entry that is no directory and whose inode is in `inodes`. One pass, without the GIL."""
        cdef uint64_t[::1] wanted = array("Q", sorted(set(inodes)))
        cdef uint32_t[::1] found = array("I", bytes(4 * self.n))
        cdef Py_ssize_t count = 0, low, high, middle
        cdef uint32_t eid
        with nogil:
            for eid in range(<uint32_t>self.n):
                if self.mode_[eid] == 0 or self.dir_[eid] != NO_ID:
                    continue
                low, high = 0, wanted.shape[0]
                while low < high:
                    middle = (low + high) // 2
                    if wanted[middle] < self.ino_[eid]:
                        low = middle + 1
                    else:
                        high = middle
                if low < wanted.shape[0] and wanted[low] == self.ino_[eid]:
                    found[count] = eid
                    count += 1
        return [(self.ino_[found[low]], found[low]) for low in range(count)]
