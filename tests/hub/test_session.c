/* SPDX-License-Identifier: MIT */
/* Sessions without sockets: the state matrix, what each packet does, and every cut of a stream. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/limits.h"
#include "hub/topic.h"
#include "tests/hub/fake_host.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const enum vd_session_state all_states[] = {
#define STATE(name, text) name,
    VD_SESSION_STATES(STATE)
#undef STATE
};

static const enum vd_session_event all_events[] = {
#define EVENT(name, text, ends) name,
    VD_SESSION_EVENTS(EVENT)
#undef EVENT
};

/* What the table must say, told in another way: by who may end what. */
static enum vd_session_state expected_state(
    enum vd_session_state state, enum vd_session_event event)
{
    bool at_once = event == VD_SESSION_CONNECT_DEADLINE || event == VD_SESSION_PACKET_DEADLINE ||
        event == VD_SESSION_SLOW_READER || event == VD_SESSION_TLS_FAILED ||
        event == VD_SESSION_PEER_CLOSED;

    if (state == VD_SESSION_CLOSED || at_once) {
        return VD_SESSION_CLOSED;
    }
    if (event == VD_SESSION_FLUSHED) {
        return state == VD_SESSION_CLOSING ? VD_SESSION_CLOSED : state;
    }
    if (event == VD_SESSION_SECURED) {
        return state == VD_SESSION_HANDSHAKING ? VD_SESSION_CONNECTING : state;
    }
    if (event == VD_SESSION_ACCEPTED) {
        return state == VD_SESSION_CONNECTING ? VD_SESSION_CONNECTED : state;
    }
    return state == VD_SESSION_HANDSHAKING ? VD_SESSION_CLOSED : VD_SESSION_CLOSING;
}

static void test_session__matrix(void **state)
{
    (void)state;
    assert_int_equal(COUNT(all_states), 5);
    for (size_t s = 0; s < COUNT(all_states); s++) {
        for (size_t e = 0; e < COUNT(all_events); e++) {
            if (vd_session_next(all_states[s], all_events[e]) !=
                expected_state(all_states[s], all_events[e])) {
                fail_msg("%s in %s", vd_session_event_text(all_events[e]),
                    vd_session_state_text(all_states[s]));
            }
        }
    }
}

static void test_session__first_packet(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        enum vd_session_event event;
        size_t answer;
    } cases[] = {
        {"\xc0\x00", 2, VD_SESSION_UNEXPECTED, 0},
        {"\xe0\x00", 2, VD_SESSION_UNEXPECTED, 0},
        {"\x30\x03\x00\x01t", 5, VD_SESSION_UNEXPECTED, 0},
        {"\x10\x02\x00\x00", 4, VD_SESSION_MALFORMED, 0},
        {"\x10\x07\x00\x04MQTT\x05", 9, VD_SESSION_MALFORMED, 4}, /* CONNACK 1 */
        {"\x10\x80\x40", 3, VD_SESSION_TOO_LARGE, 0},
        {"GET / HTTP/1.1\r\n", 16, VD_SESSION_MALFORMED, 0},
        {"\x16\x03\x01", 3, VD_SESSION_MALFORMED, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fake_host fake;

        fake_host_init(&fake);
        vd_session_input(&fake.session, (const uint8_t *)cases[i].bytes, cases[i].length);
        assert_int_equal(fake.session.state, VD_SESSION_CLOSING);
        assert_int_equal(fake.last_event, cases[i].event);
        assert_int_equal(fake.sent.length, cases[i].answer);
        if (cases[i].answer > 0) {
            assert_memory_equal(fake.sent.data, "\x20\x02\x00\x01", 4);
        }
        fake_host_release(&fake);
    }
}

