/* SPDX-License-Identifier: MIT */
/* Tests of the module's MQTT sender: exact bytes, every split, and its state against a model. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure_iot_security_module/src/asc_mqtt.h"

#define GUARD_BYTES 16u
#define GUARD       0xa5

static const struct asc_mqtt_connect plain = {"dev", "hub/dev/", "key", 60};
static const uint8_t connack_ok[] = {0x20, 2, 0, 0};

static struct asc_mqtt opened(void)
{
    struct asc_mqtt m = {.state = ASC_MQTT_CLOSED};
    uint8_t out[64];
    uint32_t used = 0;

    assert_true(asc_mqtt_connect(&m, &plain, out, sizeof out) > 0);
    assert_int_equal(asc_mqtt_feed(&m, connack_ok, sizeof connack_ok, &used), ASC_MQTT_ACCEPTED);
    assert_int_equal(used, sizeof connack_ok);
    return m;
}

static void test_asc_mqtt__connect_bytes(void **state)
{
    static const uint8_t with_password[] = {0x10, 30, 0, 4, 'M', 'Q', 'T', 'T', 4, 0xc2, 0, 60, 0,
        3, 'd', 'e', 'v', 0, 8, 'h', 'u', 'b', '/', 'd', 'e', 'v', '/', 0, 3, 'k', 'e', 'y'};
    static const uint8_t without[] = {0x10, 25, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x82, 1, 0, 0, 3, 'd',
        'e', 'v', 0, 8, 'h', 'u', 'b', '/', 'd', 'e', 'v', '/'};
    struct asc_mqtt_connect certificate = {"dev", "hub/dev/", NULL, 256};
    struct asc_mqtt m = {.state = ASC_MQTT_CLOSED};
    uint8_t out[64];

    (void)state;
    assert_int_equal(asc_mqtt_connect(&m, &plain, out, sizeof out), sizeof with_password);
    assert_memory_equal(out, with_password, sizeof with_password);
    assert_int_equal(m.state, ASC_MQTT_CONNECTING);
    assert_int_equal(asc_mqtt_connect(&m, &certificate, out, sizeof out), sizeof without);
    assert_memory_equal(out, without, sizeof without);
}

/* Every size that is too small gives 0, writes nothing behind it and leaves the state alone. */
static void test_asc_mqtt__output_too_small(void **state)
{
    uint8_t out[64 + GUARD_BYTES];

    (void)state;
    for (uint32_t size = 0; size < 32; size++) {
        struct asc_mqtt closed = {.state = ASC_MQTT_CLOSED};
        struct asc_mqtt m = opened();

        memset(out, 0xa5, sizeof out);
        assert_int_equal(asc_mqtt_connect(&closed, &plain, out, size), 0);
        assert_int_equal(closed.state, ASC_MQTT_CLOSED);
        if (size < 11) {
            assert_int_equal(asc_mqtt_publish(&m, "topic", 7, out, size), 0);
            assert_false(m.in_flight);
            assert_int_equal(m.packet_id, 0);
        }
        if (size < 2) {
            assert_int_equal(asc_mqtt_ping(&m, out, size), 0);
            assert_int_equal(asc_mqtt_disconnect(&m, out, size), 0);
            assert_false(m.pinging);
            assert_int_equal(m.state, ASC_MQTT_OPEN);
        }
        for (uint32_t i = size; i < sizeof out; i++) {
            assert_int_equal(out[i], 0xa5);
        }
    }
}

