/* SPDX-License-Identifier: MIT */
/* Frames of clients, byte by byte and in any cuts; what a server writes; the handshake's key. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/websocket.h"
#include "tests/hub/frames.h"

#define FRAME_MAX 70000
#define ROUNDS    400

/* ---- A stream that is read in pieces ---- */

struct outcome {
    struct vd_websocket websocket;
    struct vd_buf payload;
    struct vd_buf answers;
};

static void read_piece(struct outcome *o, const uint8_t *bytes, size_t length)
{
    /* Of its own length, so that nothing beyond it can be touched unseen. */
    uint8_t *piece = malloc(length + 1);
    size_t kept;

    assert_non_null(piece);
    if (length > 0) {
        memcpy(piece, bytes, length);
    }
    piece[length] = 0xa5;
    kept = vd_websocket_read(&o->websocket, piece, length, FRAME_MAX, &o->answers);
    assert_true(kept <= length);
    assert_int_equal(piece[length], 0xa5);
    vd_buf_append(&o->payload, piece, kept);
    free(piece);
}

static void release(struct outcome *o)
{
    vd_buf_release(&o->payload);
    vd_buf_release(&o->answers);
}

static void assert_bytes(const struct vd_buf *got, const void *bytes, size_t length)
{
    assert_int_equal(got->length, length);
    if (length > 0) {
        assert_memory_equal(got->data, bytes, length);
    }
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->websocket.state, b->websocket.state);
    assert_int_equal(a->websocket.code, b->websocket.code);
    assert_bytes(&a->payload, b->payload.data, b->payload.length);
    assert_bytes(&a->answers, b->answers.data, b->answers.length);
}

/* ---- One frame or a few, and what they come to ---- */

struct piece {
    uint8_t first;
    const char *payload; /* NULL: no more */
    size_t length;
};

struct row {
    const char *what;
    struct piece pieces[4];
    const char *payload; /* read in all, without NUL */
    const char *pongs;
    size_t pongs_length;
    enum vd_websocket_state state;
    uint16_t code;
};

#define P(first, text)                    \
    {                                     \
        (first), (text), sizeof(text) - 1 \
    }
#define BROKEN(code) VD_WEBSOCKET_BROKEN, (code)
#define CLOSED(code) VD_WEBSOCKET_CLOSED, (code)
#define IS_OPEN      VD_WEBSOCKET_OPEN, 0

