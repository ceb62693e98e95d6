/* The load generator's parts, and what they know of each other.
 *
 *     options    what is asked for             reference  the one stream that every client must be sent, checked
 *     publisher  makes events                  client     connections, each compared byte by byte with the reference
 *     histogram  latencies                     load       the loop, and the phases of a measurement
 */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_BYTES = 2048, RECEIVE_BYTES = 256 * 1024, ID_BYTES = 128 };

/* ---- options ---- */

enum mode { CLOSED_LOOP, FIXED_RATE, STORM };

struct options {
    struct sockaddr_in server;
    const char *target;        /* of the streams */
    const char *headers;       /* further ones of the streams' requests, each ended by CR LF */
    int ready_lines;           /* how many lines a stream has told once its client misses nothing any more */
    int clients, stalled;      /* the stalled ones are beside the others */
    struct sockaddr_in control; /* where events are published: a payload a line, or ... */
    const char *post;          /* ... each in a POST to this target, or ... */
    const char *directory;     /* ... each the name of a file made here */
    bool is_idle;              /* nothing is published */
    enum mode mode;
    int flight;                /* closed loop: events published at once */
    double seconds, rate;
    int reconnects;            /* storm */
    size_t frame_bytes;        /* of an event on the wire; 0: as small as may be */
    size_t fill_bytes;         /* told to each client before anything is measured */
    uint64_t seed;
};

void parse_options(int argc, char **argv, struct options *into);

/* ---- histogram: nanoseconds, to three per cent ---- */

enum { BUCKETS = 64 * 32 };

struct histogram {
    uint64_t counts[BUCKETS], total;
    int64_t most;
};

void record(struct histogram *h, int64_t ns);
double quantile_ms(const struct histogram *h, double share);

/* ---- reference ---- */

/* What was found to be wrong, of all clients together. */
struct faults {
    uint64_t missed, repeated, falsified, closed;
};

struct event {
    size_t end;                /* in the reference's bytes */
    const char *id;
    uint16_t id_size;
};

struct reference {
    char *bytes;
    size_t size, room, parsed; /* `parsed`: up to here they are whole events, found right */
    struct event *events;
    uint32_t count, events_room;
};

extern struct reference reference;
extern struct faults faults;

/* Where an event begins; `number` may be the next one to come. */
size_t event_start(uint32_t number);
/* More of the stream, from whoever is ahead of all others. False: it is not what was published. */
bool extend_reference(const char *data, size_t size);
/* A client was sent something else than the reference: counts what that is. */
void blame(uint32_t number, size_t at, const char *data, size_t size);

/* ---- publisher ---- */

extern uint32_t published;
extern int publisher_fd;       /* has answers to be thrown away; -1: none */

void open_publisher(const struct options *options);
void set_payload(size_t pad);
void publish(int64_t due_ns);
void take_answers(void);
void mark_begin(void);         /* told to a program that listens for it */
/* The payload of an event, as it was published. */
size_t expected_payload(uint32_t number, char *into);
enum { PAYLOAD_OVERHEAD = 33, PAYLOAD_MAX = 1 << 20 };
int64_t published_at(uint32_t number);

/* ---- client ---- */

enum state { CLOSED, CONNECTING, ASKED, GREETED, LIVE };

struct client {
    int fd;
    uint8_t state;
    bool is_stalled, is_ready, is_chunked;
    uint8_t chunk_state;
    uint16_t held;             /* of the answer's head, then of what is not yet known to be an event */
    uint16_t lines, line_at;
    uint32_t chunk_left;
    uint32_t next;             /* the event it lacks */
    size_t at;                 /* in the reference */
    int64_t asked_ns;
    char hold[HEAD_BYTES];
};

extern struct client *clients;
extern int clients_total, ready, opening, up_to_date;
extern uint32_t goal;          /* `up_to_date` counts the clients that have all events before it */
extern uint64_t delivered, delivered_bytes;
extern struct histogram latencies, reopenings;

void open_clients(const struct options *options, int epoll);
void open_some(void);          /* begins as many connections as may be under way */
void attend(struct client *c, uint32_t events);
void cut(struct client *c, bool reset);
void set_goal(uint32_t number);

int64_t now_ns(void);
_Noreturn void fail(const char *what);

#endif
