/* SPDX-License-Identifier: MIT */
/* CEF: what goes where, texts that try to break out, lengths. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/notify/cef.h"
#include "lib/url.h"
#include "tests/center/syslog_reader.h"

/* An alert with nothing but this in it. */
static json_t *cef_of(json_t *alert)
{
    struct vd_outbox_item item = {.sequence = 7,
        .what = VD_OUTBOX_RAISED,
        .alert = alert,
        .id = "0badcafe-7.2",
        .repeat_of = "0badcafe-7.1"};
    struct vd_buf text = {0};
    json_t *cef;

    assert_non_null(alert);
    assert_int_equal(vd_notify_cef(&item, &text), VD_OK);
    assert_true(vd_utf8_is_valid((struct vd_str){(const char *)text.data, text.length}));
    vd_buf_append(&text, "", 1);
    cef = cef_read((const char *)text.data);
    if (cef == NULL) {
        fail_msg("no CEF: %s", (const char *)text.data);
    }
    vd_buf_release(&text);
    json_decref(alert);
    return cef;
}

static const char *header_of(const json_t *cef, size_t i)
{
    return json_string_value(json_array_get(json_object_get(cef, "header"), i));
}

/* NULL: there is none. */
static const char *value_of(const json_t *cef, const char *key)
{
    return json_string_value(json_object_get(json_object_get(cef, "extension"), key));
}

static void expect(const json_t *cef, const char *key, const char *expected)
{
    const char *value = value_of(cef, key);

    if (value == NULL || expected == NULL ? value != expected : strcmp(value, expected) != 0) {
        fail_msg("%s is %s instead of %s", key, value != NULL ? value : "absent",
            expected != NULL ? expected : "absent");
    }
}

struct pair {
    const char *key;
    const char *value; /* NULL: it may not be there */
};

static void expect_all(const json_t *cef, const struct pair *pairs)
{
    for (; pairs->key != NULL; pairs++) {
        expect(cef, pairs->key, pairs->value);
    }
}

static json_t *alert_with(const char *evidence)
{
    json_t *alert = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s}",
        "id", "11111111-2222-3333-4444-555555555555", "alertType", "IoT_TiConnection",
        "displayName", "Suspicious address", "severity", "Medium", "status", "New", "deviceId",
        "lamp", "subject", "192.0.2.1", "startTime", "2023-11-14T22:13:20.000Z", "endTime",
        "2023-11-14T22:13:21.500Z", "timeGenerated", "2023-11-14T22:13:22.000Z", "count", 3,
        "description", "It spoke.", "cause", "192.0.2.1");

    json_object_set_new(
        alert, "techniques", json_pack("[{s:s}, {s:s}]", "id", "T1071", "id", "T0869"));
    json_object_set_new(alert, "evidence", json_loads(evidence, 0, NULL));
    return alert;
}

static void test_cef__fields(void **state)
{
    static const struct pair expected[] = {{"rt", "1700000002000"}, {"start", "1700000000000"},
        {"end", "1700000001500"}, {"cnt", "3"},
        {"externalId", "11111111-2222-3333-4444-555555555555"}, {"act", "raised"},
        {"deviceExternalId", "lamp"}, {"dvchost", "lamp"}, {"cs1Label", "deliveryId"},
        {"cs1", "0badcafe-7.2"}, {"cs2Label", "possiblyRepeatOf"}, {"cs2", "0badcafe-7.1"},
        {"cs3Label", "cause"}, {"cs3", "192.0.2.1"}, {"cs4Label", "status"}, {"cs4", "New"},
        {"cs5Label", NULL}, {"cs6Label", "techniques"}, {"cs6", "T1071,T0869"},
        {"flexString1Label", "subject"}, {"flexString1", "192.0.2.1"}, {"flexString2", NULL},
        {"cn1Label", "sequence"}, {"cn1", "7"}, {"msg", "It spoke."}, {"src", NULL}, {"dst", NULL},
        {"shost", NULL}, {NULL, NULL}};
    static const char *const header[] = {"0", "Vedette", "Security Center", VD_VERSION,
        "IoT_TiConnection", "Suspicious address", "6"};
    json_t *cef = cef_of(alert_with("[]"));

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(header_of(cef, i), header[i]);
    }
    expect_all(cef, expected);
    json_decref(cef);
}

