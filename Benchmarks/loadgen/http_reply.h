/* HTTP/1.1 responses, as far as a publisher needs them. */
#ifndef LOADGEN_HTTP_REPLY_H
#define LOADGEN_HTTP_REPLY_H

#include <stddef.h>

/* The length of the complete response at the beginning of the n bytes, and its status; 0 when more must
   come. The byte behind the n must be NUL. */
size_t http_reply_length(char *bytes, size_t n, int *status);

/* The value of a header field in a NUL-terminated head, without the space in front of it; NULL when it is
   not there. The name is given with its colon. */
const char *http_field(const char *head, const char *name);

#endif
