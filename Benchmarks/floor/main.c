/* floor: what a WebSocket push server costs at least on this machine.

   One thread and epoll. It does the opening handshake, and then for
       POST /v1/broadcast            one send of a prebuilt frame to every connection,
       POST /v1/clients/b-ID/push    one send to the connection opened with clientId=b-ID,
       POST /v1/clients/b-ID/commands    the same, and one send back of what that connection answers.
   No queues, no checks, no answers worth reading. What a real server needs more than this for a
   delivery is its own. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/limits.h"
#include "peer.h"
#include "receivers.h"

enum { BACKLOG = 4096, EVENTS = 256 };

static const char usage[] =
    "usage: floor [-s SUBPROTOCOL] [-l N] [-d N] [-m N] [-r N] [-x N] [-a] PORT\n"
    "  -s answers with this subprotocol and sends JSON frames\n"
    "  faults, to see that they are noticed: every Nth delivery is\n"
    "  -l lost   -d sent twice   -m sent to the wrong connection   -r sent after the next one\n"
    "  -x answered with the result of another command\n"
    "  -a gives a wrong proof in the handshake\n";

static int fail(const char *what) {
    perror(what);
    return 1;
}

static void watch(int epoll, int fd) {
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int listen_on(uint16_t port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    /* Inherited by what is accepted: one system call less per handshake. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, BACKLOG)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void accept_all(int listener, int epoll, unsigned long limit) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if ((unsigned long)fd < limit) watch(epoll, fd);
        else close(fd);
    }
}

static int on_stop_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static void serve(int listener, int stop, int epoll, unsigned long limit) {
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == stop) return;
            if (fd == listener) accept_all(listener, epoll, limit);
            else peer_readable(fd);
        }
    }
}

int main(int argc, char **argv) {
    struct faults faults = { 0 };
    struct manners manners = { 0 };
    for (int option; (option = getopt(argc, argv, "s:l:d:m:r:x:a")) != -1;) {
        uint32_t every = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
        switch (option) {
        case 's': manners.subprotocol = optarg; break;
        case 'a': manners.wrong_accept = true; break;
        case 'l': faults.lose = every; break;
        case 'd': faults.duplicate = every; break;
        case 'm': faults.misdeliver = every; break;
        case 'r': faults.delay = every; break;
        case 'x': manners.mixed_up = every; break;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (optind + 1 != argc) {
        fputs(usage, stderr);
        return 2;
    }
    unsigned long limit = raise_open_files();
    receivers_prepare(limit, faults);
    peers_prepare(limit, manners);
    int stop = on_stop_signals(), epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on((uint16_t)strtoul(argv[optind], NULL, 10));
    if (listener < 0) return fail("floor: listen");
    watch(epoll, listener);
    watch(epoll, stop);
    serve(listener, stop, epoll, limit);
    printf("sent %llu, refused %llu\n", (unsigned long long)deliveries_sent(), (unsigned long long)deliveries_refused());
    return 0;
}
