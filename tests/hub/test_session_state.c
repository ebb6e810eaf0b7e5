/* SPDX-License-Identifier: MIT */
/* Sessions that ask what the hub remembers: what they ask, what waits for the reply, and what they say after it. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/topic.h"
#include "tests/hub/fake_host.h"

#define GET    "$iothub/twin/GET/?$rid=7f"
#define PATCH  "$iothub/twin/PATCH/properties/reported/?$rid=7f"
#define ANSWER "$iothub/twin/res/"

static size_t input(struct fake_host *fake, struct vd_buf *bytes)
{
    const size_t used = fake_host_input(fake, bytes);

    vd_buf_release(bytes);
    return used;
}

/* Feeds dev1's CONNECT, and a PINGREQ behind it. */
static size_t connect_and_ping(struct fake_host *fake, bool is_clean)
{
    const struct vd_key key = memory_key('a');
    struct vd_buf bytes = {0};
    size_t at = 1;

    packet_connect_device(&bytes, "dev1", NULL, &key, FAKE_LATER_S, 60);
    while ((bytes.data[at] & 0x80) != 0) {
        at++;
    }
    bytes.data[at + 8] |= is_clean ? 2 : 0; /* behind the remaining length, "MQTT" and the level */
    vd_buf_append(&bytes, "\xc0\x00", 2);
    return input(fake, &bytes);
}

static void ping(struct fake_host *fake)
{
    assert_int_equal(vd_session_input(&fake->session, (const uint8_t *)"\xc0\x00", 2), 2);
}

/* Fails unless exactly this was sent, and forgets it. */
static void expect_sent(struct fake_host *fake, const char *bytes, size_t length)
{
    assert_int_equal(fake->sent.length, length);
    if (length > 0) {
        assert_memory_equal(fake->sent.data, bytes, length);
    }
    vd_buf_clear(&fake->sent);
}

static void expect_answer(struct fake_host *fake, const char *topic, const char *payload)
{
    struct vd_mqtt_packet packet;
    struct vd_mqtt_publish publish;

    assert_int_equal(
        vd_mqtt_frame(fake->sent.data, fake->sent.length, 512, &packet), VD_FRAME_WHOLE);
    assert_int_equal(packet.total, fake->sent.length);
    assert_int_equal(vd_mqtt_read_publish(packet.flags, packet.body, &publish), VD_OK);
    assert_int_equal(publish.qos, 0);
    assert_true(vd_str_equal_text(publish.topic, topic));
    assert_true(vd_str_equal_text(publish.payload, payload));
    vd_buf_clear(&fake->sent);
}

/* A connected session with these subscriptions, whose questions are replied to later. */
static void begin(struct fake_host *fake, uint8_t filters)
{
    fake_host_init(fake);
    fake->reply.filters = filters;
    fake_host_connect(fake);
    fake->replies_later = true;
    fake->asks = 0;
}

