# cython: language_level=3
"""What of Linux the reactor speaks to: epoll, an eventfd, messages to a socket, a lock, a clock."""
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, const void *)
    int pthread_mutex_destroy(pthread_mutex_t *)
    int pthread_mutex_lock(pthread_mutex_t *)
    int pthread_mutex_unlock(pthread_mutex_t *)


cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data "epoll_data_t":
        void *ptr
    ctypedef struct epoll_event "struct epoll_event":
        uint32_t events
        epoll_data data
    int epoll_create1(int)
    int epoll_ctl(int, int, int, epoll_event *)
    int epoll_wait(int, epoll_event *, int, int)
    int EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL
    uint32_t EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR, EPOLLET


cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd(unsigned int, int)
    int eventfd_write(int, uint64_t)
    int eventfd_read(int, uint64_t *)
    int EFD_CLOEXEC, EFD_NONBLOCK


cdef extern from "<sys/socket.h>" nogil:
    ctypedef struct iovec "struct iovec":
        void *iov_base
        size_t iov_len
    ctypedef struct msghdr "struct msghdr":
        iovec *msg_iov
        size_t msg_iovlen
    ctypedef struct sockaddr "struct sockaddr":
        unsigned short sa_family
    ctypedef unsigned int socklen_t
    ssize_t sendmsg(int, const msghdr *, int)
    ssize_t recv(int, void *, size_t, int)
    int shutdown(int, int)
    int getsockopt(int, int, int, void *, socklen_t *)
    int getpeername(int, sockaddr *, socklen_t *)
    int MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR, SOL_SOCKET, SO_ERROR


cdef extern from *:
    """
    #include <time.h>
    static int64_t st_monotonic_ns(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    """
    int64_t monotonic_ns "st_monotonic_ns"() noexcept nogil
