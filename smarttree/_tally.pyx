# cython: language_level=3
"""Changes counted by path. Where a table gets too large, what changed least is counted with the directory it is in.

A row is of a path; or, where that ends with a slash, of all below that directory that has no row of its own. So no
change is counted twice, and what lies below a directory adds up as long as nothing was counted with one above it.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memset

from smarttree._buffer cimport Buffer, put_bytes, release
from smarttree._changes cimport A_DIRECTORY, DELETED, Changes, Told, path_of, told_bytes
from smarttree._xxh64 cimport xxh64

cdef enum:
    SLOTS_MIN = 16       # a power of two, as every size of the table
    RANKS = 1024         # numbers of changes that are told apart when the middle one is sought
    HOT_MAX = 64


cdef struct Row:
    int64_t growth       # bytes
    uint32_t changes
    uint32_t heat        # how many of them make a file hot
    uint32_t at          # where its path begins
    uint32_t size
    uint32_t floor       # how much of that is its root's, with a slash: it is never counted with what is above
    uint32_t mark        # of its hash


cdef class Tally:
    cdef Row *rows
    cdef uint32_t *slots                 # indices of rows, counted from one; 0: empty
    cdef size_t n, room, slot_count
    cdef Buffer text

    def __cinit__(self):
        memset(&self.text, 0, sizeof(Buffer))

    def __dealloc__(self):
        free(self.rows)
        free(self.slots)
        release(&self.text)

    def __len__(self):
        return self.n

    @property
    def nbytes(self):
        """What it takes, room to grow apart."""
        return self.used()

    cdef size_t used(self) noexcept nogil:
        return self.n * sizeof(Row) + self.slot_count * sizeof(uint32_t) + self.text.n

    cdef bint resize(self) noexcept nogil:
        """Twice as many slots, and rows for three quarters of them; whether there was memory."""
        cdef size_t count = max(2 * self.slot_count, <size_t>SLOTS_MIN), at, i
        cdef uint32_t *slots = <uint32_t *>calloc(count, sizeof(uint32_t))
        cdef Row *rows = <Row *>realloc(self.rows, 3 * count // 4 * sizeof(Row))
        if rows != NULL:
            self.rows, self.room = rows, 3 * count // 4
        if rows == NULL or slots == NULL:
            free(slots)
            return False
        for i in range(self.n):
            at = rows[i].mark & (count - 1)
            while slots[at]:
                at = (at + 1) & (count - 1)
            slots[at] = <uint32_t>(i + 1)
        free(self.slots)
        self.slots, self.slot_count = slots, count
        return True

    cdef Row *row(self, const uint8_t *path, uint32_t size, uint32_t floor) noexcept nogil:
        """The row of a path, a new one if need be. NULL where there is no memory."""
        cdef uint32_t mark = <uint32_t>xxh64(path, size, 0)
        cdef size_t at
        cdef Row *found
        if self.n >= 3 * self.slot_count // 4 and not self.resize():
            return NULL
        at = mark & (self.slot_count - 1)
        while self.slots[at]:
            found = &self.rows[self.slots[at] - 1]
            if found.mark == mark and found.size == size and memcmp(self.text.data + found.at, path, size) == 0:
                return found
            at = (at + 1) & (self.slot_count - 1)
        found = &self.rows[self.n]
        memset(found, 0, sizeof(Row))
        found.at, found.size, found.floor, found.mark = <uint32_t>self.text.n, size, floor, mark
        put_bytes(&self.text, path, size)
        if self.text.failed:
            return NULL
        self.n += 1
        self.slots[at] = <uint32_t>self.n
        return found

    cdef bint add_row(self, const uint8_t *path, uint32_t size, const Row *like) noexcept nogil:
        cdef Row *row = self.row(path, size, like.floor)
        if row == NULL:
            return False
        row.changes += like.changes
        row.growth += like.growth
        row.heat += like.heat
        return True

    def add(self, Changes changes not None, bytes root not None):
        """Count what lies below a root, given with a slash at its end. 0.1 µs a change."""
        cdef size_t at = 0
        cdef uint32_t floor = <uint32_t>PyBytes_GET_SIZE(root)
        cdef const uint8_t *prefix = <const uint8_t *>PyBytes_AS_STRING(root)
        cdef const Told *told
        cdef Row *row
        cdef bint done = True
        with nogil:
            while at < changes.size and done:
                told = <const Told *>(changes.data + at)
                at += told_bytes(told)
                if told.path_size <= floor or memcmp(path_of(told), prefix, floor):
                    continue
                row = self.row(path_of(told), told.path_size, floor)
                done = row != NULL
                if done:
                    row.changes += 1
                    row.growth += told.growth
                    row.heat += told.kind != A_DIRECTORY and told.type != DELETED
        if not done:
            raise MemoryError

    def take(self, Tally other not None, bytes prefix not None):
        """Count in the rows of another that lie below a directory, given with a slash at its end (b"": all of them).

        Their (changes, growth, whether that is all: nothing there was counted with a directory above).
        """
        cdef uint32_t size = <uint32_t>PyBytes_GET_SIZE(prefix)
        cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(prefix)
        cdef const uint8_t *path
        cdef const Row *row
        cdef size_t i
        cdef uint64_t changes = 0
        cdef int64_t growth = 0
        cdef bint is_all = True, done = True
        with nogil:
            for i in range(other.n):
                row = &other.rows[i]
                path = other.text.data + row.at
                if memcmp(path, start, min(row.size, size)):
                    continue
                if row.size < size:
                    is_all = is_all and path[row.size - 1] != b"/"
                    continue
                changes += row.changes
                growth += row.growth
                done = done and self.add_row(path, row.size, row)
        if not done:
            raise MemoryError
        return changes, growth, is_all

    def copy(self):
        """The same, to be kept as it is."""
        cdef Tally other = Tally()
        other.take(self, b"")
        return other

    cdef uint32_t middle(self) noexcept nogil:
        """How often half of the rows that can be counted with a directory changed at most; 0: there are none."""
        cdef uint32_t[RANKS] ranks
        cdef uint32_t rank, count = 0, below = 0
        cdef size_t i
        memset(ranks, 0, sizeof(ranks))
        for i in range(self.n):
            if self.rows[i].size > self.rows[i].floor:
                ranks[min(self.rows[i].changes, RANKS - 1)] += 1
                count += 1
        for rank in range(<uint32_t>RANKS):
            below += ranks[rank]
            if count and 2 * below >= count:
                return rank if rank < RANKS - 1 else <uint32_t>-1
        return 0

    cdef bint fold(self, Tally other, uint32_t most) noexcept nogil:
        """Count in another's rows, and those that changed `most` times at most with their directories."""
        cdef size_t i
        cdef uint32_t size
        cdef Row row
        for i in range(other.n):
            row = other.rows[i]
            size = row.size
            if size > row.floor and row.changes <= most:
                size -= 1
                while size > row.floor and other.text.data[row.at + size - 1] != b"/":
                    size -= 1
                row.heat = 0
            if not self.add_row(other.text.data + row.at, size, &row):
                return False
        return True

    def folded(self, size_t max_bytes):
        """One of at most so many bytes, as long as there is more than the roots' own: the half that changed least is
        counted with the directories, and that again. 0.2 µs a row.
        """
        cdef Tally found = self, smaller
        cdef uint32_t most
        cdef bint done
        while found.used() > max_bytes:
            most = found.middle()
            if not most:
                break
            smaller = Tally()
            with nogil:
                done = smaller.fold(found, most)
            if not done:
                raise MemoryError
            found = smaller
        return found

    cdef bint hotter(self, uint32_t one, uint32_t other) noexcept nogil:
        """More often changed, or as often and first by path."""
        cdef Row *a = &self.rows[one]
        cdef Row *b = &self.rows[other]
        cdef int order
        if a.heat != b.heat:
            return a.heat > b.heat
        order = memcmp(self.text.data + a.at, self.text.data + b.at, min(a.size, b.size))
        return order < 0 or (order == 0 and a.size < b.size)

    def hottest(self, size_t most):
        """The files that changed most often: [(path, how often)], 64 at most. To be deleted does not count."""
        cdef uint32_t[HOT_MAX + 1] best
        cdef size_t i, at, count = 0
        most = min(most, <size_t>HOT_MAX)
        with nogil:
            for i in range(self.n):
                if not self.rows[i].heat:
                    continue
                at = count
                while at and self.hotter(<uint32_t>i, best[at - 1]):
                    best[at] = best[at - 1]
                    at -= 1
                best[at] = <uint32_t>i
                count = min(count + 1, most)
        return [self.told(&self.rows[best[i]]) for i in range(count)]

    cdef tuple told(self, const Row *row):
        return PyBytes_FromStringAndSize(<char *>self.text.data + row.at, row.size), row.heat
