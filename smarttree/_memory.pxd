# cython: language_level=3
"""Growing memory, without the GIL and without an exception: the caller turns False into what fits there."""
from libc.stdlib cimport realloc


cdef enum:
    LARGE_BYTES = 1 << 20    # well beyond malloc's M_MMAP_THRESHOLD


cdef inline bint widen(void **memory, size_t *room, size_t need, size_t item) noexcept nogil:
    """Make `memory` hold `need` items of `item` bytes, with half as much again to spare; `room` follows.

    Of much memory only a sixteenth: there the kernel moves pages and copies none, so growing often costs little, and
    a third of a large tree's columns is not left empty. Old content stays, new content is undefined. False, and nothing
    has changed, where there is no memory.
    """
    cdef size_t wanted
    cdef void *moved
    if need <= room[0]:
        return True
    wanted = max(need, room[0] + room[0] // (2 if room[0] * item < LARGE_BYTES else 16), <size_t>64)
    moved = realloc(memory[0], wanted * item)
    if moved == NULL:
        return False
    memory[0], room[0] = moved, wanted
    return True
