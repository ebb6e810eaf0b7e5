/* SPDX-License-Identifier: MIT */
/* The MQTT codec: packets as raw bytes, good and bad, and every cut of a good one. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/limits.h"
#include "hub/mqtt.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

static void test_mqtt__frame(void **state)
{
    static const struct {
        const uint8_t *data;
        size_t length;
        enum vd_mqtt_frame expected;
        size_t total;
    } cases[] = {
        {BYTES(""), VD_FRAME_PARTIAL, 0},
        {BYTES("\xc0"), VD_FRAME_PARTIAL, 0},
        {BYTES("\xc0\x00"), VD_FRAME_WHOLE, 2},
        {BYTES("\xc0\x00rest"), VD_FRAME_WHOLE, 2},
        {BYTES("\x30\x02\x00"), VD_FRAME_PARTIAL, 4},
        {BYTES("\x30\x80"), VD_FRAME_PARTIAL, 0},
        {BYTES("\x30\x80\x80\x80"), VD_FRAME_PARTIAL, 0},
        /* [MQTT-2.2.3]: at most four bytes of length */
        {BYTES("\x30\x80\x80\x80\x80"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x30\x80\x80\x80\x80\x01"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x30\xff\xff\xff\xff"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x30\xff\xff\xff\x7f"), VD_FRAME_TOO_LARGE, 0},
        {BYTES("\x30\xe7\x07"), VD_FRAME_PARTIAL, 1002},
        {BYTES("\x30\xe8\x07"), VD_FRAME_TOO_LARGE, 0},
        /* A length of two bytes that one would have done: the standard forbids it to nobody. */
        {BYTES("\xc0\x80\x00"), VD_FRAME_WHOLE, 3},
        /* [MQTT-2.2.2-2]: flags that are reserved */
        {BYTES("\x00\x00"), VD_FRAME_MALFORMED, 0},
        {BYTES("\xf0\x00"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x11\x00"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x41\x02"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x60\x02"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x80\x02"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x83\x02"), VD_FRAME_MALFORMED, 0},
        {BYTES("\xa0\x02"), VD_FRAME_MALFORMED, 0},
        {BYTES("\xc1\x00"), VD_FRAME_MALFORMED, 0},
        {BYTES("\xe2\x00"), VD_FRAME_MALFORMED, 0},
        {BYTES("\x82\x00"), VD_FRAME_WHOLE, 2},
        {BYTES("\xa2\x00"), VD_FRAME_WHOLE, 2},
        {BYTES("\x62\x00"), VD_FRAME_WHOLE, 2},
        {BYTES("\x3f\x00"), VD_FRAME_WHOLE, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_mqtt_packet packet;

        if (vd_mqtt_frame(cases[i].data, cases[i].length, 1002, &packet) != cases[i].expected) {
            fail_msg("case %zu", i);
        }
        assert_int_equal(packet.total, cases[i].total);
    }
}

#define MQTT_NAME "\x00\x04MQTT"

static void test_mqtt__connect(void **state)
{
    static const struct {
        const uint8_t *data;
        size_t length;
        int expected;
    } cases[] = {
        {BYTES(MQTT_NAME "\x04\x02\x00\x3c\x00\x01"
                         "a"),
            VD_OK},
        {BYTES(MQTT_NAME "\x04\x00\x00\x00\x00\x00"), VD_OK},
        {BYTES(MQTT_NAME "\x04\xc2\x00\x3c\x00\x01"
                         "a\x00\x01u\x00\x01p"),
            VD_OK},
        {BYTES(MQTT_NAME "\x04\x82\x00\x3c\x00\x01"
                         "a\x00\x01u"),
            VD_OK},
        /* a will, at QoS 1, retained */
        {BYTES(MQTT_NAME "\x04\x2e\x00\x3c\x00\x01"
                         "a\x00\x01t\x00\x02\x00\xff"),
            VD_OK},
        /* name and level [MQTT-3.1.2-1], [MQTT-3.1.2-2] */
        {BYTES("\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01"
               "a"),
            VD_E_UNSUPPORTED},
        {BYTES("\x00\x04MQTT\x03"), VD_E_UNSUPPORTED},
        {BYTES("\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01"
               "a"),
            VD_E_UNSUPPORTED},
        {BYTES("\x00\x06MQIsdp\x04"), VD_E_INVALID},
        {BYTES("\x00\x04mqtt\x04\x02\x00\x3c\x00\x01"
               "a"),
            VD_E_INVALID},
        {BYTES("\x00\x05MQTT\x04\x02\x00\x3c\x00\x00"), VD_E_INVALID},
        /* reserved flag [MQTT-3.1.2-3] */
        {BYTES(MQTT_NAME "\x04\x03\x00\x3c\x00\x01"
                         "a"),
            VD_E_INVALID},
        /* will flags without a will [MQTT-3.1.2-11], [-13], [-15]; QoS 3 [-14] */
        {BYTES(MQTT_NAME "\x04\x0a\x00\x3c\x00\x01"
                         "a"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x22\x00\x3c\x00\x01"
                         "a"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x1e\x00\x3c\x00\x01"
                         "a\x00\x01t\x00\x00"),
            VD_E_INVALID},
        /* a will without its texts, with a wildcard, with an empty topic */
        {BYTES(MQTT_NAME "\x04\x06\x00\x3c\x00\x01"
                         "a\x00\x01t"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x06\x00\x3c\x00\x01"
                         "a\x00\x01#\x00\x00"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x06\x00\x3c\x00\x01"
                         "a\x00\x00\x00\x00"),
            VD_E_INVALID},
        /* password without user name [MQTT-3.1.2-22] */
        {BYTES(MQTT_NAME "\x04\x42\x00\x3c\x00\x01"
                         "a\x00\x01p"),
            VD_E_INVALID},
        /* announced but absent, present but not announced, a length that lies */
        {BYTES(MQTT_NAME "\x04\x82\x00\x3c\x00\x01"
                         "a"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x02\x00\x3c\x00\x01"
                         "a\x00\x01u"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x02\x00\x3c\x00\x02"
                         "a"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x02\x00\x3c\xff\xff"
                         "a"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x02\x00"), VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04"), VD_E_INVALID},
        {BYTES("\x00\x04MQ"), VD_E_INVALID},
        {BYTES(""), VD_E_INVALID},
        /* text that is not UTF-8, or holds U+0000 [MQTT-1.5.3-1], [MQTT-1.5.3-2] */
        {BYTES(MQTT_NAME "\x04\x02\x00\x3c\x00\x01\xff"), VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x02\x00\x3c\x00\x01\x00"), VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x02\x00\x3c\x00\x03\xed\xa0\x80"), VD_E_INVALID},
        /* a NUL inside a user name, and two at its end; one there is NetX Duo's */
        {BYTES(MQTT_NAME "\x04\x82\x00\x3c\x00\x01"
                         "a\x00\x02\x00u"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x82\x00\x3c\x00\x01"
                         "a\x00\x03u\x00\x00"),
            VD_E_INVALID},
        {BYTES(MQTT_NAME "\x04\x82\x00\x3c\x00\x01"
                         "a\x00\x02u\x00"),
            VD_OK},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_mqtt_connect connect;
        struct vd_str body = {(const char *)cases[i].data, cases[i].length};

        if (vd_mqtt_read_connect(body, &connect) != cases[i].expected) {
            fail_msg("case %zu", i);
        }
    }
}

static void test_mqtt__connect_fields(void **state)
{
    static const char body[] = MQTT_NAME "\x04\xee\x01\x2c\x00\x01"
                                         "c\x00\x01t\x00\x02\x00m\x00\x02uu\x00\x03\x00pp";
    struct vd_mqtt_connect connect;

    (void)state;
    assert_int_equal(vd_mqtt_read_connect((struct vd_str){body, sizeof body - 1}, &connect), VD_OK);
    assert_true(connect.clean_session && connect.has_will && connect.will_retain);
    assert_int_equal(connect.will_qos, 1);
    assert_int_equal(connect.keep_alive_s, 300);
    assert_true(vd_str_equal_text(connect.client_id, "c"));
    assert_true(vd_str_equal_text(connect.will_topic, "t"));
    assert_int_equal(connect.will_message.length, 2);
    assert_true(vd_str_equal_text(connect.user_name, "uu"));
    assert_int_equal(connect.password.length, 3);
}

/* The end of a string that NetX Duo counts in. */
static void test_mqtt__user_name_without_its_nul(void **state)
{
    static const char body[] = MQTT_NAME "\x04\x82\x00\x3c\x00\x01"
                                         "c\x00\x03uu\x00";
    struct vd_mqtt_connect connect;

    (void)state;
    assert_int_equal(vd_mqtt_read_connect((struct vd_str){body, sizeof body - 1}, &connect), VD_OK);
    assert_true(vd_str_equal_text(connect.user_name, "uu"));
}

static void test_mqtt__publish(void **state)
{
    static const struct {
        const uint8_t *data;
        size_t length;
        int expected;
        uint8_t flags;
    } cases[] = {
        {BYTES("\x00\x01t"), VD_OK, 0},
        {BYTES("\x00\x01tbody"), VD_OK, 0},
        {BYTES("\x00\x01tbody"), VD_OK, 1},
        {BYTES("\x00\x01t\x00\x01"), VD_OK, 2},
        {BYTES("\x00\x01t\xff\xff"), VD_OK, 10},
        {BYTES("\x00\x01t\x00\x01"), VD_OK, 4},
        /* QoS 3 [MQTT-3.3.1-4], DUP at QoS 0 [MQTT-3.3.1-2], packet id 0 [MQTT-2.3.1-1] */
        {BYTES("\x00\x01t\x00\x01"), VD_E_INVALID, 6},
        {BYTES("\x00\x01t"), VD_E_INVALID, 8},
        {BYTES("\x00\x01t\x00\x00"), VD_E_INVALID, 2},
        {BYTES("\x00\x01t\x00"), VD_E_INVALID, 2},
        {BYTES("\x00\x01t"), VD_E_INVALID, 2},
        /* topics: empty, wildcards [MQTT-3.3.2-2], a length that lies, not UTF-8 */
        {BYTES("\x00\x00"), VD_E_INVALID, 0},
        {BYTES("\x00\x01#"), VD_E_INVALID, 0},
        {BYTES("\x00\x03"
               "a/+"),
            VD_E_INVALID, 0},
        {BYTES("\x00\x02t"), VD_E_INVALID, 0},
        {BYTES("\xff\xfft"), VD_E_INVALID, 0},
        {BYTES("\x00\x02\xc0\x80"), VD_E_INVALID, 0},
        {BYTES("\x00"), VD_E_INVALID, 0},
        {BYTES(""), VD_E_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_mqtt_publish publish;
        struct vd_str body = {(const char *)cases[i].data, cases[i].length};

        if (vd_mqtt_read_publish(cases[i].flags, body, &publish) != cases[i].expected) {
            fail_msg("case %zu", i);
        }
    }
}

static void test_mqtt__filters(void **state)
{
    static const struct {
        const uint8_t *data;
        size_t length;
        int expected; /* VD_E_NOT_FOUND: all read */
        int count;
        bool with_qos;
    } cases[] = {
        {BYTES("\x00\x01\x00\x01"
               "a\x00"),
            VD_E_NOT_FOUND, 1, true},
        {BYTES("\x00\x01\x00\x01"
               "a\x02\x00\x03"
               "b/#\x01"),
            VD_E_NOT_FOUND, 2, true},
        {BYTES("\x00\x01\x00\x01"
               "a\x00\x03"
               "+/b"),
            VD_E_NOT_FOUND, 2, false},
        {BYTES("\x00\x01\x00\x01#\x01"), VD_E_NOT_FOUND, 1, true},
        {BYTES("\x00\x01\x00\x01+\x01"), VD_E_NOT_FOUND, 1, true},
        /* none at all [MQTT-3.8.3-3], id 0 */
        {BYTES("\x00\x01"), VD_E_INVALID, 0, true},
        {BYTES("\x00\x00\x00\x01"
               "a\x00"),
            VD_E_INVALID, 0, true},
        {BYTES("\x00"), VD_E_INVALID, 0, true},
        /* QoS 3 or reserved bits [MQTT-3-8.3-4], no QoS, an empty filter, wildcards in the wrong place */
        {BYTES("\x00\x01\x00\x01"
               "a\x03"),
            VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x01"
               "a\x80"),
            VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x01"
               "a"),
            VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x00\x00"), VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x02"
               "a#\x00"),
            VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x03#/a\x00"), VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x02"
               "a+\x00"),
            VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x02+a\x00"), VD_E_INVALID, 0, true},
        {BYTES("\x00\x01\x00\x01"
               "a\x00\x00\x05"
               "b"),
            VD_E_INVALID, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_mqtt_filters filters;
        struct vd_str filter;
        uint8_t qos;
        int count = 0;
        int error =
            vd_mqtt_filters_begin((struct vd_str){(const char *)cases[i].data, cases[i].length},
                cases[i].with_qos, &filters);

        while (error == VD_OK && (error = vd_mqtt_filters_next(&filters, &filter, &qos)) == VD_OK) {
            count++;
        }
        if (error != cases[i].expected || count != cases[i].count) {
            fail_msg("case %zu: %d, %d filters", i, error, count);
        }
    }
}

/* What is written is read back as it was, at the lengths where the header grows. */
static void test_mqtt__write_publish(void **state)
{
    static const size_t lengths[] = {0, 1, 120, 121, 122, 16370, 16384, 2097152};
    static const struct {
        uint8_t qos;
        bool dup;
        bool retain;
        uint16_t packet_id;
        uint8_t first;
    } cases[] = {
        {0, false, false, 0, 0x30},
        {0, false, true, 0, 0x31},
        {1, false, false, 1, 0x32},
        {1, true, false, 0xffff, 0x3a},
        {1, true, true, 0x1234, 0x3b},
    };
    char *payload = calloc(1, lengths[COUNT(lengths) - 1]);

    (void)state;
    assert_non_null(payload);
    for (size_t i = 0; i < COUNT(cases) * COUNT(lengths); i++) {
        const size_t c = i % COUNT(cases);
        const struct vd_mqtt_publish publish = {cases[c].qos, cases[c].dup, cases[c].retain,
            cases[c].packet_id, VD_STR_LITERAL("a/b"), {payload, lengths[i / COUNT(cases)]}};
        struct vd_buf out = {0};
        struct vd_mqtt_packet packet;
        struct vd_mqtt_publish read;

        vd_buf_append(&out, "x", 1); /* it appends */
        assert_int_equal(vd_mqtt_write_publish(&publish, &out), VD_OK);
        assert_int_equal(out.data[1], cases[c].first);
        assert_int_equal(
            vd_mqtt_frame(out.data + 1, out.length - 1, SIZE_MAX, &packet), VD_FRAME_WHOLE);
        assert_int_equal(packet.total, out.length - 1);
        assert_int_equal(vd_mqtt_read_publish(packet.flags, packet.body, &read), VD_OK);
        assert_int_equal(read.qos, publish.qos);
        assert_int_equal(read.dup, publish.dup);
        assert_int_equal(read.retain, publish.retain);
        assert_int_equal(read.packet_id, publish.packet_id);
        assert_true(vd_str_equal_text(read.topic, "a/b"));
        assert_true(vd_str_equal(read.payload, publish.payload));
        vd_buf_release(&out);
    }
    free(payload);
}

static void test_mqtt__write_publish_refused(void **state)
{
    static char topic[UINT16_MAX + 1];
    static const struct {
        struct vd_mqtt_publish publish;
        size_t max; /* of the buffer; 0: none */
        int expected;
    } cases[] = {
        {{0, false, false, 1, {"a", 1}, {"", 0}}, 0, VD_E_INVALID},
        {{1, false, false, 0, {"a", 1}, {"", 0}}, 0, VD_E_INVALID},
        {{0, true, false, 0, {"a", 1}, {"", 0}}, 0, VD_E_INVALID},
        {{2, false, false, 1, {"a", 1}, {"", 0}}, 0, VD_E_INVALID},
        {{0, false, false, 0, {"", 0}, {"", 0}}, 0, VD_E_INVALID},
        {{0, false, false, 0, {"a/#", 3}, {"", 0}}, 0, VD_E_INVALID},
        {{0, false, false, 0, {"+", 1}, {"", 0}}, 0, VD_E_INVALID},
        {{0, false, false, 0, {topic, UINT16_MAX}, {"", 0}}, 0, VD_OK},
        {{0, false, false, 0, {topic, UINT16_MAX + 1}, {"", 0}}, 0, VD_E_LIMIT},
        {{0, false, false, 0, {"a", 1}, {topic, VD_MQTT_REMAINING_MAX}}, 0, VD_E_LIMIT},
        {{1, false, false, 1, {"a", 1}, {"12", 2}}, 10, VD_OK},
        {{1, false, false, 1, {"a", 1}, {"123", 3}}, 10, VD_E_LIMIT},
    };

    (void)state;
    memset(topic, 't', sizeof topic);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_buf out = {.max = cases[i].max};
        int error;

        vd_buf_append(&out, "x", 1);
        error = vd_mqtt_write_publish(&cases[i].publish, &out);
        if (error != cases[i].expected || (error != VD_OK && out.length != 1)) {
            fail_msg("case %zu: %d, %zu bytes", i, error, out.length);
        }
        vd_buf_release(&out);
    }
}

