/* SPDX-License-Identifier: MIT */
/* GET /metrics: who may, what a strict reader makes of it, and that it is what has happened. */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/metrics/exposition.h"
#include "api/metrics/metrics.h"
#include "center/store/alert_act.h"
#include "center/store/alert_store_internal.h"
#include "center/store/feeds.h"
#include "center/store/sinks.h"
#include "lib/clock.h"
#include "tests/api/management_fixture.h"
#include "tests/center/alerts.h"
#include "tests/center/message.h"

#define SAMPLES_MAX 256

static struct sample {
    char *name; /* with its labels, as they stand */
    double value;
} samples[SAMPLES_MAX];
static size_t sample_count;

static char *text; /* of the last answer */
static char content_type[128];

/* ---- A reader of both formats ---- */

static const struct vd_metric_row *row_of(const char *name, size_t length)
{
    for (size_t i = 0; i < VD_METRIC_COUNT; i++) {
        const struct vd_metric_row *row = &vd_metric_rows[i];

        if (strlen(row->name) == length && memcmp(row->name, name, length) == 0) {
            return row;
        }
    }
    fail_msg("no metric is called %.*s", (int)length, name);
    return NULL;
}

/* Behind the closing quote of a label's value. */
static const char *read_value(const char *at)
{
    for (; *at != '"'; at++) {
        assert_true(*at != '\0' && *at != '\n');
        if (*at == '\\') {
            at++;
            assert_true(*at == '\\' || *at == '"' || *at == 'n');
        }
    }
    return at + 1;
}

/* Behind the labels, which must be those of the row in its order. */
static const char *read_labels(const struct vd_metric_row *row, const char *at)
{
    const char *label = row->labels;
    char mark = '{';

    while (*label != '\0') {
        const size_t length = strcspn(label, ",");

        assert_int_equal(*at++, mark);
        assert_memory_equal(at, label, length);
        at += length;
        assert_memory_equal(at, "=\"", 2);
        at = read_value(at + 2);
        mark = ',';
        label += length + (label[length] == ',' ? 1 : 0);
    }
    if (row->labels[0] != '\0') {
        assert_int_equal(*at++, '}');
    }
    return at;
}

/* One line; returns behind it. */
static const char *read_sample(const struct vd_metric_row *row, const char *line)
{
    const char *at = read_labels(row, line + strlen(row->name));
    char *end;

    assert_true(sample_count < SAMPLES_MAX);
    samples[sample_count].name = strndup(line, (size_t)(at - line));
    assert_int_equal(*at++, ' ');
    samples[sample_count].value = strtod(at, &end);
    assert_true(end != at && *end == '\n');
    for (size_t i = 0; i < sample_count; i++) {
        assert_string_not_equal(samples[i].name, samples[sample_count].name);
    }
    if (strcmp(row->type, "counter") == 0) {
        assert_true(samples[sample_count].value >= 0);
    }
    sample_count++;
    return end + 1;
}

/* "# {word} {family} {text}"; behind it. */
static const char *read_comment(
    const char *at, const char *word, const char *family, const char *rest)
{
    char line[512];

    snprintf(line, sizeof line, "# %s %s %s\n", word, family, rest);
    assert_memory_equal(at, line, strlen(line));
    return at + strlen(line);
}

static const char *read_family(const char *at, bool is_openmetrics)
{
    const char *name = at + strlen("# HELP ");
    const size_t length = strcspn(name, " ");
    char family[96];
    char full[112];
    const struct vd_metric_row *row;
    size_t before;

    snprintf(family, sizeof family, "%.*s", (int)length, name);
    snprintf(full, sizeof full, "%s", family);
    if (is_openmetrics) { /* TYPE tells whether the samples are called _total */
        const char *type = strstr(name, "\n# TYPE ");

        assert_non_null(type);
        if (strncmp(type + 8 + length, " counter\n", 9) == 0) {
            snprintf(full, sizeof full, "%s_total", family);
        }
    }
    row = row_of(full, strlen(full));
    at = read_comment(at, "HELP", family, row->help);
    at = read_comment(at, "TYPE", family, row->type);
    for (size_t i = 0; i < sample_count; i++) { /* a family stands in one place */
        assert_false(strncmp(samples[i].name, full, strlen(full)) == 0 &&
            strchr("{", samples[i].name[strlen(full)]) != NULL);
    }
    before = sample_count;
    while (strncmp(at, full, strlen(full)) == 0 &&
        (at[strlen(full)] == '{' || at[strlen(full)] == ' ')) {
        at = read_sample(row, at);
    }
    assert_true(sample_count > before);
    return at;
}

