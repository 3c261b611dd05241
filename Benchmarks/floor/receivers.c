#include "receivers.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { NOBODY = -1 };

static struct {
    unsigned long capacity;
    uint32_t count;
    int *open;         /* dense: what a broadcast walks */
    uint32_t *place;   /* by descriptor: where it is in `open` */
    uint32_t *id_of;   /* by descriptor */
    int *by_id;        /* descriptor, or NOBODY */
    uint64_t sent, refused;
} all;

static struct faults faults;
static bool faulty;

/* A frame that is held back until its receiver has been sent the next one. */
static struct {
    int fd;
    size_t length;
    uint8_t frame[4096];
} late = { .fd = NOBODY };

static void *room(unsigned long count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) {
        perror("floor");
        exit(1);
    }
    return memory;
}

void receivers_prepare(unsigned long descriptors, struct faults wanted) {
    all.capacity = descriptors;
    all.open = room(descriptors, sizeof *all.open);
    all.place = room(descriptors, sizeof *all.place);
    all.id_of = room(descriptors, sizeof *all.id_of);
    all.by_id = room(descriptors, sizeof *all.by_id);
    for (unsigned long i = 0; i < descriptors; i++) all.by_id[i] = NOBODY;
    faults = wanted;
    faulty = wanted.lose || wanted.duplicate || wanted.misdeliver || wanted.delay;
}

void receivers_add(int fd, uint32_t id) {
    id = (uint32_t)(id % all.capacity);
    all.id_of[fd] = id;
    all.by_id[id] = fd;
    all.place[fd] = all.count;
    all.open[all.count++] = fd;
}

void receivers_remove(int fd) {
    int last = all.open[--all.count];
    all.open[all.place[fd]] = last;
    all.place[last] = all.place[fd];
    if (all.by_id[all.id_of[fd]] == fd) all.by_id[all.id_of[fd]] = NOBODY;
    if (late.fd == fd) late.fd = NOBODY;
}

static void send_now(int fd, const uint8_t *frame, size_t length) {
    if (send(fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length) all.sent++;
    else all.refused++;
}

static void hold_back(int fd, const uint8_t *frame, size_t length) {
    memcpy(late.frame, frame, length);
    late.length = length;
    late.fd = fd;
}

static bool is_due(uint32_t every, uint64_t delivery) { return every && delivery % every == 0; }

/* Delivers like send_now, but for the faults that were asked for. */
static void send_badly(int fd, const uint8_t *frame, size_t length) {
    static uint64_t delivery;
    delivery++;
    if (is_due(faults.lose, delivery)) return;
    if (is_due(faults.delay, delivery) && late.fd == NOBODY && length <= sizeof late.frame) {
        hold_back(fd, frame, length);
        return;
    }
    if (is_due(faults.misdeliver, delivery)) {
        send_now(all.open[(all.place[fd] + 1) % all.count], frame, length);
        return;
    }
    send_now(fd, frame, length);
    if (is_due(faults.duplicate, delivery)) send_now(fd, frame, length);
    if (late.fd == fd) {
        send_now(fd, late.frame, late.length);
        late.fd = NOBODY;
    }
}

void send_to_all(const uint8_t *frame, size_t length) {
    if (faulty)
        for (uint32_t i = 0; i < all.count; i++) send_badly(all.open[i], frame, length);
    else
        for (uint32_t i = 0; i < all.count; i++) send_now(all.open[i], frame, length);
}

void send_to_one(uint32_t id, const uint8_t *frame, size_t length) {
    int fd = all.by_id[id % all.capacity];
    if (fd == NOBODY) all.refused++;
    else if (faulty) send_badly(fd, frame, length);
    else send_now(fd, frame, length);
}

uint64_t deliveries_sent(void) { return all.sent; }
uint64_t deliveries_refused(void) { return all.refused; }
