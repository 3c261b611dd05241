#include "clients.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"

/* A source address has some 28 000 ports, and those of connections just closed stay taken for a minute. */
enum { INPUT = 256 * 1024, PORTS_PER_SOURCE = 20000, SOURCES_OF_CHURN = 32, SMALL_MAX = 512 };

struct client_counts client_counts;
struct tally tally;

static struct {
    const struct options *options;
    int epoll;
    struct client *clients;
    uint32_t *waiting, waits; /* a stack of those that are to connect */
    uint32_t handshaking, open, sources;
    bool reopen;
} all;

void clients_prepare(const struct options *options, int epoll) {
    uint32_t count = options->connections;
    all.options = options;
    all.epoll = epoll;
    all.sources = options->mode == MODE_CHURN ? SOURCES_OF_CHURN : 1 + count / PORTS_PER_SOURCE;
    all.clients = calloc(count, sizeof *all.clients);
    all.waiting = calloc(count, sizeof *all.waiting);
    if (!all.clients || !all.waiting) {
        perror("loadgen");
        exit(1);
    }
    for (uint32_t i = 0; i < count; i++) {
        all.clients[i] = (struct client){ .fd = -1, .index = i };
        all.waiting[all.waits++] = count - 1 - i;
    }
}

void clients_reopen(bool reopen) { all.reopen = reopen; }
bool client_is_open(uint32_t index) { return all.clients[index].state == CLIENT_OPEN; }
uint32_t clients_open(void) { return all.open; }

uint64_t clients_failed(void) {
    const struct client_counts *c = &client_counts;
    return c->connect_failed + c->refused + c->bad_accept + c->bad_subprotocol + c->bad_extensions + c->ended_early + c->timed_out;
}

void client_end(struct client *client) {
    if (client->state == CLIENT_CONNECTING || client->state == CLIENT_HANDSHAKING) all.handshaking--;
    if (client->state == CLIENT_OPEN) all.open--;
    if (client->state != CLIENT_CLOSING) { /* orderly closing is what churn is about */
        struct linger no_trace = { .l_onoff = 1 };
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &no_trace, sizeof no_trace);
    }
    close(client->fd);
    free(client->rest);
    *client = (struct client){ .fd = -1, .index = client->index, .order = client->order };
    if (all.reopen) all.waiting[all.waits++] = client->index;
}

void client_send(struct client *client, enum opcode opcode, const void *payload, size_t length) {
    uint8_t frame[FRAME_HEADER_MAX + SMALL_MAX];
    if (length > SMALL_MAX) return;
    size_t framed = frame_write_masked(frame, opcode, payload, length);
    if (send(client->fd, frame, framed, MSG_NOSIGNAL) != (ssize_t)framed) client_counts.write_failed++;
}

static void start(struct client *client) {
    const struct endpoints *servers = &all.options->servers;
    const struct sockaddr_in *server = &servers->at[client->index % servers->count].address;
    struct sockaddr_in source = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + client->index % all.sources) };
    int yes = 1;
    client->started = now();
    client->state = CLIENT_CONNECTING;
    all.handshaking++;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    /* The port is chosen by connect(), which knows which ones this server has not been called from. */
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    bool bound = all.sources == 1 || bind(client->fd, (void *)&source, sizeof source) == 0;
    if (!bound || (connect(client->fd, (const void *)server, sizeof *server) && errno != EINPROGRESS)) {
        client_counts.connect_failed++;
        client_end(client);
        return;
    }
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = client->index };
    epoll_ctl(all.epoll, EPOLL_CTL_ADD, client->fd, &event);
}

void clients_connect_waiting(void) {
    /* Not more than what waits now: one that fails at once and is to reopen would come round for ever. */
    for (uint32_t turns = all.waits; turns && all.handshaking < all.options->handshakes; turns--)
        start(&all.clients[all.waiting[--all.waits]]);
}

static void connected(struct client *client) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        client_counts.connect_failed++;
        client_end(client);
        return;
    }
    client->state = CLIENT_HANDSHAKING;
    client_request_upgrade(client, all.options);
}

static void opened(struct client *client) {
    static const uint8_t normal_closure[] = { 1000 >> 8, 1000 & 0xff };
    client_counts.opened++;
    histogram_add(&client_counts.handshake, now() - client->started);
    all.handshaking--;
    if (all.options->mode == MODE_CHURN) {
        client->state = CLIENT_CLOSING;
        client_send(client, OP_CLOSE, normal_closure, sizeof normal_closure);
    } else {
        client->state = CLIENT_OPEN;
        all.open++;
    }
}

static void hung_up(struct client *client) {
    if (client->state == CLIENT_HANDSHAKING) client_counts.ended_early++;
    else client_counts.closed_by_server++;
    client_end(client);
}

/* Acts on what has come and returns how much of it is used up. */
static size_t consume(struct client *client, uint8_t *bytes, size_t n) {
    size_t used = 0;
    if (client->state == CLIENT_HANDSHAKING) {
        switch (client_read_upgrade(client, (char *)bytes, n, all.options, &used)) {
        case UPGRADE_INCOMPLETE: return 0;
        case UPGRADE_REFUSED: client_end(client); return n;
        case UPGRADE_DONE: opened(client);
        }
    }
    return used + client_read_frames(client, bytes + used, n - used, all.options);
}

static void keep(struct client *client, const uint8_t *bytes, size_t n) {
    if (!n || !(client->rest = malloc(n))) return;
    memcpy(client->rest, bytes, n);
    client->kept = (uint32_t)n;
}

static void receive(struct client *client, bool to_the_end) {
    static uint8_t input[INPUT + 1];
    bool more = true;
    while (more && client->state != CLIENT_CLOSED) {
        size_t had = client->kept, room = INPUT - had;
        ssize_t got = room ? recv(client->fd, input + had, room, 0) : 0;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            hung_up(client);
            return;
        }
        memcpy(input, client->rest ? client->rest : input, had);
        free(client->rest);
        client->rest = NULL;
        client->kept = 0;
        size_t length = had + (size_t)got;
        input[length] = 0;
        client_counts.reads++;
        size_t used = consume(client, input, length);
        if (client->state != CLIENT_CLOSED) keep(client, input + used, length - used);
        /* A short read has emptied the socket: no need to be told so by EAGAIN. */
        more = to_the_end || (size_t)got == room;
    }
}

void client_ready(uint32_t index, uint32_t events) {
    struct client *client = &all.clients[index];
    uint32_t ending = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    if (client->state == CLIENT_CONNECTING) connected(client);
    else if (client->state != CLIENT_CLOSED && (events & EPOLLIN || ending)) receive(client, ending);
}

void clients_give_up(void) {
    for (uint32_t i = 0; i < all.options->connections; i++) {
        enum client_state state = all.clients[i].state;
        if (state != CLIENT_CONNECTING && state != CLIENT_HANDSHAKING) continue;
        client_counts.timed_out++;
        client_end(&all.clients[i]);
    }
}

void clients_close(void) {
    for (uint32_t i = 0; i < all.options->connections; i++)
        if (all.clients[i].state != CLIENT_CLOSED) client_end(&all.clients[i]);
}
