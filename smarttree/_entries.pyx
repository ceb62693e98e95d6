# cython: language_level=3
"""Entries: what a snapshot says, as columns; and the tree that its counts make of them, checked.

A piece of a document is Entries without parents; `extend` puts pieces together, `finish` makes and checks the tree.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from smarttree._columns cimport S_IFDIR, S_IFMT, Digest, plus
from smarttree._defect cimport fail
from smarttree._memory cimport resize, room_for, widen
from smarttree._wire cimport (
    DEPTH_MAX, E_BELOW_COUNTS, E_CHILD_COUNTS, E_ID_TWICE, E_ORDER, E_TOO_DEEP, ENTRY_HASH_HEAD_BYTES, NAME_MAX_BYTES,
)
from smarttree._xxh64 cimport xxh64_pair

cdef enum:
    ROW_BYTES = 46           # of all columns together

cdef size_t[ENTRY_COLUMNS] WIDTHS
WIDTHS[:] = [4, 4, 4, 4, 4, 2, 8, 8, 8]


cdef class Entries:
    """Rows as columns: 46 bytes each, and the names. Arrays of it are views, and it does not change while they live."""

    def __dealloc__(self):
        cdef int i
        for i in range(ENTRY_COLUMNS):
            free(self.memory[i])
        free(self.heap)

    def __len__(self):
        return self.n

    cdef int reserve(self, size_t rows, size_t name_bytes) except -1:
        """Room for so many rows and bytes of names, and 16 more, which copies by words may overwrite."""
        cdef size_t room = self.room
        cdef bint done = True
        cdef int i
        if self.views:
            raise BufferError("these entries have views, and can't grow")
        if rows > self.room:
            room = room_for(self.room, rows, ROW_BYTES)
            for i in range(ENTRY_COLUMNS):
                done = done and resize(&self.memory[i], room, WIDTHS[i])
            if done:
                self.room = room
        self.id_, self.parent_ = <uint32_t *>self.memory[0], <uint32_t *>self.memory[1]
        self.first_, self.count_ = <uint32_t *>self.memory[2], <uint32_t *>self.memory[3]
        self.below_, self.mode_ = <uint32_t *>self.memory[4], <uint16_t *>self.memory[5]
        self.size_, self.mtime_ = <uint64_t *>self.memory[6], <int64_t *>self.memory[7]
        self.name_end_ = <uint64_t *>self.memory[8]
        if not (done and widen(<void **>&self.heap, &self.heap_room, name_bytes + 16, 1)):
            raise MemoryError
        return 0

    @staticmethod
    def of(list pieces not None):
        """All rows of the pieces, in their order."""
        cdef Entries whole = Entries.__new__(Entries), piece
        cdef size_t rows = 0, name_bytes = 0
        for piece in pieces:
            rows += piece.n
            name_bytes += piece.heap_n
        whole.reserve(rows, name_bytes)
        for piece in pieces:
            whole.extend(piece)
        return whole

    def extend(self, Entries piece not None, size_t start=0, stop=None):
        """Append the rows `start` to `stop` of a piece. A memcpy."""
        cdef size_t end = piece.n if stop is None else stop, count, names, i
        cdef uint64_t from_byte
        if not start <= end <= piece.n:
            raise IndexError(f"rows {start} to {end} of {piece.n}")
        from_byte = piece.name_end_[start - 1] if start else 0
        count, names = end - start, (piece.name_end_[end - 1] if end else 0) - from_byte
        self.reserve(self.n + count, self.heap_n + names)
        for i in range(<size_t>ENTRY_COLUMNS):
            memcpy(<uint8_t *>self.memory[i] + self.n * WIDTHS[i], <uint8_t *>piece.memory[i] + start * WIDTHS[i],
                   count * WIDTHS[i])
        memcpy(self.heap + self.heap_n, piece.heap + from_byte, names)
        for i in range(self.n, self.n + count):
            self.name_end_[i] = self.name_end_[i] - from_byte + self.heap_n
        self.n += count
        self.heap_n += names

    def finish(self, uint32_t top, uint32_t children):
        """Make the tree by directory order, below an entry `top` with so many children, and check it.

        Returns the digest of `top`; from then on the column `parent` is complete. Raises `Defect`. About 40 ns an
        entry, without the GIL.
        """
        cdef int error = 0
        cdef Digest digest
        cdef uint32_t highest = top
        cdef size_t row
        for row in range(self.n):
            highest = max(highest, self.id_[row])
        cdef uint64_t *bits = <uint64_t *>calloc(highest // 64 + 1, 8)
        try:
            if bits == NULL:
                raise MemoryError
            with nogil:
                if self.link(children, &error) != self.n and not error:
                    error = E_CHILD_COUNTS
                if not error and id_is_twice(self, top, bits):
                    error = E_ID_TWICE
                if not error:
                    error = weigh(self, &digest)
                if not error:
                    for row in range(self.n):
                        self.parent_[row] = top if self.parent_[row] == TOP else self.id_[self.parent_[row]]
        finally:
            free(bits)
        if error:
            fail(error, 0)
        return <object>digest.hi << 64 | digest.lo

    cdef uint32_t link(self, uint32_t children, int *error) noexcept nogil:
        """Parents and first children by the counts; how many rows they take. Checks order and depth."""
        cdef uint32_t *todo = <uint32_t *>malloc((self.n + 1) * sizeof(uint32_t))
        cdef uint16_t *depths = <uint16_t *>malloc((self.n + 1) * sizeof(uint16_t))
        cdef size_t waiting = 0, at = 0, row, count = children
        cdef uint32_t parent = TOP
        cdef uint16_t depth = 1
        if todo == NULL or depths == NULL:
            error[0] = -1
        while not error[0]:
            if count > self.n - at:
                error[0] = E_CHILD_COUNTS
                break
            if count and depth > DEPTH_MAX:
                error[0] = E_TOO_DEEP
                break
            for row in range(at, at + count):
                self.parent_[row] = parent
                if row > at and not ascend(self, row):
                    error[0] = E_ORDER
            at += count
            for row in range(at, at - count, -1):
                if self.mode_[row - 1] & S_IFMT == S_IFDIR:
                    todo[waiting], depths[waiting] = <uint32_t>(row - 1), depth + 1
                    waiting += 1
            if not waiting:
                break
            waiting -= 1
            parent, depth = todo[waiting], depths[waiting]
            self.first_[parent], count = <uint32_t>at, self.count_[parent]
        free(todo)
        free(depths)
        return <uint32_t>at

    # --- for Python -------------------------------------------------------------------------------------------------

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        raise BufferError("ask for one column")

    def column(self, str name):
        """One column as an array, without a copy: `id`, `parent` (an id), `mode`, `size`, `mtime_ns`,
        `name_end` (in `names`), `children` and `below` (0 but for directories), or `names`, all names' bytes.
        """
        import numpy as np  # takes longer to load than a server to start

        return np.asarray(Column(self, name))

    def name(self, size_t row):
        """A row's name."""
        cdef uint64_t start
        if row >= self.n:
            raise IndexError(row)
        start = self.name_end_[row - 1] if row else 0
        return PyBytes_FromStringAndSize(<char *>self.heap + start, self.name_end_[row] - start)


