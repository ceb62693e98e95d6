/* Clients: connections that are opened a few at a time, read, cut, and opened again with the id they had come to.
 *
 * An answer's head is read, and its chunks are joined; what precedes its first event is left out (comments, `retry:`,
 * frames that only move the id); from there on every byte is compared with the reference.
 */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPENING_MAX = 64, CLIENTS_EACH_ADDRESS = 20000, STALLED_BUFFER_BYTES = 4096 };

struct client *clients;
int clients_total, ready, opening, up_to_date;
uint32_t goal;
uint64_t delivered, delivered_bytes;
struct histogram latencies, reopenings;

static const struct options *options;
static int epoll;
static struct client **closed;
static int closed_n;

void open_clients(const struct options *given, int epoll_fd) {
    options = given, epoll = epoll_fd;
    clients_total = options->clients + options->stalled;
    clients = calloc((size_t)clients_total + 1, sizeof *clients);
    closed = calloc((size_t)clients_total + 1, sizeof *closed);
    if (clients == NULL || closed == NULL) fail("memory");
    for (int i = clients_total - 1; i >= 0; i--) {
        clients[i].fd = -1;
        clients[i].is_stalled = i >= options->clients;
        closed[closed_n++] = &clients[i];
    }
}

static void begin(struct client *c) {
    struct linger reset = {.l_onoff = 0};
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1, small = STALLED_BUFFER_BYTES;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket");
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (c->is_stalled) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)((c - clients) / CLIENTS_EACH_ADDRESS));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0) fail("bind");
    if (connect(c->fd, (const struct sockaddr *)&options->server, sizeof options->server) < 0 && errno != EINPROGRESS)
        fail("connect");
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) fail("epoll_ctl");
    c->state = CONNECTING, c->held = c->lines = c->line_at = 0;
    c->is_ready = c->is_chunked = false;
    c->chunk_state = 0, c->chunk_left = 0;
    c->at = event_start(c->next);
    c->asked_ns = now_ns();
    opening++;
}

void open_some(void) {
    while (closed_n && opening < OPENING_MAX) begin(closed[--closed_n]);
}

static void close_client(struct client *c) {
    if (!c->is_ready) opening--;
    else ready--;
    c->is_ready = false;
    close(c->fd);
    c->fd = -1, c->state = CLOSED;
}

void cut(struct client *c, bool reset) {
    struct linger now = {.l_onoff = reset, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_client(c);
    closed[closed_n++] = c;
}

void set_goal(uint32_t number) {
    goal = number, up_to_date = 0;
    for (int i = 0; i < options->clients; i++) up_to_date += clients[i].next >= goal;
}

static void become_ready(struct client *c) {
    if (c->is_ready) return;
    c->is_ready = true;
    opening--, ready++;
    if (c->next) record(&reopenings, now_ns() - c->asked_ns);
}

static void ask(struct client *c) {
    char request[HEAD_BYTES], id[ID_BYTES + 32] = "";
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (c->next) {
        const struct event *last = &reference.events[c->next - 1];
        if (last->id != NULL) snprintf(id, sizeof id, "Last-Event-ID: %.*s\r\n", (int)last->id_size, last->id);
    }
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s%s\r\n", options->target,
                        options->headers, id);
    if (send(c->fd, request, (size_t)size, MSG_NOSIGNAL) != size) fail("a request");
    if (c->is_stalled) event.events = 0;
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
    c->state = ASKED;
    if (c->is_stalled) become_ready(c);
}

/* ---------------------------------------------------------------- the stream */

static bool compare(struct client *c, const char *data, size_t size) {
    int64_t now = 0;
    delivered_bytes += size;
    while (size) {
        size_t known = reference.size - c->at, part = known < size ? known : size;
        if (part == 0) {
            if (!extend_reference(data, size)) return false;
            part = size;
        } else if (memcmp(reference.bytes + c->at, data, part) != 0) {
            while (reference.bytes[c->at] == *data) c->at++, data++, size--;
            blame(c->next, c->at, data, size);
            return false;
        }
        c->at += part, data += part, size -= part;
    }
    while (c->next < reference.count && reference.events[c->next].end <= c->at) {
        if (now == 0) now = now_ns();
        record(&latencies, now - published_at(c->next));
        delivered++;
        if (++c->next == goal) up_to_date++;
    }
    return true;
}

