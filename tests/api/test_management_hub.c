/* SPDX-License-Identifier: MIT */
/* The hub as a resource: shown, replaced, tagged, its filter, its policies, its numbers. */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/policies.h"
#include "hub/ip_filter.h"
#include "tests/api/management_fixture.h"

#define HUBS "/providers/Microsoft.Devices/IotHubs"

/* What the SDK sends for the example of the reference. */
#define EXAMPLE                                                                            \
    "{\"location\":\"westus\",\"tags\":{\"env\":\"t\"},\"etag\":\"AAAA\",\"properties\":{" \
    "\"disableLocalAuth\":false,\"publicNetworkAccess\":\"Enabled\",\"ipFilterRules\":["   \
    "{\"filterName\":\"deny-all\",\"action\":\"Reject\",\"ipMask\":\"0.0.0.0/0\"},"        \
    "{\"filterName\":\"corp\",\"action\":\"Accept\",\"ipMask\":\"10.0.0.0/8\"}],"          \
    "\"networkRuleSets\":{\"applyToBuiltInEventHubEndpoint\":true,\"ipRules\":["           \
    "{\"filterName\":\"r1\",\"ipMask\":\"131.117.159.53\"}]},\"minTlsVersion\":\"1.2\","   \
    "\"cloudToDevice\":{\"defaultTtlAsIso8601\":\"PT1H\"}},\"sku\":{\"name\":\"S2\",\"capacity\":3}}"

/* A hub whose properties are that text. */
#define WITH(properties) "{\"location\":\"local\",\"properties\":{" properties "}}"

static char etag[64];

static const char *keep_etag(void)
{
    snprintf(etag, sizeof etag, "%s", text_at("etag"));
    return etag;
}

static void test_hub__get(void **state)
{
    (void)state;
    expect(200, NULL, "GET", HUB "?api-version=2023-06-30", NULL, NULL);
    assert_string_equal(text_at("id"), HUB);
    assert_string_equal(text_at("name"), "hub");
    assert_string_equal(text_at("type"), "Microsoft.Devices/IotHubs");
    assert_string_equal(text_at("sku.tier"), "Standard");
    assert_string_equal(text_at("properties.hostName"), "hub.test");
    assert_string_equal(text_at("properties.state"), "Active");
    assert_string_equal(text_at("properties.provisioningState"), "Succeeded");
    assert_int_equal(json_array_size(property("ipFilterRules")), 0);
    assert_int_equal(
        json_array_size(member("properties.eventHubEndpoints.events.partitionIds")), 4);
    /* A client that sends back what it got must not lock everybody out, nor change the keys. */
    assert_null(property("networkRuleSets"));
    assert_null(property("authorizationPolicies"));
    assert_string_equal(header_of("ETag"), keep_etag());
    assert_int_equal(call_as(VD_ROLE_READER, "GET", HUB, NULL, NULL), 200);
    assert_string_equal(text_at("etag"), etag);
}

/* Segments in any case; the answer has the caller's spelling of names. */
static void test_hub__names(void **state)
{
    (void)state;
    expect(200, NULL, "GET",
        "//SUBSCRIPTIONS/F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6/resourcegroups/Fleet/providers/"
        "microsoft.devices/iothubs/HUB/",
        NULL, NULL);
    assert_string_equal(text_at("id"),
        "/subscriptions/F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6/resourceGroups/Fleet" HUBS "/HUB");
    expect(404, "ResourceNotFound", "PUT", GROUP HUBS "/other", NULL, EXAMPLE);
    expect(404, "ResourceNotFound", "DELETE", GROUP HUBS "/other", NULL, NULL);
    expect(409, "Conflict", "DELETE", HUB, NULL, NULL);
    expect(405, "MethodNotAllowed", "POST", HUB, NULL, NULL);
}

