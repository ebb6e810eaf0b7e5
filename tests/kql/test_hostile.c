/* SPDX-License-Identifier: MIT */
/* Queries that want out of the tables, or want all of the machine: an error or a result within the limits, and nothing is written. */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/query.h"
#include "lib/clock.h"
#include "tests/center/analytics_fixture.h"

#define TIMEOUT_MS 2000
/* Within this the query ends: the limit, and what a step takes that cannot be interrupted, with sanitizers on a busy machine. */
#define ENDS_MS      60000
#define RSS_MAX_KIB  (3u << 20)
#define ANSWER_BYTES (96u << 20)

static int run_for(struct analytics_fixture *f, struct vd_str text, uint32_t timeout_ms,
    struct vd_query_problem *problem)
{
    const struct vd_query query = {.text = text,
        .now_ms = ANALYTICS_DAY_0 + 1000,
        .limits = {.max_rows = 1000, .timeout_ms = timeout_ms}};
    const int64_t began_ms = vd_clock_monotonic_ms();
    json_t *result = NULL;
    const int error = vd_query_run(f->analytics, &query, &result, problem);
    struct rusage usage;

    if (error == VD_OK) {
        const size_t rows = json_array_size(json_object_get(result, "rows"));
        const size_t bytes = json_dumpb(result, NULL, 0, JSON_COMPACT);

        assert_true(rows <= 1000);
        assert_true(bytes <= ANSWER_BYTES);
        json_decref(result);
    } else {
        assert_true(problem->has_place ? problem->place.text[0] != '\0' : problem->text[0] != '\0');
    }
    getrusage(RUSAGE_SELF, &usage);
    if (vd_clock_monotonic_ms() - began_ms > ENDS_MS || usage.ru_maxrss > RSS_MAX_KIB) {
        fail_msg("%.*s: %lld ms, %ld KiB", (int)(text.length < 200 ? text.length : 200), text.data,
            (long long)(vd_clock_monotonic_ms() - began_ms), usage.ru_maxrss);
    }
    return error;
}

static int run(struct analytics_fixture *f, struct vd_str text, struct vd_query_problem *problem)
{
    return run_for(f, text, TIMEOUT_MS, problem);
}

/* ---- Out of the tables ---- */

static void test_hostile__reach(void **state)
{
    static const char *const queries[] = {
        "read_csv('/etc/passwd')",
        "read_csv('/etc/passwd') | count",
        "['read_csv(\\'/etc/passwd\\')']",
        "['/etc/passwd']",
        "['/etc/passwd.csv'] | take 1",
        "read_text",
        "duckdb_settings()",
        "duckdb_settings",
        "['duckdb_settings()'] | count",
        "pragma_version()",
        "information_schema.tables",
        "sqlite_master | count",
        "['main.sqlite_master']",
        "['memory.main.SecurityIoTRawEvent']",
        "raw_event | count",
        "vd_no_raw_event | count",
        "attach '/tmp/vedette-hostile.db'",
        "copy SecurityIoTRawEvent to '/tmp/vedette-hostile.csv'",
        "pragma database_list",
        "set memory_limit = '64GB'",
        "set query_now = datetime(2024-01-01); SecurityIoTRawEvent",
        "install httpfs",
        "load httpfs",
        ".show tables",
        ".drop table SecurityIoTRawEvent",
        ".set-or-append SecurityIoTRawEvent <| print 1",
        "externaldata(a:string)['https://example.com/x'] | count",
        "evaluate python(typeof(*), 'import os')",
        "SecurityIoTRawEvent | evaluate sql_request('x', 'select 1')",
        "SecurityIoTRawEvent | evaluate http_request('http://localhost')",
        "SecurityIoTRawEvent | invoke f()",
        "cluster('x').database('y').SecurityIoTRawEvent",
        "database('x').SecurityIoTRawEvent",
        "workspace('x').SecurityIoTRawEvent",
        "table('/etc/passwd')",
        "print getenv('HOME')",
        "print current_setting('memory_limit')",
        "print x = getvariable('x')",
        "print kql_has('a', 'b')",
        "print read_text('/etc/passwd')",
        "print repeat_string('x', 1000000000)",
        "SecurityIoTRawEvent | extend x = nextval('s')",
        "SecurityIoTRawEvent | where DeviceId == 'x'); DROP TABLE raw_event; --",
        "SecurityIoTRawEvent | project ['a\\'); DROP TABLE raw_event; --\\0']",
        "print 1; print 2",
        "SELECT * FROM SecurityIoTRawEvent",
        "print $1, ?",
        "print @@version",
        "print {{0}}",
    };
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct vd_query_problem problem = {0};

        if (run(f, vd_str_from(queries[i]), &problem) != VD_E_INVALID || !problem.has_place) {
            fail_msg("not refused: %s (%s)", queries[i], problem.text);
        }
    }
}