/* The remaining length at each of its widths (MQTT 3.1.1, table 2.4). */
static void test_asc_mqtt__publish_lengths(void **state)
{
    static const struct {
        uint32_t payload; /* the topic "a" and the id take 5 bytes more */
        uint8_t length[4];
        uint32_t width;
    } cases[] = {
        {0, {5}, 1},
        {122, {0x7f}, 1},
        {123, {0x80, 0x01}, 2},
        {16378, {0xff, 0x7f}, 2},
        {16379, {0x80, 0x80, 0x01}, 3},
        {2097146, {0xff, 0xff, 0x7f}, 3},
        {2097147, {0x80, 0x80, 0x80, 0x01}, 4},
        {ASC_MQTT_REMAINING_MAX - 5, {0xff, 0xff, 0xff, 0x7f}, 4},
    };
    static const uint8_t tail[] = {0, 1, 'a', 0, 1};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asc_mqtt m = opened();
        uint8_t out[16];
        uint32_t n = asc_mqtt_publish(&m, "a", cases[i].payload, out, sizeof out);

        assert_int_equal(n, 1 + cases[i].width + sizeof tail);
        assert_int_equal(out[0], 0x32);
        assert_memory_equal(out + 1, cases[i].length, cases[i].width);
        assert_memory_equal(out + 1 + cases[i].width, tail, sizeof tail);
    }
    for (uint32_t over = 0; over < 3; over++) {
        struct asc_mqtt m = opened();
        uint8_t out[16];

        assert_int_equal(
            asc_mqtt_publish(&m, "a", over == 2 ? UINT32_MAX : ASC_MQTT_REMAINING_MAX - 4 + over,
                out, sizeof out),
            0);
    }
}

static void test_asc_mqtt__strings_too_long(void **state)
{
    static char text[65537 + 1];
    static uint8_t out[70000];
    struct asc_mqtt_connect options = {text, "u", "p", 0};
    struct asc_mqtt m = {.state = ASC_MQTT_CLOSED};

    (void)state;
    memset(text, 'x', 65536);
    assert_int_equal(asc_mqtt_connect(&m, &options, out, sizeof out), 0);
    text[65535] = '\0';
    assert_true(asc_mqtt_connect(&m, &options, out, sizeof out) > 65535);
    m = opened();
    text[65535] = 'x';
    assert_int_equal(asc_mqtt_publish(&m, text, 0, out, sizeof out), 0);
    text[65535] = '\0';
    assert_true(asc_mqtt_publish(&m, text, 0, out, sizeof out) > 65535);
}

/* What a server may send, in each state, one byte at a time. */
static void test_asc_mqtt__input(void **state)
{
    static const struct {
        const char *name;
        bool open;
        uint8_t in[6];
        uint32_t length;
        enum asc_mqtt_event event;
        uint32_t used;
    } cases[] = {
        {"accepted", false, {0x20, 2, 0, 0}, 4, ASC_MQTT_ACCEPTED, 4},
        {"session present", false, {0x20, 2, 1, 0}, 4, ASC_MQTT_ACCEPTED, 4},
        {"refused", false, {0x20, 2, 0, 5}, 4, ASC_MQTT_REFUSED, 4},
        {"refused with a session", false, {0x20, 2, 1, 5}, 4, ASC_MQTT_VIOLATION, 4},
        {"reserved flags", false, {0x20, 2, 2, 0}, 4, ASC_MQTT_VIOLATION, 4},
        {"connack flags", false, {0x21, 2, 0, 0}, 4, ASC_MQTT_VIOLATION, 1},
        {"connack too short", false, {0x20, 1, 0}, 3, ASC_MQTT_VIOLATION, 2},
        {"connack too long", false, {0x20, 3, 0, 0, 0}, 5, ASC_MQTT_VIOLATION, 2},
        {"length in two bytes", false, {0x20, 0x82, 0, 0, 0}, 5, ASC_MQTT_VIOLATION, 2},
        {"puback before connack", false, {0x40, 2, 0, 1}, 4, ASC_MQTT_VIOLATION, 1},
        {"cut", false, {0x20, 2, 0}, 3, ASC_MQTT_MORE, 3},
        {"puback", true, {0x40, 2, 0, 1}, 4, ASC_MQTT_DELIVERED, 4},
        {"puback of another", true, {0x40, 2, 0, 2}, 4, ASC_MQTT_VIOLATION, 4},
        {"puback id high byte", true, {0x40, 2, 1, 1}, 4, ASC_MQTT_VIOLATION, 4},
        {"pong", true, {0xd0, 0}, 2, ASC_MQTT_PONG, 2},
        {"pong with a body", true, {0xd0, 1, 0}, 3, ASC_MQTT_VIOLATION, 2},
        {"second connack", true, {0x20, 2, 0, 0}, 4, ASC_MQTT_VIOLATION, 1},
        {"publish", true, {0x30, 3, 0, 1, 'a', 0}, 6, ASC_MQTT_VIOLATION, 1},
        {"reserved type", true, {0x00, 0}, 2, ASC_MQTT_VIOLATION, 1},
        {"two packets", true, {0xd0, 0, 0x40, 2, 0, 1}, 6, ASC_MQTT_PONG, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t piece = 1; piece <= cases[i].length; piece++) {
            struct asc_mqtt m = {.state = ASC_MQTT_CLOSED};
            enum asc_mqtt_event event = ASC_MQTT_MORE;
            uint8_t out[64];
            uint32_t at = 0;

            print_message("%s in pieces of %u\n", cases[i].name, piece);
            if (cases[i].open) {
                m = opened();
                assert_true(asc_mqtt_publish(&m, "t", 1, out, sizeof out) > 0);
                assert_true(asc_mqtt_ping(&m, out, sizeof out) > 0);
            } else {
                assert_true(asc_mqtt_connect(&m, &plain, out, sizeof out) > 0);
            }
            while (at < cases[i].length && event == ASC_MQTT_MORE) {
                uint32_t n = cases[i].length - at < piece ? cases[i].length - at : piece;
                uint32_t used = 0;

                event = asc_mqtt_feed(&m, cases[i].in + at, n, &used);
                at += used;
            }
            assert_int_equal(event, cases[i].event);
            assert_int_equal(at, cases[i].used);
            if (event == ASC_MQTT_VIOLATION || event == ASC_MQTT_REFUSED) {
                assert_int_equal(m.state, ASC_MQTT_CLOSED);
                assert_false(m.in_flight);
            }
        }
    }
}