/* A publish, and how it ends the session (VD_SESSION_ACCEPTED: not at all). */
static const struct {
    uint8_t flags;
    const char *topic;
    enum vd_session_event event;
    enum vd_event_kind kind;
    const char *bag;
} publishes[] = {
    {0, "devices/dev1/messages/events/", VD_SESSION_ACCEPTED, VD_EVENT_TELEMETRY, ""},
    {2, "devices/dev1/messages/events/a=b", VD_SESSION_ACCEPTED, VD_EVENT_TELEMETRY, "a=b"},
    {2, "devices/dev1/messages/events/" VD_PROPERTY_BAG_SECURITY, VD_SESSION_ACCEPTED,
        VD_EVENT_SECURITY, VD_PROPERTY_BAG_SECURITY},
    {2, "devices/dev1/messages/events/$.ifid=urn:azureiot:Security:SecurityAgent:1&x=y",
        VD_SESSION_ACCEPTED, VD_EVENT_SECURITY, "$.ifid=urn:azureiot:Security:SecurityAgent:1&x=y"},
    {2, "devices/dev1/messages/events/%24.ifid=urn%3Aother", VD_SESSION_ACCEPTED,
        VD_EVENT_TELEMETRY, "%24.ifid=urn%3Aother"},
    {3, "devices/dev1/messages/events/a=b", VD_SESSION_ACCEPTED, VD_EVENT_TELEMETRY,
        "a=b&mqtt-retain=true"},
    {1, "devices/dev1/messages/events/", VD_SESSION_ACCEPTED, VD_EVENT_TELEMETRY,
        "mqtt-retain=true"},
    {1, "devices/dev1/messages/events/a=b/", VD_SESSION_ACCEPTED, VD_EVENT_TELEMETRY,
        "a=b&mqtt-retain=true"},
    {10, "devices/dev1/messages/events/", VD_SESSION_ACCEPTED, VD_EVENT_TELEMETRY, ""},
    {4, "devices/dev1/messages/events/", VD_SESSION_QOS_2, 0, NULL},
    {6, "devices/dev1/messages/events/", VD_SESSION_MALFORMED, 0, NULL},
    {0, "devices/dev2/messages/events/", VD_SESSION_TOPIC_FOREIGN, 0, NULL},
    {0, "devices/dev1/modules/mod/messages/events/", VD_SESSION_TOPIC_FOREIGN, 0, NULL},
    {0, "devices/dev1/messages/devicebound/", VD_SESSION_TOPIC_UNKNOWN, 0, NULL},
    {0, "home/light", VD_SESSION_TOPIC_UNKNOWN, 0, NULL},
    {0, "devices/+/messages/events/", VD_SESSION_MALFORMED, 0, NULL},
    {0, "$iothub/twin/GET/", VD_SESSION_TOPIC_UNKNOWN, 0, NULL},
    {0, "$iothub/twin/res/200/?$rid=1", VD_SESSION_TOPIC_UNKNOWN, 0, NULL},
    {0, "devices/dev1/messages/events/a", VD_SESSION_BAG_MALFORMED, 0, NULL},
    {0, "devices/dev1/messages/events/a=%zz", VD_SESSION_BAG_MALFORMED, 0, NULL},
};

