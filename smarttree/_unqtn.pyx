# cython: language_level=3
"""QTN1 snapshot kernels, the way back: the raw columns of a chunk to a piece of Entries.

Input is hostile until proven otherwise: every read is bounded by its column, and no allocation is larger than what the
columns' sizes justify. What fails says where: (code, column).
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memset

from smarttree._buffer cimport Reader, defect, get_byte, get_bytes, get_text, get_varint, get_zigzag, reader
from smarttree._columns cimport S_IFDIR, S_IFMT
from smarttree._defect cimport fail
from smarttree._entries cimport Entries
from smarttree._numbers cimport get_sizes, get_times
from smarttree._wire cimport (
    CHUNK_COLUMNS, CHUNK_MAX_ENTRIES, E_BELOW_COUNTS, E_CHILD_COUNTS, E_DIRECTORY_SIZE, E_EXTENSION_ID, E_EXTENSIONS,
    E_ID_RANGE, E_ID_RUNS, E_MODE, E_MODE_INDEX, E_MODE_TABLE, E_NAME, E_NAME_PREFIX, ENTRIES_MAX, EXTENSIONS_MAX,
    IDS_MAX, NAME_MAX_BYTES,
)

cdef enum:
    WORD = 8


cdef struct Text:
    const uint8_t *data
    size_t size
    bint has_slash


cdef struct Names:           # columns 2 to 5 of a chunk
    Reader *prefixes
    Reader *suffixes
    Reader *table
    Reader *numbers
    Text[EXTENSIONS_MAX + 1] extensions
    size_t known


def decode_chunk(uint32_t count, list columns not None, uint32_t last):
    """The piece of `count` Entries in a chunk's raw columns (bytes); `last` is the id before its first.

    Raises `Defect`. Without the GIL; about 30 ns an entry.
    """
    cdef Entries piece = Entries.__new__(Entries)
    cdef Reader[CHUNK_COLUMNS] parts
    cdef const uint8_t[::1] data
    cdef int error = 0, column = 0, i
    cdef size_t name_bytes = 0
    if not 0 < count <= CHUNK_MAX_ENTRIES or len(columns) != CHUNK_COLUMNS:
        raise ValueError(f"a chunk of {count} entries in {len(columns)} columns")
    for i in range(CHUNK_COLUMNS):
        data = columns[i]
        parts[i] = reader(&data[0] if data.shape[0] else NULL, data.shape[0])
    cdef Names names
    names.prefixes, names.suffixes, names.table, names.numbers = &parts[1], &parts[2], &parts[3], &parts[4]
    error = read_extensions(&names)
    if error:
        fail(error, 4)
    error = measure_names(&names, count, &name_bytes, &column)
    if error:
        fail(error, column)
    piece.reserve(count, name_bytes)
    piece.n = count
    with nogil:
        error = read_all(piece, parts, &names, last, &column)
    if error:
        fail(error, column)
    return piece


cdef int read_all(Entries piece, Reader *parts, Names *names, uint32_t last, int *column) noexcept nogil:
    """Each column in turn; `column` says which one is wrong."""
    cdef int error, i
    error = read_names(piece, names, column)
    if not error:
        column[0] = 6
        error = read_modes(piece, &parts[5])
    if not error:
        column[0] = 7
        error = get_sizes(&parts[6], &parts[7], piece.size_, piece.n)
        column[0] = 8 if parts[7].error else 7
    if not error:
        column[0] = 7
        error = check_sizes(piece)
    if not error:
        error = get_times(&parts[8], &parts[9], piece.mtime_, piece.n)
        column[0] = 10 if parts[9].error else 9
    if not error:
        column[0] = 11
        error = read_ids(piece.id_, piece.n, &parts[10], &last)
    if not error:
        column[0] = 1
        error = read_counts(piece, &parts[0], piece.count_, E_CHILD_COUNTS)
    if not error:
        column[0] = 12
        error = read_below(piece, &parts[11])
    for i in range(CHUNK_COLUMNS):
        if not error:
            column[0] = i + 1
            error = defect(&parts[i])
    return error


cdef int read_extensions(Names *names) noexcept nogil:
    cdef Text *text
    names.known = 0
    names.extensions[0].data, names.extensions[0].size, names.extensions[0].has_slash = names.table.at, 0, False
    while names.table.at < names.table.end:
        names.known += 1
        if names.known > EXTENSIONS_MAX:
            return E_EXTENSIONS
        text = &names.extensions[names.known]
        text.data = get_text(names.table, &text.size)
        if text.data == NULL:
            return names.table.error
        if text.size < 2 or text.data[0] != c".":
            return E_EXTENSIONS
        text.has_slash = memchr(text.data, c"/", text.size) != NULL
    return 0


cdef int measure_names(Names *names, uint32_t count, size_t *total, int *column) noexcept nogil:
    """How many bytes all names take, if each is within its bounds."""
    cdef const uint8_t *prefix = get_bytes(names.prefixes, count)
    cdef const uint8_t *number = get_bytes(names.numbers, count)
    cdef uint32_t i
    if prefix == NULL or number == NULL:
        column[0] = 2 if prefix == NULL else 5
        return names.prefixes.error or names.numbers.error
    total[0] = names.suffixes.end - names.suffixes.at
    for i in range(count):
        if number[i] > names.known:
            column[0] = 5
            return E_EXTENSION_ID
        if names.extensions[number[i]].size > NAME_MAX_BYTES:
            column[0] = 4
            return E_NAME
        total[0] += prefix[i] + names.extensions[number[i]].size
    return 0


cdef inline bint has_byte(uint64_t word, uint64_t pattern) noexcept nogil:
    """Whether one of the word's bytes is that of which `pattern` has eight."""
    word ^= pattern
    return ((word - <uint64_t>0x0101010101010101) & ~word & <uint64_t>0x8080808080808080) != 0


