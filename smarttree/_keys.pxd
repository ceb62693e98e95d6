# cython: language_level=3
"""A table of keys (whole numbers from 0 on) in plain memory, with a value for each or without. Its owner guards it.

Open addressing with linear probing; what follows a removed key moves up, so that nothing of it is left behind. Zeroed
memory is an empty table. All of it works without the GIL.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

cdef enum:
    KEYS_ROOM_MIN = 1024     # a power of two, as every size of the table


cdef struct Keys:
    int64_t *slots           # -1: empty
    int64_t *values          # NULL in a set
    size_t room
    size_t count


cdef inline size_t key_home(const Keys *keys, int64_t key) noexcept nogil:
    """Where a key wants to be. Some keys are hashes, others count up: the multiplication spreads both (Fibonacci)."""
    return <size_t>((<uint64_t>key * 0x9E3779B97F4A7C15ULL) >> 32) & (keys.room - 1)


cdef inline size_t key_slot(const Keys *keys, int64_t key) noexcept nogil:
    """Where the key is, or the empty slot where it would be."""
    cdef size_t at = key_home(keys, key)
    while keys.slots[at] != -1 and keys.slots[at] != key:
        at = (at + 1) & (keys.room - 1)
    return at


cdef inline bint key_known(const Keys *keys, int64_t key) noexcept nogil:
    return keys.count != 0 and keys.slots[key_slot(keys, key)] == key


cdef inline int64_t key_value(const Keys *keys, int64_t key) noexcept nogil:
    """The value of a key, -1 for one that is not known. Only of a table with values."""
    cdef size_t at
    if keys.count == 0 or key < 0:
        return -1
    at = key_slot(keys, key)
    return keys.values[at] if keys.slots[at] == key else -1


cdef inline void keys_free(Keys *keys) noexcept nogil:
    free(keys.slots)
    free(keys.values)
    memset(keys, 0, sizeof(Keys))


cdef inline bint keys_resize(Keys *keys, size_t room, bint valued) noexcept nogil:
    cdef Keys fresh
    cdef size_t i, at
    fresh.room, fresh.count = room, keys.count
    fresh.slots = <int64_t *>malloc(room * sizeof(int64_t))
    fresh.values = <int64_t *>malloc(room * sizeof(int64_t)) if valued else NULL
    if fresh.slots == NULL or (valued and fresh.values == NULL):
        keys_free(&fresh)
        return False
    memset(fresh.slots, 0xFF, room * sizeof(int64_t))
    for i in range(keys.room):
        if keys.slots[i] != -1:
            at = key_slot(&fresh, keys.slots[i])
            fresh.slots[at] = keys.slots[i]
            if valued:
                fresh.values[at] = keys.values[i]
    keys_free(keys)
    keys[0] = fresh
    return True


cdef inline int key_add(Keys *keys, int64_t key) noexcept nogil:
    """1: it is new; 0: it was there; -1: there is no memory."""
    cdef size_t at
    if 2 * keys.count >= keys.room and not keys_resize(keys, max(2 * keys.room, <size_t>KEYS_ROOM_MIN), False):
        return -1
    at = key_slot(keys, key)
    if keys.slots[at] == key:
        return 0
    keys.slots[at] = key
    keys.count += 1
    return 1


cdef inline bint key_put(Keys *keys, int64_t key, int64_t value) noexcept nogil:
    """Give a key its value. False: there is no memory."""
    cdef size_t at
    if 2 * keys.count >= keys.room and not keys_resize(keys, max(2 * keys.room, <size_t>KEYS_ROOM_MIN), True):
        return False
    at = key_slot(keys, key)
    keys.count += keys.slots[at] != key
    keys.slots[at], keys.values[at] = key, value
    return True


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
        if ((at - key_home(keys, keys.slots[at])) & (keys.room - 1)) >= ((at - hole) & (keys.room - 1)):
            keys.slots[hole] = keys.slots[at]
            if keys.values != NULL:
                keys.values[hole] = keys.values[at]
            hole = at
    keys.slots[hole] = -1
    keys.count -= 1
    if keys.room > KEYS_ROOM_MIN and 16 * keys.count < keys.room:
        keys_resize(keys, keys.room // 2, keys.values != NULL)
