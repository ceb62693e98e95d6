# cython: language_level=3
"""Find: which entries below a directory are asked for by globs, kinds and a part of their name, in the order of paths.

One walk of the Tree without the GIL, each directory followed by what is in it: about 25 ns an entry.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memset

from smarttree._columns cimport NO_ID, Dir
from smarttree._ignore cimport Level, Rules, Shelf, clear, enter, ignores
from smarttree._memory cimport widen
from smarttree._needle cimport Needle, thread
from smarttree._needle cimport find as find_needle
from smarttree._tree cimport Tree

from array import array

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *) noexcept nogil

cdef enum:
    S_IFMT = 0xF000
    FAR = 16                 # entries ahead whose columns are asked for: their names a moment later
    NEAR = 6


cdef struct Frame:               # a directory under way
    uint32_t first, next, count  # of its children, in the arena
    const Level *only            # NULL: everything in it is asked for
    const Level *without         # NULL: nothing in it is left out


cdef struct Walk:
    Frame *stack
    size_t depth, stack_room
    uint32_t *ids
    size_t n, ids_room, most
    unsigned kinds
    Needle needle
    Shelf shelf


def find(Tree tree not None, top, Rules only, Rules without, unsigned kinds, name, size_t most):
    """The ids of the first `most` entries below the directory `top` that are asked for: an array of uint32.

    `only`: the rules in `top` of what is asked for, and with it all below it; None: everything is. `without`: the rules
    of what is not, nor anything below it. `kinds`: a bit for each type of entry, by its number in `mode` (1 << 8 is
    regular files). `name`: None, or (bytes that a name has in it, the rarest of them, whether they are folded).
    """
    cdef Walk walk
    cdef uint32_t start = tree.directory(top)
    cdef bint done
    memset(&walk, 0, sizeof(walk))
    walk.kinds, walk.most = kinds, most
    if name is not None:
        thread(&walk.needle, name[0], name[1], name[2])
    ids = array("I")
    try:
        with nogil:
            done = push(tree, &walk, start, only.level if only is not None else NULL,
                        without.level if without is not None else NULL)
            while done and walk.depth and walk.n < most:
                done = go_on(tree, &walk)
        if not done:
            raise MemoryError
        ids.frombytes(PyBytes_FromStringAndSize(<char *>walk.ids, min(walk.n, most) * sizeof(uint32_t)))
        return ids
    finally:
        clear(&walk.shelf)
        free(walk.stack)
        free(walk.ids)


cdef bint push(Tree tree, Walk *walk, uint32_t eid, const Level *only, const Level *without) noexcept nogil:
    """Go into a directory. False: no memory."""
    cdef Dir *d = &tree.dirs[tree.dir_[eid]]
    if not widen(<void **>&walk.stack, &walk.stack_room, walk.depth + 1, sizeof(Frame)):
        return False
    walk.stack[walk.depth] = Frame(d.first, 0, d.count, only, without)
    walk.depth += 1
    return True


cdef inline void fetch(Tree tree, const Frame *at, uint32_t k) noexcept nogil:
    """Ask for what a look at the entries ahead will need."""
    cdef uint32_t eid
    if k + FAR < at.count:
        eid = tree.kids[at.first + k + FAR]
        prefetch(&tree.name_off[eid])
        prefetch(&tree.name_len[eid])
        prefetch(&tree.dir_[eid])
        prefetch(&tree.mode_[eid])
    if k + NEAR < at.count:
        prefetch(tree.heap + tree.name_off[tree.kids[at.first + k + NEAR]])


cdef inline bint is_named(const Needle *needle, const uint8_t *name, uint32_t size) noexcept nogil:
    return needle.size == 0 or find_needle(needle, name, size) != NULL


cdef bint go_on(Tree tree, Walk *walk) noexcept nogil:
    """Judge what is in the directory on top of the stack, up to the next one in it, or leave it. False: no memory."""
    cdef Frame *at = &walk.stack[walk.depth - 1]
    cdef const Level *only
    cdef const Level *without
    cdef uint32_t k, eid, size
    cdef const uint8_t *name
    cdef bint is_dir, asked
    for k in range(at.next, at.count):
        fetch(tree, at, k)
        eid = tree.kids[at.first + k]
        name, size, is_dir = tree.heap + tree.name_off[eid], tree.name_len[eid], tree.dir_[eid] != NO_ID
        if at.without != NULL and ignores(at.without, name, size, is_dir):
            continue
        asked = at.only == NULL or ignores(at.only, name, size, is_dir)
        if asked and walk.kinds >> ((tree.mode_[eid] & S_IFMT) >> 12) & 1 and is_named(&walk.needle, name, size):
            if not widen(<void **>&walk.ids, &walk.ids_room, walk.n + 1, sizeof(uint32_t)):
                return False
            walk.ids[walk.n] = eid
            walk.n += 1
        if is_dir:
            at.next = k + 1
            only = without = NULL
            if not asked:
                only = enter(&walk.shelf, at.only, name, size)
            if at.without != NULL:
                without = enter(&walk.shelf, at.without, name, size)
            if (not asked and only == NULL) or (at.without != NULL and without == NULL):
                return False
            return push(tree, walk, eid, only, without)
        if walk.n >= walk.most:
            return True
    walk.depth -= 1
    return True
