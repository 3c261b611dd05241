#include "template.h"

#include <stdio.h>

size_t template_expand(char *out, size_t room, const char *template, uint32_t number) {
    size_t length = 0;
    char digits[11];
    int count = snprintf(digits, sizeof digits, "%u", number);
    for (const char *p = template; *p && length + 1 < room; p++) {
        if (p[0] != '%' || p[1] != 'd') {
            out[length++] = *p;
            continue;
        }
        for (int i = 0; i < count && length + 1 < room; i++) out[length++] = digits[i];
        p++;
    }
    out[length] = 0;
    return length;
}
