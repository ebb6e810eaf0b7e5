/* SPDX-License-Identifier: MIT */
/* The query tables in DuckDB as a store: rows with their offset, day files, crashes and a full disk. */

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <duckdb.h>

#include "lib/clock.h"
#include "tests/center/analytics_fixture.h"

/* ---- Rows and offsets ---- */

static void test_rows__columns(void **state)
{
    static const char *const expected[][2] = {
        {"TimeGenerated", "2025-11-24T16:00:00.123Z"},
        {"TimeStamp", "2025-11-24T15:59:58.623Z"},
        {"IoTRawEventId", "00000000-0000-0000-ffee-ddccbbaa9988"},
        {"DeviceId", "dev-1"},
        {"AssociatedResourceId", "/hubs/it's"},
        {"AzureSubscriptionId", ""},
        {"AgentVersion", "3.5.4"},
        {"RawEventName", "NetworkActivity"},
        {"RawEventType", "Security"},
        {"RawEventCategory", "Periodic"},
        {"IsEmpty", NULL},
        {"EventDetails", "{\"RemoteAddress\":\"192.0.2.1\",\"BytesIn\":5}"},
        {"Type", "SecurityIoTRawEvent"},
    };
    struct analytics_fixture *f = *state;
    json_t *result;

    assert_int_equal(analytics_offset_of(f), 0);
    assert_int_equal(
        analytics_append_rows(f, 0xffeeddccbbaa9988ULL, 1, ANALYTICS_DAY_0 + 123), VD_OK);
    result = analytics_query(f, "SELECT * FROM SecurityIoTRawEvent");
    assert_int_equal(analytics_row_count(result), 1);
    for (size_t i = 13; i < json_array_size(json_object_get(result, "columns")); i++) {
        json_t *column = json_array_get(json_object_get(result, "columns"), i);

        assert_memory_equal(
            json_string_value(json_object_get(column, "name")), "EventDetails.", 13);
    }
    for (size_t i = 0; i < 13; i++) {
        json_t *column = json_array_get(json_object_get(result, "columns"), i);

        assert_string_equal(json_string_value(json_object_get(column, "name")), expected[i][0]);
        if (expected[i][1] != NULL) {
            assert_string_equal(json_string_value(analytics_cell(result, 0, i)), expected[i][1]);
        }
    }
    assert_true(json_is_false(analytics_cell(result, 0, 10)));
    assert_true(json_is_false(json_object_get(result, "truncated")));
    json_decref(result);
}

#define OPERATION_HUB                                                                    \
    "/SUBSCRIPTIONS/11111111-2222-3333-4444-AAAAAAAAAAAA/RESOURCEGROUPS/PLANT/PROVIDERS" \
    "/MICROSOFT.DEVICES/IOTHUBS/HUB-1"

