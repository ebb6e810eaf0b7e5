/* SPDX-License-Identifier: MIT */
/* The query tables in DuckDB: rows with their offset, day files, hostile SQL, limits, crashes and a full disk. */

#include <errno.h>
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

#include "center/limits.h"
#include "center/store/analytics.h"
#include "lib/clock.h"
#include "tests/center/message.h"

#define DAY_0 1764000000000LL /* 2025-11-24T16:00:00Z */

struct fixture {
    char *folder;
    char data[768];
    struct vd_analytics *analytics;
    char text[512];
};

static int open_at(struct fixture *f)
{
    struct vd_duckdb_options options = {.folder = f->data, .resource_id = "/hubs/it's"};

    return vd_analytics_duckdb_open(&options, &f->analytics, f->text, sizeof f->text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->folder = test_folder_new();
    snprintf(f->data, sizeof f->data, "%s/da'ta", f->folder);
    if (open_at(f) != VD_OK) {
        fail_msg("%s", f->text);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    vd_analytics_close(f->analytics);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    if (open_at(f) != VD_OK) {
        fail_msg("%s", f->text);
    }
}

static struct vd_raw_event row_of(uint64_t number, int64_t time_ms)
{
    return (struct vd_raw_event){
        .time_generated_ms = time_ms,
        .timestamp_ms = time_ms - 1500,
        .id = test_uuid(number),
        .device_id = VD_STR_LITERAL("dev-1"),
        .agent_version = VD_STR_LITERAL("3.5.4"),
        .name = VD_STR_LITERAL("NetworkActivity"),
        .type = VD_STR_LITERAL("Security"),
        .category = VD_STR_LITERAL("Periodic"),
        .is_empty = false,
        .details = VD_STR_LITERAL("{\"RemoteAddress\":\"192.0.2.1\",\"BytesIn\":5}"),
    };
}

/* Appends rows `first` to `first` + `count` - 1; the offset behind them is theirs. */
static int append_rows(struct fixture *f, uint64_t first, size_t count, int64_t time_ms)
{
    struct vd_raw_event *rows = calloc(count + 1, sizeof *rows);
    int error;

    assert_non_null(rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = row_of(first + i, time_ms);
    }
    error = vd_analytics_append(f->analytics, rows, count, first + count);
    free(rows);
    return error;
}

static json_t *query_with(
    struct fixture *f, const char *sql, const struct vd_query_limits *limits, int expected)
{
    json_t *result = NULL;
    int error = vd_analytics_query(f->analytics, sql, limits, &result, f->text, sizeof f->text);

    if (error != expected) {
        fail_msg("%s: %d, %s", sql, error, f->text);
    }
    return result;
}

static json_t *query(struct fixture *f, const char *sql)
{
    return query_with(f, sql, NULL, VD_OK);
}

static json_t *cell(const json_t *result, size_t row, size_t column)
{
    return json_array_get(json_array_get(json_object_get(result, "rows"), row), column);
}

static size_t row_count(const json_t *result)
{
    return json_array_size(json_object_get(result, "rows"));
}

static json_int_t count_rows(struct fixture *f)
{
    json_t *result = query(f, "SELECT count(*) FROM SecurityIoTRawEvent");
    json_int_t count = json_integer_value(cell(result, 0, 0));

    json_decref(result);
    return count;
}

static uint64_t offset_of(struct fixture *f)
{
    uint64_t offset = UINT64_MAX;

    assert_int_equal(vd_analytics_offset(f->analytics, &offset), VD_OK);
    return offset;
}

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
    struct fixture *f = *state;
    json_t *result;

    assert_int_equal(offset_of(f), 0);
    assert_int_equal(append_rows(f, 0xffeeddccbbaa9988ULL, 1, DAY_0 + 123), VD_OK);
    result = query(f, "SELECT * FROM SecurityIoTRawEvent");
    assert_int_equal(row_count(result), 1);
    assert_int_equal(json_array_size(json_object_get(result, "columns")), 13);
    for (size_t i = 0; i < 13; i++) {
        json_t *column = json_array_get(json_object_get(result, "columns"), i);

        assert_string_equal(json_string_value(json_object_get(column, "name")), expected[i][0]);
        if (expected[i][1] != NULL) {
            assert_string_equal(json_string_value(cell(result, 0, i)), expected[i][1]);
        }
    }
    assert_true(json_is_false(cell(result, 0, 10)));
    assert_true(json_is_false(json_object_get(result, "truncated")));
    json_decref(result);
}

static void test_rows__with_offset(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(append_rows(f, 0, 5000, DAY_0), VD_OK);
    assert_int_equal(offset_of(f), 5000);
    assert_int_equal(vd_analytics_append(f->analytics, NULL, 0, 6000), VD_OK);
    assert_int_equal(offset_of(f), 6000);
    reopen(f);
    assert_int_equal(offset_of(f), 6000);
    assert_int_equal(count_rows(f), 5000);
}

static bool day_file_exists(struct fixture *f, const char *day)
{
    char path[900];

    snprintf(path, sizeof path, "%s/%s.duckdb", f->data, day);
    return access(path, F_OK) == 0;
}

/* A file a day; a clock that goes back writes to the newest, so offsets never go back either. */
static void test_days__files(void **state)
{
    struct fixture *f = *state;
    json_t *result;

    assert_int_equal(append_rows(f, 0, 3, DAY_0), VD_OK);
    assert_int_equal(append_rows(f, 3, 4, DAY_0 + VD_DAY_MS), VD_OK);
    assert_int_equal(append_rows(f, 7, 5, DAY_0), VD_OK);
    assert_true(day_file_exists(f, "2025-11-24"));
    assert_true(day_file_exists(f, "2025-11-25"));
    assert_int_equal(offset_of(f), 12);
    reopen(f);
    assert_int_equal(offset_of(f), 12);
    result = query(f,
        "SELECT TimeGenerated::DATE::VARCHAR AS day, count(*) FROM SecurityIoTRawEvent"
        " GROUP BY 1 ORDER BY 1");
    assert_int_equal(row_count(result), 2);
    assert_int_equal(json_integer_value(cell(result, 0, 1)), 8);
    assert_int_equal(json_integer_value(cell(result, 1, 1)), 4);
    json_decref(result);
    assert_int_equal(vd_analytics_append(f->analytics, NULL, 0, 13), VD_OK);
    assert_int_equal(offset_of(f), 13);
}

/* A file whose making was cut off is made again. */
static void test_days__unfinished(void **state)
{
    struct fixture *f = *state;
    char path[900];
    FILE *file;

    assert_int_equal(append_rows(f, 0, 1, DAY_0), VD_OK);
    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    snprintf(path, sizeof path, "%s/2025-11-25.duckdb.new", f->data);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("half", file);
    fclose(file);
    assert_int_equal(open_at(f), VD_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(append_rows(f, 1, 1, DAY_0 + VD_DAY_MS), VD_OK);
    assert_int_equal(count_rows(f), 2);
}

static void test_days__damaged(void **state)
{
    struct fixture *f = *state;
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
    assert_int_equal(open_at(f), VD_E_CORRUPT);
    assert_true(strlen(f->text) > 0);
}

static void test_folder__one_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct vd_analytics *second = NULL;
    struct vd_duckdb_options options = {.folder = f->data};
    struct stat st;

    assert_int_equal(
        vd_analytics_duckdb_open(&options, &second, f->text, sizeof f->text), VD_E_BUSY);
    assert_non_null(strstr(f->text, "in use by another process"));
    assert_int_equal(stat(f->data, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* ---- Values ---- */

struct value_case {
    const char *sql;
    const char *json; /* of the row */
    const char *type; /* of the first column */
};

static void test_query__values(void **state)
{
    static const struct value_case cases[] = {
        {"SELECT 1", "[1]", "INTEGER"},
        {"SELECT -5::TINYINT, 300::SMALLINT, 9007199254740993", "[-5,300,9007199254740993]",
            "TINYINT"},
        {"SELECT 255::UTINYINT, 65535::USMALLINT, 4294967295::UINTEGER", "[255,65535,4294967295]",
            "UTINYINT"},
        {"SELECT 18446744073709551615::UBIGINT", "[\"18446744073709551615\"]", "UBIGINT"},
        {"SELECT sum(x) FROM range(10) t(x)", "[45]", "HUGEINT"},
        {"SELECT -1::HUGEINT", "[-1]", "HUGEINT"},
        {"SELECT 1.5::DOUBLE, 'nan'::DOUBLE, 0.25::FLOAT", "[1.5,null,0.25]", "DOUBLE"},
        {"SELECT 12.345", "[12.345]", "DECIMAL"},
        {"SELECT true, NULL", "[true,null]", "BOOLEAN"},
        {"SELECT 'a\"b', 'long text that is not inlined: \xc3\xa9'",
            "[\"a\\\"b\",\"long text that is not inlined: \xc3\xa9\"]", "VARCHAR"},
        {"SELECT TIMESTAMP '2026-11-24 07:44:03.123'", "[\"2026-11-24T07:44:03.123Z\"]",
            "TIMESTAMP"},
        {"SELECT TIMESTAMP '2026-11-24 07:44:03.123456'", "[\"2026-11-24T07:44:03.123456Z\"]",
            "TIMESTAMP"},
        {"SELECT TIMESTAMP '1969-12-31 23:59:59.5'", "[\"1969-12-31T23:59:59.500Z\"]", "TIMESTAMP"},
        {"SELECT DATE '2026-11-24', [1,2], {'a': 1}, INTERVAL 2 HOUR",
            "[\"2026-11-24\",\"[1, 2]\",\"{'a': 1}\",\"02:00:00\"]", "DATE"},
        {"SELECT '00000000-0000-0000-0000-00000000000a'::UUID AS x, 2 AS x; -- twice x",
            "[\"00000000-0000-0000-0000-00000000000a\",2]", "UUID"},
        {"WITH t AS (SELECT 3 AS a) SELECT a FROM t", "[3]", "INTEGER"},
        {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5)"
         " SELECT max(n) FROM r",
            "[5]", "INTEGER"},
        {"SELECT v FROM (VALUES (1), (2)) t(v) ORDER BY v DESC LIMIT 1", "[2]", "INTEGER"},
        {"SELECT json_extract_string('{\"a\":{\"b\":7}}', '$.a.b')", "[\"7\"]", "VARCHAR"},
        {"SELECT unnest([4])", "[4]", "INTEGER"},
        {"SELECT d.value FROM json_each('[8]') d", "[\"8\"]", "VARCHAR"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *result = query(f, cases[i].sql);
        json_t *column = json_array_get(json_object_get(result, "columns"), 0);
        char *row = json_dumps(json_array_get(json_object_get(result, "rows"), 0),
            JSON_COMPACT | JSON_REAL_PRECISION(12));

        assert_string_equal(row, cases[i].json);
        assert_string_equal(json_string_value(json_object_get(column, "type")), cases[i].type);
        free(row);
        json_decref(result);
    }
}

/* The order that a query asks for stays, also where columns must be cast. */
static void test_query__order_survives_casts(void **state)
{
    struct fixture *f = *state;
    json_t *result =
        query(f, "SELECT x, [x] AS l FROM range(50000) t(x) ORDER BY x DESC LIMIT 5000");

    assert_int_equal(row_count(result), 5000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(json_integer_value(cell(result, i, 0)), 49999 - (json_int_t)i);
    }
    json_decref(result);
}

/* ---- What a query may not do ---- */

static void test_query__hostile(void **state)
{
    static const char *const statements[] = {
        "COPY (SELECT 1) TO '/tmp/vedette-hostile.csv'",
        "COPY SecurityIoTRawEvent FROM '/etc/passwd'",
        "EXPORT DATABASE '/tmp/vedette-hostile'",
        "ATTACH '/tmp/vedette-hostile.db' AS x",
        "DETACH d20251124",
        "USE d20251124",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd.csv\"",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table('duckdb_settings')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM duckdb_databases()",
        "SELECT * FROM duckdb_tables",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM main.sqlite_master",
        "SELECT * FROM pg_catalog.pg_class",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM d20251124.main.raw_event",
        "SELECT * FROM d20251124.main.vd_meta",
        "SELECT * FROM memory.main.vd_no_raw_event",
        "SELECT * FROM vd_no_raw_event",
        "SELECT * FROM checkpoint()",
        "SELECT * FROM force_checkpoint()",
        "SELECT * FROM enable_logging()",
        "SELECT * FROM pragma_database_size()",
        "SELECT * FROM pragma_version()",
        "SELECT * FROM arrow_scan(1::POINTER, 1::POINTER, 1::POINTER)",
        "SELECT current_setting('allowed_directories')",
        "SELECT getenv('HOME')",
        "SELECT getvariable('x')",
        "SELECT write_log('x')",
        "SELECT 1 FROM (SELECT 2 WHERE EXISTS (SELECT * FROM duckdb_settings()))",
        "SELECT (SELECT path FROM duckdb_databases() LIMIT 1)",
        "SELECT list_transform([1], x -> (SELECT count(*) FROM duckdb_settings()))",
        "SELECT 1 ORDER BY (SELECT count(*) FROM duckdb_settings())",
        "SELECT 1 LIMIT (SELECT count(*) FROM duckdb_settings())",
        "SELECT 1 UNION ALL SELECT count(*) FROM duckdb_settings()",
        "WITH sqlite_master AS (SELECT 1) SELECT * FROM sqlite_master",
        "WITH a AS (SELECT * FROM \"x.csv\"), \"x.csv\" AS (SELECT 1) SELECT * FROM a",
        "SELECT * FROM (WITH q AS (SELECT 1) SELECT * FROM q) x, q",
        "WITH t AS MATERIALIZED (SELECT * FROM duckdb_settings()) SELECT 1",
        "SELECT * FROM (DESCRIBE SecurityIoTRawEvent)",
        "SELECT * FROM (SHOW TABLES)",
        "SELECT * FROM (SUMMARIZE SecurityIoTRawEvent)",
        "DESCRIBE SecurityIoTRawEvent",
        "SHOW TABLES",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "PRAGMA database_list",
        "PRAGMA memory_limit='64GB'",
        "SET memory_limit='64GB'",
        "SET enable_external_access=true",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CALL pragma_version()",
        "CALL enable_logging()",
        "CREATE TABLE x(a INT)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "CREATE MACRO f(x) AS x",
        "CREATE SECRET s (TYPE s3)",
        "DROP VIEW SecurityIoTRawEvent",
        "INSERT INTO d20251124.main.raw_event SELECT * FROM d20251124.main.raw_event",
        "UPDATE d20251124.main.vd_meta SET next_offset = 0",
        "DELETE FROM d20251124.main.raw_event",
        "WITH x AS (SELECT 1) DELETE FROM d20251124.main.raw_event",
        "ALTER TABLE d20251124.main.raw_event ADD COLUMN x INT",
        "VACUUM",
        "CHECKPOINT",
        "FORCE CHECKPOINT",
        "BEGIN",
        "COMMIT",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "SELECT length(repeat('x', 3000000000))",
        "SELECT RePeAt('x', 10)",
        "SELECT rpad('x', 2000000000, 'y'), lpad('x', 2000000000, 'y')",
        "SELECT len(range(100000000))",
        "SELECT * FROM range(len(range(100000000)))",
        "SELECT list_resize([1], 1000000000)",
        "SELECT bitstring('1', 1000000000)",
        "SELECT printf('%1000000000d', 1)",
        "SELECT format('{:1000000000}', 1)",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW SecurityIoTRawEvent",
        "SELECT ?",
        "SELECT $1",
        "",
        ";",
        "-- nothing",
        "SELEC 1",
        "SELECT * FROM nonsense",
        "SELECT nonsense FROM SecurityIoTRawEvent",
    };
    struct fixture *f = *state;

    assert_int_equal(append_rows(f, 0, 3, DAY_0), VD_OK);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        assert_null(query_with(f, statements[i], NULL, VD_E_INVALID));
        if (f->text[0] == '\0') {
            fail_msg("%s: no reason", statements[i]);
        }
    }
    assert_int_not_equal(access("/tmp/vedette-hostile.csv", F_OK), 0);
    assert_int_not_equal(access("/tmp/vedette-hostile.db", F_OK), 0);
    assert_int_equal(count_rows(f), 3);
    assert_int_equal(offset_of(f), 3);
}

/* A tree as deep as can be written within the length of a query ends with an answer, not with a crash. */
static void test_query__deep(void **state)
{
    struct fixture *f = *state;
    struct vd_buf sql = {0};

    for (int i = 0; i < 5000; i++) {
        vd_buf_append_text(&sql, i == 0 ? "SELECT " : "abs(");
    }
    vd_buf_append_text(&sql, "1");
    for (int i = 1; i < 5000; i++) {
        vd_buf_append_text(&sql, ")");
    }
    vd_buf_append(&sql, "", 1);
    assert_null(query_with(f, (char *)sql.data, NULL, VD_E_INVALID));
    vd_buf_clear(&sql);
    vd_buf_append_text(&sql, "SELECT 1");
    for (int i = 0; i < 5000; i++) {
        vd_buf_append_text(&sql, "+1");
    }
    vd_buf_append(&sql, "", 1);
    assert_null(query_with(f, (char *)sql.data, NULL, VD_E_INVALID));
    vd_buf_clear(&sql);
    for (int i = 0; i < VD_QUERY_TEXT_MAX + 1; i++) {
        vd_buf_append_text(&sql, " ");
    }
    vd_buf_append(&sql, "", 1);
    assert_null(query_with(f, (char *)sql.data, NULL, VD_E_LIMIT));
    vd_buf_release(&sql);
    assert_int_equal(count_rows(f), 0);
}

/* ---- Limits ---- */

static void test_query__row_limit(void **state)
{
    struct fixture *f = *state;
    json_t *result = query_with(
        f, "SELECT * FROM range(100000)", &(struct vd_query_limits){.max_rows = 10}, VD_OK);

    assert_int_equal(row_count(result), 10);
    assert_true(json_is_true(json_object_get(result, "truncated")));
    json_decref(result);
    result =
        query_with(f, "SELECT * FROM range(10)", &(struct vd_query_limits){.max_rows = 10}, VD_OK);
    assert_int_equal(row_count(result), 10);
    assert_true(json_is_false(json_object_get(result, "truncated")));
    json_decref(result);
    result = query(f, "SELECT * FROM range(20000)");
    assert_int_equal(row_count(result), VD_QUERY_ROWS_DEFAULT);
    json_decref(result);
}

static void test_query__timeout(void **state)
{
    static const char *const endless[] = {
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        int64_t start = vd_clock_monotonic_ms();

        assert_null(
            query_with(f, endless[i], &(struct vd_query_limits){.timeout_ms = 300}, VD_E_TIMEOUT));
        assert_non_null(strstr(f->text, "300 ms"));
        assert_true(vd_clock_monotonic_ms() - start < 20000);
    }
    assert_int_equal(count_rows(f), 0);
}

static void test_query__memory(void **state)
{
    struct fixture *f = *state;

    assert_null(query_with(f,
        "SELECT count(*) FROM (SELECT DISTINCT hash(range), md5(range::VARCHAR)"
        " FROM range(30000000))",
        NULL, VD_E_LIMIT));
    assert_int_equal(append_rows(f, 0, 3, DAY_0), VD_OK);
    assert_int_equal(count_rows(f), 3);
}

/* ---- Crashes ---- */

/* A process that appends batch after batch and tells each offset through a pipe once it is durable. */
static void child_appends(const char *data, int report)
{
    struct fixture f = {0};
    uint64_t offset;
    int64_t day = DAY_0;

    snprintf(f.data, sizeof f.data, "%s", data);
    if (open_at(&f) != VD_OK || vd_analytics_offset(f.analytics, &offset) != VD_OK) {
        _exit(3);
    }
    for (;;) {
        if (append_rows(&f, offset, 300, day + (int64_t)(offset / 3000) * VD_DAY_MS) != VD_OK) {
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
    struct fixture *f = *state;
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
        if (open_at(f) != VD_OK) {
            fail_msg("%s", f->text);
        }
        assert_true(offset_of(f) >= told && told > last);
        last = offset_of(f);
        result =
            query(f, "SELECT count(*), count(DISTINCT IoTRawEventId) FROM SecurityIoTRawEvent");
        assert_int_equal(json_integer_value(cell(result, 0, 0)), last);
        assert_int_equal(json_integer_value(cell(result, 0, 1)), last);
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
    struct fixture f = {0};
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
    if (open_at(&f) != VD_OK || append_rows(&f, 0, 100, DAY_0) != VD_OK) {
        _exit(10);
    }
    next = 100;
    fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
    for (int i = 0; i < 200 && error == VD_OK; i++) {
        error = append_rows(&f, next, 5000, DAY_0);
        next += error == VD_OK ? 5000 : 0;
    }
    if (error != VD_E_FULL) {
        fprintf(stderr, "expected a full disk, got %d\n", error);
        _exit(11);
    }
    for (int i = 0; i < 3; i++) {
        if (append_rows(&f, next, 5000, DAY_0) == VD_OK) {
            _exit(12);
        }
    }
    unlink(ballast);
    error = append_rows(&f, next, 10, DAY_0);
    if (error != VD_OK) {
        fprintf(stderr, "refused with room: %d\n", error);
        _exit(13);
    }
    next += 10;
    if (offset_of(&f) != next || count_rows(&f) != (json_int_t)next) {
        _exit(14);
    }
    vd_analytics_close(f.analytics);
    if (open_at(&f) != VD_OK || offset_of(&f) != next || count_rows(&f) != (json_int_t)next) {
        _exit(15);
    }
    vd_analytics_close(f.analytics);
    _exit(0);
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
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
#define ANALYTICS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_rows__columns),
        ANALYTICS_TEST(test_rows__with_offset),
        ANALYTICS_TEST(test_days__files),
        ANALYTICS_TEST(test_days__unfinished),
        ANALYTICS_TEST(test_days__damaged),
        ANALYTICS_TEST(test_folder__one_at_a_time),
        ANALYTICS_TEST(test_query__values),
        ANALYTICS_TEST(test_query__order_survives_casts),
        ANALYTICS_TEST(test_query__hostile),
        ANALYTICS_TEST(test_query__deep),
        ANALYTICS_TEST(test_query__row_limit),
        ANALYTICS_TEST(test_query__timeout),
        ANALYTICS_TEST(test_query__memory),
        ANALYTICS_TEST(test_crash__kill_9),
        ANALYTICS_TEST(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