static void test_hub__lists(void **state)
{
    (void)state;
    expect(200, NULL, "GET", "/subscriptions/" SUB HUBS, NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 1);
    assert_string_equal(text_at("value.0.id"), HUB);
    expect(200, NULL, "GET", GROUP HUBS, NULL, NULL);
    assert_string_equal(text_at("value.0.id"), HUB);
    assert_null(member("nextLink"));
    expect(404, "SubscriptionNotFound", "GET", "/subscriptions/x" HUBS, NULL, NULL);
    expect(404, "ResourceGroupNotFound", "GET", "/subscriptions/" SUB "/resourceGroups/x" HUBS,
        NULL, NULL);
}

static void assert_accepted(uint8_t first, bool accepted)
{
    const uint8_t address[4] = {first, 1, 1, 1};
    struct vd_ip_filter filter;

    assert_int_equal(vd_ip_filter_load(registry, &filter, NULL, NULL), VD_OK);
    assert_int_equal(vd_ip_filter_accepts(&filter, address, sizeof address), accepted);
}

static void test_hub__put_replaces_it_whole(void **state)
{
    (void)state;
    assert_accepted(11, true);
    expect(200, NULL, "PUT", HUB, NULL, EXAMPLE);
    keep_etag();
    assert_accepted(11, false);
    assert_string_equal(text_at("location"), "westus");
    assert_string_equal(text_at("properties.locations.0.location"), "westus");
    assert_string_equal(text_at("tags.env"), "t");
    assert_string_equal(text_at("sku.name"), "S2");
    assert_int_equal(json_integer_value(member("sku.capacity")), 3);
    assert_string_equal(text_at("systemData.lastModifiedBy"), "token:head");
    assert_string_equal(text_at("properties.ipFilterRules.1.ipMask"), "10.0.0.0/8");
    assert_string_equal(text_at("properties.networkRuleSets.defaultAction"), "Deny");
    assert_string_equal(text_at("properties.networkRuleSets.ipRules.0.action"), "Allow");
    expect(200, NULL, "GET", HUB, NULL, NULL);
    assert_string_equal(text_at("etag"), etag);
    assert_string_equal(text_at("properties.networkRuleSets.ipRules.0.filterName"), "r1");
    expect(200, NULL, "PUT", HUB, NULL, "{\"location\":\"local\"}");
    assert_accepted(11, true);
    assert_string_equal(text_at("sku.name"), "S1");
    assert_int_equal(json_object_size(member("tags")), 0);
    assert_null(property("networkRuleSets"));
}

/* What was answered can be sent back, and changes nothing but the etag. */
static void test_hub__what_is_got_can_be_put(void **state)
{
    char *text;
    json_t *before;

    (void)state;
    expect(200, NULL, "PUT", HUB, NULL, EXAMPLE);
    before = json_incref(answer.body);
    text = json_dumps(before, 0);
    expect(200, NULL, "PUT", HUB, text_at("etag"), text);
    assert_int_equal(json_equal(json_object_get(before, "properties"),
                         json_object_get(answer.body, "properties")),
        1);
    assert_int_equal(
        json_equal(json_object_get(before, "tags"), json_object_get(answer.body, "tags")), 1);
    json_decref(before);
    free(text);
}

