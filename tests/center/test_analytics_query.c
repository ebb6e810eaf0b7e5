/* SPDX-License-Identifier: MIT */
/* Queries of the query tables in DuckDB: their values, what they may not do, and their limits. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/limits.h"
#include "lib/clock.h"
#include "tests/center/analytics_fixture.h"

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
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *result = analytics_query(f, cases[i].sql);
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
    struct analytics_fixture *f = *state;
    json_t *result =
        analytics_query(f, "SELECT x, [x] AS l FROM range(50000) t(x) ORDER BY x DESC LIMIT 5000");

    assert_int_equal(analytics_row_count(result), 5000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(json_integer_value(analytics_cell(result, i, 0)), 49999 - (json_int_t)i);
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
    struct analytics_fixture *f = *state;

    assert_int_equal(analytics_append_rows(f, 0, 3, ANALYTICS_DAY_0), VD_OK);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        assert_null(analytics_query_with(f, statements[i], NULL, VD_E_INVALID));
        if (f->text[0] == '\0') {
            fail_msg("%s: no reason", statements[i]);
        }
    }
    assert_int_not_equal(access("/tmp/vedette-hostile.csv", F_OK), 0);
    assert_int_not_equal(access("/tmp/vedette-hostile.db", F_OK), 0);
    assert_int_equal(analytics_count_rows(f), 3);
    assert_int_equal(analytics_offset_of(f), 3);
}

/* A pattern that a row has, so that it is read only when the query runs. */
static void test_query__bad_pattern(void **state)
{
    static const char *const statements[] = {
        "SELECT regexp_matches('a', p) FROM (VALUES ('(a')) t(p)",
        "SELECT regexp_replace('a', p, 'b', 'g') FROM (VALUES ('a**')) t(p)",
        "SELECT regexp_extract_all('a', p) FROM (VALUES ('\\q')) t(p)",
    };
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        assert_null(analytics_query_with(f, statements[i], NULL, VD_E_INVALID));
        if (strstr(f->text, "is no regular expression: ") == NULL) {
            fail_msg("%s: %s", statements[i], f->text);
        }
    }
}

/* A tree as deep as can be written within the length of a query ends with an answer, not with a crash. */
static void test_query__deep(void **state)
{
    struct analytics_fixture *f = *state;
    struct vd_buf sql = {0};

    for (int i = 0; i < 5000; i++) {
        vd_buf_append_text(&sql, i == 0 ? "SELECT " : "abs(");
    }
    vd_buf_append_text(&sql, "1");
    for (int i = 1; i < 5000; i++) {
        vd_buf_append_text(&sql, ")");
    }
    vd_buf_append(&sql, "", 1);
    assert_null(analytics_query_with(f, (char *)sql.data, NULL, VD_E_INVALID));
    vd_buf_clear(&sql);
    vd_buf_append_text(&sql, "SELECT 1");
    for (int i = 0; i < 5000; i++) {
        vd_buf_append_text(&sql, "+1");
    }
    vd_buf_append(&sql, "", 1);
    assert_null(analytics_query_with(f, (char *)sql.data, NULL, VD_E_INVALID));
    vd_buf_clear(&sql);
    for (int i = 0; i < VD_QUERY_TEXT_MAX + 1; i++) {
        vd_buf_append_text(&sql, " ");
    }
    vd_buf_append(&sql, "", 1);
    assert_null(analytics_query_with(f, (char *)sql.data, NULL, VD_E_LIMIT));
    vd_buf_release(&sql);
    assert_int_equal(analytics_count_rows(f), 0);
}

/* ---- Unions ---- */

