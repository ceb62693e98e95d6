# cython: language_level=3
"""The exchange of a scan: subdirectories that a busy worker gives to an idle one, until all know that none is left."""
from libc.stdlib cimport free, malloc

cdef extern from *:
    """
    #include <pthread.h>
    #include <sched.h>
    #define st_load(counter) __atomic_load_n(&(counter), __ATOMIC_RELAXED)
    """
    int st_load(int) noexcept nogil
    int sched_yield() noexcept nogil
    int pthread_mutex_init(pthread_mutex_t *, void *) noexcept nogil
    int pthread_mutex_lock(pthread_mutex_t *) noexcept nogil
    int pthread_mutex_unlock(pthread_mutex_t *) noexcept nogil
    int pthread_mutex_destroy(pthread_mutex_t *) noexcept nogil
    int pthread_cond_init(pthread_cond_t *, void *) noexcept nogil
    int pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *) noexcept nogil
    int pthread_cond_broadcast(pthread_cond_t *) noexcept nogil
    int pthread_cond_destroy(pthread_cond_t *) noexcept nogil

cdef enum:
    POLLS = 256              # an idle worker looks so often before it sleeps, 0.1 ms: waking it costs as much


cdef bint offer(Exchange *pool, Job *job) noexcept nogil:
    """Give a job to whoever waits; False where no one does."""
    cdef bint taken = False
    pthread_mutex_lock(&pool.lock)
    if pool.waiting > pool.count and pool.count < JOBS_MAX:
        pool.jobs[pool.count] = job[0]
        pool.count += 1
        taken = True
        pthread_cond_broadcast(&pool.moved)
    pthread_mutex_unlock(&pool.lock)
    return taken


cdef bint take(Exchange *pool, Job *job) noexcept nogil:
    """Wait for a job; False when every worker waits, which is the end."""
    cdef bint found = False
    cdef int polls = POLLS
    pthread_mutex_lock(&pool.lock)
    pool.waiting += 1
    pthread_mutex_unlock(&pool.lock)
    while polls and st_load(pool.count) == 0 and st_load(pool.waiting) < pool.workers:
        sched_yield()
        polls -= 1
    pthread_mutex_lock(&pool.lock)
    while pool.count == 0 and pool.waiting < pool.workers:
        pthread_cond_wait(&pool.moved, &pool.lock)
    if pool.count:
        pool.count -= 1
        pool.waiting -= 1
        job[0] = pool.jobs[pool.count]
        found = True
    else:
        pthread_cond_broadcast(&pool.moved)
    pthread_mutex_unlock(&pool.lock)
    return found


cdef class Pool:
    """Owns the exchange that `workers` workers share."""
    def __cinit__(self, int workers):
        self.exchange = <Exchange *>malloc(sizeof(Exchange))
        if self.exchange == NULL:
            raise MemoryError
        self.exchange.count = self.exchange.waiting = 0
        self.exchange.workers = workers
        pthread_mutex_init(&self.exchange.lock, NULL)
        pthread_cond_init(&self.exchange.moved, NULL)

    def __dealloc__(self):
        if self.exchange != NULL:
            pthread_cond_destroy(&self.exchange.moved)
            pthread_mutex_destroy(&self.exchange.lock)
            free(self.exchange)
