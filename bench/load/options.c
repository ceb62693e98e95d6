/* What is asked for, from the command line. */
#include "load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: load --port N [--target /] [--headers 'A: b\\r\\n'] [--ready-lines 1] [--clients 1] [--stalled 0]\n"
    "            (--control PORT [--post /target] | --directory DIR | --idle)\n"
    "            (--flight N | --rate PER-SECOND | --rate PER-SECOND --reconnects N)\n"
    "            [--seconds 3] [--frame BYTES] [--fill BYTES] [--seed N]\n";

static const struct option NAMES[] = {
    {"port", 1, 0, 'p'},    {"target", 1, 0, 't'},  {"headers", 1, 0, 'h'},  {"ready-lines", 1, 0, 'l'},
    {"clients", 1, 0, 'c'}, {"stalled", 1, 0, 's'}, {"control", 1, 0, 'o'},  {"post", 1, 0, 'P'},
    {"flight", 1, 0, 'f'},  {"rate", 1, 0, 'r'},    {"seconds", 1, 0, 'S'},  {"reconnects", 1, 0, 'R'},
    {"frame", 1, 0, 'F'},   {"fill", 1, 0, 'B'},    {"seed", 1, 0, 'x'},     {"directory", 1, 0, 'd'},
    {"idle", 0, 0, 'i'},
    {0, 0, 0, 0},
};

static struct sockaddr_in loopback(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void take(int name, const char *value, struct options *o) {
    switch (name) {
    case 'p': o->server = loopback(value); break;
    case 't': o->target = value; break;
    case 'h': o->headers = value; break;
    case 'l': o->ready_lines = atoi(value); break;
    case 'c': o->clients = atoi(value); break;
    case 's': o->stalled = atoi(value); break;
    case 'o': o->control = loopback(value); break;
    case 'P': o->post = value; break;
    case 'd': o->directory = value; break;
    case 'i': o->is_idle = true; break;
    case 'f': o->flight = atoi(value), o->mode = CLOSED_LOOP; break;
    case 'r': o->rate = atof(value), o->mode = o->mode == STORM ? STORM : FIXED_RATE; break;
    case 'S': o->seconds = atof(value); break;
    case 'R': o->reconnects = atoi(value), o->mode = STORM; break;
    case 'F': o->frame_bytes = (size_t)atoll(value); break;
    case 'B': o->fill_bytes = (size_t)atoll(value); break;
    case 'x': o->seed = (uint64_t)atoll(value); break;
    default: fputs(USAGE, stderr); exit(2);
    }
}

void parse_options(int argc, char **argv, struct options *into) {
    int name;
    *into = (struct options){.target = "/", .headers = "", .ready_lines = 1, .clients = 1, .flight = 1, .seconds = 3,
                             .seed = 1};
    while ((name = getopt_long(argc, argv, "", NAMES, NULL)) != -1) take(name, optarg, into);
    bool has_publisher = into->control.sin_port != 0 || into->directory != NULL || into->is_idle;
    if (optind != argc || into->server.sin_port == 0 || !has_publisher || into->clients < 0 || into->flight < 1) {
        fputs(USAGE, stderr);
        exit(2);
    }
}
