/* Counts of durations in buckets whose width is under 1 % of their value. */
#ifndef LOADGEN_HISTOGRAM_H
#define LOADGEN_HISTOGRAM_H

#include <stdint.h>

enum { STEPS = 128, OCTAVES = 58 };

struct histogram {
    uint64_t count, greatest;
    uint32_t buckets[OCTAVES * STEPS];
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/* The quantile (0 to 1) in microseconds; 0 when nothing was counted. */
double histogram_quantile(const struct histogram *histogram, double quantile);

#endif
