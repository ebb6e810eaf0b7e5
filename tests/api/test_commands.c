/* SPDX-License-Identifier: MIT */
/* Messages to devices over the service API: as the device will get them, a full queue, purge, counts, feedback, faults. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/twins.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/url.h"
#include "tests/api/service_fixture.h"

#define SEND "/devices/d/messages/devicebound"

/* What the hub does for the device: takes the first message, and answers it if it is told how. */
struct taking {
    struct vd_state_key key;
    struct vd_c2d_delivery delivery;
    bool found;
    bool answers;
    enum vd_c2d_event answer;
};

static int run_take(void *context, struct vd_state_store *store)
{
    struct taking *taking = context;
    int64_t now_ms = vd_clock_utc_ms();
    bool settled = false;
    int error = vd_state_c2d_take(
        store, &taking->key, 1000, now_ms, &taking->delivery, &taking->found, NULL);

    if (error == VD_OK && taking->found && taking->answers) {
        error = vd_state_c2d_settle(
            store, &taking->key, taking->delivery.lock, taking->answer, now_ms, &settled, NULL);
        assert_true(settled);
    }
    return error;
}

static void take(struct taking *taking)
{
    struct vd_identity identity = {0};

    assert_int_equal(vd_registry_get(registry, "d", "", &identity), VD_OK);
    taking->key = vd_twins_key(&identity);
    assert_int_equal(vd_state_do(hub_state, run_take, taking), VD_OK);
}

static void test_commands__delivered_as_sent(void **state)
{
    static const struct header headers[] = {
        {"iothub-messageid", "m-1"},
        {"iothub-correlationid", "c 1"},
        {"iothub-userid", "u"},
        {"iothub-contenttype", "application/json"},
        {"iothub-contentencoding", "utf-8"},
        {"iothub-ack", "full"},
        {"iothub-app-colour", "r\xc3\xb6t & blau"},
        {"IoTHub-App-Two", "=2"},
        {0},
    };
    static const char body[] = "\0\x01{\"a\":1}";
    struct taking taking = {0};
    char value[64];
    struct vd_str bag;

    (void)state;
    expect_with(404, "POST", SEND, headers, (struct vd_str){body, sizeof body - 1});
    assert_fault("DeviceNotFound");
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect_with(204, "POST", SEND, headers, (struct vd_str){body, sizeof body - 1});
    assert_null(answer.body);
    assert_string_equal(answer_header("iothub-messageid"), "m-1");
    assert_string_equal(bus.waiting, "d");
    assert_int_equal(bus.wakes, 1);
    take(&taking);
    assert_true(taking.found);
    assert_int_equal(taking.delivery.body.length, sizeof body - 1);
    assert_memory_equal(taking.delivery.body.data, body, sizeof body - 1);
    assert_string_equal(taking.delivery.message_id, "m-1");
    assert_int_equal(taking.delivery.ack, VD_C2D_ACK_FULL);
    assert_in_range(taking.delivery.expires_ms - vd_clock_utc_ms(),
        VD_HUB_C2D_TTL_DEFAULT_MS - 60000, VD_HUB_C2D_TTL_DEFAULT_MS);
    bag = (struct vd_str){
        (const char *)taking.delivery.properties.data, taking.delivery.properties.length};
    {
        static const char start[] =
            "%24.to=%2Fdevices%2Fd%2Fmessages%2Fdevicebound&%24.mid=m-1&%24.exp=";
        static const char end[] = "&%24.cid=c%201&%24.uid=u&%24.ct=application%2Fjson&%24.ce=utf-8&"
                                  "iothub-ack=full&colour=r%C3%B6t%20%26%20blau&Two=%3D2";

        assert_true(bag.length > sizeof start + sizeof end);
        assert_memory_equal(bag.data, start, sizeof start - 1);
        assert_memory_equal(bag.data + bag.length - (sizeof end - 1), end, sizeof end - 1);
    }
    assert_int_equal(vd_bag_find(bag, "colour", value, sizeof value), VD_OK);
    assert_string_equal(value, "r\xc3\xb6t & blau");
    assert_int_equal(vd_bag_find(bag, "$.exp", value, sizeof value), VD_OK);
    {
        int64_t expires_ms = 0;

        assert_int_equal(vd_time_parse(value, &expires_ms), VD_OK);
        assert_int_equal(expires_ms, taking.delivery.expires_ms);
    }
    vd_c2d_delivery_release(&taking.delivery);
}