/* The example that the management API of old is documented with. */
static void test_hub__published_example(void **state)
{
    (void)state;
    expect(200, NULL, "PUT", HUB, NULL,
        WITH(
            "\"ipFilterRules\":[],\"networkRuleSets\":{\"defaultAction\":\"Deny\","
            "\"applyToBuiltInEventHubEndpoint\":true,\"ipRules\":[{\"filterName\":\"rule1\","
            "\"action\":\"Allow\",\"ipMask\":\"131.117.159.53\"}]},\"minTlsVersion\":\"1.2\","
            "\"eventHubEndpoints\":{\"events\":{\"retentionTimeInDays\":1,\"partitionCount\":2}},"
            "\"routing\":{\"endpoints\":{\"serviceBusQueues\":[],\"serviceBusTopics\":[],"
            "\"eventHubs\":[],\"storageContainers\":[]},\"routes\":[],\"fallbackRoute\":{\"name\":"
            "\"$fallback\",\"source\":\"DeviceMessages\",\"condition\":\"true\","
            "\"endpointNames\":[\"events\"],\"isEnabled\":true}},\"storageEndpoints\":{"
            "\"$default\":{\"sasTtlAsIso8601\":\"PT1H\",\"connectionString\":\"\","
            "\"containerName\":\"\"}},\"messagingEndpoints\":{\"fileNotifications\":{"
            "\"lockDurationAsIso8601\":\"PT1M\",\"ttlAsIso8601\":\"PT1H\",\"maxDeliveryCount\":10}},"
            "\"enableFileUploadNotifications\":false,\"cloudToDevice\":{\"maxDeliveryCount\":10,"
            "\"defaultTtlAsIso8601\":\"PT1H\",\"feedback\":{\"lockDurationAsIso8601\":\"PT1M\","
            "\"ttlAsIso8601\":\"PT1H\",\"maxDeliveryCount\":10}},\"features\":\"None\","
            "\"enableDataResidency\":false"));
    assert_int_equal(
        json_integer_value(member("properties.eventHubEndpoints.events.partitionCount")), 2);
}

static void test_hub__bad_bodies_change_nothing(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"location\":5}",
        "{\"location\":\"\"}",
        "{\"location\":\"l\",\"tags\":[]}",
        "{\"location\":\"l\",\"tags\":{\"a\":1}}",
        "{\"location\":\"l\",\"tags\":{\"\":\"a\"}}",
        "{\"location\":\"l\",\"sku\":{\"name\":\"S9\"}}",
        "{\"location\":\"l\",\"sku\":{}}",
        "{\"location\":\"l\",\"sku\":{\"name\":\"S1\",\"capacity\":0}}",
        "{\"location\":\"l\",\"sku\":{\"name\":\"S1\",\"capacity\":\"1\"}}",
        "{\"location\":\"l\",\"identity\":{\"type\":\"SystemAssigned\"}}",
        "{\"location\":\"l\",\"properties\":[]}",
        WITH("\"ipFilterRules\":{}"),
        WITH("\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":\"x\"}]"),
        WITH(
            "\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Allow\",\"ipMask\":\"1.1.1.1\"}]"),
        WITH("\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":\"::1\"}]"),
        WITH("\"networkRuleSets\":{\"ipRules\":[]}"),
        WITH("\"networkRuleSets\":{\"applyToBuiltInEventHubEndpoint\":true}"),
        WITH(
            "\"networkRuleSets\":{\"defaultAction\":\"None\",\"applyToBuiltInEventHubEndpoint\":true,"
            "\"ipRules\":[]}"),
        WITH("\"publicNetworkAccess\":\"Disabled\""),
        WITH("\"minTlsVersion\":\"1.0\""),
        WITH("\"disableLocalAuth\":true"),
        WITH("\"disableDeviceSAS\":true"),
        WITH("\"cloudToDevice\":{\"maxDeliveryCount\":11}"),
        WITH("\"cloudToDevice\":5"),
        WITH("\"routing\":{\"routes\":[{\"name\":\"r\"}]}"),
        WITH("\"enableFileUploadNotifications\":true"),
        WITH("\"unknown\":1"),
        WITH("\"comments\":1"),
        WITH("\"eventHubEndpoints\":{\"other\":{}}"),
        WITH("\"eventHubEndpoints\":{\"events\":{\"partitionCount\":0}}"),
        WITH("\"eventHubEndpoints\":{\"events\":{\"retentionTimeInDays\":8}}"),
        WITH("\"authorizationPolicies\":{}"),
        WITH("\"authorizationPolicies\":[{\"keyName\":\"a b\",\"rights\":\"ServiceConnect\"}]"),
        WITH("\"authorizationPolicies\":[{\"keyName\":\"a\"}]"),
        WITH("\"authorizationPolicies\":[{\"keyName\":\"a\",\"rights\":\"All\"}]"),
        WITH("\"authorizationPolicies\":[{\"keyName\":\"a\",\"rights\":\"ServiceConnect\","
             "\"primaryKey\":\"short\"}]"),
        WITH("\"authorizationPolicies\":[{\"keyName\":\"a\",\"rights\":\"ServiceConnect\"},"
             "{\"keyName\":\"A\",\"rights\":\"ServiceConnect\"}]"),
    };

    (void)state;
    expect(200, NULL, "PUT", HUB, NULL, EXAMPLE);
    keep_etag();
    for (size_t i = 0; i < COUNT(bodies); i++) {
        expect(400, "BadRequest", "PUT", HUB, NULL, bodies[i]);
    }
    expect(400, "BadRequest", "PUT", HUB, NULL, WITH("\"minTlsVersion\":\"1.0\""));
    assert_string_equal(text_at("error.target"), "properties.minTlsVersion");
    expect(400, "InvalidRequestContent", "PUT", HUB, NULL, "{");
    expect(400, "InvalidRequestContent", "PUT", HUB, NULL, "[]");
    expect(400, "InvalidRequestContent", "PUT", HUB, NULL, NULL);
    expect(200, NULL, "GET", HUB, NULL, NULL);
    assert_string_equal(text_at("etag"), etag);
}