/* What is in quotes stays what it is. */
static void test_hostile__texts(void **state)
{
    static const char *const texts[] = {"'); DROP TABLE raw_event; --",
        "' UNION SELECT * FROM duckdb_settings() --", "\\'", "\\\\", "\\n\\r\\t",
        "$1 ? :x {0} {1*} {{", "/* */ --", "\xf0\x9f\x92\xa9", "\\u0001\\x7f", "%s%n", ""};
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct vd_query_problem problem = {0};
        struct vd_buf text = {0};

        vd_buf_printf(&text,
            "print a = \"%s\" | where a == \"%s\" and strlen(a) >= 0 | project ['%s x'] = a, b = dynamic([\"%s\"])",
            texts[i], texts[i], texts[i][0] == '\'' ? "a\\'b;--" : texts[i], texts[i]);
        if (run(f, (struct vd_str){(const char *)text.data, text.length}, &problem) != VD_OK) {
            fail_msg("%s: %s%s", texts[i], problem.text, problem.place.text);
        }
        vd_buf_release(&text);
    }
}

/* ---- All of the machine ---- */

static void test_hostile__size(void **state)
{
    static const char *const queries[] = {
        "range x from 1 to 1000000000000000000 step 1",
        "range x from 1 to 1000000000000000000 step 1 | count",
        "range x from 1 to 1000000000000000000 step 1 | sort by x desc | take 1",
        "range x from 1 to 1000000000000000000 step 1 | summarize make_list(x)",
        "range x from 0 to 1 step 0",
        "range x from 0.0 to 1.0 step 1e-300 | count",
        "range x from datetime(0001-01-01) to datetime(9999-12-31) step 1tick | count",
        "range x from 1 to 5000000 step 1 | summarize make_set(strcat('abcdefghijklmnopqrstuvwxyz', x))",
        "range x from 1 to 100000 step 1 | extend k = 1 | join kind=inner (range y from 1 to 100000 step 1 | extend k = 1) on k | count",
        "range x from 1 to 100000 step 1 | extend k = 1 | join kind=inner (range y from 1 to 100000 step 1 | extend k = 1) on k | sort by x, y | take 1",
        "print strrep('x', 1000000000)",
        "print strlen(strrep(strrep(strrep('x', 100000), 100000), 100000))",
        "print strcat(strrep('x', 10000000), strrep('x', 10000000), strrep('x', 10000000))",
        "range x from 1 to 1000000 step 1 | extend s = strrep('x', 1000) | summarize make_list(s)",
        "range x from 1 to 1000 step 1 | extend s = replace_string(strrep('a', 10000), 'a', strrep('b', 10000))",
        "print replace_regex(strrep('a', 100000), '', strrep('b', 1000))",
        "print strrep('a', 50000) matches regex '(a*)*b'",
        "print strrep('a', 50000) matches regex '(a|aa)+$'",
        "print 'a' matches regex '((((a{100}){100}){100}){100})'",
        "print 'a' matches regex '(x{1,1000}){1,1000}'",
        "print extract_all('(a*)', strrep('a', 1000000))",
        "print extract('((((((((((a+)+)+)+)+)+)+)+)+)+)b', 1, strrep('a', 10000))",
        "print 'a' matches regex '('",
        "print split(strrep('a', 10000000), 'a')",
        "print split(strrep('a', 10000000), '')",
        "print range(1, 1000000000000, 1)",
        "print d = range(1, 1000000, 1) | mv-expand d | mv-expand d | count",
        "print d = range(1, 3000, 1) | extend e = d, g = d | mv-expand d | mv-expand e | mv-expand g | count",
        "print d = range(1, 100000, 1) | extend e = d | mv-expand d | mv-expand e | count",
        "print d = parse_json(strcat(strrep('[', 100000), strrep(']', 100000)))",
        "print d = parse_json(strcat(strrep('{\"a\":', 100000), '1', strrep('}', 100000))).a.a.a",
        "print bag_pack('a', strrep('x', 10000000), 'b', strrep('x', 10000000))",
        "print format_datetime(now(), strrep('y', 100000))",
        "print base64_encode_tostring(strrep('x', 16000000))",
        "print hash_sha256(strrep('x', 16000000))",
        "print url_decode(strrep('%', 16000000)), parse_url(strrep('a', 1000000))",
        "print substring('abc', -9223372036854775807, 9223372036854775807), substring('abc', 9223372036854775807)",
        "print 9223372036854775807 + 1, 9223372036854775807 * 9223372036854775807, -9223372036854775807 - 2",
        "print (-9223372036854775807 - 1) / -1, (-9223372036854775807 - 1) % -1, 1 / 0, 1 % 0, abs(-9223372036854775807 - 1)",
        "print datetime(9999-12-31) + 365d, datetime(0001-01-01) - 1d, 10675199d * 1000, bin(1, 0), bin(now(), 0s)",
        "print datetime_add('year', 9223372036854775807, now()), datetime_diff('millisecond', datetime(0001-01-01), datetime(9999-12-31))",
        "print tolong('99999999999999999999'), toint(3000000000), todatetime('99999-99-99'), totimespan('99999999999.00:00:00'), real(nan) + real(inf)",
        "print pow(10, 1e308), exp(1e308), log(-1), sqrt(-1), round(1.5, 1000000), round(1e308, -400)",
        "SecurityIoTRawEvent | make-series n = count() on TimeGenerated from datetime(0001-01-01) to datetime(9999-12-31) step 1tick",
        "SecurityIoTRawEvent | make-series n = count() on TimeGenerated from datetime(2025-01-01) to datetime(2026-01-01) step 1ms",
        "SecurityIoTRawEvent | make-series n = count() on TimeGenerated from datetime(2025-01-01) to datetime(2026-01-01) step 0s",
        "SecurityIoTRawEvent | take 9223372036854775807",
        "SecurityIoTRawEvent | take -1",
        "SecurityIoTRawEvent | top 9223372036854775807 by DeviceId",
        "SecurityIoTRawEvent | summarize percentile(1, 200), percentile(1, -5), make_list(DeviceId, -1)",
        "let f = (x:string) { strcat(x, x) }; print f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f('x'))))))))))))))))))))))))))))))",
        "let f = () { f() }; print f()",
        "let a = b; let b = a; print a",
        "let T = union T, T; T | count",
        "SecurityIoTRawEvent | parse kind=regex EventDetails with '(a*)*' x '(b*)*'",
        "search '*'",
        "search strrep('a', 1000000)",
        "union * | count",
        "union withsource=t *, *, *, *, * | summarize count() by t",
    };
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct vd_query_problem problem = {0};
        const int error = run(f, vd_str_from(queries[i]), &problem);

        if (error != VD_OK && error != VD_E_INVALID && error != VD_E_LIMIT &&
            error != VD_E_TIMEOUT) {
            fail_msg("%s: %d %s", queries[i], error, problem.text);
        }
    }
}

