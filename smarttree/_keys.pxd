# cython: language_level=3
"""A set of watch keys (whole numbers from 0 on) in plain memory, for use without the GIL. Its owner guards it.

Open addressing with linear probing; what follows a removed key moves up, so that nothing of it is left behind.
"""
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

cdef enum:
    KEYS_ROOM_MIN = 1024     # a power of two, as every size of the table


cdef struct Keys:
    int64_t *slots           # -1: empty
    size_t room
    size_t count


cdef inline size_t key_slot(const Keys *keys, int64_t key) noexcept nogil:
    """Where the key is, or the empty slot where it would be. Keys are hashes: their low bits will do."""
    cdef size_t at = <size_t>key & (keys.room - 1)
    while keys.slots[at] != -1 and keys.slots[at] != key:
        at = (at + 1) & (keys.room - 1)
    return at


cdef inline bint key_known(const Keys *keys, int64_t key) noexcept nogil:
    return keys.count != 0 and keys.slots[key_slot(keys, key)] == key


cdef inline bint keys_resize(Keys *keys, size_t room) noexcept nogil:
    cdef Keys fresh
    cdef size_t i
    fresh.slots = <int64_t *>malloc(room * sizeof(int64_t))
    if fresh.slots == NULL:
        return False
    memset(fresh.slots, 0xFF, room * sizeof(int64_t))
    fresh.room, fresh.count = room, keys.count
    for i in range(keys.room):
        if keys.slots[i] != -1:
            fresh.slots[key_slot(&fresh, keys.slots[i])] = keys.slots[i]
    free(keys.slots)
    keys[0] = fresh
    return True


cdef inline int key_add(Keys *keys, int64_t key) noexcept nogil:
    """1: it is new; 0: it was there; -1: there is no memory."""
    cdef size_t at
    if 2 * keys.count >= keys.room and not keys_resize(keys, max(2 * keys.room, <size_t>KEYS_ROOM_MIN)):
        return -1
    at = key_slot(keys, key)
    if keys.slots[at] == key:
        return 0
    keys.slots[at] = key
    keys.count += 1
    return 1


cdef inline void key_remove(Keys *keys, int64_t key) noexcept nogil:
    cdef size_t hole, at
    if not key_known(keys, key):
        return
    hole = at = key_slot(keys, key)
    while True:
        at = (at + 1) & (keys.room - 1)
        if keys.slots[at] == -1:
            break
        # It may move up unless the slot it wants lies after the hole.
        if ((at - <size_t>keys.slots[at]) & (keys.room - 1)) >= ((at - hole) & (keys.room - 1)):
            keys.slots[hole] = keys.slots[at]
            hole = at
    keys.slots[hole] = -1
    keys.count -= 1
    if keys.room > KEYS_ROOM_MIN and 16 * keys.count < keys.room:
        keys_resize(keys, keys.room // 2)