static const struct row rows[] = {
    {"a message", {P(FRAME_BINARY, "abcde")}, "abcde", "", 0, IS_OPEN},
    {"an empty message", {P(FRAME_BINARY, ""), P(FRAME_BINARY, "a")}, "a", "", 0, IS_OPEN},
    {"two messages", {P(FRAME_BINARY, "ab"), P(FRAME_BINARY, "cde")}, "abcde", "", 0, IS_OPEN},
    {"fragments", {P(0x02, "ab"), P(0x00, "c"), P(0x80, "de")}, "abcde", "", 0, IS_OPEN},
    {"empty fragments", {P(0x02, ""), P(0x00, ""), P(0x80, "")}, "", "", 0, IS_OPEN},
    {"a ping", {P(FRAME_PING, "hello")}, "", "\x8a\x05hello", 7, IS_OPEN},
    {"an empty ping", {P(FRAME_PING, "")}, "", "\x8a\x00", 2, IS_OPEN},
    {"a ping between fragments", {P(0x02, "ab"), P(FRAME_PING, "x"), P(0x80, "c")}, "abc",
        "\x8a\x01x", 3, IS_OPEN},
    {"a pong that nobody asked for", {P(FRAME_PONG, "x"), P(FRAME_BINARY, "a")}, "a", "", 0,
        IS_OPEN},
    {"an empty close", {P(FRAME_BINARY, "a"), P(FRAME_CLOSE, "")}, "a", "", 0, CLOSED(0)},
    {"a close with a code", {P(FRAME_CLOSE, "\x03\xe8")}, "", "", 0, CLOSED(1000)},
    {"a close with a reason", {P(FRAME_CLOSE, "\x0f\xa0so")}, "", "", 0, CLOSED(4000)},
    {"nothing after a close", {P(FRAME_CLOSE, "\x03\xe9"), P(FRAME_BINARY, "a")}, "", "", 0,
        CLOSED(1001)},
    {"half a code", {P(FRAME_CLOSE, "\x03")}, "", "", 0, BROKEN(1002)},
    {"a code below all", {P(FRAME_CLOSE, "\x03\xe7")}, "", "", 0, BROKEN(1002)},
    {"a code that is never sent", {P(FRAME_CLOSE, "\x03\xed")}, "", "", 0, BROKEN(1002)},
    {"a code of nobody's", {P(FRAME_CLOSE, "\x07\xd0")}, "", "", 0, BROKEN(1002)},
    {"a code above all", {P(FRAME_CLOSE, "\x13\x88")}, "", "", 0, BROKEN(1002)},
    {"a reason that is not UTF-8", {P(FRAME_CLOSE, "\x03\xe8\xff")}, "", "", 0, BROKEN(1007)},
    {"text", {P(FRAME_BINARY, "a"), P(FRAME_TEXT, "b")}, "a", "", 0, BROKEN(1003)},
    {"a text's first fragment", {P(0x01, "b")}, "", "", 0, BROKEN(1003)},
    {"a fragment of nothing", {P(0x80, "a")}, "", "", 0, BROKEN(1002)},
    {"a message within a message", {P(0x02, "a"), P(FRAME_BINARY, "b")}, "a", "", 0, BROKEN(1002)},
    {"a fragmented ping", {P(0x09, "a")}, "", "", 0, BROKEN(1002)},
    {"an extension's bit", {P(0xc2, "a")}, "", "", 0, BROKEN(1002)},
    {"another's", {P(0x92, "a")}, "", "", 0, BROKEN(1002)},
    {"an opcode that is reserved", {P(0x83, "a")}, "", "", 0, BROKEN(1002)},
    {"a control opcode that is", {P(0x8b, "a")}, "", "", 0, BROKEN(1002)},
    {"the last of them", {P(0x8f, "a")}, "", "", 0, BROKEN(1002)},
};

static void make_stream(const struct row *row, struct vd_buf *stream)
{
    for (size_t i = 0; i < 4 && row->pieces[i].payload != NULL; i++) {
        frame_append(stream, row->pieces[i].first, 0x9f01fe37U + (uint32_t)i,
            row->pieces[i].payload, row->pieces[i].length);
    }
    assert_int_equal(stream->error, VD_OK);
}

static void check_row(const struct row *row, const struct vd_buf *stream, size_t step)
{
    struct outcome o = {0};

    for (size_t at = 0; at < stream->length; at += step) {
        read_piece(&o, stream->data + at, step < stream->length - at ? step : stream->length - at);
    }
    if (o.websocket.state != row->state || o.websocket.code != row->code) {
        fail_msg("%s, by %zu: state %d, code %d", row->what, step, (int)o.websocket.state,
            (int)o.websocket.code);
    }
    assert_bytes(&o.payload, row->payload, strlen(row->payload));
    assert_bytes(&o.answers, row->pongs, row->pongs_length);
    release(&o);
}

static void test_websocket__frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vd_buf stream = {0};

        make_stream(&rows[i], &stream);
        for (size_t step = 1; step <= stream.length; step++) {
            check_row(&rows[i], &stream, step);
        }
        vd_buf_release(&stream);
    }
}

/* ---- Lengths ---- */

static void test_websocket__lengths(void **state)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, FRAME_MAX};
    static uint8_t payload[FRAME_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct vd_buf stream = {0};
        struct outcome o = {0};

        frame_append(&stream, FRAME_BINARY, 0x01020304, payload, lengths[i]);
        read_piece(&o, stream.data, stream.length);
        assert_int_equal(o.websocket.state, VD_WEBSOCKET_OPEN);
        assert_bytes(&o.payload, payload, lengths[i]);
        vd_buf_release(&stream);
        release(&o);
    }
}

