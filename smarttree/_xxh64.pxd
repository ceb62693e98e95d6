# cython: language_level=3
"""XXH64 over bytes in memory, as specified by the xxHash project (XXH64 algorithm description, 0.1.1).

Here because the digest hashes every entry twice without the GIL, and the xxhash package has no C interface.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    LANES_BYTES = 32

cdef inline uint64_t _prime1() noexcept nogil:
    return 0x9E3779B185EBCA87ULL

cdef inline uint64_t _prime2() noexcept nogil:
    return 0xC2B2AE3D27D4EB4FULL

cdef inline uint64_t _prime3() noexcept nogil:
    return 0x165667B19E3779F9ULL

cdef inline uint64_t _prime4() noexcept nogil:
    return 0x85EBCA77C2B2AE63ULL

cdef inline uint64_t _prime5() noexcept nogil:
    return 0x27D4EB2F165667C5ULL

cdef inline uint64_t _rotl(uint64_t x, int r) noexcept nogil:
    return (x << r) | (x >> (64 - r))

cdef inline uint64_t _read64(const uint8_t *p) noexcept nogil:
    cdef uint64_t v
    memcpy(&v, p, 8)
    return v

cdef inline uint32_t _read32(const uint8_t *p) noexcept nogil:
    cdef uint32_t v
    memcpy(&v, p, 4)
    return v

cdef inline uint64_t _round(uint64_t acc, uint64_t lane) noexcept nogil:
    return _rotl(acc + lane * _prime2(), 31) * _prime1()

cdef inline uint64_t _merge(uint64_t acc, uint64_t lane) noexcept nogil:
    return (acc ^ _round(0, lane)) * _prime1() + _prime4()

cdef inline uint64_t _avalanche(uint64_t h) noexcept nogil:
    h = (h ^ (h >> 33)) * _prime2()
    h = (h ^ (h >> 29)) * _prime3()
    return h ^ (h >> 32)

cdef inline uint64_t xxh64(const uint8_t *p, size_t n, uint64_t seed) noexcept nogil:
    cdef const uint8_t *end = p + n
    cdef uint64_t h, a, b, c, d
    if n >= LANES_BYTES:
        a = seed + _prime1() + _prime2()
        b = seed + _prime2()
        c = seed
        d = seed - _prime1()
        while end - p >= LANES_BYTES:
            a = _round(a, _read64(p))
            b = _round(b, _read64(p + 8))
            c = _round(c, _read64(p + 16))
            d = _round(d, _read64(p + 24))
            p += LANES_BYTES
        h = _rotl(a, 1) + _rotl(b, 7) + _rotl(c, 12) + _rotl(d, 18)
        h = _merge(_merge(_merge(_merge(h, a), b), c), d)
    else:
        h = seed + _prime5()
    h += n
    while end - p >= 8:
        h = _rotl(h ^ _round(0, _read64(p)), 27) * _prime1() + _prime4()
        p += 8
    if end - p >= 4:
        h = _rotl(h ^ (<uint64_t>_read32(p) * _prime1()), 23) * _prime2() + _prime3()
        p += 4
    while p < end:
        h = _rotl(h ^ (<uint64_t>p[0] * _prime5()), 11) * _prime1()
        p += 1
    return _avalanche(h)


cdef inline void xxh64_pair(const uint8_t *p, size_t n, uint64_t *zero, uint64_t *one) noexcept nogil:
    """`xxh64` with the seeds 0 and 1, in one pass: each step of the one is independent of the other's."""
    cdef const uint8_t *end = p + n
    cdef uint64_t h, k, a, b, c, d, e, f, g, i, word
    if n >= LANES_BYTES:
        a, b, c, d = _prime1() + _prime2(), _prime2(), 0, 0 - _prime1()
        e, f, g, i = a + 1, b + 1, c + 1, d + 1
        while end - p >= LANES_BYTES:
            a, e = _round(a, _read64(p)), _round(e, _read64(p))
            b, f = _round(b, _read64(p + 8)), _round(f, _read64(p + 8))
            c, g = _round(c, _read64(p + 16)), _round(g, _read64(p + 16))
            d, i = _round(d, _read64(p + 24)), _round(i, _read64(p + 24))
            p += LANES_BYTES
        h = _rotl(a, 1) + _rotl(b, 7) + _rotl(c, 12) + _rotl(d, 18)
        k = _rotl(e, 1) + _rotl(f, 7) + _rotl(g, 12) + _rotl(i, 18)
        h, k = _merge(h, a), _merge(k, e)
        h, k = _merge(h, b), _merge(k, f)
        h, k = _merge(h, c), _merge(k, g)
        h, k = _merge(h, d), _merge(k, i)
    else:
        h, k = _prime5(), _prime5() + 1
    h, k = h + n, k + n
    while end - p >= 8:
        word = _round(0, _read64(p))
        h, k = _rotl(h ^ word, 27) * _prime1() + _prime4(), _rotl(k ^ word, 27) * _prime1() + _prime4()
        p += 8
    if end - p >= 4:
        word = <uint64_t>_read32(p) * _prime1()
        h, k = _rotl(h ^ word, 23) * _prime2() + _prime3(), _rotl(k ^ word, 23) * _prime2() + _prime3()
        p += 4
    while p < end:
        word = <uint64_t>p[0] * _prime5()
        h, k = _rotl(h ^ word, 11) * _prime1(), _rotl(k ^ word, 11) * _prime1()
        p += 1
    zero[0], one[0] = _avalanche(h), _avalanche(k)
