# cython: language_level=3
"""Ignore rules by directory, with git's semantics: what holds in a directory follows from what holds above it.

No path is matched: each rule with a slash keeps how far the path from its file has come in it, and a name goes on from
there. A directory in which that is what it was one level up shares its level.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from smarttree._sheet cimport ENDS, EXACT, GLOB, PATH, Pattern, Sheet, compile, discard
from smarttree._wildmatch cimport WORDS_MAX, Token, advance, begin, has_ended, words_of


# ---------------------------------------------------------------- what holds in a directory


cdef Level *place(Shelf *shelf, const Level *like, uint32_t pages, size_t words) noexcept nogil:
    """A new level without pages yet, and behind its pages memory for `words` words of state."""
    cdef Level *level = <Level *>malloc(sizeof(Level) + pages * sizeof(Page) + words * sizeof(uint64_t))
    if level == NULL:
        return NULL
    level.n, level.closed, level.reads_files = 0, like.closed, like.reads_files
    level.next, shelf.levels = shelf.levels, level
    return level


cdef size_t words_in(const Level *level) noexcept nogil:
    cdef size_t words = 0
    cdef uint32_t i
    for i in range(level.n):
        words += level.pages[i].sheet.words
    return words


cdef void turn_to(Level *level, const Page *page, uint64_t *state, const uint64_t *content) noexcept nogil:
    """Put a page at the end of a level, its state in memory of the level's own."""
    level.pages[level.n] = page[0]
    level.pages[level.n].state = state
    memcpy(state, content, page.sheet.words * sizeof(uint64_t))
    level.n += 1


cdef bint go_on(const Page *page, uint64_t *state, const uint8_t *name, size_t size) noexcept nogil:
    """Let `name/` follow in the state of each path; whether that changed anything."""
    cdef const Sheet *sheet = page.sheet
    cdef const Pattern *pattern
    cdef uint64_t *own
    cdef size_t i
    cdef uint32_t w
    cdef bint alive
    memcpy(state, page.state, sheet.words * sizeof(uint64_t))
    for i in range(sheet.n):
        pattern = &sheet.patterns[i]
        if pattern.kind != PATH:
            continue
        own, alive = state + pattern.state, False
        for w in range(words_of(pattern.tokens_n)):
            alive = alive or own[w]
        if alive and advance(sheet.tokens + pattern.tokens, pattern.tokens_n, sheet.sets.bits, own, name, size):
            advance(sheet.tokens + pattern.tokens, pattern.tokens_n, sheet.sets.bits, own, b"/", 1)
    return memcmp(state, page.state, sheet.words * sizeof(uint64_t)) != 0


cdef const Level *enter(Shelf *shelf, const Level *outer, const uint8_t *name, size_t size) noexcept nogil:
    """What holds in a directory `name`, but for rule files in it; NULL where there is no memory.

    `.git` is closed where the command line does not ask for it; else only that has a say in it.
    """
    cdef bint is_git = size == 4 and memcmp(name, b".git", 4) == 0, changed = is_git
    cdef size_t words = words_in(outer)
    cdef Level *level
    cdef uint64_t *state
    cdef uint32_t i
    if words == 0 and not is_git:  # nothing in it depends on where it is
        return outer
    level = place(shelf, outer, outer.n, words)
    if level == NULL:
        return NULL
    level.closed = outer.closed or (is_git and judge(outer, name, size, True) != KEPT)
    level.reads_files = outer.reads_files and not is_git
    state = <uint64_t *>&level.pages[outer.n]
    for i in range(outer.n):
        if level.closed or (is_git and outer.pages[i].source != COMMAND):
            continue
        level.pages[level.n] = outer.pages[i]
        level.pages[level.n].state = state
        changed = go_on(&outer.pages[i], state, name, size) or changed
        state += outer.pages[i].sheet.words
        level.n += 1
    if not changed:
        shelf.levels = level.next
        free(level)
        return outer
    return level


