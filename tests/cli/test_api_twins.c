/* SPDX-License-Identifier: MIT */
/* The owner's API: identities changed, twins, queries, messages to devices and their feedback. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/secret.h"
#include "lib/url.h"
#include "tests/cli/api_fixture.h"

#define KEY_16 "MDEyMzQ1Njc4OWFiY2RlZg=="
#define SHA1   "97388663832D0393C9246CAB4FBA2C8677185A25"

static void make_device(const char *id)
{
    char body[64];

    snprintf(body, sizeof body, "{\"deviceId\":\"%s\"}", id);
    json_decref(call(201, "POST", "/devices", NULL, body));
}

/* ---- Identities ---- */

static const char *key_of(json_t *device, const char *name)
{
    return json_string_value(json_object_get(
        json_object_get(json_object_get(device, "authentication"), "symmetricKey"), name));
}

/* Status and reason alone leave a connection as it is, unless it may be no more. */
static void test_api_twins__device_status(void **state)
{
    json_t *before;
    json_t *after;

    (void)state;
    make_device("a");
    before = call(200, "GET", "/devices/a", NULL, NULL);
    after = call(200, "PATCH", "/devices/a", NULL, "{\"statusReason\":\"watched\"}");
    assert_string_equal(text_at(after, NULL, "status"), "enabled");
    assert_string_equal(text_at(after, NULL, "statusReason"), "watched");
    assert_string_equal(key_of(after, "primaryKey"), key_of(before, "primaryKey"));
    assert_string_equal(key_of(after, "secondaryKey"), key_of(before, "secondaryKey"));
    assert_string_not_equal(text_at(after, NULL, "etag"), text_at(before, NULL, "etag"));
    assert_string_equal(bus.disconnected, "");
    json_decref(after);
    after = call(200, "PATCH", "/devices/a", NULL, "{\"status\":\"disabled\"}");
    assert_string_equal(text_at(after, NULL, "status"), "disabled");
    assert_string_equal(text_at(after, NULL, "statusReason"), "watched");
    assert_string_equal(bus.disconnected, "a");
    json_decref(after);
    json_decref(before);
}

/* What a device proves itself with is changed bit by bit, or for another way. */
static void test_api_twins__device_credentials(void **state)
{
    json_t *before;
    json_t *after;

    (void)state;
    make_device("a");
    before = call(200, "GET", "/devices/a", NULL, NULL);
    after = call(200, "PATCH", "/devices/a", NULL, "{\"newPrimaryKey\":true}");
    assert_string_not_equal(key_of(after, "primaryKey"), key_of(before, "primaryKey"));
    assert_int_equal(strlen(key_of(after, "primaryKey")), 44);
    assert_string_equal(key_of(after, "secondaryKey"), key_of(before, "secondaryKey"));
    assert_string_equal(bus.disconnected, "a");
    json_decref(after);
    after = call(200, "PATCH", "/devices/a", NULL, "{\"secondaryKey\":\"" KEY_16 "\"}");
    assert_string_equal(key_of(after, "secondaryKey"), KEY_16);
    json_decref(after);
    after = call(200, "PATCH", "/devices/a", NULL,
        "{\"authenticationType\":\"selfSigned\",\"primaryThumbprint\":\"" SHA1 "\","
        "\"secondaryThumbprint\":\"" SHA1 "\"}");
    assert_null(key_of(after, "primaryKey"));
    json_decref(after);
    /* A second one goes, the last cannot. */
    json_decref(call(200, "PATCH", "/devices/a", NULL, "{\"primaryThumbprint\":\"\"}"));
    expect(400, "InvalidBody", "PATCH", "/devices/a", NULL, "{\"secondaryThumbprint\":\"\"}");
    after = call(200, "PATCH", "/devices/a", NULL, "{\"authenticationType\":\"sas\"}");
    assert_int_equal(strlen(key_of(after, "primaryKey")), 44);
    assert_string_not_equal(key_of(after, "secondaryKey"), KEY_16);
    json_decref(after);
    json_decref(before);
}

