# cython: language_level=3
"""A needle: a few bytes that whatever matches has in it, looked for by the rarest two; ASCII letters may be folded."""
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

cdef extern from *:
    """
    #include <stdint.h>
    #ifdef __SSE2__
    #include <emmintrin.h>
    #endif
    /* The first `at` up to `last` at which byte `a` is `i` further and byte `b` is `j` further, once the bits of `ma`
       and `mb` are set there; NULL: none. Sixteen places at a time: a frequent byte costs no more than a rare one, as
       it does with memchr. */
    static inline const uint8_t *st_find_pair(const uint8_t *at, const uint8_t *last, size_t i, size_t j,
                                              uint8_t a, uint8_t b, uint8_t ma, uint8_t mb) {
    #ifdef __SSE2__
        const __m128i va = _mm_set1_epi8((char)a), vb = _mm_set1_epi8((char)b);
        const __m128i vma = _mm_set1_epi8((char)ma), vmb = _mm_set1_epi8((char)mb);
        for (; last - at >= 15; at += 16) {
            __m128i x = _mm_or_si128(_mm_loadu_si128((const __m128i *)(at + i)), vma);
            __m128i y = _mm_or_si128(_mm_loadu_si128((const __m128i *)(at + j)), vmb);
            int found = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(x, va), _mm_cmpeq_epi8(y, vb)));
            if (found) return at + __builtin_ctz((unsigned)found);
        }
    #endif
        for (; at <= last; at++)
            if ((at[i] | ma) == a && (at[j] | mb) == b) return at;
        return NULL;
    }
    """
    const uint8_t *st_find_pair(const uint8_t *, const uint8_t *, size_t, size_t,
                                uint8_t, uint8_t, uint8_t, uint8_t) noexcept nogil

cdef enum:
    NEEDLE_BYTES_MAX = 32        # more would make nothing rarer, and looking take longer where someone wants it to
    CASE_BIT = 0x20              # set, it makes an ASCII letter small


cdef struct Needle:
    uint8_t[NEEDLE_BYTES_MAX] text
    size_t size                  # 0: everything has it
    size_t rare, other           # which two bytes to look for first
    uint8_t rare_mask, other_mask
    bint folded                  # `text` is in small letters, and what it is looked for in need not be


cdef inline uint8_t small(uint8_t c) noexcept nogil:
    return c | CASE_BIT if c'A' <= c <= c'Z' else c


cdef inline uint8_t mask_of(uint8_t c, bint folded) noexcept nogil:
    return CASE_BIT if folded and c'a' <= c <= c'z' else 0


cdef inline int thread(Needle *needle, bytes text, size_t rare, bint folded) except -1:
    """Make a needle of some bytes, with small letters where they are folded."""
    cdef const uint8_t *at = text
    cdef size_t size = len(text)
    if size > NEEDLE_BYTES_MAX or (size and rare >= size):
        raise ValueError(text)
    memcpy(needle.text, at, size)
    needle.size, needle.rare, needle.folded = size, rare, folded
    needle.other = rare + 1 if rare + 1 < size else rare - (rare > 0)
    if size:
        needle.rare_mask = mask_of(needle.text[rare], folded)
        needle.other_mask = mask_of(needle.text[needle.other], folded)
    return 0


cdef inline bint is_at(const Needle *needle, const uint8_t *text) noexcept nogil:
    cdef size_t i
    if not needle.folded:
        return memcmp(needle.text, text, needle.size) == 0
    for i in range(needle.size):
        if small(text[i]) != needle.text[i]:
            return False
    return True


cdef inline const uint8_t *find(const Needle *needle, const uint8_t *text, size_t size) noexcept nogil:
    """Where the needle is first; NULL: nowhere."""
    cdef const uint8_t *last
    if needle.size > size:
        return NULL
    if needle.size == 0:
        return text
    last = text + (size - needle.size)
    while True:
        text = st_find_pair(text, last, needle.rare, needle.other, needle.text[needle.rare],
                            needle.text[needle.other], needle.rare_mask, needle.other_mask)
        if text == NULL or is_at(needle, text):
            return text
        text += 1