static void test_asc_mqtt__closed_takes_nothing(void **state)
{
    struct asc_mqtt m = {.state = ASC_MQTT_CLOSED};
    uint8_t out[64];
    uint32_t used = 9;

    (void)state;
    assert_int_equal(asc_mqtt_feed(&m, connack_ok, 4, &used), ASC_MQTT_VIOLATION);
    assert_int_equal(used, 0);
    assert_int_equal(asc_mqtt_publish(&m, "t", 1, out, sizeof out), 0);
    assert_int_equal(asc_mqtt_ping(&m, out, sizeof out), 0);
    assert_int_equal(asc_mqtt_disconnect(&m, out, sizeof out), 0);
}

static uint32_t xorshift(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* A model of one line a rule: what is open, what is in flight, the next id. */
struct model {
    enum asc_mqtt_state state;
    bool in_flight, pinging;
    uint32_t id;
};

static void model_closed(struct model *k)
{
    k->state = ASC_MQTT_CLOSED;
    k->in_flight = k->pinging = false;
}

/* The server's packet number `what`, and what the model says of it. */
static enum asc_mqtt_event model_feed(
    struct model *k, uint32_t what, uint8_t packet[4], uint32_t *length)
{
    bool right;

    *length = 4;
    memcpy(packet, connack_ok, 4);
    if (what == 0) {
        right = k->state == ASC_MQTT_CONNECTING;
        k->state = right ? ASC_MQTT_OPEN : k->state;
        return right ? ASC_MQTT_ACCEPTED : ASC_MQTT_VIOLATION;
    }
    if (what < 3) {
        uint32_t id = what == 1 ? k->id : k->id + 1;

        packet[0] = 0x40;
        packet[2] = (uint8_t)(id >> 8);
        packet[3] = (uint8_t)id;
        right = what == 1 && k->state == ASC_MQTT_OPEN && k->in_flight;
        k->in_flight = right ? false : k->in_flight;
        return right ? ASC_MQTT_DELIVERED : ASC_MQTT_VIOLATION;
    }
    packet[0] = 0xd0;
    packet[1] = 0;
    *length = 2;
    right = k->state == ASC_MQTT_OPEN && k->pinging;
    k->pinging = right ? false : k->pinging;
    return right ? ASC_MQTT_PONG : ASC_MQTT_VIOLATION;
}

static void model_step(struct model *k, struct asc_mqtt *m, uint32_t what)
{
    uint8_t out[64], packet[4];
    uint32_t length = 0, used = 0;
    enum asc_mqtt_event event;
    bool allowed;

    switch (what) {
    case 0:
        assert_true(asc_mqtt_connect(m, &plain, out, sizeof out) > 0);
        model_closed(k);
        k->state = ASC_MQTT_CONNECTING;
        break;
    case 1:
    case 2:
        allowed = k->state == ASC_MQTT_OPEN && !k->in_flight;
        assert_int_equal(asc_mqtt_publish(m, "t", 3, out, sizeof out) > 0, allowed);
        if (allowed) {
            k->id = k->id % 65535 + 1;
            k->in_flight = true;
            assert_int_equal(out[5] << 8 | out[6], k->id);
        }
        break;
    case 3:
        allowed = k->state == ASC_MQTT_OPEN && !k->pinging;
        assert_int_equal(asc_mqtt_ping(m, out, sizeof out) > 0, allowed);
        k->pinging = k->pinging || allowed;
        break;
    case 4:
        allowed = k->state == ASC_MQTT_OPEN;
        assert_int_equal(asc_mqtt_disconnect(m, out, sizeof out) > 0, allowed);
        if (allowed) {
            model_closed(k);
        }
        break;
    default:
        event = model_feed(k, (what - 5) % 4, packet, &length);
        assert_int_equal(asc_mqtt_feed(m, packet, length, &used), event);
        if (event == ASC_MQTT_VIOLATION) {
            model_closed(k);
        }
        break;
    }
    assert_int_equal(m->state, k->state);
    assert_int_equal(m->in_flight, k->in_flight);
    assert_int_equal(m->pinging, k->pinging);
}

static void test_asc_mqtt__state_equals_a_model(void **state)
{
    /* Rarely close or violate, often publish and acknowledge, so that the ids wrap. */
    static const uint8_t choices[] = {0, 5, 1, 6, 2, 6, 1, 6, 3, 8, 1, 6, 2, 6, 3, 8};
    struct asc_mqtt m = {.state = ASC_MQTT_CLOSED};
    struct model k = {.state = ASC_MQTT_CLOSED};
    uint32_t seed = 0x5eed1234;
    uint32_t wraps = 0;

    (void)state;
    for (uint32_t i = 0; i < 600000; i++) {
        uint32_t r = xorshift(&seed);
        uint32_t id = k.id;

        model_step(&k, &m, r % 64 == 0 ? (r >> 8) % 9 : choices[i % sizeof choices]);
        wraps += k.id < id;
    }
    assert_true(wraps >= 1);
}

static void test_asc_mqtt__refusal_texts(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 256; code++) {
        assert_non_null(asc_mqtt_refusal_text((uint8_t)code));
    }
    assert_non_null(strstr(asc_mqtt_refusal_text(4), "expired token"));
    assert_non_null(strstr(asc_mqtt_refusal_text(5), "unknown"));
}

