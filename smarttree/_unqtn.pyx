# cython: language_level=3
"""QTN1 snapshot kernels, the way back: the raw columns of chunks to a Listing in directory order.

Input is hostile until proven otherwise: every read is bounded by its column, every count by the entries announced,
and no allocation is larger than what the columns' sizes justify. What fails says where: (reason, column).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset

from smarttree._buffer cimport (
    Bits, Reader, finished, get_bits, get_byte, get_bytes, get_text, get_varint, get_zigzag, reader,
)
from smarttree._columns cimport grow
from smarttree._listing cimport Item, Listing
from smarttree._wire cimport CHUNK_COLUMNS, DEPTH_MAX, EXTENSIONS_MAX, IDS_MAX, NAME_MAX_BYTES, SIZE_MAX_BITS

cdef enum:
    S_IFMT = 0xF000
    S_IFDIR = 0x4000


class Defect(Exception):
    """A column that is not what spec/QTN1.md says. `column` counts from 1; 0 is the chunks as a whole."""

    def __init__(self, str reason, int column):
        super().__init__(reason)
        self.column = column


cdef struct Text:
    const uint8_t *data
    size_t size


cdef class Decoder:
    """Takes chunks one by one; `finish` hands over the Listing. The ids, by item, are apart, in `ids`.

    Arguments are the snapshot's header: entry count, and the top entry's child count, id, mode and mtime.
    """
    cdef Listing listing
    cdef uint32_t *numbers
    cdef size_t items_room, numbers_room, heap_room, heap_n
    cdef uint32_t expected, last

    def __cinit__(self, uint32_t count, uint32_t children, uint32_t top, uint16_t mode, int64_t mtime):
        self.listing = Listing.__new__(Listing)
        self.expected, self.last = count, top
        self.reserve(1)
        grow(<void **>&self.listing.heap, &self.heap_room, 1, 1)
        self.numbers[0] = top
        self.listing.items[0].count, self.listing.items[0].wd = children, -1
        self.listing.items[0].stat.mode, self.listing.items[0].stat.mtime = mode, mtime
        self.listing.n = 1

    def __dealloc__(self):
        free(self.numbers)

    cdef int reserve(self, size_t n) except -1:
        grow(<void **>&self.listing.items, &self.items_room, n, sizeof(Item))
        grow(<void **>&self.numbers, &self.numbers_room, n, sizeof(uint32_t))
        return 0

    def add(self, uint32_t count, list columns):
        """Decode one chunk of `count` entries from its raw columns (bytes). Raises `Defect`; about 0.1 µs an entry."""
        cdef Reader[CHUNK_COLUMNS] parts
        cdef Reader *part
        cdef int i
        cdef const uint8_t[::1] data
        if not 0 < count <= self.expected - (self.listing.n - 1):
            raise Defect("more entries than announced", 0)
        if len(columns) != CHUNK_COLUMNS:
            raise ValueError(f"a chunk has {CHUNK_COLUMNS} columns")
        for i in range(CHUNK_COLUMNS):
            data = columns[i]
            parts[i] = reader(&data[0] if data.shape[0] else NULL, data.shape[0])
        for i in (1, 4, 6):
            if parts[i].end - parts[i].at != count:
                raise Defect("not one byte for each entry", i + 1)
        self.reserve(self.listing.n + count)
        memset(&self.listing.items[self.listing.n], 0, count * sizeof(Item))
        self.read_names(count, &parts[1], &parts[2], &parts[3], &parts[4])
        self.read_modes(count, &parts[5])
        self.read_counts(count, &parts[0])
        self.read_sizes(count, &parts[6], &parts[7])
        self.read_times(count, &parts[8], &parts[9])
        self.read_ids(count, &parts[10])
        for i in range(CHUNK_COLUMNS):
            part = &parts[i]
            if not finished(part):
                raise Defect("too short, too long, or not in shortest form", i + 1)
        self.listing.n += count

    cdef int read_names(self, uint32_t count, Reader *prefixes, Reader *suffixes, Reader *table, Reader *ids) except -1:
        cdef Text[EXTENSIONS_MAX + 1] extensions
        cdef size_t known = 0, size = 0, previous = 0, previous_size = 0, total
        cdef const uint8_t *suffix
        cdef uint8_t *name
        cdef uint32_t i, prefix, number
        cdef Item *items = self.listing.items + self.listing.n
        while table.at < table.end:
            known += 1
            if known > EXTENSIONS_MAX:
                raise Defect("more than 127 extensions", 4)
            extensions[known].data = get_text(table, &extensions[known].size)
            if extensions[known].data == NULL or extensions[known].size < 2 or extensions[known].data[0] != c".":
                raise Defect("an extension that does not end, or does not begin with a dot", 4)
        extensions[0].data, extensions[0].size = suffixes.start, 0
        for i in range(count):
            prefix, number = get_byte(prefixes), get_byte(ids)
            suffix = get_text(suffixes, &size)
            if suffix == NULL:
                raise Defect("a name does not end", 3)
            if prefix > previous_size:
                raise Defect("a prefix longer than the name before", 2)
            if number > known:
                raise Defect("an extension that is not in the table", 5)
            total = prefix + size + extensions[number].size
            if total == 0 or total > NAME_MAX_BYTES:
                raise Defect("a name of no bytes, or of more than 1,024", 3)
            if total > self.heap_room - self.heap_n:
                grow(<void **>&self.listing.heap, &self.heap_room, self.heap_n + total, 1)
            check_no_slash(suffix, size)
            check_no_slash(extensions[number].data, extensions[number].size)
            name = self.listing.heap + self.heap_n
            memcpy(name, self.listing.heap + previous, prefix)
            memcpy(name + prefix, suffix, size)
            memcpy(name + prefix + size, extensions[number].data, extensions[number].size)
            if name[0] == c"." and (total == 1 or (total == 2 and name[1] == c".")):
                raise Defect("a name that is . or ..", 3)
            items[i].name_off, items[i].name_len, items[i].wd = self.heap_n, <uint32_t>total, -1
            previous, previous_size = self.heap_n, total
            self.heap_n += total
        return 0

    cdef int read_modes(self, uint32_t count, Reader *column) except -1:
        cdef Item *items = self.listing.items + self.listing.n
        cdef uint64_t known = get_varint(column), i, index
        cdef const uint8_t *table = get_bytes(column, 2 * known) if known <= count else NULL
        if table == NULL:
            raise Defect("the table of modes is cut off", 6)
        for i in range(1, known):
            if (table[2 * i - 2] | table[2 * i - 1] << 8) >= (table[2 * i] | table[2 * i + 1] << 8):
                raise Defect("modes not in ascending order", 6)
        for i in range(count):
            index = get_varint(column)
            if index >= known:
                raise Defect("a mode that is not in the table", 6)
            items[i].stat.mode = <uint16_t>(table[2 * index] | table[2 * index + 1] << 8)
            if items[i].stat.mode & S_IFMT == 0:
                raise Defect("a mode without a type", 6)
        return 0

    cdef int read_counts(self, uint32_t count, Reader *column) except -1:
        cdef Item *items = self.listing.items + self.listing.n
        cdef uint64_t children
        cdef uint32_t i
        for i in range(count):
            if items[i].stat.mode & S_IFMT == S_IFDIR:
                children = get_varint(column)
                if children > self.expected:
                    raise Defect("more children than entries", 1)
                items[i].count = <uint32_t>children
        return 0

    cdef int read_sizes(self, uint32_t count, Reader *widths, Reader *column) except -1:
        cdef Item *items = self.listing.items + self.listing.n
        cdef Bits bits = Bits(0, 0)
        cdef uint64_t size
        cdef uint32_t i
        cdef int width
        for i in range(count):
            width = get_byte(widths)
            if width > SIZE_MAX_BITS:
                raise Defect("a size of more than 63 bits", 7)
            size = 0
            if width:
                size = (<uint64_t>1 << (width - 1)) | get_bits(column, &bits, width - 1)
            if size and items[i].stat.mode & S_IFMT == S_IFDIR:
                raise Defect("a directory with a size", 7)
            items[i].stat.size = size
        if bits.pending:
            raise Defect("bits left over", 8)
        return 0

    cdef int read_times(self, uint32_t count, Reader *table, Reader *column) except -1:
        cdef Item *items = self.listing.items + self.listing.n
        cdef uint64_t known = get_varint(table), i, value = 0
        cdef int64_t *times
        if known > count:
            raise Defect("more times than entries", 9)
        times = <int64_t *>malloc((known + 1) * sizeof(int64_t))
        if times == NULL:
            raise MemoryError
        try:
            for i in range(known):
                value = value + get_varint(table) if i else get_zigzag(table)
                times[i] = <int64_t>value
                if i and times[i] <= times[i - 1]:
                    raise Defect("times not in ascending order", 9)
            value = 0
            for i in range(count):
                value += get_zigzag(column)
                if known and value >= known:
                    raise Defect("a time that is not in the table", 10)
                items[i].stat.mtime = times[value] if known else <int64_t>value
        finally:
            free(times)
        return 0

    cdef int read_ids(self, uint32_t count, Reader *column) except -1:
        cdef uint64_t first, length
        cdef uint32_t done = 0, i
        cdef bint implicit = column.at == column.end
        while done < count:
            first = <uint64_t>self.last + 1 + (0 if implicit else get_zigzag(column))
            length = count if implicit else get_varint(column)
            if not 0 < length <= count - done or not 0 < first <= IDS_MAX - length:
                raise Defect("a run of ids that is out of bounds", 11)
            for i in range(<uint32_t>length):
                self.numbers[self.listing.n + done + i] = <uint32_t>(first + i)
            done += <uint32_t>length
            self.last = <uint32_t>(first + length - 1)
        return 0

    def finish(self):
        """The Listing, its items linked by directory order. Raises `Defect` where the counts make no tree."""
        cdef uint32_t *todo
        cdef uint32_t depth = 0, at = 1, parent, i
        cdef Item *items = self.listing.items
        if self.listing.n - 1 != self.expected:
            raise Defect("fewer entries than announced", 0)
        todo = <uint32_t *>malloc((self.listing.n + 1) * sizeof(uint32_t))
        if todo == NULL:
            raise MemoryError
        try:
            todo[0], depth = 0, 1
            while depth:
                depth -= 1
                parent = todo[depth]
                if items[parent].count > self.listing.n - at:
                    raise Defect("child counts that do not add up", 1)
                items[parent].first = at
                for i in range(at, at + items[parent].count):
                    items[i].parent = parent
                    self.check_order(i, at)
                at += items[parent].count
                for i in range(at - 1, at - 1 - items[parent].count, -1):
                    if items[i].stat.mode & S_IFMT == S_IFDIR:
                        todo[depth] = i
                        depth += 1
            if at != self.listing.n:
                raise Defect("child counts that do not add up", 1)
        finally:
            free(todo)
        self.listing.problems = []
        return self.listing

    cdef int check_order(self, uint32_t index, uint32_t first) except -1:
        """Siblings strictly ascend, and no entry is deeper than 512 levels."""
        cdef Item *item = &self.listing.items[index]
        cdef Item *before = item - 1
        cdef int order
        cdef uint32_t depth = 1, up = item.parent
        if index > first:
            order = memcmp(self.listing.heap + before.name_off, self.listing.heap + item.name_off,
                           min(before.name_len, item.name_len))
            if order > 0 or (order == 0 and before.name_len >= item.name_len):
                raise Defect("siblings not in ascending order", 3)
            return 0
        while up:
            depth += 1
            up = self.listing.items[up].parent
        if depth > DEPTH_MAX:
            raise Defect("deeper than 512 levels", 0)
        return 0

    @property
    def ids(self):
        """The id of each item of the Listing (bytes of native uint32)."""
        return (<char *>self.numbers)[:self.listing.n * sizeof(uint32_t)]


cdef inline int check_no_slash(const uint8_t *part, size_t size) except -1:
    if size and memchr(part, c"/", size) != NULL:
        raise Defect("a name with a slash", 3)
    return 0
