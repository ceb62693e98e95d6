/* The floor of watching: what the kernel's events alone cost, against which every watcher is measured.
 *
 *     watch inotify|fanotify DIRECTORY  ->  a line `ready`, then one byte for each time that the queue was read
 *
 * inotify: a watch on every directory, placed while the tree is walked. fanotify: one mark on the file system, and events
 * with directory handle and name; what lies outside DIRECTORY is heard as well, and not told apart. The events are stepped
 * through and counted, and nothing else: no path, no look at the disk, no tree. It ends when standard input does, and
 * then writes a LF. A lost event or any other error ends it with exit status 1: that would be no floor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

#ifndef FAN_REPORT_DFID_NAME
#define FAN_REPORT_DFID_NAME (0x00000400 | 0x00000800)
#endif

enum { QUEUE_BYTES = 256 * 1024, OPEN_DIRECTORIES = 64 };

static const uint32_t INOTIFY_MASK = IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVE | IN_ONLYDIR;
static const uint64_t FANOTIFY_MASK =
    FAN_ATTRIB | FAN_CLOSE_WRITE | FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_MOVE | FAN_ONDIR;

static int queue;
static uint64_t events;
static char bytes[QUEUE_BYTES] __attribute__((aligned(8)));

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int place(const char *path, const struct stat *seen, int type, struct FTW *where) {
    (void)seen, (void)where;
    if (type == FTW_D && inotify_add_watch(queue, path, INOTIFY_MASK) < 0) fail(path);
    return 0;
}

static void step_inotify(ssize_t size) {
    for (char *at = bytes; at < bytes + size; events++) {
        struct inotify_event *event = (struct inotify_event *)at;
        if (event->mask & IN_Q_OVERFLOW) fail("events were lost");
        at += sizeof *event + event->len;
    }
}

static void step_fanotify(ssize_t size) {
    struct fanotify_event_metadata *event = (struct fanotify_event_metadata *)bytes;
    for (; FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size), events++)
        if (event->mask & FAN_Q_OVERFLOW) fail("events were lost");
}

static void open_queue(int is_fanotify, const char *top) {
    if (is_fanotify) {
        queue = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_UNLIMITED_QUEUE | FAN_NONBLOCK | FAN_CLOEXEC,
                              O_RDONLY);
        if (queue < 0) fail("fanotify_init");
        if (fanotify_mark(queue, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FANOTIFY_MASK, AT_FDCWD, top) < 0) fail(top);
    } else {
        queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (queue < 0) fail("inotify_init1");
        if (nftw(top, place, OPEN_DIRECTORIES, FTW_PHYS) < 0) fail(top);
    }
}

int main(int argc, char **argv) {
    int is_fanotify = argc == 3 && strcmp(argv[1], "fanotify") == 0;
    ssize_t size;
    if (argc != 3 || (!is_fanotify && strcmp(argv[1], "inotify"))) {
        fprintf(stderr, "usage: watch inotify|fanotify DIRECTORY\n");
        return 2;
    }
    open_queue(is_fanotify, argv[2]);
    if (write(1, "ready\n", 6) != 6) fail("standard output");
    struct pollfd either[2] = {{.fd = queue, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    for (;;) {
        if (poll(either, 2, -1) < 0) fail("poll");
        if (either[1].revents) break;
        while ((size = read(queue, bytes, sizeof bytes)) > 0) {
            if (is_fanotify) step_fanotify(size);
            else step_inotify(size);
            if (write(1, ".", 1) != 1) fail("standard output");
        }
        if (size < 0 && errno != EAGAIN) fail("read");
    }
    return write(1, "\n", 1) == 1 ? 0 : 1;
}
