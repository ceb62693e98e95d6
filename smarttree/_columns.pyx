# cython: language_level=3
"""The Tree's memory, and the few operations every change of it is made of.

Entries are columns indexed by id; a directory's children are a span of ids, sorted by name, in one arena; its digest
and totals are kept true by every operation, at a cost of O(depth). `Columns` trusts its callers (`_tree`, `_delta`) to
have checked ids and places. No disk, no clock, no thread: one owner changes it.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memmove, memset

from smarttree._memory cimport resize_zeroed, room_for, widen
from smarttree._wire cimport ENTRY_HASH_HEAD_BYTES, IDS_MAX
from smarttree._xxh64 cimport xxh64_pair

cdef enum:
    NAME_BYTES_MAX = 65535
    SPAN_ROOM_MIN = 4
    WASTE_MIN = 65536
    ROW_BYTES = 52           # of all columns together

WIDTHS[:] = [4, 4, 2, 2, 8, 8, 8, 8, 4, 4]


cdef int grow(void **memory, size_t *room, size_t need, size_t item) except -1:
    """`widen`, with new content zero and MemoryError for failure."""
    cdef size_t before = room[0]
    if not widen(memory, room, need, item):
        raise MemoryError
    if room[0] > before:
        memset(<uint8_t *>memory[0] + before * item, 0, (room[0] - before) * item)
    return 0


cdef inline int compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) noexcept nogil:
    cdef int order = memcmp(a, b, min(a_size, b_size))
    if order:
        return order
    return (a_size > b_size) - (a_size < b_size)


cdef class Columns:
    """60 bytes an entry with its place in a span, 64 a directory, and the names. Entry 0, the service, always lives."""

    def __cinit__(self):
        self.dirs_free, self.free_ids, self.root_order = [], [], []
        self.scratch = <uint8_t *>malloc(ENTRY_HASH_HEAD_BYTES + NAME_BYTES_MAX)
        if self.scratch == NULL:
            raise MemoryError
        self.reserve(64)
        self.n = 1
        self.make(0, S_IFDIR, 0, 0)
        self.live = 0

    def __dealloc__(self):
        cdef int i
        for i in range(COLUMNS):
            free(self.memory[i])
        free(self.dirs)
        free(self.kids)
        free(self.heap)
        free(self.scratch)

    # --- memory -----------------------------------------------------------------------------------------------------

    @property
    def nbytes(self):
        """The memory that the Tree has taken, names included, and the room for more that is not used yet. O(1)."""
        cdef size_t column = 0
        for i in range(COLUMNS):
            column += WIDTHS[i]
        return (self.room * column + self.dirs_room * sizeof(Dir) + self.kids_room * sizeof(uint32_t)
                + self.heap_room)

    @property
    def names_nbytes(self):
        """The names alone, each once. O(1)."""
        return self.heap_n - self.heap_waste

    cdef int reserve(self, size_t ids) except -1:
        """Room for `ids` ids in every column. `room` moves last, so a failed allocation leaves the Tree as it was."""
        cdef size_t room
        cdef bint done = True
        cdef int i
        if ids <= self.room:
            return 0
        if ids > IDS_MAX:
            raise MemoryError("a tree holds fewer than 50,000,000 entries (spec/QTN1.md, limits)")
        room = room_for(self.room, ids, ROW_BYTES)
        for i in range(COLUMNS):
            done = done and resize_zeroed(&self.memory[i], self.room, room, WIDTHS[i])
        self.parent_ = <uint32_t *>self.memory[0]
        self.name_off = <uint32_t *>self.memory[1]
        self.name_len = <uint16_t *>self.memory[2]
        self.mode_ = <uint16_t *>self.memory[3]
        self.size_ = <uint64_t *>self.memory[4]
        self.mtime_ = <int64_t *>self.memory[5]
        self.ctime_ = <int64_t *>self.memory[6]
        self.ino_ = <uint64_t *>self.memory[7]
        self.birth_ = <uint32_t *>self.memory[8]
        self.dir_ = <uint32_t *>self.memory[9]
        if not done:  # some columns have more room than is used
            raise MemoryError
        self.room = room
        return 0

    cdef int copy_into(self, Columns twin) except -1:
        """Without the GIL: nobody may change this one meanwhile, but ids may be issued where there is room for them."""
        cdef int i
        cdef size_t n = self.n
        twin.reserve(n)
        grow(<void **>&twin.dirs, &twin.dirs_room, self.dirs_n, sizeof(Dir))
        grow(<void **>&twin.kids, &twin.kids_room, self.kids_n, sizeof(uint32_t))
        grow(<void **>&twin.heap, &twin.heap_room, self.heap_n, 1)
        with nogil:
            for i in range(COLUMNS):
                memcpy(twin.memory[i], self.memory[i], n * WIDTHS[i])
            memcpy(twin.dirs, self.dirs, self.dirs_n * sizeof(Dir))
            memcpy(twin.kids, self.kids, self.kids_n * sizeof(uint32_t))
            memcpy(twin.heap, self.heap, self.heap_n)
        twin.n, twin.live, twin.dirs_n = n, self.live, self.dirs_n
        twin.kids_n, twin.kids_waste = self.kids_n, self.kids_waste
        twin.heap_n, twin.heap_waste = self.heap_n, self.heap_waste
        twin.dirs_free, twin.free_ids, twin.root_order = self.dirs_free[:], self.free_ids[:], self.root_order[:]
        return 0

    cdef int put_name(self, uint32_t eid, const uint8_t *name, size_t size) except -1:
        if size == 0 or size > NAME_BYTES_MAX:
            raise ValueError(f"a name of {size} bytes")
        if self.heap_n + size >= NO_ID:
            raise MemoryError("the names of a tree take less than 4 GiB")
        self.heap_waste += self.name_len[eid]
        grow(<void **>&self.heap, &self.heap_room, self.heap_n + size, 1)
        memcpy(self.heap + self.heap_n, name, size)
        self.name_off[eid] = <uint32_t>self.heap_n
        self.name_len[eid] = <uint16_t>size
        self.heap_n += size
        if self.heap_waste > WASTE_MIN and self.heap_waste > self.heap_n // 2:
            self.pack_names()
        return 0

    cdef int pack_names(self) except -1:
        cdef size_t at = 0
        cdef uint32_t eid
        cdef uint8_t *packed = <uint8_t *>malloc(self.heap_n)
        if packed == NULL:
            return 0  # the waste stays; the next name tries again
        for eid in range(<uint32_t>self.n):
            if self.mode_[eid] == 0:
                continue
            memcpy(packed + at, self.heap + self.name_off[eid], self.name_len[eid])
            self.name_off[eid] = <uint32_t>at
            at += self.name_len[eid]
        free(self.heap)
        self.heap, self.heap_room, self.heap_n, self.heap_waste = packed, self.heap_n, at, 0
        return 0

    cdef int widen_span(self, Dir *d) except -1:
        """Room for one more child: the span moves to the arena's end. `d` stays valid, the arena may move."""
        cdef uint32_t room = max(<uint32_t>SPAN_ROOM_MIN, d.count + d.count // 2 + 1)
        grow(<void **>&self.kids, &self.kids_room, self.kids_n + room, sizeof(uint32_t))
        memcpy(self.kids + self.kids_n, self.kids + d.first, d.count * sizeof(uint32_t))
        self.kids_waste += d.room
        d.first, d.room = <uint32_t>self.kids_n, room
        self.kids_n += room
        if self.kids_waste > WASTE_MIN and self.kids_waste > self.kids_n // 2:
            self.pack_spans()
        return 0

    cdef int pack_spans(self) except -1:
        cdef size_t at = 0, i
        cdef Dir *d
        cdef uint32_t *packed = <uint32_t *>malloc(self.kids_n * sizeof(uint32_t))
        if packed == NULL:
            return 0
        for i in range(self.dirs_n):
            d = &self.dirs[i]
            memcpy(packed + at, self.kids + d.first, d.count * sizeof(uint32_t))
            d.first = <uint32_t>at
            at += d.room
        free(self.kids)
        self.kids, self.kids_room, self.kids_n, self.kids_waste = packed, self.kids_n, at, 0
        return 0

    # --- digests and totals -----------------------------------------------------------------------------------------

    cdef Digest hash_of(self, uint32_t eid) noexcept nogil:
        """h(entry) of QTN1 section 6."""
        cdef uint8_t *out = self.scratch
        cdef uint32_t mode = self.mode_[eid]
        cdef size_t at = 0
        cdef Digest digest
        digest.lo = digest.hi = 0
        if self.dir_[eid] != NO_ID:
            digest = self.dirs[self.dir_[eid]].digest
        if self.parent_[eid] != 0:
            memcpy(out, &mode, 4)
            memcpy(out + 4, &self.size_[eid], 8)
            memcpy(out + 12, &self.mtime_[eid], 8)
            at = 20
        memcpy(out + at, &digest.lo, 8)
        memcpy(out + at + 8, &digest.hi, 8)
        memcpy(out + at + 16, self.heap + self.name_off[eid], self.name_len[eid])
        at += 16 + self.name_len[eid]
        xxh64_pair(out, at, &digest.lo, &digest.hi)
        return digest

    cdef void ripple(self, uint32_t parent, Digest gone, Digest come,
                     int64_t files, int64_t dirs, int64_t size) noexcept nogil:
        """A child of `parent` hashed to `gone` and now hashes to `come`: carry that, and the totals, up to the top."""
        cdef Digest before
        cdef Dir *d
        while parent != NO_ID:
            before = self.hash_of(parent)
            d = &self.dirs[self.dir_[parent]]
            d.digest = plus(minus(d.digest, gone), come)
            d.files = <uint32_t>(d.files + files)
            d.dirs = <uint32_t>(d.dirs + dirs)
            d.bytes = <uint64_t>(d.bytes + size)
            gone = before
            come = self.hash_of(parent)
            parent = self.parent_[parent]

    cdef void weigh(self, uint32_t eid, int64_t *files, int64_t *dirs, int64_t *size) noexcept nogil:
        """What `eid` adds to the totals of its parent."""
        cdef Dir *d
        if self.dir_[eid] == NO_ID:
            files[0], dirs[0], size[0] = 1, 0, <int64_t>self.size_[eid]
        else:
            d = &self.dirs[self.dir_[eid]]
            files[0], dirs[0], size[0] = d.files, <int64_t>d.dirs + 1, <int64_t>d.bytes

    # --- the operations everything else is made of --------------------------------------------------------------------

    cdef bint holds(self, uint32_t eid) noexcept nogil:
        return eid < self.n and self.mode_[eid] != 0

    cdef bint is_directory(self, uint32_t eid) noexcept nogil:
        return self.holds(eid) and self.dir_[eid] != NO_ID

    cdef bint is_below(self, uint32_t eid, uint32_t top) noexcept nogil:
        """Whether `eid` is `top` or below it."""
        while eid != NO_ID:
            if eid == top:
                return True
            eid = self.parent_[eid]
        return False

    cdef size_t path_size(self, uint32_t eid) noexcept nogil:
        """The size of an entry's absolute path; 0 for the service. A detached entry's begins at its top. O(depth)."""
        cdef size_t size = 0
        cdef uint32_t top = eid, parts = 0
        while eid != 0 and eid != NO_ID:
            size += self.name_len[eid] + <size_t>1
            parts += 1
            top = eid
            eid = self.parent_[eid]
        if parts > 1 and self.name_len[top] == 1 and self.heap[self.name_off[top]] == c"/":
            size -= 1
        return size - 1 if parts else 0

    cdef void write_path(self, uint32_t eid, uint8_t *end) noexcept nogil:
        """Write the path that `path_size` has measured so that it ends before `end`."""
        cdef uint32_t parent
        while eid != 0 and eid != NO_ID:
            parent = self.parent_[eid]
            end -= self.name_len[eid]
            memcpy(end, self.heap + self.name_off[eid], self.name_len[eid])
            if parent != 0 and parent != NO_ID:
                if not (self.parent_[parent] in (0, NO_ID) and self.name_len[parent] == 1
                        and self.heap[self.name_off[parent]] == c"/"):
                    end -= 1
                    end[0] = c"/"
            eid = parent

    cdef bint find(self, uint32_t parent, const uint8_t *name, size_t size, uint32_t *at) noexcept nogil:
        """Whether `parent` has a child of that name; `at` is its rank, or where it would stand."""
        cdef Dir *d = &self.dirs[self.dir_[parent]]
        cdef uint32_t low = 0, high = d.count, middle, eid
        cdef int order
        while low < high:
            middle = low + (high - low) // 2
            eid = self.kids[d.first + middle]
            order = compare(self.heap + self.name_off[eid], self.name_len[eid], name, size)
            if order == 0:
                at[0] = middle
                return True
            if order < 0:
                low = middle + 1
            else:
                high = middle
        at[0] = low
        return False

    cdef int make(self, uint32_t eid, uint16_t mode, uint64_t size, int64_t mtime) except -1:
        """Bring `eid` to life, without a name and under no parent."""
        cdef uint32_t slot = NO_ID
        if mode & S_IFMT == S_IFDIR:
            if self.dirs_free:
                slot = self.dirs_free.pop()
            else:
                grow(<void **>&self.dirs, &self.dirs_room, self.dirs_n + 1, sizeof(Dir))
                slot = <uint32_t>self.dirs_n
                self.dirs_n += 1
            memset(&self.dirs[slot], 0, sizeof(Dir))
        self.mode_[eid], self.size_[eid], self.mtime_[eid] = mode, size, mtime
        self.ctime_[eid], self.ino_[eid], self.birth_[eid] = 0, 0, 0
        self.parent_[eid], self.name_len[eid], self.dir_[eid] = NO_ID, 0, slot
        self.live += 1
        return 0

    cdef bint link(self, uint32_t eid, uint32_t parent) except -1:
        """Put `eid`, which has its name, under `parent`, or return False where that name is taken."""
        cdef uint32_t at
        cdef int64_t files, dirs, size
        cdef Digest none
        cdef Dir *d = &self.dirs[self.dir_[parent]]
        if self.find(parent, self.heap + self.name_off[eid], self.name_len[eid], &at):
            return False
        if d.count == d.room:
            self.widen_span(d)
        memmove(self.kids + d.first + at + 1, self.kids + d.first + at, (d.count - at) * sizeof(uint32_t))
        self.kids[d.first + at] = eid
        d.count += 1
        self.parent_[eid] = parent
        if parent == 0:
            self.root_order.append(eid)
        none.lo = none.hi = 0
        self.weigh(eid, &files, &dirs, &size)
        self.ripple(parent, none, self.hash_of(eid), files, dirs, size)
        return True

    cdef int unlink(self, uint32_t eid) except -1:
        """Take `eid`, with everything below it, from under its parent."""
        cdef uint32_t parent = self.parent_[eid], at
        cdef int64_t files, dirs, size
        cdef Digest none
        cdef Dir *d = &self.dirs[self.dir_[parent]]
        none.lo = none.hi = 0
        self.weigh(eid, &files, &dirs, &size)
        self.find(parent, self.heap + self.name_off[eid], self.name_len[eid], &at)
        self.ripple(parent, self.hash_of(eid), none, -files, -dirs, -size)
        d.count -= 1
        memmove(self.kids + d.first + at, self.kids + d.first + at + 1, (d.count - at) * sizeof(uint32_t))
        self.parent_[eid] = NO_ID
        if parent == 0:
            self.root_order.remove(eid)
        return 0

    cdef void set_values(self, uint32_t eid, uint16_t mode, uint64_t size, int64_t mtime) noexcept nogil:
        cdef uint32_t parent = self.parent_[eid]
        cdef Digest before = self.hash_of(eid)
        cdef int64_t grown = <int64_t>size - <int64_t>self.size_[eid]
        self.mode_[eid], self.size_[eid], self.mtime_[eid] = mode, size, mtime
        if parent != NO_ID:
            self.ripple(parent, before, self.hash_of(eid), 0, 0, grown)

    cdef list free_all(self, uint32_t eid):
        """End `eid`, which is under no parent, and everything below it; the ids that died."""
        cdef list dead = [eid]
        cdef size_t i = 0
        cdef uint32_t k
        cdef Dir *d
        while i < <size_t>len(dead):
            eid = dead[i]
            i += 1
            if self.dir_[eid] != NO_ID:
                d = &self.dirs[self.dir_[eid]]
                for k in range(d.count):
                    dead.append(self.kids[d.first + k])
                self.kids_waste += d.room
                d.count = d.room = 0
                self.dirs_free.append(self.dir_[eid])
            self.heap_waste += self.name_len[eid]
            self.mode_[eid], self.name_len[eid], self.parent_[eid], self.dir_[eid] = 0, 0, NO_ID, NO_ID
            self.live -= 1
        return dead
