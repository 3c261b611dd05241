/* The HTTP connections that publish: requests out, answers in. */
#ifndef LOADGEN_PUBLISHERS_H
#define LOADGEN_PUBLISHERS_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

enum { NO_PUBLISHER = -1, STATUS_MAX = 600 };

struct publisher_counts {
    uint64_t answered;             /* responses of any status, and requests whose connection was lost */
    uint64_t lost;                 /* of those, requests whose connection was lost */
    uint64_t statuses[STATUS_MAX]; /* responses by status */
};

extern struct publisher_counts publisher_counts;

/* Connects all publishers; epoll reports publisher i as first_id + i. Ends the program where it cannot. */
void publishers_connect(const struct options *options, int epoll, uint64_t first_id);

/* The next publisher in turn that may send, or NO_PUBLISHER. */
int publishers_next(void);

/* Queues a request on a publisher that publishers_next() gave. */
void publisher_post(int publisher, const char *path, const char *body, uint32_t length);

/* Sends what is queued on all of them. */
void publishers_flush(void);

/* Acts on what epoll tells about a publisher. */
void publisher_ready(uint32_t index, uint32_t events);

#endif
