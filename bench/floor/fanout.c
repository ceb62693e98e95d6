/* The floor of fan-out: the same bytes to every client by `send()`, in one thread, and nothing else.
 *
 *     fanout  ->  a line `ready PORT CONTROL-PORT`; ends when standard input does
 *
 * A line that comes by the control port is an event. A client is a descriptor and a cursor in the ring of all bytes; a
 * request is read up to its blank line, not understood, and answered by a canned head. A client that has not taken what
 * the ring is about to forget is closed. There is no resuming, no heartbeat, no limit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RING_BYTES = 64 << 20, EVENTS_MAX = 256, LINE_MAX = 1 << 20, CLIENTS_MAX = 1 << 16, SEND_BUFFER_BYTES = 128 << 10 };

static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n: hello\n\n";

struct client {
    int fd, ended; /* `ended`: how much of a request's blank line was read */
    int is_live, is_writable;
    uint64_t at;
};

static char ring[RING_BYTES];
static uint64_t end, number;
static struct client *clients[CLIENTS_MAX];
static int clients_n, epoll;
static struct client listening, controlling, control = {.fd = -1}, input;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct client *c, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) fail("epoll_ctl");
}

static int open_port(struct client *listener) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener->fd, (struct sockaddr *)&address, size) < 0 || listen(listener->fd, 1024) < 0) fail("a port");
    if (getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0) fail("a port");
    watch(listener, EPOLLIN);
    return ntohs(address.sin_port);
}

static void drop(struct client *c) {
    close(c->fd);
    c->fd = -1; /* `c` is forgotten at the end of the turn: an event about it may be under way */
}

static void forget_dropped(void) {
    int kept = 0;
    for (int i = 0; i < clients_n; i++) {
        if (clients[i]->fd >= 0) clients[kept++] = clients[i];
        else free(clients[i]);
    }
    clients_n = kept;
}

static void send_some(struct client *c) {
    while (c->is_live && c->is_writable && c->at < end) {
        uint64_t place = c->at % RING_BYTES, size = end - c->at;
        if (size > RING_BYTES - place) size = RING_BYTES - place;
        ssize_t sent = send(c->fd, ring + place, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) c->at += (uint64_t)sent;
        else if (errno == EAGAIN) c->is_writable = 0;
        else return drop(c);
    }
}

static void accept_all(void) {
    int fd, size = SEND_BUFFER_BYTES;
    while ((fd = accept4(listening.fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct client *c = calloc(1, sizeof *c);
        if (c == NULL || clients_n == CLIENTS_MAX) fail("too many clients");
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        c->fd = fd, c->is_writable = 1;
        clients[clients_n++] = c;
        watch(c, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
}

static void attend(struct client *c, uint32_t events) {
    static const char BLANK[] = "\r\n\r\n";
    char bytes[4096];
    ssize_t got = 0;
    while (events & EPOLLIN && (got = recv(c->fd, bytes, sizeof bytes, 0)) > 0)
        for (ssize_t i = 0; i < got && c->ended < 4; i++) c->ended = bytes[i] == BLANK[c->ended] ? c->ended + 1 : bytes[i] == '\r';
    if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP) || (events & EPOLLIN && got == 0)) return drop(c);
    if (c->ended == 4 && !c->is_live) {
        if (send(c->fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL) < 0) return drop(c);
        c->is_live = 1, c->at = end;
    }
    if (events & EPOLLOUT) c->is_writable = 1;
    send_some(c);
}

static void append(const char *data, size_t size) {
    uint64_t place = end % RING_BYTES, first = RING_BYTES - place < size ? RING_BYTES - place : size;
    memcpy(ring + place, data, first);
    memcpy(ring, data + first, size - first);
    end += size;
}

static void publish(const char *line, size_t size) {
    char head[64];
    append(head, (size_t)sprintf(head, "id: %llu\ndata: ", (unsigned long long)++number));
    append(line, size);
    append("\n\n", 2);
}

/* All lines that have come by now: told to everyone at once, as long as the ring holds them. */
static void take_lines(void) {
    static char lines[LINE_MAX + 64 * 1024];
    static size_t held;
    ssize_t got = recv(control.fd, lines + held, sizeof lines - held, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return drop(&control);
    char *line = lines, *stop, *last = lines + held + (got > 0 ? got : 0);
    for (; (stop = memchr(line, '\n', (size_t)(last - line))) != NULL; line = stop + 1)
        if (*line != '!') publish(line, (size_t)(stop - line));
    held = (size_t)(last - line);
    memmove(lines, line, held);
    for (int i = 0; i < clients_n; i++) {
        if (clients[i]->is_live && end - clients[i]->at > RING_BYTES / 2) drop(clients[i]);
        else if (clients[i]->fd >= 0) send_some(clients[i]);
    }
}

static void turn(void) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll, events, EVENTS_MAX, -1);
    for (int i = 0; i < count; i++) {
        struct client *c = events[i].data.ptr;
        if (c == &input) exit(0);
        if (c == &listening) accept_all();
        else if (c == &controlling) {
            control.fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK);
            watch(&control, EPOLLIN);
        } else if (c == &control) take_lines();
        else if (c->fd >= 0) attend(c, events[i].events);
    }
    forget_dropped();
}

int main(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int port = open_port(&listening), control_port = open_port(&controlling);
    watch(&input, EPOLLIN | EPOLLHUP); /* descriptor 0 */
    printf("ready %d %d\n", port, control_port);
    fflush(stdout);
    for (;;) turn();
}