static void test_api_twins__device_faults(void **state)
{
    static const struct {
        const char *query;
        const char *body;
        int status;
        const char *code;
    } cases[] = {
        {NULL, "", 400, "InvalidBody"},
        {NULL, "{\"deviceId\":\"a\"}", 400, "InvalidBody"},
        {NULL, "{\"status\":\"Enabled\"}", 400, "InvalidStatus"},
        {NULL, "{\"status\":null}", 400, "InvalidStatus"},
        {NULL, "{\"statusReason\":5}", 400, "InvalidStatusReason"},
        {NULL, "{\"newPrimaryKey\":1}", 400, "InvalidBody"},
        {NULL, "{\"newPrimaryKey\":true,\"primaryKey\":\"" KEY_16 "\"}", 400, "InvalidBody"},
        {NULL, "{\"primaryKey\":\"\"}", 400, "InvalidKey"},
        {NULL, "{\"primaryThumbprint\":\"" SHA1 "\"}", 400, "InvalidBody"},
        {NULL, "{\"authenticationType\":\"x\"}", 400, "InvalidAuthenticationType"},
        {"etag=x", "{\"status\":\"disabled\"}", 412, "PreconditionFailed"},
    };
    char reason[160];
    json_t *before;
    json_t *after;

    (void)state;
    make_device("a");
    before = call(200, "GET", "/devices/a", NULL, NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect(
            cases[i].status, cases[i].code, "PATCH", "/devices/a", cases[i].query, cases[i].body);
    }
    snprintf(reason, sizeof reason, "{\"statusReason\":\"%0129d\"}", 0);
    expect(400, "InvalidStatusReason", "PATCH", "/devices/a", NULL, reason);
    expect(404, "NotFound", "PATCH", "/devices/b", NULL, "{\"status\":\"disabled\"}");
    after = call(200, "GET", "/devices/a", NULL, NULL);
    assert_true(json_equal(before, after));
    assert_string_equal(bus.disconnected, "");
    json_decref(before);
    json_decref(after);
}

/* ---- Twins ---- */

static void test_api_twins__twin(void **state)
{
    struct vd_buf query = {0};
    const char *etag;
    json_t *twin;

    (void)state;
    make_device("a");
    twin = call(200, "PATCH", "/devices/a/twin", NULL,
        "{\"tags\":{\"site\":\"x\",\"line\":2},\"properties\":{\"desired\":{\"rate\":5}}}");
    assert_string_equal(text_at(twin, "tags", "site"), "x");
    assert_string_equal(bus.desired, "a/ {\"rate\":5,\"$version\":2}");
    vd_buf_append_text(&query, "etag=");
    vd_url_encode(vd_str_from(text_at(twin, NULL, "etag")), &query);
    vd_buf_append(&query, "", 1);
    etag = (const char *)query.data;
    json_decref(twin);
    json_decref(call(200, "PUT", "/devices/a/twin", etag, "{\"tags\":{\"site\":\"y\"}}"));
    expect(412, "PreconditionFailed", "PUT", "/devices/a/twin", etag, "{\"tags\":{}}");
    twin = call(200, "GET", "/devices/a/twin", NULL, NULL);
    assert_string_equal(text_at(twin, "tags", "site"), "y");
    assert_null(json_object_get(json_object_get(twin, "tags"), "line"));
    json_decref(twin);
    expect(400, "InvalidTwin", "PATCH", "/devices/a/twin", NULL, "{\"tags\":[]}");
    expect(400, "InvalidTwin", "PATCH", "/devices/a/twin", NULL, "x");
    expect(404, "NotFound", "GET", "/devices/b/twin", NULL, NULL);
    expect(404, "NotFound", "GET", "/devices/a/modules/m/twin", NULL, NULL);
    expect(404, "NotFound", "PATCH", "/devices/b/twin", NULL, "{}");
    vd_buf_release(&query);
}

static void test_api_twins__twin_of_a_module(void **state)
{
    struct vd_identity module = {.device_id = "a",
        .module_id = "m",
        .enabled = true,
        .primary_key = {.length = 32},
        .secondary_key = {.length = 32}};
    json_t *twin;

    (void)state;
    make_device("a");
    assert_int_equal(vd_registry_create(stores.registry, &module), VD_OK);
    json_decref(call(200, "PATCH", "/devices/a/modules/m/twin", NULL,
        "{\"properties\":{\"desired\":{\"x\":1}}}"));
    assert_string_equal(bus.desired, "a/m {\"x\":1,\"$version\":2}");
    twin = call(200, "GET", "/devices/a/modules/m/twin", NULL, NULL);
    assert_string_equal(text_at(twin, NULL, "moduleId"), "m");
    json_decref(twin);
}