/* Streamed by more than one thread, DuckDB loses rows of such unions, or waits for ever. */
static void test_query__unions(void **state)
{
    static const char *const raw = "SELECT TimeGenerated AS a FROM SecurityIoTRawEvent";
    static const char *const none = "SELECT TimeGenerated AS a FROM AzureActivity";
    static const char *const other = "SELECT TimeGenerated AS a FROM AzureDiagnostics";
    const struct {
        const char *parts[4]; /* the first beside the union of the others */
        size_t rows;
    } cases[] = {
        {{none, none, raw, NULL}, 7},
        {{raw, none, raw, NULL}, 14},
        {{raw, raw, none, NULL}, 14},
        {{other, none, raw, other}, 7},
        {{raw, other, raw, none}, 14},
        {{"SELECT a FROM (SELECT now()::TIMESTAMP AS a)", none, raw, NULL}, 8},
        {{"SELECT a::VARCHAR FROM range(3) t(a)", none, raw, NULL}, 10},
    };
    struct analytics_fixture *f = *state;

    assert_int_equal(analytics_append_rows(f, 0, 4, ANALYTICS_DAY_0), VD_OK);
    assert_int_equal(analytics_append_rows(f, 4, 3, ANALYTICS_DAY_0 + 2 * 86400000LL), VD_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_buf sql = {0};
        json_t *result;

        vd_buf_printf(&sql, "%s UNION ALL (%s", cases[i].parts[0], cases[i].parts[1]);
        for (size_t k = 2; k < 4 && cases[i].parts[k] != NULL; k++) {
            vd_buf_printf(&sql, " UNION ALL %s", cases[i].parts[k]);
        }
        vd_buf_append(&sql, ")", 2);
        assert_int_equal(sql.error, VD_OK);
        result = analytics_query_with(
            f, (const char *)sql.data, &(struct vd_query_limits){.timeout_ms = 30000}, VD_OK);
        if (analytics_row_count(result) != cases[i].rows) {
            fail_msg("%s: %zu rows", (const char *)sql.data, analytics_row_count(result));
        }
        json_decref(result);
        vd_buf_release(&sql);
    }
}

/* What a query says of order and names holds where it has a union. */
static void test_query__union_order(void **state)
{
    struct analytics_fixture *f = *state;
    json_t *result = analytics_query(f,
        "SELECT x AS x, 'k' AS x FROM (SELECT r AS x FROM range(3000) a(r)"
        " UNION ALL SELECT r FROM range(3000, 6000) b(r)) ORDER BY 1 DESC; -- the end");

    assert_int_equal(analytics_row_count(result), 6000);
    for (size_t i = 0; i < 6000; i++) {
        assert_int_equal(json_integer_value(analytics_cell(result, i, 0)), 5999 - i);
    }
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(result, "columns"), 1), "name")),
        "x");
    json_decref(result);
}

/* ---- Limits ---- */

static void test_query__row_limit(void **state)
{
    struct analytics_fixture *f = *state;
    json_t *result = analytics_query_with(
        f, "SELECT * FROM range(100000)", &(struct vd_query_limits){.max_rows = 10}, VD_OK);

    assert_int_equal(analytics_row_count(result), 10);
    assert_true(json_is_true(json_object_get(result, "truncated")));
    json_decref(result);
    result = analytics_query_with(
        f, "SELECT * FROM range(10)", &(struct vd_query_limits){.max_rows = 10}, VD_OK);
    assert_int_equal(analytics_row_count(result), 10);
    assert_true(json_is_false(json_object_get(result, "truncated")));
    json_decref(result);
    result = analytics_query(f, "SELECT * FROM range(20000)");
    assert_int_equal(analytics_row_count(result), VD_QUERY_ROWS_DEFAULT);
    json_decref(result);
}

static void expect_cut(struct analytics_fixture *f, const char *sql,
    const struct vd_query_limits *limits, size_t rows, const char *by)
{
    json_t *result = analytics_query_with(f, sql, limits, VD_OK);
    const char *cut_by = json_string_value(json_object_get(result, "cutBy"));

    assert_int_equal(analytics_row_count(result), rows);
    assert_true(json_is_boolean(json_object_get(result, "truncated")));
    assert_int_equal(json_is_true(json_object_get(result, "truncated")), by != NULL);
    assert_string_equal(cut_by != NULL ? cut_by : "", by != NULL ? by : "");
    json_decref(result);
}

/* Of any type, nulls too: an answer holds something for each. */
static void test_query__value_limit(void **state)
{
    struct analytics_fixture *f = *state;
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql, "SELECT NULL");
    for (int i = 1; i < 40; i++) {
        vd_buf_append_text(&sql, ", NULL");
    }
    vd_buf_append_text(&sql, " FROM range(200000)");
    vd_buf_append(&sql, "", 1);
    assert_int_equal(sql.error, VD_OK);
    expect_cut(f, (const char *)sql.data, &(struct vd_query_limits){.max_rows = VD_QUERY_ROWS_MAX},
        VD_QUERY_RESULT_VALUES_MAX / 40, "values");
    vd_buf_release(&sql);
}

/* What one result holds is taken from those after it. */
static void test_query__room(void **state)
{
    struct analytics_fixture *f = *state;
    struct vd_query_room room = {.text_bytes = 10, .values = 20};
    const struct vd_query_limits limits = {.room = &room};

    expect_cut(f, "SELECT 'abcd', r FROM range(2) t(r)", &limits, 2, NULL);
    assert_int_equal(room.text_bytes, 2);
    assert_int_equal(room.values, 16);
    expect_cut(f, "SELECT 'abc'", &limits, 0, "bytes");
    expect_cut(f, "SELECT 'ab'", &limits, 1, NULL);
    expect_cut(f, "SELECT r FROM range(100) t(r)", &limits, 15, "values");
    assert_int_equal(room.values, 0);
    expect_cut(f, "SELECT true", &limits, 0, "values");
}

