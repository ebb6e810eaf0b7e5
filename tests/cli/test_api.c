/* SPDX-License-Identifier: MIT */
/* The API without a transport, on real stores: routes, devices, indicators, queries, faults. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/api.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "tests/cli/api_fixture.h"
#include "tests/hub/certificates.h"

#define KEY_16 "MDEyMzQ1Njc4OWFiY2RlZg=="
#define SHA1   "97388663832d0393c9246cab4fba2c8677185a25"

static void test_api__faults(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *query;
        const char *body;
        int status;
        const char *code;
    } cases[] = {
        {"GET", "", NULL, NULL, 404, "NotFound"},
        {"GET", "/", NULL, NULL, 404, "NotFound"},
        {"GET", "/nothing", NULL, NULL, 404, "NotFound"},
        {"GET", "/devices/", NULL, NULL, 404, "NotFound"},
        {"GET", "/devices/a/b", NULL, NULL, 404, "NotFound"},
        {"GET", "/devicesx", NULL, NULL, 404, "NotFound"},
        {"PUT", "/devices", NULL, NULL, 405, "MethodNotAllowed"},
        {"DELETE", "/alerts/x", NULL, NULL, 405, "MethodNotAllowed"},
        {"get", "/devices", NULL, NULL, 405, "MethodNotAllowed"},
        {"GET", "/devices/a%00b", NULL, NULL, 400, "InvalidPath"},
        {"GET", "/devices/none", NULL, NULL, 404, "NotFound"},
        {"GET", "/policies/none", NULL, NULL, 404, "NotFound"},
        {"DELETE", "/devices/none", NULL, NULL, 404, "NotFound"},
        {"POST", "/devices", NULL, "", 400, "InvalidBody"},
        {"POST", "/devices", NULL, "[]", 400, "InvalidBody"},
        {"POST", "/devices", NULL, "{", 400, "InvalidBody"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"deviceId\":\"b\"}", 400, "InvalidBody"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"more\":1}", 400, "InvalidBody"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"\xff\"}", 400, "InvalidBody"},
        {"POST", "/devices", NULL, "{}", 400, "InvalidDeviceId"},
        {"POST", "/devices", NULL, "{\"deviceId\":5}", 400, "InvalidDeviceId"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"\"}", 400, "InvalidDeviceId"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a b\"}", 400, "InvalidDeviceId"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"primaryKey\":\"x\"}", 400, "InvalidKey"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"primaryKey\":\"Zm9v\"}", 400,
            "InvalidKey"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"secondaryKey\":null}", 400, "InvalidKey"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"status\":\"off\"}", 400, "InvalidStatus"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"statusReason\":1}", 400,
            "InvalidStatusReason"},
        {"GET", "/alerts", "limit=x", NULL, 400, "InvalidParameter"},
        {"GET", "/alerts", "limit=", NULL, 400, "InvalidParameter"},
        {"GET", "/alerts", "limit=1001", NULL, 400, "InvalidParameter"},
        {"GET", "/alert-groups", "limit=100001", NULL, 400, "InvalidParameter"},
        {"GET", "/alerts", "changedAfter=-1", NULL, 400, "InvalidParameter"},
        {"GET", "/alerts", "changedAfter=9223372036854775808", NULL, 400, "InvalidParameter"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"authenticationType\":\"SAS\"}", 400,
            "InvalidAuthenticationType"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"authenticationType\":\"selfSigned\"}",
            400, "InvalidBody"},
        {"POST", "/devices", NULL, "{\"deviceId\":\"a\",\"primaryThumbprint\":\"" SHA1 "\"}", 400,
            "InvalidBody"},
        {"POST", "/devices", NULL,
            "{\"deviceId\":\"a\",\"authenticationType\":\"selfSigned\",\"primaryThumbprint\":\"12\"}",
            400, "InvalidThumbprint"},
        {"POST", "/devices", NULL,
            "{\"deviceId\":\"a\",\"authenticationType\":\"certificateAuthority\",\"primaryKey\":"
            "\"" KEY_16 "\"}",
            400, "InvalidBody"},
        {"GET", "/certificates/none", NULL, NULL, 404, "NotFound"},
        {"GET", "/certificates/none/code", NULL, NULL, 405, "MethodNotAllowed"},
        {"POST", "/certificates/none/code", NULL, NULL, 404, "NotFound"},
        {"POST", "/certificates/none/codes", NULL, NULL, 404, "NotFound"},
        {"POST", "/certificates/none/verify", NULL, "{\"certificate\":\"\"}", 404, "NotFound"},
        {"POST", "/certificates/none/verify", NULL, "{}", 400, "InvalidCertificate"},
        {"DELETE", "/certificates/none", NULL, NULL, 404, "NotFound"},
        {"POST", "/certificates", NULL, "{}", 400, "InvalidBody"},
        {"POST", "/certificates", NULL, "{\"name\":\"a\",\"certificate\":\"\",\"more\":1}", 400,
            "InvalidBody"},
        {"POST", "/certificates", NULL, "{\"name\":\"a\",\"certificate\":\"\",\"isVerified\":1}",
            400, "InvalidBody"},
        {"POST", "/certificates", NULL, "{\"name\":\"a\",\"certificate\":\"*\"}", 400,
            "InvalidCertificate"},
        {"POST", "/certificates", NULL, "{\"name\":\"a\",\"certificate\":\"Zm9v\"}", 400,
            "InvalidCertificate"},
        {"GET", "/alerts", "a=b&c", NULL, 400, "InvalidQuery"},
        {"GET", "/alerts/00000000", NULL, NULL, 404, "NotFound"},
        {"GET", "/dead-letters", "limit=1x", NULL, 400, "InvalidParameter"},
        {"POST", "/indicators", NULL, "1.2.3.4", 400, "InvalidParameter"},
        {"POST", "/indicators", "feed=", "1.2.3.4", 400, "InvalidParameter"},
        {"POST", "/indicators", "feed=a%2Fb", "1.2.3.4", 400, "InvalidParameter"},
        {"POST", "/indicators", "feed=f", "nonsense\n", 400, "InvalidFeed"},
        {"PUT", "/feeds/f", NULL, "{}", 400, "InvalidFeed"},
        {"PUT", "/feeds/f", NULL, "{\"text\":7}", 400, "InvalidBody"},
        {"PUT", "/feeds/f", NULL, "{\"settings\":{\"kind\":\"x\"},\"text\":\"1.2.3.4\"}", 400,
            "InvalidFeed"},
        {"PUT", "/feeds/f", NULL, "{\"settings\":{\"url\":\"http://192.0.2.1/\"}}", 400,
            "InvalidFeed"},
        {"PUT", "/feeds/f", NULL,
            "{\"text\":\"1.2.3.4\",\"credential\":{\"kind\":\"bearer\",\"secret\":\"x\"}}", 400,
            "InvalidFeed"},
        {"PUT", "/feeds/a%2Fb", NULL, "{\"text\":\"1.2.3.4\"}", 400, "InvalidParameter"},
        {"GET", "/feeds/f", NULL, NULL, 404, "NotFound"},
        {"DELETE", "/feeds/f", NULL, NULL, 404, "NotFound"},
        {"POST", "/feeds/f/refresh", NULL, NULL, 404, "NotFound"},
        {"GET", "/indicators", NULL, NULL, 400, "InvalidParameter"},
        {"GET", "/indicators", "address=1.2.3.0/24", NULL, 400, "InvalidParameter"},
        {"POST", "/query", NULL, "{\"sql\":1}", 400, "InvalidBody"},
        {"POST", "/query", NULL, "{\"sql\":\"SELEC\"}", 400, "InvalidQuery"},
        {"POST", "/query", NULL, "{\"sql\":\"DROP TABLE x\"}", 400, "InvalidQuery"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *answer =
            call(cases[i].status, cases[i].method, cases[i].path, cases[i].query, cases[i].body);

        assert_string_equal(text_at(answer, "error", "code"), cases[i].code);
        assert_true(strlen(text_at(answer, "error", "message")) > 5);
        json_decref(answer);
    }
    /* None of them made a device or an indicator. */
    {
        json_t *answer = call(200, "GET", "/devices", NULL, NULL);

        assert_int_equal(json_array_size(json_object_get(answer, "devices")), 0);
        json_decref(answer);
        answer = call(200, "GET", "/status", NULL, NULL);
        assert_int_equal(json_integer_value(json_object_get(answer, "indicators")), 0);
        json_decref(answer);
    }
}

