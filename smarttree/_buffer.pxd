# cython: language_level=3
"""Bytes being written and bytes being read, for the codec's kernels: varints, zigzag and bit streams, without the GIL.

A Buffer owns its memory until `release`; a Reader borrows. Both remember a failure (no memory; the code of the first
error of reading), so a kernel may check once, after a whole column.
"""
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy

from smarttree._wire cimport E_BYTES_LEFT_OVER, E_TRUNCATED, E_VARINT_NOT_SHORTEST, E_VARINT_TOO_LONG

cdef extern from *:
    """
    #define st_clz(value) __builtin_clzll(value)
    """
    int clz "st_clz"(uint64_t) noexcept nogil


cdef struct Buffer:
    uint8_t *data
    size_t n
    size_t room
    bint failed


cdef struct Bits:
    uint64_t pending
    int count


cdef struct Reader:
    const uint8_t *at
    const uint8_t *end
    int error            # 0, or one of the E_… of _wire


cdef inline bint make_room(Buffer *b, size_t more) noexcept nogil:
    cdef size_t room
    cdef void *moved
    if b.room - b.n >= more:
        return True
    room = b.n + more + b.room // 2 + 256
    moved = realloc(b.data, room)
    if moved == NULL:
        b.failed = True
        return False
    b.data, b.room = <uint8_t *>moved, room
    return True


cdef inline void release(Buffer *b) noexcept nogil:
    free(b.data)
    b.data, b.n, b.room = NULL, 0, 0


cdef inline void put_byte(Buffer *b, uint8_t value) noexcept nogil:
    if make_room(b, 1):
        b.data[b.n] = value
        b.n += 1


cdef inline void put_bytes(Buffer *b, const void *data, size_t size) noexcept nogil:
    if size and make_room(b, size):
        memcpy(b.data + b.n, data, size)
        b.n += size


cdef inline void put_varint(Buffer *b, uint64_t value) noexcept nogil:
    if not make_room(b, 10):
        return
    while value >= 0x80:
        b.data[b.n] = <uint8_t>(value | 0x80)
        b.n += 1
        value >>= 7
    b.data[b.n] = <uint8_t>value
    b.n += 1


cdef inline void put_zigzag(Buffer *b, uint64_t value) noexcept nogil:
    """`value` is a signed number modulo 2^64."""
    put_varint(b, (value << 1) ^ (0 - (value >> 63)))


cdef inline int width_of(uint64_t value) noexcept nogil:
    """The number of significant bits."""
    return 64 - clz(value) if value else 0


cdef inline void put_bits(Buffer *b, Bits *bits, uint64_t value, int width) noexcept nogil:
    """Append the `width` low bits of `value`, least significant first."""
    cdef int part
    if not make_room(b, 9):
        return
    while width:
        part = min(width, 64 - bits.count)
        bits.pending |= (value & (<uint64_t>-1 >> (64 - part))) << bits.count
        bits.count += part
        value = value >> 1 >> (part - 1)  # a shift by 64 is none
        width -= part
        while bits.count >= 8:
            b.data[b.n] = <uint8_t>bits.pending
            b.n += 1
            bits.pending >>= 8
            bits.count -= 8


cdef inline void end_bits(Buffer *b, Bits *bits) noexcept nogil:
    if bits.count:
        put_byte(b, <uint8_t>bits.pending)
        bits.pending, bits.count = 0, 0


cdef inline Reader reader(const uint8_t *data, size_t size) noexcept nogil:
    return Reader(data, data + size, 0)


cdef inline int defect(Reader *r) noexcept nogil:
    """0 where everything was read and nothing failed, else what is wrong."""
    if r.error:
        return r.error
    return 0 if r.at == r.end else <int>E_BYTES_LEFT_OVER


cdef inline void broken(Reader *r, int error) noexcept nogil:
    if not r.error:
        r.error = error


cdef inline uint8_t get_byte(Reader *r) noexcept nogil:
    cdef uint8_t value
    if r.at == r.end:
        broken(r, E_TRUNCATED)
        return 0
    value = r.at[0]
    r.at += 1
    return value


cdef inline uint64_t get_long_varint(Reader *r) noexcept nogil:
    cdef uint64_t value = 0, part
    cdef int shift = 0
    while r.at < r.end:
        part = r.at[0]
        r.at += 1
        if shift == 63 and part > 1:
            broken(r, E_VARINT_TOO_LONG)
            return 0
        value |= (part & 0x7F) << shift
        if part < 0x80:
            if part == 0 and shift:
                broken(r, E_VARINT_NOT_SHORTEST)
                return 0
            return value
        shift += 7
    broken(r, E_TRUNCATED)
    return 0


cdef inline uint64_t get_varint(Reader *r) noexcept nogil:
    """The next varint; 0 where there is none, and the Reader knows why."""
    if r.at < r.end and r.at[0] < 0x80:
        r.at += 1
        return (r.at - 1)[0]
    return get_long_varint(r)


cdef inline uint64_t get_zigzag(Reader *r) noexcept nogil:
    cdef uint64_t value = get_varint(r)
    return (value >> 1) ^ (0 - (value & 1))


cdef inline uint64_t get_bits(Reader *r, Bits *bits, int width) noexcept nogil:
    """The next `width` <= 63 bits."""
    cdef uint64_t value, word
    cdef int more
    if width > 32:
        value = get_bits(r, bits, 32)
        return value | get_bits(r, bits, width - 32) << 32
    if bits.count < width:
        if r.end - r.at >= 8:
            more = (63 - bits.count) >> 3
            memcpy(&word, r.at, 8)
            bits.pending |= (word & ((<uint64_t>1 << (8 * more)) - 1)) << bits.count
            r.at += more
            bits.count += 8 * more
        else:
            while bits.count < width:
                bits.pending |= <uint64_t>get_byte(r) << bits.count
                bits.count += 8
    value = bits.pending & ((<uint64_t>1 << width) - 1)
    bits.pending >>= width
    bits.count -= width
    return value


cdef inline void unread_bytes(Reader *r, Bits *bits) noexcept nogil:
    """Give back the whole bytes that were taken ahead; what is then pending is the last byte's padding."""
    while bits.count >= 8:
        r.at -= 1
        bits.count -= 8
    bits.pending &= (<uint64_t>1 << bits.count) - 1


cdef inline const uint8_t *get_bytes(Reader *r, size_t size) noexcept nogil:
    """The next `size` bytes, borrowed; NULL where there are fewer."""
    cdef const uint8_t *at = r.at
    if <size_t>(r.end - r.at) < size:
        broken(r, E_TRUNCATED)
        return NULL
    r.at += size
    return at


cdef inline const uint8_t *get_text(Reader *r, size_t *size) noexcept nogil:
    """The bytes up to the next NUL, borrowed; NULL where there is none."""
    cdef const uint8_t *start = r.at
    cdef const uint8_t *end = <const uint8_t *>memchr(start, 0, r.end - start) if r.end > start else NULL
    if end == NULL:
        broken(r, E_TRUNCATED)
        return NULL
    size[0] = end - start
    r.at = end + 1
    return start
