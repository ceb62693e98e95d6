# cython: language_level=3
"""A needle: a few bytes that whatever matches has in it, looked for by the rarest; ASCII letters may be folded."""
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp, memcpy

cdef enum:
    NEEDLE_BYTES_MAX = 32        # more would make nothing rarer, and looking take longer where someone wants it to


cdef struct Needle:
    uint8_t[NEEDLE_BYTES_MAX] text
    size_t size                  # 0: everything has it
    size_t rare                  # which byte to look for first
    bint folded                  # `text` is in small letters, and what it is looked for in need not be
    uint8_t low, high            # that byte, in its two forms where there are two


cdef inline uint8_t small(uint8_t c) noexcept nogil:
    return c | 0x20 if c'A' <= c <= c'Z' else c


cdef inline int thread(Needle *needle, bytes text, size_t rare, bint folded) except -1:
    """Make a needle of some bytes, with small letters where they are folded."""
    cdef const uint8_t *at = text
    cdef size_t size = len(text)
    if size > NEEDLE_BYTES_MAX or (size and rare >= size):
        raise ValueError(text)
    memcpy(needle.text, at, size)
    needle.size, needle.rare, needle.folded = size, rare, folded
    if size:
        needle.low = needle.high = needle.text[rare]
        if folded and c'a' <= needle.low <= c'z':
            needle.high = needle.low & ~0x20
    return 0


cdef inline bint is_at(const Needle *needle, const uint8_t *text) noexcept nogil:
    cdef size_t i
    if not needle.folded:
        return text[0] == needle.text[0] and memcmp(needle.text, text, needle.size) == 0
    for i in range(needle.size):
        if small(text[i]) != needle.text[i]:
            return False
    return True


cdef inline const uint8_t *next_of(uint8_t byte, const uint8_t *at, const uint8_t *end) noexcept nogil:
    """The first such byte, or `end`."""
    cdef const uint8_t *found = <const uint8_t *>memchr(at, byte, <size_t>(end - at))
    return found if found != NULL else end


cdef inline const uint8_t *find(const Needle *needle, const uint8_t *text, size_t size) noexcept nogil:
    """Where the needle is first; NULL: nowhere. By memchr, which takes 32 bytes at a time."""
    cdef const uint8_t *end
    cdef const uint8_t *low
    cdef const uint8_t *high
    cdef const uint8_t *at
    if needle.size > size:
        return NULL
    if needle.size == 0:
        return text
    end = text + (size - needle.size + 1 + needle.rare)
    low = next_of(needle.low, text + needle.rare, end)
    high = next_of(needle.high, text + needle.rare, end) if needle.high != needle.low else end
    while low < end or high < end:
        at = low if low < high else high
        if is_at(needle, at - needle.rare):
            return at - needle.rare
        if at == low:
            low = next_of(needle.low, at + 1, end)
        else:
            high = next_of(needle.high, at + 1, end)
    return NULL


cdef inline bint is_in(const Needle *needle, const uint8_t *text, size_t size) noexcept nogil:
    """Whether the needle is in something short: there a call of memchr costs more than it saves."""
    cdef size_t at
    if needle.size > size:
        return False
    for at in range(size - needle.size + 1):
        if ((text[at + needle.rare] == needle.low or text[at + needle.rare] == needle.high)
                and is_at(needle, text + at)):
            return True
    return needle.size == 0
