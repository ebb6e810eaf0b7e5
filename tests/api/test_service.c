/* SPDX-License-Identifier: MIT */
/* The service API as a face, on a real registry: identities in the shape of the SDKs, bulk, methods, faults. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"
#include "lib/secret.h"
#include "tests/api/service_fixture.h"

#define KEY_A    "cHJpbWFyeSBrZXkgb2YgYSBkZXZpY2UgdW5kZXIgdGU="
#define KEY_B    "c2Vjb25kYXJ5IGtleSBvZiBhIGRldmljZSB1bmRlciA="
#define HEX_SHA1 "0123456789abcdef0123456789ABCDEF01234567"

/* ---- Identities ---- */

static void test_service__device_life(void **state)
{
    char etag[64];
    char quoted[66];
    uint8_t key[VD_KEY_MAX_BYTES];
    size_t length = 0;
    const char *primary;

    (void)state;
    bus.connected = "2#";
    expect(200, "PUT", "/devices/2%23?api-version=2021-04-12", NULL,
        "{\"deviceId\":\"2#\",\"status\":\"disabled\",\"statusReason\":\"new\",\"authentication\":"
        "{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}");
    expect(200, "GET", "/devices/2%23", NULL, NULL);
    assert_string_equal(text_at(NULL, NULL, "deviceId"), "2#");
    assert_string_equal(text_at(NULL, NULL, "status"), "disabled");
    assert_string_equal(text_at(NULL, NULL, "statusReason"), "new");
    assert_string_equal(text_at(NULL, NULL, "connectionState"), "Connected");
    assert_int_equal(strlen(text_at(NULL, NULL, "generationId")), 36);
    assert_string_equal(text_at(NULL, NULL, "lastActivityTime"), "0001-01-01T00:00:00Z");
    assert_string_equal(text_at("authentication", NULL, "type"), "sas");
    assert_int_equal(number_at("cloudToDeviceMessageCount"), 0);
    assert_true(
        json_is_false(json_object_get(json_object_get(answer.body, "capabilities"), "iotEdge")));
    assert_true(json_is_null(json_object_get(
        json_object_get(json_object_get(answer.body, "authentication"), "x509Thumbprint"),
        "primaryThumbprint")));
    assert_null(json_object_get(answer.body, "moduleId"));
    primary = text_at("authentication", "symmetricKey", "primaryKey");
    assert_int_equal(vd_base64_decode(vd_str_from(primary), key, sizeof key, &length), VD_OK);
    assert_int_equal(length, 64);
    snprintf(etag, sizeof etag, "%s", text_at(NULL, NULL, "etag"));

    /* A change needs If-Match; what it does not say stays. */
    expect(409, "PUT", "/devices/2%23", NULL, "{\"deviceId\":\"2#\"}");
    assert_fault("DeviceAlreadyExists");
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    expect(200, "PUT", "/devices/2%23", quoted, "{\"status\":\"Enabled\"}");
    assert_string_equal(text_at(NULL, NULL, "status"), "enabled");
    assert_string_equal(bus.disconnected, "");
    expect(412, "PUT", "/devices/2%23", quoted, "{\"status\":\"disabled\"}");
    assert_fault("PreconditionFailed");
    expect(200, "PUT", "/devices/2%23", "\"*\"", "{\"status\":\"disabled\",\"statusReason\":null}");
    assert_string_equal(bus.disconnected, "2#/");
    assert_null(text_at(NULL, NULL, "statusReason"));

    expect(412, "DELETE", "/devices/2%23", etag, NULL);
    bus.disconnected[0] = '\0';
    expect(204, "DELETE", "/devices/2%23", "\"*\"", NULL);
    assert_null(answer.body);
    assert_string_equal(bus.disconnected, "2#/");
    expect(404, "DELETE", "/devices/2%23", "*", NULL);
    assert_fault("DeviceNotFound");
    expect(404, "PUT", "/devices/2%23", "*", "{}");
    expect(404, "GET", "/devices/2%23", NULL, NULL);
    /* Made again it is another: the ETag of the one before does not fit. */
    expect(200, "PUT", "/devices/2%23", NULL, "{}");
    assert_string_not_equal(text_at(NULL, NULL, "etag"), etag);
    expect(412, "DELETE", "/devices/2%23", etag, NULL);
}

