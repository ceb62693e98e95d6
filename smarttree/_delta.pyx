# cython: language_level=3
"""Diff and apply: the records that lead from one state of a tree to another, and the other state from them.

`apply(a, diff(a, b)) == b` for any two states of one id space.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from smarttree._columns cimport NO_ID, S_IFDIR, S_IFMT, Columns
from smarttree._defect cimport fail
from smarttree._records cimport Item, Records
from smarttree._wire cimport (
    DEPTH_MAX, E_BELOW_DELETED, E_BELOW_ITSELF, E_DIRECTORY_SIZE, E_INCOMPLETE_RECORD, E_NAME_TWICE, E_PARENT,
    E_TOO_DEEP, E_TYPE_TURNED, MASK_ALL, MASK_DELETED, MASK_MODE, MASK_MTIME, MASK_PLACE, MASK_SIZE,
)


def diff_trees(Columns before not None, Columns after not None):
    """The Records that turn `before` into `after`, two states of one id space. O(ids), about 10 ns each.

    Raises `Defect` for an id, which is its `where`, that is a directory's in only one of them: no record says that.
    """
    cdef Records records = Records()
    cdef uint32_t eid
    cdef uint8_t mask
    for eid in range(1, <uint32_t>max(before.n, after.n)):
        if not after.holds(eid):
            if before.holds(eid) and after.holds(before.parent_[eid]):
                records.delete(eid)
        elif not before.holds(eid):
            records.take(after, eid, MASK_ALL)
        else:
            mask = differing(before, after, eid)
            if mask:
                records.take(after, eid, mask)
    return records


cdef uint8_t differing(Columns before, Columns after, uint32_t eid) except? 255:
    cdef uint8_t mask = 0
    if (before.dir_[eid] == NO_ID) != (after.dir_[eid] == NO_ID):
        fail(E_TYPE_TURNED, eid)
    if (before.parent_[eid] != after.parent_[eid] or before.name_len[eid] != after.name_len[eid]
            or memcmp(before.heap + before.name_off[eid], after.heap + after.name_off[eid], before.name_len[eid])):
        mask |= MASK_PLACE
    if before.mode_[eid] != after.mode_[eid]:
        mask |= MASK_MODE
    if before.size_[eid] != after.size_[eid]:
        mask |= MASK_SIZE
    if before.mtime_[eid] != after.mtime_[eid]:
        mask |= MASK_MTIME
    return mask


def apply_records(Columns tree not None, Records records not None):
    """Obey all records together, in place; the ids that ended. Raises `Defect` where the result is no tree; `tree` is
    then of no use.
    """
    cdef list ended = []
    cdef size_t i
    cdef int error
    for i in range(records.n):
        check_record(tree, records, i)
    for i in range(records.n):
        if records.items[i].mask & (MASK_DELETED | MASK_PLACE) and tree.holds(records.items[i].id):
            tree.unlink(records.items[i].id)
    for i in range(records.n):
        set_record(tree, records, &records.items[i])
    for i in range(records.n):
        if records.items[i].mask & MASK_PLACE:
            link_record(tree, records, i)
    for i in range(records.n):
        if not records.items[i].mask & MASK_DELETED:
            error = unreached(tree, records.items[i].id)
            if error:
                fail(error, i)
    for i in range(records.n):
        if records.items[i].mask & MASK_DELETED and tree.holds(records.items[i].id):
            ended += tree.free_all(records.items[i].id)
    return ended


cdef int check_record(Columns tree, Records records, size_t index) except -1:
    cdef const Item *item = &records.items[index]
    cdef bint known = tree.holds(item.id), directory = item.mode & S_IFMT == S_IFDIR
    if known and item.mask & MASK_MODE and directory != (tree.dir_[item.id] != NO_ID):
        fail(E_TYPE_TURNED, index)
    if not known and item.mask != MASK_ALL and item.mask != MASK_DELETED:
        fail(E_INCOMPLETE_RECORD, index)
    if item.mask & MASK_SIZE and item.size and (tree.dir_[item.id] != NO_ID if known else directory):
        fail(E_DIRECTORY_SIZE, index)
    return 0


cdef int set_record(Columns tree, Records records, const Item *item) except -1:
    cdef uint32_t eid = item.id
    if item.mask & MASK_DELETED:
        return 0
    if not tree.holds(eid):
        tree.reserve(<size_t>eid + 1)
        tree.n = max(tree.n, <size_t>eid + 1)
        tree.make(eid, item.mode, item.size, item.mtime)
    else:
        tree.set_values(eid, item.mode if item.mask & MASK_MODE else tree.mode_[eid],
                        item.size if item.mask & MASK_SIZE else tree.size_[eid],
                        item.mtime if item.mask & MASK_MTIME else tree.mtime_[eid])
    if item.mask & MASK_PLACE:
        tree.put_name(eid, records.heap + item.name_off, item.name_len)
    return 0


cdef int link_record(Columns tree, Records records, size_t index) except -1:
    cdef const Item *item = &records.items[index]
    cdef int error
    if not tree.is_directory(item.parent) or (item.parent == 0 and not tree.is_directory(item.id)):
        fail(E_PARENT, index)
    error = misplaced(tree, item.parent, item.id)
    if error:
        fail(error, index)
    if not tree.link(item.id, item.parent):
        fail(E_NAME_TWICE, index)
    return 0


cdef int misplaced(Columns tree, uint32_t parent, uint32_t eid) noexcept:
    """0 where a detached entry may go below `parent`; else what is wrong.

    What is too deep now stays so, for nothing is detached any more: refused at once, a chain of n records costs n times
    the depth allowed, and not n squared.
    """
    cdef int depth = 0
    while parent != NO_ID and parent != 0:
        if parent == eid:
            return E_BELOW_ITSELF
        depth += 1
        if depth > DEPTH_MAX:
            return E_TOO_DEEP
        parent = tree.parent_[parent]
    return 0


cdef int unreached(Columns tree, uint32_t eid) noexcept:
    """0 where an entry hangs from the service, within the depth allowed; else what is wrong."""
    cdef int depth = 0
    while eid != 0:
        if eid == NO_ID:
            return E_BELOW_DELETED
        if depth > DEPTH_MAX:
            return E_TOO_DEEP
        eid = tree.parent_[eid]
        depth += 1
    return 0
