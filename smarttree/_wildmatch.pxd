# cython: language_level=3
"""One glob of a rule file as tokens, and how far a text has come in it: see `_wildmatch.pyx`."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    GLOB_BYTES_MAX = 4095    # a longer glob matches nothing
    WORDS_MAX = 64           # of 64 states each: one state before each token, one at the end


cdef enum TokenKind:
    LITERAL                  # this byte
    ANY                      # one byte, no slash
    SET                      # one byte of a set, no slash
    STAR                     # bytes without a slash, or nothing
    DEEP                     # any bytes, or nothing
    DEEP_SLASH               # any bytes up to the slash that is the next token, or nothing and not even that slash
    NEVER                    # nothing matches: an unclosed bracket, an unknown class, a backslash at the end


cdef struct Token:
    uint8_t kind
    uint8_t byte
    uint32_t set             # where its 32 bytes begin, in units of 32


cdef struct Sets:            # growing memory for the sets of many globs
    uint8_t *bits
    size_t n, room


cdef long tokenize(const uint8_t *glob, size_t size, size_t plain, bint is_path, Token *out, Sets *sets) noexcept nogil
cdef void begin(const Token *tokens, uint32_t n, uint64_t *state) noexcept nogil
cdef bint advance(const Token *tokens, uint32_t n, const uint8_t *sets, uint64_t *state, const uint8_t *text,
                  size_t size) noexcept nogil


cdef inline uint32_t words_of(uint32_t tokens_n) noexcept nogil:
    return (tokens_n + 64) // 64


cdef inline bint has_ended(const uint64_t *state, uint32_t n) noexcept nogil:
    """Whether the text so far is what the glob of `n` tokens matches."""
    return state[n >> 6] >> (n & 63) & 1
