/* What arrived, and in which order, against what was published. */
#ifndef LOADGEN_TALLY_H
#define LOADGEN_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "stamp.h"

/* Which sequence numbers a connection has seen: the highest, and a bit for each of the 64 up to it. */
struct order {
    uint32_t highest;
    uint64_t recent;
};

struct tally {
    uint64_t received;     /* messages at the right connection, each counted once */
    uint64_t duplicates;   /* seen before by this connection */
    uint64_t missing;      /* passed over by a later one and not come since */
    uint64_t reordered;    /* come after a later one */
    uint64_t misdelivered; /* meant for another connection */
    uint64_t last_at;      /* when the last one came */
    struct histogram latency;
};

/* Notes that a message came, in order or not; false when it is not to be counted. With `targeted`, `own` must be its target. */
bool tally_note(struct tally *tally, struct order *order, const struct stamp *stamp, bool targeted, uint32_t own);

/* Counts what came, or was answered, at the given time. */
void tally_count(struct tally *tally, const struct stamp *stamp, uint64_t at);

/* Notes and counts one message that came at the given time. */
void tally_message(struct tally *tally, struct order *order, const struct stamp *stamp, bool targeted, uint32_t own,
                   uint64_t at);

#endif