static void test_api__needs(void **state)
{
    const struct vd_api_request devices = {.method = "GET", .path = "/devices/a"};
    const struct vd_api_request query = {.method = "POST", .path = "/query"};
    const struct vd_api_request nothing = {.method = "POST", .path = "/nothing"};

    (void)state;
    /* The log: what is done to identities is recorded. */
    assert_int_equal(vd_api_needs(&devices), VD_NEEDS_REGISTRY | VD_NEEDS_STATE | VD_NEEDS_LOG);
    assert_int_equal(vd_api_needs(&query), VD_NEEDS_ANALYTICS);
    assert_int_equal(vd_api_needs(&nothing), 0);
}

static void test_api__device_life(void **state)
{
    json_t *answer =
        call(201, "POST", "/devices", NULL, "{\"deviceId\":\"a\",\"primaryKey\":\"" KEY_16 "\"}");
    const json_t *keys = json_object_get(json_object_get(answer, "authentication"), "symmetricKey");

    (void)state;
    assert_string_equal(text_at(answer, NULL, "deviceId"), "a");
    assert_string_equal(text_at(answer, NULL, "status"), "enabled");
    assert_string_equal(text_at(answer, NULL, "connectionState"), "Disconnected");
    assert_string_equal(json_string_value(json_object_get(keys, "primaryKey")), KEY_16);
    assert_int_equal(json_string_length(json_object_get(keys, "secondaryKey")), 44);
    assert_string_equal(text_at(answer, NULL, "connectionString"),
        "HostName=hub.test:9883;DeviceId=a;SharedAccessKey=" KEY_16);
    json_decref(answer);

    answer = call(409, "POST", "/devices", NULL, "{\"deviceId\":\"a\"}");
    assert_string_equal(text_at(answer, "error", "code"), "AlreadyExists");
    json_decref(answer);

    bus.connected = "a";
    answer = call(200, "GET", "/devices/a", NULL, NULL);
    assert_string_equal(text_at(answer, NULL, "connectionState"), "Connected");
    json_decref(answer);
    answer = call(200, "GET", "/devices", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "devices")), 1);
    assert_null(
        json_object_get(json_array_get(json_object_get(answer, "devices"), 0), "authentication"));
    json_decref(answer);

    assert_null(call(204, "DELETE", "/devices/a", NULL, NULL));
    assert_string_equal(bus.disconnected, "a");
    json_decref(call(404, "GET", "/devices/a", NULL, NULL));
}

