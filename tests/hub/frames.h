/* SPDX-License-Identifier: MIT */
/* WebSocket frames as a client would send them, good and bad. */

#ifndef VEDETTE_TESTS_HUB_FRAMES_H
#define VEDETTE_TESTS_HUB_FRAMES_H

#include "lib/str.h"

/* First bytes of frames that are whole messages. */
#define FRAME_TEXT   0x81
#define FRAME_BINARY 0x82
#define FRAME_CLOSE  0x88
#define FRAME_PING   0x89
#define FRAME_PONG   0x8a

/* Appends a frame: its first byte, the length in its shortest form, a mask made of `mask`, the payload masked. */
void frame_append(
    struct vd_buf *out, uint8_t first, uint32_t mask, const void *payload, size_t length);

/* Its header alone, for `length` bytes that are not there (yet). */
void frame_append_header(struct vd_buf *out, uint8_t first, uint32_t mask, uint64_t length);

#endif