#if ASC_MQTT_INCOMING
static const char *const two_filters[] = {"a/#", "b"};

/* A connection with a SUBSCRIBE of two filters on its way and a buffer of that size. */
static struct asc_mqtt subscribing(uint8_t *buffer, uint32_t size)
{
    struct asc_mqtt m = opened();
    uint8_t out[64];

    asc_mqtt_buffer(&m, buffer, size);
    assert_true(asc_mqtt_subscribe(&m, two_filters, 2, 0, out, sizeof out) > 0);
    return m;
}

static void test_asc_mqtt__subscribe_bytes(void **state)
{
    static const uint8_t want[] = {
        0x82, 12, 0, 1, 0, 3, 'a', '/', '#', 1, 0, 1, 'b', 1, GUARD, GUARD};
    const char *const five[] = {"1", "2", "3", "4", "5"};
    struct asc_mqtt m = opened();
    uint8_t out[sizeof want];

    (void)state;
    for (uint32_t size = 0; size < 14; size++) {
        assert_int_equal(asc_mqtt_subscribe(&m, two_filters, 2, 1, out, size), 0);
        assert_int_equal(m.filters, 0);
    }
    memset(out, GUARD, sizeof out);
    assert_int_equal(asc_mqtt_subscribe(&m, two_filters, 2, 1, out, 14), 14);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(asc_mqtt_subscribe(&m, two_filters, 2, 1, out, 14), 0); /* one at a time */
    m = opened();
    assert_int_equal(asc_mqtt_subscribe(&m, five, 5, 0, out, sizeof out), 0);
    assert_int_equal(asc_mqtt_subscribe(&m, five, 0, 0, out, sizeof out), 0);
    asc_mqtt_closed(&m);
    assert_int_equal(asc_mqtt_subscribe(&m, five, 1, 0, out, sizeof out), 0);
}

