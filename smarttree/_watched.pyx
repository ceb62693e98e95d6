# cython: language_level=3
"""Watched: which directory each watch key stands for, and the kernel's events by that as hints.

About 100 bytes a directory. Of nearly all events there is only to say: look at that name in that directory.
"""
from libc.stdint cimport int64_t, uint32_t

from smarttree._keys cimport Keys, key_put, key_remove, key_value, keys_free

Event = tuple  # of the watch's key, the mask and the name

cdef enum:
    MODIFY = 0x2
    CLOSE_WRITE = 0x8
    MOVED_FROM = 0x40
    UNUSUAL = 0x4000 | 0x8000    # Q_OVERFLOW, IGNORED


cdef class Watched:
    """Keys and directories' ids, each known by the other. Not thread-safe: its owner guards it."""
    cdef Keys id_of, key_of

    def __dealloc__(self):
        keys_free(&self.id_of)
        keys_free(&self.key_of)

    def __len__(self):
        return self.id_of.count

    def __contains__(self, int64_t key):
        return key_value(&self.id_of, key) >= 0

    def directory(self, int64_t key):
        """The id that a key stands for, or None."""
        cdef int64_t eid = key_value(&self.id_of, key)
        return eid if eid >= 0 else None

    def bind(self, watches):
        """Take in (directory's id, key). Returns (old id, new id) for each key that stood for another directory, in
        whatever order directories change their keys, and the keys that stand for none any more. About 0.1 µs each.
        """
        cdef int64_t directory, key, old, former
        cdef list replaced = []
        cdef dict left = {}    # keys that their directory has changed for another, and that directory
        for directory, key in watches:
            old = key_value(&self.id_of, key)
            if old >= 0 and old != directory:
                replaced.append((old, directory))
                key_remove(&self.key_of, old)
            elif old < 0 and key in left and left[key] != directory:
                replaced.append((left[key], directory))
            former = key_value(&self.key_of, directory)
            if former >= 0 and former != key and key_value(&self.id_of, former) == directory:
                key_remove(&self.id_of, former)
                left[former] = directory
            if not (key_put(&self.id_of, key, directory) and key_put(&self.key_of, directory, key)):
                raise MemoryError
        return replaced, [key for key in left if key not in self]

    def forget(self, int64_t directory):
        """A directory has ended: its key, or None where that stands for another by now, or there is none."""
        cdef int64_t key = key_value(&self.key_of, directory)
        if key < 0:
            return None
        key_remove(&self.key_of, directory)
        if key_value(&self.id_of, key) != directory:
            return None
        key_remove(&self.id_of, key)
        return key

    def end(self, int64_t key):
        """A watch has ended: its key stands for nothing any more."""
        cdef int64_t directory = key_value(&self.id_of, key)
        key_remove(&self.id_of, key)
        if directory >= 0 and key_value(&self.key_of, directory) == key:
            key_remove(&self.key_of, directory)

    def hear(self, events, dict names not None, set moved not None, set written not None,
             set stored not None):
        """Put events into the hints' sets; (how many names are new, the events that need more thought).

        Those are of keys without an id, and those that say more than that something happened at a place. About 0.2 µs
        each.
        """
        cdef list others = []
        cdef Py_ssize_t fresh = 0, before
        cdef int64_t eid
        cdef uint32_t mask
        cdef set here
        for event in events:
            key, bits, name = event
            mask, eid = bits, key_value(&self.id_of, key)
            if eid < 0 or mask & UNUSUAL:
                others.append(event)
                continue
            directory = eid
            here = names.get(directory)
            if here is None:
                here = names[directory] = set()
            if not name:
                continue
            before = len(here)
            here.add(name)
            fresh += len(here) - before
            if mask & MOVED_FROM:
                moved.add((directory, name))
            if mask & (MODIFY | CLOSE_WRITE):
                place = (directory, name)
                written.add(place)
                if mask & MODIFY:
                    stored.add(place)
        return fresh, others
