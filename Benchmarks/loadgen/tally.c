#include "tally.h"

enum { REMEMBERED = 64 };

/* Notes the sequence number; false when it is a repetition. Numbers older than the 64 remembered
   cannot be told from repetitions and count as reordered. */
static bool note(struct tally *tally, struct order *order, uint32_t sequence) {
    if (sequence > order->highest) {
        uint32_t ahead = sequence - order->highest;
        tally->missing += ahead - 1;
        order->recent = (ahead < REMEMBERED ? order->recent << ahead : 0) | 1;
        order->highest = sequence;
        return true;
    }
    uint32_t behind = order->highest - sequence;
    if (behind < REMEMBERED) {
        uint64_t bit = UINT64_C(1) << behind;
        if (order->recent & bit) {
            tally->duplicates++;
            return false;
        }
        order->recent |= bit;
    }
    tally->reordered++;
    if (tally->missing) tally->missing--;
    return true;
}

bool tally_note(struct tally *tally, struct order *order, const struct stamp *stamp, bool targeted, uint32_t own) {
    if (!targeted || stamp->target == own) return note(tally, order, stamp->sequence);
    tally->misdelivered++;
    return false;
}

void tally_count(struct tally *tally, const struct stamp *stamp, uint64_t at) {
    tally->received++;
    histogram_add(&tally->latency, at > stamp->at ? at - stamp->at : 0);
}

void tally_message(struct tally *tally, struct order *order, const struct stamp *stamp, bool targeted, uint32_t own,
                   uint64_t at) {
    tally->last_at = at;
    if (tally_note(tally, order, stamp, targeted, own)) tally_count(tally, stamp, at);
}
