/* The WebSocket clients: they connect, prove the handshake, receive, and count what they receive. */
#ifndef LOADGEN_CLIENTS_H
#define LOADGEN_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "tally.h"

struct client_counts {
    uint64_t opened, cycles;
    /* Why a client did not open. */
    uint64_t connect_failed, refused, bad_accept, bad_subprotocol, bad_extensions, ended_early, timed_out;
    /* What happened to open ones. */
    uint64_t closed_by_server, protocol_errors, write_failed, pings, other_frames;
    uint64_t reads, frames;
    uint64_t pushes, push_bytes; /* frames with a stamp, and their length on the wire */
    struct histogram handshake;
};

extern struct client_counts client_counts;
extern struct tally tally;

/* Makes room for the clients, none of them connected yet. */
void clients_prepare(const struct options *options, int epoll);

/* Starts as many of the waiting connections as may be under way. */
void clients_connect_waiting(void);

/* Whether a client whose life is over is to begin another one. Off at first. */
void clients_reopen(bool reopen);

/* Acts on what epoll tells about a client. */
void client_ready(uint32_t index, uint32_t events);

/* Gives up all handshakes under way. */
void clients_give_up(void);

/* Closes all connections without leaving anything behind in the kernel. */
void clients_close(void);

bool client_is_open(uint32_t index);
uint32_t clients_open(void);

/* Handshakes that failed, for any reason. */
uint64_t clients_failed(void);

#endif
