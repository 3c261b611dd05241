/* One TCP connection of the floor: a publisher that POSTs, or, after its upgrade, a receiver. */
#ifndef FLOOR_PEER_H
#define FLOOR_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct manners {
    const char *subprotocol; /* answered to those that offer one; messages are then JSON. NULL: none */
    bool wrong_accept;       /* a fault: the proof in the handshake is wrong */
    uint32_t mixed_up;       /* a fault: every so many answers to commands are those of the one before; 0: none */
};

/* Prepares room for descriptors up to the given number; ends the program when there is no memory. */
void peers_prepare(unsigned long descriptors, struct manners manners);

/* Reads what has come and acts on it; closes the connection when it is over. */
void peer_readable(int fd);

#endif
