#include "inflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "options.h"

/* A payload in JSON may be twice as long by its escapes. */
enum { ROOM = 2 * PAYLOAD_MAX + 1024 };

static bool feed(z_stream *stream, const uint8_t *bytes, size_t length) {
    stream->next_in = (uint8_t *)bytes;
    stream->avail_in = (uInt)length;
    int result = inflate(stream, Z_SYNC_FLUSH);
    return (result == Z_OK || result == Z_BUF_ERROR) && !stream->avail_in && stream->avail_out;
}

const uint8_t *inflate_message(const uint8_t *payload, size_t *length) {
    static const uint8_t tail[] = { 0x00, 0x00, 0xff, 0xff };
    static uint8_t output[ROOM];
    static z_stream stream;
    if (!stream.state && inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        fprintf(stderr, "loadgen: zlib: out of memory\n");
        exit(1);
    }
    inflateReset(&stream);
    stream.next_out = output;
    stream.avail_out = sizeof output;
    if (!feed(&stream, payload, *length) || !feed(&stream, tail, sizeof tail)) return NULL;
    *length = sizeof output - stream.avail_out;
    return output;
}
