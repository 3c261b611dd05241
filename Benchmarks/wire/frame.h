/* WebSocket frames (RFC 6455, section 5.2). */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opcode { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

enum { FRAME_HEADER_MAX = 14 };

struct frame {
    uint8_t opcode;
    bool final, masked;
    bool compressed; /* RSV1, with permessage-deflate (RFC 7692, section 6) */
    size_t header;   /* bytes in front of the payload, the mask included */
    uint64_t length; /* bytes of payload */
};

enum frame_result { FRAME_INVALID = -1, FRAME_INCOMPLETE = 0, FRAME_COMPLETE = 1 };

/* Reads the header of the frame at p. COMPLETE says that its payload lies within the n bytes, too;
   INVALID that other reserved bits are set. With INCOMPLETE the fields mean nothing. */
enum frame_result frame_read(const uint8_t *p, size_t n, struct frame *frame);

/* Writes a final frame as a server sends it, unmasked; returns its length. */
size_t frame_write(uint8_t *out, enum opcode opcode, const void *payload, size_t length);

/* Writes a final frame as a client sends it, masked; returns its length. */
size_t frame_write_masked(uint8_t *out, enum opcode opcode, const void *payload, size_t length);

#endif