/* A message that has no name gets one, so that its feedback can be told from others'. */
static void test_commands__named(void **state)
{
    struct taking taking = {0};

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(204, "POST", SEND, NULL, "");
    assert_int_equal(strlen(answer_header("iothub-messageid")), 36);
    take(&taking);
    assert_string_equal(taking.delivery.message_id, answer_header("iothub-messageid"));
    assert_int_equal(taking.delivery.body.length, 0);
    vd_c2d_delivery_release(&taking.delivery);
}

static void expect_count(int64_t count)
{
    expect(200, "GET", "/devices/d", NULL, NULL);
    assert_int_equal(number_at("cloudToDeviceMessageCount"), count);
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_int_equal(number_at("cloudToDeviceMessageCount"), count);
    expect(200, "GET", "/devices", NULL, NULL);
    assert_int_equal(json_integer_value(json_object_get(
                         json_array_get(answer.body, 1), "cloudToDeviceMessageCount")),
        count);
    assert_int_equal(json_integer_value(json_object_get(
                         json_array_get(answer.body, 0), "cloudToDeviceMessageCount")),
        0);
}

static void test_commands__full_and_purged(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/c", NULL, "{}");
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect_count(0);
    for (unsigned i = 0; i < VD_HUB_C2D_MESSAGES_MAX; i++) {
        expect(204, "POST", SEND, NULL, "x");
    }
    bus.wakes = 0;
    expect(403, "POST", SEND, NULL, "x");
    assert_fault("DeviceMaximumQueueDepthExceeded");
    assert_non_null(strstr(text_at(NULL, NULL, "ExceptionMessage"), "ErrorCode:403004"));
    assert_int_equal(bus.wakes, 0);
    expect_count(VD_HUB_C2D_MESSAGES_MAX);
    expect(404, "DELETE", "/devices/none/commands", NULL, NULL);
    expect(200, "DELETE", "/devices/d/commands", NULL, NULL);
    assert_string_equal(text_at(NULL, NULL, "deviceId"), "d");
    assert_true(json_is_null(json_object_get(answer.body, "moduleId")));
    assert_int_equal(number_at("totalMessagesPurged"), VD_HUB_C2D_MESSAGES_MAX);
    expect_count(0);
    expect(204, "POST", SEND, NULL, "x");
}

static void test_commands__feedback(void **state)
{
    static const struct header wanted[] = {
        {"iothub-messageid", "good"}, {"iothub-ack", "positive"}, {0}};
    static const struct header bad[] = {
        {"iothub-messageid", "bad"}, {"iothub-ack", "negative"}, {0}};
    static const struct header silent[] = {{"iothub-messageid", "silent"}, {0}};
    struct taking taking = {.answers = true, .answer = VD_C2D_COMPLETE};
    char target[96];
    const json_t *record;
    unsigned records;

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    records = bus.records;
    expect(200, "GET", "/messages/servicebound/feedback", NULL, NULL);
    assert_int_equal(json_array_size(answer.body), 0);
    assert_int_equal(bus.records, records); /* who waits asks again and again */
    expect_with(204, "POST", SEND, wanted, vd_str_from("x"));
    expect_with(204, "POST", SEND, silent, vd_str_from("x"));
    expect_with(204, "POST", SEND, bad, vd_str_from("x"));
    take(&taking);
    take(&taking);
    expect(200, "DELETE", "/devices/d/commands", NULL, NULL);
    assert_int_equal(number_at("totalMessagesPurged"), 1);
    vd_c2d_delivery_release(&taking.delivery);

    /* It stays until it is removed. */
    for (int i = 0; i < 2; i++) {
        records = bus.records;
        expect(200, "GET", "/messages/servicebound/feedback", NULL, NULL);
        assert_int_equal(json_array_size(answer.body), 2);
        assert_int_equal(bus.records, records + 1);
        assert_non_null(strstr(bus.recorded, "\"operationName\":\"feedbackRead\""));
    }
    record = json_array_get(answer.body, 1);
    assert_string_equal(json_string_value(json_object_get(record, "originalMessageId")), "bad");
    assert_string_equal(json_string_value(json_object_get(record, "statusCode")), "Purged");
    record = json_array_get(answer.body, 0);
    assert_string_equal(json_string_value(json_object_get(record, "originalMessageId")), "good");
    assert_string_equal(json_string_value(json_object_get(record, "statusCode")), "Success");
    assert_string_equal(json_string_value(json_object_get(record, "description")), "Success");
    assert_string_equal(json_string_value(json_object_get(record, "deviceId")), "d");
    assert_int_equal(strlen(json_string_value(json_object_get(record, "deviceGenerationId"))), 36);
    assert_non_null(json_string_value(json_object_get(record, "enqueuedTimeUtc")));
    snprintf(target, sizeof target, "/messages/servicebound/feedback/%lld",
        (long long)json_integer_value(json_object_get(record, "sequence")));
    expect(200, "GET", "/messages/servicebound/feedback?top=1", NULL, NULL);
    assert_int_equal(json_array_size(answer.body), 1);
    expect(204, "DELETE", target, NULL, NULL);
    assert_non_null(strstr(bus.recorded, "\"operationName\":\"feedbackRemoved\""));
    expect(200, "GET", "/messages/servicebound/feedback", NULL, NULL);
    assert_int_equal(json_array_size(answer.body), 1);
    expect(400, "GET", "/messages/servicebound/feedback?top=0", NULL, NULL);
    expect(400, "GET", "/messages/servicebound/feedback?after=x", NULL, NULL);
    expect(400, "DELETE", "/messages/servicebound/feedback/x", NULL, NULL);
    expect(400, "DELETE", "/messages/servicebound/feedback/0", NULL, NULL);
}

