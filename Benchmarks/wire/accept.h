/* The server's proof in the WebSocket opening handshake (RFC 6455, section 4.2.2). */
#ifndef WIRE_ACCEPT_H
#define WIRE_ACCEPT_H

#include <stddef.h>

enum { KEY_LENGTH = 24, ACCEPT_LENGTH = 28 };

/* Derives Sec-WebSocket-Accept, with a closing NUL, from the 24 characters of Sec-WebSocket-Key. */
void websocket_accept(const char key[KEY_LENGTH], char accept[ACCEPT_LENGTH + 1]);

/* Encodes n bytes in base64; out takes 4 * ((n + 2) / 3) characters and a closing NUL. */
void base64_encode(const unsigned char *bytes, size_t n, char *out);

#endif
