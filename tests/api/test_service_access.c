/* SPDX-License-Identifier: MIT */
/* Who may call the service API: tokens, rights, guesses, the IP filter. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/ip_filter.h"
#include "hub/sas.h"
#include "lib/log.h"
#include "lib/secret.h"
#include "tests/api/service_fixture.h"

static void test_service__tokens(void **state)
{
    static const struct {
        const char *resource;
        const char *target;
        int status;
    } cases[] = {
        {HOST, "/devices", 200},
        {"HUB.test", "/devices", 200},
        {HOST ":443", "/devices", 200},
        {HOST "/", "/devices", 200},
        {HOST "/devices", "/devices", 200},
        {HOST "/devices", "/devices/a", 404},
        {HOST "/devices/a", "/devices/a", 404},
        {HOST "/devices/a", "/devices/ab", 401},
        {HOST "/devices/a", "/devices", 401},
        {HOST "/device", "/devices", 401},
        {"other.test", "/devices", 401},
        {HOST ".evil", "/devices", 401},
        {"hub", "/devices", 401},
    };
    char token[VD_HTTP_VALUE_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int secondary = 0; secondary < 2; secondary++) {
            make_token(cases[i].resource, "iothubowner", secondary != 0, in_an_hour(), token,
                sizeof token);
            if (call_with(token, "GET", cases[i].target, NULL, NULL) != cases[i].status) {
                fail_msg("%s for %s: %d", cases[i].resource, cases[i].target, answer.status);
            }
            assert_int_equal(answer.has_login, cases[i].status != 401);
        }
    }
}

static void test_service__bad_tokens(void **state)
{
    char token[VD_HTTP_VALUE_SIZE];
    char device_token[VD_HTTP_VALUE_SIZE];
    struct vd_key key = {.length = 32};
    struct vd_policy other = {0};

    (void)state;
    assert_int_equal(call_with(NULL, "GET", "/devices", NULL, NULL), 401);
    assert_fault("IotHubUnauthorizedAccess");
    assert_string_equal(answer.headers[1].name, "WWW-Authenticate");
    assert_int_equal(call_with("", "GET", "/devices", NULL, NULL), 401);
    assert_int_equal(call_with("Bearer abc", "GET", "/devices", NULL, NULL), 401);
    make_token(HOST, "iothubowner", false, in_an_hour() - 3601, token, sizeof token);
    assert_int_equal(call_with(token, "GET", "/devices", NULL, NULL), 401);
    make_token(HOST, "iothubowner", false, in_an_hour(), token, sizeof token);
    assert_int_equal(call_with(token, "GET", "/devices", NULL, NULL), 200);
    token[strlen("SharedAccessSignature sr=" HOST "&sig=")] ^= 1;
    assert_int_equal(call_with(token, "GET", "/devices", NULL, NULL), 401);
    /* The owner's name under a policy that may less, and names that are none. */
    assert_int_equal(vd_registry_policy_get(registry, "device", &other), VD_OK);
    assert_int_equal(
        vd_sas_make(HOST, &other.primary_key, in_an_hour(), "iothubowner", token, sizeof token),
        VD_OK);
    assert_int_equal(call_with(token, "GET", "/devices", NULL, NULL), 401);
    assert_int_equal(vd_sas_make(HOST, &key, in_an_hour(), "no such", token, sizeof token), VD_OK);
    assert_int_equal(call_with(token, "GET", "/devices", NULL, NULL), 401);
    assert_int_equal(
        vd_sas_make(HOST, &key, in_an_hour(), NULL, device_token, sizeof device_token), VD_OK);
    assert_int_equal(call_with(device_token, "GET", "/devices", NULL, NULL), 401);
    /* Without a token nobody learns which paths there are. */
    assert_int_equal(call_with(NULL, "GET", "/nothing", NULL, NULL), 401);
    assert_int_equal(call_with(NULL, "GET", "/devices/%zz", NULL, NULL), 401);
}

