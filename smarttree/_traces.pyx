# cython: language_level=3
"""What a batch leaves behind once it is forgotten: which ids it touched, and which places were left with it.

    touched   id, what was said of it (the masks of records), and whether it began there
    left      id, parent, size, mode, name: of what moved or ended, also with a directory above it

No disk, no clock, no thread: whoever owns one guards it.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcpy, memset

from smarttree._buffer cimport put_bytes, release
from smarttree._columns cimport NO_ID, Columns, Dir, grow
from smarttree._wire cimport MASK_DELETED

cdef enum:
    ROOM_MIN = 1024      # a power of two, as every size of the table


cdef struct Left:        # followed by the name
    uint64_t size
    uint32_t id
    uint32_t parent
    uint16_t mode
    uint16_t name_len


cdef struct Slot:        # id 0: empty
    uint64_t last
    uint64_t born        # 0: before all that is remembered
    uint32_t id
    uint32_t mask


cdef class Traces:
    """Those of one batch."""

    def __dealloc__(self):
        free(self.touched)
        release(&self.left)

    def __len__(self):
        return self.n

    @property
    def places(self):
        """The places that were left, packed, in the order in which they were."""
        return PyBytes_FromStringAndSize(<char *>self.left.data, self.left.n)

    def tells_of_any(self, const uint8_t[::1] marks not None):
        """Whether something moved or ended whose id is marked."""
        cdef size_t at = 0
        cdef Left left
        while at < self.left.n:
            memcpy(&left, self.left.data + at, sizeof(Left))
            if left.id < <size_t>marks.shape[0] and marks[left.id]:
                return True
            at += sizeof(Left) + left.name_len
        return False

    def pack(self):
        """All of it, for the log's files: laid out as in memory."""
        cdef uint64_t[2] counts = [self.n, self.dead]
        return (PyBytes_FromStringAndSize(<char *>counts, sizeof(counts))
                + PyBytes_FromStringAndSize(<char *>self.touched, self.n * sizeof(Touch)) + self.places)

    @staticmethod
    def unpack(const uint8_t[::1] packed not None):
        """What `pack` gave. Raises ValueError for what can't be that."""
        cdef Traces traces = Traces()
        cdef size_t size = packed.shape[0], at
        cdef uint64_t[2] counts
        cdef Left left
        if size < sizeof(counts):
            raise ValueError("traces are cut off")
        memcpy(counts, &packed[0], sizeof(counts))
        if counts[0] > (size - sizeof(counts)) // sizeof(Touch):
            raise ValueError("traces are cut off")
        at = sizeof(counts)
        grow(<void **>&traces.touched, &traces.room, counts[0], sizeof(Touch))
        if counts[0]:
            memcpy(traces.touched, &packed[at], counts[0] * sizeof(Touch))
        traces.n, traces.dead = counts[0], counts[1]
        at += counts[0] * sizeof(Touch)
        if at < size:
            put_bytes(&traces.left, &packed[at], size - at)
        if traces.left.failed:
            raise MemoryError
        while at < size:
            if size - at < sizeof(Left):
                raise ValueError("traces are cut off")
            memcpy(&left, &packed[at], sizeof(Left))
            if left.name_len > size - at - sizeof(Left):
                raise ValueError("traces are cut off")
            at += sizeof(Left) + left.name_len
        return traces

    cdef int touch(self, uint32_t eid, uint8_t mask) except -1:
        grow(<void **>&self.touched, &self.room, self.n + 1, sizeof(Touch))
        self.touched[self.n].id, self.touched[self.n].mask = eid, mask
        self.n += 1
        return 0

    cdef int leave(self, Columns tree, uint32_t eid) except -1:
        """An entry is about to leave its place."""
        cdef Left left
        memset(&left, 0, sizeof(left))
        left.id, left.parent, left.size = eid, tree.parent_[eid], tree.size_[eid]
        left.mode, left.name_len = tree.mode_[eid], tree.name_len[eid]
        put_bytes(&self.left, &left, sizeof(left))
        put_bytes(&self.left, tree.heap + tree.name_off[eid], left.name_len)
        if self.left.failed:
            raise MemoryError
        return 0

    cdef int end(self, Columns tree, uint32_t eid) except -1:
        """An entry is about to end, with all below it. What moved out of a directory below it comes from there."""
        cdef list ending = [eid]
        cdef uint32_t k, each
        cdef Dir *d
        self.touch(eid, MASK_DELETED)
        while ending:
            each = ending.pop()
            self.leave(tree, each)
            self.dead += 1
            if tree.dir_[each] == NO_ID:
                continue
            d = &tree.dirs[tree.dir_[each]]
            for k in range(d.count):
                if tree.dir_[tree.kids[d.first + k]] != NO_ID:
                    ending.append(tree.kids[d.first + k])
                else:
                    self.leave(tree, tree.kids[d.first + k])
                    self.dead += 1
        return 0


