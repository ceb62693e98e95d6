# cython: language_level=3
"""Looks: what was seen of some names in one directory, in their order; a Python object only of what is asked for."""
from libc.errno cimport ENOENT
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from smarttree._listing cimport row_of


cdef class Looks:
    """An immutable sequence: for each name a `Row`, None (nothing is there) or an errno (that can't be said)."""

    def __cinit__(self, seen=()):
        cdef size_t i
        seen = list(seen)
        self.allocate(len(seen))
        for i in range(self.n):
            row = seen[i]
            if row is None or isinstance(row, int):
                self.errors[i] = ENOENT if row is None else row
                continue
            self.errors[i] = 0
            self.seen[i].mode, self.seen[i].size, self.seen[i].mtime = row[0], row[1], row[2]
            self.seen[i].ctime, self.seen[i].ino = row[3], row[4]
            self.seen[i].birth, self.seen[i].nlink = row[5], row[6]

    def __dealloc__(self):
        free(self.seen)
        free(self.errors)

    cdef int allocate(self, size_t n) except -1:
        free(self.seen)
        free(self.errors)
        self.n = 0
        self.seen, self.errors = <Stat *>malloc((n + 1) * sizeof(Stat)), <int *>malloc((n + 1) * sizeof(int))
        if self.seen == NULL or self.errors == NULL:
            raise MemoryError
        memset(self.seen, 0, n * sizeof(Stat))
        self.n = n
        return 0

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if not 0 <= index < self.n:
            raise IndexError(index)
        error = self.errors[<size_t>index]
        if error == ENOENT:
            return None
        return error or row_of(&self.seen[<size_t>index])

    def __iter__(self):
        return (self[index] for index in range(self.n))