static void test_api_twins__query(void **state)
{
    char body[512];
    json_t *page;

    (void)state;
    make_device("a");
    make_device("b");
    make_device("c");
    page = call(200, "POST", "/twins/query", NULL,
        "{\"query\":\"SELECT deviceId FROM devices\",\"maxRows\":2}");
    assert_int_equal(json_array_size(json_object_get(page, "rows")), 2);
    assert_true(json_is_false(json_object_get(page, "areTwins")));
    snprintf(body, sizeof body,
        "{\"query\":\"SELECT deviceId FROM devices\",\"maxRows\":2,\"continuation\":\"%s\"}",
        text_at(page, NULL, "continuation"));
    json_decref(page);
    page = call(200, "POST", "/twins/query", NULL, body);
    assert_int_equal(json_array_size(json_object_get(page, "rows")), 1);
    assert_string_equal(text_at(page, NULL, "continuation"), "");
    json_decref(page);
    page = call(200, "POST", "/twins/query", NULL,
        "{\"query\":\"SELECT * FROM devices WHERE deviceId = 'b'\"}");
    assert_int_equal(json_array_size(json_object_get(page, "rows")), 1);
    assert_true(json_is_true(json_object_get(page, "areTwins")));
    json_decref(page);
    expect(400, "InvalidQuery", "POST", "/twins/query", NULL, "{\"query\":\"SELECT\"}");
    expect(400, "InvalidBody", "POST", "/twins/query", NULL, "{\"query\":1}");
    expect(400, "InvalidBody", "POST", "/twins/query", NULL,
        "{\"query\":\"SELECT * FROM devices\",\"maxRows\":0}");
    expect(400, "InvalidBody", "POST", "/twins/query", NULL,
        "{\"query\":\"SELECT * FROM devices\",\"maxRows\":1001}");
    expect(400, "InvalidContinuation", "POST", "/twins/query", NULL,
        "{\"query\":\"SELECT * FROM devices\",\"continuation\":\"x\"}");
}

/* ---- Messages ---- */

static int run_take(void *context, struct vd_state_store *store)
{
    struct vd_identity identity = {0};
    struct vd_state_key key = {.device_id = "a"};
    bool found = false;
    int error = vd_registry_get(stores.registry, "a", "", &identity);

    snprintf(key.generation_id, sizeof key.generation_id, "%s", identity.generation_id);
    if (error == VD_OK) {
        error = vd_state_c2d_take(
            store, &key, VD_HUB_C2D_LOCK_MS, vd_clock_utc_ms(), context, &found, NULL);
    }
    return error == VD_OK && !found ? VD_E_NOT_FOUND : error;
}

static void assert_property(
    const struct vd_c2d_delivery *delivery, const char *name, const char *expected)
{
    char value[128];

    assert_int_equal(vd_bag_find((struct vd_str){(const char *)delivery->properties.data,
                                     delivery->properties.length},
                         name, value, sizeof value),
        VD_OK);
    assert_string_equal(value, expected);
}

static void test_api_twins__message(void **state)
{
    struct vd_c2d_delivery delivery = {0};
    const int64_t before = vd_clock_utc_ms();
    json_t *answer;

    (void)state;
    make_device("a");
    answer = call(201, "POST", "/devices/a/messages", NULL,
        "{\"payload\":\"h\u00e9\",\"messageId\":\"m 1\",\"correlationId\":\"c\",\"userId\":\"u\","
        "\"contentType\":\"text/plain\",\"contentEncoding\":\"utf-8\",\"ack\":\"full\","
        "\"ttlSeconds\":60,\"properties\":{\"k&\":\"v=\"}}");
    assert_string_equal(text_at(answer, NULL, "messageId"), "m 1");
    assert_string_equal(bus.waiting, "a");
    json_decref(answer);
    answer = call(200, "GET", "/devices/a", NULL, NULL);
    assert_int_equal(json_integer_value(json_object_get(answer, "messagesWaiting")), 1);
    json_decref(answer);
    assert_int_equal(vd_state_do(stores.state, run_take, &delivery), VD_OK);
    assert_string_equal(delivery.message_id, "m 1");
    assert_int_equal(delivery.ack, VD_C2D_ACK_FULL);
    assert_in_range(delivery.expires_ms, before + 60000, vd_clock_utc_ms() + 60000);
    assert_int_equal(delivery.body.length, 3);
    assert_memory_equal(delivery.body.data, "h\xc3\xa9", 3);
    assert_property(&delivery, "$.mid", "m 1");
    assert_property(&delivery, "$.cid", "c");
    assert_property(&delivery, "$.uid", "u");
    assert_property(&delivery, "$.ct", "text/plain");
    assert_property(&delivery, "$.ce", "utf-8");
    assert_property(&delivery, "iothub-ack", "full");
    assert_property(&delivery, "k&", "v=");
    vd_c2d_delivery_release(&delivery);
}