static void test_hub__etags(void **state)
{
    char quoted[80];

    (void)state;
    expect(412, "PreconditionFailed", "PUT", HUB, "AAAAAAFD6M4=", EXAMPLE);
    expect(200, NULL, "PUT", HUB, "*", EXAMPLE);
    expect(200, NULL, "PUT", HUB, keep_etag(), EXAMPLE);
    expect(412, "PreconditionFailed", "PUT", HUB, etag, EXAMPLE);
    expect(412, "PreconditionFailed", "PATCH", HUB, etag, "{\"tags\":{}}");
    expect(200, NULL, "GET", HUB, NULL, NULL);
    snprintf(quoted, sizeof quoted, "\"%s\"", keep_etag());
    expect(200, NULL, "PATCH", HUB, quoted, "{\"tags\":{\"b\":\"2\"}}");
    assert_string_not_equal(text_at("etag"), etag);
    assert_string_equal(text_at("tags.b"), "2");
    /* The filter that the command line sets is part of it. */
    keep_etag();
    {
        uint64_t version = 0;

        assert_int_equal(vd_registry_setting_put(
                             registry, VD_IP_FILTER_SETTING, VD_STR_LITERAL("{}"), 0, &version),
            VD_OK);
    }
    expect(412, "PreconditionFailed", "PUT", HUB, etag, EXAMPLE);
}

/* What one of the threads that write at the same time sends, and what it is told. */
struct writer {
    pthread_t thread;
    const char *etag; /* NULL: whatever is there */
    int status;
};

#define WRITERS 12

static void *write_tags(void *context)
{
    struct writer *writer = context;
    const struct vd_http_face face = vd_management_face(management);
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    struct vd_http_answer told = {.status = 500};
    struct vd_http_request request = {
        .method = "PATCH",
        .path = HUB,
        .query = "",
        .headers = &headers,
        .peer = "192.0.2.1",
        .body = VD_STR_LITERAL("{\"tags\":{\"a\":\"b\"}}"),
    };
    char header[VD_TOKEN_TEXT_SIZE + 8];

    snprintf(header, sizeof header, "Bearer %s", tokens[VD_ROLE_OWNER]);
    evhttp_add_header(&headers, "Authorization", header);
    if (writer->etag != NULL) {
        evhttp_add_header(&headers, "If-Match", writer->etag);
    }
    face.call(face.context, &request, &told);
    writer->status = told.status;
    json_decref(told.body);
    evhttp_clear_headers(&headers);
    return NULL;
}

