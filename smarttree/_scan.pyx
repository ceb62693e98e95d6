# cython: language_level=3
"""Scan: walk a directory in threads, then number what they found in directory order (spec/QTN1.md, section 2)."""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport ENOENT
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import os
import threading

from smarttree._exchange cimport Pool
from smarttree._ignore cimport Rules
from smarttree._listing cimport Item, Listing
from smarttree._walk cimport Block, Entry, Placer, Progress, Trouble, Worker

cdef enum:
    WORKERS_MAX = 8
    UNREAD = 0xFFFFFFFF
    VANISHED = 0xFFFFFFFE


cdef class Numbering:
    """Joins what the workers found: entries and blocks get one number space, then directory order."""
    cdef list workers
    cdef uint64_t[WORKERS_MAX + 1] entry_base, block_base, heap_base
    cdef uint32_t *block_of      # for each entry: the block that is its content, or UNREAD, or VANISHED
    cdef uint32_t *index_of      # for each entry: its index in the listing
    cdef Block **blocks

    def __cinit__(self, list workers):
        cdef Worker worker
        cdef int w = 0
        self.workers = workers
        self.entry_base[0] = self.block_base[0] = self.heap_base[0] = 0
        for worker in workers:
            self.entry_base[w + 1] = self.entry_base[w] + worker.entries_n
            self.block_base[w + 1] = self.block_base[w] + worker.blocks_n
            self.heap_base[w + 1] = self.heap_base[w] + worker.heap_n
            w += 1
        if self.entry_base[w] >= UNREAD - 1:
            raise MemoryError("a scan finds fewer than 2^32 entries")
        self.block_of = <uint32_t *>malloc((self.entry_base[w] + 1) * sizeof(uint32_t))
        self.index_of = <uint32_t *>malloc((self.entry_base[w] + 1) * sizeof(uint32_t))
        self.blocks = <Block **>malloc((self.block_base[w] + 1) * sizeof(Block *))
        if self.block_of == NULL or self.index_of == NULL or self.blocks == NULL:
            raise MemoryError
        memset(self.block_of, 0xFF, (self.entry_base[w] + 1) * sizeof(uint32_t))

    def __dealloc__(self):
        free(self.block_of)
        free(self.index_of)
        free(self.blocks)

    cdef uint32_t find_blocks(self):
        """Fill `blocks` and `block_of`; the number of the top's block, or UNREAD."""
        cdef Worker worker
        cdef Block *block
        cdef uint32_t top = UNREAD, number
        cdef uint64_t b
        cdef int w = 0
        for worker in self.workers:
            for b in range(worker.blocks_n):
                block = &worker.blocks[b]
                number = <uint32_t>(self.block_base[w] + b)
                self.blocks[number] = block
                if block.owner_worker < 0:
                    top = number
                else:
                    self.block_of[self.entry_base[block.owner_worker] + block.owner] = number
            w += 1
        for worker in self.workers:
            self.find_vanished(worker)
        return top

    cdef void find_vanished(self, Worker worker):
        """A directory that was gone when it was to be read is left out: listed as empty it would be believed to be."""
        cdef Trouble *trouble
        cdef size_t i
        for i in range(worker.troubles_n):
            trouble = &worker.troubles[i]
            if trouble.error == ENOENT and trouble.name_len == 0 and trouble.owner_worker >= 0:
                self.block_of[self.entry_base[trouble.owner_worker] + trouble.owner] = VANISHED

    cdef Listing number(self):
        """The listing. Each block is copied once, blocks in directory order; about 50 ns an entry."""
        cdef Listing listing = Listing.__new__(Listing)
        cdef uint32_t top = self.find_blocks(), count = <uint32_t>len(self.workers)
        cdef uint32_t *todo = <uint32_t *>malloc((self.block_base[count] + 1) * 2 * sizeof(uint32_t))
        cdef uint32_t depth = 1
        listing.items = <Item *>malloc((self.entry_base[count] + 1) * sizeof(Item))
        listing.heap = <uint8_t *>malloc(self.heap_base[count] + 1)
        try:
            if todo == NULL or listing.items == NULL or listing.heap == NULL:
                raise MemoryError
            self.copy_names(listing)
            memset(&listing.items[0], 0, sizeof(Item))
            listing.items[0].stat, listing.items[0].watch = self.blocks[top].stat, self.blocks[top].watch
            listing.n = 1
            todo[0], todo[1] = top, 0
            while depth:
                depth -= 1
                depth = self.place(listing, todo, depth)
        finally:
            free(todo)
        listing.problems, listing.asides = self.problems(), self.asides()
        return listing

    cdef void copy_names(self, Listing listing):
        cdef Worker worker
        cdef int w = 0
        for worker in self.workers:
            if worker.heap_n:  # one that got nothing to do has no heap at all
                memcpy(listing.heap + self.heap_base[w], worker.heap, worker.heap_n)
            w += 1

    cdef uint32_t place(self, Listing listing, uint32_t *todo, uint32_t depth):
        """Append the block on top of `todo` to the listing, and put its directories' blocks on top, first last."""
        cdef uint32_t number = todo[2 * depth], parent = todo[2 * depth + 1], i, k, count = 0
        cdef Block *block = self.blocks[number]
        cdef Entry *entry
        cdef Item *item
        cdef int w = 0
        cdef uint64_t base
        while number >= self.block_base[w + 1]:
            w += 1
        base = self.entry_base[w] + block.first
        for i in range(block.count):
            if self.block_of[base + i] == VANISHED:
                continue
            entry = &(<Worker>self.workers[w]).entries[block.first + i]
            item = &listing.items[listing.n + count]
            item.stat, item.parent, item.first, item.count, item.watch = entry.stat, parent, 0, 0, -1
            item.name_off, item.name_len = self.heap_base[w] + entry.name_off, entry.name_len
            self.index_of[base + i] = listing.n + count
            count += 1
        listing.items[parent].first, listing.items[parent].count = listing.n, count
        listing.n += count
        for i in range(block.count, 0, -1):
            k = self.block_of[base + i - 1]
            if k < VANISHED:
                item = &listing.items[self.index_of[base + i - 1]]
                item.stat, item.watch = self.blocks[k].stat, self.blocks[k].watch
                todo[2 * depth], todo[2 * depth + 1] = k, self.index_of[base + i - 1]
                depth += 1
        return depth

    cdef uint32_t owner(self, int worker, uint64_t entry):
        """The index of a directory by its worker's own number for it; the top's, 0, where there is no worker."""
        return self.index_of[self.entry_base[worker] + entry] if worker >= 0 else 0

    cdef dict asides(self):
        cdef Worker worker
        cdef size_t i
        cdef dict found = {}
        for worker in self.workers:
            for i in range(worker.asides_n):
                found[self.owner(worker.asides[i].owner_worker, worker.asides[i].owner)] = worker.asides[i].watch
        return found

    cdef list problems(self):
        cdef Worker worker
        cdef Trouble *trouble
        cdef list found = []
        cdef size_t i
        cdef uint32_t at
        for worker in self.workers:
            for i in range(worker.troubles_n):
                trouble = &worker.troubles[i]
                if trouble.error == ENOENT:
                    continue
                at = self.owner(trouble.owner_worker, trouble.owner)
                name = PyBytes_FromStringAndSize(<char *>worker.heap + trouble.name_off, trouble.name_len)
                found.append((at, name, trouble.error))
        return found


