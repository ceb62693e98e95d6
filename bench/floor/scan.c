/* The floor of a scan: what the system calls alone cost, against which every scanner is measured.
 *
 *     scan DIRECTORY THREADS  ->  one line: NANOSECONDS PROCESSOR-NANOSECONDS ENTRIES CHECKSUM
 *
 * openat, getdents64, and statx of every entry relative to its directory's descriptor. Nothing is stored, sorted or
 * told: names are looked at where the kernel put them, and all that is kept is a sum over what was read, the same in
 * whatever order threads come by. Only the names of subdirectories are copied, until their parent has been read; an
 * idle thread, which looks out for it for some 0.1 ms before it sleeps (sleeping at once costs a tenth more time), is
 * handed the next one, already open. Links are not followed. The time is taken inside, from before the
 * first open to after the last join: starting the process is not in it. Any error ends it with exit status 1: a
 * floor that skipped something would be no floor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DENTS_BYTES = 65536, THREADS_MAX = 8, HANDED_MAX = 64, SPINS = 100000 };

struct dirent64_raw { uint64_t ino; int64_t off; uint16_t reclen; uint8_t type; char name[]; };

struct thread {
    pthread_t id;
    uint64_t entries, sum;
    char *names;        /* a stack of subdirectories' names, NUL-ended, for the directories now open */
    size_t names_n, names_room;
    char dents[DENTS_BYTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static int handed[HANDED_MAX], handed_n, thread_count;  /* open directories for whoever is idle; under `lock` */
static atomic_int hungry;                                /* idle threads less what was handed over; read without it */
static int idle;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void keep(struct thread *me, const char *name, size_t size) {
    if (me->names_n + size + 1 > me->names_room) {
        me->names_room = 2 * (me->names_room + size + 1) + 4096;
        me->names = realloc(me->names, me->names_room);
        if (me->names == NULL) fail("realloc");
    }
    memcpy(me->names + me->names_n, name, size + 1);
    me->names_n += size + 1;
}

static void look(struct thread *me, int fd, const char *name) {
    const unsigned wanted = STATX_BASIC_STATS | STATX_BTIME;
    struct statx seen;
    size_t size = strlen(name);
    if (statx(fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, wanted, &seen) < 0) fail(name);
    me->entries += 1;
    me->sum += seen.stx_ino * 31 + seen.stx_size * 7 + seen.stx_mode + seen.stx_mtime.tv_nsec + size;
    if (S_ISDIR(seen.stx_mode)) keep(me, name, size);
}

static int hand_over(int fd) {
    int taken = 0;
    pthread_mutex_lock(&lock);
    if (idle > handed_n && handed_n < HANDED_MAX) {
        handed[handed_n++] = fd;
        atomic_fetch_sub_explicit(&hungry, 1, memory_order_relaxed);
        pthread_cond_signal(&moved);
        taken = 1;
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

static void directory(struct thread *me, int fd) { /* reads `fd` and what is below it, and closes it */
    size_t first = me->names_n, at, end;
    long got;
    while ((got = syscall(SYS_getdents64, fd, me->dents, DENTS_BYTES)) > 0)
        for (long i = 0; i < got;) {
            struct dirent64_raw *entry = (struct dirent64_raw *)(me->dents + i);
            const char *name = entry->name;
            i += entry->reclen;
            if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
            look(me, fd, name);
        }
    if (got < 0) fail("getdents64");
    for (at = first, end = me->names_n; at < end; at += strlen(me->names + at) + 1) {
        int below = openat(fd, me->names + at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0) fail(me->names + at);
        if (atomic_load_explicit(&hungry, memory_order_relaxed) <= 0 || !hand_over(below)) directory(me, below);
    }
    me->names_n = first;
    close(fd);
}

static int next(void) { /* an open directory, or -1 when every thread is idle: the end */
    int fd = -1;
    pthread_mutex_lock(&lock);
    idle += 1;
    atomic_fetch_add_explicit(&hungry, 1, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < SPINS && atomic_load_explicit(&hungry, memory_order_relaxed) > 0; i++) continue;
    pthread_mutex_lock(&lock);
    while (handed_n == 0 && idle < thread_count) pthread_cond_wait(&moved, &lock);
    if (handed_n) {
        fd = handed[--handed_n];
        idle -= 1;
    } else {
        pthread_cond_broadcast(&moved);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static void *run(void *me) {
    for (int fd = next(); fd >= 0; fd = next()) directory(me, fd);
    return NULL;
}

static int64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv) {
    static struct thread threads[THREADS_MAX];
    uint64_t entries = 0, sum = 0;
    int64_t started = now_ns(CLOCK_MONOTONIC), cpu_started = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    thread_count = argc == 3 ? atoi(argv[2]) : 0;
    if (thread_count < 1 || thread_count > THREADS_MAX) {
        fprintf(stderr, "usage: scan DIRECTORY THREADS(1..%d)\n", THREADS_MAX);
        return 2;
    }
    handed[handed_n++] = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handed[0] < 0) fail(argv[1]);
    atomic_store(&hungry, -1);
    for (int i = 1; i < thread_count; i++)
        if (pthread_create(&threads[i].id, NULL, run, &threads[i])) fail("pthread_create");
    run(&threads[0]);
    for (int i = 1; i < thread_count; i++) pthread_join(threads[i].id, NULL);
    for (int i = 0; i < thread_count; i++) entries += threads[i].entries, sum += threads[i].sum;
    printf("%lld %lld %llu %016llx\n", (long long)(now_ns(CLOCK_MONOTONIC) - started),
           (long long)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_started), (unsigned long long)entries,
           (unsigned long long)sum);
    return 0;
}
