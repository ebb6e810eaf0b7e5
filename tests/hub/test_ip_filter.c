/* SPDX-License-Identifier: MIT */
/* The IP filter: what is read and what is refused, and whom it lets in, against a slow judge and over a running hub. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "hub/ip_filter.h"
#include "tests/hub/live_hub.h"

static struct vd_ip_filter filter;
static char problem[256];

/* Reads the text; returns what the filter says. */
static int read_text(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    int error;

    assert_non_null(json);
    problem[0] = '\0';
    error = vd_ip_filter_read(&filter, json, problem, sizeof problem);
    json_decref(json);
    return error;
}

static bool accepts(const char *address)
{
    struct in_addr four;

    assert_int_equal(inet_pton(AF_INET, address, &four), 1);
    return vd_ip_filter_accepts(&filter, (const uint8_t *)&four, sizeof four);
}

#define RULE(name, action, mask) \
    "{\"filterName\":\"" name "\",\"action\":\"" action "\",\"ipMask\":\"" mask "\"}"

static void test_filter__the_first_match_decides(void **state)
{
    static const uint8_t six[8] = {0x20, 1, 0xd, 0xb8};

    (void)state;
    vd_ip_filter_init(&filter);
    assert_true(accepts("192.0.2.1"));
    assert_int_equal(
        read_text("{\"ipFilterRules\":[" RULE("one", "Accept", "192.0.2.7") "," RULE(
            "net", "Reject", "192.0.2.0/24") "," RULE("all", "Accept", "0.0.0.0/0") "]}"),
        VD_OK);
    assert_true(accepts("192.0.2.7"));
    assert_false(accepts("192.0.2.8"));
    assert_true(accepts("192.0.3.8"));
    assert_int_equal(
        read_text("{\"ipFilterRules\":[" RULE("all", "Reject", "0.0.0.0/0") "]}"), VD_OK);
    assert_false(accepts("198.51.100.1"));
    /* The rules are of IPv4: what they do not match is accepted, as ever. */
    assert_true(vd_ip_filter_accepts(&filter, six, sizeof six));
}

static void test_filter__network_rule_sets(void **state)
{
    static const uint8_t six[8] = {0x20, 1, 0xd, 0xb8};

    (void)state;
    assert_int_equal(read_text("{\"networkRuleSets\":{\"ipRules\":[{\"filterName\":\"r\","
                               "\"ipMask\":\"203.0.113.0/25\"}]}}"),
        VD_OK);
    assert_true(accepts("203.0.113.127"));
    assert_false(accepts("203.0.113.128"));
    assert_false(vd_ip_filter_accepts(&filter, six, sizeof six));
    assert_int_equal(read_text("{\"networkRuleSets\":{\"defaultAction\":\"Allow\"}}"), VD_OK);
    assert_true(accepts("203.0.113.128"));
    assert_int_equal(read_text("{\"networkRuleSets\":null}"), VD_OK);
    assert_true(accepts("203.0.113.128"));
    assert_int_equal(read_text("{\"ipFilterRules\":[" RULE("no", "Reject",
                         "203.0.113.5") "],"
                                        "\"networkRuleSets\":{\"ipRules\":[" RULE(
                                            "yes", "Allow", "203.0.113.0/24") "]}}"),
        VD_OK);
    assert_false(accepts("203.0.113.5"));
    assert_true(accepts("203.0.113.6"));
    assert_false(accepts("203.0.114.6"));
    /* The service of old answers with its network rules in both lists. */
    assert_int_equal(read_text("{\"ipFilterRules\":[" RULE(
                         "r", "Accept", "203.0.113.5") "],"
                                                       "\"networkRuleSets\":{\"ipRules\":[" RULE(
                                                           "r", "Allow", "203.0.113.5") "]}}"),
        VD_OK);
    assert_int_equal(filter.count, 2);
}

static void test_filter__what_is_wrong_is_said_and_changes_nothing(void **state)
{
    static const char *const cases[][2] = {
        {"[]", "object"},
        {"{\"ipFilterRules\":{}}", "array"},
        {"{\"ipFilterRules\":[5]}", "filterName"},
        {"{\"ipFilterRules\":[" RULE("", "Accept", "192.0.2.1") "]}", "filterName"},
        {"{\"ipFilterRules\":[" RULE("a", "Allow", "192.0.2.1") "]}", "Accept or Reject"},
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"ipMask\":\"192.0.2.1\"}]}", "action"},
        {"{\"ipFilterRules\":[{\"filterName\":\"a\",\"action\":5,\"ipMask\":\"192.0.2.1\"}]}",
            "action"},
        {"{\"ipFilterRules\":[" RULE("a", "Accept", "192.0.2") "]}", "ipMask"},
        {"{\"ipFilterRules\":[" RULE("a", "Accept", "192.0.2.1/33") "]}", "ipMask"},
        {"{\"ipFilterRules\":[" RULE("a", "Accept", "192.0.2.1/") "]}", "ipMask"},
        {"{\"ipFilterRules\":[" RULE("a", "Accept", "192.0.2.1/08") "]}", "ipMask"},
        {"{\"ipFilterRules\":[" RULE("a", "Accept", "192.0.2.1/-1") "]}", "ipMask"},
        {"{\"ipFilterRules\":[" RULE("a", "Accept", "2001:db8::/32") "]}", "ipMask"},
        {"{\"ipFilterRules\":[" RULE("a", "Accept", "0.0.0.0/0") "," RULE(
             "A", "Reject", "0.0.0.0/0") "]}",
            "two rules"},
        {"{\"networkRuleSets\":[]}", "object"},
        {"{\"networkRuleSets\":{\"defaultAction\":\"Reject\"}}", "defaultAction"},
        {"{\"networkRuleSets\":{\"ipRules\":[" RULE("a", "Deny", "192.0.2.1") "]}}",
            "action must be Allow"},
    };

    (void)state;
    assert_int_equal(
        read_text("{\"ipFilterRules\":[" RULE("keep", "Reject", "192.0.2.9") "]}"), VD_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_text(cases[i][0]), VD_E_INVALID);
        if (strstr(problem, cases[i][1]) == NULL) {
            fail_msg("%s: %s", cases[i][0], problem);
        }
        assert_false(accepts("192.0.2.9"));
        assert_int_equal(filter.count, 1);
    }
}

