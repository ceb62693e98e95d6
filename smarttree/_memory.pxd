# cython: language_level=3
"""Growing memory, without the GIL and without an exception: the caller turns False into what fits there."""
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset


cdef enum:
    LARGE_BYTES = 1 << 20    # well beyond malloc's M_MMAP_THRESHOLD


cdef inline size_t room_for(size_t room, size_t need, size_t item) noexcept nogil:
    """How many items of `item` bytes to make room for, where there is room for `room` and `need` are needed.

    Half as much again, but of much memory only a sixteenth: there the kernel moves pages and copies none, so growing
    often costs little, and a third of a large tree's columns is not left empty.
    """
    return max(need, room + room // (2 if room * item < LARGE_BYTES else 16), <size_t>64)


cdef inline bint resize(void **memory, size_t room, size_t item) noexcept nogil:
    """Make `memory` hold `room` items. Old content stays, new content is undefined. False, and nothing has changed,
    where there is no memory.
    """
    cdef void *moved = realloc(memory[0], room * item)
    if moved == NULL:
        return False
    memory[0] = moved
    return True


cdef inline bint resize_zeroed(void **memory, size_t before, size_t room, size_t item) noexcept nogil:
    """As `resize`, from `before` items, with new content zero. Where nearly all is new, nothing of it is touched: what
    is used here and there only takes few pages.
    """
    cdef void *fresh
    if before > room // 16:
        if not resize(memory, room, item):
            return False
        memset(<char *>memory[0] + before * item, 0, (room - before) * item)
        return True
    fresh = calloc(room, item)
    if fresh == NULL:
        return False
    if before:
        memcpy(fresh, memory[0], before * item)
    free(memory[0])
    memory[0] = fresh
    return True


cdef inline bint widen(void **memory, size_t *room, size_t need, size_t item) noexcept nogil:
    """Make `memory` hold `need` items, and some more; `room` follows. As `resize`."""
    cdef size_t wanted
    if need <= room[0]:
        return True
    wanted = room_for(room[0], need, item)
    if not resize(memory, wanted, item):
        return False
    room[0] = wanted
    return True