/* What goes over the bus, and what an answer becomes. */
static void test_api__methods(void **state)
{
    static const struct {
        const char *path;
        const char *body;
        struct vd_method_answer end;
        const char *called; /* NULL: nothing */
        int status;
        const char *answer; /* JSON, or the code of a fault */
    } cases[] = {
        {"/devices/a/methods", "{\"methodName\":\"m\"}", {VD_OK, 200, {"{\"x\":1.5}", 9}},
            "a - m null 30000 0", 200, "{\"status\":200,\"payload\":{\"x\":1.5}}"},
        {"/devices/a/modules/b/methods",
            "{\"methodName\":\"m\",\"payload\":{\"y\": [1, 2]},\"responseTimeoutInSeconds\":5,"
            "\"connectTimeoutInSeconds\":300}",
            {VD_OK, -1, {"\"text\"", 6}}, "a b m {\"y\":[1,2]} 5000 300000", 200,
            "{\"status\":-1,\"payload\":\"text\"}"},
        {"/devices/a/methods", "{\"methodName\":\"m\",\"payload\":\"t\"}", {VD_OK, 0, {"", 0}},
            "a - m \"t\" 30000 0", 200, "{\"status\":0,\"payload\":null}"},
        {"/devices/a/methods", "{\"methodName\":\"m\"}", {VD_OK, 200, {"no json", 7}},
            "a - m null 30000 0", 502, "BadDeviceResponse"},
        {"/devices/a/methods", "{\"methodName\":\"m\"}", {VD_E_NOT_FOUND, 0, {"", 0}},
            "a - m null 30000 0", 404, "DeviceNotOnline"},
        {"/devices/a/methods", "{\"methodName\":\"m\"}", {VD_E_TIMEOUT, 0, {"", 0}},
            "a - m null 30000 0", 504, "GatewayTimeout"},
        {"/devices/a/methods", "{\"methodName\":\"m\"}", {VD_E_LIMIT, 0, {"", 0}}, NULL, 429,
            "ThrottlingException"},
        {"/devices/a/methods", "{\"methodName\":\"m\"}", {VD_E_CLOSED, 0, {"", 0}},
            "a - m null 30000 0", 503, "ServiceUnavailable"},
        {"/devices/c/methods", "{\"methodName\":\"m\"}", {VD_OK, 0, {"", 0}}, NULL, 404,
            "NotFound"},
        {"/devices/a/modules/c/methods", "{\"methodName\":\"m\"}", {VD_OK, 0, {"", 0}}, NULL, 404,
            "NotFound"},
        {"/devices//methods", "{\"methodName\":\"m\"}", {VD_OK, 0, {"", 0}}, NULL, 404, "NotFound"},
        {"/devices/a/methods", "{\"methodName\":\"a b\"}", {VD_OK, 0, {"", 0}}, NULL, 400,
            "InvalidBody"},
        {"/devices/a/methods", "{}", {VD_OK, 0, {"", 0}}, NULL, 400, "InvalidBody"},
        {"/devices/a/methods", "[]", {VD_OK, 0, {"", 0}}, NULL, 400, "InvalidBody"},
        {"/devices/a/methods", "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":4}",
            {VD_OK, 0, {"", 0}}, NULL, 400, "InvalidBody"},
        {"/devices/a/methods", "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":\"5\"}",
            {VD_OK, 0, {"", 0}}, NULL, 400, "InvalidBody"},
        {"/devices/a/methods", "{\"methodName\":\"m\",\"connectTimeoutInSeconds\":301}",
            {VD_OK, 0, {"", 0}}, NULL, 400, "InvalidBody"},
        {"/devices/a/methods", "{\"methodName\":\"m\",\"connectTimeoutInSeconds\":-1}",
            {VD_OK, 0, {"", 0}}, NULL, 400, "InvalidBody"},
    };
    struct vd_identity module = {.device_id = "a", .module_id = "b", .enabled = true};

    (void)state;
    json_decref(call(201, "POST", "/devices", NULL, "{\"deviceId\":\"a\"}"));
    module.primary_key.length = module.secondary_key.length = VD_KEY_MIN_BYTES;
    assert_int_equal(vd_registry_create(stores.registry, &module), VD_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *answer;
        json_t *expected = json_loads(cases[i].answer, 0, NULL);

        bus.end = cases[i].end;
        bus.called[0] = '\0';
        answer = call(cases[i].status, "POST", cases[i].path, NULL, cases[i].body);
        assert_string_equal(bus.called, cases[i].called != NULL ? cases[i].called : "");
        if (expected != NULL) {
            assert_true(json_equal(answer, expected));
        } else {
            assert_string_equal(text_at(answer, "error", "code"), cases[i].answer);
        }
        json_decref(expected);
        json_decref(answer);
    }
}

