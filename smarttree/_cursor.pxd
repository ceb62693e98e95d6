# cython: language_level=3
"""A client is a cursor among the segments of a track. Pure: no sockets, no threads, no allocation.

    index    start          c.index             end
    segment  [.....] [.....] [...|.....] [.....]        a track: the wire bytes of one lane
                                 c.offset

`segment` is set only while a client stands inside one, and holds it: the track may drop it meanwhile. So whatever is
dropped, the client ends the segment it is in, and stands between two. Private bytes (from the log, the last `retry:`)
are a segment too, one that is in no track.
"""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from smarttree._sockets cimport iovec


cdef enum:
    QUANTUM_BYTES = 64 * 1024    # to one client in one turn: what a socket's buffer takes
    PARTS_MAX = 64               # segments in one send


# What a client is doing. The order counts: from LEAVING on it takes no more orders.
cdef enum State:
    WAITING     # for Python to say what is next
    FEEDING     # taking private bytes
    SEATED      # in the track
    LEAVING     # ending the segment it is in, then ...
    PARTING     # ... taking its last words
    GONE


cdef struct Segment:
    Segment *next            # among those that nobody needs any more
    PyObject *owner          # whose bytes they are
    const char *data
    size_t size
    uint64_t before          # bytes of the track before it
    uint64_t seq             # the clock a client stands at after it
    uint32_t refs            # the track's, and one of each client inside


cdef struct Track:
    PyObject *owner
    Segment **ring           # by index modulo `room`, a power of two
    uint64_t room
    uint64_t start
    uint64_t end
    uint64_t total           # bytes up to the end
    Cursor *first            # of a circle of clients
    Track *next              # of the reactor's circle of tracks
    Track *previous
    uint64_t served          # the end when its clients were last served
    bint fresh               # grown since
    uint32_t kind            # what its clients' last words are like


cdef struct Cursor:
    PyObject *owner
    Track *track
    Cursor *next             # round the track
    Cursor *previous
    Cursor *queued_next      # in the queue of those to be served
    Segment *segment
    size_t offset
    uint64_t index
    uint64_t seq
    uint64_t position        # bytes of the track taken
    int64_t behind_ns        # since when it has not had everything
    int fd
    uint32_t received        # bytes that it sent, and nobody read
    uint8_t state
    bint queued
    bint writable


cdef inline Segment *segment_at(Track *track, uint64_t index) noexcept nogil:
    return track.ring[index & (track.room - 1)]


cdef inline bint has_lost(Cursor *c) noexcept nogil:
    """Whether the track has dropped what comes next."""
    return c.segment == NULL and c.index < c.track.start


cdef inline bint has_all(Cursor *c) noexcept nogil:
    return c.segment == NULL and c.index == c.track.end


cdef inline size_t gather(Cursor *c, iovec *parts, size_t *count) noexcept nogil:
    """What to send next: up to QUANTUM_BYTES in up to PARTS_MAX parts. Returns how many bytes."""
    cdef size_t total = 0, size
    cdef uint64_t index = c.index
    cdef Segment *segment = c.segment
    count[0] = 0
    if segment != NULL:
        total = min(segment.size - c.offset, <size_t>QUANTUM_BYTES)
        parts[0].iov_base, parts[0].iov_len = <void *>(segment.data + c.offset), total
        count[0] = 1
        index += 1
    if c.state != SEATED or index < c.track.start:
        return total
    while index < c.track.end and total < QUANTUM_BYTES and count[0] < PARTS_MAX:
        segment = segment_at(c.track, index)
        size = min(segment.size, QUANTUM_BYTES - total)
        parts[count[0]].iov_base, parts[count[0]].iov_len = <void *>segment.data, size
        count[0] += 1
        total += size
        index += 1
    return total


cdef inline void release(Segment *segment, Segment **unneeded) noexcept nogil:
    segment.refs -= 1
    if segment.refs == 0:
        segment.next = unneeded[0]
        unneeded[0] = segment


cdef inline void advance(Cursor *c, size_t sent, Segment **unneeded) noexcept nogil:
    """Moves the cursor over what was sent: no more than `gather` gave."""
    cdef Segment *segment
    cdef size_t rest
    c.position += sent
    while sent:
        segment = c.segment if c.segment != NULL else segment_at(c.track, c.index)
        rest = segment.size - c.offset
        if sent < rest:
            if c.segment == NULL:
                c.segment = segment
                segment.refs += 1
            c.offset += sent
            return
        sent -= rest
        c.offset = 0
        if c.state == SEATED:
            c.seq = segment.seq
            c.index += 1
        if c.segment != NULL:
            c.segment = NULL
            release(segment, unneeded)


cdef inline void trim(Track *track, uint64_t start, Segment **unneeded) noexcept nogil:
    while track.start < min(start, track.end):
        release(segment_at(track, track.start), unneeded)
        track.start += 1
    if track.start < start:
        track.start = track.end = start


cdef inline void extend(Track *track, Segment *segment) noexcept nogil:
    """There is room: who makes the segment gives a larger ring with it where there is not."""
    segment.before = track.total
    track.total += segment.size
    track.ring[track.end & (track.room - 1)] = segment
    track.end += 1
    track.fresh = True


cdef inline void adopt(Track *track, Segment **ring, uint64_t room) noexcept nogil:
    """Moves into a larger ring. The old one is the caller's."""
    cdef uint64_t index
    for index in range(track.start, track.end):
        ring[index & (room - 1)] = segment_at(track, index)
    track.ring, track.room = ring, room


cdef inline void seat(Cursor *c, uint64_t index, uint64_t seq) noexcept nogil:
    """Goes on at `index` of the track, with everything up to `seq`.

    What the track has dropped counts as taken up to where it still knows."""
    c.state, c.index, c.seq, c.offset = SEATED, index, seq, 0
    if index >= c.track.end:
        c.position = c.track.total
    elif index >= c.track.start:
        c.position = segment_at(c.track, index).before


cdef inline void enter(Cursor *c, Track *track) noexcept nogil:
    c.track = track
    if track.first == NULL:
        track.first = c.next = c.previous = c
        return
    c.next, c.previous = track.first, track.first.previous
    c.previous.next = c.next.previous = c


cdef inline void leave(Cursor *c) noexcept nogil:
    if c.track.first == c:
        c.track.first = c.next if c.next != c else NULL
    c.next.previous, c.previous.next = c.previous, c.next
