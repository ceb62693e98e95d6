/* Load: many clients of one stream of Server-Sent Events, an open loop or a closed one, and a check of every byte.
 *
 *     load --port N ...  ->  a line `open`; after a line on standard input a measurement, and its result as JSON
 *
 * After another line, or its end, the connections are closed. Between the lines, who started this can look at the server.
 * A client that lacks an event, is told one twice, or other bytes than the rest ends with its connection, and is counted;
 * anything else that goes wrong ends it all, with exit status 1.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 512, PATIENCE_S = 30, WARM_UP = 3, CUTS_EACH = 16, TRIAL_PAD = 100, SETTLE_MS = 300 };

static struct options options;
static int epoll;
static uint64_t chance;

void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
    exit(1);
}

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static uint64_t next_chance(void) {
    chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
    return chance;
}

static void turn(int64_t until_ns) {
    static struct epoll_event events[EVENTS_MAX];
    open_some();
    int64_t left_ms = (until_ns - now_ns()) / 1000000;
    int count = epoll_wait(epoll, events, EVENTS_MAX, left_ms < 0 ? 0 : (int)left_ms);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL) take_answers();
        else attend(events[i].data.ptr, events[i].events);
    }
}

static bool is_faulty(void) {
    return faults.missed || faults.repeated || faults.falsified || faults.closed;
}

/* Until every client has all that was published; false: one of them was lost. */
static bool until_told(void) {
    int64_t deadline = now_ns() + PATIENCE_S * 1000000000LL;
    set_goal(published);
    while (up_to_date < options.clients && !is_faulty()) {
        if (now_ns() > deadline) {
            faults.missed += (uint64_t)(options.clients - up_to_date);
            return false;
        }
        turn(deadline);
    }
    return !is_faulty();
}

static bool wave(int count) {
    for (int i = 0; i < count; i++) publish(now_ns());
    return until_told();
}

static void until_open(void) {
    int64_t deadline = now_ns() + 4 * PATIENCE_S * 1000000000LL;
    while (ready < clients_total) {
        if (now_ns() > deadline || is_faulty()) errno = 0, fail("not all clients were served");
        turn(deadline);
    }
    deadline = now_ns() + SETTLE_MS * 1000000LL;
    while (now_ns() < deadline) turn(deadline);
}

static size_t last_frame_bytes(void) {
    return reference.count ? reference.events[reference.count - 1].end - event_start(reference.count - 1) : 0;
}

/* Two events tell how a frame grows with its payload: then its padding makes it as large as is asked for. */
static void warm_up(void) {
    if (!wave(1)) return;
    size_t least = last_frame_bytes();
    set_payload(TRIAL_PAD);
    if (!wave(1)) return;
    double growth = (double)(last_frame_bytes() - least) / TRIAL_PAD;
    set_payload(options.frame_bytes > least ? (size_t)((double)(options.frame_bytes - least) / growth) : 0);
    for (int i = 0; i < WARM_UP; i++)
        if (!wave(1)) return;
    size_t frame = last_frame_bytes();
    for (size_t told = 0; told < options.fill_bytes; told += 8 * frame)
        if (!wave(8)) return;
}

static void closed_loop(int64_t end_ns) {
    while (now_ns() < end_ns && wave(options.flight)) {}
}

/* At its rate whatever the server does: an event that could not be published in time counts from when it was due. */
static void fixed_rate(int64_t start_ns, int64_t end_ns) {
    int64_t step_ns = (int64_t)(1e9 / options.rate), due_ns = start_ns;
    for (; due_ns < end_ns && !is_faulty(); due_ns += step_ns) {
        for (int64_t now = now_ns(); now < due_ns && !is_faulty(); now = now_ns()) turn(due_ns);
        publish(due_ns);
    }
    until_told();
}

static int cut_some(int left) {
    int count = left < CUTS_EACH ? left : CUTS_EACH, done = 0;
    for (int i = 0; i < count; i++) {
        struct client *c = &clients[next_chance() % (uint64_t)options.clients];
        if (c->state != LIVE && c->state != GREETED) continue;
        cut(c, next_chance() & 1);
        done++;
    }
    return done;
}

/* Events at a rate, while clients are cut wherever they are, some of them before they were told anything again. */
static void storm(int64_t start_ns) {
    int64_t step_ns = (int64_t)(1e9 / options.rate), due_ns = start_ns;
    for (int left = options.reconnects; left > 0 && !is_faulty();) {
        if (now_ns() >= due_ns) publish(due_ns), due_ns += step_ns;
        if (opening < 64) left -= cut_some(left);
        turn(now_ns() + 1000000);
    }
    publish(now_ns());
    until_told();
}

static void measure(void) {
    int64_t start = now_ns(), end = start + (int64_t)(options.seconds * 1e9);
    uint32_t events = published;
    memset(&latencies, 0, sizeof latencies), memset(&reopenings, 0, sizeof reopenings);
    delivered = delivered_bytes = 0;
    mark_begin();
    if (is_faulty() || options.is_idle) {}
    else if (options.mode == CLOSED_LOOP) closed_loop(end);
    else if (options.mode == FIXED_RATE) fixed_rate(start, end);
    else storm(start);
    printf("{\"events\": %u, \"delivered\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"frame\": %zu, "
           "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, \"reconnects\": %llu, \"reopen_p99_ms\": %.4f, "
           "\"missed\": %llu, \"repeated\": %llu, \"falsified\": %llu, \"closed\": %llu}\n",
           published - events, (unsigned long long)delivered, (unsigned long long)delivered_bytes,
           (double)(now_ns() - start) / 1e9, last_frame_bytes(), quantile_ms(&latencies, 0.5), quantile_ms(&latencies, 0.99),
           (double)latencies.most / 1e6, (unsigned long long)reopenings.total, quantile_ms(&reopenings, 0.99),
           (unsigned long long)faults.missed, (unsigned long long)faults.repeated,
           (unsigned long long)faults.falsified, (unsigned long long)faults.closed);
    fflush(stdout);
}

/* Reads on meanwhile, and publishes nothing. */
static bool until_asked(void) {
    char line[64];
    struct pollfd asked = {.fd = 0, .events = POLLIN};
    while (poll(&asked, 1, 0) == 0) turn(now_ns() + 20000000);
    return read(0, line, sizeof line) > 0;
}

int main(int argc, char **argv) {
    struct rlimit files;
    struct epoll_event answers = {.events = EPOLLIN, .data.ptr = NULL};
    parse_options(argc, argv, &options);
    chance = options.seed * 0x9E3779B97F4A7C15ULL + 1;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!options.is_idle) open_publisher(&options);
    if (publisher_fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, publisher_fd, &answers) < 0) fail("epoll_ctl");
    open_clients(&options, epoll);
    until_open();
    if (!options.is_idle) warm_up();
    puts("open");
    fflush(stdout);
    if (until_asked()) {
        measure();
        until_asked();
    }
    return 0;
}