static void test_api__large_method_payload(void **state)
{
    static char body[VD_METHOD_PAYLOAD_MAX_BYTES + 64];

    (void)state;
    json_decref(call(201, "POST", "/devices", NULL, "{\"deviceId\":\"a\"}"));
    for (size_t over = 0; over <= 1; over++) {
        size_t at = (size_t)snprintf(body, sizeof body, "{\"methodName\":\"m\",\"payload\":\"");

        memset(body + at, 'x', VD_METHOD_PAYLOAD_MAX_BYTES - 2 + over);
        at += VD_METHOD_PAYLOAD_MAX_BYTES - 2 + over;
        snprintf(body + at, sizeof body - at, "\"}");
        bus.end = (struct vd_method_answer){VD_OK, 200, {"1", 1}};
        json_decref(call(over == 0 ? 200 : 400, "POST", "/devices/a/methods", NULL, body));
    }
}

static void test_api__devices_by_certificate(void **state)
{
    json_t *answer = call(201, "POST", "/devices", NULL,
        "{\"deviceId\":\"p\",\"authenticationType\":\"selfSigned\",\"secondaryThumbprint\":\"" SHA1
        "\"}");
    json_t *how = json_object_get(answer, "authentication");

    (void)state;
    assert_string_equal(text_at(how, NULL, "type"), "selfSigned");
    assert_string_equal(text_at(how, "x509Thumbprint", "primaryThumbprint"), "");
    assert_string_equal(text_at(how, "x509Thumbprint", "secondaryThumbprint"),
        "97388663832D0393C9246CAB4FBA2C8677185A25");
    assert_null(json_object_get(how, "symmetricKey"));
    assert_null(json_object_get(answer, "connectionString"));
    json_decref(answer);
    json_decref(call(201, "POST", "/devices", NULL,
        "{\"deviceId\":\"c\",\"authenticationType\":\"certificateAuthority\"}"));
    answer = call(200, "GET", "/devices/c", NULL, NULL);
    how = json_object_get(answer, "authentication");
    assert_string_equal(text_at(how, NULL, "type"), "certificateAuthority");
    assert_int_equal(json_object_size(how), 1);
    assert_null(json_object_get(answer, "connectionString"));
    json_decref(answer);
}