static void test_service__rights(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *body;
        unsigned allowed; /* bits of the policies below */
    } cases[] = {
        {"GET", "/devices", NULL, 1 | 8 | 16},
        {"GET", "/devices/none", NULL, 1 | 8 | 16},
        {"PUT", "/devices/%20", "{}", 1 | 16},
        {"DELETE", "/devices/none", NULL, 1 | 16},
        {"POST", "/devices", "[]", 1 | 16},
        {"GET", "/devices/none/modules", NULL, 1 | 8 | 16},
        {"GET", "/statistics/devices", NULL, 1 | 8 | 16},
        {"GET", "/statistics/service", NULL, 1 | 8 | 16},
        {"GET", "/configurations", NULL, 1 | 8 | 16},
        {"GET", "/jobs", NULL, 1 | 8 | 16},
        {"POST", "/twins/none/methods", "{}", 1 | 2},
        {"POST", "/devices/query", "{}", 1 | 2},
        {"POST", "/devices/none/messages/devicebound", "{}", 1 | 2},
        {"DELETE", "/devices/none/commands", NULL, 1 | 2},
        {"GET", "/messages/servicebound/feedback", NULL, 1 | 2},
        {"DELETE", "/messages/servicebound/feedback/1", NULL, 1 | 2},
        {"GET", "/twins/none", NULL, 1 | 2},
        {"PATCH", "/twins/none", "{}", 1 | 2},
        {"PUT", "/twins/none", "{}", 1 | 2},
        {"GET", "/twins/none/modules/m", NULL, 1 | 2},
        {"PATCH", "/twins/none/modules/m", "{}", 1 | 2},
        {"PUT", "/twins/none/modules/m", "{}", 1 | 2},
        {"GET", "/nothing", NULL, 31},
    };
    static const char *const policies[] = {
        "iothubowner", "service", "device", "registryRead", "registryReadWrite"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t p = 0; p < COUNT(policies); p++) {
            bool allowed = (cases[i].allowed >> p & 1) != 0;
            int status =
                call_as(policies[p], cases[i].method, cases[i].target, NULL, cases[i].body);

            if ((status != 403) != allowed || status == 401) {
                fail_msg("%s %s as %s: %d", cases[i].method, cases[i].target, policies[p], status);
            }
            if (!allowed) {
                assert_fault("GenericForbidden");
            }
            if (p == COUNT(policies) - 1) {
                /* Refusals are counted against the address: begin anew. */
                service_again();
            }
        }
    }
}

/* Whoever guesses is told to wait, even if he then guesses right. */
static void test_service__guessing(void **state)
{
    int status = 401;
    int tries = 0;

    (void)state;
    while (status == 401 && tries < 1000) {
        status = call_with("SharedAccessSignature sr=hub.test&sig=x&se=99999999999&skn=service",
            "GET", "/devices", NULL, NULL);
        tries++;
    }
    assert_int_equal(status, 429);
    assert_in_range(tries, 20, 40);
    assert_fault("ThrottlingException");
    assert_int_equal(call("GET", "/devices", NULL, NULL), 429);
}

/* Nobody guesses on from the next address of his network. */
static void test_service__guessing_from_a_network(void **state)
{
    const char *const own = peer;
    char text[64];
    int status = 401;

    (void)state;
    for (int tries = 0; status == 401 && tries < 1000; tries++) {
        snprintf(text, sizeof text, "2001:db8:0:1::%x", (unsigned)tries);
        peer = text;
        status = call_with(NULL, "GET", "/devices", NULL, NULL);
    }
    assert_int_equal(status, 429);
    peer = "2001:db8:0:2::1";
    assert_int_equal(call("GET", "/devices", NULL, NULL), 200);
    peer = own;
    assert_int_equal(call("GET", "/devices", NULL, NULL), 200);
}

/* The hub's IP filter holds here too, from the moment that it is set. */
static void test_service__ip_filter(void **state)
{
    static const struct {
        const char *rules;
        int status;
    } cases[] = {
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Reject\",\"ipMask\":"
         "\"192.0.2.0/24\"}]}",
            401},
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":\"Accept\",\"ipMask\":\"192.0.2.1\"},"
         "{\"filterName\":\"b\",\"action\":\"Reject\",\"ipMask\":\"0.0.0.0/0\"}]}",
            200},
        {"{\"networkRuleSets\":{\"defaultAction\":\"Deny\",\"ipRules\":[]}}", 401},
        {"no filter", 401},
        {"{\"ipFilterRules\":[]}", 200},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t etag = 0;

        assert_int_equal(vd_registry_setting_put(
                             registry, VD_IP_FILTER_SETTING, vd_str_from(cases[i].rules), 0, &etag),
            VD_OK);
        if (call("GET", "/devices", NULL, NULL) != cases[i].status) {
            fail_msg("%d for %s", answer.status, cases[i].rules);
        }
        if (cases[i].status == 401) {
            assert_fault("IotHubUnauthorizedAccess");
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_service__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tokens),
        TEST(bad_tokens),
        TEST(rights),
        TEST(guessing),
        TEST(guessing_from_a_network),
        TEST(ip_filter),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests_name("service access", tests, NULL, NULL);
}
