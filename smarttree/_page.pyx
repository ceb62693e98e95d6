# cython: language_level=3
"""The ledger's page: steps carried out on the Tree, and what each one changed, written down until the page is cut.

The changes are told in the order of the steps, each with the paths of its moment; the records say for each id what is
true at the cut. Told are only entries that hang from the service: what is lifted out is gone until it is dropped.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from smarttree._buffer cimport Buffer, make_room, put_byte, put_bytes, put_varint, release
from smarttree._changes cimport (
    A_DIRECTORY, A_FILE, A_SYMLINK, ANOTHER, CREATED, DELETED, MODIFIED, OTHER, RENAMED, SAME, UNKNOWN, Changes, Told,
    changes_of, told_bytes,
)
from smarttree._columns cimport NO_ID, S_IFDIR, S_IFMT, grow
from smarttree._records cimport Item, Records, put_records
from smarttree._routine cimport CREATE, END, UPDATE, WRITE, Routine, Step
from smarttree._store cimport Identity
from smarttree._traces cimport BORN, Traces
from smarttree._tree cimport Tree
from smarttree._wire cimport (
    MASK_ALL, MASK_DELETED, MASK_MODE, MASK_MTIME, MASK_PLACE, MASK_SIZE, RECORD_COLUMNS,
)
from smarttree._xxh64 cimport xxh64

cdef enum:
    RECORD_BYTES = 12    # about what a record takes in a BATCH, its name not counted
    S_IFREG = 0x8000
    S_IFLNK = 0xA000
    DELTA_HEAD_BYTES = 4
    DELTA_CHECK_BYTES = 4


cdef class Page:
    """Changes one Tree, which nobody else may change meanwhile. Memory: a byte for each id, and what was told.

    `dead` collects the ids that ended. A failed allocation raises MemoryError; tree and page then don't agree any more.
    """
    cdef Tree tree
    cdef uint8_t *masks          # by id: what the records will say of it
    cdef uint32_t *dirty         # the ids that have, or had, a mask
    cdef uint32_t *ended         # the tops of what was deleted
    cdef uint8_t *contents       # by id: what is known of the content that its next values stand for
    cdef size_t contents_room
    cdef public bint compares    # contents are compared: another size is another content
    cdef public bint keeps       # what is told of nothing is kept for `identities`, too
    cdef uint32_t *silent        # ids of which nothing is told, but that have another ctime or inode
    cdef size_t silent_n, silent_room
    cdef size_t masks_room, dirty_n, dirty_room, ended_n, ended_room
    cdef Buffer told
    cdef Buffer bare             # the delta under way
    cdef size_t told_n
    cdef readonly size_t cost_bytes
    cdef public list dead
    cdef public Traces traces    # what is left behind is written down, too, where there is one

    def __cinit__(self, Tree tree not None):
        self.tree, self.dead = tree, []

    def __dealloc__(self):
        free(self.masks)
        free(self.contents)
        free(self.dirty)
        free(self.ended)
        free(self.silent)
        release(&self.told)
        release(&self.bare)

    def __bool__(self):
        return self.dirty_n > 0 or self.ended_n > 0 or self.told_n > 0

    def __len__(self):
        """How many changes were told since the last cut."""
        return self.told_n

    def judge(self, eid, bint same):
        """The content that the next values of `eid` stand for is what it was, or is another."""
        cdef uint32_t known = self.tree.alive(eid)
        grow(<void **>&self.contents, &self.contents_room, <size_t>known + 1, 1)
        self.contents[known] = SAME if same else OTHER

    # --- steps ------------------------------------------------------------------------------------------------------

    def create(self, eid, parent, bytes name, row):
        """`eid`, from `Tree.issue`, comes to life at a place. The errors are `Tree.insert`'s, as below."""
        self.tree.insert(eid, parent, name, row)
        self.note(eid, MASK_ALL, len(name))
        if self.traces is not None:
            self.traces.touch(eid, BORN)
        if parent != 0 and self.attached(eid):    # a root is told by its record alone
            self.tell(CREATED, eid, MASK_ALL, self.tree.size_[<uint32_t>eid], NULL, 0)
            self.check()

    def update(self, eid, row, bint told):
        """New values. `told`: its content was written, even if no value shows it."""
        cdef uint32_t known = self.tree.alive(eid)
        cdef uint16_t mode = self.tree.mode_[known]
        cdef uint64_t size = self.tree.size_[known]
        cdef int64_t mtime = self.tree.mtime_[known]
        self.tree.update(eid, row)
        self.reserve(known)
        self.told_of(known, mode, size, mtime, told)
        self.check()

    def restate(self, eid, uint8_t mask):
        """Tell the values that `mask` names as they are: somebody may know others."""
        cdef uint32_t known = self.tree.alive(eid)
        self.note(known, mask, 0)
        if self.tree.parent_[known] != 0 and (self.tree.dir_[known] == NO_ID or mask & MASK_MODE):
            self.tell(MODIFIED, known, mask, 0, NULL, 0)
            self.check()

    def delete(self, eid):
        """An entry ends, with everything below it."""
        self.tell_deleted(self.tree.alive(eid))
        if self.traces is not None:
            self.traces.end(self.tree, eid)
        for gone in self.tree.remove(eid):
            self.dead.append(gone)
            if <uint32_t>gone < self.masks_room:
                self.masks[<uint32_t>gone] = 0
        grow(<void **>&self.ended, &self.ended_room, self.ended_n + 1, sizeof(uint32_t))
        self.ended[self.ended_n] = eid
        self.ended_n += 1
        self.cost_bytes += RECORD_BYTES

    def lift(self, eid):
        """An entry leaves its place, with everything below it; `place(…, drop=True)` must follow before the cut."""
        self.tell_deleted(self.tree.alive(eid))
        if self.traces is not None:
            self.traces.leave(self.tree, eid)
        self.tree.detach(eid)

    def place(self, eid, directory, bytes name, *, bint drop):
        """Move, or drop what was lifted. What the reader can't see leave or arrive is told as it looks to them."""
        cdef uint32_t known = self.tree.alive(eid)
        cdef bint was_attached = not drop and self.attached(known)
        cdef bint will_be_attached = self.attached(self.tree.alive(directory))
        cdef bytes old_path = self.tree.path(eid) if was_attached else b""
        if was_attached and not will_be_attached:
            self.tell_deleted(known)
        if self.traces is not None and not drop:
            self.traces.leave(self.tree, known)
        if drop:
            self.tree.attach(eid, directory, name)
        else:
            self.tree.move(eid, directory, name)
        self.note(known, MASK_PLACE, len(name))
        if was_attached and will_be_attached:
            self.tell(RENAMED, known, MASK_PLACE, 0, <const uint8_t *>PyBytes_AS_STRING(old_path),
                      PyBytes_GET_SIZE(old_path))
        elif will_be_attached:
            self.tell(CREATED, known, MASK_ALL, self.tree.size_[known], NULL, 0)
            for below in self.tree.below(eid).tolist():
                self.tell(CREATED, below, MASK_ALL, self.tree.size_[<uint32_t>below], NULL, 0)
        self.check()

    def carry_out(self, Routine routine not None, size_t start, *, size_t max_bytes, size_t max_changes):
        """Carry out routine steps from the index `start` on, until a bound is passed; the index of the next one.

        About 1 µs each; new values without the GIL.
        """
        cdef size_t i = start
        cdef Step *step
        while i < routine.n and self.cost_bytes < max_bytes and self.told_n < max_changes:
            step = &routine.steps[i]
            if step.act == END:
                self.delete(step.eid)
                i += 1
            elif step.act == CREATE:
                self.bear(routine, step)
                i += 1
            else:
                self.reserve(<uint32_t>(self.tree.n - 1))
                grow(<void **>&self.dirty, &self.dirty_room, self.dirty_n + routine.n - i, sizeof(uint32_t))
                if self.keeps:
                    grow(<void **>&self.silent, &self.silent_room, self.silent_n + routine.n - i, sizeof(uint32_t))
                with nogil:
                    i = self.write_down(routine, i, max_bytes, max_changes)
                self.check()
        return i

    cdef int bear(self, Routine routine, Step *step) except -1:
        """One routine creation."""
        cdef Tree tree = self.tree
        cdef uint32_t eid = step.eid if step.eid != NO_ID else tree.issue()
        if eid >= tree.n or tree.mode_[eid] or not tree.is_directory(step.parent):
            raise ValueError(f"the id {eid} can't come to life in {step.parent}")
        tree.make(eid, step.stat.mode, step.stat.size, step.stat.mtime)
        tree.put_name(eid, routine.heap + step.name_off, step.name_len)
        tree.ctime_[eid], tree.ino_[eid], tree.birth_[eid] = step.stat.ctime, step.stat.ino, step.stat.birth
        if not tree.link(eid, step.parent):
            raise FileExistsError(tree.path(eid))
        self.note(eid, MASK_ALL, step.name_len)
        if self.traces is not None:
            self.traces.touch(eid, BORN)
        self.tell(CREATED, eid, MASK_ALL, <int64_t>step.stat.size, NULL, 0)
        self.check()
        return 0

    cdef size_t write_down(self, Routine routine, size_t i, size_t max_bytes, size_t max_changes) noexcept nogil:
        """Carry out steps that only bring new values, from `i` on; the index of the next step."""
        cdef Step *step
        cdef uint16_t mode
        cdef uint64_t size
        cdef int64_t mtime
        while i < routine.n and self.cost_bytes < max_bytes and self.told_n < max_changes:
            step = &routine.steps[i]
            if step.act != UPDATE and step.act != WRITE:
                break
            mode, size, mtime = self.tree.mode_[step.eid], self.tree.size_[step.eid], self.tree.mtime_[step.eid]
            self.tree.set_values(step.eid, step.stat.mode, step.stat.size, step.stat.mtime)
            self.tree.ctime_[step.eid], self.tree.ino_[step.eid] = step.stat.ctime, step.stat.ino
            self.tree.birth_[step.eid] = step.stat.birth
            self.told_of(step.eid, mode, size, mtime, step.act == WRITE)
            i += 1
        return i

    # --- the cut ----------------------------------------------------------------------------------------------------

    def identities(self):
        """What no document tells of what has changed, packed (`_store.Identity`); to be asked before each `cut`."""
        cdef bytes packed = PyBytes_FromStringAndSize(NULL, (self.dirty_n + self.silent_n) * sizeof(Identity))
        cdef uint8_t *at = <uint8_t *>PyBytes_AS_STRING(packed)
        cdef size_t i, count = 0
        cdef uint32_t eid
        cdef Identity one
        memset(&one, 0, sizeof(one))
        for i in range(self.dirty_n + self.silent_n):
            eid = self.dirty[i] if i < self.dirty_n else self.silent[i - self.dirty_n]
            if (i < self.dirty_n and not self.masks[eid]) or not self.tree.holds(eid):
                continue
            one.id, one.birth = eid, self.tree.birth_[eid]
            one.ino, one.ctime = self.tree.ino_[eid], self.tree.ctime_[eid]
            memcpy(at + count * sizeof(Identity), &one, sizeof(one))
            count += 1
        self.silent_n = 0
        return packed[:count * sizeof(Identity)]

    def cut(self):
        """(Records, Changes) since the last cut, and a clean page."""
        cdef Records records = Records()
        cdef Changes changes = changes_of(&self.told, self.told_n)
        cdef size_t i
        cdef uint32_t eid
        for i in range(self.dirty_n):
            eid = self.dirty[i]
            if self.masks[eid]:
                records.take(self.tree, eid, self.masks[eid])
                if self.traces is not None:
                    self.traces.touch(eid, self.masks[eid])
                self.masks[eid] = 0
        for i in range(self.ended_n):
            records.delete(self.ended[i])
        self.dirty_n = self.ended_n = self.told_n = self.cost_bytes = 0
        return records, changes

    def take_traces(self):
        """What was left behind since this was asked last; None where that is not written down. After a cut."""
        taken, self.traces = self.traces, None if self.traces is None else Traces()
        return taken

    # --- writing down -----------------------------------------------------------------------------------------------

    cdef int check(self) except -1:
        if self.told.failed or self.bare.failed:
            raise MemoryError
        return 0

    cdef int reserve(self, uint32_t eid) except -1:
        grow(<void **>&self.masks, &self.masks_room, <size_t>eid + 1, 1)
        grow(<void **>&self.dirty, &self.dirty_room, self.dirty_n + 1, sizeof(uint32_t))
        if self.keeps:
            grow(<void **>&self.silent, &self.silent_room, self.silent_n + 1, sizeof(uint32_t))
        return 0

    cdef int note(self, uint32_t eid, uint8_t mask, size_t name_bytes) except -1:
        self.reserve(eid)
        self.mark(eid, mask)
        self.cost_bytes += name_bytes
        return 0

    cdef inline void mark(self, uint32_t eid, uint8_t mask) noexcept nogil:
        """There must be room for one more that is dirty."""
        if not self.masks[eid]:
            self.dirty[self.dirty_n] = eid
            self.dirty_n += 1
            self.cost_bytes += RECORD_BYTES
        self.masks[eid] |= mask

    cdef bint attached(self, uint32_t eid) noexcept nogil:
        """Whether an entry is in the tree as told, and not below something that is lifted. O(depth)."""
        while eid != 0 and eid != NO_ID:
            eid = self.tree.parent_[eid]
        return eid == 0

    cdef void told_of(self, uint32_t eid, uint16_t mode, uint64_t size, int64_t mtime, bint told) noexcept nogil:
        """An entry has other values than these now: what of that is told. There must be room for its mask."""
        cdef uint8_t mask = 0, content = UNKNOWN
        cdef bint is_dir = self.tree.dir_[eid] != NO_ID
        if self.tree.mode_[eid] != mode:
            mask |= MASK_MODE
        if self.tree.size_[eid] != size:
            mask |= MASK_SIZE
        if self.tree.mtime_[eid] != mtime or (told and not mask):
            mask |= MASK_MTIME
        if eid < self.contents_room:
            content, self.contents[eid] = self.contents[eid], UNKNOWN
        if not mask:
            if self.keeps:
                self.silent[self.silent_n] = eid
                self.silent_n += 1
            return
        if self.compares and mask & MASK_SIZE and self.tree.mode_[eid] & S_IFMT == S_IFREG:
            content = OTHER
        self.mark(eid, mask)
        if self.tree.parent_[eid] != 0 and (not is_dir or mask & MASK_MODE):
            self.tell(MODIFIED, eid, mask, <int64_t>self.tree.size_[eid] - <int64_t>size, NULL, 0, content)

    cdef int tell_deleted(self, uint32_t eid) except -1:
        cdef int64_t files, dirs, size
        if self.tree.parent_[eid] != 0 and self.attached(eid):
            self.tree.weigh(eid, &files, &dirs, &size)
            self.tell(DELETED, eid, MASK_DELETED, -size, NULL, 0)
            self.check()
        return 0

    cdef void tell(self, int type, uint32_t eid, uint8_t mask, int64_t growth, const uint8_t *old_path,
                   size_t old_path_size, uint8_t content=UNKNOWN) noexcept nogil:
        """Write a change of an entry down, as it is now. A lack of memory shows in the buffers."""
        cdef size_t path_size = self.tree.path_size(eid)
        cdef Told told
        cdef uint8_t *at
        memset(&told, 0, sizeof(told))
        self.put_delta(eid, mask)
        told.size, told.growth = self.tree.size_[eid], growth
        told.path_size, told.old_path_size = <uint32_t>path_size, <uint32_t>old_path_size
        told.delta_size, told.type, told.content = <uint32_t>self.bare.n, <uint8_t>type, content
        told.kind = <uint8_t>kind_of(self.tree.mode_[eid])
        if not make_room(&self.told, told_bytes(&told)):
            return
        at = self.told.data + self.told.n
        memset(at + told_bytes(&told) - 8, 0, 8)
        memcpy(at, &told, sizeof(told))
        at += sizeof(told)
        self.tree.write_path(eid, at + path_size)
        at += path_size
        memcpy(at, old_path, old_path_size)
        memcpy(at + old_path_size, self.bare.data, self.bare.n)
        self.told.n += told_bytes(&told)
        self.told_n += 1

    cdef void put_delta(self, uint32_t eid, uint8_t mask) noexcept nogil:
        """The DELTA of one record, its body bare (spec/QTN1.md, section 4), into `bare`."""
        cdef Buffer *columns[RECORD_COLUMNS]
        cdef uint64_t check
        cdef Item item
        cdef int i
        for i in range(RECORD_COLUMNS):
            columns[i] = &self.bare
        memset(&item, 0, sizeof(item))
        item.id, item.mask, item.name_len = eid, mask, self.tree.name_len[eid]
        item.parent, item.mode, item.size, item.mtime = (
            self.tree.parent_[eid], self.tree.mode_[eid], self.tree.size_[eid], self.tree.mtime_[eid])
        self.bare.n = 0
        put_bytes(&self.bare, b"\x01\x02\x04\x00", DELTA_HEAD_BYTES)
        put_varint(&self.bare, 1)
        if not put_records(columns, &item, 1, self.tree.heap + self.tree.name_off[eid]):
            self.bare.failed = True
            return
        check = xxh64(self.bare.data, self.bare.n, 0)
        for i in range(DELTA_CHECK_BYTES):
            put_byte(&self.bare, <uint8_t>(check >> (8 * i)))


cdef inline int kind_of(uint16_t mode) noexcept nogil:
    cdef int type = mode & S_IFMT
    if type == S_IFREG:
        return A_FILE
    if type == S_IFDIR:
        return A_DIRECTORY
    return A_SYMLINK if type == S_IFLNK else ANOTHER
