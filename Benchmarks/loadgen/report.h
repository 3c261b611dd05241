/* The result as one JSON object. */
#ifndef LOADGEN_REPORT_H
#define LOADGEN_REPORT_H

#include <stdint.h>

#include "options.h"
#include "process.h"

/* The moments at which clocks and memory were read. */
struct measurements {
    struct reading before, opened; /* around the opening of all connections */
    struct reading begin, end;     /* around what was measured, the stragglers included */
    uint64_t resident_before, resident_open, resident_after; /* bytes */
    uint64_t opened_at_begin, cycles_at_begin;
};

void report(const struct options *options, const struct measurements *measurements);

#endif
