#include "publishing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "clock.h"
#include "publishers.h"
#include "template.h"

/* A batch is kept small so that what has come in is looked at, and time stamped, soon. */
enum { BATCH = 64, PATH_MAX_LENGTH = 1024 };

static const uint64_t LONGEST_WAIT = 5 * MILLISECOND, STALLED_AFTER = 500 * MILLISECOND;

struct publishing_counts publishing_counts;

/* Around the payload: of a command, of a document, of mere text. */
struct shell {
    const char *head, *tail;
};
static const struct shell command = { "{\"name\":\"echo\",\"data\":\"", "\"}" }, document = { "{\"at\":\"", "}" },
                          plain = { "", "" };

static struct {
    const struct options *options;
    char *body;
    uint32_t length;
    char *payload; /* within the body */
    uint32_t *sequences; /* per target; a broadcast has the first one */
    bool on;
    uint64_t interval, next;
    uint64_t forgiven;   /* deliveries not waited for any longer */
    uint64_t progress, quiet, looked_at; /* how long nothing has come in, up to when */
    uint64_t random;
} state = { .random = 0x2545f4914f6cdd1d };

static uint64_t next_random(void) {
    state.random ^= state.random << 13;
    state.random ^= state.random >> 7;
    state.random ^= state.random << 17;
    return state.random;
}

/* Rows of a table behind the stamp, the same in every run; the room that is left is blank. */
static void write_rows(char *payload, size_t length) {
    static const char *const shops[] = { "north", "harbour", "station", "old town" };
    static const char begin[] = "\",\"rows\":[", end[] = "{}]";
    char row[160], *out = payload + STAMP_LENGTH, *limit = payload + length - (sizeof end - 1);
    memset(payload, ' ', length);
    memcpy(out, begin, sizeof begin - 1);
    out += sizeof begin - 1;
    while (true) {
        uint64_t chance = next_random();
        int written = snprintf(row, sizeof row, "{\"article\":%u,\"shop\":\"%s\",\"price\":%u.%02u,\"stock\":%u,\"open\":%s},",
                               (unsigned)(chance % 900000 + 100000), shops[chance >> 20 & 3], (unsigned)(chance >> 24 & 63),
                               (unsigned)(chance >> 32) % 100, (unsigned)(chance >> 40 & 255), chance >> 50 & 1 ? "true" : "false");
        if (out + written > limit) break;
        memcpy(out, row, (size_t)written);
        out += written;
    }
    memcpy(out, end, sizeof end - 1);
}

void publishing_prepare(const struct options *options) {
    state.options = options;
    const struct shell *around = options->mode == MODE_COMMANDS ? &command : options->json ? &document : &plain;
    size_t head = strlen(around->head), tail = strlen(around->tail);
    state.length = (uint32_t)(head + options->payload + tail);
    state.body = malloc(state.length);
    state.sequences = calloc(options->connections, sizeof *state.sequences);
    if (!state.body || !state.sequences) {
        perror("loadgen");
        exit(1);
    }
    state.payload = state.body + head;
    memcpy(state.body, around->head, head);
    if (around == &document) write_rows(state.payload, options->payload);
    else memset(state.payload, 'x', options->payload);
    memcpy(state.payload + options->payload, around->tail, tail);
}

void publishing_begin(void) {
    memset(&publishing_counts, 0, sizeof publishing_counts);
    memset(&publisher_counts, 0, sizeof publisher_counts);
    memset(&tally, 0, sizeof tally);
    state.on = true;
    state.forgiven = 0;
    state.quiet = 0;
    state.next = state.looked_at = now();
    state.interval = state.options->rate > 0 ? from_seconds(1 / state.options->rate) : 0;
}

void publishing_end(void) { state.on = false; }

uint64_t publishing_progress(void) {
    return tally.received + tally.duplicates + tally.misdelivered + publisher_counts.answered;
}

static uint64_t undelivered(void) {
    uint64_t accounted = tally.received + state.forgiven, expected = publishing_counts.expected;
    return expected > accounted ? expected - accounted : 0;
}

bool publishing_complete(void) {
    return tally.received >= publishing_counts.expected && publisher_counts.answered >= publishing_counts.sent;
}

/* Messages that are not answered, or not delivered everywhere: whichever is more. */
static uint64_t outstanding(void) {
    uint64_t unanswered = publishing_counts.sent - publisher_counts.answered;
    uint64_t receivers = state.options->mode == MODE_BROADCAST && clients_open() ? clients_open() : 1;
    uint64_t underway = (undelivered() + receivers - 1) / receivers;
    return unanswered > underway ? unanswered : underway;
}

/* A target at random. Each belongs to one publisher, so that its messages must arrive in the order in which
   they were sent; neighbours belong together, since neighbours are on different servers. */
static uint32_t choose_target(uint32_t publisher) {
    uint64_t connections = state.options->connections, publishers = state.options->publishers;
    uint32_t first = (uint32_t)(connections * publisher / publishers);
    uint32_t count = (uint32_t)(connections * (publisher + 1) / publishers) - first;
    uint32_t start = (uint32_t)(next_random() % count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t target = first + (start + i) % count;
        if (client_is_open(target)) return target;
    }
    return first + start;
}

static void publish(int publisher, uint64_t at) {
    bool targeted = state.options->mode != MODE_BROADCAST;
    uint32_t target = targeted ? choose_target((uint32_t)publisher) : 0;
    struct stamp stamp = { .at = at, .sequence = ++state.sequences[target], .target = target };
    char path[PATH_MAX_LENGTH];
    stamp_write(state.payload, &stamp);
    template_expand(path, sizeof path, state.options->publish_path, target);
    publisher_post(publisher, path, state.body, state.length);
    publishing_counts.sent++;
    publishing_counts.expected += targeted ? 1 : clients_open();
}

/* Lost messages must not stop the publishing: they are in the counts, the window goes on without them.
   Time counts as quiet only while we were awake to see it: on a shared machine it may be we who stood still. */
static void look_for_stall(uint64_t at) {
    uint64_t progress = publishing_progress() + publishing_counts.sent, passed = at - state.looked_at;
    state.looked_at = at;
    state.quiet += passed < LONGEST_WAIT ? passed : LONGEST_WAIT;
    if (progress != state.progress) {
        state.progress = progress;
        state.quiet = 0;
    } else if (state.quiet > STALLED_AFTER) {
        state.forgiven += undelivered();
        state.quiet = 0;
        publishing_counts.stalls++;
    }
}

uint64_t publishing_tick(void) {
    uint64_t at = now();
    uint32_t budget = BATCH;
    bool full = false;
    if (!state.on) return LONGEST_WAIT;
    while (budget && at >= state.next) {
        int publisher = outstanding() < state.options->window ? publishers_next() : NO_PUBLISHER;
        full = publisher == NO_PUBLISHER;
        if (full) break;
        if (state.interval) {
            histogram_add(&publishing_counts.late, at - state.next);
            state.next += state.interval;
        }
        publish(publisher, at);
        at = now();
        budget--;
    }
    publishers_flush();
    if (full) look_for_stall(at);
    if (!budget) return 0;
    if (full) return LONGEST_WAIT;
    uint64_t wait = state.next > at ? state.next - at : 0;
    return wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
}
