/* SPDX-License-Identifier: MIT */
/* Reads a client's frames, one byte of a header or a stretch of payload at a time; nothing waits for a whole frame. */

#include "hub/websocket.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/secret.h"
#include "lib/url.h"

#define FIN      0x80
#define RESERVED 0x70
#define OPCODE   0x0f
#define MASKED   0x80
#define LENGTH   0x7f
#define MASK     4

enum opcode {
    CONTINUATION = 0,
    TEXT = 1,
    BINARY = 2,
    CLOSE = 8,
    PING = 9,
    PONG = 10,
};

/* Of the handshake's key, and of its base64. */
#define KEY_LENGTH      16
#define KEY_TEXT_LENGTH 24

static void put_u16_be(uint16_t value, uint8_t *out)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static void violate(struct vd_websocket *w, enum vd_websocket_code code)
{
    w->state = VD_WEBSOCKET_BROKEN;
    w->code = (uint16_t)code;
}

static bool is_control(const struct vd_websocket *w)
{
    return (w->header[0] & CLOSE) != 0;
}

/* What the second byte says of the header's length; the mask is a part of it. */
static size_t header_size(uint8_t second)
{
    const uint8_t length = second & LENGTH;

    return 2 + MASK + (length < 126 ? 0U : length == 126 ? 2U : 8U);
}

/* Judges the first two bytes. */
static void judge_kind(struct vd_websocket *w)
{
    const uint8_t opcode = w->header[0] & OPCODE;
    const bool is_final = (w->header[0] & FIN) != 0;
    const bool is_known = opcode <= BINARY || (opcode >= CLOSE && opcode <= PONG);

    if (!is_known || (w->header[0] & RESERVED) != 0 || (w->header[1] & MASKED) == 0) {
        violate(w, VD_WEBSOCKET_PROTOCOL_ERROR);
    } else if (is_control(w)) {
        if (!is_final || (w->header[1] & LENGTH) > VD_WEBSOCKET_CONTROL_MAX) {
            violate(w, VD_WEBSOCKET_PROTOCOL_ERROR);
        }
    } else if ((opcode == CONTINUATION) != w->in_message) {
        violate(w, VD_WEBSOCKET_PROTOCOL_ERROR);
    } else if (opcode == TEXT) {
        violate(w, VD_WEBSOCKET_UNSUPPORTED); /* [MQTT-6.0.0-1] */
    }
}

/* Reads the length of a header that is whole, which must be in its shortest form. */
static void judge_length(struct vd_websocket *w, uint64_t frame_max)
{
    const size_t bytes = w->header_length - 2U - MASK;
    uint64_t length = 0;

    if (bytes == 0) {
        length = w->header[1] & LENGTH;
    }
    for (size_t i = 0; i < bytes; i++) {
        length = length << 8 | w->header[2 + i];
    }
    if ((bytes == 2 && length < 126) || (bytes == 8 && (length <= UINT16_MAX || length >> 63))) {
        violate(w, VD_WEBSOCKET_PROTOCOL_ERROR);
    } else if (length > frame_max) {
        violate(w, VD_WEBSOCKET_TOO_LARGE);
    }
    w->left = length;
}

/* Takes bytes of a header; returns how many. */
static size_t read_header(
    struct vd_websocket *w, const uint8_t *data, size_t length, uint64_t frame_max)
{
    size_t used = 0;

    while (used < length && !w->in_frame && w->state == VD_WEBSOCKET_OPEN) {
        w->header[w->header_length++] = data[used++];
        if (w->header_length == 2) {
            judge_kind(w);
        } else if (w->header_length > 2 && w->header_length == header_size(w->header[1])) {
            judge_length(w, frame_max);
            w->in_frame = true;
            w->mask_at = 0;
        }
    }
    return used;
}

/* Codes that an endpoint may send: those of the protocol, those that were registered later, and private ones. */
static bool may_be_sent(uint16_t code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
        (code >= 3000 && code <= 4999);
}

