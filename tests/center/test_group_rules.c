/* SPDX-License-Identifier: MIT */
/* Rule documents: what is refused, with its place; durations; address lists; the complete document. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "center/detect/group_rules.h"
#include "center/intel/indicator_list.h"

#define WINDOW(type, more) "{\"timeWindowRules\":[{\"ruleType\":\"" type "\"" more "}]}"
#define D2C                "MqttD2CMessagesNotInAllowedRange"
#define GOOD               ",\"isEnabled\":true,\"minThreshold\":1,\"maxThreshold\":2,\"timeWindowSize\":\"PT1M\""

static int read_text(const char *text, struct vd_group_rules **rules, char problem[256])
{
    json_t *properties = json_loads(text, JSON_DECODE_ANY, NULL);
    int error;

    assert_non_null(properties);
    error = vd_group_rules_read("g", properties, rules, problem);
    json_decref(properties);
    return error;
}

static void test_rules__refused_with_their_place(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"[]", "properties: must be an object"},
        {"{\"timeWindowRules\":{}}", "timeWindowRules: must be an array"},
        {"{\"timeWindowRules\":[1]}", "timeWindowRules[0]: must be an object"},
        {"{\"timeWindowRules\":[{}]}", "timeWindowRules[0].ruleType: is missing"},
        {WINDOW("None", GOOD), "timeWindowRules[0].ruleType: is not a known rule type"},
        {WINDOW("ConnectionToIpNotAllowed", GOOD),
            "timeWindowRules[0].ruleType: does not belong into this list"},
        {WINDOW(D2C, ",\"isEnabled\":1"), "timeWindowRules[0].isEnabled: must be true or false"},
        {WINDOW(D2C, ",\"isEnabled\":true"),
            "timeWindowRules[0].minThreshold: must be an integer from 0 to 2147483647"},
        {WINDOW(D2C, ",\"isEnabled\":true,\"minThreshold\":1,\"maxThreshold\":2147483648"),
            "timeWindowRules[0].maxThreshold: must be an integer from 0 to 2147483647"},
        {WINDOW(D2C, ",\"isEnabled\":true,\"minThreshold\":3,\"maxThreshold\":2"),
            "timeWindowRules[0].minThreshold: must not be above maxThreshold"},
        {WINDOW("ActiveConnectionsNotInAllowedRange",
             ",\"isEnabled\":true,\"minThreshold\":4097,\"maxThreshold\":5000,\"timeWindowSize\":"
             "\"PT5M\""),
            "timeWindowRules[0].minThreshold: must be at most 4096: no more flows are counted"},
        {WINDOW(D2C, ",\"isEnabled\":true,\"minThreshold\":1,\"maxThreshold\":2"),
            "timeWindowRules[0].timeWindowSize: must be an ISO 8601 duration such as PT5M"},
        {WINDOW(D2C,
             ",\"isEnabled\":true,\"minThreshold\":1,\"maxThreshold\":2,\"timeWindowSize\":\"PT59S\""),
            "timeWindowRules[0].timeWindowSize: must be from PT1M to P7D"},
        {WINDOW(D2C,
             ",\"isEnabled\":true,\"minThreshold\":1,\"maxThreshold\":2,\"timeWindowSize\":\"P7DT1S\""),
            "timeWindowRules[0].timeWindowSize: must be from PT1M to P7D"},
        {"{\"timeWindowRules\":[{\"ruleType\":\"" D2C "\"" GOOD "},{\"ruleType\":\"" D2C "\"" GOOD
         "}]}",
            "timeWindowRules[1].ruleType: stands in the list already"},
        {"{\"allowlistRules\":[{\"ruleType\":\"ConnectionToIpNotAllowed\",\"isEnabled\":true}]}",
            "allowlistRules[0].allowlistValues: must be an array of texts"},
        {"{\"allowlistRules\":[{\"ruleType\":\"ConnectionToIpNotAllowed\",\"isEnabled\":true,"
         "\"allowlistValues\":[\"192.0.2.1\",\"x\"]}]}",
            "allowlistRules[0].allowlistValues[1]: not an address or CIDR range"},
        {"{\"denylistRules\":[{\"ruleType\":\"DenylistCustomAlertRule\",\"isEnabled\":true,"
         "\"denylistValues\":[7]}]}",
            "denylistRules[0].denylistValues[0]: must be text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_group_rules *rules = NULL;
        char problem[256] = "";

        assert_int_equal(read_text(cases[i].text, &rules, problem), VD_E_INVALID);
        assert_string_equal(problem, cases[i].problem);
        assert_null(rules);
    }
}

static void test_rules__of_other_kinds_are_checked_and_left_out(void **state)
{
    struct vd_group_rules *rules = NULL;
    char problem[256];
    bool applies = true;

    (void)state;
    assert_int_equal(
        read_text(WINDOW("AmqpC2DMessagesNotInAllowedRange", GOOD), &rules, problem), VD_OK);
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        assert_false(rules->windows[i].is_enabled);
    }
    vd_group_rules_free(rules);
    assert_int_equal(
        read_text(WINDOW("FileUploadsNotInAllowedRange", ",\"isEnabled\":true"), &rules, problem),
        VD_E_INVALID);
    assert_non_null(
        strstr(vd_rule_type_applies("AmqpC2DMessagesNotInAllowedRange", &applies), "AMQP"));
    assert_false(applies);
    assert_non_null(vd_rule_type_applies(D2C, &applies));
    assert_true(applies);
    assert_null(vd_rule_type_applies("None", &applies));
}

/* Who reads a document sees which of its rules will never fire. */
static void test_rules__document_says_what_is_not_judged(void **state)
{
    json_t *document = vd_group_rules_document(NULL);
    const json_t *rules = json_object_get(document, "timeWindowRules");
    size_t marked = 0;

    (void)state;
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const char *description = json_string_value(json_object_get(rule, "description"));
        const bool is_marked = strstr(description, "Not applicable here: ") != NULL;
        bool applies = false;

        assert_non_null(
            vd_rule_type_applies(json_string_value(json_object_get(rule, "ruleType")), &applies));
        assert_int_equal(is_marked, !applies);
        marked += is_marked ? 1 : 0;
    }
    assert_int_equal(marked, 8);
    json_decref(document);
}

