/* The one clock of the load generator: it publishes and receives, so latency needs no other. */
#ifndef LOADGEN_CLOCK_H
#define LOADGEN_CLOCK_H

#include <stdint.h>
#include <time.h>

#define MILLISECOND UINT64_C(1000000)
#define SECOND (1000 * MILLISECOND)

/* Nanoseconds of any of the system's clocks, 0 when it cannot be read. */
static inline uint64_t read_clock(clockid_t clock) {
    struct timespec time = { 0, 0 };
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static inline uint64_t now(void) { return read_clock(CLOCK_MONOTONIC); }

static inline uint64_t from_seconds(double seconds) { return (uint64_t)(seconds * 1e9); }

#endif
