/* SPDX-License-Identifier: MIT */
/* The client's half of RFC 6455's framing. */

#include "tests/hub/frames.h"

static void append_byte(struct vd_buf *out, unsigned byte)
{
    const uint8_t value = (uint8_t)byte;

    vd_buf_append(out, &value, 1);
}

static void append_be(struct vd_buf *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--) {
        append_byte(out, value >> (8 * (i - 1)) & 0xff);
    }
}

void frame_append_header(struct vd_buf *out, uint8_t first, uint32_t mask, uint64_t length)
{
    append_byte(out, first);
    if (length < 126) {
        append_byte(out, 0x80 | (unsigned)length);
    } else if (length < 65536) {
        append_byte(out, 0x80 | 126);
        append_be(out, length, 2);
    } else {
        append_byte(out, 0x80 | 127);
        append_be(out, length, 8);
    }
    append_be(out, mask, 4);
}

void frame_append(
    struct vd_buf *out, uint8_t first, uint32_t mask, const void *payload, size_t length)
{
    const uint8_t *bytes = payload;

    frame_append_header(out, first, mask, length);
    for (size_t i = 0; i < length; i++) {
        append_byte(out, bytes[i] ^ (mask >> (24 - 8 * (i % 4)) & 0xff));
    }
}
