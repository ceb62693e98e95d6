# cython: language_level=3
"""Sizes and times as columns and back; see `_numbers.pxd`. Readers return 0 or the E_… of what is wrong."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort

from smarttree._buffer cimport (
    Bits, Buffer, Reader, end_bits, get_bits, get_bytes, get_varint, get_zigzag, make_room, put_bits, put_varint,
    put_zigzag, unread_bytes, width_of,
)
from smarttree._wire cimport E_SIZE_PADDING, E_SIZE_WIDTH, E_TIME_INDEX, E_TIME_TABLE, SIZE_MAX_BITS


cdef struct Time:
    int64_t value
    uint32_t number


cdef void put_sizes(Buffer *widths, Buffer *bits, const uint64_t *sizes, size_t n) noexcept nogil:
    cdef Bits pending = Bits(0, 0)
    cdef size_t i
    cdef int width
    if not make_room(widths, n):
        return
    for i in range(n):
        widths.data[widths.n + i] = <uint8_t>width_of(sizes[i])
    widths.n += n
    for i in range(n):
        width = width_of(sizes[i])
        if width > 1:
            put_bits(bits, &pending, sizes[i], width - 1)
    end_bits(bits, &pending)


cdef int get_sizes(Reader *widths, Reader *bits, uint64_t *sizes, size_t n) noexcept nogil:
    cdef Bits pending = Bits(0, 0)
    cdef const uint8_t *width = get_bytes(widths, n)
    cdef size_t i
    if width == NULL:
        return widths.error
    for i in range(n):
        if width[i] > SIZE_MAX_BITS:
            return E_SIZE_WIDTH
        sizes[i] = width[i]
        if width[i] > 1:
            sizes[i] = (<uint64_t>1 << (width[i] - 1)) | get_bits(bits, &pending, width[i] - 1)
    unread_bytes(bits, &pending)
    if bits.error:
        return bits.error
    return E_SIZE_PADDING if pending.pending else 0


cdef int by_value(const void *a, const void *b) noexcept nogil:
    cdef int64_t x = (<const Time *>a).value, y = (<const Time *>b).value
    return (x > y) - (x < y)


cdef uint32_t number_times(const int64_t *values, size_t n, Time *distinct, uint32_t *slots, size_t mask,
                           uint32_t *numbers) noexcept nogil:
    """Number the distinct values as they come; how many there are, or 0 where they are more than half of `n`.

    `slots` is a hash table: the number of the value there, plus 1.
    """
    cdef uint32_t found = 0, number = 0
    cdef size_t i, at
    for i in range(n):
        if i == 0 or values[i] != distinct[number].value:
            at = (<uint64_t>values[i] * <uint64_t>0x9E3779B97F4A7C15 >> 32) & mask
            while slots[at] and distinct[slots[at] - 1].value != values[i]:
                at = (at + 1) & mask
            if slots[at] == 0:
                if 2 * (<size_t>found + 1) > n:
                    return 0
                distinct[found].value, distinct[found].number = values[i], found
                found += 1
                slots[at] = found
            number = slots[at] - 1
        numbers[i] = number
    return found


cdef bint put_times(Buffer *table, Buffer *times, const int64_t *values, size_t n) noexcept nogil:
    """A table of the distinct times and indices into it, or plain differences. False where there is no memory."""
    cdef size_t room = 16
    while room < 2 * n:
        room *= 2
    cdef Time *distinct = <Time *>malloc((n + 1) * sizeof(Time))
    cdef uint32_t *slots = <uint32_t *>calloc(room, sizeof(uint32_t))
    cdef uint32_t *numbers = <uint32_t *>malloc((n + 1) * sizeof(uint32_t))
    cdef bint done = distinct != NULL and slots != NULL and numbers != NULL
    if done:
        put_numbered(table, times, values, n, distinct, slots, numbers,
                     number_times(values, n, distinct, slots, room - 1, numbers))
    free(distinct)
    free(slots)
    free(numbers)
    return done


cdef void put_numbered(Buffer *table, Buffer *times, const int64_t *values, size_t n, Time *distinct, uint32_t *ranks,
                       const uint32_t *numbers, uint32_t found) noexcept nogil:
    """What `put_times` puts, once the times are numbered; `ranks` is memory for `found` numbers."""
    cdef uint64_t before = 0, next
    cdef size_t i
    put_varint(table, found)
    qsort(distinct, found, sizeof(Time), by_value)
    for i in range(found):
        ranks[distinct[i].number] = <uint32_t>i
        next = <uint64_t>distinct[i].value
        if i == 0:
            put_zigzag(table, next)
        else:
            put_varint(table, next - <uint64_t>distinct[i - 1].value)
    for i in range(n):
        next = ranks[numbers[i]] if found else <uint64_t>values[i]
        put_zigzag(times, next - before)
        before = next


cdef int get_times(Reader *table, Reader *times, int64_t *values, size_t n) noexcept nogil:
    cdef uint64_t known = get_varint(table), value = 0, i
    cdef int64_t *distinct
    cdef int error = table.error
    if error:
        return error
    if known > n:
        return E_TIME_TABLE
    if known == 0:
        for i in range(n):
            value += get_zigzag(times)
            values[i] = <int64_t>value
        return times.error
    distinct = <int64_t *>malloc(known * sizeof(int64_t))
    if distinct == NULL:
        return -1
    error = get_table(table, distinct, known)
    if not error:
        for i in range(n):
            value += get_zigzag(times)
            if value >= known:
                error = times.error or <int>E_TIME_INDEX
                break
            values[i] = distinct[value]
        error = error or times.error
    free(distinct)
    return error


cdef int get_table(Reader *table, int64_t *distinct, uint64_t known) noexcept nogil:
    """The rest of a table of `known` times, strictly ascending."""
    cdef uint64_t i, step
    distinct[0] = <int64_t>get_zigzag(table)
    for i in range(1, known):
        step = get_varint(table)
        if table.error:
            return table.error
        if step == 0 or step > <uint64_t>0x7FFFFFFFFFFFFFFF - <uint64_t>distinct[i - 1]:
            return E_TIME_TABLE
        distinct[i] = <int64_t>(<uint64_t>distinct[i - 1] + step)
    return table.error