static void test_commands__faults(void **state)
{
    char late[VD_TIME_TEXT_SIZE];
    char long_id[VD_C2D_MESSAGE_ID_MAX + 2];
    char *text = malloc(VD_MESSAGE_PROPERTIES_MAX + 1);
    const struct header cases[] = {
        {"iothub-ack", "maybe"},
        {"iothub-ack", ""},
        {"iothub-expiry", "tomorrow"},
        {"iothub-expiry", late},
        {"iothub-messageid", long_id},
        {"iothub-messageid", "\xff"},
        {"iothub-app-", "x"},
        {"iothub-app-$.mid", "x"},
        {"iothub-app-iothub-ack", "x"},
        {"iothub-app-a", "\xc3"},
        {"iothub-app-long", text},
    };
    struct vd_buf body = {0};

    (void)state;
    assert_non_null(text);
    memset(text, 'x', VD_MESSAGE_PROPERTIES_MAX);
    text[VD_MESSAGE_PROPERTIES_MAX] = '\0';
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    vd_time_format(vd_clock_utc_ms() + VD_HUB_C2D_TTL_MAX_MS + 60000, late);
    expect(200, "PUT", "/devices/d", NULL, "{}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct header headers[] = {cases[i], {0}};

        expect_with(400, "POST", SEND, headers, vd_str_from("x"));
        assert_fault("ArgumentInvalid");
    }
    for (unsigned i = 0; i < VD_HUB_C2D_BODY_MAX_BYTES / 16; i++) {
        vd_buf_append_text(&body, "0123456789abcdef");
    }
    vd_buf_append(&body, "x", 2);
    expect(413, "POST", SEND, NULL, (const char *)body.data);
    body.data[VD_HUB_C2D_BODY_MAX_BYTES] = '\0';
    assert_int_equal(bus.wakes, 0);
    expect(204, "POST", SEND, NULL, (const char *)body.data);
    vd_buf_release(&body);
    free(text);
}

/* Whichever request finds that a message has expired, it is recorded, once. */
static void test_commands__expired_are_recorded(void **state)
{
    static const struct header late[] = {{"iothub-expiry", "2020-01-31T12:00:00Z"}, {0}};
    static const struct {
        int status;
        const char *method;
        const char *path;
    } finders[] = {
        {204, "POST", SEND},
        {200, "GET", "/devices/d"},
        {200, "GET", "/devices"},
        {200, "DELETE", "/devices/d/commands"},
    };
    unsigned before;

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    before = bus.expired;
    for (unsigned i = 0; i < sizeof finders / sizeof finders[0]; i++) {
        expect_with(204, "POST", SEND, late, VD_STR_LITERAL("x"));
        assert_int_equal(bus.expired - before, i);
        expect(finders[i].status, finders[i].method, finders[i].path, NULL, i == 0 ? "y" : NULL);
        assert_int_equal(bus.expired - before, i + 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_commands__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivered_as_sent),
        TEST(named),
        TEST(full_and_purged),
        TEST(feedback),
        TEST(expired_are_recorded),
        TEST(faults),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
