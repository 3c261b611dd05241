#ifndef SWITCHBOARD_CHIREDIS_SHIM_H
#define SWITCHBOARD_CHIREDIS_SHIM_H

#include <stddef.h>
#include <hiredis/hiredis.h>

#if HIREDIS_MAJOR >= 1
static inline void *switchboard_refused_double(const redisReadTask *task, double value, char *text, size_t length) {
    (void)task, (void)value, (void)text, (void)length;
    return NULL;
}

static inline void *switchboard_refused_bool(const redisReadTask *task, int value) {
    (void)task, (void)value;
    return NULL;
}
#endif

/* hiredis 1.x also parses the RESP3 types. Where the table has no function for one, the reader returns the type's number in
 * place of a pointer; a function that returns NULL makes it an error instead. 0.14 knows RESP2 only. */
static inline void switchboard_refuse_resp3(redisReplyObjectFunctions *functions) {
#if HIREDIS_MAJOR >= 1
    functions->createDouble = switchboard_refused_double;
    functions->createBool = switchboard_refused_bool;
#else
    (void)functions;
#endif
}

#endif