/* The certificate as PEM in base64, within JSON behind `before`. */
static char *body_with(const char *before, const struct test_certificate *certificate)
{
    struct vd_buf pem = {0};
    struct vd_buf body = {0};
    char encoded[8192];

    test_certificate_pem(certificate, &pem);
    assert_int_equal(vd_base64_encode(pem.data, pem.length, encoded, sizeof encoded), VD_OK);
    vd_buf_printf(&body, "{%s\"certificate\":\"%s\"}", before, encoded);
    assert_int_equal(body.error, VD_OK);
    vd_buf_release(&pem);
    return (char *)body.data;
}

/* Added, proven, shown, deleted; what proves nothing changes nothing. */
static void test_api__certificate_life(void **state)
{
    int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate ca = test_certificate_ca("the owner", now_s);
    struct test_certificate wrong = test_certificate_leaf("wrong", &ca, now_s);
    struct test_certificate proof;
    char *add = body_with("\"name\":\"mine\",", &ca);
    char *prove = body_with("", &wrong);
    json_t *answer = call(201, "POST", "/certificates", NULL, add);

    (void)state;
    assert_string_equal(text_at(answer, NULL, "subject"), "CN=the owner");
    assert_true(json_is_false(json_object_get(answer, "isVerified")));
    assert_null(json_object_get(answer, "verificationCode"));
    json_decref(answer);
    json_decref(call(409, "POST", "/certificates", NULL, add));
    json_decref(call(400, "POST", "/certificates/mine/verify", NULL, prove));

    answer = call(200, "POST", "/certificates/mine/code", NULL, NULL);
    proof = test_certificate_leaf(text_at(answer, NULL, "verificationCode"), &ca, now_s);
    json_decref(answer);
    json_decref(call(400, "POST", "/certificates/mine/verify", NULL, prove));
    free(prove);
    prove = body_with("", &proof);
    answer = call(200, "POST", "/certificates/mine/verify", NULL, prove);
    assert_true(json_is_true(json_object_get(answer, "isVerified")));
    json_decref(answer);
    /* A code is good for once. */
    json_decref(call(400, "POST", "/certificates/mine/verify", NULL, prove));

    answer = call(200, "GET", "/certificates", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "certificates")), 1);
    assert_true(json_is_true(
        json_object_get(json_array_get(json_object_get(answer, "certificates"), 0), "isVerified")));
    json_decref(answer);
    assert_null(call(204, "DELETE", "/certificates/mine", NULL, NULL));
    json_decref(call(404, "GET", "/certificates/mine", NULL, NULL));

    free(add);
    add = body_with("\"name\":\"mine\",\"isVerified\":true,", &ca);
    answer = call(201, "POST", "/certificates", NULL, add);
    assert_true(json_is_true(json_object_get(answer, "isVerified")));
    json_decref(answer);
    free(add);
    add = body_with("\"name\":\"leaf\",", &wrong);
    json_decref(call(400, "POST", "/certificates", NULL, add));
    free(add);
    free(prove);
    test_certificate_release(&ca);
    test_certificate_release(&wrong);
    test_certificate_release(&proof);
}