static void forget(void)
{
    for (size_t i = 0; i < sample_count; i++) {
        free(samples[i].name);
    }
    sample_count = 0;
    free(text);
    text = NULL;
}

static void read_all(bool is_openmetrics)
{
    const char *at = text;

    while (strncmp(at, "# HELP ", 7) == 0) {
        at = read_family(at, is_openmetrics);
    }
    assert_string_equal(at, is_openmetrics ? "# EOF\n" : "");
}

/* -1: there is no such sample. */
static double value_of(const char *name)
{
    for (size_t i = 0; i < sample_count; i++) {
        if (strcmp(samples[i].name, name) == 0) {
            return samples[i].value;
        }
    }
    return -1;
}

static void expect_is(const char *name, double value)
{
    if (value_of(name) != value) {
        fail_msg("%s is %g and not %g", name, value_of(name), value);
    }
}

/* ---- Requests ---- */

static int scrape_with(
    const struct vd_api *api, const char *method, const char *authorization, const char *accept)
{
    struct vd_metrics metrics = {.api = api, .management = management, .folder = VD_BINARY_DIR};
    const struct vd_http_face face = vd_metrics_face(&metrics);
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    const struct vd_http_request request = {
        .method = method, .path = VD_METRICS_PATH, .query = "", .headers = &headers, .peer = peer};
    struct vd_http_answer got = {.status = 500};

    forget();
    if (authorization != NULL) {
        evhttp_add_header(&headers, "Authorization", authorization);
    }
    if (accept != NULL) {
        evhttp_add_header(&headers, "Accept", accept);
    }
    assert_true(face.takes(request.path));
    face.call(face.context, &request, &got);
    evhttp_clear_headers(&headers);
    if (got.content != NULL) {
        text = strndup((const char *)got.content->body.data, got.content->body.length);
        assert_string_equal((const char *)got.content->headers.data, "Content-Type");
        snprintf(content_type, sizeof content_type, "%s",
            (const char *)got.content->headers.data + sizeof "Content-Type");
    }
    assert_true((got.status == 200) == (got.content != NULL));
    assert_true((got.status == 200) == (got.body == NULL));
    vd_http_content_free(got.content);
    json_decref(got.body);
    return got.status;
}

static int scrape_as(enum vd_role role, const struct vd_api *api, const char *accept)
{
    char header[VD_TOKEN_TEXT_SIZE + 8];

    snprintf(header, sizeof header, "Bearer %s", tokens[role]);
    return scrape_with(api, "GET", header, accept);
}

/* Scrapes as a reader, and reads it. */
static void scrape(void)
{
    const struct vd_api api = {.alerts = alerts, .registry = registry};

    assert_int_equal(scrape_as(VD_ROLE_READER, &api, NULL), 200);
    assert_string_equal(content_type, "text/plain; version=0.0.4; charset=utf-8");
    read_all(false);
}

static int tear_down(void **state)
{
    forget();
    return management_tear_down(state);
}

/* ---- Tests ---- */

static void test_metrics__needs_a_token_of_any_role(void **state)
{
    const struct vd_api api = {.alerts = alerts};

    (void)state;
    assert_int_equal(scrape_with(&api, "GET", NULL, NULL), 401);
    assert_int_equal(scrape_with(&api, "GET", "Bearer nonsense", NULL), 401);
    assert_int_equal(scrape_with(&api, "GET", "Basic cHJvbWV0aGV1czpw", NULL), 401);
    assert_int_equal(scrape_as(VD_ROLE_READER, &api, NULL), 200);
    assert_int_equal(scrape_as(VD_ROLE_CONTRIBUTOR, &api, NULL), 200);
    assert_int_equal(scrape_as(VD_ROLE_OWNER, &api, NULL), 200);
    make_token(VD_ROLE_READER, "late", vd_clock_utc_ms() - 1000);
    assert_int_equal(scrape_as(VD_ROLE_READER, &api, NULL), 401);
}

static void test_metrics__is_read_only_and_takes_one_path(void **state)
{
    const struct vd_api api = {.alerts = alerts};
    struct vd_metrics metrics = {.api = &api, .management = management};
    const struct vd_http_face face = vd_metrics_face(&metrics);
    char header[VD_TOKEN_TEXT_SIZE + 8];

    (void)state;
    snprintf(header, sizeof header, "Bearer %s", tokens[VD_ROLE_OWNER]);
    assert_int_equal(scrape_with(&api, "POST", header, NULL), 405);
    assert_false(face.takes("/metrics/"));
    assert_false(face.takes("/metricsandmore"));
    assert_false(face.takes("/"));
}