static void test_open__kept(void **state)
{
    static const struct {
        uint8_t filters;
        unsigned methods;
        unsigned c2d;
    } cases[] = {
        {0, 0, 0},
        {VD_FILTER_METHODS, 1, 0},
        {VD_FILTER_DEVICEBOUND | VD_FILTER_DEVICEBOUND_QOS_1 | VD_FILTER_TWIN_DESIRED, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_host fake;
        const char connack[] = {0x20, 2, cases[i].filters != 0 ? 1 : 0, 0};
        size_t used;

        fake_host_init(&fake);
        fake.replies_later = true;
        fake.reply.filters = cases[i].filters;
        used = connect_and_ping(&fake, false);
        assert_true(fake.session.is_waiting);
        assert_int_equal(fake.asked.kind, VD_ASK_OPEN);
        assert_false(fake.asked.is_clean);
        assert_int_equal(fake.claims, 1);
        expect_sent(&fake, "", 0); /* and the PINGREQ waits */
        assert_int_equal(vd_session_input(&fake.session, (const uint8_t *)"\xc0\x00", 2), 0);
        assert_true(used > 100);
        fake_host_reply(&fake);
        expect_sent(&fake, connack, sizeof connack);
        assert_int_equal(fake.session.state, VD_SESSION_CONNECTED);
        assert_int_equal(fake.session.filters, cases[i].filters);
        assert_int_equal(fake.methods_wanted, cases[i].methods);
        assert_int_equal(fake.c2d_wanted, cases[i].c2d);
        ping(&fake);
        expect_sent(&fake, "\xd0\x00", 2);
        fake_host_release(&fake);
    }
}

static void test_open__clean(void **state)
{
    struct fake_host fake;
    struct vd_buf packet = {0};

    (void)state;
    fake_host_init(&fake);
    fake.reply.filters = VD_FILTER_METHODS;
    connect_and_ping(&fake, true);
    assert_true(fake.asked.is_clean);
    expect_sent(&fake, "\x20\x02\x00\x00\xd0\x00", 6);
    assert_int_equal(fake.session.filters, 0);
    /* Nothing of it is kept. */
    packet_subscribe(&packet, 1, "$iothub/methods/POST/#", 0);
    input(&fake, &packet);
    assert_int_equal(fake.asks, 1);
    expect_sent(&fake, "\x90\x03\x00\x01\x00", 5);
    fake_host_release(&fake);
}

static void test_open__failed(void **state)
{
    struct fake_host fake;

    (void)state;
    fake_host_init(&fake);
    fake.reply.error = VD_E_IO;
    connect_and_ping(&fake, false);
    expect_sent(&fake, "\x20\x02\x00\x03", 4);
    assert_int_equal(fake.refusal, VD_REFUSED_STATE);
    assert_int_equal(fake.session.state, VD_SESSION_CLOSING);
    fake_host_release(&fake);
}

/* What ends while it waits says nothing more. */
static void test_open__ended(void **state)
{
    struct fake_host fake;

    (void)state;
    fake_host_init(&fake);
    fake.replies_later = true;
    connect_and_ping(&fake, false);
    vd_session_apply(&fake.session, VD_SESSION_TAKEN_OVER);
    fake_host_reply(&fake);
    expect_sent(&fake, "", 0);
    assert_int_equal(fake.session.state, VD_SESSION_CLOSING);
    assert_int_equal(fake.last_event, VD_SESSION_TAKEN_OVER);
    fake_host_release(&fake);
}

static void test_keep__subscribe(void **state)
{
    struct fake_host fake;
    struct vd_buf packet = {0};

    (void)state;
    begin(&fake, 0);
    packet_subscribe(&packet, 1, "devices/dev1/messages/devicebound/#", 2);
    input(&fake, &packet);
    assert_true(fake.session.is_waiting);
    assert_int_equal(fake.asked.kind, VD_ASK_KEEP);
    assert_int_equal(fake.asked.filters, VD_FILTER_DEVICEBOUND | VD_FILTER_DEVICEBOUND_QOS_1);
    assert_int_equal(fake.session.filters, 0);
    expect_sent(&fake, "", 0);
    fake_host_reply(&fake);
    expect_sent(&fake, "\x90\x03\x00\x01\x01", 5);
    assert_int_equal(fake.c2d_wanted, 1);
    /* The same again is kept already; at QoS 0 it is not. */
    packet_subscribe(&packet, 2, "devices/dev1/messages/devicebound/#", 1);
    input(&fake, &packet);
    assert_int_equal(fake.asks, 1);
    expect_sent(&fake, "\x90\x03\x00\x02\x01", 5);
    packet_subscribe(&packet, 3, "devices/dev1/messages/devicebound/#", 0);
    input(&fake, &packet);
    assert_int_equal(fake.asks, 2);
    assert_int_equal(fake.asked.filters, VD_FILTER_DEVICEBOUND);
    fake_host_reply(&fake);
    expect_sent(&fake, "\x90\x03\x00\x03\x00", 5);
    fake_host_release(&fake);
}

static void test_keep__failed(void **state)
{
    struct fake_host fake;
    struct vd_buf packet = {0};

    (void)state;
    begin(&fake, VD_FILTER_METHODS);
    fake.reply.error = VD_E_FULL;
    packet_subscribe(&packet, 1, "$iothub/twin/res/#", 0);
    input(&fake, &packet);
    fake_host_reply(&fake);
    expect_sent(&fake, "\x90\x03\x00\x01\x80", 5);
    assert_int_equal(fake.session.filters, VD_FILTER_METHODS);
    assert_int_equal(fake.session.state, VD_SESSION_CONNECTED);
    packet_raw(&packet, 0xa2, "\x00\x06\x00\x16$iothub/methods/POST/#", 26);
    input(&fake, &packet);
    assert_int_equal(fake.asked.filters, 0);
    fake_host_reply(&fake);
    expect_sent(&fake, "", 0);
    assert_int_equal(fake.last_event, VD_SESSION_STATE_FAILED);
    fake_host_release(&fake);
}

static void test_twin__answers(void **state)
{
    static const struct {
        enum vd_ask_kind kind;
        const char *topic;
        int status;
        int64_t version;
        const char *payload;
        const char *expected;
    } cases[] = {
        {VD_ASK_TWIN_GET, GET, 200, 0, "{}", ANSWER "200/?$rid=7f"},
        {VD_ASK_TWIN_PATCH, PATCH, 204, 5, "", ANSWER "204/?$rid=7f&$version=5"},
        {VD_ASK_TWIN_PATCH, PATCH, 400, 0, "{\"errorCode\":400001}", ANSWER "400/?$rid=7f"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_host fake;
        struct vd_buf packet = {0};

        begin(&fake, VD_FILTER_TWIN_ANSWERS);
        packet_publish(&packet, 0, cases[i].topic, 0, "body", 4);
        input(&fake, &packet);
        assert_int_equal(fake.asked.kind, cases[i].kind);
        assert_true(vd_str_equal_text(fake.asked.rid, "7f"));
        assert_true(vd_str_equal_text(fake.asked.payload, "body"));
        expect_sent(&fake, "", 0);
        fake.reply.status = cases[i].status;
        fake.reply.version = cases[i].version;
        fake.reply.payload = vd_str_from(cases[i].payload);
        fake_host_reply(&fake);
        expect_answer(&fake, cases[i].expected, cases[i].payload);
        assert_int_equal(fake.packet_ids.length, 0);
        assert_int_equal(fake.records.count, 0);
        fake_host_release(&fake);
    }
}

/* Who did not subscribe to answers gets none. */
static void test_twin__no_answer(void **state)
{
    struct fake_host fake;
    struct vd_buf packet = {0};

    (void)state;
    begin(&fake, 0);
    packet_publish(&packet, 2, GET, 9, " ", 1);
    input(&fake, &packet);
    fake.reply.status = 200;
    fake_host_reply(&fake);
    expect_sent(&fake, "", 0);
    assert_int_equal(fake.packet_ids.length, 2);
    fake_host_release(&fake);
}

/* The PUBACK comes behind the reply and, where it finds no room, before anything else is done; the question is not asked again. */
static void test_twin__puback_waits(void **state)
{
    struct fake_host fake;
    struct vd_buf packet = {0};
    uint16_t id;

    (void)state;
    begin(&fake, 0);
    packet_publish(&packet, 2, PATCH, 9, "{}", 2);
    assert_true(input(&fake, &packet) > 0);
    assert_int_equal(fake.packet_ids.length, 0);
    fake.room = 0;
    fake_host_reply(&fake);
    assert_false(fake.session.is_waiting);
    assert_true(fake.session.is_stalled);
    assert_int_equal(vd_session_input(&fake.session, (const uint8_t *)"\xc0\x00", 2), 0);
    assert_int_equal(vd_session_input(&fake.session, NULL, 0), 0);
    assert_int_equal(fake.packet_ids.length, 0);
    fake.room = 1;
    ping(&fake);
    assert_int_equal(fake.packet_ids.length, 2);
    memcpy(&id, fake.packet_ids.data, sizeof id);
    assert_int_equal(id, 9);
    assert_int_equal(fake.asks, 1);
    expect_sent(&fake, "\xd0\x00", 2);

    /* The same with a reply from within. */
    fake.replies_later = false;
    fake.room = 0;
    packet_publish(&packet, 2, PATCH, 10, "{}", 2);
    assert_true(input(&fake, &packet) > 0);
    assert_true(fake.session.is_stalled);
    fake.room = 1;
    ping(&fake);
    assert_int_equal(fake.packet_ids.length, 4);
    assert_int_equal(fake.asks, 2);
    fake_host_release(&fake);
}

static void test_twin__malformed(void **state)
{
    static char body[VD_MESSAGE_BODY_MAX_BYTES + 1];
    static const char *const topics[] = {
        "$iothub/twin/GET/", "$iothub/twin/GET/?$rid=", "$iothub/twin/PATCH/properties/reported/"};
    struct fake_host fake;
    struct vd_buf packet = {0};

    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        begin(&fake, VD_FILTER_TWIN_ANSWERS);
        packet_publish(&packet, 0, topics[i], 0, "{}", 2);
        input(&fake, &packet);
        assert_int_equal(fake.last_event, VD_SESSION_TOPIC_UNKNOWN);
        assert_int_equal(fake.asks, 0);
        fake_host_release(&fake);
    }
    begin(&fake, VD_FILTER_TWIN_ANSWERS);
    packet_publish(&packet, 0, PATCH, 0, body, sizeof body);
    input(&fake, &packet);
    assert_int_equal(fake.last_event, VD_SESSION_TOO_LARGE);
    fake_host_release(&fake);
}

static void test_puback(void **state)
{
    struct fake_host fake;

    (void)state;
    begin(&fake, 0);
    assert_int_equal(vd_session_input(&fake.session, (const uint8_t *)"\x40\x02\x12\x34", 4), 4);
    assert_int_equal(fake.acknowledged, 1);
    assert_int_equal(fake.acknowledged_id, 0x1234);
    expect_sent(&fake, "", 0);
    fake_host_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open__kept),
        cmocka_unit_test(test_open__clean),
        cmocka_unit_test(test_open__failed),
        cmocka_unit_test(test_open__ended),
        cmocka_unit_test(test_keep__subscribe),
        cmocka_unit_test(test_keep__failed),
        cmocka_unit_test(test_twin__answers),
        cmocka_unit_test(test_twin__no_answer),
        cmocka_unit_test(test_twin__puback_waits),
        cmocka_unit_test(test_twin__malformed),
        cmocka_unit_test(test_puback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