/* Answers to methods: what goes to the host, and what ends the session. */
static void test_session__method_answers(void **state)
{
    static const struct {
        uint8_t flags;
        const char *topic;
        enum vd_session_event event;
        uint64_t rid;
        int status;
    } cases[] = {
        {0, "$iothub/methods/res/200/?$rid=1a", VD_SESSION_ACCEPTED, 0x1a, 200},
        {2, "$iothub/methods/res/501/?$rid=1a", VD_SESSION_ACCEPTED, 0x1a, 501},
        {11, "$iothub/methods/res/-1/?$rid=zz", VD_SESSION_ACCEPTED, 0, -1},
        {4, "$iothub/methods/res/200/?$rid=1a", VD_SESSION_QOS_2, 0, 0},
        {0, "$iothub/methods/res/200/", VD_SESSION_TOPIC_UNKNOWN, 0, 0},
        {2, "$iothub/methods/res/x/?$rid=1", VD_SESSION_TOPIC_UNKNOWN, 0, 0},
        {0, "$iothub/methods/POST/a/?$rid=1", VD_SESSION_TOPIC_UNKNOWN, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fake_host fake;
        struct vd_buf packet = {0};
        unsigned answers = cases[i].event == VD_SESSION_ACCEPTED ? 1 : 0;

        fake_host_init(&fake);
        fake_host_connect(&fake);
        packet_publish(&packet, cases[i].flags, cases[i].topic, 513, "body", 4);
        fake_host_input(&fake, &packet);
        if (fake.last_event != cases[i].event || fake.method_answers != answers ||
            fake.rid != cases[i].rid || fake.method_status != cases[i].status) {
            fail_msg("case %zu: %s", i, vd_session_event_text(fake.last_event));
        }
        assert_int_equal(fake.records.count, 0);
        assert_int_equal(fake.packet_ids.length, answers == 1 && (cases[i].flags & 2) != 0 ? 2 : 0);
        assert_int_equal(fake.method_payload.length, answers == 1 ? 4 : 0);
        vd_buf_release(&packet);
        fake_host_release(&fake);
    }
}

/* One that finds no room for its acknowledgement is not handed on until it does, and then once. */
static void test_session__method_answer_stalls(void **state)
{
    static char body[VD_METHOD_PAYLOAD_MAX_BYTES + 1];
    struct fake_host fake;
    struct vd_buf packet = {0};

    (void)state;
    fake_host_init(&fake);
    fake_host_connect(&fake);
    packet_publish(&packet, 2, "$iothub/methods/res/200/?$rid=1", 1, body, sizeof body - 1);
    fake.room = 0;
    assert_int_equal(fake_host_input(&fake, &packet), 0);
    assert_true(fake.session.is_stalled);
    assert_int_equal(fake.method_answers, 0);
    fake.room = 1;
    assert_int_equal(fake_host_input(&fake, &packet), packet.length);
    assert_int_equal(fake.method_answers, 1);
    assert_int_equal(fake.method_payload.length, sizeof body - 1);
    vd_buf_clear(&packet);
    packet_publish(&packet, 2, "$iothub/methods/res/200/?$rid=1", 1, body, sizeof body);
    fake_host_input(&fake, &packet);
    assert_int_equal(fake.last_event, VD_SESSION_TOO_LARGE);
    assert_int_equal(fake.method_answers, 1);
    vd_buf_release(&packet);
    fake_host_release(&fake);
}

static void check_record(const struct fake_host *fake, enum vd_event_kind kind, const char *bag)
{
    struct vd_reader reader;
    struct vd_event event;

    vd_reader_init(&reader, fake->records.bytes.data, fake->records.bytes.length);
    assert_int_equal(vd_event_next(&reader, &event), VD_OK);
    assert_int_equal(event.kind, kind);
    assert_int_equal(event.enqueued_ms, FAKE_NOW_MS);
    assert_true(vd_str_equal_text(event.device_id, "dev1"));
    assert_int_equal(event.module_id.length, 0);
    assert_true(vd_str_equal_text(event.address, "192.0.2.7"));
    assert_true(vd_str_equal_text(event.properties, bag));
    assert_true(vd_str_equal_text(event.body, "body"));
    assert_int_equal(vd_event_next(&reader, &event), VD_E_NOT_FOUND);
}

static void test_session__publishes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(publishes); i++) {
        struct fake_host fake;
        struct vd_buf packet = {0};
        uint16_t id;

        fake_host_init(&fake);
        fake_host_connect(&fake);
        packet_publish(&packet, publishes[i].flags, publishes[i].topic, 513, "body", 4);
        assert_int_equal(fake_host_input(&fake, &packet), packet.length);
        if (fake.last_event != publishes[i].event) {
            fail_msg("publish %zu: %s", i, vd_session_event_text(fake.last_event));
        }
        assert_int_equal(fake.sent.length, 0);
        if (publishes[i].event == VD_SESSION_ACCEPTED) {
            check_record(&fake, publishes[i].kind, publishes[i].bag);
            memcpy(&id, fake.packet_ids.data, sizeof id);
            assert_int_equal(id, (publishes[i].flags & 2) != 0 ? 513 : 0);
        } else {
            assert_int_equal(fake.session.state, VD_SESSION_CLOSING);
            assert_int_equal(fake.records.count, 0);
        }
        vd_buf_release(&packet);
        fake_host_release(&fake);
    }
}