static json_t *many_rules(size_t count)
{
    json_t *rules = json_array();
    char name[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "rule-%zu", i);
        json_array_append_new(rules,
            json_pack(
                "{s:s, s:s, s:s}", "filterName", name, "action", "Accept", "ipMask", "192.0.2.1"));
    }
    return json_pack("{s:o}", "ipFilterRules", rules);
}

static void test_filter__holds_a_hundred_rules(void **state)
{
    json_t *most = many_rules(VD_IP_RULES_MAX);
    json_t *more = many_rules(VD_IP_RULES_MAX + 1);

    (void)state;
    assert_int_equal(vd_ip_filter_read(&filter, most, problem, sizeof problem), VD_OK);
    assert_int_equal(vd_ip_filter_read(&filter, more, problem, sizeof problem), VD_E_INVALID);
    json_decref(most);
    json_decref(more);
}

/* Random rules give the same answer when each bit is compared by itself, and when they were written and read again. */
static void test_filter__agrees_with_a_slow_judge(void **state)
{
    (void)state;
    srand(7);
    for (unsigned round = 0; round < 300; round++) {
        struct vd_ip_filter made = {.accepts_rest = rand() % 2 == 0};
        json_t *json;

        made.count = (size_t)(rand() % 12);
        for (size_t i = 0; i < made.count; i++) {
            struct vd_ip_rule *rule = &made.rules[i];

            snprintf(rule->name, sizeof rule->name, "r%zu", i);
            rule->accepts = rand() % 2 == 0;
            rule->prefix = (uint8_t)(rand() % 33);
            rule->network = rule->prefix == 0
                ? 0
                : ((uint32_t)rand() * 2u & 0x0f0000ffu) & (UINT32_MAX << (32 - rule->prefix));
        }
        json = vd_ip_filter_json(&made);
        assert_non_null(json);
        vd_ip_filter_init(&filter);
        assert_int_equal(vd_ip_filter_read(&filter, json, problem, sizeof problem), VD_OK);
        filter.accepts_rest = made.accepts_rest;
        json_decref(json);
        for (unsigned k = 0; k < 50; k++) {
            const uint32_t host = (uint32_t)rand() * 2u & 0x0f0000ffu;
            const uint32_t wire = htonl(host);
            bool want = made.accepts_rest;

            for (size_t i = 0; i < made.count; i++) {
                unsigned same = 0;

                while (same < made.rules[i].prefix &&
                    (host >> (31 - same) & 1u) == (made.rules[i].network >> (31 - same) & 1u)) {
                    same++;
                }
                if (same == made.rules[i].prefix) {
                    want = made.rules[i].accepts;
                    break;
                }
            }
            assert_int_equal(
                vd_ip_filter_accepts(&filter, (const uint8_t *)&wire, sizeof wire), want);
        }
    }
}

/* Rules count from the moment that they are set: for who connects, and for who is connected. */
static void test_filter__is_enforced_at_once(void **state)
{
    struct live_hub *f = *state;
    const struct vd_key key = memory_key('a');
    struct vd_buf packet = {0};
    struct tls_client inside;
    struct tls_client late;

    live_start(f, &live_patient, 0);
    live_log_in(f, &inside, "dev1");
    assert_int_equal(
        read_text("{\"ipFilterRules\":[" RULE("no", "Reject", "127.0.0.0/8") "]}"), VD_OK);
    vd_hub_set_ip_filter(f->hub, &filter);
    live_expect_end(&inside);
    live_open(f, &late);
    packet_connect_device(&packet, "dev1", NULL, &key, live_in_s(3600), 60);
    live_send(&late, &packet);
    live_expect(&late, "\x20\x02\x00\x05", 4);
    live_expect_end(&late);
    vd_ip_filter_init(&filter);
    vd_hub_set_ip_filter(f->hub, &filter);
    live_log_in(f, &inside, "dev1");
    live_ping(&inside);
    tls_client_close(&inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter__the_first_match_decides),
        cmocka_unit_test(test_filter__network_rule_sets),
        cmocka_unit_test(test_filter__what_is_wrong_is_said_and_changes_nothing),
        cmocka_unit_test(test_filter__holds_a_hundred_rules),
        cmocka_unit_test(test_filter__agrees_with_a_slow_judge),
        cmocka_unit_test_setup_teardown(
            test_filter__is_enforced_at_once, live_setup, live_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
