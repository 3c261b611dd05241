#include "report.h"

#include <stdio.h>

#include "clients.h"
#include "publishers.h"
#include "publishing.h"

static void put(const char *name, double value, int digits) { printf(",\n  \"%s\": %.*f", name, digits, value); }
static void put_count(const char *name, uint64_t value) { put(name, (double)value, 0); }

/* Counts that should be zero appear only when they are not. */
static void put_trouble(const char *name, uint64_t value) {
    if (value) put_count(name, value);
}

static void put_quantiles(const char *name, const struct histogram *histogram) {
    static const struct { const char *suffix; double quantile; } wanted[] = {
        { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 }, { "max", 1 },
    };
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char full[64];
        snprintf(full, sizeof full, "%s_%s_us", name, wanted[i].suffix);
        put(full, histogram_quantile(histogram, wanted[i].quantile), 1);
    }
}

static double per(double amount, double count) { return count > 0 ? amount / count : 0; }
static double seconds_between(uint64_t from, uint64_t to) { return to > from ? (double)(to - from) / 1e9 : 0; }

static void report_opening(const struct options *options, const struct measurements *m) {
    double opened = (double)m->opened_at_begin, server = (double)(m->opened.server - m->before.server);
    put_count("opened", m->opened_at_begin);
    put("handshakes_per_s", per(opened, seconds_between(m->before.at, m->opened.at)), 0);
    if (!options->server_pids.count) return;
    put("server_us_per_handshake", per(server / 1e3, opened), 3);
    put_count("resident_before", m->resident_before);
    put_count("resident_open", m->resident_open);
    put_count("resident_after", m->resident_after);
    put("resident_per_connection", per((double)m->resident_open - (double)m->resident_before, opened), 0);
}

static void report_clients(void) {
    const struct client_counts *c = &client_counts;
    put_count("failed", clients_failed());
    put_trouble("connect_failed", c->connect_failed);
    put_trouble("refused", c->refused);
    put_trouble("bad_accept", c->bad_accept);
    put_trouble("bad_subprotocol", c->bad_subprotocol);
    put_trouble("bad_extensions", c->bad_extensions);
    put_trouble("ended_early", c->ended_early);
    put_trouble("timed_out", c->timed_out);
    put_count("closed_by_server", c->closed_by_server);
    put_trouble("protocol_errors", c->protocol_errors);
    put_trouble("write_failed", c->write_failed);
    put_trouble("pings", c->pings);
    put_trouble("other_frames", c->other_frames);
    put_quantiles("handshake", &c->handshake);
}

static void report_statuses(void) {
    uint64_t succeeded = 0;
    for (int status = 0; status < STATUS_MAX; status++) {
        uint64_t count = publisher_counts.statuses[status];
        char name[32];
        snprintf(name, sizeof name, "status_%d", status);
        put_trouble(name, count);
        if (status / 100 == 2) succeeded += count;
    }
    put_count("not_succeeded", publishing_counts.sent - succeeded);
    put_trouble("answers_lost", publisher_counts.lost);
}

static void report_messages(const struct options *options, const struct measurements *m) {
    double received = (double)tally.received, sent = (double)publishing_counts.sent;
    double server = (double)(m->end.server - m->begin.server) / 1e3, other = (double)(m->end.other - m->begin.other) / 1e3;
    double until_last = seconds_between(m->begin.at, tally.last_at);
    put("rate", options->rate, 3);
    put_count("published", publishing_counts.sent);
    put("published_per_s", per(sent, until_last), 1);
    report_statuses();
    put_count("expected", publishing_counts.expected);
    put_count("received", tally.received);
    put("completeness", per(received, (double)publishing_counts.expected), 7);
    put_count("duplicates", tally.duplicates);
    put_count("missing", tally.missing);
    put_count("reordered", tally.reordered);
    put_count("misdelivered", tally.misdelivered);
    put_trouble("stalls", publishing_counts.stalls);
    put("deliveries_per_s", per(received, until_last), 0);
    put("bytes_per_push", per((double)client_counts.push_bytes, (double)client_counts.pushes), 1);
    put("frames_per_read", per((double)client_counts.frames, (double)client_counts.reads), 2);
    put_quantiles("latency", &tally.latency);
    if (options->rate > 0) put_quantiles("publish_late", &publishing_counts.late);
    if (options->server_pids.count) {
        put("server_us_per_delivery", per(server, received), 4);
        put("server_us_per_publish", per(server, sent), 3);
    }
    if (options->other_pids.count) put("other_us_per_publish", per(other, sent), 3);
}

static void report_churn(const struct options *options, const struct measurements *m) {
    double cycles = (double)(client_counts.cycles - m->cycles_at_begin);
    put("cycles", cycles, 0);
    put("cycles_per_s", per(cycles, seconds_between(m->begin.at, m->end.at)), 0);
    if (options->server_pids.count)
        put("server_us_per_cycle", per((double)(m->end.server - m->begin.server) / 1e3, cycles), 3);
}

/* What the cores were busy with while it was measured, in percent of one core. */
static void report_cores(const struct measurements *m) {
    double wall = (double)(m->end.at - m->begin.at);
    double server = (double)(m->end.server - m->begin.server), other = (double)(m->end.other - m->begin.other);
    double own = (double)(m->end.own - m->begin.own), busy = (double)(m->end.busy - m->begin.busy);
    double foreign = busy - server - other - own;
    put("measured_s", wall / 1e9, 3);
    put("server_core_pct", server / wall * 100, 1);
    put("other_core_pct", other / wall * 100, 1);
    put("own_core_pct", own / wall * 100, 1);
    put("foreign_core_pct", foreign > 0 ? foreign / wall * 100 : 0, 1);
    put("stolen_core_pct", (double)(m->end.stolen - m->begin.stolen) / wall * 100, 1);
}

void report(const struct options *options, const struct measurements *m) {
    printf("{\n  \"mode\": \"%s\"", options->mode_name);
    put_count("connections", options->connections);
    put_count("payload", options->payload);
    if (options->mode != MODE_CHURN) report_opening(options, m);
    report_clients();
    if (options->mode != MODE_IDLE && options->mode != MODE_CHURN) report_messages(options, m);
    if (options->mode == MODE_CHURN) report_churn(options, m);
    report_cores(m);
    printf("\n}\n");
}
