/* What the server sends once a client is open. */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "clock.h"
#include "inflate.h"

enum { CODE_LENGTH = 2 /* bytes of a close code */, ID_MAX = 64, RESULT_MAX = 256 };

/* A message without a stamp: the greeting of the framed mode, or its ping. */
static void answer(struct client *client, const uint8_t *payload, size_t length, const struct options *options) {
    static const char pong[] = "{\"type\":\"pong\"}";
    client_counts.other_frames++;
    if (!options->subprotocol || !memmem(payload, length, "\"ping\"", 6)) return;
    client_counts.pings++;
    client_send(client, OP_TEXT, pong, sizeof pong - 1);
}

/* A command: its result is the stamp that it came with. It is counted when that has come back. */
static void run(struct client *client, const uint8_t *payload, size_t length, const struct stamp *stamp) {
    static const char name[] = "\"id\":\"";
    char text[STAMP_LENGTH + 1] = { 0 }, result[RESULT_MAX];
    const char *id = memmem(payload, length, name, sizeof name - 1);
    const char *rest = id ? id + sizeof name - 1 : NULL;
    const char *end = rest ? memchr(rest, '"', (size_t)((const char *)payload + length - rest)) : NULL;
    if (!tally_note(&tally, &client->order, stamp, true, client->index) || !end || end - rest > ID_MAX) return;
    stamp_write(text, stamp);
    int written = snprintf(result, sizeof result, "{\"type\":\"result\",\"id\":\"%.*s\",\"status\":200,\"data\":\"%s\"}",
                           (int)(end - rest), rest, text);
    client_send(client, OP_TEXT, result, (size_t)written);
}

static void message(struct client *client, const struct frame *frame, const uint8_t *payload, const struct options *options,
                    uint64_t at) {
    struct stamp stamp;
    size_t length = (size_t)frame->length;
    if (frame->compressed && !(payload = inflate_message(payload, &length))) {
        client_counts.protocol_errors++;
        client_end(client);
        return;
    }
    bool stamped = stamp_find(payload, length, &stamp);
    if (stamped) {
        client_counts.pushes++;
        client_counts.push_bytes += frame->header + frame->length;
    }
    if (!stamped) answer(client, payload, length, options);
    else if (options->mode == MODE_COMMANDS) run(client, payload, length, &stamp);
    else
        tally_message(&tally, &client->order, &stamp, options->mode == MODE_TARGETED, client->index, at);
}

/* The server closes: answer unless we asked for it, and be done. */
static void closed(struct client *client, const uint8_t *payload, size_t length) {
    if (client->state == CLIENT_CLOSING) client_counts.cycles++;
    else {
        client_counts.closed_by_server++;
        client_send(client, OP_CLOSE, payload, length < CODE_LENGTH ? 0 : CODE_LENGTH);
    }
    client_end(client);
}

static void act(struct client *client, const struct frame *frame, const uint8_t *payload, const struct options *options,
                uint64_t at) {
    size_t length = (size_t)frame->length;
    switch (frame->opcode) {
    case OP_TEXT:
    case OP_BINARY: message(client, frame, payload, options, at); break;
    case OP_CLOSE: closed(client, payload, length); break;
    case OP_PING:
        client_counts.pings++;
        client_send(client, OP_PONG, payload, length);
        break;
    default: client_counts.other_frames++;
    }
}

size_t client_read_frames(struct client *client, const uint8_t *bytes, size_t n, const struct options *options) {
    size_t used = 0;
    uint64_t at = now();
    while (client->state != CLIENT_CLOSED && used < n) {
        struct frame frame;
        enum frame_result result = frame_read(bytes + used, n - used, &frame);
        if (result == FRAME_INCOMPLETE) break;
        /* Nothing that a push needs is fragmented, and a server never masks (RFC 6455, section 5.1). */
        if (result == FRAME_INVALID || frame.masked || !frame.final || (frame.compressed && !options->extensions)) {
            client_counts.protocol_errors++;
            client_end(client);
            break;
        }
        client_counts.frames++;
        act(client, &frame, bytes + used + frame.header, options, at);
        used += frame.header + (size_t)frame.length;
    }
    return used;
}
