/* CPU time and memory, from the system's own books. */
#ifndef LOADGEN_PROCESS_H
#define LOADGEN_PROCESS_H

#include <stdint.h>

#include "options.h"

/* A reading of the clocks and counters at one moment. */
struct reading {
    uint64_t at;                    /* now() */
    uint64_t server, other, own;    /* CPU nanoseconds, user and system, of all threads */
    uint64_t busy, stolen;          /* nanoseconds of all cores, to 1/100 s */
};

struct reading take_reading(const struct options *options);

/* Resident bytes of the server processes together. */
uint64_t resident_bytes(const struct pids *pids);

#endif
