/* SPDX-License-Identifier: MIT */
/* One stream of records: the same result however it is cut, fails, restarts or is killed. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/device_states.h"
#include "center/store/letters.h"
#include "lib/clock.h"
#include "tests/center/ingest_fixture.h"

/* Offsets of letters in the stream. */
#define LETTER_GARBAGE 2
#define LETTER_JSON    7
#define LETTER_NONE    9999

static uint64_t first_replay; /* its offset in the stream */

/* Letters read once more: taken, taken twice over, refused, then taken with one event that is known, of a letter that is gone. */
static void add_replays(struct ingest_fixture *f)
{
    static const struct test_flow flow = {"10.0.0.2", "203.0.113.5", 1, 443, 10, 20, 0};
    const struct test_event fresh = {test_uuid(400), INGEST_T0_S, 60, 1, &flow, 1};
    const struct test_event late = {test_uuid(401), INGEST_T0_S, 60, 1, &flow, 1};
    const struct test_event partly[] = {
        {test_uuid(100), INGEST_T0_S, 60, 1, &flow, 1},
        {test_uuid(403), INGEST_T0_S, 60, 1, &flow, 1},
    };

    first_replay = f->log.end;
    ingest_add_replay(f, LETTER_GARBAGE, "dev-1", INGEST_T0_MS + 20, &fresh, 1);
    ingest_add_replay(f, LETTER_GARBAGE, "dev-1", INGEST_T0_MS + 20, &late, 1);
    ingest_add_replay(f, LETTER_JSON, "dev-3", INGEST_T0_MS + 70, NULL, 0);
    ingest_add_replay(f, LETTER_JSON, "dev-1", INGEST_T0_MS + 70, partly, 2);
    ingest_add_replay(f, LETTER_NONE, "dev-1", INGEST_T0_MS + 90, NULL, 0);
    ingest_add_body(f, VD_EVENT_REPLAY, "dev-1", "", INGEST_T0_MS + 91, VD_STR_LITERAL("123"));
}

