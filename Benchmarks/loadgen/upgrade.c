/* The opening handshake from the client's side (RFC 6455, section 4.1). */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "http_reply.h"
#include "template.h"

enum { SHOWN_REFUSALS = 3 };

/* Keys need to differ, not to be secret; the same ones in every run make runs alike. */
static uint64_t next_random(void) {
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void client_request_upgrade(struct client *client, const struct options *options) {
    uint64_t nonce[2] = { next_random(), next_random() };
    char key[KEY_LENGTH + 1], path[1024], request[2048];
    const char *protocol = options->subprotocol, *offer = options->extensions;
    base64_encode((const unsigned char *)nonce, sizeof nonce, key);
    websocket_accept(key, client->accept);
    template_expand(path, sizeof path, options->path, client->index);
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s%s%s%s%s\r\n",
                          path, options->servers.at[client->index % options->servers.count].name, key,
                          protocol ? "Sec-WebSocket-Protocol: " : "", protocol ? protocol : "", protocol ? "\r\n" : "",
                          offer ? "Sec-WebSocket-Extensions: " : "", offer ? offer : "", offer ? "\r\n" : "");
    if (send(client->fd, request, (size_t)length, MSG_NOSIGNAL) != length) client_counts.write_failed++;
}

/* Whether a field is there and has exactly this value. */
static bool field_is(const char *head, const char *name, const char *value) {
    const char *field = http_field(head, name);
    size_t length = strlen(value);
    return field && strncmp(field, value, length) == 0 && strchr(" \t\r", field[length]);
}

static void show(const char *head) {
    if (client_counts.refused <= SHOWN_REFUSALS) fprintf(stderr, "loadgen: refused: %.*s\n", (int)strcspn(head, "\r"), head);
}

enum upgrade client_read_upgrade(const struct client *client, char *bytes, size_t n, const struct options *options,
                                 size_t *used) {
    static const char switching[] = "HTTP/1.1 101 ";
    char *end = memmem(bytes, n, "\r\n\r\n", 4);
    if (!end) return UPGRADE_INCOMPLETE;
    *used = (size_t)(end - bytes) + 4;
    end[2] = 0;
    if (strncmp(bytes, switching, sizeof switching - 1) != 0) {
        client_counts.refused++;
        show(bytes);
        return UPGRADE_REFUSED;
    }
    if (!field_is(bytes, "sec-websocket-accept:", client->accept)) {
        client_counts.bad_accept++;
        return UPGRADE_REFUSED;
    }
    if (options->subprotocol && !field_is(bytes, "sec-websocket-protocol:", options->subprotocol)) {
        client_counts.bad_subprotocol++;
        return UPGRADE_REFUSED;
    }
    if (options->extensions && !http_field(bytes, "sec-websocket-extensions:")) {
        client_counts.bad_extensions++;
        return UPGRADE_REFUSED;
    }
    return UPGRADE_DONE;
}
