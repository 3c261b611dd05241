#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stamp.h"

static const char usage[] =
    "usage: loadgen [options] idle|broadcast|targeted|churn|commands HOST:PORT[,HOST:PORT...]\n"
    "  idle       opens the connections and keeps them: CPU per handshake, memory per connection\n"
    "  broadcast  publishes to all of them\n"
    "  targeted   publishes to one of them at a time\n"
    "  churn      opens and closes them again and again\n"
    "  commands   has one of them at a time run a command; its latency is that of the whole round trip\n"
    "Hosts are IPv4 addresses. The result is one JSON object on standard output.\n"
    "connections\n"
    "  --connections N (1000)   --path PATH (/ws?clientId=b-%d; %d is the index)   --subprotocol NAME\n"
    "  --extensions OFFER       permessage-deflate; server_no_context_takeover\n"
    "  --handshakes N           under way at the same time (256)\n"
    "publishing, by HTTP POST\n"
    "  --publish-path PATH      (/v1/broadcast, /v1/clients/b-%d/push or .../commands)\n"
    "  --header 'NAME: VALUE'   (Content-Type: text/plain; application/json for commands)\n"
    "  --publishers N (1)       --depth N  requests without an answer on each (all of the window)\n"
    "  --rate N                 messages a second (0: flat out)\n"
    "  --window N               messages without an answer or a delivery (16; with a rate 10000)\n"
    "  --payload BYTES (128)    --content json  for what compresses as documents do, instead of one letter\n"
    "measuring, in seconds\n"
    "  --duration (5)   --warmup (0)   --settle, after opening (1)   --patience, for stragglers (3)\n"
    "  --server-pid PID[,PID...]   --other-pid PID[,PID...]\n";

enum option_kind { COUNT, REAL, TEXT, PID_LIST };

static _Noreturn void refuse(const char *what, const char *value) {
    fprintf(stderr, "loadgen: %s: %s\n%s", what, value, usage);
    exit(2);
}

static double number(const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || value < 0) refuse("not a number", text);
    return value;
}

static uint32_t whole(const char *text) {
    double value = number(text);
    if (value > 100e6 || value != (double)(uint32_t)value) refuse("not a count", text);
    return (uint32_t)value;
}

static void add_pids(struct pids *pids, char *list) {
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        if (pids->count == PIDS_MAX) refuse("too many processes", item);
        pids->at[pids->count++] = (pid_t)whole(item);
    }
}

static void add_endpoints(struct endpoints *endpoints, char *list) {
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        if (endpoints->count == ENDPOINTS_MAX) refuse("too many servers", item);
        struct endpoint *endpoint = &endpoints->at[endpoints->count++];
        char host[INET_ADDRSTRLEN];
        unsigned port;
        endpoint->address.sin_family = AF_INET;
        if (sscanf(item, "%15[0-9.]:%5u", host, &port) != 2 || port > UINT16_MAX
            || inet_pton(AF_INET, host, &endpoint->address.sin_addr) != 1) refuse("not an IPv4 address and a port", item);
        endpoint->address.sin_port = htons((uint16_t)port);
        snprintf(endpoint->name, sizeof endpoint->name, "%s:%u", host, port);
    }
    if (!endpoints->count) refuse("no server", "");
}

static enum mode mode_named(const char *name) {
    static const char *const names[] = { "idle", "broadcast", "targeted", "churn", "commands" };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return (enum mode)i;
    refuse("no such mode", name);
}

static void set_defaults(struct options *options) {
    if (!options->window) options->window = options->rate > 0 ? 10000 : 16;
    if (!options->publishers) options->publishers = 1;
    if (options->publishers > options->connections) options->publishers = options->connections;
    if (!options->depth) options->depth = options->window;
    static const char *const paths[] = { [MODE_BROADCAST] = "/v1/broadcast", [MODE_TARGETED] = "/v1/clients/b-%d/push",
                                         [MODE_COMMANDS] = "/v1/clients/b-%d/commands" };
    if (!options->publish_path) options->publish_path = paths[options->mode];
    bool commands = options->mode == MODE_COMMANDS;
    if (!options->publish_headers)
        options->publish_headers = commands || options->json ? "Content-Type: application/json\r\n" : "Content-Type: text/plain\r\n";
    if (!commands) return;
    options->depth = 1;                                                         /* so that answers may come in any order */
    if (!options->subprotocol) options->subprotocol = "switchboard.v1"; /* a raw client takes no commands */
}

static char *with_line_end(const char *header) {
    size_t length = strlen(header);
    char *line = malloc(length + 3);
    if (!line) refuse("out of memory", header);
    memcpy(line, header, length);
    memcpy(line + length, "\r\n", 3);
    return line;
}

struct options options_read(int argc, char **argv) {
    struct options o = { .connections = 1000, .path = "/ws?clientId=b-%d",
                         .payload = 128, .duration = 5, .settle = 1, .patience = 3, .handshakes = 256 };
    const char *content = NULL;
    const struct { const char *name; enum option_kind kind; void *to; } known[] = {
        { "connections", COUNT, &o.connections }, { "handshakes", COUNT, &o.handshakes },
        { "path", TEXT, &o.path }, { "subprotocol", TEXT, &o.subprotocol }, { "extensions", TEXT, &o.extensions },
        { "content", TEXT, &content },
        { "publish-path", TEXT, &o.publish_path }, { "header", TEXT, &o.publish_headers },
        { "publishers", COUNT, &o.publishers }, { "depth", COUNT, &o.depth }, { "window", COUNT, &o.window },
        { "payload", COUNT, &o.payload }, { "rate", REAL, &o.rate }, { "duration", REAL, &o.duration },
        { "warmup", REAL, &o.warmup }, { "settle", REAL, &o.settle }, { "patience", REAL, &o.patience },
        { "server-pid", PID_LIST, &o.server_pids }, { "other-pid", PID_LIST, &o.other_pids },
    };
    enum { KNOWN = sizeof known / sizeof *known };
    struct option table[KNOWN + 1] = { 0 };
    for (int i = 0; i < KNOWN; i++) table[i] = (struct option){ known[i].name, required_argument, NULL, 0 };

    for (int which, c; (c = getopt_long(argc, argv, "", table, &which)) != -1;) {
        if (c) refuse("see", "usage");
        void *to = known[which].to;
        switch (known[which].kind) {
        case COUNT: *(uint32_t *)to = whole(optarg); break;
        case REAL: *(double *)to = number(optarg); break;
        case TEXT: *(const char **)to = optarg; break;
        case PID_LIST: add_pids(to, optarg); break;
        }
    }
    if (optind + 2 != argc) refuse("wanted", "a mode and a server");
    if (content && strcmp(content, "json") != 0) refuse("no such content", content);
    o.json = content;
    if (o.publish_headers) o.publish_headers = with_line_end(o.publish_headers);
    o.mode_name = argv[optind];
    o.mode = mode_named(o.mode_name);
    add_endpoints(&o.servers, argv[optind + 1]);
    set_defaults(&o);
    if (!o.connections || !o.handshakes || o.publishers > PUBLISHERS_MAX) refuse("out of range", "a count");
    if (o.payload < STAMP_LENGTH || o.payload > PAYLOAD_MAX) refuse("out of range", "--payload (36 to 65536)");
    if (o.json && o.payload < DOCUMENT_MIN) refuse("out of range", "--payload of a document (128 at least)");
    return o;
}