static void test_metrics__openmetrics_where_it_is_asked_for(void **state)
{
    const struct vd_api api = {.alerts = alerts, .registry = registry};

    (void)state;
    test_alert_happen(alerts, 1, "High");
    assert_int_equal(scrape_as(VD_ROLE_READER, &api,
                         "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2"),
        200);
    assert_string_equal(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    read_all(true);
    assert_non_null(strstr(text, "# TYPE vedette_alerts_raised counter\n"));
    expect_is("vedette_alerts_raised_total{type=\"IoT_TiConnection\",severity=\"High\"}", 1);
}

#define OF(state)  "vedette_alerts{type=\"IoT_TiConnection\",severity=\"High\",state=\"" state "\"}"
#define EVER(what) "vedette_alerts_" what "_total{type=\"IoT_TiConnection\",severity=\"High\"}"

static void act(uint64_t id, enum vd_alert_event event)
{
    const struct vd_uuid uuid = test_uuid(id);
    const struct vd_alert_act act = {.event = event,
        .actor = "test",
        .reason = VD_ALERT_FALSE_POSITIVE,
        .now_ms = TEST_ALERT_MS};
    char name[VD_UUID_TEXT_SIZE];
    json_t *alert = NULL;

    vd_uuid_format(&uuid, name);
    assert_int_equal(vd_alert_act(alerts, name, &act, &alert), VD_OK);
    json_decref(alert);
}

static void test_metrics__alerts_are_counted_as_they_live(void **state)
{
    uint64_t removed = 0;

    (void)state;
    scrape();
    assert_null(strstr(text, "vedette_alerts{"));
    test_alert_happen(alerts, 1, "High");
    test_alert_happen(alerts, 2, "High");
    test_alert_happen(alerts, 2, "High");
    test_alert_happen(alerts, 3, "Low");
    scrape();
    expect_is(OF("New"), 2);
    expect_is(EVER("raised"), 2);
    expect_is(EVER("repeated"), 1);
    expect_is("vedette_alerts_raised_total{type=\"IoT_TiConnection\",severity=\"Low\"}", 1);
    act(1, VD_ALERT_START);
    act(2, VD_ALERT_RESOLVE);
    scrape();
    expect_is(OF("New"), 0);
    expect_is(OF("InProgress"), 1);
    expect_is(OF("Resolved"), 1);
    test_alert_happen(alerts, 2, "High"); /* a repeat reopens it */
    scrape();
    expect_is(OF("New"), 1);
    expect_is(OF("Resolved"), 0);
    expect_is(EVER("repeated"), 2);
    assert_int_equal(
        vd_alert_store_prune(alerts, TEST_ALERT_MS + 1, UINT64_MAX, TEST_ALERT_MS, &removed),
        VD_OK);
    assert_int_equal(removed, 3);
    scrape();
    expect_is(OF("New"), 0);
    expect_is(OF("InProgress"), 0);
    expect_is(EVER("raised"), 2);
    expect_is(EVER("repeated"), 2);
}

static void test_metrics__letters_feeds_and_sinks(void **state)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {5};
    const struct vd_event event = {.kind = VD_EVENT_SECURITY,
        .enqueued_ms = TEST_ALERT_MS,
        .device_id = VD_STR_LITERAL("lamp")};
    const struct vd_str list = VD_STR_LITERAL("192.0.2.1\n192.0.2.7\n");
    const struct vd_feed_put put = {.name = "mine", .text = &list, .now_ms = TEST_ALERT_MS};
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE];
    json_t *settings = json_pack("{s:s}", "url", "https://127.0.0.1:1/");
    const struct vd_sink_row sink = {
        .name = "desk", .kind = "webhook", .settings = settings, .min_severity = "Low"};

    (void)state;
    assert_int_equal(vd_alert_store_begin(alerts), VD_OK);
    assert_int_equal(vd_dead_letter_add(alerts, 7, &event, "bad \"magic\""), VD_OK);
    assert_int_equal(vd_alert_store_commit(alerts), VD_OK);
    assert_int_equal(vd_feeds_put(alerts, &put, &report, problem), VD_OK);
    vd_sinks_set_key(alerts, key);
    assert_int_equal(vd_sinks_add(alerts, &sink), VD_OK);
    json_decref(settings);
    test_alert_happen(alerts, 1, "High");
    scrape();
    expect_is("vedette_dead_letters{replay=\"none\"}", 1);
    expect_is("vedette_dead_letters{replay=\"taken\"}", 0);
    expect_is("vedette_feed_indicators{feed=\"mine\"}", 2);
    expect_is(
        "vedette_feed_last_success_timestamp_seconds{feed=\"mine\"}", (double)TEST_ALERT_MS / 1000);
    expect_is("vedette_feed_failing{feed=\"mine\"}", 0);
    expect_is("vedette_sink_behind_notifications{sink=\"desk\",kind=\"webhook\"}", 1);
    expect_is("vedette_sink_delivered_total{sink=\"desk\",kind=\"webhook\"}", 0);
    expect_is("vedette_registered_devices{status=\"enabled\"}", 0);
    assert_true(value_of("process_resident_memory_bytes") > 1e6);
    assert_true(value_of("process_open_fds") > 3);
    assert_true(value_of("process_start_time_seconds") > 1.7e9);
    assert_true(value_of("process_start_time_seconds") <= (double)vd_clock_utc_ms() / 1000 + 1);
    assert_int_equal(vd_feeds_remove(alerts, "mine"), VD_OK); /* its file too */
}

