#include "peer.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/accept.h"
#include "../wire/frame.h"
#include "receivers.h"

enum { INPUT = 256 * 1024, REPLIES = 64 * 1024, WRAPPING = 128, UNDER_WAY = 4096 /* commands */, NOBODY = -1 };

/* Who waits for the result of a command, by its number. */
static int callers[UNDER_WAY];
static uint32_t commands;

/* What is kept between two reads: nothing for most connections, since requests come whole. */
struct peer {
    bool upgraded;
    uint32_t kept;
    uint8_t *rest;
};

static struct peer *peers;
static struct manners manners;

void peers_prepare(unsigned long descriptors, struct manners wanted) {
    manners = wanted;
    peers = calloc(descriptors, sizeof *peers);
    if (!peers) {
        perror("floor");
        exit(1);
    }
}

static void hang_up(int fd) {
    if (peers[fd].upgraded) receivers_remove(fd);
    for (uint32_t i = 0; commands && i < UNDER_WAY; i++)
        if (callers[i] == fd) callers[i] = NOBODY;
    free(peers[fd].rest);
    peers[fd] = (struct peer){ 0 };
    close(fd);
}

/* The number that ends the path: "/ws?clientId=b-17 HTTP/1.1" is 17. */
static uint32_t trailing_number(const char *path) {
    const char *end = path + strcspn(path, " \r"), *digits = end;
    while (digits > path && digits[-1] >= '0' && digits[-1] <= '9') digits--;
    return (uint32_t)strtoul(digits, NULL, 10);
}

/* Answers "GET PATH" with the upgrade; the path's last number is the receiver's id. */
static void upgrade(int fd, const char *head) {
    static const char name[] = "sec-websocket-key:";
    char accept[ACCEPT_LENGTH + 1], reply[256];
    const char *key = strcasestr(head, name);
    if (!key) {
        hang_up(fd);
        return;
    }
    key += sizeof name - 1;
    while (*key == ' ') key++;
    if (strlen(key) < KEY_LENGTH) {
        hang_up(fd);
        return;
    }
    websocket_accept(key, accept);
    if (manners.wrong_accept) accept[0] ^= 1;
    const char *protocol = manners.subprotocol;
    int length = snprintf(reply, sizeof reply,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n%s%s%s\r\n", accept,
                          protocol ? "Sec-WebSocket-Protocol: " : "", protocol ? protocol : "", protocol ? "\r\n" : "");
    if (send(fd, reply, (size_t)length, MSG_NOSIGNAL) != length) {
        hang_up(fd);
        return;
    }
    peers[fd].upgraded = true;
    receivers_add(fd, trailing_number(head + strlen("GET ")));
}

/* "POST /v1/clients/b-17/push" goes to receiver 17, every other path to all. */
static void publish(const char *head, const uint8_t *body, size_t length) {
    static uint8_t frame[INPUT + WRAPPING + FRAME_HEADER_MAX];
    static char json[INPUT + WRAPPING];
    static const char targeted[] = "POST /v1/clients/b-";
    if (manners.subprotocol) {
        length = (size_t)snprintf(json, sizeof json, "{\"type\":\"push\",\"data\":\"%.*s\"}", (int)length, body);
        body = (uint8_t *)json;
    }
    size_t framed = frame_write(frame, OP_TEXT, body, length);
    if (strncmp(head, targeted, sizeof targeted - 1) == 0)
        send_to_one((uint32_t)strtoul(head + sizeof targeted - 1, NULL, 10), frame, framed);
    else send_to_all(frame, framed);
}

/* "POST /v1/clients/b-17/commands" with "data" as the last member goes to receiver 17. */
static bool is_command(const char *head) {
    return strncmp(strchrnul(head + strlen("POST /v1/"), ' ') - strlen("/commands"), "/commands", strlen("/commands")) == 0;
}

static void command(int fd, const char *head, const char *body, size_t length) {
    static uint8_t frame[INPUT + WRAPPING + FRAME_HEADER_MAX];
    static char json[INPUT + WRAPPING];
    static const char member[] = "\"data\":";
    const char *data = memmem(body, length, member, sizeof member - 1);
    if (!data) return;
    uint32_t number = commands++ % UNDER_WAY;
    callers[number] = fd;
    int written = snprintf(json, sizeof json, "{\"type\":\"command\",\"id\":\"%u\",\"name\":\"echo\",\"timeout\":30,%.*s",
                           number, (int)(body + length - data), data);
    size_t framed = frame_write(frame, OP_TEXT, json, (size_t)written);
    send_to_one((uint32_t)strtoul(head + strlen("POST /v1/clients/b-"), NULL, 10), frame, framed);
}