/* Texts that are short enough each, but not all those of a chunk of rows, or what DuckDB would make of them. */
static void test_hostile__texts_together(void **state)
{
#define MEGABYTE "strrep(strrep('b', 1000), 1000)"
#define ROWS     "range x from 1 to 4096 step 1 | extend s = strcat(x, strrep('abcdefgh', 250))"
    static const struct {
        const char *text;
        int error;
    } queries[] = {
        {ROWS " | summarize max(strlen(strcat(s, s))), max(strlen(toupper(s)))", VD_OK},
        {ROWS " | summarize max(strlen(replace_regex(s, 'c', 'cc')))", VD_OK},
        {ROWS " | summarize max(strlen(strcat(s, " MEGABYTE ")))", VD_E_INVALID},
        {ROWS " | summarize max(strlen(replace_regex(s, '', strrep('c', 100))))", VD_E_INVALID},
        {ROWS " | summarize max(strlen(tostring(extract_all('(x?)', strcat(s, strrep(s, 20))))))",
            VD_E_INVALID},
        {ROWS " | summarize max(countof(strrep(s, 20), '', 'regex'))", VD_E_INVALID},
        {"print strlen(replace_regex(" MEGABYTE ", 'b', 'cccccccccc'))", VD_OK},
        {"print strlen(replace_regex(" MEGABYTE ", 'b', " MEGABYTE "))", VD_E_INVALID},
        {"print strlen(replace('b', 'c', " MEGABYTE "))", VD_OK},
        {"print strlen(replace('b', " MEGABYTE ", " MEGABYTE "))", VD_E_INVALID},
        {"print strlen(base64_encode_tostring(" MEGABYTE ")), strlen(url_encode(" MEGABYTE "))",
            VD_OK},
    };
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct vd_query_problem problem = {0};
        const int error = run_for(f, vd_str_from(queries[i].text), ENDS_MS, &problem);

        if (error != queries[i].error) {
            fail_msg("%s: %d %s%s", queries[i].text, error, problem.text, problem.place.text);
        }
    }
}

