# cython: language_level=3
"""What the C library does with memory that is freed."""

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    static int st_map_from(int bytes) { return mallopt(M_MMAP_THRESHOLD, bytes); }
    #else
    static int st_map_from(int bytes) { (void)bytes; return 0; }
    #endif
    """
    int st_map_from(int bytes) noexcept nogil


def map_from(int nbytes):
    """Blocks of so many bytes and more go back to the system when they are freed. Whether that could be settled.

    glibc does so from 128 KiB on at first, but moves the bound up to 32 MiB as larger blocks are freed (mallopt(3)):
    what the scan and the first snapshot of 550,000 entries took, 134 MB, then stayed with the process for ever.
    """
    return st_map_from(nbytes) == 1
