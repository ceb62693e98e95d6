# cython: language_level=3
"""Changes: what a batch tells, one change after the other, packed. About 130 bytes each; as Python's objects, 400."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from smarttree._buffer cimport Buffer, put_bytes, release

from typing import NamedTuple

TYPES = ("modified", "created", "deleted", "renamed")
KINDS = ("file", "dir", "symlink", "other")
CONTENTS = (None, "same", "changed")


class Change(NamedTuple):
    """One `change` event: what happened to one entry, told so that the changes of a batch can be applied in order.

    `path` and `old_path` are absolute. `delta` is the binary DELTA of this one change. `growth` is by how many bytes
    the service grew through it (a deleted directory counts everything that was below it). `content` says whether a file
    that was modified has the content it had before, where that is known.
    """

    type: str  # modified | created | deleted | renamed
    path: bytes
    old_path: bytes  # only of a rename, else None
    kind: str  # file | dir | symlink | other
    size: int  # bytes, as `lstat` tells; 0 for a directory
    delta: bytes
    growth: int
    content: str = None  # same | changed | None


cdef class Changes:
    """An immutable sequence of `Change`s, to be gone through in order. Equal where all of them are."""

    def __cinit__(self, changes=()):
        cdef Buffer packed
        memset(&packed, 0, sizeof(packed))
        try:
            for change in changes:
                put_change(&packed, change)
                self.count += 1
            if packed.failed:
                raise MemoryError
            self.data, self.size = packed.data, packed.n
        except BaseException:
            release(&packed)
            raise

    def __dealloc__(self):
        free(self.data)

    def __len__(self):
        return self.count

    def __iter__(self):
        cdef size_t at = 0
        while at < self.size:
            told = <const Told *>(self.data + at)
            at += told_bytes(told)
            yield change_of(told)

    def __eq__(self, other):
        if not isinstance(other, Changes):
            return NotImplemented
        return self.size == (<Changes>other).size and (
            self.size == 0 or memcmp(self.data, (<Changes>other).data, self.size) == 0)

    __hash__ = None

    @property
    def nbytes(self):
        """What it costs to keep, in bytes."""
        return self.size

    @property
    def same(self):
        """How many left a file's content as it was."""
        cdef size_t at = 0, count = 0
        while at < self.size:
            count += (<const Told *>(self.data + at)).content == SAME
            at += told_bytes(<const Told *>(self.data + at))
        return count

    @property
    def packed(self):
        """All of them as bytes, for `unpack`."""
        return text(self.data, self.size)

    @staticmethod
    def unpack(const uint8_t[::1] packed not None, size_t count):
        """What was packed. Raises ValueError where that can't be."""
        cdef Changes changes = Changes.__new__(Changes)
        cdef size_t at = 0, size = packed.shape[0], n = 0
        if size:
            changes.data = <uint8_t *>malloc(size)
            if changes.data == NULL:
                raise MemoryError
            memcpy(changes.data, &packed[0], size)
            changes.size, changes.count = size, count
        while at < size:
            if size - at < sizeof(Told) or size - at < told_bytes(<const Told *>(changes.data + at)):
                raise ValueError("changes that are cut off")
            at += told_bytes(<const Told *>(changes.data + at))
            n += 1
        if n != count:
            raise ValueError(f"{n} changes, not {count}")
        return changes

    def below(self, bytes prefix not None):
        """(how many, their growth in bytes) of the changes whose path begins with `prefix`."""
        cdef size_t at = 0, count = 0
        cdef int64_t growth = 0
        cdef const Told *told
        while at < self.size:
            told = <const Told *>(self.data + at)
            at += told_bytes(told)
            if begins(told, prefix):
                count += 1
                growth += told.growth
        return count, growth

    def files(self, bytes prefix not None):
        """The paths that begin with `prefix` of what is no directory and was not deleted, change by change."""
        cdef size_t at = 0
        cdef const Told *told
        while at < self.size:
            told = <const Told *>(self.data + at)
            at += told_bytes(told)
            if told.kind != A_DIRECTORY and told.type != DELETED and begins(told, prefix):
                yield text(path_of(told), told.path_size)


cdef Changes changes_of(Buffer *told, size_t count):
    """Takes over what was packed; `told` is empty then."""
    cdef Changes changes = Changes.__new__(Changes)
    changes.data, changes.size, changes.count = told.data, told.n, count
    told.data, told.n, told.room = NULL, 0, 0
    if changes.size:
        changes.data = <uint8_t *>(realloc(changes.data, changes.size) or changes.data)
    return changes


cdef inline bytes text(const uint8_t *data, size_t size):
    return PyBytes_FromStringAndSize(<const char *>data, size)


cdef bint begins(const Told *told, bytes prefix):
    return told.path_size >= <size_t>PyBytes_GET_SIZE(prefix) and (
        memcmp(path_of(told), PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix)) == 0)


cdef object change_of(const Told *told):
    old_path = text(old_path_of(told), told.old_path_size) if told.old_path_size else None
    return Change(TYPES[told.type], text(path_of(told), told.path_size), old_path, KINDS[told.kind], told.size,
                  text(delta_of(told), told.delta_size), told.growth, CONTENTS[told.content])


cdef int put_change(Buffer *out, change) except -1:
    cdef Told told
    cdef bytes path = change[1], old_path = change[2] or b"", delta = change[5]
    memset(&told, 0, sizeof(told))
    told.type, told.kind = TYPES.index(change[0]), KINDS.index(change[3])
    told.size, told.growth, told.content = change[4], change[6], CONTENTS.index(change[7])
    told.path_size, told.old_path_size = <uint32_t>len(path), <uint32_t>len(old_path)
    told.delta_size = <uint32_t>len(delta)
    put_bytes(out, &told, sizeof(told))
    for part in (path, old_path, delta):
        put_bytes(out, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
    put_bytes(out, b"\0\0\0\0\0\0\0", told_bytes(&told) - sizeof(told) - len(path) - len(old_path) - len(delta))
    return 0
