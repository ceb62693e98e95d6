# cython: language_level=3
"""QTN1 snapshot kernels: a range of entries to the raw columns of one chunk, and back.

Column order and codings: spec/QTN1.md, section 3. Bytes only: compression, headers and checksums are codec.py's.

    1 child counts   2 prefixes   3 suffixes   4 extensions   5 extension ids
    6 modes   7 size widths   8 size bits   9 time table   10 times   11 ids
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memset

from smarttree._buffer cimport (
    Bits, Buffer, end_bits, put_bits, put_byte, put_bytes, put_varint, put_zigzag, release, width_of,
)
from smarttree._columns cimport NO_ID
from smarttree._tree cimport Tree
from smarttree._wire cimport CHUNK_COLUMNS, EXTENSION_MAX_BYTES, EXTENSIONS_MAX, PREFIX_MAX_BYTES
from smarttree._xxh64 cimport xxh64


cdef struct Extension:
    const uint8_t *text
    uint32_t size            # 0: the slot is free
    uint32_t count
    uint8_t number           # its index in the table, from 1; 0: not in it


cdef struct Time:
    int64_t value
    uint32_t number


cdef struct Chunk:           # what one chunk's encoding works on; the tree's memory is borrowed
    const uint32_t *ids
    size_t n
    Extension *slots
    size_t slot_mask
    Extension **entry_slots  # of each entry: its extension, or NULL
    Time *times              # the distinct ones, in the order of their numbers
    uint32_t *time_slots
    uint32_t *time_numbers   # of each entry
    Buffer[CHUNK_COLUMNS] columns


cdef inline size_t extension_size(const uint8_t *name, size_t size) noexcept nogil:
    """How many of a name's last bytes are its extension, dot included; 0 for none."""
    cdef size_t at = 2
    while at <= EXTENSION_MAX_BYTES and at < size:
        if name[size - at] == c'.':
            return at
        if at == 2 and name[size - 1] == c'.':
            return 0
        at += 1
    return 0


cdef Extension *slot_of(Chunk *chunk, const uint8_t *text, size_t size) noexcept nogil:
    """The extension's slot, or the free one where it belongs; slots outnumber the entries two to one."""
    cdef size_t at = xxh64(text, size, 0) & chunk.slot_mask
    while chunk.slots[at].size and (chunk.slots[at].size != size or memcmp(chunk.slots[at].text, text, size)):
        at = (at + 1) & chunk.slot_mask
    return &chunk.slots[at]


cdef int by_use(const void *a, const void *b) noexcept nogil:
    """Most frequent first, ties by bytes; free slots last."""
    cdef const Extension *x = (<const Extension **>a)[0]
    cdef const Extension *y = (<const Extension **>b)[0]
    cdef int order
    if x.count != y.count:
        return 1 if x.count < y.count else -1
    order = memcmp(x.text, y.text, min(x.size, y.size))
    return order if order else (x.size > y.size) - (x.size < y.size)


cdef int by_time(const void *a, const void *b) noexcept nogil:
    cdef int64_t x = (<const Time *>a).value, y = (<const Time *>b).value
    return (x > y) - (x < y)


cdef int choose_extensions(Tree tree, Chunk *chunk) noexcept nogil:
    """Count the chunk's extensions, number the most frequent and write the table (column 4)."""
    cdef Extension **used = <Extension **>malloc(chunk.n * sizeof(Extension *))
    cdef Extension *slot
    cdef const uint8_t *name
    cdef size_t i, size, used_n = 0
    if used == NULL:
        return -1
    for i in range(chunk.n):
        name = tree.heap + tree.name_off[chunk.ids[i]]
        size = extension_size(name, tree.name_len[chunk.ids[i]])
        chunk.entry_slots[i] = NULL
        if not size:
            continue
        slot = slot_of(chunk, name + tree.name_len[chunk.ids[i]] - size, size)
        if not slot.size:
            slot.text, slot.size = name + tree.name_len[chunk.ids[i]] - size, <uint32_t>size
            used[used_n] = slot
            used_n += 1
        slot.count += 1
        chunk.entry_slots[i] = slot
    qsort(used, used_n, sizeof(Extension *), by_use)
    for i in range(min(used_n, <size_t>EXTENSIONS_MAX)):
        if used[i].count < 2:
            break
        used[i].number = <uint8_t>(i + 1)
        put_bytes(&chunk.columns[3], used[i].text, used[i].size)
        put_byte(&chunk.columns[3], 0)
    free(used)
    return 0


