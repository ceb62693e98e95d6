# cython: language_level=3
"""A Listing: a directory with everything below it as it was read, in directory order (spec/QTN1.md, section 2)."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from smarttree._memory cimport widen
from smarttree.row import Row


NO_WATCH_KEY = NO_WATCH


cdef object row_of(const Stat *seen):
    return Row(seen.mode, seen.size, seen.mtime, seen.ctime, seen.ino, seen.birth, seen.nlink)


cdef class Listing:
    """What a scan found: item 0 is the directory itself, the others follow in directory order. Immutable.

    `problems` lists (index of the directory, name in it or b"", errno) for what could not be read. `asides`: where a
    repository begins, the key of the watch on `.git/info`, by the index of the directory; only where rule files count.
    """

    def __cinit__(self):
        self.problems, self.asides = [], {}

    def __dealloc__(self):
        free(self.items)
        free(self.heap)

    def __len__(self):
        return self.n

    cdef Item *at(self, index) except NULL:
        if not 0 <= index < self.n:
            raise IndexError(index)
        return &self.items[<uint32_t>index]

    def name(self, index):
        cdef Item *item = self.at(index)
        return PyBytes_FromStringAndSize(<char *>self.heap + item.name_off, item.name_len)

    def row(self, index):
        return row_of(&self.at(index).stat)

    def parent(self, index):
        return self.at(index).parent

    def children(self, index):
        """The indices of a directory's entries."""
        cdef Item *item = self.at(index)
        return range(item.first, item.first + item.count)

    def watch(self, index):
        """The key of the watch that was placed on a directory before it was read; NO_WATCH_KEY where none was asked
        for, -errno where the system refused one.
        """
        return self.at(index).watch

    def watches(self, uint32_t first=0):
        """(index, key of the watch, or -errno) of every directory for which one was asked; indices count from `first`
        on.
        """
        cdef uint32_t i
        return [(first + i, self.items[i].watch) for i in range(self.n) if self.items[i].watch != NO_WATCH]

    def hard_linked(self):
        """(index, inode, links) of every entry that is no directory and has other names."""
        cdef uint32_t i
        return [(i, self.items[i].stat.ino, self.items[i].stat.nlink) for i in range(self.n)
                if self.items[i].stat.nlink > 1 and self.items[i].stat.mode & 0xF000 != 0x4000]

    def problems_of(self, index):
        """{name or b"": errno} of a directory; what `problems` lists, looked up in O(1)."""
        cdef dict found
        if self.problems_by is None:
            found = {}
            for owner, name, number in self.problems:
                found.setdefault(owner, {})[name] = number
            self.problems_by = found
        return self.problems_by.get(index, {})

    def path(self, index):
        """The path of an item relative to the scanned directory; b"" for the directory itself."""
        cdef list parts = []
        while index:
            parts.append(self.name(index))
            index = self.at(index).parent
        return b"/".join(reversed(parts))


cdef class ListingBuilder:
    """Makes a Listing from Python, block by block: for scans without system calls of our own."""
    cdef Listing listing
    cdef size_t items_room, heap_room, heap_n

    def __cinit__(self, top):
        """`top`: the `Row` of the directory itself."""
        self.listing = Listing.__new__(Listing)
        self.append(0, b"", top)

    cdef int append(self, uint32_t parent, bytes name, row) except -1:
        cdef Item *item
        cdef size_t size = PyBytes_GET_SIZE(name)
        if not (widen(<void **>&self.listing.items, &self.items_room, self.listing.n + 1, sizeof(Item))
                and widen(<void **>&self.listing.heap, &self.heap_room, self.heap_n + size + 1, 1)):
            raise MemoryError
        item = &self.listing.items[self.listing.n]
        memset(item, 0, sizeof(Item))
        item.stat.mode, item.stat.size, item.stat.mtime, item.stat.ctime = row[0], row[1], row[2], row[3]
        item.stat.ino, item.stat.birth, item.stat.nlink = row[4], row[5], row[6]
        memcpy(self.listing.heap + self.heap_n, PyBytes_AS_STRING(name), size)
        item.name_off, item.name_len, item.parent, item.watch = self.heap_n, <uint32_t>size, parent, -1
        self.heap_n += size
        self.listing.n += 1
        return 0

    def add(self, uint32_t directory, list entries):
        """All entries of a directory, (name, `Row`) sorted by name; the index of the first. Directories must come in
        directory order.
        """
        cdef uint32_t first = self.listing.n
        if directory >= first:
            raise IndexError(directory)
        for name, row in entries:
            self.append(directory, name, row)
        self.listing.items[directory].first, self.listing.items[directory].count = first, <uint32_t>len(entries)
        return first

    def report(self, uint32_t directory, bytes name, int error):
        """What could not be read: a name in a directory, or b"" for the directory itself."""
        self.listing.problems.append((directory, name, error))

    def finish(self):
        """The Listing; the builder is of no further use."""
        return self.listing