static void test_session__sizes(void **state)
{
    static char body[VD_MESSAGE_BODY_MAX_BYTES + 1];
    static char topic[VD_HUB_TOPIC_MAX_BYTES];
    struct fake_host fake;
    struct vd_buf packet = {0};
    size_t at;

    (void)state;
    fake_host_init(&fake);
    fake_host_connect(&fake);
    packet_publish(&packet, 0, "devices/dev1/messages/events/", 0, body, sizeof body - 1);
    assert_int_equal(fake_host_input(&fake, &packet), packet.length);
    assert_int_equal(fake.records.count, 1);

    /* The longest bag goes with the largest body; with RETAIN the same bag is too long. */
    at = (size_t)snprintf(topic, sizeof topic, "devices/dev1/messages/events/a=");
    memset(topic + at, 'x', VD_MESSAGE_PROPERTIES_MAX - 2);
    vd_buf_clear(&packet);
    packet_publish(&packet, 0, topic, 0, body, sizeof body - 1);
    assert_int_equal(fake_host_input(&fake, &packet), packet.length);
    assert_int_equal(fake.records.count, 2);
    vd_buf_clear(&packet);
    packet_publish(&packet, 1, topic, 0, body, 1);
    fake_host_input(&fake, &packet);
    assert_int_equal(fake.last_event, VD_SESSION_BAG_MALFORMED);
    fake_host_release(&fake);

    fake_host_init(&fake);
    fake_host_connect(&fake);
    vd_buf_clear(&packet);
    packet_publish(&packet, 0, "devices/dev1/messages/events/", 0, body, sizeof body);
    fake_host_input(&fake, &packet);
    assert_int_equal(fake.last_event, VD_SESSION_TOO_LARGE);
    assert_int_equal(fake.records.count, 0);
    fake_host_release(&fake);

    /* A length that lies is refused as soon as it is read: nothing is waited for. */
    fake_host_init(&fake);
    fake_host_connect(&fake);
    vd_session_input(&fake.session, (const uint8_t *)"\x30\xff\xff\x7f", 4);
    assert_int_equal(fake.last_event, VD_SESSION_TOO_LARGE);
    fake_host_release(&fake);
    vd_buf_release(&packet);
}

static void test_session__stalls(void **state)
{
    struct fake_host fake;
    struct vd_buf packet = {0};
    size_t one;

    (void)state;
    fake_host_init(&fake);
    fake_host_connect(&fake);
    packet_publish(&packet, 2, "devices/dev1/messages/events/", 1, "body", 4);
    one = packet.length;
    packet_publish(&packet, 2, "devices/dev1/messages/events/", 2, "body", 4);
    vd_buf_append(&packet, "\xc0\x00", 2);
    fake.room = 1;
    assert_int_equal(fake_host_input(&fake, &packet), one);
    assert_true(fake.session.is_stalled);
    assert_int_equal(
        fake_host_input(
            &fake, &(struct vd_buf){.data = packet.data + one, .length = packet.length - one}),
        0);
    fake.room = 1;
    assert_int_equal(
        fake_host_input(
            &fake, &(struct vd_buf){.data = packet.data + one, .length = packet.length - one}),
        packet.length - one);
    assert_false(fake.session.is_stalled);
    assert_int_equal(fake.records.count, 2);
    assert_int_equal(fake.sent.length, 2);
    fake.no_memory = true;
    fake.room = 1;
    assert_int_equal(fake_host_input(&fake, &packet), one);
    assert_int_equal(fake.last_event, VD_SESSION_NO_MEMORY);
    vd_buf_release(&packet);
    fake_host_release(&fake);
}