static void test_mqtt__acknowledgements(void **state)
{
    static const uint8_t codes[] = {0, 1, 0x80};
    uint8_t out[16];
    uint16_t id = 7;

    (void)state;
    vd_mqtt_write_connack(false, VD_CONNACK_NOT_AUTHORISED, out);
    assert_memory_equal(out, "\x20\x02\x00\x05", 4);
    vd_mqtt_write_connack(true, VD_CONNACK_ACCEPTED, out);
    assert_memory_equal(out, "\x20\x02\x01\x00", 4);
    vd_mqtt_write_ack(VD_MQTT_PUBACK, 0x1234, out);
    assert_memory_equal(out, "\x40\x02\x12\x34", 4);
    vd_mqtt_write_ack(VD_MQTT_UNSUBACK, 1, out);
    assert_memory_equal(out, "\xb0\x02\x00\x01", 4);
    assert_int_equal(vd_mqtt_write_suback(2, codes, sizeof codes, out), 7);
    assert_memory_equal(out, "\x90\x05\x00\x02\x00\x01\x80", 7);
    assert_int_equal(vd_mqtt_read_packet_id(VD_STR_LITERAL("\x12\x34"), &id), VD_OK);
    assert_int_equal(id, 0x1234);
    assert_int_equal(vd_mqtt_read_packet_id((struct vd_str){"\0\0", 2}, &id), VD_E_INVALID);
    assert_int_equal(vd_mqtt_read_packet_id(VD_STR_LITERAL("\x12"), &id), VD_E_INVALID);
    assert_int_equal(vd_mqtt_read_packet_id(VD_STR_LITERAL("\x12\x34\x56"), &id), VD_E_INVALID);
    assert_int_equal(id, 0x1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mqtt__frame),
        cmocka_unit_test(test_mqtt__connect),
        cmocka_unit_test(test_mqtt__connect_fields),
        cmocka_unit_test(test_mqtt__user_name_without_its_nul),
        cmocka_unit_test(test_mqtt__publish),
        cmocka_unit_test(test_mqtt__filters),
        cmocka_unit_test(test_mqtt__write_publish),
        cmocka_unit_test(test_mqtt__write_publish_refused),
        cmocka_unit_test(test_mqtt__acknowledgements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