/* What an SDK gets it can give back, whole. */
static void test_service__answer_is_accepted(void **state)
{
    char *body;
    char *keys;

    (void)state;
    expect(200, "PUT", "/devices/a", NULL, "{}");
    body = json_dumps(answer.body, 0);
    keys = json_dumps(json_object_get(answer.body, "authentication"), 0);
    expect(200, "PUT", "/devices/a", "*", body);
    free(body);
    body = json_dumps(json_object_get(answer.body, "authentication"), 0);
    assert_string_equal(body, keys);
    assert_string_equal(bus.disconnected, "");
    free(keys);
    free(body);
}

static void test_service__credentials(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/k", NULL,
        "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" KEY_A
        "\",\"secondaryKey\":\"" KEY_B "\"}}}");
    assert_string_equal(text_at("authentication", "symmetricKey", "primaryKey"), KEY_A);
    assert_string_equal(text_at("authentication", "symmetricKey", "secondaryKey"), KEY_B);
    /* A key that changes ends the connection; one that is not said stays. */
    expect(200, "PUT", "/devices/k", "*",
        "{\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"" KEY_B "\"}}}");
    assert_string_equal(text_at("authentication", "symmetricKey", "primaryKey"), KEY_B);
    assert_string_equal(text_at("authentication", "symmetricKey", "secondaryKey"), KEY_B);
    assert_string_equal(bus.disconnected, "k/");
    expect(200, "PUT", "/devices/t", NULL,
        "{\"authentication\":{\"x509Thumbprint\":{\"primaryThumbprint\":\"" HEX_SHA1 "\"}}}");
    assert_string_equal(text_at("authentication", NULL, "type"), "selfSigned");
    assert_string_equal(text_at("authentication", "x509Thumbprint", "primaryThumbprint"),
        "0123456789ABCDEF0123456789ABCDEF01234567");
    assert_null(text_at("authentication", "symmetricKey", "primaryKey"));
    expect(
        200, "PUT", "/devices/c", NULL, "{\"authentication\":{\"type\":\"certificateAuthority\"}}");
    assert_string_equal(text_at("authentication", NULL, "type"), "certificateAuthority");
    /* Back to keys: there are none, so they are made. */
    expect(200, "PUT", "/devices/c", "*", "{\"authentication\":{\"type\":\"sas\"}}");
    assert_int_equal(strlen(text_at("authentication", "symmetricKey", "secondaryKey")), 88);
}

static void test_service__bad_bodies(void **state)
{
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"deviceId\":\"b\"}",
        "{\"deviceId\":1}",
        "{\"moduleId\":\"m\"}",
        "{\"status\":\"maybe\"}",
        "{\"status\":1}",
        "{\"statusReason\":1}",
        "{\"statusReason\":\"0123456789012345678901234567890123456789012345678901234567890123"
        "45678901234567890123456789012345678901234567890123456789012345678\"}",
        "{\"authentication\":1}",
        "{\"authentication\":{\"type\":\"none\"}}",
        "{\"authentication\":{\"type\":1}}",
        "{\"authentication\":{\"symmetricKey\":[]}}",
        "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"c2hvcnQ=\"}}}",
        "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"no base64\"}}}",
        "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":7}}}",
        "{\"authentication\":{\"type\":\"selfSigned\"}}",
        "{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{\"primaryThumbprint\":"
        "\"0123\"}}}",
        "{\"capabilities\":{\"iotEdge\":true}}",
    };

    (void)state;
    expect(200, "PUT", "/devices/there", NULL, "{}");
    for (size_t i = 0; i < COUNT(bodies); i++) {
        const char *detail;

        if (call("PUT", "/devices/a", NULL, bodies[i]) != 400 ||
            call("PUT", "/devices/there", "*", bodies[i]) != 400) {
            fail_msg("%d for %s", answer.status, bodies[i]);
        }
        assert_fault("ArgumentInvalid");
        detail = strchr(text_at(NULL, NULL, "Message"), ';');
        assert_true(detail != NULL && strlen(detail) > 1);
    }
    expect(404, "GET", "/devices/a", NULL, NULL);
}