static void test_api__policies(void **state)
{
    json_t *list = call(200, "GET", "/policies", NULL, NULL);
    json_t *policies = json_object_get(list, "policies");
    json_t *policy;

    (void)state;
    assert_int_equal(json_array_size(policies), 5);
    policy = json_array_get(policies, 1);
    assert_string_equal(text_at(policy, NULL, "keyName"), "iothubowner");
    assert_string_equal(
        text_at(policy, NULL, "rights"), "RegistryWrite, ServiceConnect, DeviceConnect");
    assert_null(json_object_get(policy, "primaryKey"));
    json_decref(list);
    policy = call(200, "GET", "/policies/service", NULL, NULL);
    assert_string_equal(text_at(policy, NULL, "rights"), "ServiceConnect");
    assert_string_not_equal(
        text_at(policy, NULL, "primaryKey"), text_at(policy, NULL, "secondaryKey"));
    /* The port of the hub is for devices. */
    assert_int_equal(strncmp(text_at(policy, NULL, "connectionString"),
                         "HostName=hub.test;SharedAccessKeyName=service;SharedAccessKey=", 61),
        0);
    assert_non_null(
        strstr(text_at(policy, NULL, "connectionString"), text_at(policy, NULL, "primaryKey")));
    json_decref(policy);
}

/* Every letter that an id may have, percent-encoded in a path. */
static void test_api__encoded_ids(void **state)
{
    json_t *answer = call(201, "POST", "/devices", NULL, "{\"deviceId\":\"%41#?=:@$'+.._\"}");

    (void)state;
    json_decref(answer);
    answer = call(200, "GET", "/devices/%2541%23%3F%3D%3A%40%24%27%2B.._", NULL, NULL);
    assert_string_equal(text_at(answer, NULL, "deviceId"), "%41#?=:@$'+.._");
    json_decref(answer);
    json_decref(call(404, "GET", "/devices/%41%23%3F%3D%3A%40%24%27%2B.._", NULL, NULL));
}

static void test_api__without_a_hub(void **state)
{
    json_t *answer;

    (void)state;
    api.bus = NULL;
    json_decref(call(201, "POST", "/devices", NULL, "{\"deviceId\":\"a\"}"));
    json_decref(call(503, "POST", "/devices/a/methods", NULL, "{\"methodName\":\"m\"}"));
    answer = call(200, "GET", "/devices/a", NULL, NULL);
    assert_string_equal(text_at(answer, NULL, "connectionState"), "Disconnected");
    json_decref(answer);
    assert_null(call(204, "DELETE", "/devices/a", NULL, NULL));
    answer = call(200, "GET", "/status", NULL, NULL);
    assert_true(json_is_false(json_object_get(answer, "running")));
    assert_null(json_object_get(answer, "hub"));
    json_decref(answer);
}

static int run_send(void *context, struct vd_state_store *store)
{
    const struct vd_state_key key = {.device_id = "a", .generation_id = "g"};
    const struct vd_c2d_message message = {.body = VD_STR_LITERAL("body")};

    (void)context;
    return vd_state_c2d_send(store, &key, &message, vd_clock_utc_ms(), NULL);
}

static void test_api__status_of_the_state(void **state)
{
    json_t *answer;
    json_t *of_state;

    (void)state;
    assert_int_equal(vd_state_do(stores.state, run_send, NULL), VD_OK);
    assert_int_equal(vd_state_do(stores.state, run_send, NULL), VD_OK);
    answer = call(200, "GET", "/status", NULL, NULL);
    of_state = json_object_get(answer, "state");
    assert_int_equal(json_integer_value(json_object_get(of_state, "messagesWaiting")), 2);
    assert_int_equal(json_integer_value(json_object_get(of_state, "feedbackWaiting")), 0);
    assert_int_equal(json_integer_value(json_object_get(of_state, "failures")), 0);
    assert_true(json_is_false(json_object_get(of_state, "unwritable")));
    json_decref(answer);
}

static json_int_t used_of(const json_t *feed)
{
    return json_integer_value(json_object_get(json_object_get(feed, "report"), "used"));
}

