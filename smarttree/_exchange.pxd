# cython: language_level=3
"""What the workers of a scan give each other: see `_exchange.pyx`."""
from libc.stdint cimport uint64_t

from smarttree._ignore cimport Level

cdef extern from "<pthread.h>":
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass

cdef enum:
    JOBS_MAX = 64


cdef struct Job:             # a subdirectory given away: the descriptor of its parent is the job's own
    uint64_t owner
    int owner_worker
    int fd
    int depth
    const Level *level       # the rules that hold in it, but for those of files in it; of the walk, not of one worker
    char name[256]


cdef struct Exchange:        # the subdirectories given away, and how many workers wait for one; all of it under `lock`
    pthread_mutex_t lock
    pthread_cond_t moved
    Job jobs[JOBS_MAX]
    int count
    int waiting
    int workers


cdef bint offer(Exchange *pool, Job *job) noexcept nogil
cdef bint take(Exchange *pool, Job *job) noexcept nogil


cdef class Pool:
    cdef Exchange *exchange
