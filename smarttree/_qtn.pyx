# cython: language_level=3
"""QTN1 snapshot kernels: where a tree is cut into chunks, and a range of entries to the raw columns of one chunk.

Column order and codings: spec/QTN1.md, section 3. Bytes only: compression, headers and checksums are codec.py's.

    1 child counts   2 prefixes   3 suffixes   4 extensions   5 extension ids
    6 modes   7 size widths   8 size bits   9 time table   10 times   11 ids   12 counts below
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memset

from smarttree._buffer cimport Buffer, put_byte, put_bytes, put_varint, put_zigzag, release
from smarttree._columns cimport NO_ID, Dir
from smarttree._numbers cimport put_sizes, put_times
from smarttree._tree cimport Tree
from smarttree._wire cimport (
    CHUNK_COLUMNS, CHUNK_END_BYTES, CHUNK_END_ENTRIES, CHUNK_MIN_ENTRIES, CUT_DIRECTORY, CUT_ENTRY, EXTENSION_MAX_BYTES,
    EXTENSIONS_MAX, PREFIX_MAX_BYTES,
)
from smarttree._xxh64 cimport xxh64


cdef struct Extension:
    const uint8_t *text
    uint32_t size            # 0: the slot is free
    uint32_t count
    uint8_t number           # its index in the table, from 1; 0: not in it


cdef struct Chunk:           # what one chunk's encoding works on; the tree's memory is borrowed
    const uint32_t *ids
    size_t n
    Extension *slots
    size_t slot_mask
    Extension **entry_slots  # of each entry: its extension, or NULL
    uint64_t *values         # of each entry: its size, then its mtime
    Buffer[CHUNK_COLUMNS] columns


cdef inline size_t extension_size(const uint8_t *name, size_t size) noexcept nogil:
    """How many of a name's last bytes are its extension, dot included; 0 for none."""
    cdef size_t at = 2
    if name[size - 1] == c'.':
        return 0
    while at <= EXTENSION_MAX_BYTES and at < size:
        if name[size - at] == c'.':
            return at
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


cdef void put_counts(Tree tree, Chunk *chunk) noexcept nogil:
    """Columns 1 and 12."""
    cdef const Dir *directory
    cdef bint deeper = False
    cdef uint32_t slot
    cdef size_t i
    for i in range(chunk.n):
        slot = tree.dir_[chunk.ids[i]]
        if slot != NO_ID:
            directory = &tree.dirs[slot]
            put_varint(&chunk.columns[0], directory.count)
            put_varint(&chunk.columns[11], directory.files + directory.dirs - directory.count)
            deeper |= directory.files + directory.dirs != directory.count
    if not deeper:
        chunk.columns[11].n = 0


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


cdef bint put_values(Tree tree, Chunk *chunk) noexcept nogil:
    """Columns 7 to 10. False where there is no memory."""
    cdef size_t i
    for i in range(chunk.n):
        chunk.values[i] = tree.size_[chunk.ids[i]]
    put_sizes(&chunk.columns[6], &chunk.columns[7], chunk.values, chunk.n)
    for i in range(chunk.n):
        chunk.values[i] = <uint64_t>tree.mtime_[chunk.ids[i]]
    return put_times(&chunk.columns[8], &chunk.columns[9], <const int64_t *>chunk.values, chunk.n)


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


cdef bint cuts(Tree tree, uint32_t eid, bint is_first) noexcept nogil:
    """Whether a name says that a chunk may end before this entry."""
    if is_first:
        eid = tree.parent_[eid]
    cdef uint64_t number = xxh64(tree.heap + tree.name_off[eid], tree.name_len[eid], 0)
    return number % (CUT_DIRECTORY if is_first else CUT_ENTRY) == 0


def next_cut(Tree tree not None, const uint32_t[::1] ids not None, size_t start):
    """Where the chunk ends that begins at `start` of `tree.below(...)`; the number of ids if none comes after it.

    Depends on names alone and moves little when an entry is inserted (spec/QTN1.md, section 3). About 7 ns an entry.
    """
    cdef size_t size = 0, n = ids.shape[0], at = start
    with nogil:
        while at < n:
            size += tree.name_len[ids[at]] + 1
            if at > start and (at - start == CHUNK_END_ENTRIES or size > CHUNK_END_BYTES or (
                    at - start >= CHUNK_MIN_ENTRIES
                    and cuts(tree, ids[at], tree.parent_[ids[at]] != tree.parent_[ids[at - 1]]))):
                break
            at += 1
    return at


def encode_chunk(Tree tree not None, const uint32_t[::1] ids not None, uint32_t last):
    """The raw columns (a list of bytes) of the entries `ids`, a stretch of `tree.below(...)`.

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
        chunk.values = <uint64_t *>malloc(chunk.n * sizeof(uint64_t))
        if chunk.slots == NULL or chunk.entry_slots == NULL or chunk.values == NULL:
            raise MemoryError
        with nogil:
            failed = choose_extensions(tree, &chunk) < 0 or put_modes(tree, &chunk) < 0
            if not failed:
                put_names(tree, &chunk)
                put_counts(tree, &chunk)
                put_ids(&chunk, last)
                failed = not put_values(tree, &chunk)
        for i in range(<size_t>CHUNK_COLUMNS):
            failed = failed or chunk.columns[i].failed
        if failed:
            raise MemoryError
        return [PyBytes_FromStringAndSize(<char *>chunk.columns[i].data, chunk.columns[i].n)
                for i in range(<size_t>CHUNK_COLUMNS)]
    finally:
        free(chunk.slots)
        free(chunk.entry_slots)
        free(chunk.values)
        for i in range(<size_t>CHUNK_COLUMNS):
            release(&chunk.columns[i])
