/* Sockets that do as they are told. Loaded before the C library, this answers calls on chosen descriptors by a script.
 *
 * Law: what is not scripted is the kernel's own. A send that is cut short is really sent as far as it goes; one that is
 * refused for a while is owed an edge of epoll, as the kernel would owe it, and gets it some waits later. A script ends
 * when its descriptor leaves epoll, before the number is used again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { DESCRIPTORS_MAX = 1024, PARTS_MAX = 1024 };

/* One call: an error, or as many bytes as this at most; for EAGAIN, after how many waits the edge comes. */
struct step {
    int32_t error;
    uint32_t limit;
};

struct queue {
    const struct step *steps;
    size_t n, at;
};

/* One wait: EINTR, or events of a descriptor that the kernel did not tell of, with what SO_ERROR then says. */
struct event {
    int32_t descriptor;
    uint32_t mask;
    int32_t error;
};

static struct scripted {
    struct queue sends, receives;
    int epoll; /* -1: in none */
    int refused; /* by epoll_ctl, with this error */
    int error;
    uint32_t owed;
    epoll_data_t data;
} table[DESCRIPTORS_MAX];

static const struct event *events;
static size_t events_n, events_at;

static struct scripted *of(int descriptor)
{
    struct scripted *found = descriptor >= 0 && descriptor < DESCRIPTORS_MAX ? &table[descriptor] : NULL;
    return found != NULL && found->epoll != 0 ? found : NULL;
}

static const struct step *next(struct queue *queue)
{
    return queue->at < queue->n ? &queue->steps[queue->at++] : NULL;
}

/* The script's memory is the caller's, and stays until the descriptor leaves epoll. */
void script(int descriptor, const struct step *sends, size_t sends_n, const struct step *receives, size_t receives_n,
            int refused)
{
    table[descriptor] = (struct scripted){
        .sends = {sends, sends_n, 0}, .receives = {receives, receives_n, 0}, .epoll = -1, .refused = refused};
}

void script_waits(const struct event *told, size_t n)
{
    events = told;
    events_n = n;
    events_at = 0;
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, const struct msghdr *, int);
    struct scripted *this = of(descriptor);
    const struct step *step = this != NULL ? next(&this->sends) : NULL;
    struct iovec parts[PARTS_MAX];
    struct msghdr cut = *message;
    size_t left, i;
    if (real == NULL)
        real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
    if (step == NULL)
        return real(descriptor, message, flags);
    if (step->error) {
        if (step->error == EAGAIN)
            this->owed = step->limit + 1;
        errno = step->error;
        return -1;
    }
    for (left = step->limit, i = 0; left && i < message->msg_iovlen; i++) {
        parts[i] = message->msg_iov[i];
        if (parts[i].iov_len > left)
            parts[i].iov_len = left;
        left -= parts[i].iov_len;
    }
    cut.msg_iov = parts;
    cut.msg_iovlen = i;
    return real(descriptor, &cut, flags);
}

ssize_t recv(int descriptor, void *room, size_t size, int flags)
{
    static ssize_t (*real)(int, void *, size_t, int);
    struct scripted *this = of(descriptor);
    const struct step *step = this != NULL ? next(&this->receives) : NULL;
    if (real == NULL)
        real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    if (step == NULL)
        return real(descriptor, room, size, flags);
    if (step->error) {
        errno = step->error;
        return -1;
    }
    if (size > step->limit)
        size = step->limit;
    memset(room, 'x', size);
    return (ssize_t)size;
}

int getsockopt(int descriptor, int level, int name, void *restrict value, socklen_t *restrict size)
{
    static int (*real)(int, int, int, void *, socklen_t *);
    struct scripted *this = of(descriptor);
    if (real == NULL)
        real = (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
    if (this == NULL || !this->error || level != SOL_SOCKET || name != SO_ERROR)
        return real(descriptor, level, name, value, size);
    *(int *)value = this->error;
    return 0;
}

int epoll_ctl(int epoll, int how, int descriptor, struct epoll_event *event)
{
    static int (*real)(int, int, int, struct epoll_event *);
    struct scripted *this = of(descriptor);
    if (real == NULL)
        real = (int (*)(int, int, int, struct epoll_event *))dlsym(RTLD_NEXT, "epoll_ctl");
    if (this != NULL && how == EPOLL_CTL_DEL)
        memset(this, 0, sizeof(*this));
    if (this != NULL && how == EPOLL_CTL_ADD) {
        if (this->refused) {
            errno = this->refused;
            return -1;
        }
        this->epoll = epoll;
        this->data = event->data;
    }
    return real(epoll, how, descriptor, event);
}

/* As one of the events told, or added to that of the same descriptor. */
static int tell(struct epoll_event *told, int n, int max, const struct scripted *this, uint32_t mask)
{
    int i;
    for (i = 0; i < n; i++)
        if (told[i].data.ptr == this->data.ptr)
            break;
    if (i == max)
        return n;
    if (i == n)
        told[i] = (struct epoll_event){.events = 0, .data = this->data};
    told[i].events |= mask;
    return i == n ? n + 1 : n;
}

int epoll_wait(int epoll, struct epoll_event *told, int max, int timeout_ms)
{
    static int (*real)(int, struct epoll_event *, int, int);
    const struct event *event;
    struct scripted *this;
    int n, descriptor, ours = 0;
    if (real == NULL)
        real = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    for (descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++)
        ours += table[descriptor].epoll == epoll;
    event = ours && events_at < events_n ? &events[events_at++] : NULL;
    if (event != NULL && event->descriptor < 0 && event->error) {
        errno = event->error;
        return -1;
    }
    n = real(epoll, told, max, ours ? 0 : timeout_ms);
    if (n < 0)
        return n;
    for (descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
        this = &table[descriptor];
        if (this->epoll == epoll && this->owed && --this->owed == 0)
            n = tell(told, n, max, this, EPOLLOUT);
    }
    this = event != NULL ? of(event->descriptor) : NULL;
    if (this != NULL && this->epoll == epoll) {
        this->error = event->error;
        n = tell(told, n, max, this, event->mask);
    }
    return n;
}

/* Whoever waits for word on a descriptor gets it at once: before the call returns that gave the word. */
static int told_on = -1;
static void (*hear)(void);

void script_told(int descriptor, void (*heard)(void))
{
    told_on = descriptor;
    hear = heard;
}

int eventfd_write(int descriptor, eventfd_t value)
{
    static int (*real)(int, eventfd_t);
    int result;
    if (real == NULL)
        real = (int (*)(int, eventfd_t))dlsym(RTLD_NEXT, "eventfd_write");
    result = real(descriptor, value);
    if (descriptor == told_on && hear != NULL)
        hear();
    return result;
}