/* How many of them were told 200; the others were told 412. */
static int write_at_once(const char *with_etag)
{
    struct writer writers[WRITERS];
    int done = 0;

    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.etag = with_etag};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_tags, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        assert_true(writers[i].status == 200 || writers[i].status == 412);
        done += writers[i].status == 200 ? 1 : 0;
    }
    return done;
}

/* With an etag one gets through, without one all do. */
static void test_hub__writers_at_once(void **state)
{
    (void)state;
    expect(200, NULL, "GET", HUB, NULL, NULL);
    assert_int_equal(write_at_once(keep_etag()), 1);
    assert_int_equal(write_at_once(NULL), WRITERS);
}

static void test_hub__patch_replaces_the_tags(void **state)
{
    (void)state;
    expect(200, NULL, "PUT", HUB, NULL, EXAMPLE);
    expect(200, NULL, "PATCH", HUB, NULL, "{\"tags\":{\"a\":\"1\"}}");
    assert_null(member("tags.env"));
    assert_string_equal(text_at("tags.a"), "1");
    assert_string_equal(text_at("location"), "westus");
    assert_accepted(11, false);
    expect(200, NULL, "PATCH", HUB, NULL, "{}");
    assert_string_equal(text_at("tags.a"), "1");
    expect(400, "BadRequest", "PATCH", HUB, NULL, "{\"tags\":{\"a\":null}}");
    expect(400, "BadRequest", "PATCH", HUB, NULL, "{\"sku\":{\"name\":\"S1\"}}");
    expect(200, NULL, "PATCH", HUB, NULL, "{\"tags\":{}}");
    assert_int_equal(json_object_size(member("tags")), 0);
}

static void test_hub__roles(void **state)
{
    (void)state;
    assert_int_equal(call_as(VD_ROLE_READER, "PUT", HUB, NULL, EXAMPLE), 403);
    assert_int_equal(call_as(VD_ROLE_READER, "PATCH", HUB, NULL, "{}"), 403);
    assert_int_equal(call_as(VD_ROLE_READER, "POST", HUB "/listkeys", NULL, NULL), 403);
    assert_int_equal(
        call_as(VD_ROLE_READER, "POST", HUB "/IotHubKeys/service/listkeys", NULL, NULL), 403);
    assert_int_equal(call_as(VD_ROLE_CONTRIBUTOR, "PUT", HUB, NULL, EXAMPLE), 200);
    assert_int_equal(call_as(VD_ROLE_CONTRIBUTOR, "POST", HUB "/listkeys", NULL, NULL), 200);
    assert_int_equal(
        call_as(VD_ROLE_CONTRIBUTOR, "PUT", HUB, NULL, WITH("\"authorizationPolicies\":[]")), 403);
    assert_int_equal(call_as(VD_ROLE_CONTRIBUTOR, "DELETE", HUB, NULL, NULL), 403);
    expect(200, NULL, "POST", HUB "/listkeys", NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 5);
}

/* ---- Policies ---- */

static void test_hub__keys(void **state)
{
    struct vd_policy policy;
    struct vd_key key = {.length = 0};

    (void)state;
    expect(200, NULL, "POST", HUB "/listkeys", NULL, NULL);
    assert_string_equal(text_at("value.1.keyName"), "iothubowner");
    assert_string_equal(text_at("value.1.rights"), "RegistryWrite, ServiceConnect, DeviceConnect");
    expect(200, NULL, "POST", HUB "/iothubkeys/SERVICE/listKeys", NULL, NULL);
    assert_string_equal(text_at("keyName"), "service");
    assert_string_equal(header_of("Cache-Control"), "no-store");
    assert_int_equal(vd_registry_policy_get(registry, "service", &policy), VD_OK);
    assert_int_equal(vd_policy_key_read(text_at("primaryKey"), &key), VD_OK);
    assert_int_equal(key.length, policy.primary_key.length);
    assert_memory_equal(key.bytes, policy.primary_key.bytes, key.length);
    expect(404, "ResourceNotFound", "POST", HUB "/IotHubKeys/none/listkeys", NULL, NULL);
    expect(405, "MethodNotAllowed", "GET", HUB "/listkeys", NULL, NULL);
}