cdef void put_names(Tree tree, Chunk *chunk) noexcept nogil:
    cdef const uint8_t *previous = NULL
    cdef const uint8_t *name
    cdef size_t previous_size = 0, size, stem, prefix, room, i
    cdef uint8_t number
    for i in range(chunk.n):
        name, size = tree.heap + tree.name_off[chunk.ids[i]], tree.name_len[chunk.ids[i]]
        number, stem = 0, size
        if chunk.entry_slots[i] != NULL and chunk.entry_slots[i].number:
            number, stem = chunk.entry_slots[i].number, size - chunk.entry_slots[i].size
        prefix, room = 0, min(stem, previous_size, <size_t>PREFIX_MAX_BYTES)
        while prefix < room and name[prefix] == previous[prefix]:
            prefix += 1
        put_byte(&chunk.columns[1], <uint8_t>prefix)
        put_bytes(&chunk.columns[2], name + prefix, stem - prefix)
        put_byte(&chunk.columns[2], 0)
        put_byte(&chunk.columns[4], number)
        previous, previous_size = name, size


cdef void put_counts_and_sizes(Tree tree, Chunk *chunk) noexcept nogil:
    cdef Bits bits = Bits(0, 0)
    cdef uint32_t eid
    cdef size_t i
    cdef int width
    for i in range(chunk.n):
        eid = chunk.ids[i]
        if tree.dir_[eid] != NO_ID:
            put_varint(&chunk.columns[0], tree.dirs[tree.dir_[eid]].count)
        width = width_of(tree.size_[eid])
        put_byte(&chunk.columns[6], <uint8_t>width)
        if width > 1:
            put_bits(&chunk.columns[7], &bits, tree.size_[eid], width - 1)
    end_bits(&chunk.columns[7], &bits)


cdef int put_modes(Tree tree, Chunk *chunk) noexcept nogil:
    """Column 6: the table of modes in use, then each entry's index in it."""
    cdef uint16_t *rank = <uint16_t *>calloc(65536, sizeof(uint16_t))
    cdef size_t i, count = 0
    if rank == NULL:
        return -1
    for i in range(chunk.n):
        count += rank[tree.mode_[chunk.ids[i]]] == 0
        rank[tree.mode_[chunk.ids[i]]] = 1
    put_varint(&chunk.columns[5], count)
    count = 0
    for i in range(65536):
        if rank[i]:
            put_byte(&chunk.columns[5], <uint8_t>i)
            put_byte(&chunk.columns[5], <uint8_t>(i >> 8))
            rank[i] = <uint16_t>count
            count += 1
    for i in range(chunk.n):
        put_varint(&chunk.columns[5], rank[tree.mode_[chunk.ids[i]]])
    free(rank)
    return 0


cdef uint32_t number_times(Tree tree, Chunk *chunk) noexcept nogil:
    """Number the chunk's distinct mtimes as they come; how many there are, or 0 for more than half of the entries."""
    cdef uint32_t *slots = chunk.time_slots    # of a hash table: the number of the time there, plus 1
    cdef uint32_t distinct = 0, number = 0
    cdef int64_t value
    cdef size_t i, at
    for i in range(chunk.n):
        value = tree.mtime_[chunk.ids[i]]
        if i == 0 or value != chunk.times[number].value:
            at = (<uint64_t>value * <uint64_t>0x9E3779B97F4A7C15 >> 32) & chunk.slot_mask
            while slots[at] and chunk.times[slots[at] - 1].value != value:
                at = (at + 1) & chunk.slot_mask
            if slots[at] == 0:
                if 2 * (<size_t>distinct + 1) > chunk.n:
                    return 0
                chunk.times[distinct].value, chunk.times[distinct].number = value, distinct
                distinct += 1
                slots[at] = distinct
            number = slots[at] - 1
        chunk.time_numbers[i] = number
    return distinct