static void test_websocket__bad_headers(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        uint16_t code;
    } headers[] = {
        {"\x82\x00", 2, 1002},                                      /* no mask */
        {"\x82\xfe\x00\x7d\x00\x00\x00\x00", 8, 1002},              /* 125 in two bytes */
        {"\x82\xff\0\0\0\0\0\0\xff\xff\x00\x00\x00\x00", 14, 1002}, /* 65,535 in eight */
        {"\x82\xff\x80\0\0\0\0\0\0\x00\x00\x00\x00\x00", 14, 1002}, /* 2^63 */
        {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1009},
        {"\x82\xff\0\0\0\0\0\x01\x11\x71\0\0\0\0", 14, 1009}, /* one more than may be */
        {"\x89\xfe\x00\x7e\x00\x00\x00\x00", 2, 1002},        /* a ping of 126 */
        {"\x88\xff", 2, 1002},
        {"GET ", 4, 1002},
    };

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct outcome o = {0};

        read_piece(&o, (const uint8_t *)headers[i].bytes, headers[i].length);
        assert_int_equal(o.websocket.state, VD_WEBSOCKET_BROKEN);
        assert_int_equal(o.websocket.code, headers[i].code);
        read_piece(&o, (const uint8_t *)"\x82\x81\0\0\0\0a", 7);
        assert_bytes(&o.payload, "", 0);
        release(&o);
    }
}

static void test_websocket__largest_ping(void **state)
{
    uint8_t payload[VD_WEBSOCKET_CONTROL_MAX];
    struct vd_buf stream = {0};
    struct outcome o = {0};

    (void)state;
    memset(payload, 'p', sizeof payload);
    frame_append(&stream, FRAME_PING, 0xffffffff, payload, sizeof payload);
    frame_append(&stream, FRAME_PING, 0, payload, sizeof payload);
    read_piece(&o, stream.data, stream.length);
    assert_int_equal(o.answers.length, 2 * (2 + sizeof payload));
    assert_memory_equal(o.answers.data, "\x8a\x7dppp", 5);
    assert_memory_equal(o.answers.data + 2 + sizeof payload, "\x8a\x7dppp", 5);
    vd_buf_release(&stream);
    release(&o);
}

/* Pongs that find no room: the buffer says so, and nothing else changes. */
static void test_websocket__no_room_for_answers(void **state)
{
    struct vd_buf stream = {0};
    struct outcome o = {.answers.max = 3};

    (void)state;
    frame_append(&stream, FRAME_PING, 1, "longer", 6);
    frame_append(&stream, FRAME_BINARY, 1, "a", 1);
    read_piece(&o, stream.data, stream.length);
    assert_int_equal(o.answers.error, VD_E_LIMIT);
    assert_bytes(&o.payload, "a", 1);
    vd_buf_release(&stream);
    release(&o);
}

/* ---- Any stream, any cuts ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Messages in fragments with control frames between them; what they hold is appended to `payload`, of pings to `pongs`. */
static void make_traffic(
    uint32_t *seed, struct vd_buf *stream, struct vd_buf *payload, struct vd_buf *pongs)
{
    uint8_t bytes[300];
    bool in_message = false;

    for (unsigned frames = next_random(seed) % 12; frames > 0; frames--) {
        const size_t length = next_random(seed) % (next_random(seed) % 4 == 0 ? sizeof bytes : 8);
        const bool is_final = next_random(seed) % 2 == 0;

        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)next_random(seed);
        }
        if (next_random(seed) % 3 == 0 && length <= VD_WEBSOCKET_CONTROL_MAX) {
            const uint8_t pong[2] = {FRAME_PONG, (uint8_t)length};

            frame_append(stream, FRAME_PING, next_random(seed), bytes, length);
            vd_buf_append(pongs, pong, sizeof pong);
            vd_buf_append(pongs, bytes, length);
        } else {
            frame_append(stream, (uint8_t)((is_final ? 0x80 : 0) | (in_message ? 0 : 2)),
                next_random(seed), bytes, length);
            vd_buf_append(payload, bytes, length);
            in_message = !is_final;
        }
    }
}

static void read_in_cuts(struct outcome *o, const struct vd_buf *stream, uint32_t *seed)
{
    size_t at = 0;

    while (at < stream->length) {
        size_t piece = next_random(seed) % 40;

        piece = piece < stream->length - at ? piece : stream->length - at;
        read_piece(o, stream->data + at, piece);
        at += piece;
    }
}