static void test_api__indicators(void **state)
{
    json_t *answer = call(200, "POST", "/indicators", "feed=list%201",
        "# c\n203.0.113.66 bad host\n2001:db8::/32\nnonsense\n");

    (void)state;
    assert_string_equal(text_at(answer, NULL, "name"), "list 1");
    assert_int_equal(used_of(answer), 2);
    assert_int_equal(json_integer_value(json_object_get(answer, "total")), 2);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(answer, "report"), "problems")), 1);
    json_decref(answer);
    answer = call(200, "PUT", "/feeds/allowed", NULL,
        "{\"settings\":{\"kind\":\"exceptions\"},\"text\":\"2001:db8:1::/48\\n\"}");
    assert_int_equal(used_of(answer), 1);
    assert_int_equal(json_integer_value(json_object_get(answer, "total")), 2);
    json_decref(answer);
    answer = call(200, "GET", "/indicators", "address=203.0.113.66", NULL);
    assert_string_equal(text_at(answer, "matches", "feed"), "list 1");
    assert_string_equal(text_at(answer, "matches", "description"), "bad host");
    json_decref(answer);
    answer = call(200, "GET", "/indicators", "address=2001%3adb8%3a1%3a%3a7", NULL);
    assert_true(json_is_null(json_object_get(answer, "matches")));
    assert_int_equal(json_array_size(json_object_get(answer, "indicators")), 2);
    json_decref(answer);
    answer = call(200, "POST", "/indicators", "feed=list+1", "203.0.113.67");
    assert_int_equal(json_integer_value(json_object_get(answer, "total")), 1);
    json_decref(answer);
    answer = call(400, "POST", "/feeds/allowed/refresh", NULL, NULL);
    assert_string_equal(text_at(answer, "error", "code"), "NoSource");
    json_decref(answer);
    json_decref(call(204, "DELETE", "/feeds/allowed", NULL, NULL));
    answer = call(200, "GET", "/feeds", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "feeds")), 1);
    json_decref(answer);
}

/* A server that is not there is told in the feed, which is made all the same. */
static void test_api__feed_with_url(void **state)
{
    json_t *answer =
        call(200, "PUT", "/feeds/web", NULL, "{\"settings\":{\"url\":\"http://127.0.0.1:1/a\"}}");

    (void)state;
    assert_true(json_is_null(json_object_get(answer, "lastSuccess")));
    assert_true(json_is_string(json_object_get(answer, "error")));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(answer, "source"), "failures")), 1);
    json_decref(answer);
    answer = call(200, "POST", "/feeds/web/refresh", NULL, NULL);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(answer, "source"), "failures")), 2);
    json_decref(answer);
    json_decref(call(200, "PUT", "/feeds/web", NULL,
        "{\"settings\":{\"url\":\"http://127.0.0.1:1/a\",\"enabled\":false}}"));
    answer = call(400, "POST", "/feeds/web/refresh", NULL, NULL);
    assert_string_equal(text_at(answer, "error", "code"), "NoSource");
    json_decref(answer);
    json_decref(call(204, "DELETE", "/feeds/web", NULL, NULL));
}

static void test_api__query(void **state)
{
    json_t *answer =
        call(200, "POST", "/query", NULL, "{\"sql\":\"SELECT DeviceId FROM SecurityIoTRawEvent\"}");

    (void)state;
    assert_int_equal(json_array_size(json_object_get(answer, "rows")), 0);
    json_decref(answer);
    answer = call(200, "POST", "/query", NULL, "{\"sql\":\"SELECT * FROM range(10)\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "rows")), 3);
    assert_true(json_is_true(json_object_get(answer, "truncated")));
    json_decref(answer);
}

static void test_api__empty_lists(void **state)
{
    json_t *answer = call(200, "GET", "/alerts", "changedAfter=0&device=a%20b&limit=5", NULL);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(answer, "alerts")), 0);
    assert_true(json_is_array(json_object_get(answer, "alerts")));
    json_decref(answer);
    answer = call(200, "GET", "/dead-letters", NULL, NULL);
    assert_true(json_is_array(json_object_get(answer, "deadLetters")));
    json_decref(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_api__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(faults),
        TEST(needs),
        TEST(device_life),
        TEST(methods),
        TEST(large_method_payload),
        TEST(devices_by_certificate),
        TEST(certificate_life),
        TEST(policies),
        TEST(encoded_ids),
        TEST(without_a_hub),
        TEST(status_of_the_state),
        TEST(indicators),
        TEST(feed_with_url),
        TEST(query),
        TEST(empty_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
