/* When to publish what: the rate, the window, the target and the sequence numbers. */
#ifndef LOADGEN_PUBLISHING_H
#define LOADGEN_PUBLISHING_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "options.h"

struct publishing_counts {
    uint64_t sent;
    uint64_t expected;     /* deliveries that should come of them */
    uint64_t stalls;       /* times that the window was freed although deliveries were missing */
    struct histogram late; /* how much later than scheduled a message was sent */
};

extern struct publishing_counts publishing_counts;

/* Makes the payload; ends the program when there is no memory. */
void publishing_prepare(const struct options *options);

/* Starts counting anew, here, in the tally and in the answers, and begins to publish. */
void publishing_begin(void);

/* Publishes what rate and window allow now; returns the nanoseconds until it wants to be called again. */
uint64_t publishing_tick(void);

void publishing_end(void);

/* Whether everything has been answered and delivered. */
bool publishing_complete(void);

/* A number that changes whenever anything came in. */
uint64_t publishing_progress(void);

#endif
