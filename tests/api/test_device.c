/* SPDX-License-Identifier: MIT */
/* Devices over HTTPS: who they are, and the life of a message to one. What they send is tested end to end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/sas.h"
#include "tests/api/service_fixture.h"
#include "tests/hub/live_hub.h"

#define RECEIVE "/devices/d/messages/devicebound"

static struct vd_key key_of(const char *device_id)
{
    struct vd_identity identity = {0};

    assert_int_equal(vd_registry_get(registry, device_id, "", &identity), VD_OK);
    return identity.primary_key;
}

/* As the device d; `resource` of its token. */
static int as_device(const char *resource, int64_t expiry_s, const char *method, const char *target,
    const char *if_match)
{
    const struct vd_key key = key_of("d");
    char token[VD_SAS_TOKEN_MAX];

    assert_int_equal(vd_sas_make(resource, &key, expiry_s, NULL, token, sizeof token), VD_OK);
    return call_with(token, method, target, if_match, NULL);
}

static int device(const char *method, const char *target, const char *if_match)
{
    return as_device(HOST "/devices/d", in_an_hour(), method, target, if_match);
}

static void send_message(const char *body)
{
    static const struct header headers[] = {{"iothub-messageid", "m-1"}, {"iothub-ack", "full"},
        {"iothub-correlationid", "c"}, {"iothub-app-colour", "r\xc3\xb6t"}, {0}};

    expect_with(204, "POST", RECEIVE, headers, vd_str_from(body));
}

