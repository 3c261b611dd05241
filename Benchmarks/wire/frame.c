#include "frame.h"

#include <string.h>

enum { MASKED = 0x80, FINAL = 0x80, COMPRESSED = 0x40, RESERVED = 0x30, LENGTH_16 = 126, LENGTH_64 = 127 };

enum frame_result frame_read(const uint8_t *p, size_t n, struct frame *frame) {
    if (n < 2) return FRAME_INCOMPLETE;
    if (p[0] & RESERVED) return FRAME_INVALID;
    uint8_t code = p[1] & 0x7f;
    size_t extended = code == LENGTH_16 ? 2 : code == LENGTH_64 ? 8 : 0;
    frame->opcode = p[0] & 0x0f;
    frame->final = p[0] & FINAL;
    frame->compressed = p[0] & COMPRESSED;
    frame->masked = p[1] & MASKED;
    frame->header = 2 + extended + (frame->masked ? 4 : 0);
    if (n < frame->header) return FRAME_INCOMPLETE;
    frame->length = extended ? 0 : code;
    for (size_t i = 0; i < extended; i++) frame->length = frame->length << 8 | p[2 + i];
    return n - frame->header >= frame->length ? FRAME_COMPLETE : FRAME_INCOMPLETE;
}

static size_t write_header(uint8_t *out, enum opcode opcode, size_t length, uint8_t mask_bit) {
    size_t extended = length < LENGTH_16 ? 0 : length < 65536 ? 2 : 8;
    uint8_t code = extended == 0 ? (uint8_t)length : extended == 2 ? LENGTH_16 : LENGTH_64;
    out[0] = FINAL | (uint8_t)opcode;
    out[1] = mask_bit | code;
    for (size_t i = 0; i < extended; i++) out[2 + i] = (uint8_t)((uint64_t)length >> 8 * (extended - 1 - i));
    return 2 + extended;
}

size_t frame_write(uint8_t *out, enum opcode opcode, const void *payload, size_t length) {
    size_t header = write_header(out, opcode, length, 0);
    memcpy(out + header, payload, length);
    return header + length;
}

size_t frame_write_masked(uint8_t *out, enum opcode opcode, const void *payload, size_t length) {
    /* A load generator hides nothing from proxies: any mask will do, and one that is not zero shows
       whether the server unmasks. */
    static const uint8_t mask[4] = { 0xa5, 0x3c, 0x96, 0x0f };
    const uint8_t *from = payload;
    size_t header = write_header(out, opcode, length, MASKED);
    memcpy(out + header, mask, sizeof mask);
    header += sizeof mask;
    for (size_t i = 0; i < length; i++) out[header + i] = from[i] ^ mask[i & 3];
    return header + length;
}
