/* SPDX-License-Identifier: MIT */
/* The hub's text forms: URL encoding, UTF-8, property bags, topics, filters, SAS tokens. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/limits.h"
#include "hub/sas.h"
#include "hub/topic.h"
#include "lib/url.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_url__decode(void **state)
{
    static const struct {
        const char *in;
        int expected;
        const char *out;
    } cases[] = {
        {"", VD_OK, ""},
        {"abc", VD_OK, "abc"},
        {"%24.ct", VD_OK, "$.ct"},
        {"a%2fb%2Fc", VD_OK, "a/b/c"},
        {"a+b", VD_OK, "a+b"},
        {"%", VD_E_INVALID, ""},
        {"%2", VD_E_INVALID, ""},
        {"%2g", VD_E_INVALID, ""},
        {"%g2", VD_E_INVALID, ""},
        {"12345678", VD_OK, "12345678"},
        {"123456789", VD_E_LIMIT, ""},
        {"%31%32%33%34%35%36%37%38", VD_OK, "12345678"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[9] = {0};
        size_t length = 0;

        out[8] = 'G';
        assert_int_equal(
            vd_url_decode(vd_str_from(cases[i].in), out, 8, &length), cases[i].expected);
        assert_int_equal(out[8], 'G');
        if (cases[i].expected == VD_OK) {
            assert_int_equal(length, strlen(cases[i].out));
            assert_memory_equal(out, cases[i].out, length);
            assert_true(vd_url_equal(vd_str_from(cases[i].in), vd_str_from(cases[i].out)));
            assert_false(vd_url_equal(vd_str_from(cases[i].in), VD_STR_LITERAL("other text")));
        }
    }
}

/* Every byte goes through encoding and back. */
static void test_url__round_trip(void **state)
{
    struct vd_buf encoded = {0};
    char all[256];
    char back[256];
    size_t length = 0;

    (void)state;
    for (int i = 0; i < 256; i++) {
        all[i] = (char)i;
    }
    vd_url_encode((struct vd_str){all, sizeof all}, &encoded);
    assert_int_equal(encoded.error, VD_OK);
    assert_int_equal(vd_url_decode((struct vd_str){(const char *)encoded.data, encoded.length},
                         back, sizeof back, &length),
        VD_OK);
    assert_int_equal(length, sizeof all);
    assert_memory_equal(all, back, sizeof all);
    vd_buf_release(&encoded);
}

static void test_url__utf8(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\xc3\xa4", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xef\xbb\xbf", true}, /* a byte order mark is a character [MQTT-1.5.3-3] */
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xc3", false},
        {"\xe0\x80\x80", false},
        {"\xe2\x82", false},
        {"\xed\xa0\x80", false},
        {"\xf0\x80\x80\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xe2\x82x", false},
        {"\xff", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (vd_utf8_is_valid(vd_str_from(cases[i].text)) != cases[i].valid) {
            fail_msg("case %zu", i);
        }
    }
    assert_false(vd_utf8_is_valid((struct vd_str){"a\0b", 3}));
}

