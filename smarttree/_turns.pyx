# cython: language_level=3
"""The reactor's thread: it waits, carries out what it was ordered, and gives each client one quantum in its turn.

All tracks and clients are its own from the order that brings them to the report that releases them: there is no lock
over a send, and it needs neither the GIL nor memory. Whoever wants to be served stands in one queue, so that a turn
takes no client twice; who is served first in a track rotates. Epoll is edge-triggered: a client that can't take more
leaves the queue until the kernel says that it can.
"""
from libc.errno cimport EAGAIN, ECONNRESET, EINTR, EPIPE, ETIMEDOUT, errno
from libc.stdlib cimport free
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memmove, memset
from posix.unistd cimport close

from smarttree._cursor cimport (
    FEEDING, GONE, LEAVING, PARTING, PARTS_MAX, SEATED, WAITING, adopt, advance, enter, extend, gather, has_all,
    has_lost, leave, release, seat, trim
)
from smarttree._sockets cimport (
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, MSG_DONTWAIT,
    MSG_NOSIGNAL, SHUT_WR, SO_ERROR, SOL_SOCKET, epoll_ctl, epoll_event, epoll_wait, eventfd_read, eventfd_write,
    getpeername, getsockopt, iovec, monotonic_ns, msghdr, pthread_mutex_lock, pthread_mutex_unlock, recv, sendmsg,
    shutdown, sockaddr, socklen_t
)

cdef enum:
    EVENTS_MAX = 256
    SCRATCH_BYTES = 4096


cdef void tell(Flow *f, Told told, PyObject *who, uint64_t value) noexcept nogil:
    cdef bint first
    pthread_mutex_lock(&f.lock)
    first = f.reports_n == 0
    f.reports[f.reports_n] = Report(told, who, value)
    f.reports_n += 1
    pthread_mutex_unlock(&f.lock)
    if first:
        eventfd_write(f.report_fd, 1)


# ---------------------------------------------------------------- the queue


cdef void enqueue(Flow *f, Cursor *c) noexcept nogil:
    if c.queued or not c.writable or c.state == GONE:
        return
    c.queued, c.queued_next = True, NULL
    if f.first == NULL:
        f.first = c
    else:
        f.last.queued_next = c
    f.last = c


cdef void enqueue_track(Flow *f, Track *track) noexcept nogil:
    """All of a track, beginning one further than the time before."""
    cdef Cursor *c = track.first
    track.fresh = False
    if c == NULL:
        track.served = track.end
        return
    track.first = c = c.next
    while True:
        if c.state == SEATED:
            if c.segment == NULL and c.index >= track.served:
                c.behind_ns = f.now_ns
            enqueue(f, c)
        c = c.next
        if c == track.first:
            break
    track.served = track.end


cdef void serve_queue(Flow *f) noexcept nogil:
    """One quantum for each who is in the queue now."""
    cdef Cursor *c
    cdef Cursor *end = f.last
    cdef bint is_end = False
    while f.first != NULL and not is_end:
        c = f.first
        is_end = c == end
        f.first, c.queued = c.queued_next, False
        if c.state != GONE and serve(f, c):
            enqueue(f, c)


# ---------------------------------------------------------------- one client


cdef void drop(Flow *f, Cursor *c, Reason reason) noexcept nogil:
    """Ends a connection. It is taken out of epoll by name: a duplicate of its descriptor may still be open."""
    epoll_ctl(f.epoll, EPOLL_CTL_DEL, c.fd, NULL)
    close(c.fd)
    c.fd, c.state = -1, GONE
    if c.segment != NULL:
        release(c.segment, &f.dropped)
        c.segment = NULL
    leave(c)
    f.closed[<int>reason] += 1
    tell(f, CLOSED, c.owner, reason)


cdef Reason reason_of(int error) noexcept nogil:
    if error == ETIMEDOUT:
        return TIMED_OUT
    return LEFT if error == EPIPE or error == ECONNRESET else FAILED


cdef inline size_t goodbye(Flow *f, uint32_t kind) noexcept nogil:
    """Which one is next."""
    return kind * f.goodbyes_n + f.goodbyes_used % f.goodbyes_n