/* A receiver's result goes to who waits for it, as it is. */
static void result(char *text, size_t length) {
    static char reply[INPUT + WRAPPING];
    static const char member[] = "\"id\":\"";
    const char *id = memmem(text, length, member, sizeof member - 1);
    uint32_t number = id ? (uint32_t)strtoul(id + sizeof member - 1, NULL, 10) : UNDER_WAY;
    if (number >= UNDER_WAY || number >= commands || callers[number] == NOBODY) return;
    static char previous[INPUT];
    static size_t kept;
    if (manners.mixed_up && kept && number % manners.mixed_up == 0) {
        text = previous;
        length = kept;
    } else if (manners.mixed_up && length < sizeof previous) memcpy(previous, text, kept = length);
    int written = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%.*s", length, (int)length, text);
    if (send(callers[number], reply, (size_t)written, MSG_NOSIGNAL) == written) callers[number] = NOBODY;
}

static size_t content_length(const char *head) {
    static const char name[] = "content-length:";
    const char *field = strcasestr(head, name);
    return field ? strtoul(field + sizeof name - 1, NULL, 10) : 0;
}

/* Carries out the complete requests in the input and sends their answers together. */
static void requests(int fd, uint8_t *input, size_t length) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static char replies[REPLIES];
    size_t used = 0, answered = 0;
    while (used < length && answered + sizeof ok <= sizeof replies) {
        char *head = (char *)input + used;
        char *end = memmem(head, length - used, "\r\n\r\n", 4);
        if (!end) break;
        end[2] = 0; /* a string up to its last line */
        if (strncmp(head, "GET ", 4) == 0) {
            upgrade(fd, head);
            return;
        }
        uint8_t *body = (uint8_t *)end + 4;
        size_t expected = content_length(head), there = (size_t)(input + length - body);
        if (there < expected) {
            end[2] = '\r';
            break;
        }
        if (is_command(head)) command(fd, head, (char *)body, expected);
        else {
            publish(head, body, expected);
            memcpy(replies + answered, ok, sizeof ok - 1);
            answered += sizeof ok - 1;
        }
        used = (size_t)(body - input) + expected;
    }
    if (answered && send(fd, replies, answered, MSG_NOSIGNAL) != (ssize_t)answered) {
        hang_up(fd);
        return;
    }
    struct peer *peer = &peers[fd];
    peer->kept = (uint32_t)(length - used);
    if (!peer->kept) return;
    peer->rest = malloc(peer->kept);
    if (!peer->rest) {
        hang_up(fd);
        return;
    }
    memcpy(peer->rest, input + used, peer->kept);
}

/* A receiver says good-bye, or what a command came to. Frames come whole, since they are small. */
static void receiver_said(int fd, uint8_t *input, size_t length) {
    struct frame frame;
    uint8_t reply[FRAME_HEADER_MAX];
    enum frame_result read = FRAME_INCOMPLETE;
    while (length && (read = frame_read(input, length, &frame)) == FRAME_COMPLETE && frame.opcode == OP_TEXT) {
        uint8_t *payload = input + frame.header;
        for (size_t i = 0; frame.masked && i < frame.length; i++) payload[i] ^= payload[(i & 3) - 4];
        result((char *)payload, (size_t)frame.length);
        input = payload + frame.length;
        length -= frame.header + (size_t)frame.length;
        read = FRAME_INCOMPLETE;
    }
    if (read == FRAME_INVALID) {
        hang_up(fd);
        return;
    }
    if (read != FRAME_COMPLETE || frame.opcode != OP_CLOSE) return;
    send(fd, reply, frame_write(reply, OP_CLOSE, "", 0), MSG_NOSIGNAL);
    hang_up(fd);
}

void peer_readable(int fd) {
    static uint8_t input[INPUT];
    struct peer *peer = &peers[fd];
    size_t had = peer->kept;
    if (had == sizeof input) {
        hang_up(fd);
        return;
    }
    ssize_t got = recv(fd, input + had, sizeof input - had, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        hang_up(fd);
        return;
    }
    if (peer->upgraded) {
        receiver_said(fd, input, (size_t)got);
        return;
    }
    if (had) {
        memcpy(input, peer->rest, had);
        free(peer->rest);
        peer->rest = NULL;
        peer->kept = 0;
    }
    requests(fd, input, had + (size_t)got);
}