/* What precedes the first event. How many of these bytes that were; they are all, or an event has begun. */
static size_t skip(struct client *c, const char *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (c->held == HEAD_BYTES) fail("an event's id is longer than can be");
        c->hold[c->held++] = data[i];
        const char *line = c->hold + c->line_at;
        if (data[i] == '\n') {
            bool is_kept = c->held - c->line_at > 1 && strncmp(line, "id", 2) == 0;
            c->line_at = c->held = is_kept ? c->held : 0;
            if (++c->lines == options->ready_lines) become_ready(c);
        } else if (c->held - c->line_at == 4 && (memcmp(line, "data", 4) == 0 || memcmp(line, "even", 4) == 0)) {
            c->state = LIVE;
            return i + 1;
        }
    }
    return size;
}

static bool take_body(struct client *c, const char *data, size_t size) {
    if (c->state == GREETED) {
        size_t skipped = skip(c, data, size);
        if (c->state != LIVE) return true;
        become_ready(c);
        if (!compare(c, c->hold, c->held)) return false;
        data += skipped, size -= skipped;
    }
    return compare(c, data, size);
}

enum { CHUNK_SIZE, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_CR, CHUNK_LF };

static bool take_chunks(struct client *c, const char *data, size_t size) {
    while (size) {
        char byte = *data;
        if (c->chunk_state == CHUNK_DATA) {
            size_t part = c->chunk_left < size ? c->chunk_left : size;
            if (!take_body(c, data, part)) return false;
            data += part, size -= part;
            c->chunk_left -= (uint32_t)part;
            if (c->chunk_left == 0) c->chunk_state = CHUNK_CR;
            continue;
        }
        if (c->chunk_state == CHUNK_SIZE && byte != '\r') {
            int digit = byte >= '0' && byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10;
            c->chunk_left = c->chunk_left * 16 + (uint32_t)digit;
        } else {
            c->chunk_state = c->chunk_state == CHUNK_LF ? CHUNK_SIZE : c->chunk_state + 1;
        }
        data++, size--;
    }
    return true;
}

static bool take_head(struct client *c, const char **data, size_t *size) {
    while (*size) {
        if (c->held == HEAD_BYTES - 1) fail("the head of an answer is longer than can be");
        c->hold[c->held++] = *(*data)++;
        --*size;
        if (c->held >= 4 && memcmp(c->hold + c->held - 4, "\r\n\r\n", 4) == 0) {
            c->hold[c->held] = '\0';
            if (memcmp(c->hold + 8, " 200 ", 5) != 0) {
                errno = 0, fail(c->hold);
            }
            c->is_chunked = strcasestr(c->hold, "\r\ntransfer-encoding: chunked") != NULL;
            c->state = GREETED, c->held = 0;
            if (options->ready_lines == 0) become_ready(c);
            return true;
        }
    }
    return false;
}

static void read_some(struct client *c) {
    static char bytes[RECEIVE_BYTES];
    const char *data = bytes;
    ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        faults.closed++;
        close_client(c);
        return;
    }
    size_t size = (size_t)got;
    if (c->state == ASKED && !take_head(c, &data, &size)) return;
    if (!(c->is_chunked ? take_chunks(c, data, size) : take_body(c, data, size))) close_client(c);
}

void attend(struct client *c, uint32_t events) {
    int error = 0;
    socklen_t size = sizeof error;
    if (c->state == CLOSED) return;
    if (c->state == CONNECTING) {
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) errno = error, fail("connect");
        ask(c);
    } else if (c->is_stalled) {
        close_client(c); /* the server ended it, as it may */
    } else if (events) {
        read_some(c);
    }
}