/* A bit of everything, over two days, with redelivered messages and ones that cannot be read. */
static void add_stream(struct ingest_fixture *f)
{
    static const struct test_flow many[] = {
        {"10.0.0.2", "192.0.2.1", 1, 443, 10, 20, 0},
        {"10.0.0.2", "198.51.100.1", 2, 53, 30, 40, 1},
        {"10.0.0.2", "192.0.2.99", 3, 80, 50, 60, 0},
        {"2001:db8::1", "2001:db8:bad::1", 0, 0, 7, 8, 2},
        {"2001:db8::1", "::ffff:192.0.2.1", 4, 443, 9, 9, 0},
    };
    const struct test_event both[] = {
        {test_uuid(100), INGEST_T0_S, 60, 1, many, 5},
        {test_uuid(101), INGEST_T0_S, 60, 4, NULL, 0},
        {test_uuid(102), INGEST_T0_S, 60, 1, NULL, 0},
        {test_uuid(103), INGEST_T0_S, 60, 77, NULL, 0},
    };
    const struct test_event partly_known[] = {
        {test_uuid(101), INGEST_T0_S, 60, 4, NULL, 0},
        {test_uuid(104), INGEST_T0_S + 5, 60, 1, many, 2},
    };

    ingest_add_message(f, "dev-1", INGEST_T0_MS + 10, both, 4);
    ingest_add_flow(f, "dev-2", 200, INGEST_T0_S, "192.0.2.1");
    ingest_add_body(
        f, VD_EVENT_SECURITY, "dev-1", "", INGEST_T0_MS + 20, VD_STR_LITERAL("garbage"));
    ingest_add_message(f, "dev-1", INGEST_T0_MS + 30, both, 4);
    ingest_add_body(f, VD_EVENT_TELEMETRY, "dev-1", "", INGEST_T0_MS + 40, VD_STR_LITERAL("21.5"));
    ingest_add_message(f, "dev-1", INGEST_T0_MS + 50, partly_known, 2);
    ingest_add_message(
        f, "dev-2", INGEST_T0_MS + 60, both, 4); /* another device may use the same ids */
    ingest_add_body(
        f, VD_EVENT_SECURITY, "dev-3", "", INGEST_T0_MS + 70, VD_STR_LITERAL("{\"Events\":[]}"));
    ingest_add_flow(f, "dev-2", 201, INGEST_T0_S + 3, "192.0.2.1");
    ingest_add_body(f, VD_EVENT_TELEMETRY, "dev-1", "", INGEST_T0_MS + 80, VD_STR_LITERAL("21.5"));
    ingest_add_body(f, VD_EVENT_OPERATION, "dev-1", "", INGEST_T0_MS + 81,
        VD_STR_LITERAL("{\"category\":\"Connections\",\"operationName\":\"deviceConnect\","
                       "\"level\":\"Information\",\"properties\":\"{}\",\"durationMs\":5}"));
    ingest_add_body(f, VD_EVENT_OPERATION, "", "", INGEST_T0_MS + 82, VD_STR_LITERAL("{}"));
    ingest_add_body(f, VD_EVENT_ACTIVITY, "", "", INGEST_T0_MS + 83,
        VD_STR_LITERAL("{\"operationName\":\"Microsoft.Devices/IotHubs/write\",\"caller\":\"ops\","
                       "\"status\":\"Succeeded\",\"resourceId\":\"/hub\",\"properties\":\"{}\","
                       "\"category\":\"Administrative\"}"));
    ingest_add_body(f, VD_EVENT_ACTIVITY, "", "", INGEST_T0_MS + 84, VD_STR_LITERAL("[]"));
    ingest_add_flow(f, "dev-2", 202, INGEST_T0_S + 86400, "192.0.2.1");
    ingest_add_message(f, "dev-1", INGEST_T0_MS + 86400000, both, 4); /* redelivered the next day */
    ingest_add_body(f, VD_EVENT_SECURITY, "dev-1", "", INGEST_T0_MS + 86400100, VD_STR_LITERAL(""));
    for (uint64_t i = 0; i < 40; i++) {
        ingest_add_flow(f, "dev-4", 300 + i, INGEST_T0_S + 86400 + (uint32_t)i, "2001:db8:bad::4");
    }
    ingest_add_body(
        f, VD_EVENT_TELEMETRY, "dev-1", "", INGEST_T0_MS + 86500000, VD_STR_LITERAL("21.5"));
    add_replays(f);
}

/* All that came of the stream, as text; without what depends on when it was processed. */
static char *snapshot(struct ingest_fixture *f)
{
    json_t *alerts = ingest_alerts(f);
    json_t *letters = NULL;
    json_t *all;
    size_t i;
    json_t *alert;
    json_t *letter;
    char *text;

    json_array_foreach(alerts, i, alert)
    {
        json_object_del(alert, "change");
        json_object_del(alert, "timeGenerated");
    }
    assert_int_equal(vd_letters_list(f->store, NULL, &letters), VD_OK);
    json_array_foreach(letters, i, letter)
    {
        json_object_del(json_object_get(letter, "replay"), "time");
    }
    all = json_pack("{s:o, s:o, s:o, s:o, s:o}", "alerts", alerts, "letters", letters, "rows",
        ingest_rows(f,
            "SELECT * EXCLUDE (AssociatedResourceId, \"Type\") FROM SecurityIoTRawEvent"
            " ORDER BY ALL"),
        "operations", ingest_rows(f, "SELECT * FROM AzureDiagnostics ORDER BY ALL"), "activities",
        ingest_rows(f, "SELECT * FROM AzureActivity ORDER BY ALL"));
    assert_non_null(all);
    text = json_dumps(all, JSON_SORT_KEYS | JSON_INDENT(1));
    json_decref(all);
    assert_non_null(text);
    return text;
}

/* What the stream gives when it is taken at once; made once, freed at the end. */
static char *reference;

static const char *reference_snapshot(void)
{
    void *state = NULL;
    struct ingest_fixture *f;

    if (reference != NULL) {
        return reference;
    }
    ingest_setup(&state);
    f = state;
    add_stream(f);
    ingest_run_all(f);
    assert_int_equal(f->ingest.stats.records, f->log.end);
    assert_int_equal(f->ingest.stats.last_message_ms, INGEST_T0_MS + 86500000);
    assert_int_equal(f->ingest.stats.dead_letters, 7);
    assert_int_equal(f->ingest.stats.duplicates, 10);
    reference = snapshot(f);
    ingest_teardown(&state);
    return reference;
}