cdef int ascending(const void *a, const void *b) noexcept nogil:
    cdef uint64_t x = (<const uint64_t *>a)[0], y = (<const uint64_t *>b)[0]
    return (x > y) - (x < y)


cdef class Touches:
    """By id: the clock at which it was touched last, that at which it began, all that was said of it. Open addressing
    with linear probing; 24 bytes a slot, of which half to three quarters are in use.
    """
    cdef Slot *slots
    cdef size_t room, n

    def __cinit__(self):
        self.resize(ROOM_MIN)

    def __dealloc__(self):
        free(self.slots)

    def __len__(self):
        return self.n

    @property
    def nbytes(self):
        return self.room * sizeof(Slot)

    cdef Slot *find(self, uint32_t eid) noexcept nogil:
        """An id's slot, or the empty one where it would be. The multiplication spreads ids that count up."""
        cdef size_t at = <size_t>((eid * 0x9E3779B97F4A7C15ULL) >> 32) & (self.room - 1)
        while self.slots[at].id != 0 and self.slots[at].id != eid:
            at = (at + 1) & (self.room - 1)
        return &self.slots[at]

    cdef int resize(self, size_t room, uint64_t after=0) except -1:
        """Another table, without what was touched last at `after` or before."""
        cdef Slot *before = self.slots
        cdef size_t i, had = self.room
        cdef Slot *fresh = <Slot *>calloc(room, sizeof(Slot))
        if fresh == NULL:
            raise MemoryError
        self.slots, self.room, self.n = fresh, room, 0
        for i in range(had):
            if before[i].id and before[i].last > after:
                self.find(before[i].id)[0] = before[i]
                self.n += 1
        free(before)
        return 0

    def add(self, Traces traces not None, uint64_t seq):
        """Take in what the batch that led to `seq` touched. About 20 ns an id."""
        cdef size_t i
        cdef Slot *slot
        for i in range(traces.n):
            if 4 * self.n >= 3 * self.room:
                self.resize(2 * self.room)
            slot = self.find(traces.touched[i].id)
            if not slot.id:
                slot.id = traces.touched[i].id
                self.n += 1
            slot.last = seq
            slot.mask |= traces.touched[i].mask
            if traces.touched[i].mask & BORN:
                slot.born = seq

    def since(self, uint64_t seq, size_t most):
        """[(id, mask, born)] of what was touched after `seq`, by id; None where that is more than `most`."""
        cdef size_t i, count = 0
        cdef list found = []
        with nogil:
            for i in range(self.room):
                count += self.slots[i].id != 0 and self.slots[i].last > seq
        if count > most:
            return None
        for i in range(self.room):
            if self.slots[i].id and self.slots[i].last > seq:
                found.append((self.slots[i].id, self.slots[i].mask, self.slots[i].born))
        found.sort()
        return found

    def middle(self):
        """A clock since which about half of all was touched last."""
        cdef size_t i, count = 0
        cdef uint64_t *lasts = <uint64_t *>malloc((self.n + 1) * sizeof(uint64_t))
        if lasts == NULL:
            raise MemoryError
        with nogil:
            for i in range(self.room):
                if self.slots[i].id:
                    lasts[count] = self.slots[i].last
                    count += 1
            qsort(lasts, count, sizeof(uint64_t), ascending)
        seq = lasts[count // 2] if count else 0
        free(lasts)
        return seq

    def forget(self, uint64_t seq):
        """Let go of what was not touched after `seq`."""
        cdef size_t i, kept = 0, room = ROOM_MIN
        for i in range(self.room):
            kept += self.slots[i].id != 0 and self.slots[i].last > seq
        while 2 * kept >= room:
            room *= 2
        self.resize(room, seq)
