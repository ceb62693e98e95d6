# cython: language_level=3
"""Git's wildmatch as an automaton: never more steps than the text has bytes times the glob has tokens.

Git's own tries one way after the other and takes exponential time where someone wants it to. Here all ways are gone at
once: a bit says that the text so far can end before that token. So the state after `dir/` can also be kept, and each
name in the directory goes on from there.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from smarttree._memory cimport widen

cdef extern from *:
    int lowest "__builtin_ctzll"(uint64_t) noexcept nogil


cdef enum:
    BAD = -1                 # of a bracket: it can't match
    NO_MEMORY = -2


cdef inline bint in_class(uint8_t c, const uint8_t *name, size_t size) noexcept nogil:
    """Whether a byte is in a POSIX class, in ASCII and as git has it: no vertical tab is a space."""
    cdef bint upper = c'A' <= c <= c'Z', lower = c'a' <= c <= c'z', digit = c'0' <= c <= c'9'
    cdef bint graph = 0x21 <= c <= 0x7E, hexadecimal = digit or c'a' <= c <= c'f' or c'A' <= c <= c'F'
    if size == 6:
        return hexadecimal and memcmp(name, b"xdigit", 6) == 0
    if size != 5:
        return False
    return ((upper or lower or digit) and memcmp(name, b"alnum", 5) == 0
            or (upper or lower) and memcmp(name, b"alpha", 5) == 0
            or (c == c' ' or c == c'\t') and memcmp(name, b"blank", 5) == 0
            or (c < 0x20 or c == 0x7F) and memcmp(name, b"cntrl", 5) == 0
            or digit and memcmp(name, b"digit", 5) == 0
            or graph and memcmp(name, b"graph", 5) == 0
            or lower and memcmp(name, b"lower", 5) == 0
            or (graph or c == c' ') and memcmp(name, b"print", 5) == 0
            or graph and not (upper or lower or digit) and memcmp(name, b"punct", 5) == 0
            or (c == c' ' or c == 9 or c == 10 or c == 13) and memcmp(name, b"space", 5) == 0
            or upper and memcmp(name, b"upper", 5) == 0)


cdef inline void put(uint8_t *bits, uint8_t byte) noexcept nogil:
    bits[byte >> 3] |= 1 << (byte & 7)


cdef bint put_class(uint8_t *bits, const uint8_t *name, size_t size) noexcept nogil:
    """Add a class to a set; False where there is no class of that name."""
    cdef int c
    cdef bint known = False
    for c in range(256):
        if in_class(<uint8_t>c, name, size):
            put(bits, <uint8_t>c)
            known = True
    return known


cdef long bracket(const uint8_t *glob, size_t size, size_t at, uint8_t *bits) noexcept nogil:
    """Read the bracket that opens at `at` into a set; where it ends, or BAD. A NUL can't be there."""
    cdef bint negated, first = True
    cdef size_t end, i
    cdef int low = 0, c, k
    at += 1
    negated = at < size and (glob[at] == c'!' or glob[at] == c'^')
    at += negated
    while True:
        if at >= size:
            return BAD
        c = glob[at]
        if c == c']' and not first:
            break
        first = False
        if c == c'-' and low and at + 1 < size and glob[at + 1] != c']':
            at += 1
            if glob[at] == c'\\':
                at += 1
                if at >= size:
                    return BAD
            for k in range(low, glob[at] + 1):
                put(bits, <uint8_t>k)
            low, at = 0, at + 1
            continue
        if c == c'[' and at + 1 < size and glob[at + 1] == c':':
            end = at + 2
            while end < size and glob[end] != c']':
                end += 1
            if end >= size:
                return BAD
            if end > at + 2 and glob[end - 1] == c':':
                if not put_class(bits, glob + at + 2, end - 1 - (at + 2)):
                    return BAD
                low, at = 0, end + 1
                continue
        if c == c'\\':
            at += 1
            if at >= size:
                return BAD
            c = glob[at]
        put(bits, <uint8_t>c)
        low, at = c, at + 1
    if negated:
        for i in range(32):
            bits[i] = ~bits[i]
    return <long>at + 1


cdef long read_set(const uint8_t *glob, size_t size, size_t at, Token *token, Sets *sets) noexcept nogil:
    """Make the bracket at `at` a token; where it ends, or NO_MEMORY."""
    cdef long end
    cdef uint8_t *bits
    if not widen(<void **>&sets.bits, &sets.room, sets.n + 1, 32):
        return NO_MEMORY
    bits = sets.bits + 32 * sets.n
    memset(bits, 0, 32)
    end = bracket(glob, size, at, bits)
    if end < 0:
        token.kind = NEVER
        return <long>size
    token.kind, token.set = SET, <uint32_t>sets.n
    sets.n += 1
    return end