static int free_reference(void **state)
{
    (void)state;
    free(reference);
    return 0;
}

static void check_snapshot(struct ingest_fixture *f, const char *expected)
{
    char *actual = snapshot(f);

    assert_string_equal(actual, expected);
    free(actual);
}

static void check_replays(const json_t *letters)
{
    json_t *garbage = NULL;
    json_t *text = NULL;
    size_t i;
    json_t *letter;
    json_t *expected = json_pack("[{s:s, s:I, s:i, s:i}, {s:s, s:I, s:i, s:i}]", "status", "Taken",
        "offset", (json_int_t)first_replay, "events", 1, "duplicates", 0, "status", "Taken",
        "offset", (json_int_t)first_replay + 3, "events", 2, "duplicates", 1);

    json_array_foreach(letters, i, letter)
    {
        const json_int_t offset = json_integer_value(json_object_get(letter, "offset"));

        garbage = offset == LETTER_GARBAGE ? letter : garbage;
        text = offset == LETTER_JSON ? letter : text;
    }
    assert_true(json_equal(json_object_get(garbage, "replay"), json_array_get(expected, 0)));
    assert_true(json_equal(json_object_get(text, "replay"), json_array_get(expected, 1)));
    json_decref(expected);
}

static void test_stream__reference(void **state)
{
    json_t *all = json_loads(reference_snapshot(), 0, NULL);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(all, "letters")), 7);
    assert_int_equal(json_array_size(json_object_get(all, "operations")), 1);
    assert_int_equal(json_array_size(json_object_get(all, "activities")), 1);
    /* dev-1 and dev-2: 3 addresses the first day; dev-2's next day; dev-4. */
    assert_int_equal(json_array_size(json_object_get(all, "alerts")), 8);
    /* 8 rows of each first delivery (5 flows, 3 others), 2 of the partly known, 3 single, 40, 2 of replays. */
    assert_int_equal(json_array_size(json_object_get(all, "rows")), 63);
    check_replays(json_object_get(all, "letters"));
    json_decref(all);
}

static void test_stream__cut_anyhow(void **state)
{
    static const size_t sizes[] = {1, 700, 3000};
    const char *expected = reference_snapshot();

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *inner = NULL;
        struct ingest_fixture *f;

        ingest_setup(&inner);
        f = inner;
        f->ingest.read_bytes = sizes[i];
        add_stream(f);
        ingest_run_all(f);
        check_snapshot(f, expected);
        ingest_teardown(&inner);
    }
}

static void test_stream__restarts(void **state)
{
    struct ingest_fixture *f = *state;
    const char *expected = reference_snapshot();
    int error = VD_OK;

    add_stream(f);
    f->read_bytes = 3000;
    while (error == VD_OK) {
        ingest_close_stores(f);
        ingest_open_stores(f);
        assert_int_equal(vd_ingest_refresh(&f->ingest), VD_OK);
        error = vd_ingest_step(&f->ingest);
    }
    assert_int_equal(error, VD_E_NOT_FOUND);
    check_snapshot(f, expected);
}

/* A commit that fails as often as it is told. */
static int failing_commit(void *context)
{
    int *failures = context;

    if (*failures == 0) {
        return 0;
    }
    --*failures;
    return 1;
}