#define KEY_A "AAECAwQFBgcICQoLDA0ODw=="

/* A list takes the place of all; keys stay, are set, or are made anew. */
static void test_hub__policies_are_replaced(void **state)
{
    struct vd_policy before;
    struct vd_policy after;

    (void)state;
    assert_int_equal(vd_registry_policy_get(registry, "service", &before), VD_OK);
    expect(200, NULL, "GET", HUB, NULL, NULL);
    keep_etag();
    expect(200, NULL, "PUT", HUB, etag,
        WITH("\"authorizationPolicies\":[{\"keyName\":\"service\",\"rights\":"
             "\"RegistryRead, ServiceConnect\",\"secondaryKey\":\"\"},"
             "{\"keyName\":\"mine\",\"rights\":\"DeviceConnect\",\"primaryKey\":\"" KEY_A "\"}]"));
    assert_null(property("authorizationPolicies"));
    assert_int_equal(vd_registry_policy_get(registry, "service", &after), VD_OK);
    assert_memory_equal(&before.primary_key, &after.primary_key, sizeof after.primary_key);
    assert_memory_not_equal(
        &before.secondary_key, &after.secondary_key, sizeof after.secondary_key);
    assert_int_equal(after.rights, VD_RIGHT_REGISTRY_READ | VD_RIGHT_SERVICE_CONNECT);
    assert_int_equal(vd_registry_policy_get(registry, "iothubowner", &after), VD_E_NOT_FOUND);
    expect(200, NULL, "POST", HUB "/IotHubKeys/mine/listkeys", NULL, NULL);
    assert_string_equal(text_at("primaryKey"), KEY_A);
    assert_int_equal(json_string_length(member("secondaryKey")), 44);
    /* Without a list they stay. */
    expect(412, "PreconditionFailed", "PUT", HUB, etag, EXAMPLE);
    expect(200, NULL, "PUT", HUB, NULL, EXAMPLE);
    expect(200, NULL, "POST", HUB "/listkeys", NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 2);
    expect(200, NULL, "PUT", HUB, NULL, WITH("\"authorizationPolicies\":[]"));
    expect(200, NULL, "POST", HUB "/listkeys", NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 0);
}

/* ---- The activity log ---- */

/* The last record says so of its member; fails if not. */
static void assert_recorded(const char *name, const char *value)
{
    json_t *record = json_loads(recorded, 0, NULL);
    const char *text = json_string_value(json_object_get(record, name));

    if (text == NULL || strcmp(text, value) != 0) {
        fail_msg("%s is not %s: %s", name, value, recorded);
    }
    json_decref(record);
}