static void test_api_twins__message_of_bytes(void **state)
{
    static uint8_t bytes[VD_HUB_C2D_BODY_MAX_BYTES + 1];
    static char text[VD_BASE64_LENGTH(sizeof bytes) + 1];
    struct vd_c2d_delivery delivery = {0};

    (void)state;
    make_device("a");
    json_decref(call(201, "POST", "/devices/a/messages", NULL, "{\"payloadBase64\":\"AP8A\"}"));
    assert_int_equal(vd_state_do(stores.state, run_take, &delivery), VD_OK);
    assert_int_equal(delivery.body.length, 3);
    assert_memory_equal(delivery.body.data, "\0\xff\0", 3);
    vd_c2d_delivery_release(&delivery);
    for (size_t more = 0; more < 2; more++) {
        struct vd_buf body = {0};

        assert_int_equal(
            vd_base64_encode(bytes, sizeof bytes - 1 + more, text, sizeof text), VD_OK);
        vd_buf_printf(&body, "{\"payloadBase64\":\"%s\"}", text);
        vd_buf_append(&body, "", 1);
        json_decref(call(
            more == 0 ? 201 : 400, "POST", "/devices/a/messages", NULL, (const char *)body.data));
        vd_buf_release(&body);
    }
}

static void test_api_twins__message_faults(void **state)
{
    static const char *const bodies[] = {
        "[]",
        "{\"payload\":5}",
        "{\"payload\":\"a\",\"payloadBase64\":\"YQ==\"}",
        "{\"payloadBase64\":\"*\"}",
        "{\"messageId\":5}",
        "{\"ack\":\"all\"}",
        "{\"ack\":null}",
        "{\"ttlSeconds\":0}",
        "{\"ttlSeconds\":172801}",
        "{\"ttlSeconds\":\"60\"}",
        "{\"ttlSeconds\":1.5}",
        "{\"properties\":[]}",
        "{\"properties\":{\"a\":1}}",
        "{\"properties\":{\"$.mid\":\"x\"}}",
        "{\"properties\":{\"\":\"x\"}}",
        "{\"body\":\"a\"}",
    };

    (void)state;
    make_device("a");
    for (size_t i = 0; i < COUNT(bodies); i++) {
        expect(400, i == 0 ? "InvalidBody" : "InvalidMessage", "POST", "/devices/a/messages", NULL,
            bodies[i]);
    }
    expect(404, "NotFound", "POST", "/devices/b/messages", NULL, "{}");
    expect(404, "NotFound", "DELETE", "/devices/b/messages", NULL, NULL);
    for (unsigned i = 0; i < VD_HUB_C2D_MESSAGES_MAX; i++) {
        json_decref(call(201, "POST", "/devices/a/messages", NULL, "{}"));
    }
    expect(403, "DeviceMaximumQueueDepthExceeded", "POST", "/devices/a/messages", NULL, "{}");
}

static void test_api_twins__purge_and_feedback(void **state)
{
    char path[64];
    json_t *answer;
    const json_t *first;

    (void)state;
    make_device("a");
    for (unsigned i = 0; i < 3; i++) {
        json_decref(call(201, "POST", "/devices/a/messages", NULL,
            i == 2       ? "{\"messageId\":\"c\"}"
                : i == 1 ? "{\"messageId\":\"b\",\"ack\":\"negative\"}"
                         : "{\"messageId\":\"a\",\"ack\":\"full\"}"));
    }
    answer = call(200, "DELETE", "/devices/a/messages", NULL, NULL);
    assert_int_equal(json_integer_value(json_object_get(answer, "purged")), 3);
    json_decref(answer);
    answer = call(200, "GET", "/feedback", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "feedback")), 2);
    first = json_array_get(json_object_get(answer, "feedback"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "originalMessageId")), "a");
    assert_string_equal(json_string_value(json_object_get(first, "statusCode")), "Purged");
    snprintf(path, sizeof path, "upTo=%lld",
        (long long)json_integer_value(json_object_get(first, "sequence")));
    json_decref(answer);
    assert_null(call(204, "DELETE", "/feedback", path, NULL));
    answer = call(200, "GET", "/feedback", "after=0&limit=5", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "feedback")), 1);
    json_decref(answer);
    expect(400, "InvalidParameter", "GET", "/feedback", "limit=1001", NULL);
    expect(400, "InvalidParameter", "DELETE", "/feedback", "upTo=x", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_api_twins__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(device_status),
        TEST(device_credentials),
        TEST(device_faults),
        TEST(twin),
        TEST(twin_of_a_module),
        TEST(query),
        TEST(message),
        TEST(message_of_bytes),
        TEST(message_faults),
        TEST(purge_and_feedback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
