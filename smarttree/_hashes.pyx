# cython: language_level=3
"""Hashes: what is known of the contents of files, by id: 28 bytes each.

A hash is of one *state* of a file: inode, size, mtime and ctime, as a key of 64 bits. It counts only while the Tree's
row has that key, so nobody needs to be told when a file changes, ends, or gives its id to another.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from smarttree._columns cimport S_IFMT, Columns, grow

cdef enum:
    S_IFREG = 0x8000
    HASH_BYTES = 16
    UNREADABLE = 0xFFFFFFFF      # in the place of a time: this state can't be read, so its hash is not known
    TICKS_PER_S = 10
    IDS_PER_CALL = 1 << 20       # about 5 ms


cdef class Hashes:
    """Used by one thread, the owner of the Tree. Times are in seconds, of any clock that only goes forward."""
    cdef uint64_t *keys
    cdef uint8_t *digests
    cdef uint32_t *since
    cdef size_t keys_room, digests_room, since_room

    def __dealloc__(self):
        free(self.keys)
        free(self.digests)
        free(self.since)

    def put(self, uint32_t eid, row not None, bytes digest, double now):
        """The content of `eid` in the state of `row` has this hash, as is known since `now`; None: it can't be read."""
        grow(<void **>&self.keys, &self.keys_room, <size_t>eid + 1, sizeof(uint64_t))
        grow(<void **>&self.digests, &self.digests_room, <size_t>eid + 1, HASH_BYTES)
        grow(<void **>&self.since, &self.since_room, <size_t>eid + 1, sizeof(uint32_t))
        if digest is not None and len(digest) != HASH_BYTES:
            raise ValueError(f"a hash of {len(digest)} bytes")
        self.keys[eid] = key_of(row[4], row[1], row[2], row[3])
        self.since[eid] = <uint32_t>UNREADABLE if digest is None else <uint32_t>(now * TICKS_PER_S)
        if digest is not None:
            memcpy(self.digests + HASH_BYTES * <size_t>eid, PyBytes_AS_STRING(digest), HASH_BYTES)

    def known(self, Columns tree not None, uint32_t eid):
        """(hash, since when) of what the Tree says of `eid` now; None where that is not known."""
        if eid >= tree.n or not self.fits(tree, eid) or self.since[eid] == UNREADABLE:
            return None
        return (PyBytes_FromStringAndSize(<char *>self.digests + HASH_BYTES * <size_t>eid, HASH_BYTES),
                self.since[eid] / <double>TICKS_PER_S)

    def forget(self, uint32_t eid):
        """What is known of `eid` is not to be trusted any more."""
        if eid < self.keys_room:
            self.keys[eid] = 0

    def stale(self, Columns tree not None, size_t start, *, size_t limit, uint64_t max_bytes, int64_t now_ns,
              int64_t quiet_ns):
        """(ids of files to hash, where to go on, whether some are too young): from the id `start` on, at most `limit`
        of them, none larger than `max_bytes`, none that changed within `quiet_ns` before `now_ns`. Go on at None: all
        ids were seen.
        """
        cdef list found = []
        cdef bint young = False
        cdef size_t eid = start, stop = min(tree.n, start + IDS_PER_CALL)
        while True:
            with nogil:
                while eid < stop and not self.is_due(tree, eid, max_bytes, now_ns, quiet_ns, &young):
                    eid += 1
            if eid >= stop or <size_t>len(found) >= limit:
                return found, eid if eid < tree.n else None, young
            found.append(eid)
            eid += 1

    def survey(self, Columns tree not None, uint64_t max_bytes):
        """(how many hashes count, how many files wait for theirs). About 3 ns an id."""
        cdef size_t eid, hashed = 0, waiting = 0
        with nogil:
            for eid in range(tree.n):
                if tree.mode_[eid] & S_IFMT == S_IFREG and tree.size_[eid] <= max_bytes:
                    if not self.fits(tree, eid):
                        waiting += 1
                    elif self.since[eid] != UNREADABLE:
                        hashed += 1
        return hashed, waiting

    cdef inline bint fits(self, Columns tree, size_t eid) noexcept nogil:
        return eid < self.keys_room and tree.mode_[eid] & S_IFMT == S_IFREG and self.keys[eid] == key_of(
            tree.ino_[eid], tree.size_[eid], tree.mtime_[eid], tree.ctime_[eid])

    cdef inline bint is_due(self, Columns tree, size_t eid, uint64_t max_bytes, int64_t now_ns, int64_t quiet_ns,
                            bint *young) noexcept nogil:
        if tree.mode_[eid] & S_IFMT != S_IFREG or tree.size_[eid] > max_bytes or self.fits(tree, eid):
            return False
        if now_ns - quiet_ns < tree.ctime_[eid] <= now_ns:   # one in the future would be young for ever
            young[0] = True
            return False
        return True


cdef inline uint64_t key_of(uint64_t ino, uint64_t size, int64_t mtime, int64_t ctime) noexcept nogil:
    cdef uint64_t key = mix(mix(mix(mix(ino) ^ size) ^ <uint64_t>mtime) ^ <uint64_t>ctime)
    return key if key else 1


cdef inline uint64_t mix(uint64_t x) noexcept nogil:
    """The step and finalizer of SplitMix64: each bit of `x` reaches all."""
    x += <uint64_t>0x9E3779B97F4A7C15ULL
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9ULL
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EBULL
    return x ^ (x >> 31)