static void test_service__paths(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        int status;
    } cases[] = {
        {"GET", "", 404},
        {"GET", "/", 404},
        {"GET", "/devices/", 200},
        {"GET", "/devices?top=10", 200},
        {"GET", "/devices?top=0", 400},
        {"GET", "/devices?top=x", 400},
        {"GET", "/devices?top=", 400},
        {"GET", "/devices?top=99999999999", 400},
        {"GET", "/devices/dev%202%23", 400},
        {"GET", "/devices/a%2Fb", 400},
        {"GET", "/devices/a%00b", 400},
        {"GET", "/devices/a%zz", 400},
        {"GET", "/devices//modules", 400},
        {"GET", "/devices/a/modules/b/c", 404},
        {"GET", "/devices/a/modules/b/c/d/e/f", 404},
        {"GET", "/devicesx", 404},
        {"GET", "devices", 404},
        {"PATCH", "/devices", 405},
        {"GET", "/twins/a/methods", 405},
        {"GET", "/twins/a", 404},
        {"GET", "/twins/a/modules/m", 404},
        {"DELETE", "/twins/a", 405},
        {"POST", "/devices/query", 400},
        {"GET", "/configurations", 200},
        {"GET", "/jobs", 200},
    };
    char longest[300];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect(cases[i].status, cases[i].method, cases[i].target, NULL, NULL);
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "/devices/", 9);
    longest[9 + 128] = '\0';
    expect(200, "PUT", longest, NULL, "{}");
    longest[9 + 128] = 'x';
    longest[9 + 129] = '\0';
    expect(400, "PUT", longest, NULL, "{}");
}

static void test_service__modules(void **state)
{
    (void)state;
    expect(404, "PUT", "/devices/d/modules/m", NULL, "{}");
    assert_fault("DeviceNotFound");
    expect(404, "GET", "/devices/d/modules", NULL, NULL);
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PUT", "/devices/d/modules/m", NULL,
        "{\"deviceId\":\"d\",\"moduleId\":\"m\",\"managedBy\":null}");
    assert_string_equal(text_at(NULL, NULL, "moduleId"), "m");
    expect(200, "PUT", "/devices/d/modules/n", NULL, "{}");
    expect(200, "PUT", "/devices/e", NULL, "{}");
    expect(200, "PUT", "/devices/e/modules/o", NULL, "{}");
    expect(409, "PUT", "/devices/d/modules/m", NULL, "{}");
    assert_fault("ModuleAlreadyExistsOnDevice");
    expect(200, "GET", "/devices/d/modules", NULL, NULL);
    assert_int_equal(json_array_size(answer.body), 2);
    expect(200, "GET", "/devices", NULL, NULL); /* modules are no devices */
    assert_int_equal(json_array_size(answer.body), 2);
    expect(200, "GET", "/devices?top=1", NULL, NULL);
    assert_int_equal(json_array_size(answer.body), 1);
    expect(200, "PUT", "/devices/d/modules/m", "*", "{\"status\":\"disabled\"}");
    assert_string_equal(bus.disconnected, "d/m");
    expect(204, "DELETE", "/devices/d/modules/m", "*", NULL);
    expect(404, "GET", "/devices/d/modules/m", NULL, NULL);
    assert_fault("ModuleNotFound");
    expect(204, "DELETE", "/devices/d", NULL, NULL);
    expect(404, "GET", "/devices/d/modules/n", NULL, NULL);
}

static void test_service__statistics(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/a", NULL, "{}");
    expect(200, "PUT", "/devices/a/modules/m", NULL, "{}");
    expect(200, "PUT", "/devices/b", NULL, "{\"status\":\"disabled\"}");
    expect(200, "GET", "/statistics/devices", NULL, NULL);
    assert_int_equal(number_at("totalDeviceCount"), 2);
    assert_int_equal(number_at("enabledDeviceCount"), 1);
    assert_int_equal(number_at("disabledDeviceCount"), 1);
    expect(200, "GET", "/statistics/service", NULL, NULL);
    assert_int_equal(number_at("connectedDeviceCount"), 0);
}