cdef const Level *extend(Shelf *shelf, const Level *level, int source, const uint8_t *data, size_t size) noexcept nogil:
    """What holds in the same directory with the rules of a file in it; NULL where there is no memory."""
    cdef Page fresh
    cdef Level *wider
    cdef uint64_t *state
    cdef size_t k
    cdef uint32_t i = 0
    fresh.sheet, fresh.source = compile(data, size), source
    if fresh.sheet == NULL:
        return NULL
    fresh.sheet.next, shelf.sheets = shelf.sheets, fresh.sheet
    wider = place(shelf, level, level.n + 1, words_in(level) + fresh.sheet.words)
    if wider == NULL:
        return NULL
    state = <uint64_t *>&wider.pages[level.n + 1]
    while i < level.n and level.pages[i].source < source:
        turn_to(wider, &level.pages[i], state, level.pages[i].state)
        state += level.pages[i].sheet.words
        i += 1
    wider.pages[wider.n] = fresh
    wider.pages[wider.n].state = state
    for k in range(fresh.sheet.n):
        if fresh.sheet.patterns[k].kind == PATH:
            begin(fresh.sheet.tokens + fresh.sheet.patterns[k].tokens, fresh.sheet.patterns[k].tokens_n,
                  state + fresh.sheet.patterns[k].state)
    wider.n += 1
    state += fresh.sheet.words
    while i < level.n:
        turn_to(wider, &level.pages[i], state, level.pages[i].state)
        state += level.pages[i].sheet.words
        i += 1
    return wider


cdef const Level *begin_repository(Shelf *shelf, const Level *level) noexcept nogil:
    """What holds in the same directory if git's work tree begins there: what git is told above is not for it."""
    cdef Level *fresh = place(shelf, level, level.n, words_in(level))
    cdef uint64_t *state
    cdef uint32_t i
    if fresh == NULL:
        return NULL
    state = <uint64_t *>&fresh.pages[level.n]
    for i in range(level.n):
        if level.pages[i].source < GITIGNORE:
            turn_to(fresh, &level.pages[i], state, level.pages[i].state)
            state += level.pages[i].sheet.words
    return fresh


cdef bint fits(const Sheet *sheet, const Pattern *pattern, const uint64_t *before, const uint8_t *name,
               size_t size) noexcept nogil:
    cdef uint64_t state[WORDS_MAX]
    cdef const Token *tokens = sheet.tokens + pattern.tokens
    cdef uint32_t n = pattern.tokens_n
    if pattern.kind == EXACT:
        return size == pattern.size and memcmp(name, sheet.bytes + pattern.text, size) == 0
    if pattern.kind == ENDS:
        return size >= pattern.size and memcmp(
            name + (size - pattern.size), sheet.bytes + pattern.text, pattern.size) == 0
    if pattern.kind == GLOB:
        begin(tokens, n, state)
    elif words_of(n) == 1 and before[pattern.state] == 0:
        return False
    else:
        memcpy(state, before + pattern.state, words_of(n) * sizeof(uint64_t))
    return advance(tokens, n, sheet.sets.bits, state, name, size) and has_ended(state, n)


cdef int judge_by(const Page *page, const uint8_t *name, size_t size, bint is_dir) noexcept nogil:
    """The last rule that fits decides. Only those are tried that end as the name does, or in a wildcard."""
    cdef const Sheet *sheet = page.sheet
    cdef const Pattern *pattern
    cdef uint32_t one = sheet.latest[name[size - 1]], other = sheet.latest[0]
    while one or other:
        if one > other:
            pattern = &sheet.patterns[one - 1]
            one = pattern.before
        else:
            pattern = &sheet.patterns[other - 1]
            other = pattern.before
        if (is_dir or not pattern.only_dirs) and fits(sheet, pattern, page.state, name, size):
            return KEPT if pattern.negated else IGNORED
    return UNSAID