static void test_websocket__any_cuts(void **state)
{
    uint32_t seed = 20201128;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct vd_buf stream = {0};
        struct vd_buf payload = {0};
        struct vd_buf pongs = {0};
        struct outcome whole = {0};
        struct outcome cut = {0};

        make_traffic(&seed, &stream, &payload, &pongs);
        read_piece(&whole, stream.data, stream.length);
        assert_int_equal(whole.websocket.state, VD_WEBSOCKET_OPEN);
        assert_bytes(&whole.payload, payload.data, payload.length);
        assert_bytes(&whole.answers, pongs.data, pongs.length);
        read_in_cuts(&cut, &stream, &seed);
        assert_same(&cut, &whole);
        release(&whole);
        release(&cut);
        vd_buf_release(&stream);
        vd_buf_release(&payload);
        vd_buf_release(&pongs);
    }
}

/* The same for streams with a byte changed: whatever they come to. */
static void test_websocket__any_cuts_of_damage(void **state)
{
    uint32_t seed = 19991231;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct vd_buf stream = {0};
        struct vd_buf ignored = {0};
        struct outcome whole = {0};
        struct outcome cut = {0};

        make_traffic(&seed, &stream, &ignored, &ignored);
        if (stream.length > 0) {
            stream.data[next_random(&seed) % stream.length] ^=
                (uint8_t)(1 + next_random(&seed) % 255);
        }
        read_piece(&whole, stream.data, stream.length);
        read_in_cuts(&cut, &stream, &seed);
        assert_same(&cut, &whole);
        release(&whole);
        release(&cut);
        vd_buf_release(&stream);
        vd_buf_release(&ignored);
    }
}

/* ---- What a server writes ---- */

static void test_websocket__header(void **state)
{
    static const struct {
        uint64_t length;
        const char *bytes;
        size_t size;
    } headers[] = {
        {0, "\x82\x00", 2},
        {125, "\x82\x7d", 2},
        {126, "\x82\x7e\x00\x7e", 4},
        {65535, "\x82\x7e\xff\xff", 4},
        {65536, "\x82\x7f\0\0\0\0\x00\x01\x00\x00", 10},
        {0x0102030405060708, "\x82\x7f\x01\x02\x03\x04\x05\x06\x07\x08", 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        uint8_t out[VD_WEBSOCKET_SERVER_HEADER_MAX];

        assert_int_equal(vd_websocket_write_header(headers[i].length, out), headers[i].size);
        assert_memory_equal(out, headers[i].bytes, headers[i].size);
    }
}

static void test_websocket__close(void **state)
{
    struct vd_buf out = {0};

    (void)state;
    vd_websocket_write_close(VD_WEBSOCKET_PROTOCOL_ERROR, &out);
    vd_websocket_write_close(VD_WEBSOCKET_NO_CODE, &out);
    assert_bytes(&out, "\x88\x02\x03\xea\x88\x00", 6);
    vd_buf_release(&out);
}

/* ---- The handshake ---- */

static void test_websocket__accept(void **state)
{
    static const char *const bad[] = {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZTE=",
        "dGhlIHNhbXBsZSBub25jZ!==", "dGhlIHNhbXBsZSBub25jZQ==AAAA", "dGhlIHNhbXBsZSBub25jZTEy"};
    char out[VD_WEBSOCKET_ACCEPT_SIZE];

    (void)state;
    /* RFC 6455, section 1.3 */
    assert_int_equal(vd_websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", out), VD_OK);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(vd_websocket_accept(bad[i], out), VD_E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_websocket__frames),
        cmocka_unit_test(test_websocket__lengths),
        cmocka_unit_test(test_websocket__bad_headers),
        cmocka_unit_test(test_websocket__largest_ping),
        cmocka_unit_test(test_websocket__no_room_for_answers),
        cmocka_unit_test(test_websocket__any_cuts),
        cmocka_unit_test(test_websocket__any_cuts_of_damage),
        cmocka_unit_test(test_websocket__header),
        cmocka_unit_test(test_websocket__close),
        cmocka_unit_test(test_websocket__accept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