def scan(top, *, Placer watch=None, int threads=2, int depth=0, Progress progress=None, Rules rules=None,
         hidden=()):
    """A `Listing` of the directory `top` (a path, or an open descriptor) with everything below it.

    `watch`: what watches each directory before it is read; None for no watches.
    `depth`: how deep below its root `top` is, so that the limit of 512 levels holds for the whole.
    `rules`: those that hold in `top`, but for files in it; what they ignore is left out unread. None: nothing is.
    `hidden`: (device, inode) of directories that are left out, whatever they are called.
    `threads`: 1 (in the calling thread) to 8. About 1 µs an entry when cached, on two threads.
    What the system refuses to watch is read all the same: its watch is -errno.
    Raises OSError where `top` can't be read, or the system is short of something; InterruptedError after
    `progress.cancel()`.
    """
    cdef Worker worker
    cdef int fd, i
    if not 1 <= threads <= WORKERS_MAX:
        raise ValueError(f"threads must be 1 to {WORKERS_MAX}")
    progress = progress or Progress()
    pool = Pool(threads)
    workers = [Worker(i, watch, pool, progress) for i in range(threads)]
    for worker in workers:
        worker.leave_out(rules)
        worker.hide(hidden)
    fd = top if isinstance(top, int) else os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if threads == 1:
            workers[0].start(fd, False, depth)
        else:
            team = [threading.Thread(target=w.start, args=(fd if i == 0 else -1, True, depth), name=f"scan-{i}")
                    for i, w in enumerate(workers)]
            for thread in team:
                thread.start()
            for thread in team:
                thread.join()
    finally:
        if not isinstance(top, int):
            os.close(fd)
    for worker in workers:
        if worker.failed:
            raise OSError(worker.failed, os.strerror(worker.failed))
    if progress.cancelled:
        raise InterruptedError("the scan was cancelled")
    top_troubles = [(<Worker>w).troubles[0].error for w in workers
                    if (<Worker>w).blocks_n == 0 and (<Worker>w).troubles_n]
    if not any((<Worker>w).blocks_n for w in workers):
        error = top_troubles[0] if top_troubles else 2
        raise OSError(error, os.strerror(error))
    return Numbering(workers).number()
