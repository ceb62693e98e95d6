# cython: language_level=3
"""Having a file system marked by who may: one byte and a descriptor there, an errno back (smarttree/watch/marker.py).

One question at a time, whoever asks. What can't be asked, or is not answered in the time that the socket has, can't be
marked (ENODEV): then the socket is shut, as a late answer would be taken for that to the next question.
"""
from libc.stdint cimport uint32_t

cdef extern from *:
    """
    #include <errno.h>
    #include <pthread.h>
    #include <string.h>
    #include <sys/socket.h>
    static pthread_mutex_t st_asking = PTHREAD_MUTEX_INITIALIZER;
    static int st_exchange(int channel, int fd, int32_t *answer) {
        char ask = 'm';
        union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } with;
        struct iovec what = {&ask, 1};
        struct msghdr message = {
            .msg_iov = &what, .msg_iovlen = 1, .msg_control = &with, .msg_controllen = sizeof with
        };
        ssize_t done;
        memset(&with, 0, sizeof with);
        with.head.cmsg_level = SOL_SOCKET;
        with.head.cmsg_type = SCM_RIGHTS;
        with.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&with.head), &fd, sizeof fd);
        do done = sendmsg(channel, &message, MSG_NOSIGNAL); while (done < 0 && errno == EINTR);
        if (done != 1) return -1;
        do done = recv(channel, answer, 8, 0); while (done < 0 && errno == EINTR);
        return done == 8 ? 0 : -1;
    }
    /* 0 or an errno; and whether that file system had no mark so far. */
    static int st_ask(int channel, int fd, uint32_t *fresh) {
        int32_t answer[2] = {ENODEV, 0};
        pthread_mutex_lock(&st_asking);
        if (st_exchange(channel, fd, answer) < 0) {
            shutdown(channel, SHUT_RDWR);
            answer[0] = ENODEV;
        }
        if (answer[0] == EPERM) answer[0] = ENODEV;  /* -EPERM is -1, which says that there was nothing to watch */
        pthread_mutex_unlock(&st_asking);
        *fresh = (uint32_t)answer[1];
        return answer[0];
    }
    """
    int st_ask(int, int, uint32_t *) noexcept nogil