/* ---- Bulk ---- */

static void assert_bulk(size_t errors)
{
    const json_t *list = json_object_get(answer.body, "errors");

    assert_int_equal(json_array_size(list), errors);
    assert_int_equal(json_is_true(json_object_get(answer.body, "isSuccessful")), errors == 0);
    assert_true(json_is_array(json_object_get(answer.body, "warnings")));
}

static const char *bulk_error(size_t i, const char *name)
{
    return json_string_value(
        json_object_get(json_array_get(json_object_get(answer.body, "errors"), i), name));
}

static void test_service__bulk(void **state)
{
    char body[256];
    char etag[64];

    (void)state;
    expect(200, "POST", "/devices", NULL,
        "[{\"id\":\"a\",\"importMode\":\"create\"},{\"deviceId\":\"b\",\"importMode\":\"CREATE\"},"
        "{\"id\":\"c\",\"importMode\":\"createOrUpdate\"},"
        "{\"id\":\"c\",\"moduleId\":\"m\",\"importMode\":\"create\"}]");
    assert_bulk(0);
    expect(400, "POST", "/devices", NULL,
        "[{\"id\":\"a\",\"importMode\":\"create\"},{\"id\":\"b\",\"importMode\":\"update\","
        "\"status\":\"disabled\"},{\"id\":\"none\",\"importMode\":\"Update\"},"
        "{\"id\":\"c\",\"importMode\":\"nonsense\"},{\"id\":\"/\",\"importMode\":\"create\"},5,"
        "{\"id\":\"c\",\"moduleId\":\"m\",\"importMode\":\"create\"},"
        "{\"id\":\"c\",\"importMode\":\"createOrUpdate\",\"status\":\"disabled\"}]");
    assert_bulk(6);
    assert_string_equal(answer.headers[0].value, "BulkRegistryOperationFailure");
    assert_string_equal(bulk_error(0, "deviceId"), "a");
    assert_string_equal(bulk_error(0, "errorCode"), "DeviceAlreadyExists");
    assert_string_equal(bulk_error(1, "errorCode"), "DeviceNotFound");
    assert_string_equal(bulk_error(2, "errorCode"), "ArgumentInvalid");
    assert_string_equal(bulk_error(3, "errorCode"), "ArgumentInvalid");
    assert_string_equal(bulk_error(5, "moduleId"), "m");
    expect(200, "GET", "/devices/b", NULL, NULL);
    assert_string_equal(text_at(NULL, NULL, "status"), "disabled");
    snprintf(etag, sizeof etag, "%s", text_at(NULL, NULL, "etag"));
    expect(200, "GET", "/devices/c", NULL, NULL);
    assert_string_equal(text_at(NULL, NULL, "status"), "disabled");
    for (int i = 0; i < 2; i++) {
        snprintf(body, sizeof body,
            "[{\"id\":\"b\",\"etag\":\"%s\",\"importMode\":\"updateIfMatchETag\","
            "\"status\":\"enabled\"}]",
            etag);
        expect(i == 0 ? 200 : 400, "POST", "/devices", NULL, body);
    }
    assert_string_equal(bulk_error(0, "errorCode"), "PreconditionFailed");
    expect(400, "POST", "/devices", NULL,
        "[{\"id\":\"b\",\"importMode\":\"deleteIfMatchETag\"},{\"id\":\"a\",\"importMode\":"
        "\"Delete\"}]");
    assert_bulk(1);
    expect(404, "GET", "/devices/a", NULL, NULL);
    expect(200, "GET", "/devices/b", NULL, NULL);
}

