/* loadgen: a load generator for WebSocket push servers.

   One thread opens the WebSocket connections, publishes by HTTP POST, and receives on the other side, so
   that latency has one clock. Meanwhile it reads the server's CPU time and memory: CPU per delivered
   message means something even on a machine that is shared with others, where deliveries a second do not. */
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "../wire/limits.h"
#include "clients.h"
#include "clock.h"
#include "publishers.h"
#include "publishing.h"
#include "report.h"

/* Few events at a time, so that the publishing is not kept waiting. */
enum { EVENTS = 128, DESCRIPTORS_BESIDES = 32 };

static const uint64_t LONGEST_STEP = 5 * MILLISECOND, OPENING_STUCK_AFTER = 10 * SECOND;

static struct options options;
static int epoll;

static void step(void) {
    struct epoll_event events[EVENTS];
    clients_connect_waiting();
    uint64_t wait = publishing_tick();
    if (wait > LONGEST_STEP) wait = LONGEST_STEP;
    struct timespec timeout = { .tv_nsec = (long)wait };
    int count = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        uint64_t id = events[i].data.u64;
        if (id < options.connections) client_ready((uint32_t)id, events[i].events);
        else publisher_ready((uint32_t)(id - options.connections), events[i].events);
    }
}

static void run_for(double seconds) {
    for (uint64_t end = now() + from_seconds(seconds); now() < end;) step();
}

static void open_all(void) {
    uint64_t settled = 0, changed_at = now();
    while (settled < options.connections && now() - changed_at < OPENING_STUCK_AFTER) {
        step();
        uint64_t s = client_counts.opened + clients_failed();
        if (s != settled) changed_at = now();
        settled = s;
    }
    clients_give_up();
}

/* Publishes for the time given, then waits until everything has come or nothing more does. */
static void publish_for(double seconds) {
    publishing_begin();
    run_for(seconds);
    publishing_end();
    uint64_t progress = publishing_progress(), progress_at = now();
    while (!publishing_complete() && now() - progress_at < from_seconds(options.patience)) {
        step();
        publishers_flush();
        if (publishing_progress() != progress) progress_at = now();
        progress = publishing_progress();
    }
}

static void measure_churn(struct measurements *m) {
    clients_reopen(true);
    run_for(options.warmup);
    m->cycles_at_begin = client_counts.cycles;
    m->begin = take_reading(&options);
    run_for(options.duration);
    m->end = take_reading(&options);
    clients_reopen(false);
}

static void measure(struct measurements *m) {
    bool publishes = options.mode != MODE_IDLE;
    m->resident_before = resident_bytes(&options.server_pids);
    m->before = take_reading(&options);
    open_all();
    m->opened = take_reading(&options);
    m->opened_at_begin = client_counts.opened;
    run_for(options.settle);
    m->resident_open = resident_bytes(&options.server_pids);
    if (publishes) {
        publishers_connect(&options, epoll, options.connections);
        if (options.warmup > 0) publish_for(options.warmup);
    }
    m->begin = publishes ? take_reading(&options) : m->before; /* idle is about the opening, too */
    if (publishes) publish_for(options.duration);
    else run_for(options.duration);
    m->end = take_reading(&options);
    m->resident_after = resident_bytes(&options.server_pids);
}

int main(int argc, char **argv) {
    struct measurements measurements = { 0 };
    options = options_read(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1000); /* nanoseconds: a rate is to be kept, not rounded to 50 us */
    if (raise_open_files() < options.connections + options.publishers + DESCRIPTORS_BESIDES)
        fprintf(stderr, "loadgen: fewer open files are allowed than there are connections (ulimit -n)\n");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    clients_prepare(&options, epoll);
    publishing_prepare(&options);
    if (options.mode == MODE_CHURN) measure_churn(&measurements);
    else measure(&measurements);
    report(&options, &measurements);
    clients_close();
    return client_counts.opened ? 0 : 1;
}