/* What grows by a third, and what grows by its quotation marks, again and again. */
static void test_hostile__texts_that_grow(void **state)
{
    static const struct {
        const char *again;
        const char *text;
        const char *end;
        uint32_t count;
    } queries[] = {
        {"base64_encode_tostring(", MEGABYTE, ")", 15},
        {"url_encode(", "strrep(strrep('%', 1000), 1000)", ")", 10},
        {"extract_all('(.*)', tostring(", "strrep(strrep('\"', 1000), 100)", "))", 8},
    };
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct vd_query_problem problem = {0};
        struct vd_buf text = {0};
        int error;

        vd_buf_printf(&text,
            "range x from 1 to 1 step 1 | extend s = strcat(%s, x) | project strlen(",
            queries[i].text);
        for (uint32_t n = 0; n < queries[i].count; n++) {
            vd_buf_append_text(&text, queries[i].again);
        }
        vd_buf_append_text(&text, "s");
        for (uint32_t n = 0; n < queries[i].count; n++) {
            vd_buf_append_text(&text, queries[i].end);
        }
        vd_buf_append_text(&text, ")");
        error =
            run_for(f, (struct vd_str){(const char *)text.data, text.length}, ENDS_MS, &problem);
        if (error != VD_E_INVALID || strstr(problem.text, "of this query") == NULL) {
            fail_msg("%s: %d %s%s", queries[i].again, error, problem.text, problem.place.text);
        }
        vd_buf_release(&text);
    }
#undef MEGABYTE
#undef ROWS
}

/* Each function takes a second for a chunk of rows, in which DuckDB is deaf to an interrupt, and there are many of them. */
static void test_hostile__steps_together(void **state)
{
    const int64_t began_ms = vd_clock_monotonic_ms();
    struct analytics_fixture *f = *state;
    struct vd_query_problem problem = {0};
    struct vd_buf text = {0};

    vd_buf_append_text(&text,
        "range x from 1 to 2048 step 1 | extend s = strrep(strrep(strcat('a', x), 1000), 12) | project ");
    for (int i = 0; i < 200; i++) {
        vd_buf_printf(
            &text, "%sc%d = countof(s, 'a%d') + indexof(s, 'b%d')", i > 0 ? ", " : "", i, i, i);
    }
    assert_int_equal(
        run(f, (struct vd_str){(const char *)text.data, text.length}, &problem), VD_E_TIMEOUT);
    assert_in_range(vd_clock_monotonic_ms() - began_ms, TIMEOUT_MS, 10 * TIMEOUT_MS);
    vd_buf_release(&text);
}

struct long_query {
    const char *begin;
    const char *again;
    uint32_t count; /* 0: as many as fit */
    const char *end;
};