static void test_service__bulk_bounds(void **state)
{
    json_t *items = json_array();
    char *text;

    (void)state;
    expect(400, "POST", "/devices", NULL, "[]");
    expect(400, "POST", "/devices", NULL, "{}");
    expect(400, "POST", "/devices", NULL, "");
    for (int i = 0; i <= VD_SERVICE_BULK_MAX; i++) {
        assert_int_equal(json_array_append_new(items, json_object()), 0);
    }
    text = json_dumps(items, 0);
    expect(400, "POST", "/devices", NULL, text);
    assert_fault("ArgumentInvalid");
    free(text);
    json_decref(items);
    /* What a single identity may not be is still within what comes through. */
    text = malloc(VD_SERVICE_BODY_MAX_BYTES + 2);
    assert_non_null(text);
    memset(text, ' ', VD_SERVICE_BODY_MAX_BYTES + 1);
    text[VD_SERVICE_BODY_MAX_BYTES + 1] = '\0';
    expect(413, "PUT", "/devices/a", NULL, text);
    assert_fault("RequestEntityTooLarge");
    free(text);
}

/* ---- Methods ---- */

static void test_service__methods(void **state)
{
    static const struct {
        int error;
        int status;
        const char *name;
    } ends[] = {
        {VD_E_NOT_FOUND, 404, "DeviceNotOnline"},
        {VD_E_TIMEOUT, 504, "GatewayTimeout"},
        {VD_E_LIMIT, 429, "ThrottlingException"},
        {VD_E_CLOSED, 503, "ServiceUnavailable"},
    };

    (void)state;
    expect(404, "POST", "/twins/d/methods", NULL, "{\"methodName\":\"reboot\"}");
    assert_fault("DeviceNotFound");
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(404, "POST", "/twins/d/modules/m/methods", NULL, "{\"methodName\":\"reboot\"}");
    assert_fault("ModuleNotFound");
    expect(200, "PUT", "/devices/d/modules/m", NULL, "{}");
    bus.method_payload = "{\"x\":[1,null]}";
    expect(200, "POST", "/twins/d/methods", NULL,
        "{\"methodName\":\"reboot\",\"payload\":{\"a\":1},\"responseTimeoutInSeconds\":7,"
        "\"connectTimeoutInSeconds\":3}");
    assert_string_equal(bus.called, "d/ reboot {\"a\":1} 7000 3000");
    assert_int_equal(number_at("status"), 201);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(answer.body, "payload"), "x")), 2);
    bus.method_payload = "";
    expect(200, "POST", "/twins/d/modules/m/methods", NULL, "{\"methodName\":\"m\"}");
    assert_string_equal(bus.called, "d/m m null 30000 0");
    assert_true(json_is_null(json_object_get(answer.body, "payload")));
    bus.method_payload = "{no json";
    expect(502, "POST", "/twins/d/methods", NULL, "{\"methodName\":\"m\",\"payload\":\"text\"}");
    assert_string_equal(bus.called, "d/ m \"text\" 30000 0");
    for (size_t i = 0; i < COUNT(ends); i++) {
        bus.method_error = ends[i].error;
        expect(ends[i].status, "POST", "/twins/d/methods", NULL, "{\"methodName\":\"m\"}");
        assert_fault(ends[i].name);
    }
}

static void test_service__bad_methods(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"methodName\":\"\"}",
        "{\"methodName\":\"a/b\"}",
        "{\"methodName\":1}",
        "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":4}",
        "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":301}",
        "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":\"5\"}",
        "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":9223372036854775807}",
        "{\"methodName\":\"m\",\"connectTimeoutInSeconds\":-1}",
        "{\"methodName\":\"m\",\"connectTimeoutInSeconds\":301}",
    };
    struct vd_buf large = {0};

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    for (size_t i = 0; i < COUNT(bodies); i++) {
        expect(400, "POST", "/twins/d/methods", NULL, bodies[i]);
        assert_fault("ArgumentInvalid");
    }
    vd_buf_append_text(&large, "{\"methodName\":\"m\",\"payload\":\"");
    for (unsigned i = 0; i < VD_METHOD_PAYLOAD_MAX_BYTES; i += 16) {
        vd_buf_append_text(&large, "0123456789abcdef");
    }
    vd_buf_append(&large, "\"}", 3);
    expect(400, "POST", "/twins/d/methods", NULL, (const char *)large.data);
    vd_buf_release(&large);
    assert_string_equal(bus.called, "");
}

