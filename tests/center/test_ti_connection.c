/* SPDX-License-Identifier: MIT */
/* Flows against indicators: what an alert says of them, and when there is none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/detect/rule.h"
#include "tests/center/message.h"

#define T0_MS 1764000000000LL

struct connection_case {
    const char *remote;
    const char *indicator; /* NULL: no alert */
    const char *severity;  /* NULL: the rule's */
    const char *words;     /* at the end of the description */
};

static const struct connection_case cases[] = {
    {"192.0.2.1", "192.0.2.1", "High",
        "The address is on the list \"bad\" as 192.0.2.1 with confidence 80: a \"C2\" server."},
    {"198.51.100.9", "198.51.100.0/24", NULL,
        "The address is on the list \"plain\" as 198.51.100.0/24."},
    {"2001:db8::5", "2001:db8::/32", NULL, "as 2001:db8::/32."},
    {"198.51.100.10", NULL, NULL, NULL}, /* an exception */
    {"192.0.2.2", NULL, NULL, NULL},     /* expired a millisecond before */
    {"192.0.2.3", NULL, NULL, NULL},     /* valid a millisecond later */
    {"192.0.2.4", "192.0.2.4", "High", "with confidence 50."},
    {"203.0.113.1", NULL, NULL, NULL},
};

static void add(struct vd_indicator_builder *builder, const char *text, const char *description,
    int64_t from_ms, int64_t until_ms)
{
    struct vd_indicator_line line;
    struct vd_indicator indicator = {
        .text = line.text,
        .description = description,
        .valid_from_ms = from_ms,
        .valid_until_ms = until_ms,
        .confidence = description != NULL ? 80 : VD_CONFIDENCE_UNKNOWN,
    };

    assert_null(vd_indicator_parse(vd_str_from(text), &line));
    indicator.range = line.range;
    assert_int_equal(vd_indicator_builder_add(builder, &indicator), VD_OK);
}

static int make_set(void **state)
{
    static const struct vd_feed_info bad = {"bad", "High", 50, false};
    static const struct vd_feed_info plain = {"plain", NULL, VD_CONFIDENCE_UNKNOWN, false};
    static const struct vd_feed_info allowed = {"allowed", NULL, VD_CONFIDENCE_UNKNOWN, true};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_set *set = NULL;

    assert_int_equal(vd_indicator_builder_new(NULL, &builder), VD_OK);
    assert_int_equal(vd_indicator_builder_feed(builder, &bad), VD_OK);
    add(builder, "192.0.2.1", "a \"C2\" server", 0, 0);
    add(builder, "192.0.2.2", "old", 0, T0_MS);
    add(builder, "192.0.2.3", "new", T0_MS + 1, 0);
    add(builder, "192.0.2.4", NULL, T0_MS, T0_MS + 1);
    assert_int_equal(vd_indicator_builder_feed(builder, &plain), VD_OK);
    add(builder, "198.51.100.0/24", NULL, 0, 0);
    add(builder, "2001:db8::/32", NULL, 0, 0);
    assert_int_equal(vd_indicator_builder_feed(builder, &allowed), VD_OK);
    add(builder, "198.51.100.10", NULL, 0, 0);
    assert_int_equal(vd_indicator_builder_finish(builder, &set), VD_OK);
    *state = set;
    return 0;
}

static int release_set(void **state)
{
    vd_indicator_set_release(*state);
    return 0;
}

/* Judges one flow to that address at T0. */
static void examine(
    const struct vd_indicator_set *set, const char *remote, struct vd_findings *findings)
{
    const struct test_flow flow = {
        strchr(remote, ':') != NULL ? "fd00::2" : "10.0.0.2", remote, 40000, 443, 1, 2, 0};
    const struct test_event event = {test_uuid(1), T0_MS / 1000, 10, 1, &flow, 1};
    struct vd_security_message message = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];
    struct vd_observation seen = {
        .what = VD_OBSERVED_EVENT,
        .device_id = VD_STR_LITERAL("device-1"),
        .message = &message,
        .time = vd_event_time_judge(T0_MS, T0_MS / 1000, 10),
    };
    const struct vd_detect_input input = {.seen = &seen, .indicators = set};

    test_message_write(&body, &event, 1);
    assert_int_equal(vd_security_message_decode(
                         &message, (struct vd_str){(const char *)body.data, body.length}, reason),
        VD_OK);
    seen.event = vd_security_message_event(&message, 0);
    assert_int_equal(vd_rules_examine(&input, findings), VD_OK);
    vd_security_message_release(&message);
    vd_buf_release(&body);
}

static void check_evidence(const struct vd_pending_alert *alert, const struct connection_case *c)
{
    json_t *evidence = json_loads(alert->evidence[0].body, 0, NULL);

    assert_non_null(evidence);
    assert_string_equal(json_string_value(json_object_get(evidence, "indicator")), c->indicator);
    if (strcmp(c->remote, "192.0.2.1") == 0) {
        assert_int_equal(json_integer_value(json_object_get(evidence, "confidence")), 80);
        assert_string_equal(json_string_value(json_object_get(evidence, "indicatorDescription")),
            "a \"C2\" server");
    }
    json_decref(evidence);
}

static void test_connection__cases(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct connection_case *c = &cases[i];
        struct vd_findings findings = {0};
        const struct vd_pending_alert *alert;

        examine(*state, c->remote, &findings);
        assert_int_equal(findings.count, c->indicator != NULL ? 1 : 0);
        if (c->indicator != NULL) {
            const size_t length = strlen(c->words);

            alert = findings.alerts[0];
            assert_string_equal(alert->first.rule->alert_type, "IoT_TiConnection");
            assert_string_equal(alert->first.indicator_value, c->indicator);
            if (c->severity != NULL) {
                assert_string_equal(alert->first.severity, c->severity);
            } else {
                assert_null(alert->first.severity);
            }
            assert_true(strlen(alert->description) > length);
            assert_string_equal(alert->description + strlen(alert->description) - length, c->words);
            check_evidence(alert, c);
        }
        vd_findings_release(&findings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_connection__cases, make_set, release_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
