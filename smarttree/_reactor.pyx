# cython: language_level=3
"""The reactor's Python face: it hands lanes and clients to the thread that sends, and takes back what that has to say.

A client is a connected socket and a cursor, 150 bytes in all; a lane's segments are Python's own bytes objects, held
until nobody stands inside them. Each call leaves an order in the inbox, and `wake` has all of them carried out: one
wake a flush. One thread makes these calls; another one is in `run`.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport errno
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.unistd cimport close

import os

from smarttree._cursor cimport WAITING, Cursor, Segment, Track
from smarttree._memory cimport widen
from smarttree._sockets cimport (
    EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLLIN, epoll_create1, epoll_ctl, epoll_event, eventfd,
    eventfd_read, eventfd_write, pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock
)
from smarttree._turns cimport (
    ADDRESS_BYTES, CLOSE_TRACK, CLOSED, DISMISS, DISMISS_ALL, EXTEND, FEED, JOIN, OPEN_TRACK, REASONS,
    RELEASE, RELEASED, SEAT, STOP, SURVEY, SURVEYED, Command, Flow, Order, Report, Survey, turn
)

# What `reports` tells, and why a client was closed: as _turns.pxd counts them.
TOLD = ("lagging", "fed", "closed", "released", "surveyed")
WHY = ("left", "timed-out", "talked", "failed", "dismissed", "stopped")

cdef enum:
    RING_MIN = 16
    REPORTS_EACH = 3     # open at a time about one client or lane
    RECEIVED_MAX = 64 * 1024


cdef class Client:
    """A connection that the reactor owns."""
    cdef Cursor cursor


cdef class Lane:
    """Segments of wire bytes, and the clients that stand in them. `end` is the index of the next segment to come."""
    cdef Track track
    cdef uint64_t room
    cdef readonly uint64_t end


cdef Segment *make_segment(bytes data, uint64_t seq) except NULL:
    if not data:
        raise ValueError("a segment has bytes")
    cdef Segment *segment = <Segment *>calloc(1, sizeof(Segment))
    if segment == NULL:
        raise MemoryError
    Py_INCREF(data)
    segment.owner, segment.data, segment.size = <PyObject *>data, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)
    segment.seq, segment.refs = seq, 1
    return segment


cdef void free_segments(Segment *segment):
    cdef Segment *after
    while segment != NULL:
        after = segment.next
        Py_DECREF(<object>segment.owner)
        free(segment)
        segment = after


cdef class Reactor:
    """`goodbyes` are the last words for clients that we end, one for each in turn: as many for each of the `kinds` of
    lanes, one kind after the other.
    """
    cdef Flow flow
    cdef size_t held         # clients and lanes that the thread may touch
    cdef readonly size_t clients
    cdef list said           # the goodbyes
    cdef size_t said_n
    cdef size_t kinds

    def __cinit__(self, goodbyes, size_t kinds=1):
        cdef Flow *f = &self.flow
        cdef epoll_event event
        f.epoll = f.wake_fd = f.report_fd = -1
        pthread_mutex_init(&f.lock, NULL)
        f.received_max = RECEIVED_MAX
        self.said = list(goodbyes)
        f.goodbyes = <Segment **>calloc(max(1, len(self.said)), sizeof(Segment *))
        if f.goodbyes == NULL:
            raise MemoryError
        for said in self.said:
            f.goodbyes[self.said_n] = make_segment(said, 0)
            self.said_n += 1
        if not self.said_n or not kinds or self.said_n % kinds:
            raise ValueError("there is at least one goodbye, and as many for each kind")
        self.kinds, f.goodbyes_n = kinds, self.said_n // kinds
        f.epoll = epoll_create1(EPOLL_CLOEXEC)
        f.wake_fd, f.report_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        memset(&event, 0, sizeof(event))
        event.events = EPOLLIN
        if min(f.epoll, f.wake_fd, f.report_fd) < 0 or epoll_ctl(f.epoll, EPOLL_CTL_ADD, f.wake_fd, &event) < 0:
            raise OSError(errno, os.strerror(errno))
        self.reserve(0)

    def __dealloc__(self):
        cdef Flow *f = &self.flow
        cdef size_t i
        if self.held:
            self.close()
        free_segments(f.unneeded)
        free_segments(f.dropped)
        for i in range(self.said_n):
            f.goodbyes[i].next = NULL
            free_segments(f.goodbyes[i])
        self.close_descriptors()
        free(f.goodbyes)
        free(f.reports)
        free(f.inbox.items)
        free(f.taken.items)
        pthread_mutex_destroy(&f.lock)

    # ---------------------------------------------------------------- the thread's side

    def run(self):
        """Serves until `stop`: what the thread does."""
        with nogil:
            while turn(&self.flow, -1):
                pass

    def turn(self):
        """One turn, without waiting: for tests, and once no thread runs any more. False after `stop`."""
        cdef bint going
        with nogil:
            going = turn(&self.flow, 0)
        return going

    def stop(self):
        """Ends every connection and the thread. `close` is for when that has ended."""
        self.order(STOP, None, NULL)
        self.wake()

    def close(self):
        """After the end of the thread: closes all that is left, and lets go of it. No other call may follow."""
        cdef Flow *f = &self.flow
        while self.held:
            self.order(STOP, None, NULL)
            turn(f, 0)
            self.reports()
            if self.clients == 0 and f.tracks != NULL:
                self.order_track(CLOSE_TRACK, f.tracks)
        self.close_descriptors()

    cdef void close_descriptors(self):
        cdef Flow *f = &self.flow
        for fd in (f.epoll, f.wake_fd, f.report_fd):
            if fd >= 0:
                close(fd)
        f.epoll = f.wake_fd = f.report_fd = -1

    # ---------------------------------------------------------------- orders

    cdef int reserve(self, size_t more) except -1:
        """Room for whatever the thread may have to report. It is the caller's turn to use it."""
        cdef Flow *f = &self.flow
        cdef bint done
        pthread_mutex_lock(&f.lock)
        done = widen(<void **>&f.reports, &f.reports_room, REPORTS_EACH * (self.held + more) + 4, sizeof(Report))
        pthread_mutex_unlock(&f.lock)
        if not done:
            raise MemoryError
        return 0

    cdef int put(self, Command *command) except -1:
        cdef Flow *f = &self.flow
        cdef bint done
        pthread_mutex_lock(&f.lock)
        done = widen(<void **>&f.inbox.items, &f.inbox.room, f.inbox.n + 1, sizeof(Command))
        if done:
            f.inbox.items[f.inbox.n] = command[0]
            f.inbox.n += 1
        pthread_mutex_unlock(&f.lock)
        if not done:
            raise MemoryError
        return 0

    cdef int order(self, Order order, Client client, Segment *segment, uint64_t index=0, uint64_t seq=0) except -1:
        cdef Command command
        memset(&command, 0, sizeof(command))
        command.order, command.segment, command.index, command.seq = order, segment, index, seq
        if client is not None:
            command.who, command.cursor = client.cursor.owner, &client.cursor
        return self.put(&command)

    cdef int order_track(self, Order order, Track *track) except -1:
        cdef Command command
        memset(&command, 0, sizeof(command))
        command.order, command.who, command.track = order, track.owner, track
        return self.put(&command)

    def wake(self):
        """Has the orders carried out."""
        eventfd_write(self.flow.wake_fd, 1)

    def open_lane(self, uint64_t start, size_t kind=0):
        """A lane whose first segment will have the index `start`. `kind`: which of the goodbyes its clients get."""
        cdef Lane lane = Lane()
        cdef Track *track = &lane.track
        if kind >= self.kinds:
            raise ValueError(f"there is no kind {kind}")
        self.reserve(1)
        track.ring = <Segment **>malloc(RING_MIN * sizeof(Segment *))
        if track.ring == NULL:
            raise MemoryError
        lane.room = track.room = RING_MIN
        lane.end = track.start = track.end = start
        track.owner, track.kind = <PyObject *>lane, kind
        self.order_track(OPEN_TRACK, track)
        Py_INCREF(lane)
        self.held += 1
        return lane

    def append(self, Lane lane, uint64_t index, uint64_t seq, bytes data, uint64_t start):
        """The next segment, which leads to `seq`; what is before `start` is dropped. `index` is the lane's end, or
        `start` where that is further on.
        """
        cdef Command command
        if index != max(lane.end, start):
            raise ValueError(f"segment {index} after {lane.end}")
        memset(&command, 0, sizeof(command))
        command.order, command.track, command.start = EXTEND, &lane.track, start
        command.index, command.segment = index, make_segment(data, seq)
        if index + 1 - start > lane.room:
            command.room = 2 * lane.room
            command.ring = <Segment **>malloc(command.room * sizeof(Segment *))
        try:
            if command.room and command.ring == NULL:
                raise MemoryError
            self.put(&command)
        except MemoryError:
            free(command.ring)
            free_segments(command.segment)
            raise
        lane.end, lane.room = index + 1, max(lane.room, command.room)
        self.reap()

    def close_lane(self, Lane lane):
        """Drops a lane that all clients have been reported to have left."""
        self.order_track(CLOSE_TRACK, &lane.track)
        self.wake()

    def join(self, int fd, Lane lane, uint64_t seq):
        """Takes over a connected socket, without blocking mode, of a client that stands at `seq`: to be told by
        `seat` or `feed` what comes next.
        """
        cdef Client client = Client()
        cdef Command command
        self.reserve(1)
        client.cursor.owner, client.cursor.fd, client.cursor.seq = <PyObject *>client, fd, seq
        client.cursor.state, client.cursor.writable, client.cursor.position = WAITING, True, 0
        memset(&command, 0, sizeof(command))
        command.order, command.cursor, command.track = JOIN, &client.cursor, &lane.track
        self.put(&command)
        Py_INCREF(client)
        self.held += 1
        self.clients += 1
        return client

    def seat(self, Client client, uint64_t index, uint64_t seq):
        """A client that has everything up to `seq` goes on at a segment of its lane: now it is served by itself."""
        self.order(SEAT, client, NULL, index, seq)

    def feed(self, Client client, bytes data):
        """Bytes for one client that waits; `fed` is reported once they are sent."""
        cdef Segment *segment = make_segment(data, 0)
        try:
            self.order(FEED, client, segment)
        except MemoryError:
            free_segments(segment)
            raise
        self.reap()

    def dismiss(self, Client client):
        """Ends what it is in the middle of, says goodbye, closes."""
        self.order(DISMISS, client, NULL)

    def dismiss_all(self):
        self.order(DISMISS_ALL, None, NULL)
        self.wake()

    def survey(self):
        """Has the figures taken; `surveyed` is reported then."""
        self.order(SURVEY, None, NULL)
        self.wake()

    # ---------------------------------------------------------------- reports

    @property
    def fd(self):
        """Readable while there are reports."""
        return self.flow.report_fd

    cdef void reap(self):
        cdef Segment *segment
        pthread_mutex_lock(&self.flow.lock)
        segment, self.flow.unneeded = self.flow.unneeded, NULL
        pthread_mutex_unlock(&self.flow.lock)
        free_segments(segment)

    def reports(self):
        """What the thread has told since: (what, client, value). A client that is closed is none of the reactor's any
        more; the value says why.
        """
        cdef Flow *f = &self.flow
        cdef uint64_t count
        cdef Report *taken
        cdef list out = []
        cdef size_t i, n
        eventfd_read(f.report_fd, &count)
        self.reap()
        pthread_mutex_lock(&f.lock)
        n = f.reports_n
        taken = <Report *>malloc(max(n, <size_t>1) * sizeof(Report))
        if taken != NULL:
            memcpy(taken, f.reports, n * sizeof(Report))
            f.reports_n = 0
        pthread_mutex_unlock(&f.lock)
        if taken == NULL:
            raise MemoryError
        try:
            for i in range(n):
                self.take(&taken[i], out)
        finally:
            free(taken)
        return out

    cdef int take(self, Report *report, list out) except -1:
        if report.told == RELEASED:
            self.held -= 1
            if isinstance(<object>report.who, Lane):
                free((<Lane>report.who).track.ring)
            Py_DECREF(<object>report.who)
            return 0
        if report.told == SURVEYED:
            out.append((TOLD[SURVEYED], None, self.figures()))
            return 0
        value = WHY[report.value] if report.told == CLOSED else report.value
        out.append((TOLD[report.told], <Client>report.who, value))
        if report.told == CLOSED:
            self.clients -= 1
            self.order(RELEASE, <Client>report.who, NULL)
            self.wake()
        return 0

    cdef dict figures(self):
        cdef Survey survey
        cdef size_t i
        pthread_mutex_lock(&self.flow.lock)
        survey = self.flow.survey
        pthread_mutex_unlock(&self.flow.lock)
        return {
            "clients": survey.clients,
            "lagging": survey.lagging,
            "lag_bytes": survey.lag_bytes,
            "lag_ns": survey.lag_ns,
            "sends": survey.sends,
            "sent_bytes": survey.sent_bytes,
            "closed": {WHY[i]: survey.closed[i] for i in range(REASONS)},
            "worst": [
                (
                    survey.worst[i].address[:ADDRESS_BYTES],
                    survey.worst[i].seq,
                    survey.worst[i].nbytes,
                    survey.worst[i].ns,
                )
                for i in range(survey.worst_n)
            ],
        }