struct asking {
    struct analytics_fixture *f;
    const char *token;
    atomic_bool is_over;
    pthread_t thread;
};

static void *ask_for_ever(void *context)
{
    struct asking *asking = context;
    const struct vd_query_limits limits = {
        .timeout_ms = 60000, .is_unwanted = &asking->is_over, .token = asking->token};
    char text[400];
    json_t *result = NULL;
    const int error = vd_analytics_query(asking->f->analytics,
        "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
        &limits, &result, text, sizeof text);

    json_decref(result);
    return error == VD_E_CLOSED ? NULL : context;
}

/* Begins those from the `from`th on with that token, and waits until all are under way. */
static void begin_asking(
    struct analytics_fixture *f, struct asking *all, size_t from, size_t to, const char *token)
{
    for (size_t i = from; i < to; i++) {
        all[i].f = f;
        all[i].token = token;
        assert_int_equal(pthread_create(&all[i].thread, NULL, ask_for_ever, &all[i]), 0);
    }
    while (vd_analytics_queries_running(f->analytics) < to) {
        usleep(1000);
    }
}

/* Queries over HTTPS leave threads of its server, and slots for queries of others; those of one token leave some to the rest. */
static void test_query__over_https(void **state)
{
    const struct vd_query_limits remote = {.token = "a"};
    const struct vd_query_limits other = {.token = "b"};
    const struct vd_query_limits third = {.token = "c"};
    struct analytics_fixture *f = *state;
    struct asking all[VD_QUERIES_HTTPS_MAX] = {{.f = NULL}};
    void *wrong = NULL;

    begin_asking(f, all, 0, VD_QUERIES_TOKEN_MAX, "a");
    assert_null(analytics_query_with(f, "SELECT 1", &remote, VD_E_BUSY));
    assert_non_null(strstr(f->text, "try again"));
    json_decref(analytics_query_with(f, "SELECT 1", &other, VD_OK));
    begin_asking(f, all, VD_QUERIES_TOKEN_MAX, VD_QUERIES_HTTPS_MAX, "b");
    assert_null(analytics_query_with(f, "SELECT 1", &third, VD_E_BUSY));
    assert_non_null(strstr(f->text, "try again"));
    json_decref(analytics_query(f, "SELECT 1"));
    for (size_t i = 0; i < VD_QUERIES_HTTPS_MAX; i++) {
        atomic_store(&all[i].is_over, true);
        assert_int_equal(pthread_join(all[i].thread, &wrong), 0);
        assert_null(wrong);
    }
    json_decref(analytics_query_with(f, "SELECT 1", &remote, VD_OK));
}

static void test_query__timeout(void **state)
{
    static const char *const endless[] = {
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
    };
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        int64_t start = vd_clock_monotonic_ms();

        assert_null(analytics_query_with(
            f, endless[i], &(struct vd_query_limits){.timeout_ms = 300}, VD_E_TIMEOUT));
        assert_non_null(strstr(f->text, "300 ms"));
        assert_true(vd_clock_monotonic_ms() - start < 20000);
    }
    assert_int_equal(analytics_count_rows(f), 0);
}

static void test_query__memory(void **state)
{
    struct analytics_fixture *f = *state;

    assert_null(analytics_query_with(f,
        "SELECT count(*) FROM (SELECT DISTINCT hash(range), md5(range::VARCHAR)"
        " FROM range(30000000))",
        NULL, VD_E_LIMIT));
    assert_int_equal(analytics_append_rows(f, 0, 3, ANALYTICS_DAY_0), VD_OK);
    assert_int_equal(analytics_count_rows(f), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_query__values),
        ANALYTICS_TEST(test_query__order_survives_casts),
        ANALYTICS_TEST(test_query__hostile),
        ANALYTICS_TEST(test_query__bad_pattern),
        ANALYTICS_TEST(test_query__deep),
        ANALYTICS_TEST(test_query__unions),
        ANALYTICS_TEST(test_query__union_order),
        ANALYTICS_TEST(test_query__row_limit),
        ANALYTICS_TEST(test_query__value_limit),
        ANALYTICS_TEST(test_query__room),
        ANALYTICS_TEST(test_query__over_https),
        ANALYTICS_TEST(test_query__timeout),
        ANALYTICS_TEST(test_query__memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