static void test_hub__what_is_done_is_recorded(void **state)
{
    (void)state;
    expect(200, NULL, "GET", HUB, NULL, NULL);
    assert_string_equal(recorded, "");
    expect(200, NULL, "PUT", HUB, NULL, EXAMPLE);
    assert_recorded("operationName", "Microsoft.Devices/IotHubs/write");
    assert_recorded("resourceId", HUB);
    assert_recorded("status", "Succeeded");
    assert_recorded("caller", "token:head");
    assert_recorded("callerIpAddress", "192.0.2.1");
    assert_recorded("properties", "{\"details\":\"sets: labels ipFilter\"}");
    expect(200, NULL, "PUT", HUB, NULL, EXAMPLE);
    assert_recorded("properties", "{\"details\":\"sets: nothing new\"}");
    expect(200, NULL, "PUT", HUB, NULL, WITH("\"authorizationPolicies\":[]"));
    assert_recorded("properties", "{\"details\":\"sets: labels ipFilter authorizationPolicies\"}");
    expect(400, "BadRequest", "PUT", HUB, NULL, "{}");
    assert_recorded("status", "Failed");
    assert_recorded("properties", "{\"reason\":\"BadRequest\"}");
    expect(404, "ResourceNotFound", "POST", HUB "/IotHubKeys/none/listkeys", NULL, NULL);
    assert_recorded("operationName", "Microsoft.Devices/IotHubs/iotHubKeys/listkeys/action");
    assert_recorded("resourceId", HUB "/IotHubKeys/none");
    assert_int_equal(call_as(VD_ROLE_READER, "PATCH", HUB, NULL, "{}"), 403);
    assert_recorded("caller", "token:eye");
    assert_recorded("properties", "{\"reason\":\"AuthorizationFailed\"}");
}

/* ---- Numbers ---- */

static void test_hub__numbers(void **state)
{
    struct vd_identity identity = {.device_id = "dev1", .auth_type = VD_AUTH_CA};

    (void)state;
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
    expect(200, NULL, "GET", HUB "/IotHubStats", NULL, NULL);
    assert_int_equal(json_integer_value(member("totalDeviceCount")), 1);
    assert_int_equal(json_integer_value(member("enabledDeviceCount")), 0);
    assert_int_equal(json_integer_value(member("disabledDeviceCount")), 1);
    expect(200, NULL, "GET", HUB "/quotaMetrics", NULL, NULL);
    assert_string_equal(text_at("value.1.name"), "TotalDeviceCount");
    assert_int_equal(json_integer_value(member("value.1.currentValue")), 1);
    assert_int_equal(json_integer_value(member("value.1.maxValue")), 9007199254740991LL);
    expect(200, NULL, "GET", HUB "/skus", NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 7);
    assert_string_equal(text_at("value.0.sku.tier"), "Free");
    expect(200, NULL, "GET", HUB "/routingEndpointsHealth", NULL, NULL);
    assert_string_equal(text_at("value.0.healthStatus"), "unknown");
    expect(
        200, NULL, "GET", "/subscriptions/" SUB "/providers/Microsoft.Devices/usages", NULL, NULL);
    assert_int_equal(json_integer_value(member("value.0.limit")), 1);
}

static void test_hub__names_that_are_free(void **state)
{
    static const char *const cases[][2] = {{"{\"name\":\"HUB\"}", "AlreadyExists"},
        {"{\"name\":\"a_b\"}", "Invalid"}, {"{\"name\":\"123\"}", "Invalid"},
        {"{\"name\":\"ab-\"}", "Invalid"}, {"{\"name\":\"ab\"}", "Invalid"}};
    static const char target[] =
        "/subscriptions/" SUB "/providers/Microsoft.Devices/checkNameAvailability";

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect(200, NULL, "POST", target, NULL, cases[i][0]);
        assert_true(json_is_false(member("nameAvailable")));
        assert_string_equal(text_at("reason"), cases[i][1]);
    }
    expect(200, NULL, "POST", target, NULL, "{\"name\":\"other-hub\"}");
    assert_true(json_is_true(member("nameAvailable")));
    expect(400, "BadRequest", "POST", target, NULL, "{}");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_hub__##name, management_set_up, management_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get),
        TEST(names),
        TEST(lists),
        TEST(put_replaces_it_whole),
        TEST(what_is_got_can_be_put),
        TEST(published_example),
        TEST(bad_bodies_change_nothing),
        TEST(etags),
        TEST(writers_at_once),
        TEST(patch_replaces_the_tags),
        TEST(roles),
        TEST(keys),
        TEST(policies_are_replaced),
        TEST(what_is_done_is_recorded),
        TEST(numbers),
        TEST(names_that_are_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