static void test_cef__network(void **state)
{
    static const struct {
        const char *evidence;
        struct pair expected[10];
    } cases[] = {
        {"[{\"note\":1},{\"protocol\":\"TCP\",\"localAddress\":\"10.0.0.2\",\"localPort\":40000,"
         "\"remoteAddress\":\"192.0.2.1\",\"remotePort\":443,\"openedBy\":\"Device\"},"
         "{\"remoteAddress\":\"192.0.2.9\"}]",
            {{"src", "10.0.0.2"}, {"spt", "40000"}, {"dst", "192.0.2.1"}, {"dpt", "443"},
                {"proto", "TCP"}, {"shost", "lamp"}, {"dhost", NULL}, {"deviceDirection", "1"}}},
        {"[{\"protocol\":\"UDP\",\"localAddress\":\"10.0.0.2\",\"localPort\":53,"
         "\"remoteAddress\":\"192.0.2.1\",\"remotePort\":5000,\"openedBy\":\"Remote\"}]",
            {{"src", "192.0.2.1"}, {"spt", "5000"}, {"dst", "10.0.0.2"}, {"dpt", "53"},
                {"proto", "UDP"}, {"dhost", "lamp"}, {"shost", NULL}, {"deviceDirection", "0"}}},
        {"[{\"localAddress\":\"10.0.0.2\",\"localPort\":0,\"remoteAddress\":\"192.0.2.1\","
         "\"remotePort\":0}]",
            {{"src", "10.0.0.2"}, {"dst", "192.0.2.1"}, {"spt", NULL}, {"dpt", NULL},
                {"proto", NULL}, {"shost", "lamp"}, {"deviceDirection", NULL}}},
        {"[{\"localAddress\":\"fd00::2\",\"remoteAddress\":\"2001:db8::1\"}]",
            {{"src", NULL}, {"dst", NULL}, {"c6a2Label", "Source IPv6 Address"},
                {"c6a2", "fd00::2"}, {"c6a3Label", "Destination IPv6 Address"},
                {"c6a3", "2001:db8::1"}}},
        {"[{\"address\":\"198.51.100.7\"}]", {{"src", "198.51.100.7"}, {"shost", NULL}}},
        {"[{\"callerAddress\":\"198.51.100.8\"}]", {{"src", "198.51.100.8"}}},
        {"[{\"address\":\"198.51.100.xxx\"}]", {{"src", NULL}, {"c6a2", NULL}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *cef = cef_of(alert_with(cases[i].evidence));

        expect_all(cef, cases[i].expected);
        json_decref(cef);
    }
}

static void test_cef__severities(void **state)
{
    static const struct pair cases[] = {
        {"Informational", "1"}, {"Low", "3"}, {"Medium", "6"}, {"High", "8"}, {"?", "1"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *cef = cef_of(json_pack("{s:s}", "severity", cases[i].key));

        assert_string_equal(header_of(cef, 6), cases[i].value);
        json_decref(cef);
    }
}

/* The reader gets back what was put in; only control characters other than line ends are lost. */
static void test_cef__hostile(void **state)
{
    static const char *const texts[] = {
        "a|b",
        "a=b src=6.6.6.6",
        "a\\",
        "\\|\\=\\n",
        "line\nline\r\nline",
        "CEF:0|x|y|z|1|2|10|msg=x",
        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80|\xe2\x80\xa8=",
        " = | \\ ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *cef = cef_of(json_pack("{s:s, s:s, s:s, s:s, s:s}", "deviceId", texts[i], "cause",
            texts[i], "description", texts[i], "displayName", texts[i], "alertType", "T"));

        expect(cef, "deviceExternalId", texts[i]);
        expect(cef, "cs3", texts[i]);
        expect(cef, "msg", texts[i]);
        expect(cef, "src", NULL);
        if (strpbrk(texts[i], "\r\n") == NULL) {
            assert_string_equal(header_of(cef, 5), texts[i]);
        } else {
            assert_string_equal(header_of(cef, 5), "line line  line");
        }
        json_decref(cef);
    }
}

static void test_cef__control_characters(void **state)
{
    json_t *cef = cef_of(
        json_pack("{s:s, s:s}", "deviceId", "a\x01\tb\x1b[0m\x7f", "displayName", "x\x1b\ny"));

    (void)state;
    expect(cef, "deviceExternalId", "a  b [0m ");
    assert_string_equal(header_of(cef, 5), "x  y");
    json_decref(cef);
}

/* A text of 2-byte characters, behind one of one byte, is cut between them. */
static void test_cef__lengths(void **state)
{
    static const struct {
        const char *member;
        const char *key;
        size_t length;
    } cases[] = {
        {"description", "msg", 1023},
        {"deviceId", "deviceExternalId", 255},
        {"deviceId", "dvchost", 99},
        {"cause", "cs3", 3999},
        {"id", "externalId", 39},
    };
    struct vd_buf text = {0};

    (void)state;
    vd_buf_append_text(&text, "=");
    for (int i = 0; i < 3000; i++) {
        vd_buf_append_text(&text, "\xc3\xa4");
    }
    vd_buf_append(&text, "", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *cef = cef_of(json_pack("{s:s}", cases[i].member, text.data));
        const char *value = value_of(cef, cases[i].key);

        assert_non_null(value);
        assert_int_equal(strlen(value), cases[i].length);
        assert_memory_equal(value, text.data, cases[i].length);
        json_decref(cef);
    }
    vd_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cef__fields),
        cmocka_unit_test(test_cef__network),
        cmocka_unit_test(test_cef__severities),
        cmocka_unit_test(test_cef__hostile),
        cmocka_unit_test(test_cef__control_characters),
        cmocka_unit_test(test_cef__lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
