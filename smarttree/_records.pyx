# cython: language_level=3
"""QTN1 records: what a batch or a delta says, as absolute statements about ids, in memory and as bytes.

    record = id, mask, and what the mask names of: place (parent, name), mode, size, mtime     spec/QTN1.md, section 4
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memchr, memcpy, memset

from typing import NamedTuple

from smarttree._buffer cimport (
    Buffer, Reader, defect, get_bytes, get_text, get_varint, get_zigzag, put_byte, put_bytes, put_varint,
    put_zigzag, reader, release,
)
from smarttree._columns cimport S_IFMT, Columns, grow
from smarttree._defect cimport fail
from smarttree._numbers cimport get_sizes, get_times, put_sizes, put_times
from smarttree._wire cimport (
    BODY_MAX_BYTES, E_COLUMN_TOO_LARGE, E_ID_RANGE, E_MASK, E_MODE, E_NAME, E_NAME_PREFIX, E_PATH_TOO_LONG,
    E_TRUNCATED, IDS_MAX, MASK_ALL, MASK_DELETED, MASK_MODE, MASK_MTIME, MASK_PLACE, MASK_SIZE, NAME_MAX_BYTES,
    PATH_MAX_BYTES, RECORD_COLUMNS,
)


class Record(NamedTuple):
    """One record; fields that `mask` does not name are 0, or b""."""

    id: int
    mask: int
    parent: int
    name: bytes
    mode: int
    size: int
    mtime_ns: int


cdef int by_id(const void *a, const void *b) noexcept nogil:
    cdef uint32_t x = (<const Item *>a).id, y = (<const Item *>b).id
    return (x > y) - (x < y)


cdef class Records:
    """Records in memory: 48 bytes each and the names. Iterates as `Record`s; an id stands in it once."""

    def __dealloc__(self):
        free(self.items)
        free(self.heap)

    def __len__(self):
        return self.n

    def __iter__(self):
        cdef size_t i
        for i in range(self.n):
            item = self.items[i]
            name = PyBytes_FromStringAndSize(<char *>self.heap + item.name_off, item.name_len)
            yield Record(item.id, item.mask, item.parent, name, item.mode, item.size, item.mtime)

    def __eq__(self, other):
        return isinstance(other, Records) and list(self) == list(other)

    __hash__ = None

    @property
    def nbytes(self):
        """About what the records take when encoded, before compression."""
        return self.n * 8 + self.heap_n

    cdef Item *extend(self) except NULL:
        grow(<void **>&self.items, &self.room, self.n + 1, sizeof(Item))
        memset(&self.items[self.n], 0, sizeof(Item))
        self.n += 1
        return &self.items[self.n - 1]

    cdef int keep_name(self, Item *item, const uint8_t *name, size_t size) except -1:
        grow(<void **>&self.heap, &self.heap_room, self.heap_n + size, 1)
        memcpy(self.heap + self.heap_n, name, size)
        item.name_off, item.name_len = self.heap_n, <uint32_t>size
        self.heap_n += size
        return 0

    cdef int take(self, Columns tree, uint32_t eid, uint8_t mask) except -1:
        cdef Item *item = self.extend()
        item.id, item.mask = eid, mask
        if mask & MASK_PLACE:
            item.parent = tree.parent_[eid]
            self.keep_name(item, tree.heap + tree.name_off[eid], tree.name_len[eid])
        if mask & MASK_MODE:
            item.mode = tree.mode_[eid]
        if mask & MASK_SIZE:
            item.size = tree.size_[eid]
        if mask & MASK_MTIME:
            item.mtime = tree.mtime_[eid]
        return 0

    def state(self, Columns tree not None, uint32_t eid, uint8_t mask):
        """Add a record that says what `mask` names of an entry, as it is in `tree` now."""
        if not tree.holds(eid) or not mask & MASK_ALL or mask & ~MASK_ALL:
            raise KeyError(eid)
        self.take(tree, eid, mask)

    def delete(self, uint32_t eid):
        """Add a record that says the entry is gone, with everything then below it."""
        cdef Item *item = self.extend()
        item.id, item.mask = eid, MASK_DELETED

    cdef int sort(self) except -1:
        cdef size_t i
        if self.n > 1:
            qsort(self.items, self.n, sizeof(Item), by_id)
        for i in range(1, self.n):
            if self.items[i].id == self.items[i - 1].id:
                raise ValueError(f"two records for the id {self.items[i].id}")
        return 0

    def encode(self):
        """The columns of spec/QTN1.md, section 4, bare. Sorts the records by id. About 0.1 µs a record."""
        return self.put(1)[0]

    def encode_columns(self):
        """The ten columns apart, raw."""
        return self.put(RECORD_COLUMNS)

    cdef list put(self, size_t count):
        """The columns in so many buffers: each in its own, or all in one."""
        cdef Buffer[RECORD_COLUMNS] buffers
        cdef Buffer *columns[RECORD_COLUMNS]
        cdef size_t i
        cdef bint done
        memset(buffers, 0, sizeof(buffers))
        for i in range(<size_t>RECORD_COLUMNS):
            columns[i] = &buffers[i if count > 1 else 0]
        self.sort()
        try:
            with nogil:
                done = put_records(columns, self.items, self.n, self.heap)
            for i in range(count):
                done = done and not buffers[i].failed
            if not done:
                raise MemoryError
            return [PyBytes_FromStringAndSize(<char *>buffers[i].data, buffers[i].n) for i in range(count)]
        finally:
            for i in range(count):
                release(&buffers[i])


cdef bint put_records(Buffer **columns, const Item *items, size_t n, const uint8_t *heap) noexcept nogil:
    """Each column into its own buffer, or all into one. False where there is no memory."""
    cdef uint64_t before = 0
    cdef size_t i
    for i in range(n):
        put_varint(columns[0], items[i].id - before)
        before = <uint64_t>items[i].id + 1
    for i in range(n):
        put_byte(columns[1], items[i].mask)
    before = 0
    for i in range(n):
        if items[i].mask & MASK_PLACE:
            put_zigzag(columns[2], items[i].parent - before)
            before = items[i].parent
    put_prefixes(columns[3], columns[4], items, n, heap)
    for i in range(n):
        if items[i].mask & MASK_MODE:
            put_varint(columns[5], items[i].mode)
    return put_values(columns, items, n)


cdef inline size_t in_common(const Item *item, const Item *previous, const uint8_t *heap) noexcept nogil:
    """How many bytes a name has in common with the one before it, if there is one."""
    cdef size_t prefix = 0
    if previous == NULL:
        return 0
    while (prefix < item.name_len and prefix < previous.name_len
            and heap[item.name_off + prefix] == heap[previous.name_off + prefix]):
        prefix += 1
    return prefix


cdef void put_prefixes(Buffer *prefixes, Buffer *suffixes, const Item *items, size_t n,
                       const uint8_t *heap) noexcept nogil:
    cdef const Item *previous = NULL
    cdef size_t prefix, i
    for i in range(n):
        if items[i].mask & MASK_PLACE:
            put_varint(prefixes, in_common(&items[i], previous, heap))
            previous = &items[i]
    previous = NULL
    for i in range(n):
        if items[i].mask & MASK_PLACE:
            prefix = in_common(&items[i], previous, heap)
            put_bytes(suffixes, heap + items[i].name_off + prefix, items[i].name_len - prefix)
            put_byte(suffixes, 0)
            previous = &items[i]


cdef bint put_values(Buffer **columns, const Item *items, size_t n) noexcept nogil:
    """Columns 7 to 10."""
    cdef uint64_t *values = <uint64_t *>calloc(n + 1, sizeof(uint64_t))
    cdef size_t count = 0, i
    cdef bint done = True
    if values == NULL:
        return False
    for i in range(n):
        if items[i].mask & MASK_SIZE:
            values[count] = items[i].size
            count += 1
    put_sizes(columns[6], columns[7], values, count)
    count = 0
    for i in range(n):
        if items[i].mask & MASK_MTIME:
            values[count] = <uint64_t>items[i].mtime
            count += 1
    if count:
        done = put_times(columns[8], columns[9], <const int64_t *>values, count)
    free(values)
    return done


def decode_records(size_t n, columns not None):
    """The `n` records in ten columns (a list of bytes), or in bare ones (bytes). Raises `Defect`.

    Memory: 48 bytes for every record, each of which has a byte of the masks, and the names.
    """
    cdef Reader[RECORD_COLUMNS] readers
    cdef Reader *parts[RECORD_COLUMNS]
    cdef Records records = Records()
    cdef const uint8_t[::1] data
    cdef int column = 0, error, i
    cdef bint bare = isinstance(columns, bytes)
    for i in range(RECORD_COLUMNS):
        if not bare or i == 0:
            data = columns if bare else columns[i]
            readers[i] = reader(&data[0] if data.shape[0] else NULL, data.shape[0])
        parts[i] = &readers[0 if bare else i]
    if n > <size_t>(parts[1].end - parts[1].at):
        fail(E_TRUNCATED, 0 if bare else 2)
    grow(<void **>&records.items, &records.room, n, sizeof(Item))
    if n:
        memset(records.items, 0, n * sizeof(Item))
    records.n = n
    error = get_heads(parts, records, &column)
    if error:
        fail(error, 0 if bare else column)
    get_places(parts, records, bare)
    with nogil:
        error = get_values(parts, records.items, n, &column)
        for i in range(1 if bare else <int>RECORD_COLUMNS):
            if not error:
                column = i + 1
                error = defect(&readers[i])
    if error:
        fail(error, 0 if bare else column)
    return records


cdef int get_heads(Reader **parts, Records records, int *column) noexcept nogil:
    """Columns 1 to 3."""
    cdef uint64_t value, before = 0
    cdef const uint8_t *masks
    cdef size_t i
    cdef Item *item
    column[0] = 1
    for i in range(records.n):
        value = get_varint(parts[0])
        if parts[0].error:
            return parts[0].error
        if value >= IDS_MAX or before + value >= IDS_MAX or before + value == 0:
            return E_ID_RANGE
        records.items[i].id = <uint32_t>(before + value)
        before = before + value + 1
    column[0] = 2
    masks = get_bytes(parts[1], records.n)
    if masks == NULL:
        return parts[1].error
    for i in range(records.n):
        if masks[i] != MASK_DELETED and (masks[i] == 0 or masks[i] & ~MASK_ALL):
            return E_MASK
        records.items[i].mask = masks[i]
    column[0], before = 3, 0
    for i in range(records.n):
        item = &records.items[i]
        if item.mask & MASK_PLACE:
            before += get_zigzag(parts[2])
            if parts[2].error or before >= IDS_MAX:
                return parts[2].error or <int>E_ID_RANGE
            item.parent = <uint32_t>before
    return 0


cdef int get_places(Reader **parts, Records records, bint bare) except -1:
    """Columns 4 and 5. The prefixes are kept in the records until the suffixes come: bare, they stand apart."""
    cdef size_t i, size = 0, previous = 0, previous_size = 0, start
    cdef const uint8_t *suffix
    cdef uint64_t prefix
    cdef Item *item
    for i in range(records.n):
        if records.items[i].mask & MASK_PLACE:
            prefix = get_varint(parts[3])
            if parts[3].error or prefix > PATH_MAX_BYTES:
                fail(parts[3].error or <int>E_NAME_PREFIX, 0 if bare else 4)
            records.items[i].name_len = <uint32_t>prefix
    for i in range(records.n):
        item = &records.items[i]
        if not item.mask & MASK_PLACE:
            continue
        suffix, prefix = get_text(parts[4], &size), item.name_len
        if suffix == NULL:
            fail(parts[4].error, 0 if bare else 5)
        if prefix > previous_size:
            fail(E_NAME_PREFIX, 0 if bare else 4)
        if prefix + size >= PATH_MAX_BYTES and item.parent == 0:
            fail(E_PATH_TOO_LONG, 0 if bare else 5)
        if prefix + size == 0 or prefix + size > (<size_t>NAME_MAX_BYTES if item.parent else <size_t>PATH_MAX_BYTES):
            fail(E_NAME, 0 if bare else 5)
        start = records.heap_n
        if prefix + size > BODY_MAX_BYTES - start:
            fail(E_COLUMN_TOO_LARGE, 0 if bare else 5)
        grow(<void **>&records.heap, &records.heap_room, start + prefix + size, 1)
        memcpy(records.heap + start, records.heap + previous, prefix)
        memcpy(records.heap + start + prefix, suffix, size)
        if not (is_name(records.heap + start, prefix + size) if item.parent
                else is_path(records.heap + start, prefix + size)):
            fail(E_NAME, 0 if bare else 5)
        item.name_off, item.name_len = start, <uint32_t>(prefix + size)
        records.heap_n += prefix + size
        previous, previous_size = start, prefix + size
    return 0


cdef int get_values(Reader **parts, Item *items, size_t n, int *column) noexcept nogil:
    """Columns 6 to 10."""
    cdef uint64_t *values = <uint64_t *>malloc((n + 1) * sizeof(uint64_t))
    cdef uint64_t value
    cdef size_t count = 0, i
    cdef int error = 0 if values != NULL else -1
    column[0] = 6
    for i in range(n):
        if items[i].mask & MASK_MODE and not error:
            value = get_varint(parts[5])
            if parts[5].error or value >= 65536 or value & S_IFMT == 0:
                error = parts[5].error or <int>E_MODE
            items[i].mode = <uint16_t>value
    for i in range(n):
        count += (items[i].mask & MASK_SIZE) != 0
    if not error:
        column[0] = 7
        error = get_sizes(parts[6], parts[7], values, count)
    count = 0
    for i in range(n):
        if items[i].mask & MASK_SIZE and not error:
            items[i].size = values[count]
            count += 1
    count = 0
    for i in range(n):
        count += (items[i].mask & MASK_MTIME) != 0
    if count and not error:
        column[0] = 9
        error = get_times(parts[8], parts[9], <int64_t *>values, count)
    count = 0
    for i in range(n):
        if items[i].mask & MASK_MTIME and not error:
            items[i].mtime = <int64_t>values[count]
            count += 1
    free(values)
    return error


cdef bint is_name(const uint8_t *name, size_t size) noexcept:
    """A name without a slash, and not `.` or `..`; its length is checked."""
    return memchr(name, c"/", size) == NULL and not (
        name[0] == c"." and (size == 1 or (size == 2 and name[1] == c".")))


cdef bint is_path(const uint8_t *path, size_t size) noexcept:
    """Absolute, and each part a name: not empty, not `.` and not `..`. Just "/" is a path too."""
    cdef size_t start = 1, end
    if size == 0 or size >= PATH_MAX_BYTES or path[0] != c"/":
        return False
    if size == 1:
        return True
    while True:
        end = start
        while end < size and path[end] != c"/":
            end += 1
        if end == start or (path[start] == c"."
                            and (end - start == 1 or (end - start == 2 and path[start + 1] == c"."))):
            return False
        if end == size:
            return True
        start = end + 1