cdef size_t read_stars(const uint8_t *glob, size_t size, size_t at, size_t plain, bint is_path,
                       Token *token) noexcept nogil:
    """Make the asterisks at `at` a token; where they end. What `**` means depends on what is beside it."""
    cdef size_t end = at
    cdef bint apart
    while end < size and glob[end] == c'*':
        end += 1
    # Git cuts the part without wildcards off first, so that there is nothing before what follows it.
    apart = end - at > 1 and (at == plain or glob[at - 1] == c'/')
    token.kind = STAR
    if is_path and apart:
        if end == size or (glob[end] == c'\\' and end + 1 < size and glob[end + 1] == c'/'):
            token.kind = DEEP
        elif glob[end] == c'/':
            token.kind = DEEP_SLASH
    return end


cdef long tokenize(const uint8_t *glob, size_t size, size_t plain, bint is_path, Token *out, Sets *sets) noexcept nogil:
    """Make a glob into at most `size` tokens; how many, or -2 where there is no memory for its sets.

    `plain`: how many bytes at its start are no wildcards. `is_path`: it has a slash, and `**` has a meaning.
    """
    cdef size_t at = 0
    cdef long n = 0, end
    cdef Token *token
    while at < size:
        token = &out[n]
        n += 1
        token.kind, token.byte, token.set = LITERAL, glob[at], 0
        if at < plain:
            at += 1
        elif glob[at] == c'*':
            at = read_stars(glob, size, at, plain, is_path, token)
        elif glob[at] == c'[':
            end = read_set(glob, size, at, token, sets)
            if end < 0:
                return end
            at = <size_t>end
        elif glob[at] == c'\\':
            token.kind = LITERAL if at + 1 < size else NEVER
            token.byte = glob[at + 1] if at + 1 < size else 0
            at += 2
        else:
            token.kind = ANY if glob[at] == c'?' else LITERAL
            at += 1
    return n


cdef inline void reach(const Token *tokens, uint32_t n, uint64_t *state, uint32_t at) noexcept nogil:
    """The text can end before token `at`; so also before what follows tokens that match nothing."""
    while True:
        state[at >> 6] |= <uint64_t>1 << (at & 63)
        if at == n or tokens[at].kind < STAR or tokens[at].kind == NEVER:
            return
        if tokens[at].kind == DEEP_SLASH:
            reach(tokens, n, state, at + 2)
        at += 1


cdef void begin(const Token *tokens, uint32_t n, uint64_t *state) noexcept nogil:
    """The state of an empty text, in `words_of(n)` words."""
    memset(state, 0, words_of(n) * sizeof(uint64_t))
    reach(tokens, n, state, 0)


cdef inline void step(const Token *tokens, uint32_t n, const uint8_t *sets, uint32_t at, uint8_t c,
                      uint64_t *after) noexcept nogil:
    """From before token `at`, byte `c` leads to what is set in `after`."""
    cdef const Token *token = &tokens[at]
    if at == n:
        return
    if token.kind == LITERAL:
        if token.byte == c:
            reach(tokens, n, after, at + 1)
    elif token.kind == DEEP or token.kind == DEEP_SLASH or (token.kind == STAR and c != c'/'):
        after[at >> 6] |= <uint64_t>1 << (at & 63)
        after[(at + 1) >> 6] |= <uint64_t>1 << ((at + 1) & 63)
    elif c != c'/' and (token.kind == ANY or (
            token.kind == SET and sets[32 * <size_t>token.set + (c >> 3)] >> (c & 7) & 1)):
        reach(tokens, n, after, at + 1)


cdef bint advance(const Token *tokens, uint32_t n, const uint8_t *sets, uint64_t *state, const uint8_t *text,
                  size_t size) noexcept nogil:
    """Let `text` follow; False, and the state is empty, once nothing can match any more."""
    cdef uint64_t after[WORDS_MAX]
    cdef uint32_t words = words_of(n), w
    cdef uint64_t bits, any_left = 1
    cdef size_t i
    if words == 1:  # nearly all are so short
        for i in range(size):
            bits, after[0] = state[0], 0
            while bits:
                step(tokens, n, sets, lowest(bits), text[i], after)
                bits &= bits - 1
            state[0] = after[0]
            if state[0] == 0:
                return False
        return True
    for i in range(size):
        memset(after, 0, words * sizeof(uint64_t))
        for w in range(words):
            bits = state[w]
            while bits:
                step(tokens, n, sets, w * 64 + lowest(bits), text[i], after)
                bits &= bits - 1
        memcpy(state, after, words * sizeof(uint64_t))
        any_left = 0
        for w in range(words):
            any_left |= state[w]
        if any_left == 0:
            return False
    return True