/* Each request leaves one record, which says what was done to whom and how it ended; of a bulk each item. */
static void test_service__records(void **unused)
{
    static const struct {
        const char *method;
        const char *target;
        const char *if_match;
        const char *body;
        int status;
        const char *says[4];
    } cases[] = {
        {"PUT", "/devices/r1", NULL, "{\"deviceId\":\"r1\"}", 200,
            {"\"operationName\":\"create\"", "\"category\":\"DeviceIdentityOperations\"",
                "deviceId\\\":\\\"r1", "\"resultType\":\"\""}},
        {"PUT", "/devices/r1", NULL, "{\"deviceId\":\"r1\"}", 409,
            {"\"operationName\":\"create\"", "\"resultType\":\"409001\"", "\"level\":\"Error\"",
                "DeviceAlreadyExists"}},
        {"PUT", "/devices/r1", "*", "{\"deviceId\":\"r1\"}", 200,
            {"\"operationName\":\"update\"", "protocol\\\":\\\"Https", "r1", "200"}},
        {"GET", "/devices/none", NULL, NULL, 404,
            {"\"operationName\":\"get\"", "404001", "deviceId\\\":\\\"none", "Error"}},
        {"GET", "/twins/r1", NULL, NULL, 200,
            {"\"operationName\":\"read\"", "C2DTwinOperations", "messageSize", "r1"}},
        {"PATCH", "/twins/r1", NULL, "{\"tags\":{\"a\":1}}", 200,
            {"\"operationName\":\"update\"", "C2DTwinOperations", "messageSize", "r1"}},
        {"POST", "/devices/query", NULL, "{\"query\":\"SELECT * FROM devices\"}", 200,
            {"\"operationName\":\"query\"", "TwinQueries", "SELECT * FROM devices",
                "resultSize\\\":1"}},
        {"POST", "/devices", NULL, "[{\"id\":\"r2\",\"importMode\":\"create\"}]", 200,
            {"\"operationName\":\"create\"", "DeviceIdentityOperations", "deviceId\\\":\\\"r2",
                "batching"}},
        {"POST", "/devices/r2/messages/devicebound", NULL, "x", 204,
            {"\"operationName\":\"send\"", "C2DCommands", "deviceId\\\":\\\"r2",
                "messageId\\\":\\\""}},
        {"DELETE", "/devices/r2/commands", NULL, NULL, 200,
            {"\"operationName\":\"queuePurged\"", "C2DCommands", "r2", "200"}},
        /* Calls of methods that do not come to the hub. */
        {"POST", "/twins/r2/methods", NULL, "{}", 400,
            {"\"operationName\":\"send\"", "DirectMethods", "deviceId\\\":\\\"r2", "400004"}},
        {"POST", "/twins/none/methods", NULL, "{\"methodName\":\"m\"}", 404,
            {"\"operationName\":\"send\"", "DirectMethods", "deviceId\\\":\\\"none", "404001"}},
        {"DELETE", "/messages/servicebound/feedback/x", NULL, NULL, 400,
            {"\"operationName\":\"feedbackRemoved\"", "C2DCommands", "400004", "Error"}},
        {"DELETE", "/devices/r2", "*", NULL, 204,
            {"\"operationName\":\"delete\"", "deviceId\\\":\\\"r2", "200", "\"\""}},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect(cases[i].status, cases[i].method, cases[i].target, cases[i].if_match, cases[i].body);
        assert_int_equal(bus.records, i + 1);
        for (size_t n = 0; n < COUNT(cases[i].says); n++) {
            if (strstr(bus.recorded, cases[i].says[n]) == NULL) {
                fail_msg("%s %s: no %s in %s", cases[i].method, cases[i].target, cases[i].says[n],
                    bus.recorded);
            }
        }
    }
    /* Who may not call leaves no record: strangers could fill the log with them. */
    assert_int_equal(call_with(NULL, "GET", "/devices/r1", NULL, NULL), 401);
    assert_int_equal(bus.records, COUNT(cases));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_service__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(device_life),
        TEST(answer_is_accepted),
        TEST(credentials),
        TEST(bad_bodies),
        TEST(paths),
        TEST(modules),
        TEST(statistics),
        TEST(bulk),
        TEST(bulk_bounds),
        TEST(methods),
        TEST(bad_methods),
        TEST(records),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
