/* Messages that were compressed each by itself (permessage-deflate without context, RFC 7692). */
#ifndef LOADGEN_INFLATE_H
#define LOADGEN_INFLATE_H

#include <stddef.h>
#include <stdint.h>

/* Inflates the payload of a message and sets *length to that of the result, which stays until the next call;
   NULL when it cannot be inflated, or is longer than a message here may be. */
const uint8_t *inflate_message(const uint8_t *payload, size_t *length);

#endif