static void end_close(struct vd_websocket *w)
{
    const struct vd_str reason = {
        (const char *)w->control + 2, w->control_length >= 2 ? w->control_length - 2U : 0};

    w->state = VD_WEBSOCKET_CLOSED;
    w->code = VD_WEBSOCKET_NO_CODE;
    if (w->control_length > 0) {
        w->code = (uint16_t)(w->control[0] << 8 | w->control[1]);
        if (w->control_length == 1 || !may_be_sent(w->code)) {
            violate(w, VD_WEBSOCKET_PROTOCOL_ERROR);
        } else if (!vd_utf8_is_valid(reason)) {
            violate(w, VD_WEBSOCKET_NOT_UTF8);
        }
    }
}

static void end_frame(struct vd_websocket *w, struct vd_buf *answers)
{
    const uint8_t head[2] = {FIN | PONG, w->control_length};

    switch (w->header[0] & OPCODE) {
    case CLOSE:
        end_close(w);
        break;
    case PING:
        vd_buf_append(answers, head, sizeof head);
        vd_buf_append(answers, w->control, w->control_length);
        break;
    case PONG:
        break;
    default:
        w->in_message = (w->header[0] & FIN) == 0;
    }
    w->in_frame = false;
    w->header_length = 0;
    w->control_length = 0;
}

/* Copies `length` bytes of payload to an `out` that is not behind them. */
static void unmask(struct vd_websocket *w, const uint8_t *data, size_t length, uint8_t *out)
{
    const uint8_t *mask = w->header + w->header_length - MASK;

    for (size_t i = 0; i < length; i++) {
        out[i] = data[i] ^ mask[(w->mask_at + i) % MASK];
    }
    w->mask_at = (uint8_t)((w->mask_at + length) % MASK);
    w->left -= length;
}

size_t vd_websocket_read(struct vd_websocket *w, uint8_t *data, size_t length, uint64_t frame_max,
    struct vd_buf *answers)
{
    size_t used = 0;
    size_t kept = 0;

    while (used < length && w->state == VD_WEBSOCKET_OPEN) {
        size_t here;

        used += read_header(w, data + used, length - used, frame_max);
        if (!w->in_frame || w->state != VD_WEBSOCKET_OPEN) {
            continue;
        }
        here = length - used < w->left ? length - used : (size_t)w->left;
        if (is_control(w)) {
            unmask(w, data + used, here, w->control + w->control_length);
            w->control_length = (uint8_t)(w->control_length + here);
        } else {
            unmask(w, data + used, here, data + kept);
            kept += here;
        }
        used += here;
        if (w->left == 0) {
            end_frame(w, answers);
        }
    }
    return kept;
}

size_t vd_websocket_write_header(uint64_t length, uint8_t out[VD_WEBSOCKET_SERVER_HEADER_MAX])
{
    out[0] = FIN | BINARY;
    if (length < 126) {
        out[1] = (uint8_t)length;
        return 2;
    }
    if (length <= UINT16_MAX) {
        out[1] = 126;
        put_u16_be((uint16_t)length, out + 2);
        return 4;
    }
    out[1] = 127;
    for (size_t i = 0; i < 8; i++) {
        out[2 + i] = (uint8_t)(length >> (56 - 8 * i));
    }
    return 10;
}

void vd_websocket_write_close(uint16_t code, struct vd_buf *out)
{
    uint8_t frame[4] = {FIN | CLOSE, code != VD_WEBSOCKET_NO_CODE ? 2 : 0};

    put_u16_be(code, frame + 2);
    vd_buf_append(out, frame, 2U + frame[1]);
}

int vd_websocket_accept(const char *key, char out[VD_WEBSOCKET_ACCEPT_SIZE])
{
    static const char suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_TEXT_LENGTH + sizeof suffix];
    uint8_t bytes[KEY_LENGTH];
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t length = 0;
    unsigned size = 0;

    if (strlen(key) != KEY_TEXT_LENGTH ||
        vd_base64_decode(vd_str_from(key), bytes, sizeof bytes, &length) != VD_OK ||
        length != KEY_LENGTH) {
        return VD_E_INVALID;
    }
    memcpy(text, key, KEY_TEXT_LENGTH);
    memcpy(text + KEY_TEXT_LENGTH, suffix, sizeof suffix);
    if (EVP_Digest(text, sizeof text - 1, digest, &size, EVP_sha1(), NULL) != 1) {
        return VD_E_NOMEM;
    }
    return vd_base64_encode(digest, size, out, VD_WEBSOCKET_ACCEPT_SIZE);
}