cdef void put_times(Tree tree, Chunk *chunk) noexcept nogil:
    """Columns 9 and 10: a table of the distinct mtimes and indices into it, or plain differences."""
    cdef uint32_t distinct = number_times(tree, chunk)
    cdef uint32_t *ranks = chunk.time_slots    # the table has done its work
    cdef uint64_t before = 0, next
    cdef size_t i
    put_varint(&chunk.columns[8], distinct)
    qsort(chunk.times, distinct, sizeof(Time), by_time)
    for i in range(distinct):
        ranks[chunk.times[i].number] = <uint32_t>i
        next = <uint64_t>chunk.times[i].value
        if i == 0:
            put_zigzag(&chunk.columns[8], next)
        else:
            put_varint(&chunk.columns[8], next - <uint64_t>chunk.times[i - 1].value)
    for i in range(chunk.n):
        next = ranks[chunk.time_numbers[i]] if distinct else <uint64_t>tree.mtime_[chunk.ids[i]]
        put_zigzag(&chunk.columns[9], next - before)
        before = next


cdef void put_ids(Chunk *chunk, uint32_t last) noexcept nogil:
    """Column 11: nothing where ids just go on from `last`, else runs."""
    cdef size_t i = 0, run
    if chunk.ids[0] == last + 1:
        while i + 1 < chunk.n and chunk.ids[i + 1] == chunk.ids[i] + 1:
            i += 1
        if i + 1 == chunk.n:
            return
    i = 0
    while i < chunk.n:
        put_zigzag(&chunk.columns[10], <uint64_t>chunk.ids[i] - (<uint64_t>last + 1))
        run = 1
        while i + run < chunk.n and chunk.ids[i + run] == chunk.ids[i] + run:
            run += 1
        put_varint(&chunk.columns[10], run)
        i += run
        last = chunk.ids[i - 1]


def encode_chunk(Tree tree not None, const uint32_t[::1] ids not None, uint32_t last):
    """The eleven raw columns (a list of bytes) of the entries `ids`, a stretch of `tree.below(...)`.

    `last` is the id before the first. Runs without the GIL, about 0.15 µs an entry; the tree must not change meanwhile.
    """
    cdef Chunk chunk
    cdef size_t slots = 64, i
    cdef bint failed
    memset(&chunk, 0, sizeof(chunk))
    if ids.shape[0] == 0:
        raise ValueError("a chunk has entries")
    chunk.ids, chunk.n = &ids[0], ids.shape[0]
    while slots < 2 * chunk.n:
        slots *= 2
    chunk.slot_mask = slots - 1
    try:
        chunk.slots = <Extension *>calloc(slots, sizeof(Extension))
        chunk.entry_slots = <Extension **>malloc(chunk.n * sizeof(Extension *))
        chunk.times = <Time *>malloc(chunk.n * sizeof(Time))
        chunk.time_slots = <uint32_t *>calloc(slots, sizeof(uint32_t))
        chunk.time_numbers = <uint32_t *>malloc(chunk.n * sizeof(uint32_t))
        if (chunk.slots == NULL or chunk.entry_slots == NULL or chunk.times == NULL or chunk.time_slots == NULL
                or chunk.time_numbers == NULL):
            raise MemoryError
        with nogil:
            failed = choose_extensions(tree, &chunk) < 0 or put_modes(tree, &chunk) < 0
            if not failed:
                put_names(tree, &chunk)
                put_counts_and_sizes(tree, &chunk)
                put_times(tree, &chunk)
                put_ids(&chunk, last)
        for i in range(<size_t>CHUNK_COLUMNS):
            failed = failed or chunk.columns[i].failed
        if failed:
            raise MemoryError
        return [PyBytes_FromStringAndSize(<char *>chunk.columns[i].data, chunk.columns[i].n)
                for i in range(<size_t>CHUNK_COLUMNS)]
    finally:
        free(chunk.slots)
        free(chunk.entry_slots)
        free(chunk.times)
        free(chunk.time_slots)
        free(chunk.time_numbers)
        for i in range(<size_t>CHUNK_COLUMNS):
            release(&chunk.columns[i])
