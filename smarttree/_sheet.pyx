# cython: language_level=3
"""A rule file compiled: its lines as patterns, as git reads them (gitignore(5), and its code where that is silent)."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset

from smarttree._memory cimport widen
from smarttree._wildmatch cimport GLOB_BYTES_MAX, LITERAL, tokenize, words_of


cdef size_t trimmed(const uint8_t *line, size_t size) noexcept nogil:
    """The size of a line without the spaces at its end, but for one that a backslash stands before."""
    cdef size_t at = 0, end = 0
    while at < size:
        if line[at] == c'\\':
            if at + 1 == size:
                return size
            at += 2
            end = at
        else:
            at += 1
            if line[at - 1] != c' ':
                end = at
    return end


cdef size_t plain_size(const uint8_t *glob, size_t size) noexcept nogil:
    cdef size_t at
    for at in range(size):
        if glob[at] == c'*' or glob[at] == c'?' or glob[at] == c'[' or glob[at] == c'\\':
            return at
    return size


cdef bint add(Sheet *sheet, const uint8_t *glob, size_t size) noexcept nogil:
    """Compile one line, without its spaces; False where there is no memory. One that can't match is left out."""
    cdef Pattern *pattern
    cdef size_t plain
    cdef bint negated = size > 0 and glob[0] == c'!', only_dirs
    cdef long count
    glob, size = glob + negated, size - negated
    only_dirs = size > 0 and glob[size - 1] == c'/'
    size -= only_dirs
    if size == 0 or size > GLOB_BYTES_MAX:
        return True
    if not widen(<void **>&sheet.patterns, &sheet.room, sheet.n + 1, sizeof(Pattern)):
        return False
    pattern = &sheet.patterns[sheet.n]
    memset(pattern, 0, sizeof(Pattern))
    pattern.negated, pattern.only_dirs = negated, only_dirs
    pattern.kind = PATH if memchr(glob, c'/', size) != NULL else GLOB
    glob, size = (glob + 1, size - 1) if glob[0] == c'/' else (glob, size)
    plain = plain_size(glob, size)
    pattern.text, pattern.size = <uint32_t>(glob - sheet.bytes), <uint32_t>size
    if pattern.kind == GLOB and plain == size:
        pattern.kind = EXACT
    elif pattern.kind == GLOB and plain == 0 and glob[0] == c'*' and plain_size(glob + 1, size - 1) == size - 1:
        pattern.kind, pattern.text, pattern.size = ENDS, pattern.text + 1, pattern.size - 1
    pattern.tokens = <uint32_t>sheet.tokens_n
    count = tokenize(glob, size, plain, pattern.kind == PATH, sheet.tokens + sheet.tokens_n, &sheet.sets)
    if count < 0:
        return False
    pattern.tokens_n = <uint32_t>count
    sheet.tokens_n += count
    if count and sheet.tokens[sheet.tokens_n - 1].kind == LITERAL:
        pattern.last = sheet.tokens[sheet.tokens_n - 1].byte
    if pattern.kind == PATH:
        pattern.state = sheet.words
        sheet.words += words_of(pattern.tokens_n)
    sheet.n += 1
    pattern.before, sheet.latest[pattern.last] = sheet.latest[pattern.last], <uint32_t>sheet.n
    return True


cdef void discard(Sheet *sheet) noexcept nogil:
    free(sheet.patterns)
    free(sheet.tokens)
    free(sheet.sets.bits)
    free(sheet.bytes)
    free(sheet)


cdef Sheet *compile(const uint8_t *data, size_t size) noexcept nogil:
    """A file's rules; NULL where there is no memory. As in git, CR LF ends a line, and a NUL ends what counts of one.
    """
    cdef Sheet *sheet = <Sheet *>calloc(1, sizeof(Sheet))
    cdef size_t at = 0, end, length
    cdef const uint8_t *found
    if sheet == NULL:
        return NULL
    sheet.bytes, sheet.tokens = <uint8_t *>malloc(size + 1), <Token *>malloc((size + 1) * sizeof(Token))
    if sheet.bytes == NULL or sheet.tokens == NULL:
        discard(sheet)
        return NULL
    memcpy(sheet.bytes, data, size)
    if size >= 3 and memcmp(data, b"\xef\xbb\xbf", 3) == 0:
        at = 3
    while at < size:
        found = <const uint8_t *>memchr(sheet.bytes + at, c'\n', size - at)
        end = <size_t>(found - sheet.bytes) if found != NULL else size
        length = end - at
        if length and sheet.bytes[end - 1] == c'\r':
            length -= 1
        found = <const uint8_t *>memchr(sheet.bytes + at, 0, length)
        length = <size_t>(found - sheet.bytes) - at if found != NULL else length
        if length and sheet.bytes[at] != c'#' and not add(sheet, sheet.bytes + at, trimmed(sheet.bytes + at, length)):
            discard(sheet)
            return NULL
        at = end + 1
    return sheet