cdef dict PLACES = {"id": 0, "parent": 1, "first": 2, "children": 3, "below": 4, "mode": 5, "size": 6, "mtime_ns": 7,
                    "name_end": 8, "names": 9}
cdef tuple FORMATS = (b"I", b"I", b"I", b"I", b"I", b"H", b"Q", b"q", b"Q", b"B")


cdef class Column:
    """A view of one column, for numpy: it keeps its Entries alive, and them from growing."""
    cdef Entries entries
    cdef int place
    cdef Py_ssize_t shape, stride

    def __cinit__(self, Entries entries, str name):
        self.entries, self.place = entries, PLACES[name]
        self.shape = entries.heap_n if self.place == ENTRY_COLUMNS else entries.n
        self.stride = 1 if self.place == ENTRY_COLUMNS else WIDTHS[self.place]

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        buffer.buf = self.entries.heap if self.place == ENTRY_COLUMNS else self.entries.memory[self.place]
        buffer.obj, buffer.readonly, buffer.ndim, buffer.itemsize = self, 1, 1, self.stride
        buffer.len, buffer.shape, buffer.strides = self.shape * self.stride, &self.shape, &self.stride
        buffer.format, buffer.suboffsets, buffer.internal = <char *>FORMATS[self.place], NULL, NULL
        self.entries.views += 1

    def __releasebuffer__(self, Py_buffer *buffer):
        self.entries.views -= 1


cdef inline bint ascend(Entries entries, size_t row) noexcept nogil:
    """Whether a row's name stands after that of the row before it."""
    cdef uint64_t start = entries.name_end_[row - 1], before = entries.name_end_[row - 2] if row > 1 else 0
    cdef size_t size = entries.name_end_[row] - start, size_before = start - before
    cdef int order = memcmp(entries.heap + before, entries.heap + start, min(size, size_before))
    return order < 0 or (order == 0 and size_before < size)


cdef bint id_is_twice(Entries entries, uint32_t top, uint64_t *bits) noexcept nogil:
    """`bits`: one for each id up to the largest, all 0."""
    cdef uint32_t last = top
    cdef size_t row
    bits[top >> 6] |= <uint64_t>1 << (top & 63)
    for row in range(entries.n):
        last = entries.id_[row]
        if bits[last >> 6] >> (last & 63) & 1:
            return True
        bits[last >> 6] |= <uint64_t>1 << (last & 63)
    return False


cdef int weigh(Entries entries, Digest *top) noexcept nogil:
    """The digest of the top (spec/QTN1.md, section 6), from the last row up; checks the counts below on the way."""
    cdef Digest *digests = <Digest *>calloc(entries.n + 1, sizeof(Digest))    # the last is the top's
    cdef uint32_t *below = <uint32_t *>calloc(entries.n + 1, sizeof(uint32_t))
    cdef uint8_t[ENTRY_HASH_HEAD_BYTES + NAME_MAX_BYTES] text
    cdef int error = 0 if digests != NULL and below != NULL else -1
    cdef uint64_t start
    cdef uint32_t mode
    cdef size_t row = entries.n, parent
    cdef Digest hashed
    while row and not error:
        row -= 1
        if entries.mode_[row] & S_IFMT == S_IFDIR and below[row] - entries.count_[row] != entries.below_[row]:
            error = E_BELOW_COUNTS
        start = entries.name_end_[row - 1] if row else 0
        mode = entries.mode_[row]
        memcpy(text, &mode, 4)
        memcpy(text + 4, &entries.size_[row], 8)
        memcpy(text + 12, &entries.mtime_[row], 8)
        memcpy(text + 20, &digests[row], 16)
        memcpy(text + ENTRY_HASH_HEAD_BYTES, entries.heap + start, entries.name_end_[row] - start)
        xxh64_pair(text, ENTRY_HASH_HEAD_BYTES + (entries.name_end_[row] - start), &hashed.lo, &hashed.hi)
        parent = entries.n if entries.parent_[row] == TOP else entries.parent_[row]
        digests[parent] = plus(digests[parent], hashed)
        below[parent] += below[row] + 1
    if not error:
        top[0] = digests[entries.n]
    free(digests)
    free(below)
    return error