cdef bint serve(Flow *f, Cursor *c) noexcept nogil:
    """Sends one quantum; whether there may be more to do for it in this state of things."""
    cdef iovec parts[PARTS_MAX]
    cdef msghdr message
    cdef size_t count, total
    cdef ssize_t sent
    if c.state == LEAVING and c.segment == NULL:
        c.state, c.offset, c.segment = PARTING, 0, f.goodbyes[goodbye(f, c.track.kind)]
        c.segment.refs += 1
        f.goodbyes_used += 1
    elif c.state == SEATED and has_lost(c):
        c.state = WAITING
        tell(f, LAGGING, c.owner, c.seq)
    total = 0 if c.state == WAITING else gather(c, parts, &count)
    if total == 0:
        return False
    memset(&message, 0, sizeof(message))
    message.msg_iov, message.msg_iovlen = parts, count
    sent = sendmsg(c.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
    if sent < 0:
        if errno == EAGAIN:
            c.writable = False
        elif errno != EINTR:
            drop(f, c, reason_of(errno))
        return c.state != GONE and c.writable
    f.sends += 1
    f.sent_bytes += sent
    advance(c, sent, &f.dropped)
    return follow_up(f, c)


cdef bint follow_up(Flow *f, Cursor *c) noexcept nogil:
    """What comes of something having been sent; as `serve`."""
    if c.state == SEATED and has_all(c):
        return False
    if c.segment == NULL:
        if c.state == FEEDING:
            c.state = WAITING
            tell(f, FED, c.owner, 0)
            return False
        if c.state == PARTING:
            discard(f, c)  # what was received and not read would turn the close into a reset
            if c.state != GONE:
                shutdown(c.fd, SHUT_WR)
                drop(f, c, DISMISSED)
            return False
    return True


cdef void discard(Flow *f, Cursor *c) noexcept nogil:
    """Reads what nobody wants to know. The end of it is the end of the client: half a connection is none."""
    cdef char scratch[SCRATCH_BYTES]
    cdef ssize_t got
    while c.received <= f.received_max:
        got = recv(c.fd, scratch, sizeof(scratch), MSG_DONTWAIT)
        if got > 0:
            c.received += got
        elif got == 0:
            drop(f, c, LEFT)
            return
        elif errno != EINTR:
            if errno != EAGAIN:
                drop(f, c, reason_of(errno))
            return
    drop(f, c, TALKED)


cdef void attend(Flow *f, Cursor *c, uint32_t events) noexcept nogil:
    cdef int error = 0
    cdef socklen_t size = sizeof(error)
    if events & EPOLLERR:
        getsockopt(c.fd, SOL_SOCKET, SO_ERROR, &error, &size)
        drop(f, c, reason_of(error))
        return
    if events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP):
        discard(f, c)
    if c.state != GONE and events & EPOLLOUT:
        c.writable = True
        enqueue(f, c)


# ---------------------------------------------------------------- orders


cdef void join(Flow *f, Cursor *c, Track *track) noexcept nogil:
    cdef epoll_event event
    enter(c, track)
    c.behind_ns = f.now_ns
    memset(&event, 0, sizeof(event))
    event.events, event.data.ptr = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c
    if epoll_ctl(f.epoll, EPOLL_CTL_ADD, c.fd, &event) < 0:
        drop(f, c, FAILED)


cdef void dismiss(Flow *f, Cursor *c) noexcept nogil:
    if c.state < LEAVING:
        c.state = LEAVING
        enqueue(f, c)


cdef void open_track(Flow *f, Track *track) noexcept nogil:
    if f.tracks == NULL:
        f.tracks = track.next = track.previous = track
        return
    track.next, track.previous = f.tracks, f.tracks.previous
    track.previous.next = track.next.previous = track


cdef void close_track(Flow *f, Track *track) noexcept nogil:
    if f.tracks == track:
        f.tracks = track.next if track.next != track else NULL
    track.next.previous, track.previous.next = track.previous, track.next
    trim(track, track.end, &f.dropped)


cdef void extend_track(Flow *f, Command *command) noexcept nogil:
    cdef Track *track = command.track
    cdef void *old = track.ring
    if command.ring != NULL:
        adopt(track, command.ring, command.room)
        free(old)
    trim(track, command.start, &f.dropped)
    extend(track, command.segment)


cdef void for_all(Flow *f, void (*act)(Flow *, Cursor *) noexcept nogil) noexcept nogil:
    """`act` may drop its client."""
    cdef Track *track = f.tracks
    cdef Cursor *c
    cdef Cursor *after
    cdef Cursor *last
    while track != NULL:
        c = track.first
        last = c.previous if c != NULL else NULL
        while c != NULL:
            after = c.next if c != last else NULL
            act(f, c)
            c = after
        track = track.next if track.next != f.tracks else NULL


cdef void stop(Flow *f, Cursor *c) noexcept nogil:
    drop(f, c, STOPPED)