cdef inline size_t copy_text(uint8_t *out, Reader *r, bint *has_slash) noexcept nogil:
    """Copy the bytes up to the next NUL, which is passed; how many they were. By words, so that up to 7 bytes more are
    written.
    """
    cdef size_t size = 0
    cdef uint64_t word
    while r.end - r.at >= WORD:
        memcpy(&word, r.at, WORD)
        if has_byte(word, 0):
            break
        memcpy(out + size, &word, WORD)
        has_slash[0] |= has_byte(word, <uint64_t>0x2F2F2F2F2F2F2F2F)
        size += WORD
        r.at += WORD
    while r.at < r.end and r.at[0]:
        has_slash[0] |= r.at[0] == c"/"
        out[size] = r.at[0]
        size += 1
        r.at += 1
    get_byte(r)
    return size


cdef int read_names(Entries piece, Names *names, int *column) noexcept nogil:
    """Columns 2, 3 and 5, whose room `measure_names` has measured."""
    cdef const uint8_t *prefix = names.prefixes.at - piece.n
    cdef const uint8_t *number = names.numbers.at - piece.n
    cdef uint8_t *name = piece.heap
    cdef const uint8_t *before = piece.heap
    cdef size_t size_before = 0, size, i, k
    cdef uint64_t word
    cdef bint has_slash
    cdef Text *extension
    for i in range(piece.n):
        if prefix[i] > size_before:
            column[0] = 2
            return E_NAME_PREFIX
        for k in range((<size_t>prefix[i] + <size_t>WORD - 1) // <size_t>WORD):
            memcpy(&word, before + k * WORD, WORD)
            memcpy(name + k * WORD, &word, WORD)
        extension, has_slash = &names.extensions[number[i]], False
        size = prefix[i] + copy_text(name + prefix[i], names.suffixes, &has_slash)
        column[0] = 3
        if names.suffixes.error:
            return names.suffixes.error
        for k in range(extension.size):
            name[size + k] = extension.data[k]
        size += extension.size
        if (has_slash or extension.has_slash or size - 1 >= NAME_MAX_BYTES
                or (name[0] == c"." and (size == 1 or (size == 2 and name[1] == c".")))):
            return E_NAME
        before, size_before = name, size
        name += size
        piece.name_end_[i] = name - piece.heap
    piece.heap_n = name - piece.heap
    return 0


cdef int read_modes(Entries piece, Reader *column) noexcept nogil:
    cdef uint64_t known = get_varint(column), index
    cdef const uint8_t *table
    cdef size_t i
    if column.error:
        return column.error
    if known > piece.n:
        return E_MODE_TABLE
    table = get_bytes(column, 2 * known)
    if table == NULL:
        return column.error
    for i in range(known):
        if i and (table[2 * i - 2] | table[2 * i - 1] << 8) >= (table[2 * i] | table[2 * i + 1] << 8):
            return E_MODE_TABLE
        if table[2 * i + 1] & 0xF0 == 0:
            return E_MODE
    for i in range(piece.n):
        index = get_varint(column)
        if index >= known:
            return column.error or <int>E_MODE_INDEX
        piece.mode_[i] = <uint16_t>(table[2 * index] | table[2 * index + 1] << 8)
    return 0


cdef int check_sizes(Entries piece) noexcept nogil:
    cdef size_t i
    for i in range(piece.n):
        if piece.mode_[i] & S_IFMT == S_IFDIR and piece.size_[i]:
            return E_DIRECTORY_SIZE
    return 0


cdef int read_counts(Entries piece, Reader *column, uint32_t *out, int too_large) noexcept nogil:
    """A varint for each directory; 0 for everything else."""
    cdef uint64_t value
    cdef size_t i
    memset(out, 0, piece.n * sizeof(uint32_t))
    for i in range(piece.n):
        if piece.mode_[i] & S_IFMT == S_IFDIR:
            value = get_varint(column)
            if value > ENTRIES_MAX:
                return too_large
            out[i] = <uint32_t>value
    return column.error


cdef int read_below(Entries piece, Reader *column) noexcept nogil:
    if column.at == column.end:
        memset(piece.below_, 0, piece.n * sizeof(uint32_t))
        return 0
    return read_counts(piece, column, piece.below_, E_BELOW_COUNTS)


cdef int read_ids(uint32_t *out, size_t n, Reader *column, uint32_t *last) noexcept nogil:
    """The ids of `n` entries, into `out` unless that is NULL; `last` is the one before them and becomes their last."""
    cdef uint64_t first, length
    cdef size_t done = 0, i
    cdef bint implicit = column.at == column.end
    while done < n:
        first = <uint64_t>last[0] + 1
        length = n
        if not implicit:
            first += get_zigzag(column)
            length = get_varint(column)
            if column.error:
                return column.error
            if length == 0 or length > n - done:
                return E_ID_RUNS
        if first == 0 or first >= IDS_MAX or length > IDS_MAX - first:
            return E_ID_RANGE
        if out != NULL:
            for i in range(length):
                out[done + i] = <uint32_t>(first + i)
        done += length
        last[0] = <uint32_t>(first + length - 1)
    return 0


def last_id(const uint8_t[::1] column not None, uint32_t count, uint32_t last):
    """The id of a chunk's last entry, from its ids (column 11) alone; `last` is the one before its first."""
    cdef Reader source = reader(&column[0] if column.shape[0] else NULL, column.shape[0])
    cdef int error = read_ids(NULL, count, &source, &last)
    if error:
        fail(error, 11)
    return last