static void test_session__subscribe(void **state)
{
    static const struct {
        const char *filter;
        uint8_t qos;
        int code; /* of SUBACK; -1: ends the session */
    } cases[] = {
        {"devices/dev1/messages/devicebound/#", 0, 0},
        {"devices/dev1/messages/devicebound/#", 1, 1},
        {"devices/dev1/messages/devicebound/#", 2, 1},
        {"$iothub/methods/POST/#", 0, 0},
        {"$iothub/twin/res/#", 0, 0},
        {"$iothub/twin/PATCH/properties/desired/#", 1, 1},
        {"devices/dev2/messages/devicebound/#", 1, -1},
        {"#", 0, -1},
        {"$iothub/#", 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fake_host fake;
        struct vd_buf packet = {0};

        fake_host_init(&fake);
        fake_host_connect(&fake);
        packet_subscribe(&packet, 0x0a0b, cases[i].filter, cases[i].qos);
        fake_host_input(&fake, &packet);
        if (cases[i].code < 0) {
            assert_int_equal(fake.last_event, VD_SESSION_FILTER_UNKNOWN);
            assert_int_equal(fake.sent.length, 0);
        } else {
            uint8_t suback[] = {0x90, 3, 0x0a, 0x0b, (uint8_t)cases[i].code};

            assert_int_equal(fake.sent.length, sizeof suback);
            assert_memory_equal(fake.sent.data, suback, sizeof suback);
        }
        vd_buf_release(&packet);
        fake_host_release(&fake);
    }
}

static void test_session__unsubscribe(void **state)
{
    static const char many[] = "\x00\x05\x00\x01"
                               "a\x00\x03"
                               "b/#\x00\x01+";
    struct fake_host fake;
    struct vd_buf packet = {0};

    (void)state;
    fake_host_init(&fake);
    fake_host_connect(&fake);
    packet_subscribe(&packet, 1, "$iothub/methods/POST/#", 0);
    fake_host_input(&fake, &packet);
    assert_int_equal(fake.session.filters, VD_FILTER_METHODS);
    assert_int_equal(fake.methods_wanted, 1);
    assert_int_equal(fake.sent_when_wanted, fake.sent.length); /* SUBACK comes before any call */
    vd_buf_clear(&fake.sent);
    vd_buf_clear(&packet);
    packet_raw(&packet, 0xa2, many, sizeof many - 1);
    fake_host_input(&fake, &packet);
    assert_int_equal(fake.sent.length, 4);
    assert_memory_equal(fake.sent.data, "\xb0\x02\x00\x05", 4);
    assert_int_equal(fake.session.filters, VD_FILTER_METHODS);
    vd_buf_clear(&packet);
    packet_raw(&packet, 0xa2, "\x00\x06\x00\x16$iothub/methods/POST/#", 26);
    fake_host_input(&fake, &packet);
    assert_int_equal(fake.session.filters, 0);
    vd_buf_release(&packet);
    fake_host_release(&fake);
}

/* Packets that a connected client may not send, or not so. */
static void test_session__unexpected(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        enum vd_session_event event;
    } cases[] = {
        {"\x10\x02\x00\x00", 4, VD_SESSION_UNEXPECTED}, /* a second CONNECT [MQTT-3.1.0-2] */
        {"\x20\x02\x00\x00", 4, VD_SESSION_UNEXPECTED},
        {"\x50\x02\x00\x01", 4, VD_SESSION_UNEXPECTED},
        {"\x62\x02\x00\x01", 4, VD_SESSION_UNEXPECTED},
        {"\x70\x02\x00\x01", 4, VD_SESSION_UNEXPECTED},
        {"\x90\x03\x00\x01\x00", 5, VD_SESSION_UNEXPECTED},
        {"\xb0\x02\x00\x01", 4, VD_SESSION_UNEXPECTED}, {"\xd0\x00", 2, VD_SESSION_UNEXPECTED},
        {"\x40\x02\x00\x00", 4, VD_SESSION_MALFORMED}, {"\x40\x01\x00", 3, VD_SESSION_MALFORMED},
        {"\xc0\x01\x00", 3, VD_SESSION_MALFORMED}, {"\xe0\x01\x00", 3, VD_SESSION_MALFORMED},
        {"\x82\x02\x00\x01", 4, VD_SESSION_MALFORMED},
        {"\xa2\x02\x00\x01", 4, VD_SESSION_MALFORMED},
        {"\x80\x02\x00\x01", 4, VD_SESSION_MALFORMED}, {"\xf0\x00", 2, VD_SESSION_MALFORMED},
        {"\xe0\x00", 2, VD_SESSION_DISCONNECT},
        {"\xe0\x00\xc0\x00", 4, VD_SESSION_DISCONNECT}, /* nothing is answered after it */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fake_host fake;

        fake_host_init(&fake);
        fake_host_connect(&fake);
        vd_session_input(&fake.session, (const uint8_t *)cases[i].bytes, cases[i].length);
        if (fake.last_event != cases[i].event) {
            fail_msg("case %zu: %s", i, vd_session_event_text(fake.last_event));
        }
        assert_int_equal(fake.session.state, VD_SESSION_CLOSING);
        assert_int_equal(fake.sent.length, 0);
        fake_host_release(&fake);
    }
}