cdef int judge(const Level *level, const uint8_t *name, size_t size, bint is_dir) noexcept nogil:
    """The first sheet with a rule that fits decides; of `.git` only the command line speaks."""
    cdef bint is_git = size == 4 and memcmp(name, b".git", 4) == 0
    cdef int verdict
    cdef uint32_t i
    for i in range(level.n):
        if is_git and level.pages[i].source != COMMAND:
            break
        verdict = judge_by(&level.pages[i], name, size, is_dir)
        if verdict != UNSAID:
            return verdict
    return UNSAID


cdef bint ignores(const Level *level, const uint8_t *name, size_t size, bint is_dir) noexcept nogil:
    """Whether an entry of the directory is left out."""
    return level.n != 0 and judge(level, name, size, is_dir) == IGNORED


cdef void clear(Shelf *shelf) noexcept nogil:
    """Give back everything that was put there."""
    cdef Level *level
    cdef Sheet *sheet
    while shelf.levels != NULL:
        level = shelf.levels
        shelf.levels = level.next
        free(level)
    while shelf.sheets != NULL:
        sheet = shelf.sheets
        shelf.sheets = sheet.next
        discard(sheet)


# ---------------------------------------------------------------- for Python


cdef class Rules:
    """What holds in one directory. Immutable.

    `command`: the rules of the command line, as lines of a rule file. `reads_files`: rule files count.
    """

    def __cinit__(self, bytes command=None, *, bint reads_files=False):
        cdef Level nothing
        if command is None:
            return
        nothing.n, nothing.closed, nothing.reads_files = 0, False, reads_files
        self.level = place(&self.shelf, &nothing, 0, 0)
        if self.level != NULL and command:
            self.level = extend(&self.shelf, self.level, COMMAND, <const uint8_t *>PyBytes_AS_STRING(command),
                                PyBytes_GET_SIZE(command))
        if self.level == NULL:
            raise MemoryError

    def __dealloc__(self):
        clear(&self.shelf)

    cdef Rules inner(self, const Level *level, Shelf *shelf):
        cdef Rules made
        if level == self.level:
            return self
        made = Rules.__new__(Rules)
        made.shelf, made.level, made.outer = shelf[0], level, self
        if level == NULL:
            raise MemoryError
        return made

    @property
    def closed(self):
        """Whether nothing in the directory is looked at."""
        return self.level.closed

    @property
    def reads_files(self):
        """Whether rule files in the directory count."""
        return self.level.reads_files

    @property
    def says_nothing(self):
        """Whether nothing in the directory is left out."""
        return self.level.n == 0

    @property
    def depends_on_place(self):
        """Whether what holds in a directory can be different after it was moved."""
        return self.level.reads_files or words_in(self.level) > 0

    def enter(self, bytes name):
        """What holds in the directory `name` in this one, but for rule files in it."""
        cdef Shelf shelf = Shelf(NULL, NULL)
        return self.inner(enter(&shelf, self.level, <const uint8_t *>PyBytes_AS_STRING(name),
                                PyBytes_GET_SIZE(name)), &shelf)

    def extend(self, int source, bytes data):
        """What holds with the rules of a file in it. `source`: 1 `.ignore`, 2 `.gitignore`, 3 `.git/info/exclude`."""
        cdef Shelf shelf = Shelf(NULL, NULL)
        if not COMMAND < source <= REPOSITORY:
            raise ValueError(source)
        return self.inner(extend(&shelf, self.level, source, <const uint8_t *>PyBytes_AS_STRING(data),
                                 PyBytes_GET_SIZE(data)), &shelf)

    def begin_repository(self):
        """What holds if git's work tree begins here."""
        cdef Shelf shelf = Shelf(NULL, NULL)
        return self.inner(begin_repository(&shelf, self.level), &shelf)

    def ignores(self, bytes name, bint is_dir):
        """Whether an entry of the directory is left out."""
        return PyBytes_GET_SIZE(name) > 0 and ignores(self.level, <const uint8_t *>PyBytes_AS_STRING(name),
                                                      PyBytes_GET_SIZE(name), is_dir)