/* Lets every batch fail once at each of its commits, with or without a restart after the failure. */
static void run_with_faults(struct ingest_fixture *f, size_t read_bytes, bool restart)
{
    enum {
        FAULT_NONE,
        FAULT_COMMIT,
        FAULT_APPEND,
        FAULT_ANSWER,
        FAULT_READ,
        FAULTS
    };
    int failures = 0;
    int fault = FAULT_COMMIT;
    int error = VD_OK;

    f->read_bytes = read_bytes;
    f->ingest.read_bytes = read_bytes;
    while (error != VD_E_NOT_FOUND) {
        sqlite3_commit_hook(f->store->writer, failing_commit, &failures);
        failures = fault == FAULT_COMMIT ? 1 : 0;
        f->log.fail_reads = fault == FAULT_READ ? 1 : 0;
        f->analytics.fail_appends = fault == FAULT_APPEND || fault == FAULT_ANSWER ? 1 : 0;
        f->analytics.error = fault == FAULT_APPEND ? VD_E_FULL : VD_E_IO;
        f->analytics.after = fault == FAULT_ANSWER;
        assert_int_equal(vd_ingest_refresh(&f->ingest), VD_OK);
        error = vd_ingest_step(&f->ingest);
        sqlite3_commit_hook(f->store->writer, NULL, NULL);
        fault = (fault + 1) % FAULTS;
        if (error != VD_OK && error != VD_E_NOT_FOUND && restart) {
            ingest_close_stores(f);
            ingest_open_stores(f);
        }
    }
}

static void test_stream__every_commit_fails_once(void **state)
{
    struct ingest_fixture *f = *state;
    const char *expected = reference_snapshot();

    add_stream(f);
    run_with_faults(f, 1, false);
    check_snapshot(f, expected);
}

static void test_stream__every_commit_fails_and_restarts(void **state)
{
    struct ingest_fixture *f = *state;
    const char *expected = reference_snapshot();

    add_stream(f);
    run_with_faults(f, 2500, true);
    check_snapshot(f, expected);
}

/* Rows without a word from the query tables for long: the alert store must not run away from them. */
static void test_stream__query_tables_full(void **state)
{
    struct ingest_fixture *f = *state;
    const char *expected = reference_snapshot();
    uint64_t alerts = 0;

    add_stream(f);
    f->ingest.read_bytes = 1;
    f->analytics.fail_appends = 20;
    f->analytics.error = VD_E_FULL;
    assert_int_equal(vd_ingest_refresh(&f->ingest), VD_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(vd_ingest_step(&f->ingest), VD_E_FULL);
    }
    assert_int_equal(vd_alert_store_offset(f->store, &alerts), VD_OK);
    assert_int_equal(alerts, 1);
    assert_int_equal(f->ingest.stats.next_offset, 0);
    ingest_run_all(f);
    check_snapshot(f, expected);
}

static void test_stream__trimmed_log(void **state)
{
    struct ingest_fixture *f = *state;
    uint64_t offset;

    add_stream(f);
    assert_int_equal(vd_event_log_trim(&f->log.base, 0, 5), VD_OK);
    ingest_run_all(f);
    assert_int_equal(vd_alert_store_offset(f->store, &offset), VD_OK);
    assert_int_equal(offset, f->log.end);
    assert_int_equal(f->ingest.stats.records, f->log.end - 5);
}

/* Stores that are ahead of the log belong to another one. */
static void test_start__ahead_of_log(void **state)
{
    struct ingest_fixture *f = *state;
    struct vd_center *center = NULL;
    struct memory_log *empty = calloc(1, sizeof *empty);
    struct vd_center_config config = ingest_config(f);

    add_stream(f);
    ingest_run_all(f);
    assert_non_null(empty);
    memory_log_init(empty);
    config.log = &empty->base;
    assert_int_equal(vd_center_start(&config, &center), VD_E_CORRUPT);
    assert_null(center);
    memory_log_release(empty);
    free(empty);
}

/* ---- The thread ---- */

static void test_center__runs_stalls_and_resumes(void **state)
{
    struct ingest_fixture *f = *state;
    struct vd_center *center = NULL;
    struct vd_center_config config;
    struct vd_center_stats stats;
    const char *expected = reference_snapshot();

    f->analytics.fail_appends = 3;
    f->analytics.error = VD_E_FULL;
    add_stream(f);
    config = ingest_config(f);
    assert_int_equal(vd_center_start(&config, &center), VD_OK);
    ingest_wait_stalled(center);
    ingest_wait_at(center, f->log.end);
    check_snapshot(f, expected);
    ingest_add_flow(f, "late", 1, INGEST_T0_S + 90000, "203.0.113.1");
    ingest_wait_at(center, f->log.end);
    vd_center_stats_get(center, &stats);
    assert_int_equal(stats.records, f->log.end);
    assert_int_equal(stats.alerts_raised, 8);
    vd_event_log_interrupt(&f->log.base);
    vd_center_stop(center);
    vd_center_stop(NULL);
}

