# cython: language_level=3
"""Census: what is below a directory in figures, counted in one pass over the Tree without the GIL.

23 ns an entry; 37 where the ids lie in no order, as memory is asked for ahead. No entry becomes a Python
object but those that are asked for. Extensions are counted in a table of our own: its hash has a secret, so nobody can
name files in a way that makes a pass slow, and the order in which it holds them is that in which they are met.
Of equals the first met wins: everything in a directory by name, then each directory in it.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memset

import os

from smarttree._columns cimport NO_ID, Dir
from smarttree._memory cimport widen
from smarttree._tree cimport Tree

cdef enum:
    RANKED_MAX = 64
    SOUGHT_MAX = 128
    SOUGHT_BYTES_MAX = 63
    SLOTS_MIN = 1 << 10
    FAR = 24                     # how many entries ahead their columns are asked for, and
    NEAR = 12                    # their names: ids that were given by chance lie anywhere

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *) noexcept nogil

cdef uint64_t[2] SECRET
SECRET[0], SECRET[1] = int.from_bytes(os.urandom(8), "little"), int.from_bytes(os.urandom(8), "little") | 1


cdef struct Rank:                # the items with the greatest keys, greatest first
    uint64_t[RANKED_MAX] key
    uint32_t[RANKED_MAX] item
    unsigned n, room


cdef struct Extension:
    uint64_t hash
    uint64_t word                # its last bytes: all of a short one
    uint64_t size                # bytes of all files that have it
    uint32_t files
    uint32_t eid                 # the first that has it: its name is where the extension can be read
    uint32_t start               # in that name
    uint32_t length              # 0: no extension


cdef struct Sought:              # a name that is looked for
    const uint8_t *name
    uint32_t size
    bint is_dir
    uint32_t count


cdef struct Affix:               # of a name without its extension
    const uint8_t *text
    uint32_t size
    bint at_end


cdef inline void offer(Rank *rank, uint64_t key, uint32_t item) noexcept nogil:
    if rank.n < rank.room or key > rank.key[rank.n - 1]:
        put(rank, key, item)


cdef void put(Rank *rank, uint64_t key, uint32_t item) noexcept nogil:
    cdef unsigned at
    if rank.n < rank.room:
        rank.n += 1
    at = rank.n - 1
    while at and rank.key[at - 1] < key:
        rank.key[at], rank.item[at] = rank.key[at - 1], rank.item[at - 1]
        at -= 1
    rank.key[at], rank.item[at] = key, item


cdef inline uint64_t mixed(uint64_t word) noexcept nogil:
    word ^= word >> 33
    word *= SECRET[1]
    word ^= word >> 29
    word *= 0x9E3779B185EBCA87ULL
    return word ^ word >> 32


cdef inline uint64_t hash_of(const uint8_t *text, uint32_t size, uint64_t *word) noexcept nogil:
    """`word` becomes the last bytes, up to 8: with the size it is all that is to know of a text of up to 8."""
    cdef uint64_t state = SECRET[0] ^ size
    cdef uint32_t i
    word[0] = 0
    for i in range(size):
        if i & 7 == 0 and i:
            state, word[0] = mixed(state ^ word[0]), 0
        word[0] = word[0] << 8 | text[i]
    return mixed(state ^ word[0])


cdef inline void fetch(Tree tree, uint32_t eid) noexcept nogil:
    """Ask for what a look at an entry will need."""
    prefetch(&tree.name_off[eid])
    prefetch(&tree.name_len[eid])
    prefetch(&tree.dir_[eid])
    prefetch(&tree.size_[eid])
    prefetch(&tree.mtime_[eid])


cdef inline uint32_t start_of_extension(const uint8_t *name, uint32_t size) noexcept nogil:
    """Where the last dot is; 0 where there is none but in front."""
    cdef uint32_t at = size - 1
    while at > 0 and name[at] != c".":
        at -= 1
    return at


cdef class Census:
    """What is below the entry `top` (the service, too), which no one may change meanwhile.

    `largest` and `newest`: the ids of the `most` entries (64 at most) that have most bytes and the latest times, and
    are no directories. `directories`: of the `most` directories in `top` with most bytes below them. The first first.
    `subdirectories`: how many are in `top`.

    `sought` has names of `files` and `directories` to count, and the `beginnings` and `endings` of names without their
    extensions, of which one file is enough: `marked` is whether there is one.
    """
    cdef Tree tree
    cdef Extension *kinds
    cdef size_t kinds_n, kinds_room
    cdef uint32_t *slots          # an index among `kinds` and 1, or 0
    cdef size_t slots_n           # a power of 2, at least twice `kinds_n`
    cdef Rank large, new, wide
    cdef Sought[SOUGHT_MAX] sought
    cdef Affix[SOUGHT_MAX] affixes
    cdef unsigned sought_n, affixes_n
    cdef uint64_t[256] sizes      # of the names that are sought, a bit each, by their first byte
    cdef object kept              # holds what `sought` and `affixes` point at
    cdef readonly bint marked
    cdef readonly uint32_t subdirectories

    def __init__(self, Tree tree not None, top, unsigned most, sought):
        cdef uint32_t start = tree.alive(top)
        cdef bint done = True
        if not 0 < most <= RANKED_MAX or self.slots != NULL:
            raise ValueError(f"a census of {most}")
        self.tree, self.kept = tree, sought
        self.large.room = self.new.room = self.wide.room = most
        self.seek(sought)
        self.slots_n = SLOTS_MIN
        self.slots = <uint32_t *>calloc(self.slots_n, sizeof(uint32_t))
        if self.slots == NULL:
            raise MemoryError
        if tree.dir_[start] != NO_ID:
            with nogil:
                done = self.count(tree, start)
        if not done:
            raise MemoryError

    def __dealloc__(self):
        free(self.kinds)
        free(self.slots)

    cdef int seek(self, sought) except -1:
        cdef bytes name
        for names, is_dir in ((sought.files, False), (sought.directories, True)):
            for name in names:
                if self.sought_n == SOUGHT_MAX or not 0 < len(name) <= SOUGHT_BYTES_MAX:
                    raise ValueError(name)
                self.sought[self.sought_n] = Sought(<const uint8_t *>PyBytes_AS_STRING(name), len(name), is_dir, 0)
                self.sizes[<uint8_t>PyBytes_AS_STRING(name)[0]] |= <uint64_t>1 << len(name)
                self.sought_n += 1
        for names, at_end in ((sought.beginnings, False), (sought.endings, True)):
            for name in names:
                if self.affixes_n == SOUGHT_MAX or not name:
                    raise ValueError(name)
                self.affixes[self.affixes_n] = Affix(<const uint8_t *>PyBytes_AS_STRING(name), len(name), at_end)
                self.affixes_n += 1
        return 0

    cdef bint count(self, Tree tree, uint32_t top) noexcept nogil:
        """Everything below the directory `top`. False: no memory."""
        cdef Dir *d = &tree.dirs[tree.dir_[top]]
        cdef size_t total = <size_t>d.files + d.dirs, i
        cdef uint32_t *ids = <uint32_t *>malloc(2 * (total + 1) * sizeof(uint32_t))
        cdef uint32_t eid
        cdef bint done = ids != NULL
        if done:
            tree.list_below(top, ids, ids + total + 1)
        for i in range(total if done else 0):
            if i + FAR < total:
                fetch(tree, ids[i + FAR])
            if i + NEAR < total:
                prefetch(tree.heap + tree.name_off[ids[i + NEAR]])
            eid = ids[i]
            if tree.dir_[eid] == NO_ID:
                if not self.count_file(tree, eid):
                    done = False
                    break
                continue
            self.look(tree.heap + tree.name_off[eid], tree.name_len[eid], True)
            if i < d.count:  # what is in `top` comes first
                self.subdirectories += 1
                offer(&self.wide, tree.dirs[tree.dir_[eid]].bytes, eid)
        free(ids)
        return done

    cdef inline bint count_file(self, Tree tree, uint32_t eid) noexcept nogil:
        cdef const uint8_t *name = tree.heap + tree.name_off[eid]
        cdef uint32_t size = tree.name_len[eid], start = start_of_extension(name, size)
        cdef uint64_t nbytes = tree.size_[eid]
        cdef Extension *kind = self.kind_of(eid, name, size, start)
        if kind == NULL:
            return False
        kind.files += 1
        kind.size += nbytes
        offer(&self.large, nbytes, eid)
        offer(&self.new, <uint64_t>tree.mtime_[eid] ^ <uint64_t>1 << 63, eid)
        self.look(name, size, False)
        if self.affixes_n and not self.marked:
            self.mark(name, start if start else size)
        return True

    cdef inline void look(self, const uint8_t *name, uint32_t size, bint is_dir) noexcept nogil:
        cdef unsigned i
        if size > SOUGHT_BYTES_MAX or not self.sizes[name[0]] >> size & 1:
            return
        for i in range(self.sought_n):
            if (self.sought[i].size == size and self.sought[i].is_dir == is_dir
                    and memcmp(self.sought[i].name, name, size) == 0):
                self.sought[i].count += 1

    cdef inline void mark(self, const uint8_t *stem, uint32_t size) noexcept nogil:
        cdef unsigned i
        cdef Affix *affix
        cdef const uint8_t *at
        for i in range(self.affixes_n):
            affix = &self.affixes[i]
            if affix.size < size:
                at = stem + (size - affix.size if affix.at_end else 0)
                if at[0] == affix.text[0] and memcmp(at, affix.text, affix.size) == 0:
                    self.marked = True

    cdef inline Extension *kind_of(self, uint32_t eid, const uint8_t *name, uint32_t size,
                                   uint32_t start) noexcept nogil:
        """The extension of a name, in the table from now on; NULL: no memory. Good until the next one."""
        cdef uint32_t length = size - start if start else 0
        cdef uint64_t word, hashed = hash_of(name + start, length, &word)
        cdef size_t slot = self.find(name + start, length, hashed, word)
        if self.slots[slot]:
            return &self.kinds[self.slots[slot] - 1]
        return self.add(Extension(hashed, word, 0, 0, eid, start, length), slot)

    cdef inline size_t find(self, const uint8_t *text, uint32_t length, uint64_t hashed, uint64_t word) noexcept nogil:
        """The slot of an extension, or the empty one where it belongs."""
        cdef size_t slot = hashed & self.slots_n - 1
        cdef Extension *kind
        while self.slots[slot]:
            kind = &self.kinds[self.slots[slot] - 1]
            if (kind.hash == hashed and kind.length == length and kind.word == word
                    and (length <= 8 or memcmp(self.text(kind), text, length) == 0)):
                break
            slot = slot + 1 & self.slots_n - 1
        return slot

    cdef inline const uint8_t *text(self, Extension *kind) noexcept nogil:
        return self.tree.heap + self.tree.name_off[kind.eid] + kind.start

    cdef Extension *add(self, Extension kind, size_t slot) noexcept nogil:
        cdef uint32_t *wider
        cdef size_t i, at
        if not widen(<void **>&self.kinds, &self.kinds_room, self.kinds_n + 1, sizeof(Extension)):
            return NULL
        self.kinds[self.kinds_n] = kind
        self.kinds_n += 1
        self.slots[slot] = <uint32_t>self.kinds_n
        if 2 * self.kinds_n > self.slots_n:
            wider = <uint32_t *>calloc(2 * self.slots_n, sizeof(uint32_t))
            if wider == NULL:
                return NULL
            free(self.slots)
            self.slots, self.slots_n = wider, 2 * self.slots_n
            for i in range(self.kinds_n):
                at = self.kinds[i].hash & self.slots_n - 1
                while wider[at]:
                    at = at + 1 & self.slots_n - 1
                wider[at] = <uint32_t>(i + 1)
        return &self.kinds[self.kinds_n - 1]

    @property
    def largest(self):
        return [self.large.item[i] for i in range(self.large.n)]

    @property
    def newest(self):
        return [self.new.item[i] for i in range(self.new.n)]

    @property
    def directories(self):
        return [self.wide.item[i] for i in range(self.wide.n)]

    @property
    def distinct(self):
        """How many extensions there are; to have none counts as one."""
        return self.kinds_n

    def extension(self, bytes extension not None):
        """(entries, bytes) of those that have this extension (with its dot; b"" for none) and are no directory."""
        cdef uint32_t length = <uint32_t>len(extension)
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(extension)
        cdef uint64_t word, hashed = hash_of(text, length, &word)
        cdef size_t slot = self.find(text, length, hashed, word)
        if not self.slots[slot]:
            return 0, 0
        return self.kinds[self.slots[slot] - 1].files, self.kinds[self.slots[slot] - 1].size

    def extensions(self, unsigned most, bint by_files):
        """[(extension, entries, bytes)] of the `most` (64 at most) that have most bytes, or most entries."""
        cdef Rank rank
        cdef size_t i
        cdef list found = []
        cdef Extension *kind
        memset(&rank, 0, sizeof(rank))
        rank.room = min(most, <unsigned>RANKED_MAX)
        for i in range(self.kinds_n if most else 0):
            offer(&rank, self.kinds[i].files if by_files else self.kinds[i].size, <uint32_t>i)
        for i in range(rank.n):
            kind = &self.kinds[rank.item[i]]
            found.append((PyBytes_FromStringAndSize(<char *>self.text(kind), kind.length), kind.files, kind.size))
        return found

    def sighted(self):
        """How many there are of each name that is sought: of the files, then of the directories."""
        return [self.sought[i].count for i in range(self.sought_n)]