static void make_stream(struct vd_buf *out)
{
    static char body[300];
    struct vd_key key = memory_key('a');

    packet_connect_device(out, "dev1", NULL, &key, FAKE_LATER_S, 60);
    packet_publish(out, 2, "devices/dev1/messages/events/a=b", 1, "one", 3);
    packet_subscribe(out, 2, "$iothub/methods/POST/#", 0);
    packet_publish(out, 1, "devices/dev1/messages/events/", 0, body, sizeof body);
    vd_buf_append(out, "\xc0\x00\x40\x02\x00\x09\xc0\x00", 8);
    packet_publish(out, 2, "devices/dev1/messages/events/", 3, "", 0);
    vd_buf_append(out, "\xe0\x00", 2);
}

/* Feeds the stream cut at the given places as a connection does: what is not used is kept. */
static void feed_cut(struct fake_host *fake, const struct vd_buf *stream, size_t cut, size_t step)
{
    size_t start = 0;
    size_t end = cut;

    while (start < stream->length) {
        size_t used;

        /* An allocation of just these bytes shows a read past them. */
        uint8_t *part = malloc(end - start + 1);

        assert_non_null(part);
        memcpy(part, stream->data + start, end - start);
        used = vd_session_input(&fake->session, part, end - start);
        free(part);
        start += used;
        if (end == stream->length) {
            break;
        }
        end = end + step < stream->length ? end + step : stream->length;
    }
    assert_int_equal(start, stream->length);
}

static void test_session__every_cut(void **state)
{
    struct vd_buf stream = {0};
    struct fake_host whole;

    (void)state;
    make_stream(&stream);
    fake_host_init(&whole);
    feed_cut(&whole, &stream, stream.length, 0);
    assert_int_equal(whole.records.count, 3);
    assert_int_equal(whole.sent.length, 4 + 5 + 2 + 2);
    assert_int_equal(whole.last_event, VD_SESSION_DISCONNECT);
    for (size_t step = 1; step < 4; step += 2) {
        for (size_t cut = 0; cut < stream.length; cut += step) {
            struct fake_host fake;

            fake_host_init(&fake);
            feed_cut(&fake, &stream, cut, step == 1 ? stream.length : step);
            assert_int_equal(fake.sent.length, whole.sent.length);
            assert_memory_equal(fake.sent.data, whole.sent.data, whole.sent.length);
            assert_int_equal(fake.records.bytes.length, whole.records.bytes.length);
            assert_memory_equal(
                fake.records.bytes.data, whole.records.bytes.data, whole.records.bytes.length);
            fake_host_release(&fake);
        }
    }
    vd_buf_release(&stream);
    fake_host_release(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session__matrix),
        cmocka_unit_test(test_session__first_packet),
        cmocka_unit_test(test_session__publishes),
        cmocka_unit_test(test_session__method_answers),
        cmocka_unit_test(test_session__method_answer_stalls),
        cmocka_unit_test(test_session__sizes),
        cmocka_unit_test(test_session__stalls),
        cmocka_unit_test(test_session__subscribe),
        cmocka_unit_test(test_session__unsubscribe),
        cmocka_unit_test(test_session__unexpected),
        cmocka_unit_test(test_session__every_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