/* ---- kill -9 ---- */

static void open_for_child(const char *folder, struct vd_event_log **log, struct vd_analytics **a,
    struct vd_alert_store **s)
{
    char path[600];
    char text[256] = "";
    struct vd_duckdb_options options = {.folder = path, .resource_id = "/hub"};

    snprintf(path, sizeof path, "%s/center.db", folder);
    if (vd_alert_store_open(path, s) != VD_OK) {
        _exit(20);
    }
    snprintf(path, sizeof path, "%s/raw", folder);
    if (vd_analytics_duckdb_open(&options, a, text, sizeof text) != VD_OK) {
        fprintf(stderr, "%s\n", text);
        _exit(21);
    }
    snprintf(path, sizeof path, "%s/log.db", folder);
    if (vd_event_log_sqlite_open(path, log) != VD_OK) {
        _exit(22);
    }
}

/* Takes small batches and tells of each, until it is killed or all is done. */
static void child_ingests(const char *folder, int report)
{
    struct vd_event_log *log;
    struct vd_analytics *analytics;
    struct vd_alert_store *store;
    static struct vd_ingest ingest;
    struct vd_center_config config;
    int error;

    open_for_child(folder, &log, &analytics, &store);
    config = (struct vd_center_config){.log = log, .analytics = analytics, .store = store};
    if (vd_ingest_init(&ingest, &config) != VD_OK || vd_ingest_refresh(&ingest) != VD_OK) {
        _exit(23);
    }
    ingest.read_bytes = 1400;
    while ((error = vd_ingest_step(&ingest)) == VD_OK) {
        if (write(report, "+", 1) != 1) {
            _exit(24);
        }
    }
    _exit(error == VD_E_NOT_FOUND && write(report, "!", 1) == 1 ? 0 : 25);
}

/* Lets a child work for `steps` batches and kills it at once then; true if it came to the end. */
static bool run_and_kill(const char *folder, int steps)
{
    int pipes[2];
    char byte = 0;
    int status;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        child_ingests(folder, pipes[1]);
    }
    close(pipes[1]);
    for (int i = 0; i < steps && byte != '!' && read(pipes[0], &byte, 1) == 1; i++) {
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    while (read(pipes[0], &byte, 1) == 1 && byte != '!') {
    }
    close(pipes[0]);
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    return byte == '!';
}

static void test_stream__kill_9(void **state)
{
    struct ingest_fixture *f = *state;
    const char *expected = reference_snapshot();
    struct vd_event_log *log = NULL;
    char path[600];
    uint64_t first;
    int rounds = 0;

    add_stream(f);
    ingest_close_stores(f);
    snprintf(path, sizeof path, "%s/log.db", f->folder);
    assert_int_equal(vd_event_log_sqlite_open(path, &log), VD_OK);
    for (uint64_t i = 0; i < f->log.end; i++) {
        assert_int_equal(vd_event_log_append(log, 0, &f->log.records[i], &first), VD_OK);
    }
    vd_event_log_close(log);
    while (!run_and_kill(f->folder, 1 + rounds % 4)) {
        assert_true(++rounds < 100);
    }
    assert_true(rounds >= 3);
    ingest_open_stores(f);
    check_snapshot(f, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream__reference),
        cmocka_unit_test(test_stream__cut_anyhow),
        INGEST_TEST(test_stream__restarts),
        INGEST_TEST(test_stream__every_commit_fails_once),
        INGEST_TEST(test_stream__every_commit_fails_and_restarts),
        INGEST_TEST(test_stream__query_tables_full),
        INGEST_TEST(test_stream__trimmed_log),
        INGEST_TEST(test_start__ahead_of_log),
        INGEST_TEST(test_center__runs_stalls_and_resumes),
        INGEST_TEST(test_stream__kill_9),
    };

    return cmocka_run_group_tests(tests, NULL, free_reference);
}
