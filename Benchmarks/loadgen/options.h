/* What the command line asks for. */
#ifndef LOADGEN_OPTIONS_H
#define LOADGEN_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum mode { MODE_IDLE, MODE_BROADCAST, MODE_TARGETED, MODE_CHURN, MODE_COMMANDS };

enum { ENDPOINTS_MAX = 16, PIDS_MAX = 16, PAYLOAD_MAX = 64 * 1024, BODY_MAX = PAYLOAD_MAX + 64, PUBLISHERS_MAX = 1024, DOCUMENT_MIN = 128 };

struct endpoint {
    struct sockaddr_in address;
    char name[32]; /* as in a Host header */
};

struct endpoints {
    uint32_t count;
    struct endpoint at[ENDPOINTS_MAX];
};

struct pids {
    uint32_t count;
    pid_t at[PIDS_MAX];
};

struct options {
    enum mode mode;
    const char *mode_name;
    struct endpoints servers;    /* connections are spread over them in turn, publishers too */
    uint32_t connections;
    const char *path;            /* of the upgrade; %d is the index of the connection */
    const char *subprotocol;     /* offered, and expected to be chosen; NULL: none */
    const char *extensions;      /* offered, and expected to be chosen: permessage-deflate without context; NULL: none */
    const char *publish_path;    /* %d is the index of the target */
    const char *publish_headers; /* each ended by CR LF */
    uint32_t publishers, depth;  /* HTTP connections; requests without an answer on each */
    uint32_t window;             /* messages that are not answered or not delivered everywhere */
    uint32_t payload;            /* bytes */
    bool json;                   /* the payload is a document as an application might send it */
    double rate;                 /* messages a second; 0: as fast as the window lets */
    double duration, warmup, settle, patience; /* seconds */
    uint32_t handshakes;         /* under way at the same time */
    struct pids server_pids;     /* whose CPU time and memory are measured */
    struct pids other_pids;      /* whose CPU time is part of the test, such as Redis' */
};

/* Reads the command line; ends the program with status 2 and a word on what is wrong with it. */
struct options options_read(int argc, char **argv);

#endif