static void test_rows__of_operations(void **state)
{
    static const char *const expected[][2] = {
        {"TimeGenerated", "2025-11-24T16:00:00.123Z"},
        {"ResourceId", OPERATION_HUB},
        {"Category", "Connections"},
        {"OperationName", "deviceConnect"},
        {"Level", "Error"},
        {"ResultType", "401003"},
        {"ResultDescription", "it's refused"},
        {"DurationMs", NULL},
        {"Location", "here"},
        {"properties_s", "{\"deviceId\":\"dev-1\",\"maskedIpAddress\":\"192.0.2.x\"}"},
        {"CorrelationId", "e-7"},
        {"ResultSignature", ""},
        {"CallerIPAddress", "192.0.2.x"},
        {"ResourceProvider", "MICROSOFT.DEVICES"},
        {"ResourceType", "IOTHUBS"},
        {"Resource", "HUB-1"},
        {"ResourceGroup", "PLANT"},
        {"SubscriptionId", "11111111-2222-3333-4444-aaaaaaaaaaaa"},
        {"TenantId", "11111111-2222-3333-4444-aaaaaaaaaaaa"},
        {"SourceSystem", "Azure"},
        {"location_s", "here"},
        {"Type", "AzureDiagnostics"},
        {"_ResourceId",
            "/subscriptions/11111111-2222-3333-4444-aaaaaaaaaaaa/resourcegroups/plant/providers"
            "/microsoft.devices/iothubs/hub-1"},
    };
    const struct vd_diagnostic row = {ANALYTICS_DAY_0 + 123, VD_STR_LITERAL(OPERATION_HUB),
        VD_STR_LITERAL("Connections"), VD_STR_LITERAL("deviceConnect"), VD_STR_LITERAL("Error"),
        VD_STR_LITERAL("401003"), VD_STR_LITERAL("it's refused"), 1234, VD_STR_LITERAL("here"),
        VD_STR_LITERAL("{\"deviceId\":\"dev-1\",\"maskedIpAddress\":\"192.0.2.x\"}"),
        VD_STR_LITERAL("e-7")};
    const struct vd_table_rows rows = {.diagnostics = &row, .diagnostic_count = 1};
    struct analytics_fixture *f = *state;
    json_t *result;

    assert_int_equal(vd_analytics_append(f->analytics, &rows, 7), VD_OK);
    analytics_reopen(f);
    assert_int_equal(analytics_offset_of(f), 7);
    result = analytics_query(f, "SELECT * FROM AzureDiagnostics");
    assert_int_equal(analytics_row_count(result), 1);
    assert_int_equal(json_array_size(json_object_get(result, "columns")), 23);
    for (size_t i = 0; i < 23; i++) {
        json_t *column = json_array_get(json_object_get(result, "columns"), i);

        assert_string_equal(json_string_value(json_object_get(column, "name")), expected[i][0]);
        if (expected[i][1] != NULL) {
            assert_string_equal(json_string_value(analytics_cell(result, 0, i)), expected[i][1]);
        }
    }
    assert_int_equal(json_integer_value(analytics_cell(result, 0, 7)), 1234);
    json_decref(result);
    assert_int_equal(analytics_count_rows(f), 0);
}

