/* The mark in each payload by which a message is recognized: when, which one, for whom.

   It is plain text that JSON carries unescaped, so it is found in raw and in framed mode alike:
   @TTTTTTTTTTTTTTTT.SSSSSSSS.IIIIIIII; (hexadecimal). */
#ifndef LOADGEN_STAMP_H
#define LOADGEN_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAMP_LENGTH = 36 };

struct stamp {
    uint64_t at;       /* nanoseconds of now() when it was published */
    uint32_t sequence; /* from 1: of all broadcasts, or of those to this target */
    uint32_t target;   /* index of the connection; of no meaning in a broadcast */
};

/* Writes STAMP_LENGTH characters, without a closing NUL. */
void stamp_write(char *out, const struct stamp *stamp);

/* Finds the first stamp in the n bytes; false when there is none. */
bool stamp_find(const uint8_t *bytes, size_t n, struct stamp *stamp);

#endif