static void test_asc_mqtt__publish_once_bytes(void **state)
{
    static const uint8_t want[] = {0x30, 6, 0, 1, 'a'};
    struct asc_mqtt m = opened();
    uint8_t out[64];

    (void)state;
    assert_int_equal(asc_mqtt_publish_once(&m, "a", 3, out, 4), 0);
    assert_true(asc_mqtt_publish(&m, "a", 3, out, sizeof out) > 0);
    assert_int_equal(asc_mqtt_publish_once(&m, "a", 3, out, sizeof out), sizeof want);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(m.packet_id, 1); /* what is in flight does not matter, nor change */
    assert_true(m.in_flight);
    assert_int_equal(
        asc_mqtt_publish_once(&m, "a", ASC_MQTT_REMAINING_MAX - 2, out, sizeof out), 0);
    assert_int_equal(
        asc_mqtt_publish_once(&m, "a", ASC_MQTT_REMAINING_MAX - 3, out, sizeof out), 8);
    asc_mqtt_closed(&m);
    assert_int_equal(asc_mqtt_publish_once(&m, "a", 3, out, sizeof out), 0);
}

/* The ids of a SUBSCRIBE and of the messages beside it differ, also where they wrap. */
static void test_asc_mqtt__ids_are_shared(void **state)
{
    (void)state;
    for (uint32_t start = 65533; start < 65539; start++) {
        static const uint16_t none = 0;
        struct asc_mqtt m = opened();
        uint8_t out[64];

        m.packet_id = (uint16_t)start;
        assert_true(asc_mqtt_publish(&m, "a", 3, out, sizeof out) > 0);
        assert_true(asc_mqtt_subscribe(&m, two_filters, 1, 0, out, sizeof out) > 0);
        assert_int_not_equal(m.subscribe_id, m.packet_id);
        assert_int_not_equal(m.subscribe_id, none);
        m.in_flight = false;
        assert_true(asc_mqtt_publish(&m, "a", 3, out, sizeof out) > 0);
        assert_int_not_equal(m.subscribe_id, m.packet_id);
        assert_int_not_equal(m.packet_id, none);
    }
}

/* Feeds in pieces; returns the first event but MORE, of which every byte was taken. */
static enum asc_mqtt_event feed(
    struct asc_mqtt *m, const uint8_t *data, uint32_t length, uint32_t piece)
{
    enum asc_mqtt_event event = ASC_MQTT_MORE;

    for (uint32_t at = 0; at < length && event == ASC_MQTT_MORE;) {
        uint32_t used = 0;

        event = asc_mqtt_feed(m, data + at, length - at < piece ? length - at : piece, &used);
        at += used;
        assert_true(event != ASC_MQTT_RECEIVED || at == length);
    }
    return event;
}

