#include "publishers.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients.h"
#include "clock.h"
#include "http_reply.h"

enum { OUT = 256 * 1024, IN = 64 * 1024, HEAD_MAX = 4096 };

struct publisher {
    int fd;
    uint32_t unanswered;
    size_t out_length, in_length;
    struct stamp asked; /* of the command without an answer */
    bool blocked; /* the socket is full; epoll will tell when it is not */
    char *out, *in;
};

struct publisher_counts publisher_counts;

static struct {
    const struct options *options;
    int epoll;
    uint64_t first_id;
    uint32_t turn;
    struct publisher at[PUBLISHERS_MAX];
} all;

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "loadgen: publisher: %s: %s\n", what, strerror(errno));
    exit(1);
}

static const struct endpoint *server_of(uint32_t index) {
    return &all.options->servers.at[index % all.options->servers.count];
}

static void open_publisher(uint32_t index) {
    struct publisher *publisher = &all.at[index];
    const struct endpoint *server = server_of(index);
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const void *)&server->address, sizeof server->address)) fail(server->name);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    publisher->fd = fd;
    publisher->unanswered = 0;
    publisher->out_length = publisher->in_length = 0;
    publisher->blocked = false;
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = all.first_id + index };
    epoll_ctl(all.epoll, EPOLL_CTL_ADD, fd, &event);
}

void publishers_connect(const struct options *options, int epoll, uint64_t first_id) {
    all.options = options;
    all.epoll = epoll;
    all.first_id = first_id;
    for (uint32_t i = 0; i < options->publishers; i++) {
        all.at[i].out = malloc(OUT);
        all.at[i].in = malloc(IN + 1);
        if (!all.at[i].out || !all.at[i].in) fail("memory");
        open_publisher(i);
    }
}

int publishers_next(void) {
    for (uint32_t tried = 0; tried < all.options->publishers; tried++) {
        uint32_t index = all.turn++ % all.options->publishers;
        const struct publisher *publisher = &all.at[index];
        bool room = OUT - publisher->out_length >= HEAD_MAX + BODY_MAX;
        if (room && !publisher->blocked && publisher->unanswered < all.options->depth) return (int)index;
    }
    return NO_PUBLISHER;
}

void publisher_post(int index, const char *path, const char *body, uint32_t length) {
    struct publisher *publisher = &all.at[index];
    char *out = publisher->out + publisher->out_length;
    int head = snprintf(out, HEAD_MAX, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %u\r\n\r\n", path,
                        server_of((uint32_t)index)->name, all.options->publish_headers, length);
    if (head >= HEAD_MAX) {
        errno = EMSGSIZE;
        fail("request");
    }
    memcpy(out + head, body, length);
    publisher->out_length += (size_t)head + length;
    publisher->unanswered++;
    if (all.options->mode == MODE_COMMANDS) stamp_find((const uint8_t *)body, length, &publisher->asked);
}

static void flush(struct publisher *publisher) {
    if (!publisher->out_length) return;
    ssize_t sent = send(publisher->fd, publisher->out, publisher->out_length, MSG_NOSIGNAL);
    if (sent > 0) {
        publisher->out_length -= (size_t)sent;
        memmove(publisher->out, publisher->out + sent, publisher->out_length);
    }
    publisher->blocked = publisher->out_length > 0;
}

void publishers_flush(void) {
    for (uint32_t i = 0; i < all.options->publishers; i++)
        if (!all.at[i].blocked) flush(&all.at[i]);
}

/* The result must be that of the command that was asked for on this connection. */
static void command_answered(const struct publisher *publisher, const char *reply, size_t length) {
    const struct stamp *asked = &publisher->asked;
    struct stamp stamp;
    tally.last_at = now();
    if (!stamp_find((const uint8_t *)reply, length, &stamp)) return;
    if (stamp.target == asked->target && stamp.sequence == asked->sequence) tally_count(&tally, &stamp, tally.last_at);
    else tally.misdelivered++;
}

static void answered(struct publisher *publisher, int status, const char *reply, size_t length) {
    if (all.options->mode == MODE_COMMANDS) command_answered(publisher, reply, length);
    publisher_counts.answered++;
    publisher_counts.statuses[status > 0 && status < STATUS_MAX ? status : 0]++;
    if (publisher->unanswered) publisher->unanswered--;
}

/* The server has hung up: what was under way is lost; go on with a new connection. */
static void lost(uint32_t index) {
    struct publisher *publisher = &all.at[index];
    publisher_counts.lost += publisher->unanswered;
    publisher_counts.answered += publisher->unanswered;
    close(publisher->fd);
    open_publisher(index);
}

/* False when nothing more can be read now. */
static bool receive(uint32_t index) {
    struct publisher *publisher = &all.at[index];
    size_t room = IN - publisher->in_length, used = 0, length;
    ssize_t got = room ? recv(publisher->fd, publisher->in + publisher->in_length, room, 0) : 0;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
        lost(index);
        return false;
    }
    publisher->in_length += (size_t)got;
    publisher->in[publisher->in_length] = 0;
    int status;
    while ((length = http_reply_length(publisher->in + used, publisher->in_length - used, &status))) {
        answered(publisher, status, publisher->in + used, length);
        used += length;
    }
    publisher->in_length -= used;
    memmove(publisher->in, publisher->in + used, publisher->in_length);
    return true;
}

void publisher_ready(uint32_t index, uint32_t events) {
    if (events & EPOLLOUT) flush(&all.at[index]);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        while (receive(index)) {}
}