/* A header of the content; NULL: it has none. */
static const char *content_header(const char *name)
{
    const char *at = (const char *)answer.content->headers.data;
    const char *const end = at + answer.content->headers.length;

    while (at < end) {
        const char *value = at + strlen(at) + 1;

        if (strcmp(at, name) == 0) {
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}

/* Receives, which must give this body; the lock. */
static void receive(const char *body, char lock[VD_UUID_TEXT_SIZE])
{
    const char *etag;

    assert_int_equal(device("GET", RECEIVE, NULL), 200);
    assert_int_equal(answer.content->body.length, strlen(body));
    assert_memory_equal(answer.content->body.data, body, strlen(body));
    etag = content_header("ETag");
    assert_int_equal(strlen(etag), VD_UUID_TEXT_SIZE - 1 + 2);
    memcpy(lock, etag + 1, VD_UUID_TEXT_SIZE - 1);
    lock[VD_UUID_TEXT_SIZE - 1] = '\0';
}

static const char *path_of(const char *lock, const char *rest)
{
    static char path[256];

    snprintf(path, sizeof path, RECEIVE "/%s%s", lock, rest);
    return path;
}

static const char *feedback(size_t index)
{
    const json_t *items;

    expect(200, "GET", "/messages/servicebound/feedback", NULL, NULL);
    items = answer.body;
    return json_string_value(json_object_get(json_array_get(items, index), "statusCode"));
}

static void test_device__receives(void **state)
{
    char lock[VD_UUID_TEXT_SIZE];

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    assert_int_equal(device("GET", RECEIVE, NULL), 204);
    assert_null(answer.content);
    send_message("hello");
    receive("hello", lock);
    assert_string_equal(content_header("iothub-messageid"), "m-1");
    assert_string_equal(content_header("iothub-correlationid"), "c");
    assert_string_equal(content_header("iothub-to"), "/devices/d/messages/devicebound");
    assert_string_equal(content_header("iothub-ack"), "full");
    assert_string_equal(content_header("iothub-app-colour"), "r\xc3\xb6t");
    assert_string_equal(content_header("iothub-deliverycount"), "1");
    assert_non_null(content_header("iothub-expiry"));
    /* It is locked now. */
    assert_int_equal(device("GET", RECEIVE, NULL), 204);
    assert_int_equal(device("DELETE", path_of(lock, ""), lock), 204);
    assert_string_equal(feedback(0), "Success");
    assert_int_equal(device("DELETE", path_of(lock, ""), lock), 412);
    assert_fault("DeviceMessageLockLost");
}

static void test_device__rejects_and_abandons(void **state)
{
    char lock[VD_UUID_TEXT_SIZE];
    char other[VD_UUID_TEXT_SIZE];

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    send_message("hello");
    receive("hello", lock);
    bus.wakes = 0;
    assert_int_equal(device("POST", path_of(lock, "/abandon"), lock), 204);
    assert_int_equal(bus.wakes, 1);
    receive("hello", other);
    assert_string_not_equal(lock, other);
    assert_string_equal(content_header("iothub-deliverycount"), "2");
    assert_int_equal(device("DELETE", path_of(other, ""), lock), 412);
    assert_fault("PreconditionFailed");
    assert_int_equal(
        device("DELETE", path_of(other, "?reject&api-version=2021-04-12"), other), 204);
    assert_string_equal(feedback(0), "Rejected");
    assert_int_equal(device("GET", RECEIVE, NULL), 204);
}

static void test_device__exhausted(void **state)
{
    char lock[VD_UUID_TEXT_SIZE];

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    send_message("x");
    for (int i = 0; i < VD_HUB_C2D_DELIVERIES_MAX; i++) {
        receive("x", lock);
        assert_int_equal(device("POST", path_of(lock, "/abandon"), NULL), 204);
    }
    assert_int_equal(device("GET", RECEIVE, NULL), 204);
    assert_string_equal(feedback(0), "DeliveryCountExceeded");
}

static void test_device__authorised(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PUT", "/devices/e", NULL, "{}");
    assert_int_equal(as_device(HOST, in_an_hour(), "GET", RECEIVE, NULL), 204);
    assert_true(answer.has_login);
    assert_int_equal(as_device(HOST "/devices/e", in_an_hour(), "GET", RECEIVE, NULL), 401);
    assert_false(answer.has_login);
    assert_fault("IotHubUnauthorizedAccess");
    assert_int_equal(as_device(HOST "/devices/d", 1, "GET", RECEIVE, NULL), 401);
    /* Another device's queue, a back end's doings, and no token at all. */
    assert_int_equal(device("GET", "/devices/e/messages/devicebound", NULL), 401);
    assert_int_equal(device("GET", "/devices/f/messages/devicebound", NULL), 401);
    assert_int_equal(device("GET", "/devices/d", NULL), 401);
    assert_int_equal(device("POST", RECEIVE, NULL), 401);
    assert_int_equal(call_with(NULL, "GET", RECEIVE, NULL, NULL), 401);
    /* A policy that lets devices in. */
    assert_int_equal(call_as("device", "GET", RECEIVE, NULL, NULL), 204);
    assert_int_equal(call_as("service", "GET", RECEIVE, NULL, NULL), 401);
    expect(200, "PUT", "/devices/d", "*", "{\"status\":\"disabled\"}");
    assert_int_equal(device("GET", RECEIVE, NULL), 401);
    assert_int_equal(device("PUT", RECEIVE, NULL), 401);
}

static void test_device__refusals_are_recorded(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    assert_int_equal(as_device(HOST "/devices/d", 1, "GET", RECEIVE, NULL), 401);
    assert_non_null(strstr(bus.recorded, "deviceConnect"));
    assert_non_null(strstr(bus.recorded, "token_expired"));
    assert_non_null(
        strstr(bus.recorded, "\\\"credentialExpiryTime\\\":\\\"1970-01-01T00:00:01.000Z\\\""));
    assert_non_null(strstr(bus.recorded, "\\\"credentialWasGood\\\":\\\"true\\\""));
}

static void test_device__posts_need_a_hub(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    assert_int_equal(device("POST", "/devices/d/messages/events", NULL), 503);
    assert_fault("ServiceUnavailable");
}

/* A property of the sender's is none of the system's: those decide where a message goes. */
static void test_device__properties_are_its_own(void **state)
{
    static const struct {
        struct header headers[2];
        int status;
    } rows[] = {
        {{{"iothub-app-$.ifid", VD_INTERFACE_SECURITY}, {0}}, 400},
        {{{"IoTHub-App-$.mid", "x"}, {0}}, 400}, {{{"iothub-app-", "x"}, {0}}, 400},
        {{{"iothub-app-a$", "x"}, {0}}, 503}, /* which nobody waits for */
    };
    struct live_hub *f;
    struct vd_key key;
    void *live = NULL;
    char token[VD_SAS_TOKEN_MAX];

    (void)state;
    assert_int_equal(live_setup(&live), 0);
    f = live;
    live_start(f, &live_patient, 0);
    service_hub = f->hub;
    service_again();
    expect(200, "PUT", "/devices/d", NULL, "{}");
    key = key_of("d");
    assert_int_equal(
        vd_sas_make(HOST "/devices/d", &key, in_an_hour(), NULL, token, sizeof token), VD_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(call_with_headers(token, "POST", "/devices/d/messages/events",
                             rows[i].headers, VD_STR_LITERAL("x")),
            rows[i].status);
    }
    service_hub = NULL;
    service_again();
    assert_int_equal(live_teardown(&live), 0);
}

/* What it asks counts as what it sends: nobody keeps the back ends' workers busy. */
static void test_device__has_a_rate(void **state)
{
    struct live_hub *f;
    void *live = NULL;
    int asked = 0;

    (void)state;
    assert_int_equal(live_setup(&live), 0);
    f = live;
    f->rates.identity_messages_per_s = 1;
    live_start(f, &live_patient, 0);
    service_hub = f->hub;
    service_again();
    expect(200, "PUT", "/devices/d", NULL, "{}");
    while (asked < 1000 && device("GET", RECEIVE, NULL) == 204) {
        asked++;
    }
    assert_fault("ThrottlingException");
    assert_in_range(asked, VD_HUB_BURST_S, VD_HUB_BURST_S + 10);
    assert_int_equal(device("DELETE", RECEIVE "/00000000-0000-0000-0000-000000000000", NULL), 429);
    expect(200, "GET", "/devices/d", NULL, NULL);
    service_hub = NULL;
    service_again();
    assert_int_equal(live_teardown(&live), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_device__receives),
        TEST(test_device__rejects_and_abandons),
        TEST(test_device__exhausted),
        TEST(test_device__authorised),
        TEST(test_device__refusals_are_recorded),
        TEST(test_device__posts_need_a_hub),
        TEST(test_device__properties_are_its_own),
        TEST(test_device__has_a_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