static void test_asc_mqtt__suback(void **state)
{
    static const struct {
        uint8_t bytes[7];
        uint8_t length;
        enum asc_mqtt_event event;
        uint8_t granted;
    } cases[] = {
        {{0x90, 4, 0, 1, 0, 0}, 6, ASC_MQTT_SUBSCRIBED, 3},
        {{0x90, 4, 0, 1, 1, 2}, 6, ASC_MQTT_SUBSCRIBED, 3},
        {{0x90, 4, 0, 1, 0x80, 0}, 6, ASC_MQTT_SUBSCRIBED, 2},
        {{0x90, 4, 0, 1, 0, 0x80}, 6, ASC_MQTT_SUBSCRIBED, 1},
        {{0x90, 4, 0, 1, 0x80, 0x80}, 6, ASC_MQTT_SUBSCRIBED, 0},
        {{0x90, 4, 0, 1, 0, 3}, 6, ASC_MQTT_VIOLATION, 0},
        {{0x90, 4, 0, 1, 0x7f, 0}, 6, ASC_MQTT_VIOLATION, 0},
        {{0x90, 4, 0, 2, 0, 0}, 6, ASC_MQTT_VIOLATION, 0},
        {{0x90, 3, 0, 1, 0}, 5, ASC_MQTT_VIOLATION, 0},
        {{0x90, 5, 0, 1, 0, 0, 0}, 7, ASC_MQTT_VIOLATION, 0},
        {{0x91, 4, 0, 1, 0, 0}, 6, ASC_MQTT_VIOLATION, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t piece = 1; piece < 8; piece++) {
            struct asc_mqtt m = subscribing(NULL, 0);

            assert_int_equal(feed(&m, cases[i].bytes, cases[i].length, piece), cases[i].event);
            assert_int_equal(m.granted, cases[i].granted);
            if (cases[i].event == ASC_MQTT_SUBSCRIBED) {
                /* There is no second answer. */
                assert_int_equal(feed(&m, cases[i].bytes, 6, piece), ASC_MQTT_VIOLATION);
            }
            assert_int_equal(m.state, ASC_MQTT_CLOSED);
        }
    }
}

static void test_asc_mqtt__received(void **state)
{
    static const struct {
        uint8_t bytes[16];
        uint8_t length;
        enum asc_mqtt_event event;
        uint32_t topic, payload;
        uint16_t id;
    } cases[] = {
        {{0x30, 5, 0, 1, 't', 'p', 'q'}, 7, ASC_MQTT_RECEIVED, 1, 2, 0},
        {{0x31, 5, 0, 1, 't', 'p', 'q'}, 7, ASC_MQTT_RECEIVED, 1, 2, 0}, /* retained */
        {{0x30, 3, 0, 1, 't'}, 5, ASC_MQTT_RECEIVED, 1, 0, 0},
        {{0x30, 0x83, 0, 0, 1, 't'}, 6, ASC_MQTT_RECEIVED, 1, 0, 0},
        {{0x32, 7, 0, 1, 't', 1, 2, 'p', 'q'}, 9, ASC_MQTT_RECEIVED, 1, 2, 0x102},
        {{0x3a, 7, 0, 1, 't', 1, 2, 'p', 'q'}, 9, ASC_MQTT_RECEIVED, 1, 2, 0x102}, /* again */
        {{0x30, 10, 0, 1, 't', 1, 2, 3, 4, 5, 6, 7}, 12, ASC_MQTT_RECEIVED, 1, 7, 0},
        {{0x30, 11, 0, 1, 't', 1, 2, 3, 4, 5, 6, 7, 8}, 13, ASC_MQTT_RECEIVED_CUT, 1, 0, 0},
        {{0x32, 11, 0, 1, 't', 0, 9, 3, 4, 5, 6, 7, 8}, 13, ASC_MQTT_RECEIVED_CUT, 1, 0, 9},
        {{0x30, 10, 0, 8, 't', 1, 2, 3, 4, 5, 6, 7}, 12, ASC_MQTT_RECEIVED, 8, 0, 0},
        {{0x30, 11, 0, 9, 't', 1, 2, 3, 4, 5, 6, 7, 8}, 13, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x30, 3, 0, 2, 't'}, 5, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x30, 3, 0, 0, 't'}, 5, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x30, 2, 0, 0}, 2, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x30, 0}, 2, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x32, 4, 0, 1, 't', 1}, 2, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x32, 5, 0, 1, 't', 0, 0}, 7, ASC_MQTT_VIOLATION, 0, 0, 0}, /* id 0 */
        {{0x38, 5, 0, 1, 't', 'p', 'q'}, 1, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x34, 5, 0, 1, 't', 'p', 'q'}, 1, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x36, 5, 0, 1, 't', 'p', 'q'}, 1, ASC_MQTT_VIOLATION, 0, 0, 0},
        {{0x30, 0x80, 0x80, 0x80, 0x80, 1}, 5, ASC_MQTT_VIOLATION, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint32_t piece = 1; piece < 14; piece++) {
            uint8_t buffer[10 + GUARD_BYTES], out[8];
            struct asc_mqtt m = subscribing(buffer, 10);

            memset(buffer, GUARD, sizeof buffer);
            assert_int_equal(feed(&m, cases[i].bytes, cases[i].length, piece), cases[i].event);
            for (uint32_t b = 10; b < sizeof buffer; b++) {
                assert_int_equal(buffer[b], GUARD);
            }
            if (cases[i].event == ASC_MQTT_VIOLATION) {
                assert_int_equal(m.state, ASC_MQTT_CLOSED);
                continue;
            }
            assert_int_equal(m.message.topic_length, cases[i].topic);
            assert_int_equal(m.message.payload_length, cases[i].payload);
            assert_int_equal(m.message.topic[0], 't');
            assert_memory_equal(m.message.payload,
                cases[i].bytes + cases[i].length - cases[i].payload, cases[i].payload);
            assert_int_equal(asc_mqtt_acknowledge(&m, out, sizeof out), cases[i].id != 0 ? 4 : 0);
            if (cases[i].id != 0) {
                const uint8_t puback[] = {
                    0x40, 2, (uint8_t)(cases[i].id >> 8), (uint8_t)cases[i].id};

                assert_memory_equal(out, puback, 4);
                assert_int_equal(asc_mqtt_acknowledge(&m, out, sizeof out), 0); /* once */
            }
        }
    }
}