/* Queries as long as they may be, or as deep. */
static void test_hostile__length(void **state)
{
    static const struct long_query queries[] = {
        {"SecurityIoTRawEvent | where DeviceId == 'a'", " or DeviceId == 'a'", 10000, " | count"},
        {"SecurityIoTRawEvent | where DeviceId in ('a'", ",'b'", 10000, ") | count"},
        {"print a = 1", "+1", 40000, ""},
        {"print a = 1", "-1*2", 20000, ""},
        {"SecurityIoTRawEvent", "|where IsEmpty", 0, "|count"},
        {"SecurityIoTRawEvent", "|extend a=1", 0, "|count"},
        {"SecurityIoTRawEvent", "|count", 0, ""},
        {"SecurityIoTRawEvent", "|union SecurityIoTRawEvent", 300, "|count"},
        {"SecurityIoTRawEvent", "|union SecurityIoTRawEvent", 0, "|count"},
        {"union SecurityIoTRawEvent", ",SecurityIoTRawEvent", 0, "|count"},
        {"SecurityIoTRawEvent", "|join SecurityIoTRawEvent on DeviceId", 20, "|count"},
        {"print a=dynamic({})", ".a", 190, ""},
        {"print a=strcat('a'", ",'a'", 40000, ")"},
        {"print a=case(true,1", ",true,1", 9000, ",2)"},
        {"print a=iff(true,1,", "iff(true,1,", 180, "2"},
        {"print ", "not(", 190, "true"},
        {"print a='", "x", 0, "'"},
        {"datatable(a:long)[1", ",1", 40000, "]|count"},
        {"let a=1;", "let b=a;", 20000, "print b"},
        {"SecurityIoTRawEvent | summarize count() by DeviceId", ",DeviceId", 20000, ""},
        {"SecurityIoTRawEvent | project DeviceId", ",DeviceId", 20000, ""},
        {"SecurityIoTRawEvent | sort by DeviceId", ",DeviceId", 20000, ""},
        {"SecurityIoTRawEvent | distinct DeviceId", ",DeviceId", 20000, ""},
    };
    struct analytics_fixture *f = *state;

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        const struct long_query *q = &queries[i];
        struct vd_query_problem problem = {0};
        struct vd_buf text = {0};
        uint32_t count = q->count;
        int error;

        if (count == 0) {
            count = (uint32_t)((VD_KQL_TEXT_MAX - strlen(q->begin) - strlen(q->end)) /
                strlen(q->again));
        }
        vd_buf_append_text(&text, q->begin);
        for (uint32_t n = 0; n < count; n++) {
            vd_buf_append_text(&text, q->again);
        }
        vd_buf_append_text(&text, q->end);
        error = run(f, (struct vd_str){(const char *)text.data, text.length}, &problem);
        if (error != VD_OK && error != VD_E_INVALID && error != VD_E_LIMIT &&
            error != VD_E_TIMEOUT) {
            fail_msg("%s%s: %d %s", q->begin, q->again, error, problem.text);
        }
        vd_buf_release(&text);
    }
}

/* ---- Nothing is written ---- */

struct contents {
    uint32_t files;
    uint64_t bytes;
};

static void list_folder(const char *path, struct contents *out)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        char name[1200];
        struct stat info;

        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && stat(name, &info) == 0) {
            out->files++;
            out->bytes += (uint64_t)info.st_size;
        }
    }
    closedir(folder);
}

static struct contents before;

static int set_up(void **state)
{
    const int result = analytics_setup(state);
    struct analytics_fixture *f = *state;

    assert_int_equal(analytics_append_rows(f, 0, 100, ANALYTICS_DAY_0), VD_OK);
    analytics_reopen(f);
    before = (struct contents){0};
    list_folder(f->data, &before);
    return result;
}

static int tear_down(void **state)
{
    struct analytics_fixture *f = *state;
    struct contents after = {0};

    assert_int_equal(analytics_count_rows(f), 100);
    list_folder(f->data, &after);
    assert_int_equal(after.files, before.files);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_not_equal(access("/tmp/vedette-hostile.csv", F_OK), 0);
    assert_int_not_equal(access("/tmp/vedette-hostile.db", F_OK), 0);
    return analytics_teardown(state);
}

#define HOSTILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(test_hostile__reach),
        HOSTILE_TEST(test_hostile__texts),
        HOSTILE_TEST(test_hostile__size),
        HOSTILE_TEST(test_hostile__texts_together),
        HOSTILE_TEST(test_hostile__texts_that_grow),
        HOSTILE_TEST(test_hostile__steps_together),
        HOSTILE_TEST(test_hostile__length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