static void test_rules__lists_of_other_names_are_refused(void **state)
{
    struct vd_group_rules *rules = NULL;
    char problem[256] = "";

    (void)state;
    assert_int_equal(read_text("{\"timeWindowRule\":[]}", &rules, problem), VD_E_INVALID);
    assert_non_null(strstr(problem, "timeWindowRule: is not known"));
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } cases[] = {
        {"PT1M", 60000},
        {"PT05M", 300000},
        {"PT90S", 90000},
        {"PT1H30M", 5400000},
        {"P1D", 86400000},
        {"P1W", 604800000},
        {"P1DT12H", 129600000},
        {"PT0S", 0},
        {"", -1},
        {"P", -1},
        {"PT", -1},
        {"P1DT", -1},
        {"1M", -1},
        {"PT1", -1},
        {"PTM", -1},
        {"PT1M1H", -1},
        {"PT1.5M", -1},
        {"PT-1M", -1},
        {"P1M", -1},
        {"P1Y", -1},
        {"pt1m", -1},
        {"PT1M ", -1},
        {"PT9999999999M", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;

        if (vd_duration_parse(cases[i].text, &ms) != (cases[i].ms < 0 ? VD_E_INVALID : VD_OK) ||
            ms != cases[i].ms) {
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
        }
    }
}

static struct vd_address address_of(const char *text)
{
    struct vd_indicator_line line;

    assert_null(vd_indicator_parse(vd_str_from(text), &line));
    return line.range.from;
}

/* Merged ranges hold what a scan of the values says. */
static void test_addresses(void **state)
{
    static const struct {
        const char *address;
        bool held;
    } cases[] = {
        {"192.0.2.0", true},
        {"192.0.2.255", true},
        {"192.0.1.255", false},
        {"192.0.3.0", true},
        {"192.0.3.4", true},
        {"192.0.3.5", false},
        {"10.0.0.0", false},
        {"255.255.255.255", true},
        {"0.0.0.0", false},
        {"2001:db8::1", true},
        {"2001:db9::1", false},
        {"::1", false},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"::ffff:192.0.2.7", true},
    };
    struct vd_group_rules *rules = NULL;
    char problem[256];

    (void)state;
    assert_int_equal(
        read_text(
            "{\"denylistRules\":[{\"ruleType\":\"DenylistCustomAlertRule\",\"isEnabled\":true,"
            "\"denylistValues\":[\"255.255.255.255\",\"192.0.2.128/25\",\"192.0.2.0/25\","
            "\"192.0.3.0-192.0.3.4\",\"192.0.2.9\",\"2001:db8::/32\",\"2001:db8::5\","
            "\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"]}]}",
            &rules, problem),
        VD_OK);
    assert_int_equal(rules->denied.count, 4); /* those that touch are one */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vd_address address = address_of(cases[i].address);

        if (vd_rule_addresses_hold(&rules->denied, &address) != cases[i].held) {
            fail_msg("%s", cases[i].address);
        }
    }
    vd_group_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules__refused_with_their_place),
        cmocka_unit_test(test_rules__of_other_kinds_are_checked_and_left_out),
        cmocka_unit_test(test_rules__document_says_what_is_not_judged),
        cmocka_unit_test(test_rules__lists_of_other_names_are_refused),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
