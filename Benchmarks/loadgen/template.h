/* Paths with a number in them. */
#ifndef LOADGEN_TEMPLATE_H
#define LOADGEN_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

/* Writes the template with each %d replaced by the number, and a closing NUL, cut to the room there is;
   returns the length written. */
size_t template_expand(char *out, size_t room, const char *template, uint32_t number);

#endif