cdef void carry_out(Flow *f, Command *command) noexcept nogil:
    cdef Order order = command.order
    cdef Cursor *c = command.cursor
    if order == EXTEND:
        extend_track(f, command)
    elif order == JOIN:
        join(f, c, command.track)
    elif order == SEAT:
        if c.state == WAITING:
            seat(c, command.index, command.seq)
            enqueue(f, c)
    elif order == FEED:
        if c.state == WAITING:
            c.state, c.offset, c.segment = FEEDING, 0, command.segment
            enqueue(f, c)
        else:
            release(command.segment, &f.dropped)
    elif order == DISMISS:
        dismiss(f, c)
    elif order == DISMISS_ALL:
        for_all(f, dismiss)
    elif order == OPEN_TRACK:
        open_track(f, command.track)
    elif order == CLOSE_TRACK:
        close_track(f, command.track)
        tell(f, RELEASED, command.who, 0)
    elif order == RELEASE:
        tell(f, RELEASED, command.who, 0)
    elif order == SURVEY:
        survey(f)
    elif order == STOP:
        f.stopped = True
        for_all(f, stop)


cdef void take_orders(Flow *f) noexcept nogil:
    cdef Commands before = f.taken
    pthread_mutex_lock(&f.lock)
    f.taken, f.inbox = f.inbox, before
    pthread_mutex_unlock(&f.lock)


cdef void carry_out_all(Flow *f) noexcept nogil:
    cdef Track *track
    cdef size_t i
    for i in range(f.taken.n):
        carry_out(f, &f.taken.items[i])
    if f.taken.n:
        f.taken.n = 0
        track = f.tracks
        while track != NULL:
            if track.fresh:
                enqueue_track(f, track)
            track = track.next if track.next != f.tracks else NULL


# ---------------------------------------------------------------- figures


cdef void count_one(Flow *f, Cursor *c) noexcept nogil:
    """Into the survey; among the worst, the furthest behind first."""
    cdef Survey *s = &f.survey
    cdef uint64_t nbytes = c.track.total - c.position if c.track.total > c.position else 0
    cdef int64_t ns = 0 if nbytes == 0 else f.now_ns - c.behind_ns
    cdef socklen_t size = ADDRESS_BYTES
    cdef size_t at
    s.clients += 1
    if nbytes == 0:
        return
    s.lagging += 1
    s.lag_bytes, s.lag_ns = max(s.lag_bytes, nbytes), max(s.lag_ns, ns)
    at = s.worst_n
    while at and s.worst[at - 1].nbytes < nbytes:
        at -= 1
    if at == WORST_MAX:
        return
    s.worst_n = min(s.worst_n + 1, <size_t>WORST_MAX)
    memmove(&s.worst[at + 1], &s.worst[at], (s.worst_n - at - 1) * sizeof(Lag))
    s.worst[at].nbytes, s.worst[at].ns, s.worst[at].seq = nbytes, ns, c.seq
    memset(s.worst[at].address, 0, ADDRESS_BYTES)
    getpeername(c.fd, <sockaddr *>s.worst[at].address, &size)


cdef void survey(Flow *f) noexcept nogil:
    cdef int reason
    pthread_mutex_lock(&f.lock)
    memset(&f.survey, 0, sizeof(Survey))
    for_all(f, count_one)
    f.survey.sends, f.survey.sent_bytes = f.sends, f.sent_bytes
    for reason in range(<int>REASONS):
        f.survey.closed[reason] = f.closed[reason]
    pthread_mutex_unlock(&f.lock)
    tell(f, SURVEYED, NULL, 0)


# ---------------------------------------------------------------- a turn


cdef void hand_back(Flow *f) noexcept nogil:
    """Segments that nobody needs, for Python to free at its leisure."""
    cdef Segment *last = f.dropped
    if last == NULL:
        return
    while last.next != NULL:
        last = last.next
    pthread_mutex_lock(&f.lock)
    last.next, f.unneeded = f.unneeded, f.dropped
    pthread_mutex_unlock(&f.lock)
    f.dropped = NULL


cdef bint turn(Flow *f, int timeout_ms) noexcept nogil:
    """Waits for something to do, for up to `timeout_ms` (-1: for ever), and does it. False once it was told to stop.

    Orders are taken before anyone is attended to. Who is dropped then may stand in the queue still, and Python, which
    is told at once, may order its release at once: that must not be carried out before the queue has been gone through.
    """
    cdef epoll_event events[EVENTS_MAX]
    cdef uint64_t woken
    cdef int count, i
    count = epoll_wait(f.epoll, events, EVENTS_MAX, 0 if f.first != NULL else timeout_ms)
    f.now_ns = monotonic_ns()
    for i in range(count):
        if events[i].data.ptr == NULL:
            eventfd_read(f.wake_fd, &woken)
    take_orders(f)
    for i in range(count):
        if events[i].data.ptr != NULL:
            attend(f, <Cursor *>events[i].data.ptr, events[i].events)
    carry_out_all(f)
    serve_queue(f)
    hand_back(f)
    return not f.stopped