static void test_metrics__what_labels_hold_is_escaped(void **state)
{
    struct vd_exposition exposition = {0};
    struct vd_buf out = {0};
    const char *const values[] = {"a\\b\"c\nd", NULL};

    (void)state;
    vd_exposition_add(&exposition, VD_METRIC_SINK_DEAD, values, 0.5);
    vd_exposition_add_one(&exposition, VD_METRIC_FEED_FAILING, "}", 1e18);
    assert_int_equal(vd_exposition_write(&exposition, false, &out), VD_OK);
    text = strndup((const char *)out.data, out.length);
    vd_buf_release(&out);
    vd_exposition_release(&exposition);
    read_all(false);
    expect_is("vedette_sink_dead_letters{sink=\"a\\\\b\\\"c\\nd\",kind=\"\"}", 0.5);
    expect_is("vedette_feed_failing{feed=\"}\"}", 1e18);
}

static void test_metrics__names_are_as_prometheus_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < VD_METRIC_COUNT; i++) {
        const struct vd_metric_row *row = &vd_metric_rows[i];
        const size_t length = strlen(row->name);
        const bool is_total = length > 6 && strcmp(row->name + length - 6, "_total") == 0;

        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"), length);
        assert_true(
            strncmp(row->name, "vedette_", 8) == 0 || strncmp(row->name, "process_", 8) == 0);
        assert_true(strcmp(row->type, is_total ? "counter" : "gauge") == 0);
        assert_null(strpbrk(row->help, "\\\n\"")); /* it stands there as it is */
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(row->name, vd_metric_rows[j].name);
        }
    }
}

/* "type,severity" with a space behind each comma. */
static void spaced(const char *labels, char *out)
{
    for (; *labels != '\0'; labels++) {
        *out++ = *labels;
        if (*labels == ',') {
            *out++ = ' ';
        }
    }
    *out = '\0';
}

static void test_metrics__are_those_of_the_page(void **state)
{
    struct vd_buf page = {0};
    size_t rows = 0;

    (void)state;
    test_read_file(VD_SOURCE_DIR "/docs/metrics.md", &page);
    vd_buf_append(&page, "", 1);
    for (size_t i = 0; i < VD_METRIC_COUNT; i++) {
        const struct vd_metric_row *row = &vd_metric_rows[i];
        char labels[64];
        char line[512];

        spaced(row->labels, labels);
        snprintf(line, sizeof line, "\n| `%s` | %s | %s | %s |\n", row->name, row->type, labels,
            row->help);
        if (strstr((const char *)page.data, line) == NULL) {
            fail_msg("docs/metrics.md lacks:%s", line);
        }
    }
    /* No more than those: rows of four columns. */
    for (const char *at = strstr((const char *)page.data, "\n|"); at != NULL;
         at = strstr(at + 1, "\n|")) {
        size_t bars = 0;

        for (const char *c = at + 1; *c != '\n'; c++) {
            bars += *c == '|' ? 1 : 0;
        }
        rows += bars == 5 ? 1 : 0;
    }
    vd_buf_release(&page);
    assert_int_equal(rows, VD_METRIC_COUNT + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_metrics__needs_a_token_of_any_role, management_set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_metrics__is_read_only_and_takes_one_path, management_set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_metrics__openmetrics_where_it_is_asked_for, management_set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_metrics__alerts_are_counted_as_they_live, management_set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_metrics__letters_feeds_and_sinks, management_set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_metrics__what_labels_hold_is_escaped, management_set_up, tear_down),
        cmocka_unit_test(test_metrics__names_are_as_prometheus_has_them),
        cmocka_unit_test(test_metrics__are_those_of_the_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