static void run_sql(duckdb_connection connection, const char *sql)
{
    duckdb_result result;

    if (duckdb_query(connection, sql, &result) != DuckDBSuccess) {
        fail_msg("%s: %s", sql, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
}

static void test_rows__of_activities(void **state)
{
    static const char *const expected[][2] = {
        {"TimeGenerated", NULL},
        {"Caller", "ops"},
        {"OperationNameValue", "Microsoft.Devices/IotHubs/write"},
        {"ActivityStatusValue", "Succeeded"},
        {"ResourceId",
            "/subscriptions/S-1/resourceGroups/fleet/providers/Microsoft.Devices/IotHubs/one"},
        {"CallerIpAddress", "192.0.2.7"},
        {"Category", "Administrative"},
        {"Properties", "{}"},
        {"CorrelationId", "e-8"},
        {"Type", "AzureActivity"},
        {"OperationName", "Microsoft.Devices/IotHubs/write"},
        {"ActivityStatus", "Succeeded"},
        {"CategoryValue", "Administrative"},
        {"ResourceProviderValue", "MICROSOFT.DEVICES"},
        {"Resource", "one"},
        {"ResourceGroup", "fleet"},
        {"SubscriptionId", "s-1"},
        {"Properties_d", "{}"},
        {"_ResourceId",
            "/subscriptions/s-1/resourcegroups/fleet/providers/microsoft.devices/iothubs/one"},
    };
    const size_t count = sizeof expected / sizeof expected[0];
    const struct vd_activity_row row = {ANALYTICS_DAY_0 + 123, VD_STR_LITERAL("ops"),
        VD_STR_LITERAL("Microsoft.Devices/IotHubs/write"), VD_STR_LITERAL("Succeeded"),
        VD_STR_LITERAL(
            "/subscriptions/S-1/resourceGroups/fleet/providers/Microsoft.Devices/IotHubs/one"),
        VD_STR_LITERAL("192.0.2.7"), VD_STR_LITERAL("Administrative"), VD_STR_LITERAL("{}"),
        VD_STR_LITERAL("e-8")};
    const struct vd_table_rows rows = {.activities = &row, .activity_count = 1};
    struct analytics_fixture *f = *state;
    json_t *result;

    assert_int_equal(vd_analytics_append(f->analytics, &rows, 7), VD_OK);
    analytics_reopen(f);
    assert_int_equal(analytics_offset_of(f), 7);
    result = analytics_query(f, "SELECT * FROM AzureActivity");
    assert_int_equal(analytics_row_count(result), 1);
    assert_int_equal(json_array_size(json_object_get(result, "columns")), count);
    for (size_t i = 0; i < count; i++) {
        json_t *column = json_array_get(json_object_get(result, "columns"), i);

        assert_string_equal(json_string_value(json_object_get(column, "name")), expected[i][0]);
        if (expected[i][1] != NULL) {
            assert_string_equal(json_string_value(analytics_cell(result, 0, i)), expected[i][1]);
        }
    }
    json_decref(result);
}

/* A day's file as the first version made it, which knew no operations, the second, which knew no activities, the third, in
 * which records have no ids, or the fourth, in which flows are JSON. */
static void make_version(const char *path, int version)
{
    duckdb_database database;
    duckdb_connection connection;
    char sql[64];

    assert_int_equal(duckdb_open(path, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    run_sql(connection,
        "CREATE TABLE raw_event (time_generated TIMESTAMP_MS, time_stamp TIMESTAMP_MS, event_id UUID,"
        " device_id VARCHAR, agent_version VARCHAR, name VARCHAR, type VARCHAR, category VARCHAR,"
        " is_empty BOOLEAN, details VARCHAR)");
    run_sql(connection, "CREATE TABLE vd_meta(schema_version BIGINT, next_offset UBIGINT)");
    snprintf(sql, sizeof sql, "INSERT INTO vd_meta VALUES (%d, 42)", version);
    run_sql(connection, sql);
    if (version >= 2) {
        run_sql(connection,
            "CREATE TABLE diagnostic (time_generated TIMESTAMP_MS, resource_id VARCHAR, category VARCHAR,"
            " operation_name VARCHAR, level VARCHAR, result_type VARCHAR, result_description VARCHAR,"
            " duration_ms BIGINT, location VARCHAR, properties VARCHAR)");
    }
    if (version >= 3) {
        run_sql(connection,
            "CREATE TABLE activity (time_generated TIMESTAMP_MS, caller VARCHAR, operation_name VARCHAR,"
            " status VARCHAR, resource_id VARCHAR, caller_address VARCHAR, category VARCHAR,"
            " properties VARCHAR)");
        if (version >= 4) {
            run_sql(connection, "ALTER TABLE activity ADD COLUMN correlation_id VARCHAR");
            run_sql(connection, "ALTER TABLE diagnostic ADD COLUMN correlation_id VARCHAR");
        }
        run_sql(connection, "INSERT INTO activity(caller) VALUES ('earlier')");
        run_sql(connection, "INSERT INTO diagnostic(level) VALUES ('Error')");
    }
    run_sql(connection,
        "INSERT INTO raw_event SELECT TIMESTAMP '2025-11-23 10:00:00', TIMESTAMP '2025-11-23 10:00:00', uuid(),"
        " 'dev-' || i, '3.5.4', 'NetworkActivity', 'Security', 'Periodic', false, '{\"RemoteAddress\":\"192.0.2.7\",\"BytesIn\":' || i || '}' FROM range(100) t(i)");
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

/* Flows of earlier versions are JSON in the file, and told by member all the same. */
static void check_flows(struct analytics_fixture *f)
{
    json_t *result = analytics_query(f,
        "SELECT count(*), CAST(sum(\"EventDetails.BytesIn\") AS BIGINT) FROM SecurityIoTRawEvent"
        " WHERE \"EventDetails.RemoteAddress\" = '192.0.2.7'");

    assert_int_equal(json_integer_value(analytics_cell(result, 0, 0)), 100);
    assert_int_equal(json_integer_value(analytics_cell(result, 0, 1)), 4950);
    json_decref(result);
}

/* So many of an earlier version, which have no ids. */
static void check_records(struct analytics_fixture *f, const char *table, json_int_t count)
{
    char sql[96];
    json_t *result;

    snprintf(sql, sizeof sql, "SELECT count(*), count(nullif(CorrelationId, '')) FROM %s", table);
    result = analytics_query(f, sql);
    assert_int_equal(json_integer_value(analytics_cell(result, 0, 0)), count);
    assert_int_equal(json_integer_value(analytics_cell(result, 0, 1)), 0);
    json_decref(result);
}

static void check_version(void **state, int version)
{
    struct analytics_fixture *f = *state;
    char path[900];

    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    snprintf(path, sizeof path, "%s/2025-11-23.duckdb", f->data);
    make_version(path, version);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(analytics_open_at(f), VD_OK);
        assert_int_equal(analytics_offset_of(f), 42);
        assert_int_equal(analytics_count_rows(f), 100);
        check_flows(f);
        check_records(f, "AzureDiagnostics", version >= 3 ? 1 : 0);
        check_records(f, "AzureActivity", version >= 3 ? 1 : 0);
        if (i == 0) {
            vd_analytics_close(f->analytics);
        }
    }
    assert_int_equal(analytics_append_rows(f, 42, 5, ANALYTICS_DAY_0), VD_OK);
    assert_int_equal(analytics_count_rows(f), 105);
}

static void test_days__of_the_first_version(void **state)
{
    check_version(state, 1);
}

static void test_days__of_the_second_version(void **state)
{
    check_version(state, 2);
}

static void test_days__of_the_third_version(void **state)
{
    check_version(state, 3);
}

static void test_days__of_the_fourth_version(void **state)
{
    check_version(state, 4);
}

static void test_rows__with_offset(void **state)
{
    struct analytics_fixture *f = *state;

    assert_int_equal(analytics_append_rows(f, 0, 5000, ANALYTICS_DAY_0), VD_OK);
    assert_int_equal(analytics_offset_of(f), 5000);
    assert_int_equal(vd_analytics_append(f->analytics, NULL, 6000), VD_OK);
    assert_int_equal(analytics_offset_of(f), 6000);
    analytics_reopen(f);
    assert_int_equal(analytics_offset_of(f), 6000);
    assert_int_equal(analytics_count_rows(f), 5000);
}

static bool day_file_exists(struct analytics_fixture *f, const char *day)
{
    char path[900];

    snprintf(path, sizeof path, "%s/%s.duckdb", f->data, day);
    return access(path, F_OK) == 0;
}

/* A file a day; a clock that goes back over midnight writes on to the newest. */
static void test_days__files(void **state)
{
    struct analytics_fixture *f = *state;
    json_t *result;

    assert_int_equal(analytics_append_rows(f, 0, 3, ANALYTICS_DAY_0), VD_OK);
    assert_int_equal(analytics_append_rows(f, 3, 4, ANALYTICS_DAY_0 + VD_DAY_MS), VD_OK);
    assert_int_equal(analytics_append_rows(f, 7, 5, ANALYTICS_DAY_0), VD_OK);
    assert_true(day_file_exists(f, "2025-11-24"));
    assert_true(day_file_exists(f, "2025-11-25"));
    assert_int_equal(analytics_offset_of(f), 12);
    analytics_reopen(f);
    assert_int_equal(analytics_offset_of(f), 12);
    result = analytics_query(f,
        "SELECT TimeGenerated::DATE::VARCHAR AS day, count(*) FROM SecurityIoTRawEvent"
        " GROUP BY 1 ORDER BY 1");
    assert_int_equal(analytics_row_count(result), 2);
    assert_int_equal(json_integer_value(analytics_cell(result, 0, 1)), 8);
    assert_int_equal(json_integer_value(analytics_cell(result, 1, 1)), 4);
    json_decref(result);
    assert_int_equal(vd_analytics_append(f->analytics, NULL, 13), VD_OK);
    assert_int_equal(analytics_offset_of(f), 13);
}

/* A file whose making was cut off is made again. */
static void test_days__unfinished(void **state)
{
    struct analytics_fixture *f = *state;
    char path[900];
    FILE *file;

    assert_int_equal(analytics_append_rows(f, 0, 1, ANALYTICS_DAY_0), VD_OK);
    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    snprintf(path, sizeof path, "%s/2025-11-25.duckdb.new", f->data);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("half", file);
    fclose(file);
    assert_int_equal(analytics_open_at(f), VD_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(analytics_append_rows(f, 1, 1, ANALYTICS_DAY_0 + VD_DAY_MS), VD_OK);
    assert_int_equal(analytics_count_rows(f), 2);
}

static void test_days__damaged(void **state)
{
    struct analytics_fixture *f = *state;
    char path[900];
    FILE *file;

    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    snprintf(path, sizeof path, "%s/2025-11-25.duckdb", f->data);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 2000; i++) {
        fputs("no database", file);
    }
    fclose(file);
    assert_int_equal(analytics_open_at(f), VD_E_CORRUPT);
    assert_int_equal(strncmp(f->text, "2025-11-25.duckdb: ", strlen("2025-11-25.duckdb: ")), 0);
}

static void test_folder__one_at_a_time(void **state)
{
    struct analytics_fixture *f = *state;
    struct vd_analytics *second = NULL;
    struct vd_duckdb_options options = {.folder = f->data};
    struct stat st;

    assert_int_equal(
        vd_analytics_duckdb_open(&options, &second, f->text, sizeof f->text), VD_E_BUSY);
    assert_non_null(strstr(f->text, "in use by another process"));
    assert_int_equal(stat(f->data, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* ---- Crashes ---- */

/* A process that appends batch after batch and tells each offset through a pipe once it is durable. */
static void child_appends(const char *data, int report)
{
    struct analytics_fixture f = {0};
    uint64_t offset;
    int64_t day = ANALYTICS_DAY_0;

    snprintf(f.data, sizeof f.data, "%s", data);
    if (analytics_open_at(&f) != VD_OK || vd_analytics_offset(f.analytics, &offset) != VD_OK) {
        _exit(3);
    }
    for (;;) {
        if (analytics_append_rows(&f, offset, 300, day + (int64_t)(offset / 3000) * VD_DAY_MS) !=
            VD_OK) {
            _exit(4);
        }
        offset += 300;
        if (write(report, &offset, sizeof offset) != sizeof offset) {
            _exit(5);
        }
    }
}

#define KILLS 5

/* Whatever moment it dies at: every row up to the offset is there once, and nothing beyond it. */
static void test_crash__kill_9(void **state)
{
    struct analytics_fixture *f = *state;
    uint64_t last = 0;

    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    for (int round = 0; round < KILLS; round++) {
        int pipes[2];
        uint64_t told = 0;
        pid_t child;
        int status;
        json_t *result;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            child_appends(f->data, pipes[1]);
        }
        close(pipes[1]);
        for (int i = 0; i < 4 + round * 2; i++) {
            assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
        }
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(pipes[0], &told, sizeof told) == sizeof told) {
        }
        close(pipes[0]);
        if (analytics_open_at(f) != VD_OK) {
            fail_msg("%s", f->text);
        }
        assert_true(analytics_offset_of(f) >= told && told > last);
        last = analytics_offset_of(f);
        result = analytics_query(
            f, "SELECT count(*), count(DISTINCT IoTRawEventId) FROM SecurityIoTRawEvent");
        assert_int_equal(json_integer_value(analytics_cell(result, 0, 0)), last);
        assert_int_equal(json_integer_value(analytics_cell(result, 0, 1)), last);
        json_decref(result);
        vd_analytics_close(f->analytics);
        f->analytics = NULL;
    }
}

/* ---- A full disk ---- */

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* Mounts a small file system of its own at `path`; false where the system does not allow it. */
static bool mount_small(const char *path)
{
    char map[64];
    uid_t uid = getuid();

    if (uid != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            return false;
        }
        snprintf(map, sizeof map, "0 %u 1", uid);
        if (!write_file("/proc/self/uid_map", map)) {
            return false;
        }
    } else if (unshare(CLONE_NEWNS) != 0) {
        return false;
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", path, "tmpfs", 0, "size=8m") == 0;
}

#define CHILD_SKIPPED 77

/* Fills the disk, sees appends refused, makes room, sees them taken, and counts. Exits with 0 if all was so. */
static void child_full_disk(const char *folder)
{
    struct analytics_fixture f = {0};
    char ballast[800];
    uint64_t next = 0;
    int error = VD_OK;
    int fd;
    static char block[65536];

    if (!mount_small(folder)) {
        _exit(CHILD_SKIPPED);
    }
    snprintf(f.data, sizeof f.data, "%s/data", folder);
    snprintf(ballast, sizeof ballast, "%s/ballast", folder);
    if (analytics_open_at(&f) != VD_OK ||
        analytics_append_rows(&f, 0, 100, ANALYTICS_DAY_0) != VD_OK) {
        _exit(10);
    }
    next = 100;
    fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
    for (int i = 0; i < 200 && error == VD_OK; i++) {
        error = analytics_append_rows(&f, next, 5000, ANALYTICS_DAY_0);
        next += error == VD_OK ? 5000 : 0;
    }
    if (error != VD_E_FULL) {
        fprintf(stderr, "expected a full disk, got %d\n", error);
        _exit(11);
    }
    for (int i = 0; i < 3; i++) {
        if (analytics_append_rows(&f, next, 5000, ANALYTICS_DAY_0) == VD_OK) {
            _exit(12);
        }
    }
    unlink(ballast);
    error = analytics_append_rows(&f, next, 10, ANALYTICS_DAY_0);
    if (error != VD_OK) {
        fprintf(stderr, "refused with room: %d\n", error);
        _exit(13);
    }
    next += 10;
    if (analytics_offset_of(&f) != next || analytics_count_rows(&f) != (json_int_t)next) {
        _exit(14);
    }
    vd_analytics_close(f.analytics);
    if (analytics_open_at(&f) != VD_OK || analytics_offset_of(&f) != next ||
        analytics_count_rows(&f) != (json_int_t)next) {
        _exit(15);
    }
    vd_analytics_close(f.analytics);
    _exit(0);
}

static void test_full_disk(void **state)
{
    struct analytics_fixture *f = *state;
    int status;
    pid_t child;

    vd_analytics_close(f->analytics); /* its threads would not follow into the child */
    f->analytics = NULL;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char path[600];

        snprintf(path, sizeof path, "%s/small", f->folder);
        if (mkdir(path, 0700) != 0) {
            _exit(9);
        }
        child_full_disk(path);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIPPED) {
        fprintf(stderr, "no file system of its own allowed here: passed without a full disk\n");
        return;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_rows__columns),
        ANALYTICS_TEST(test_rows__of_operations),
        ANALYTICS_TEST(test_days__of_the_first_version),
        ANALYTICS_TEST(test_days__of_the_second_version),
        ANALYTICS_TEST(test_days__of_the_third_version),
        ANALYTICS_TEST(test_days__of_the_fourth_version),
        ANALYTICS_TEST(test_rows__of_activities),
        ANALYTICS_TEST(test_rows__with_offset),
        ANALYTICS_TEST(test_days__files),
        ANALYTICS_TEST(test_days__unfinished),
        ANALYTICS_TEST(test_days__damaged),
        ANALYTICS_TEST(test_folder__one_at_a_time),
        ANALYTICS_TEST(test_crash__kill_9),
        ANALYTICS_TEST(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