/* A PUBLISH is a violation before anything was subscribed to on this connection, or without a buffer. */
static void test_asc_mqtt__unwanted_messages(void **state)
{
    static const uint8_t publish[] = {0x30, 3, 0, 1, 't'};
    uint8_t buffer[10], out[64];
    struct asc_mqtt m = opened();

    (void)state;
    asc_mqtt_buffer(&m, buffer, sizeof buffer);
    assert_int_equal(feed(&m, publish, sizeof publish, 9), ASC_MQTT_VIOLATION);
    m = subscribing(NULL, 0);
    assert_int_equal(feed(&m, publish, sizeof publish, 9), ASC_MQTT_VIOLATION);
    m = subscribing(buffer, 1);
    assert_int_equal(feed(&m, publish, sizeof publish, 9), ASC_MQTT_VIOLATION);
    m = subscribing(buffer, sizeof buffer);
    assert_int_equal(feed(&m, publish, sizeof publish, 9), ASC_MQTT_RECEIVED); /* before SUBACK */
    assert_true(asc_mqtt_connect(&m, &plain, out, sizeof out) > 0);
    assert_int_equal(feed(&m, publish, sizeof publish, 9), ASC_MQTT_VIOLATION);
    m = subscribing(buffer, sizeof buffer);
    assert_int_equal(feed(&m, publish, 3, 9), ASC_MQTT_MORE); /* cut by the end of a connection */
    assert_true(asc_mqtt_connect(&m, &plain, out, sizeof out) > 0);
    assert_int_equal(feed(&m, connack_ok, sizeof connack_ok, 9), ASC_MQTT_ACCEPTED);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asc_mqtt__connect_bytes),
        cmocka_unit_test(test_asc_mqtt__output_too_small),
        cmocka_unit_test(test_asc_mqtt__publish_lengths),
        cmocka_unit_test(test_asc_mqtt__strings_too_long),
        cmocka_unit_test(test_asc_mqtt__input),
        cmocka_unit_test(test_asc_mqtt__closed_takes_nothing),
        cmocka_unit_test(test_asc_mqtt__state_equals_a_model),
        cmocka_unit_test(test_asc_mqtt__refusal_texts),
#if ASC_MQTT_INCOMING
        cmocka_unit_test(test_asc_mqtt__subscribe_bytes),
        cmocka_unit_test(test_asc_mqtt__publish_once_bytes),
        cmocka_unit_test(test_asc_mqtt__ids_are_shared),
        cmocka_unit_test(test_asc_mqtt__suback),
        cmocka_unit_test(test_asc_mqtt__received),
        cmocka_unit_test(test_asc_mqtt__unwanted_messages),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
