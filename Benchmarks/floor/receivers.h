/* The WebSocket connections of the floor, and one send per delivery. */
#ifndef FLOOR_RECEIVERS_H
#define FLOOR_RECEIVERS_H

#include <stddef.h>
#include <stdint.h>

/* What the floor does wrong on purpose, so that the load generator can be seen to notice:
   every Nth delivery is lost, sent twice, sent to the wrong connection, or sent late. 0: never. */
struct faults {
    uint32_t lose, duplicate, misdeliver, delay;
};

/* Prepares room for descriptors up to the given number; ends the program when there is no memory. */
void receivers_prepare(unsigned long descriptors, struct faults faults);

void receivers_add(int fd, uint32_t id);
void receivers_remove(int fd);

/* One send of the frame to every receiver. */
void send_to_all(const uint8_t *frame, size_t length);

/* One send of the frame to the receiver that came with this id, if it is still there. */
void send_to_one(uint32_t id, const uint8_t *frame, size_t length);

uint64_t deliveries_sent(void);

/* Deliveries that a full or closed socket did not take. The floor has no queue: keep the window small. */
uint64_t deliveries_refused(void);

#endif
