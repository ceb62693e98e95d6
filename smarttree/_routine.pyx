# cython: language_level=3
"""Routine: what can be told from one look and the Tree alone, because it can't be half of a rename or of a hard link.

It is nearly all of what happens: a file has other values, another file is in its place, a file came or went, a new
directory is full of what is new. Such steps depend on nothing else in the window, in any order, but for the directory
they stand in. Everything else is left to `reconcile`.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport ENOENT
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from smarttree._columns cimport NO_ID, S_IFDIR, S_IFMT, Columns, grow
from smarttree._listing cimport Item, Listing, Stat, row_of
from smarttree._looks cimport Looks

cdef enum:
    S_IFREG = 0x8000


cdef class Routine:
    """Steps for `Page.carry_out`; those of one directory together. About 80 bytes each, and names."""

    def __dealloc__(self):
        free(self.steps)
        free(self.heap)

    def __len__(self):
        return self.n

    cdef Step *extend(self, Act act, uint32_t anchor) except NULL:
        cdef Step *step
        grow(<void **>&self.steps, &self.room, self.n + 1, sizeof(Step))
        step = &self.steps[self.n]
        memset(step, 0, sizeof(Step))
        step.act, step.anchor, step.eid = <uint8_t>act, anchor, NO_ID
        self.n += 1
        return step

    cdef int keep_name(self, Step *step, const uint8_t *name, size_t size) except -1:
        grow(<void **>&self.heap, &self.heap_room, self.heap_n + size, 1)
        memcpy(self.heap + self.heap_n, name, size)
        step.name_off, step.name_len = self.heap_n, <uint32_t>size
        self.heap_n += size
        return 0

    def sort_out(self, Columns tree not None, uint32_t directory, list names not None, Looks looks not None,
                 set seen not None, *, moved, written, inodes, linked, hidden):
        """Take in what is routine among the `looks` at `names` in a directory of the tree, and add its names to `seen`.

        Returns the indices of the others. `moved` and `written` are places as the kernel told them, `inodes` those of
        the entries at `moved`, `linked` those that have several names; `hidden` tells where a write may show in no
        value (see `ticks`). About 0.2 µs a name.
        """
        cdef size_t i
        cdef list others = []
        cdef bint any_moved = bool(moved), any_linked = bool(linked)
        cdef bytes name
        if not tree.is_directory(directory) or looks.n != <size_t>len(names):
            raise ValueError(f"looks at names in {directory}, which is no directory, or at other names")
        for i in range(looks.n):
            name = names[i]
            if (name in seen or (any_moved and (directory, name) in moved)
                    or (any_moved and not looks.errors[i] and looks.seen[i].ino in inodes)
                    or (any_linked and is_linked(tree, directory, name, linked))
                    or not self.settle(tree, directory, name, looks, i, written, hidden)):
                others.append(i)
            else:
                seen.add(name)
        return others

    cdef bint settle(self, Columns tree, uint32_t directory, bytes name, Looks looks, size_t i, written,
                     hidden) except -1:
        """Whether this one is routine: then its step, if there is any, has been taken in."""
        cdef const Stat *stat = &looks.seen[i]
        cdef uint32_t eid = known_as(tree, directory, name)
        cdef bint there = looks.errors[i] == 0
        cdef Step *step
        if (not there and looks.errors[i] != ENOENT) or (eid != NO_ID and tree.dir_[eid] != NO_ID):
            return False
        if there and (stat.mode & S_IFMT == S_IFDIR or stat.nlink > 1):
            return False
        if eid == NO_ID:
            if there:
                step = self.extend(CREATE, directory)
                step.stat, step.parent = stat[0], directory
                self.keep_name(step, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
            return True
        if not there:
            self.extend(END, directory).eid = eid
            self.ends += 1
            return True
        if tree.mode_[eid] & S_IFMT != stat.mode & S_IFMT:
            return False
        if tree.ino_[eid] != stat.ino or tree.birth_[eid] != stat.birth:
            step = self.extend(WRITE, directory)
            self.ends += 1
        elif tree.ctime_[eid] == stat.ctime and not differs(tree, eid, stat):
            if hidden is None or not hidden((directory, name), stat.mtime):
                return True
            step = self.extend(WRITE, directory)
        elif tree.ctime_[eid] != stat.ctime and not differs(tree, eid, stat) and (directory, name) in written:
            step = self.extend(WRITE, directory)
        else:
            step = self.extend(UPDATE, directory)
        step.stat, step.eid = stat[0], eid
        return True

    def spare(self, Columns tree not None, set ids not None):
        """Drop the ends of these ids, and what came in their place, as if nobody had looked there."""
        cdef size_t i, kept = 0
        cdef Step *step
        if not ids:
            return
        for i in range(self.n):
            step = &self.steps[i]
            if (step.act != CREATE and step.eid in ids and (step.act == END or tree.ino_[step.eid] != step.stat.ino
                                                            or tree.birth_[step.eid] != step.stat.birth)):
                continue
            self.steps[kept] = self.steps[i]
            kept += 1
        self.n = kept

    def plant(self, Listing listing not None, uint32_t top, list ids not None, inodes):
        """Take in all that is below the top of a listing, under `ids` (fresh ones, an id for each item but the top);
        `top` is the id of the new directory itself. False, and nothing was taken in, where it has one of `inodes`.
        """
        cdef uint32_t i
        cdef Item *item
        cdef Step *step
        cdef bint any_inodes = bool(inodes)
        cdef size_t first = self.n
        if len(ids) + 1 != <Py_ssize_t>listing.n:
            raise ValueError("not as many ids as there are items")
        if any_inodes:
            for i in range(1, listing.n):
                if listing.items[i].stat.ino in inodes:
                    return False
        for i in range(1, listing.n):
            item = &listing.items[i]
            step = self.extend(CREATE, top)
            step.stat, step.eid = item.stat, ids[i - 1]
            step.parent = self.steps[first + item.parent - 1].eid if item.parent else top
            self.keep_name(step, listing.heap + item.name_off, item.name_len)
        return True

    def linked(self):
        """(inode, id, links) of what is created in new directories and has several names."""
        cdef size_t i
        for i in range(self.n):
            if self.steps[i].act == CREATE and self.steps[i].stat.nlink > 1 and (
                    self.steps[i].stat.mode & S_IFMT != S_IFDIR):
                yield self.steps[i].stat.ino, self.steps[i].eid, self.steps[i].stat.nlink

    def rewrites(self, Columns tree not None):
        """(id, `Row`) of the regular files that get new values which are told, and keep their size."""
        cdef size_t i
        cdef Step *step
        for i in range(self.n):
            step = &self.steps[i]
            if (step.act != CREATE and step.act != END and step.stat.mode & S_IFMT == S_IFREG
                    and tree.size_[step.eid] == step.stat.size
                    and (step.act == WRITE or differs(tree, step.eid, &step.stat))):
                yield step.eid, row_of(&step.stat)

    def keep(self, lives):
        """Drop what stands in a directory that does not live, says `lives(id)`; the ids that were issued for it."""
        cdef size_t i, kept = 0
        cdef uint32_t anchor = NO_ID
        cdef bint alive = True
        cdef list unused = []
        for i in range(self.n):
            if self.steps[i].anchor != anchor:
                anchor = self.steps[i].anchor
                alive = lives(anchor)
            if alive:
                self.steps[kept] = self.steps[i]
                kept += 1
            elif self.steps[i].act == CREATE and self.steps[i].eid != NO_ID:
                unused.append(self.steps[i].eid)
        self.n = kept
        return unused


cdef inline uint32_t known_as(Columns tree, uint32_t directory, bytes name):
    cdef uint32_t at
    if tree.find(directory, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), &at):
        return tree.kids[tree.dirs[tree.dir_[directory]].first + at]
    return NO_ID


cdef bint is_linked(Columns tree, uint32_t directory, bytes name, linked) except -1:
    cdef uint32_t eid = known_as(tree, directory, name)
    return eid != NO_ID and tree.ino_[eid] in linked


cdef inline bint differs(Columns tree, uint32_t eid, const Stat *stat) noexcept nogil:
    return (tree.mode_[eid] != stat.mode or tree.size_[eid] != stat.size or tree.mtime_[eid] != stat.mtime)
