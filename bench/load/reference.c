/* The reference: the one stream of bytes that every client must be sent, event by event as they were published.
 *
 * It grows by whoever is ahead of all others, and is checked as it grows: each event has the payload that was published
 * under its number, and none is left out or told twice. Everyone else is compared with it, byte by byte.
 */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>

struct reference reference;
struct faults faults;

static char *first_prefix; /* of the first event's data, up to its payload: the same in all that follow */
static size_t first_prefix_size;

size_t event_start(uint32_t number) {
    return number == 0 ? 0 : reference.events[number - 1].end;
}

/* The number in a payload that begins somewhere in these bytes; -1: there is none. */
static int64_t number_in(const char *data, size_t size) {
    const char *mark = memchr(data, '~', size);
    int64_t number = 0;
    if (mark == NULL || (size_t)(data + size - mark) < 11) return -1;
    for (int i = 1; i <= 10; i++) {
        if (mark[i] < '0' || mark[i] > '9') return -1;
        number = number * 10 + (mark[i] - '0');
    }
    return number;
}

static void count_fault(int64_t number, uint32_t wanted) {
    if (number > wanted) faults.missed += (uint64_t)(number - wanted);
    else if (number >= 0 && number < wanted) faults.repeated++;
    else faults.falsified++;
}

static bool has_same_prefix(const char *data, const char *payload) {
    size_t size = (size_t)(payload - data);
    if (first_prefix == NULL) {
        first_prefix = memcpy(malloc(size + 1), data, size);
        first_prefix_size = size;
    }
    return size == first_prefix_size && memcmp(data, first_prefix, size) == 0;
}

static void keep_event(size_t size, const char *id) {
    if (reference.count == reference.events_room) {
        reference.events_room = reference.events_room ? reference.events_room * 2 : 4096;
        reference.events = realloc(reference.events, reference.events_room * sizeof *reference.events);
        if (reference.events == NULL) fail("memory");
    }
    struct event *event = &reference.events[reference.count++];
    event->end = reference.parsed + size;
    event->id = NULL, event->id_size = 0;
    if (id != NULL) {
        event->id_size = (uint16_t)(strchr(id, '\n') - id);
        event->id = memcpy(malloc(event->id_size), id, event->id_size);
    }
}

static const char *field(const char *frame, size_t size, const char *name) {
    size_t length = strlen(name);
    for (const char *line = frame; line < frame + size; line = (const char *)memchr(line, '\n', size) + 1)
        if (strncmp(line, name, length) == 0) return line + length;
    return NULL;
}

/* One whole event, its blank line included: is it the next that was published, and was it told right? */
static bool check(const char *frame, size_t size) {
    static char wanted[PAYLOAD_MAX];
    uint32_t number = reference.count;
    const char *data = field(frame, size, "data:");
    if (data == NULL || number >= published) {
        count_fault(data == NULL ? -1 : number_in(data, size - (size_t)(data - frame)), number);
        return false;
    }
    const char *payload = memchr(data, '~', size - (size_t)(data - frame));
    size_t wanted_size = expected_payload(number, wanted), rest = payload ? size - (size_t)(payload - frame) : 0;
    if (rest < wanted_size || memcmp(payload, wanted, wanted_size) != 0 || !has_same_prefix(data, payload)) {
        int64_t told = number_in(data, size - (size_t)(data - frame));
        if (told == number) faults.falsified++;
        else count_fault(told, number);
        return false;
    }
    keep_event(size, field(frame, size, "id: "));
    return true;
}

static void make_room(size_t size) {
    if (reference.size + size + 1 <= reference.room) return;
    while (reference.size + size + 1 > reference.room) reference.room = reference.room ? reference.room * 2 : 1 << 20;
    reference.bytes = realloc(reference.bytes, reference.room);
    if (reference.bytes == NULL) fail("memory");
}

bool extend_reference(const char *data, size_t size) {
    size_t before = reference.size;
    size_t from = reference.size > reference.parsed ? reference.size - 1 : reference.parsed;
    make_room(size);
    memcpy(reference.bytes + reference.size, data, size);
    reference.size += size;
    reference.bytes[reference.size] = '\0';
    for (;;) {
        char *blank = memmem(reference.bytes + from, reference.size - from, "\n\n", 2);
        if (blank == NULL) return true;
        size_t end = (size_t)(blank + 2 - reference.bytes);
        if (!check(reference.bytes + reference.parsed, end - reference.parsed)) {
            /* What is wrong is not kept: others may be told right. */
            reference.size = before > reference.parsed ? before : reference.parsed;
            return false;
        }
        reference.parsed = from = end;
    }
}

void blame(uint32_t number, size_t at, const char *data, size_t size) {
    char told[4096];
    while (number < reference.count && reference.events[number].end <= at) number++;
    size_t start = event_start(number), had = at - start;
    if (had + size > sizeof told) size = sizeof told > had ? sizeof told - had : 0;
    if (size == 0) {
        faults.falsified++;
        return;
    }
    memcpy(told, reference.bytes + start, had);
    memcpy(told + had, data, size);
    int64_t found = number_in(told, had + size);
    if (found == number) faults.falsified++;
    else count_fault(found, number);
}
