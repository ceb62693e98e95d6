/* The publisher: makes events, and knows what it has made.
 *
 *     ~NUMBER.NANOSECONDS.padding~        a payload: ten digits, nineteen digits of CLOCK_MONOTONIC, letters
 *
 * It is told to a program that listens (a payload a line), to one that takes a POST for each, or it is the name of a file
 * that is made.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

uint32_t published;
int publisher_fd = -1;

static struct { int64_t ns; size_t pad; } *made;
static uint32_t made_room;
static size_t pad;
static const char *post;
static int directory = -1;

void open_publisher(const struct options *options) {
    int one = 1;
    if (options->directory != NULL) {
        directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0) fail(options->directory);
        return;
    }
    post = options->post;
    publisher_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(publisher_fd, (const struct sockaddr *)&options->control, sizeof options->control) < 0)
        fail("connection to publish by");
    setsockopt(publisher_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void set_payload(size_t wanted_pad) {
    pad = wanted_pad > PAYLOAD_MAX - PAYLOAD_OVERHEAD - 1 ? PAYLOAD_MAX - PAYLOAD_OVERHEAD - 1 : wanted_pad;
}

int64_t published_at(uint32_t number) {
    return made[number].ns;
}

size_t expected_payload(uint32_t number, char *into) {
    int size = sprintf(into, "~%010u.%019lld.", number, (long long)made[number].ns);
    memset(into + size, 'a' + (int)(number % 26), made[number].pad);
    into[(size_t)size + made[number].pad] = '~';
    return (size_t)size + made[number].pad + 1;
}

/* Blocks where it must, but throws answers away meanwhile: else both sides could wait for each other. */
static void send_all(const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(publisher_fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) fail("publishing");
        if (sent < 0) {
            struct pollfd either = {.fd = publisher_fd, .events = POLLIN | POLLOUT};
            poll(&either, 1, -1);
            if (either.revents & POLLIN) take_answers();
            continue;
        }
        data += sent;
        size -= (size_t)sent;
    }
}

void publish(int64_t due_ns) {
    static char bytes[PAYLOAD_MAX + 512];
    if (published == made_room) {
        made_room = made_room ? made_room * 2 : 4096;
        made = realloc(made, made_room * sizeof *made);
        if (made == NULL) fail("memory");
    }
    made[published].ns = due_ns;
    made[published].pad = pad;
    size_t head = 0, size = PAYLOAD_OVERHEAD + pad;
    if (post != NULL)
        head = (size_t)sprintf(bytes, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", post, size);
    expected_payload(published, bytes + head);
    published++;
    bytes[head + size] = directory < 0 ? '\n' : '\0';
    if (directory >= 0) {
        if (mknodat(directory, bytes, S_IFREG | 0644, 0) < 0) fail("a file");
    } else {
        send_all(bytes, head + size + (post == NULL));
    }
}

void mark_begin(void) {
    if (publisher_fd >= 0 && post == NULL) send_all("!\n", 2);
}

void take_answers(void) {
    static char answers[64 * 1024];
    ssize_t got = recv(publisher_fd, answers, sizeof answers, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) fail("the connection to publish by");
}
