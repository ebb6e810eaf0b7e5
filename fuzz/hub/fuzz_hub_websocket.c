/* SPDX-License-Identifier: MIT */
/* A client's frames, read whole and cut at random places: both must come to the same. The first byte seeds the cuts. The same
 * bytes as the key of a handshake; headers of our own frames say what a reader of them expects. */

#include <stdlib.h>
#include <string.h>

#include "fuzz/replay.h"
#include "hub/websocket.h"

#define FRAME_MAX 65536
#define PIECE_MAX 32

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

struct reading {
    struct vd_websocket websocket;
    struct vd_buf payload;
    struct vd_buf answers;
};

static void read_piece(struct reading *r, const uint8_t *data, size_t length)
{
    uint8_t *piece = malloc(length + 1);
    size_t kept;

    check(piece != NULL);
    memcpy(piece, data, length);
    kept = vd_websocket_read(&r->websocket, piece, length, FRAME_MAX, &r->answers);
    check(kept <= length);
    vd_buf_append(&r->payload, piece, kept);
    free(piece);
}

/* Answers are whole Pongs, unmasked, each shorter than the Ping that it answers. */
static void check_answers(const struct vd_buf *answers, size_t length)
{
    size_t at = 0;

    check(answers->length <= length);
    while (at < answers->length) {
        check(answers->length - at >= 2 && answers->data[at] == 0x8a);
        check(answers->data[at + 1] <= VD_WEBSOCKET_CONTROL_MAX);
        at += 2U + answers->data[at + 1];
    }
    check(at == answers->length);
}

static void check_same(const struct vd_buf *a, const struct vd_buf *b)
{
    check(a->length == b->length);
    check(a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* A key of its form has one answer of one length. */
static void check_accept(const uint8_t *data, size_t length)
{
    char key[64] = "";
    char answer[VD_WEBSOCKET_ACCEPT_SIZE];

    memcpy(key, data, length < sizeof key - 1 ? length : sizeof key - 1);
    check(vd_websocket_accept(key, answer) != VD_OK ||
        (strlen(key) == 24 && strlen(answer) == VD_WEBSOCKET_ACCEPT_SIZE - 1));
}

static void check_header(uint64_t length)
{
    uint8_t header[VD_WEBSOCKET_SERVER_HEADER_MAX];
    const size_t size = vd_websocket_write_header(length, header);
    uint64_t written = 0;

    for (size_t i = 2; i < size; i++) {
        written = written << 8 | header[i];
    }
    check(header[0] == 0x82 && (size == 2 ? header[1] : written) == length);
}

static void check_close(uint16_t code)
{
    struct vd_buf out = {0};

    vd_websocket_write_close(code, &out);
    check(out.length == 2U + out.data[1] && (out.length == 4) == (code != VD_WEBSOCKET_NO_CODE));
    vd_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct reading whole = {0};
    struct reading cut = {0};
    uint32_t seed;
    size_t at = 1;

    if (length < 1) {
        return 0;
    }
    seed = 1U + data[0];
    read_piece(&whole, data + 1, length - 1);
    while (at < length) {
        size_t piece = next_random(&seed) % PIECE_MAX;

        piece = piece < length - at ? piece : length - at;
        read_piece(&cut, data + at, piece);
        at += piece;
    }
    check(
        whole.websocket.state == cut.websocket.state && whole.websocket.code == cut.websocket.code);
    check((whole.websocket.state == VD_WEBSOCKET_BROKEN) <= (whole.websocket.code >= 1002));
    check_same(&whole.payload, &cut.payload);
    check_same(&whole.answers, &cut.answers);
    check_answers(&whole.answers, length);
    check_accept(data, length);
    check_header(whole.websocket.left);
    check_close(whole.websocket.code);
    vd_buf_release(&whole.payload);
    vd_buf_release(&whole.answers);
    vd_buf_release(&cut.payload);
    vd_buf_release(&cut.answers);
    return 0;
}
