#include "stamp.h"

#include <string.h>

static char *write_hex(char *out, uint64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--) *out++ = "0123456789abcdef"[value >> 4 * i & 15];
    return out;
}

void stamp_write(char *out, const struct stamp *stamp) {
    *out++ = '@';
    out = write_hex(out, stamp->at, 16);
    *out++ = '.';
    out = write_hex(out, stamp->sequence, 8);
    *out++ = '.';
    out = write_hex(out, stamp->target, 8);
    *out = ';';
}

/* Reads digits and the character that must follow them. */
static bool read_hex(const uint8_t *in, int digits, char follower, uint64_t *value) {
    uint64_t v = 0;
    for (int i = 0; i < digits; i++) {
        uint8_t c = in[i];
        bool decimal = c >= '0' && c <= '9';
        if (!decimal && (c < 'a' || c > 'f')) return false;
        v = v << 4 | (uint64_t)(decimal ? c - '0' : c - 'a' + 10);
    }
    *value = v;
    return in[digits] == follower;
}

bool stamp_find(const uint8_t *bytes, size_t n, struct stamp *stamp) {
    const uint8_t *end = bytes + n, *p = bytes;
    uint64_t sequence, target;
    while (end - p >= STAMP_LENGTH && (p = memchr(p, '@', (size_t)(end - p) - STAMP_LENGTH + 1))) {
        p++;
        if (!read_hex(p, 16, '.', &stamp->at) || !read_hex(p + 17, 8, '.', &sequence)
            || !read_hex(p + 26, 8, ';', &target)) continue;
        stamp->sequence = (uint32_t)sequence;
        stamp->target = (uint32_t)target;
        return true;
    }
    return false;
}
