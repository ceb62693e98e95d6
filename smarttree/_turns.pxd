# cython: language_level=3
"""What the reactor's thread and Python tell each other. See _turns.pyx."""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from smarttree._cursor cimport Cursor, Segment, Track
from smarttree._sockets cimport pthread_mutex_t


cdef enum:
    WORST_MAX = 10
    ADDRESS_BYTES = 128          # sizeof(struct sockaddr_storage)


# Orders: from Python to the thread, carried out in their order.
cdef enum Order:
    OPEN_TRACK
    EXTEND
    CLOSE_TRACK
    JOIN
    SEAT
    FEED
    DISMISS
    DISMISS_ALL
    SURVEY
    RELEASE
    STOP


# Reports: from the thread to Python.
cdef enum Told:
    LAGGING      # a client has lost its place in the track; value: the seq it stands at
    FED          # it has taken its private bytes
    CLOSED       # value: a Reason
    RELEASED     # the thread will never touch this client or track again
    SURVEYED


cdef enum Reason:
    LEFT         # the peer closed, half-closed or reset
    TIMED_OUT    # the peer acknowledged or took nothing for too long
    TALKED       # the peer sent more than anyone has to say after a request
    FAILED       # another error of the socket
    DISMISSED    # by us, after its last words
    STOPPED      # by us, without
    REASONS


cdef struct Command:
    Order order
    PyObject *who                # whoever RELEASED is told of
    Track *track
    Cursor *cursor
    Segment *segment
    Segment **ring
    uint64_t room
    uint64_t index
    uint64_t start
    uint64_t seq


cdef struct Commands:
    Command *items
    size_t n
    size_t room


cdef struct Report:
    Told told
    PyObject *who
    uint64_t value


cdef struct Lag:
    uint64_t nbytes
    int64_t ns
    uint64_t seq
    char address[ADDRESS_BYTES]


cdef struct Survey:
    uint64_t clients
    uint64_t lagging
    uint64_t lag_bytes
    int64_t lag_ns
    uint64_t sends
    uint64_t sent_bytes
    uint64_t closed[REASONS]
    Lag worst[WORST_MAX]
    size_t worst_n


cdef struct Flow:
    # Under the lock:
    pthread_mutex_t lock
    Commands inbox
    Report *reports
    size_t reports_n
    size_t reports_room          # made by whoever joins: the thread never allocates
    Segment *unneeded            # for Python to free
    Survey survey
    # The thread's own:
    Commands taken
    int epoll
    int wake_fd
    int report_fd
    int64_t now_ns
    bint stopped
    Track *tracks
    Cursor *first                # in the queue of those to be served
    Cursor *last
    Segment *dropped
    Segment **goodbyes
    size_t goodbyes_n            # of each kind of track, one kind after the other
    size_t goodbyes_used
    size_t received_max
    uint64_t sends
    uint64_t sent_bytes
    uint64_t closed[REASONS]


cdef bint turn(Flow *f, int timeout_ms) noexcept nogil
