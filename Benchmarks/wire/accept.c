#include "accept.h"

#include <stdint.h>
#include <string.h>

enum { DIGEST_LENGTH = 20, BLOCK = 64 };

static uint32_t rotate(uint32_t x, int by) { return x << by | x >> (32 - by); }

/* One round of SHA-1 (FIPS 180-4, section 6.1.2) over a 64-byte block. */
static void sha1_block(uint32_t h[5], const uint8_t *block) {
    uint32_t w[80], v[5];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16
             | (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (int t = 16; t < 80; t++) w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);

    memcpy(v, h, sizeof v);
    for (int t = 0; t < 80; t++) {
        uint32_t choice = (v[1] & v[2]) | (~v[1] & v[3]);
        uint32_t parity = v[1] ^ v[2] ^ v[3];
        uint32_t majority = (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]);
        uint32_t mixed = t < 20 ? choice + 0x5a827999
                       : t < 40 ? parity + 0x6ed9eba1
                       : t < 60 ? majority + 0x8f1bbcdc
                                : parity + 0xca62c1d6;
        uint32_t next = rotate(v[0], 5) + mixed + v[4] + w[t];
        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotate(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (int i = 0; i < 5; i++) h[i] += v[i];
}

void base64_encode(const unsigned char *bytes, size_t n, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3, out += 4) {
        size_t left = n - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (left > 1) group |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2) group |= bytes[i + 2];
        for (int k = 0; k < 4; k++) out[k] = digits[group >> (18 - 6 * k) & 63];
        if (left < 3) out[3] = '=';
        if (left < 2) out[2] = '=';
    }
    *out = 0;
}

void websocket_accept(const char key[KEY_LENGTH], char accept[ACCEPT_LENGTH + 1]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    enum { MESSAGE = KEY_LENGTH + sizeof guid - 1 };
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    /* Key and GUID are 60 bytes: with the padding always two blocks. */
    uint8_t blocks[2 * BLOCK] = { 0 }, digest[DIGEST_LENGTH];

    memcpy(blocks, key, KEY_LENGTH);
    memcpy(blocks + KEY_LENGTH, guid, sizeof guid - 1);
    blocks[MESSAGE] = 0x80;
    blocks[2 * BLOCK - 2] = MESSAGE * 8 >> 8;
    blocks[2 * BLOCK - 1] = MESSAGE * 8 & 0xff;
    sha1_block(h, blocks);
    sha1_block(h, blocks + BLOCK);
    for (int i = 0; i < DIGEST_LENGTH; i++) digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
    base64_encode(digest, DIGEST_LENGTH, accept);
}
