#include "http_reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STATUS_AT = 9 /* behind "HTTP/1.1 " */, LAST_CHUNK = 7 /* CR LF 0 CR LF CR LF */ };

const char *http_field(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0) return line + length + strspn(line + length, " \t");
    }
    return NULL;
}

size_t http_reply_length(char *bytes, size_t n, int *status) {
    char *end = memmem(bytes, n, "\r\n\r\n", 4);
    if (!end || end - bytes < STATUS_AT + 3) return 0;
    size_t head = (size_t)(end - bytes) + 4;
    *status = atoi(bytes + STATUS_AT);

    char behind = end[2];
    end[2] = 0; /* a string up to its last line */
    const char *length = http_field(bytes, "content-length:"), *coding = http_field(bytes, "transfer-encoding:");
    size_t body = length ? strtoul(length, NULL, 10) : 0;
    end[2] = behind;
    if (!coding) return n - head >= body ? head + body : 0;

    /* From the line end of the head, since the first chunk may be the last. */
    char *last = memmem(end + 2, n - head + 2, "\r\n0\r\n\r\n", LAST_CHUNK);
    return last ? (size_t)(last - bytes) + LAST_CHUNK : 0;
}
