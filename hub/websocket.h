/* SPDX-License-Identifier: MIT */
/* WebSocket (RFC 6455) as a server speaks it: the key of the handshake, and frames, read piece by piece. No socket. */

#ifndef VEDETTE_HUB_WEBSOCKET_H
#define VEDETTE_HUB_WEBSOCKET_H

#include "lib/str.h"

/* Why a connection is closed (section 7.4.1), as a Close frame says it. */
enum vd_websocket_code {
    VD_WEBSOCKET_NO_CODE = 0, /* the frame says nothing */
    VD_WEBSOCKET_NORMAL = 1000,
    VD_WEBSOCKET_GOING_AWAY = 1001,
    VD_WEBSOCKET_PROTOCOL_ERROR = 1002,
    VD_WEBSOCKET_UNSUPPORTED = 1003,
    VD_WEBSOCKET_NOT_UTF8 = 1007,
    VD_WEBSOCKET_POLICY = 1008,
    VD_WEBSOCKET_TOO_LARGE = 1009,
    VD_WEBSOCKET_SERVER_ERROR = 1011,
};

/* The longest header of a frame: of a client's, which has a mask, and of a server's. */
#define VD_WEBSOCKET_CLIENT_HEADER_MAX 14
#define VD_WEBSOCKET_SERVER_HEADER_MAX 10

/* The payload of a Ping, Pong or Close (section 5.5). */
#define VD_WEBSOCKET_CONTROL_MAX 125

/* Base64 of a SHA-1, and a NUL. */
#define VD_WEBSOCKET_ACCEPT_SIZE 29

enum vd_websocket_state {
    VD_WEBSOCKET_OPEN,
    VD_WEBSOCKET_CLOSED, /* by the client */
    VD_WEBSOCKET_BROKEN, /* it broke the protocol */
};

/* What was read so far. All zero is a connection that has just begun. */
struct vd_websocket {
    enum vd_websocket_state state;
    uint16_t
        code; /* once it is not open any more: what our Close frame says, enum vd_websocket_code or the client's own */
    uint64_t left;   /* bytes of the frame's payload that are to come */
    uint8_t mask_at; /* which byte of the mask is for the next of them */
    bool in_message; /* a message has begun, and its last frame did not end it */
    bool in_frame;   /* the header is whole */
    uint8_t header_length;
    uint8_t control_length;
    uint8_t header[VD_WEBSOCKET_CLIENT_HEADER_MAX];
    uint8_t control[VD_WEBSOCKET_CONTROL_MAX];
};

/*
 * Reads `length` bytes of a client's frames. The payload of its binary messages is moved, unmasked, to the front of
 * `data`: returns how much that is. Messages have no meaning beyond their order: MQTT packets may be cut anywhere. Pongs
 * are appended to `answers`. Look at the state afterwards: what follows a Close frame, or a violation, is not read.
 * frame_max: bytes that a frame may announce.
 */
size_t vd_websocket_read(struct vd_websocket *websocket, uint8_t *data, size_t length,
    uint64_t frame_max, struct vd_buf *answers);

/* Writes the header of a binary frame, a message of its own, whose payload of `length` bytes follows; returns its bytes. */
size_t vd_websocket_write_header(uint64_t length, uint8_t out[VD_WEBSOCKET_SERVER_HEADER_MAX]);

/* Appends a Close frame. */
void vd_websocket_write_close(uint16_t code, struct vd_buf *out);

/* The answer to the handshake's key (section 4.2.2). VD_E_INVALID: not 16 bytes in base64; VD_E_NOMEM. */
VD_NODISCARD int vd_websocket_accept(const char *key, char out[VD_WEBSOCKET_ACCEPT_SIZE]);

#endif
