#include "histogram.h"

enum { STEP_BITS = 7 };

/* Values below STEPS have a bucket each; above, every power of two is divided into STEPS buckets. */
void histogram_add(struct histogram *histogram, uint64_t value) {
    unsigned octave = value < STEPS ? 0 : 63 - (unsigned)__builtin_clzll(value) - STEP_BITS + 1;
    uint64_t step = octave ? (value >> (octave - 1)) - STEPS : value;
    histogram->buckets[octave * STEPS + step]++;
    histogram->count++;
    if (value > histogram->greatest) histogram->greatest = value;
}

static uint64_t upper_bound(uint64_t bucket) {
    uint64_t octave = bucket / STEPS, step = bucket % STEPS;
    return octave ? ((STEPS + step + 1) << (octave - 1)) - 1 : step;
}

double histogram_quantile(const struct histogram *histogram, double quantile) {
    uint64_t wanted = (uint64_t)(quantile * (double)histogram->count + 0.5), passed = 0;
    if (!histogram->count) return 0;
    if (!wanted) wanted = 1;
    for (uint64_t bucket = 0; bucket < OCTAVES * STEPS; bucket++) {
        passed += histogram->buckets[bucket];
        if (passed < wanted) continue;
        uint64_t bound = upper_bound(bucket);
        return (double)(bound < histogram->greatest ? bound : histogram->greatest) / 1e3;
    }
    return (double)histogram->greatest / 1e3;
}
