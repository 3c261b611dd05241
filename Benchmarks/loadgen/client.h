/* One WebSocket client; shared by the files that make up clients.h. */
#ifndef LOADGEN_CLIENT_H
#define LOADGEN_CLIENT_H

#include "../wire/accept.h"
#include "../wire/frame.h"
#include "clients.h"

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_HANDSHAKING, CLIENT_OPEN, CLIENT_CLOSING };

struct client {
    int fd;
    uint32_t index;
    enum client_state state;
    uint32_t kept;     /* bytes of an incomplete frame or head ... */
    uint8_t *rest;     /* ... which wait here for the others */
    uint64_t started;  /* when connecting began */
    struct order order;
    char accept[ACCEPT_LENGTH + 1];
};

/* Sends the upgrade request for this client and notes what the answer must be. */
void client_request_upgrade(struct client *client, const struct options *options);

enum upgrade { UPGRADE_INCOMPLETE, UPGRADE_DONE, UPGRADE_REFUSED };

/* Judges the answer to the upgrade; when it is done, *used tells its length. When it is refused, the reason
   has been counted. The byte behind the n must be NUL. */
enum upgrade client_read_upgrade(const struct client *client, char *bytes, size_t n, const struct options *options,
                                 size_t *used);

/* Acts on the complete frames; returns the bytes used, and ends the client (then state is CLOSED) where its
   frames say so. */
size_t client_read_frames(struct client *client, const uint8_t *bytes, size_t n, const struct options *options);

/* Sends a small frame; a socket that does not take it is counted. */
void client_send(struct client *client, enum opcode opcode, const void *payload, size_t length);

/* Ends a connection; the reason has been counted. */
void client_end(struct client *client);

#endif