static void test_bag__walk(void **state)
{
    static const struct {
        const char *bag;
        int expected; /* at the end */
        uint32_t count;
    } cases[] = {
        {"", VD_E_NOT_FOUND, 0},
        {"/", VD_E_NOT_FOUND, 0},
        {"a=1", VD_E_NOT_FOUND, 1},
        {"a=1/", VD_E_NOT_FOUND, 1},
        {"a=1&b=2//", VD_E_NOT_FOUND, 2},
        {"a=", VD_E_NOT_FOUND, 1},
        {"a=x=y", VD_E_NOT_FOUND, 1},
        {"%24.ifid=urn%3Ax&%24.mid=1", VD_E_NOT_FOUND, 2},
        {"$.ct=text", VD_E_NOT_FOUND, 1},
        {"a", VD_E_INVALID, 0},
        {"=1", VD_E_INVALID, 0},
        {"=", VD_E_INVALID, 0},
        {"&", VD_E_INVALID, 0},
        {"a=1&", VD_E_INVALID, 0},
        {"a=1&/", VD_E_INVALID, 0},
        {"&a=1", VD_E_INVALID, 0},
        {"a=1&&b=2", VD_E_INVALID, 1},
        {"a=1&b", VD_E_INVALID, 1},
        {"a=%", VD_E_INVALID, 0},
        {"a%4=1", VD_E_INVALID, 0},
        {"a=%zz", VD_E_INVALID, 0},
        {"a=%00", VD_E_INVALID, 0},
        {"a=%ff", VD_E_INVALID, 0},
        {"a=%c3%a4", VD_E_NOT_FOUND, 1},
        {"a=%c3", VD_E_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_bag bag = {.bag = vd_str_from(cases[i].bag)};
        struct vd_str name;
        struct vd_str value;
        int error;

        while ((error = vd_bag_next(&bag, &name, &value)) == VD_OK) {
            assert_true(name.length > 0);
        }
        if (error != cases[i].expected || bag.count != cases[i].count) {
            fail_msg("case %zu: %d, %u properties", i, error, bag.count);
        }
    }
}

static void test_bag__long_values(void **state)
{
    struct vd_buf bag = {0};
    struct vd_bag walk = {0};
    struct vd_str name;
    struct vd_str value;

    (void)state;
    vd_buf_append_text(&bag, "a=");
    for (int i = 0; i < 1000; i++) {
        vd_buf_append_text(&bag, "%e2%82%ac");
    }
    walk.bag = (struct vd_str){(const char *)bag.data, bag.length};
    assert_int_equal(vd_bag_next(&walk, &name, &value), VD_OK);
    assert_int_equal(value.length, 9000);
    /* One character too short at the very end. */
    walk = (struct vd_bag){.bag = {(const char *)bag.data, bag.length - 3}};
    assert_int_equal(vd_bag_next(&walk, &name, &value), VD_E_INVALID);
    vd_buf_clear(&bag);
    for (int i = 0; i < VD_BAG_MAX_PROPERTIES + 1; i++) {
        vd_buf_append_text(&bag, i == 0 ? "a=1" : "&a=1");
    }
    walk = (struct vd_bag){.bag = {(const char *)bag.data, bag.length}};
    for (int i = 0; i < VD_BAG_MAX_PROPERTIES; i++) {
        assert_int_equal(vd_bag_next(&walk, &name, &value), VD_OK);
    }
    assert_int_equal(vd_bag_next(&walk, &name, &value), VD_E_INVALID);
    vd_buf_release(&bag);
}

static void test_bag__find(void **state)
{
    struct vd_str bag = VD_STR_LITERAL("x=1&%24.ifid=urn%3Ab&y=%00");
    char out[8] = "before";

    (void)state;
    assert_int_equal(vd_bag_find(bag, "$.ifid", out, sizeof out), VD_OK);
    assert_string_equal(out, "urn:b");
    assert_int_equal(vd_bag_find(bag, "$.ifid", out, 5), VD_E_LIMIT);
    assert_int_equal(vd_bag_find(VD_STR_LITERAL("x=1"), "y", out, sizeof out), VD_E_NOT_FOUND);
    assert_int_equal(vd_bag_find(bag, "y", out, sizeof out), VD_E_INVALID);
}

static void test_topic__classify(void **state)
{
    static const struct {
        const char *topic;
        const char *module;
        enum vd_topic expected;
        const char *bag;
    } cases[] = {
        {"devices/dev1/messages/events/", "", VD_TOPIC_TELEMETRY, ""},
        {"devices/dev1/messages/events/a=b", "", VD_TOPIC_TELEMETRY, "a=b"},
        {"devices/dev%31/messages/events/a=b", "", VD_TOPIC_TELEMETRY, "a=b"},
        {"devices/dev1/modules/m/messages/events/a=b/", "m", VD_TOPIC_TELEMETRY, "a=b/"},
        {"devices/dev2/messages/events/", "", VD_TOPIC_FOREIGN, ""},
        {"devices/dev11/messages/events/", "", VD_TOPIC_FOREIGN, ""},
        {"devices/dev/messages/events/", "", VD_TOPIC_FOREIGN, ""},
        {"devices/DEV1/messages/events/", "", VD_TOPIC_FOREIGN, ""},
        {"devices/dev1/modules/m/messages/events/", "", VD_TOPIC_FOREIGN, ""},
        {"devices/dev1/messages/events/", "m", VD_TOPIC_FOREIGN, ""},
        {"devices/dev1/modules/n/messages/events/", "m", VD_TOPIC_FOREIGN, ""},
        {"devices/dev1/messages/events", "", VD_TOPIC_UNKNOWN, ""},
        {"devices/dev1/messages/devicebound/", "", VD_TOPIC_UNKNOWN, ""},
        {"devices/dev1", "", VD_TOPIC_UNKNOWN, ""},
        {"devices//messages/events/", "", VD_TOPIC_FOREIGN, ""},
        {"/devices/dev1/messages/events/", "", VD_TOPIC_UNKNOWN, ""},
        {"", "", VD_TOPIC_UNKNOWN, ""},
        {"$iothub/twin/GET/?$rid=1", "", VD_TOPIC_TWIN_GET, "?$rid=1"},
        {"$iothub/twin/GET/", "m", VD_TOPIC_TWIN_GET, ""},
        {"$iothub/twin/PATCH/properties/reported/?$rid=1", "", VD_TOPIC_TWIN_PATCH, "?$rid=1"},
        {"$iothub/twin/PATCH/properties/desired/?$rid=1", "", VD_TOPIC_UNKNOWN, ""},
        {"$iothub/twin/GET", "", VD_TOPIC_UNKNOWN, ""},
        {"$iothub/methods/res/200/?$rid=1", "", VD_TOPIC_METHOD_ANSWER, "200/?$rid=1"},
        {"$iothub/methods/res/", "mod", VD_TOPIC_METHOD_ANSWER, ""},
        {"$iothub/methods/POST/a/?$rid=1", "", VD_TOPIC_UNKNOWN, ""},
        {"$iothub/twin/res/200/", "", VD_TOPIC_UNKNOWN, ""},
        {"$SYS/broker", "", VD_TOPIC_UNKNOWN, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_str bag = {"", 0};

        if (vd_topic_classify(vd_str_from(cases[i].topic), "dev1", cases[i].module, &bag) !=
            cases[i].expected) {
            fail_msg("case %zu", i);
        }
        assert_true(cases[i].expected == VD_TOPIC_UNKNOWN || vd_str_equal_text(bag, cases[i].bag));
    }
}

static void test_topic__rid(void **state)
{
    static char longest[6 + VD_TOPIC_RID_MAX + 2] = "?$rid=";
    static const struct {
        const char *rest;
        const char *rid; /* NULL: it is none */
    } cases[] = {
        {"?$rid=1", "1"},
        {"?$rid=a-b_c%20d&$version=3", "a-b_c%20d"},
        {"?$rid=", NULL},
        {"?$rid=&x", NULL},
        {"?rid=1", NULL},
        {"$rid=1", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_str rid = {"", 0};
        int error = vd_topic_read_rid(vd_str_from(cases[i].rest), &rid);

        assert_int_equal(error, cases[i].rid != NULL ? VD_OK : VD_E_INVALID);
        assert_true(vd_str_equal_text(rid, cases[i].rid != NULL ? cases[i].rid : ""));
    }
    memset(longest + 6, 'x', VD_TOPIC_RID_MAX);
    assert_int_equal(vd_topic_read_rid(vd_str_from(longest), &(struct vd_str){0}), VD_OK);
    longest[6 + VD_TOPIC_RID_MAX] = 'x';
    assert_int_equal(vd_topic_read_rid(vd_str_from(longest), &(struct vd_str){0}), VD_E_INVALID);
}

static void test_topic__written(void **state)
{
    struct vd_buf topic = {0};

    (void)state;
    vd_topic_write_twin_answer(&topic, 200, VD_STR_LITERAL("7f"), 0);
    vd_buf_append_text(&topic, " ");
    vd_topic_write_twin_answer(&topic, 204, VD_STR_LITERAL("7f"), 12);
    vd_buf_append_text(&topic, " ");
    vd_topic_write_devicebound(&topic, "dev:1", VD_STR_LITERAL("a=b"));
    vd_buf_append_text(&topic, " ");
    vd_topic_write_devicebound(&topic, "d+#", VD_STR_LITERAL(""));
    vd_buf_append(&topic, "", 1);
    assert_string_equal((const char *)topic.data,
        "$iothub/twin/res/200/?$rid=7f $iothub/twin/res/204/?$rid=7f&$version=12 "
        "devices/dev:1/messages/devicebound/a=b devices/d%2B%23/messages/devicebound/");
    vd_buf_release(&topic);
}

static void test_topic__method_answers(void **state)
{
    static const struct {
        const char *rest;
        int error;
        int status;
        uint64_t rid;
    } cases[] = {
        {"200/?$rid=1", VD_OK, 200, 1},
        {"0/?$rid=dead10cc", VD_OK, 0, 0xdead10cc},
        {"-1/?$rid=1f", VD_OK, -1, 0x1f},
        {"999999999/?$rid=ffffffffffffffff", VD_OK, 999999999, UINT64_MAX},
        {"200/?$rid=1&more=2", VD_OK, 200, 1},
        {"200/?$rid=1ffffffffffffffff", VD_OK, 200, 0},
        {"200/?$rid=A", VD_OK, 200, 0}, /* the hub writes small letters */
        {"200/?$rid=what", VD_OK, 200, 0},
        {"200/?$rid=&x", VD_OK, 200, 0},
        {"200/?$rid=", VD_E_INVALID, 0, 0},
        {"200/?rid=1", VD_E_INVALID, 0, 0},
        {"200/$rid=1", VD_E_INVALID, 0, 0},
        {"200", VD_E_INVALID, 0, 0},
        {"200/", VD_E_INVALID, 0, 0},
        {"/?$rid=1", VD_E_INVALID, 0, 0},
        {"-/?$rid=1", VD_E_INVALID, 0, 0},
        {"--1/?$rid=1", VD_E_INVALID, 0, 0},
        {"1000000000/?$rid=1", VD_E_INVALID, 0, 0},
        {"2o0/?$rid=1", VD_E_INVALID, 0, 0},
        {"200/x/?$rid=1", VD_E_INVALID, 0, 0},
        {"", VD_E_INVALID, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = 0;
        uint64_t rid = 0;
        int error = vd_topic_read_method_answer(vd_str_from(cases[i].rest), &status, &rid);

        if (error != cases[i].error || status != cases[i].status || rid != cases[i].rid) {
            fail_msg("case %zu: %d, %d, %llx", i, error, status, (unsigned long long)rid);
        }
    }
}

static void test_topic__method(void **state)
{
    struct vd_buf topic = {0};

    (void)state;
    vd_topic_write_method(&topic, "reboot", 0xabcdef0123456789u);
    assert_true(vd_str_equal_text((struct vd_str){(const char *)topic.data, topic.length},
        "$iothub/methods/POST/reboot/?$rid=abcdef0123456789"));
    vd_buf_release(&topic);
}

static void test_topic__filters(void **state)
{
    static const struct {
        const char *filter;
        const char *module;
        enum vd_filter expected;
    } cases[] = {
        {"devices/dev1/messages/devicebound/#", "", VD_FILTER_DEVICEBOUND},
        {"$iothub/methods/POST/#", "", VD_FILTER_METHODS},
        {"$iothub/twin/res/#", "", VD_FILTER_TWIN_ANSWERS},
        {"$iothub/twin/PATCH/properties/desired/#", "m", VD_FILTER_TWIN_DESIRED},
        {"devices/dev1/modules/m/inputs/#", "m", VD_FILTER_INPUTS},
        {"devices/dev1/inputs/#", "", VD_FILTER_UNKNOWN},
        {"devices/dev2/messages/devicebound/#", "", VD_FILTER_UNKNOWN},
        {"devices/+/messages/devicebound/#", "", VD_FILTER_UNKNOWN},
        {"devices/dev1/messages/devicebound/", "", VD_FILTER_UNKNOWN},
        {"devices/dev1/messages/devicebound/#", "m", VD_FILTER_UNKNOWN},
        {"devices/dev1/#", "", VD_FILTER_UNKNOWN},
        {"#", "", VD_FILTER_UNKNOWN},
        {"$iothub/#", "", VD_FILTER_UNKNOWN},
        {"$iothub/methods/POST/+", "", VD_FILTER_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (vd_filter_classify(vd_str_from(cases[i].filter), "dev1", cases[i].module) !=
            cases[i].expected) {
            fail_msg("case %zu", i);
        }
    }
}

/* Made by another implementation (Python's hmac): the key is the bytes 0 to 31. */
#define KNOWN_TOKEN                                         \
    "SharedAccessSignature sr=hub.example%2Fdevices%2Fdev1" \
    "&sig=ycE2hAMnW4fAUHd1qkEwaTCsv0B2eUtLEI7Gp%2BuZ%2F7U%3D&se=1900000000"

static struct vd_key known_key(void)
{
    struct vd_key key = {.length = 32};

    for (uint8_t i = 0; i < 32; i++) {
        key.bytes[i] = i;
    }
    return key;
}

static void test_sas__known_token(void **state)
{
    struct vd_key key = known_key();
    struct vd_sas_token token;
    char made[512];

    (void)state;
    assert_int_equal(vd_sas_parse(VD_STR_LITERAL(KNOWN_TOKEN), &token), VD_OK);
    assert_int_equal(token.expiry_s, 1900000000);
    assert_int_equal(token.policy.length, 0);
    assert_true(vd_sas_signed_by(&token, &key));
    key.bytes[31] ^= 1;
    assert_false(vd_sas_signed_by(&token, &key));
    key = known_key();
    key.length = 0;
    assert_false(vd_sas_signed_by(&token, &key));
    key = known_key();
    assert_int_equal(
        vd_sas_make("hub.example/devices/dev1", &key, 1900000000, NULL, made, sizeof made), VD_OK);
    assert_string_equal(made, KNOWN_TOKEN);
    assert_int_equal(
        vd_sas_make("hub.example/devices/dev1", &key, 1900000000, NULL, made, 64), VD_E_LIMIT);
}

static void test_sas__parse(void **state)
{
    static const struct {
        const char *text;
        int expected;
    } cases[] = {
        {"SharedAccessSignature sr=a&sig=b&se=1", VD_OK},
        {"SharedAccessSignature se=1&sig=b&sr=a", VD_OK},
        {"SharedAccessSignature sr=a&sig=b&se=1&skn=p", VD_OK},
        {"SharedAccessSignature sr=a&sig=b=&se=999999999999999", VD_OK},
        {"", VD_E_INVALID},
        {"SharedAccessSignature ", VD_E_INVALID},
        {"SharedAccessSignature", VD_E_INVALID},
        {"sharedaccesssignature sr=a&sig=b&se=1", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b", VD_E_INVALID},
        {"SharedAccessSignature sr=a&se=1", VD_E_INVALID},
        {"SharedAccessSignature sig=b&se=1", VD_E_INVALID},
        {"SharedAccessSignature sr=&sig=b&se=1", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=&se=1", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=1&skn=", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=-1", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=1x", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=+1", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=1000000000000000", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sr=a&sig=b&se=1", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=1&sig=c", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=1&x=y", VD_E_INVALID},
        {"SharedAccessSignature sr=a&sig=b&se=1&", VD_E_INVALID},
        {"SharedAccessSignature sr=a&&sig=b&se=1", VD_E_INVALID},
        {"SharedAccessSignature sr&sig=b&se=1", VD_E_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_sas_token token = {.expiry_s = 77};

        if (vd_sas_parse(vd_str_from(cases[i].text), &token) != cases[i].expected) {
            fail_msg("case %zu", i);
        }
        assert_true((cases[i].expected == VD_OK) == (token.expiry_s != 77));
    }
}

static void test_sas__too_long(void **state)
{
    struct vd_buf text = {0};
    struct vd_sas_token token;

    (void)state;
    vd_buf_append_text(&text, "SharedAccessSignature sig=b&se=1&sr=");
    while (text.length < VD_SAS_TOKEN_MAX) {
        vd_buf_append_text(&text, "a");
    }
    assert_int_equal(
        vd_sas_parse((struct vd_str){(const char *)text.data, text.length}, &token), VD_OK);
    vd_buf_append_text(&text, "a");
    assert_int_equal(
        vd_sas_parse((struct vd_str){(const char *)text.data, text.length}, &token), VD_E_INVALID);
    vd_buf_release(&text);
}

static void test_sas__covers(void **state)
{
    static const struct {
        const char *resource;
        const char *module;
        bool expected;
    } cases[] = {
        {"hub.example", "", true},
        {"HUB.Example", "", true},
        {"hub.example%2Fdevices", "", true},
        {"hub.example%2fdevices%2fdev1", "", true},
        {"hub.example/devices/dev1", "", true},
        {"hub.example%3A8883%2Fdevices%2Fdev1", "", true},
        {"hub.example%2Fdevices%2Fdev1", "m", true},
        {"hub.example%2Fdevices%2Fdev1%2Fmodules%2Fm", "m", true},
        {"hub.example%252Fdevices%252Fdev1", "", true},
        {"hub.example%2Fdevices%2Fdev1%2Fmodules%2Fm", "", false},
        {"hub.example%2Fdevices%2Fdev1%2Fmodules%2Fn", "m", false},
        {"hub.example%2Fdevices%2Fdev2", "", false},
        {"hub.example%2Fdevices%2Fdev", "", false},
        {"hub.example%2Fdevices%2Fdev11", "", false},
        {"hub.example%2Fdevices%2FDEV1", "", false},
        {"hub.example%2Fdevices%2Fdev1%2F", "", false},
        {"hub.example%2Fdev", "", false},
        {"hub.exampl", "", false},
        {"hub.example.org%2Fdevices%2Fdev1", "", false},
        {"other.example%2Fdevices%2Fdev1", "", false},
        {"hub.example%3A%2Fdevices%2Fdev1", "", false},
        {"hub.example%3A123456%2Fdevices%2Fdev1", "", false},
        {"hub.example%3Ax%2Fdevices%2Fdev1", "", false},
        {"hub.example%2Fdevices%2Fdev1%00", "", false},
        {"hub.example%2Fdevices%2Fdev%2531", "", false},
        {"hub.example%2Fdevices%2Fde%2576%31", "", false},
        {"hub.example%252Fdevices%252Fdev%2531", "", false},
        {"%", "", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_sas_token token = {.resource = vd_str_from(cases[i].resource)};

        if (vd_sas_covers(&token, "hub.example", "dev1", cases[i].module) != cases[i].expected) {
            fail_msg("case %zu", i);
        }
    }
}

/* Ids may have letters that look like an escape; those that need one come with it once or twice. */
static void test_sas__covers_ids_with_escapes(void **state)
{
    static const struct {
        const char *resource;
        const char *device;
        const char *module;
        bool expected;
    } cases[] = {
        {"hub.example%2Fdevices%2Fa%2541", "a%41", "", true},
        {"hub.example%2Fdevices%2Fa%2541", "aA", "", false},
        {"hub.example%252Fdevices%252Fa%252541", "a%41", "", true},
        {"hub.example%252Fdevices%252Fa%252541", "aA", "", false},
        {"hub.example%2Fdevices%2Fa%2525", "a%25", "", true},
        {"hub.example%2Fdevices%2Fa%2Bb%23", "a+b#", "", true},
        {"hub.example%2Fdevices%2Fa%252Bb%2523", "a+b#", "", true},
        {"hub.example%2Fdevices%2Fa%252bb%2523", "a+b#", "", true},
        {"hub.example%252Fdevices%252Fa%252Bb%2523", "a+b#", "", true},
        {"hub.example%2Fdevices%2Fa%2540b%2Fmodules%2Fm%253A1", "a@b", "m:1", true},
        {"hub.example%2Fdevices%2Fa%2540b%2Fmodules%2Fm%2531", "a@b", "m1", false},
        {"hub.example%2Fdevices%2Fa%2540b%2Fmodules%2Fm%2531", "a@b", "m%31", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_sas_token token = {.resource = vd_str_from(cases[i].resource)};

        if (vd_sas_covers(&token, "hub.example", cases[i].device, cases[i].module) !=
            cases[i].expected) {
            fail_msg("case %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url__decode),
        cmocka_unit_test(test_url__round_trip),
        cmocka_unit_test(test_url__utf8),
        cmocka_unit_test(test_bag__walk),
        cmocka_unit_test(test_bag__long_values),
        cmocka_unit_test(test_bag__find),
        cmocka_unit_test(test_topic__classify),
        cmocka_unit_test(test_topic__rid),
        cmocka_unit_test(test_topic__written),
        cmocka_unit_test(test_topic__method_answers),
        cmocka_unit_test(test_topic__method),
        cmocka_unit_test(test_topic__filters),
        cmocka_unit_test(test_sas__known_token),
        cmocka_unit_test(test_sas__parse),
        cmocka_unit_test(test_sas__too_long),
        cmocka_unit_test(test_sas__covers),
        cmocka_unit_test(test_sas__covers_ids_with_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
