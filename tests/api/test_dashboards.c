/* SPDX-License-Identifier: MIT */
/* The dashboard and the alert rules that are delivered: each metric and label of their expressions is one that /metrics has. */

#include <ctype.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/metrics/exposition.h"

/* Labels that Prometheus adds. */
static const char *const added[] = {"job", "instance"};

static bool used[VD_METRIC_COUNT];

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == ':';
}

static bool has_label(const struct vd_metric_row *row, const char *label, size_t length)
{
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        if (strlen(added[i]) == length && memcmp(added[i], label, length) == 0) {
            return true;
        }
    }
    for (const char *at = row->labels; *at != '\0';) {
        const size_t size = strcspn(at, ",");

        if (size == length && memcmp(at, label, length) == 0) {
            return true;
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return false;
}

/* Of `{label="value",...}`; behind it. */
static const char *read_selector(const struct vd_metric_row *row, const char *at)
{
    while (*at++ != '}') {
        size_t length = 0;

        while (is_name(at[length])) {
            length++;
        }
        if (length == 0 || !has_label(row, at, length)) {
            fail_msg("%s has no label %.*s", row->name, (int)length, at);
        }
        at += length + strcspn(at + length, "\"");
        assert_int_equal(*at, '"');
        at += 1 + strcspn(at + 1, "\"");
        assert_int_equal(*at, '"');
        at++;
        assert_true(*at == ',' || *at == '}');
    }
    return at;
}

static const struct vd_metric_row *row_of(const char *name, size_t length)
{
    for (size_t i = 0; i < VD_METRIC_COUNT; i++) {
        if (strlen(vd_metric_rows[i].name) == length &&
            memcmp(vd_metric_rows[i].name, name, length) == 0) {
            used[i] = true;
            return &vd_metric_rows[i];
        }
    }
    fail_msg("no metric is called %.*s", (int)length, name);
    return NULL;
}

/* Names that begin as ours do; returns how many there were. */
static size_t check_expression(const char *expression)
{
    const char *at = expression;
    size_t found = 0;

    while (*at != '\0') {
        size_t length = 0;

        if (*at == '"') { /* a value */
            at += 1 + strcspn(at + 1, "\"");
            assert_int_equal(*at++, '"');
            continue;
        }
        while (is_name(at[length])) {
            length++;
        }
        if (strncmp(at, "vedette_", 8) == 0 || strncmp(at, "process_", 8) == 0) {
            const struct vd_metric_row *row = row_of(at, length);

            at += length;
            found++;
            at = *at == '{' ? read_selector(row, at) : at;
        } else {
            at += length > 0 ? length : 1;
        }
    }
    return found;
}

static size_t check_member(const json_t *object, const char *name)
{
    const char *expression = json_string_value(json_object_get(object, name));
    size_t found;

    assert_non_null(expression);
    found = check_expression(expression);
    if (found == 0) {
        fail_msg("no metric of ours in %s", expression);
    }
    return found;
}

/* Panels without one another's numbers or places, each with expressions of metrics that there are; and all metrics but those that are
 * named here are in it. */
static void test_dashboards__grafana(void **state)
{
    static const enum vd_metric elsewhere[] = {VD_METRIC_LOG_END, VD_METRIC_NEXT, VD_METRIC_HUNTS,
        VD_METRIC_AUDIT_VERIFIED, VD_METRIC_AUDIT_VERIFIED_TIME, VD_METRIC_REPEATED,
        VD_METRIC_FEED_INDICATORS, VD_METRIC_FEED_ATTEMPT, VD_METRIC_SINK_DELIVERED,
        VD_METRIC_EXPORT_DELIVERED};
    json_error_t where;
    json_t *board = json_load_file(VD_SOURCE_DIR "/packaging/grafana/vedette.json", 0, &where);
    const json_t *panel;
    const json_t *target;
    size_t i;
    size_t k;
    size_t expressions = 0;

    (void)state;
    memset(used, 0, sizeof used);
    if (board == NULL) {
        fail_msg("line %d: %s", where.line, where.text);
    }
    assert_string_equal(json_string_value(json_object_get(board, "uid")), "vedette");
    json_array_foreach(json_object_get(board, "panels"), i, panel)
    {
        const bool is_row = strcmp(json_string_value(json_object_get(panel, "type")), "row") == 0;

        assert_true(json_string_length(json_object_get(panel, "title")) > 0);
        assert_int_equal(json_integer_value(json_object_get(panel, "id")), i + 1);
        assert_int_equal(json_array_size(json_object_get(panel, "targets")) == 0, is_row);
        json_array_foreach(json_object_get(panel, "targets"), k, target)
        {
            expressions += check_member(target, "expr");
        }
    }
    json_array_foreach(json_object_get(json_object_get(board, "annotations"), "list"), i, panel)
    {
        expressions += check_member(panel, "expr");
    }
    assert_true(expressions > VD_METRIC_COUNT / 2);
    for (size_t n = 0; n < sizeof elsewhere / sizeof elsewhere[0]; n++) {
        assert_false(used[elsewhere[n]]);
        used[elsewhere[n]] = true;
    }
    for (size_t n = 0; n < VD_METRIC_COUNT; n++) {
        if (!used[n]) {
            fail_msg("the dashboard lacks %s", vd_metric_rows[n].name);
        }
    }
    json_decref(board);
}

static void test_dashboards__prometheus(void **state)
{
    static char line[1024];
    FILE *file = fopen(VD_SOURCE_DIR "/packaging/prometheus/vedette.rules.yml", "r");
    size_t alerts = 0;
    size_t expressions = 0;
    size_t summaries = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *expression = strstr(line, " expr: ");

        alerts += strstr(line, "- alert: Vedette") != NULL ? 1 : 0;
        summaries += strstr(line, " summary: \"") != NULL ? 1 : 0;
        if (expression != NULL) {
            expressions++;
            assert_true(check_expression(expression) > 0 || strstr(line, "expr: up{job=") != NULL);
        }
    }
    fclose(file);
    assert_true(alerts > 0);
    assert_int_equal(expressions, alerts);
    assert_int_equal(summaries, alerts);
}

/* What docs/metrics.md says is worth an alarm has a rule. */
static void test_dashboards__documented_alarms(void **state)
{
    static char page[65536];
    static char rules[65536];
    FILE *file = fopen(VD_SOURCE_DIR "/docs/metrics.md", "r");
    char *at;
    size_t found = 0;

    (void)state;
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    file = fopen(VD_SOURCE_DIR "/packaging/prometheus/vedette.rules.yml", "r");
    assert_non_null(file);
    rules[fread(rules, 1, sizeof rules - 1, file)] = '\0';
    fclose(file);
    at = strstr(page, "| expression |");
    assert_non_null(at);
    while ((at = strstr(at, "\n| `")) != NULL) {
        char *name = strstr(at, "vedette_"); /* the first metric of the expression */
        size_t length = 0;

        while (is_name(name[length])) {
            length++;
        }
        name[length] = '\0';
        if (strstr(rules, name) == NULL) {
            fail_msg("no rule about %s", name);
        }
        found++;
        at = name + length + 1;
    }
    assert_true(found > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dashboards__grafana),
        cmocka_unit_test(test_dashboards__prometheus),
        cmocka_unit_test(test_dashboards__documented_alarms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
