/* SPDX-License-Identifier: MIT */
/* Queries with their results, as the language's documentation has them: each is compiled, run in DuckDB and compared. */

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "center/store/duckdb_functions.h"
#include "tests/kql/corpus.h"

#define FOLDER VD_SOURCE_DIR "/tests/kql/"

struct corpus_run {
    duckdb_database database;
    duckdb_connection connection;
    struct vd_arena arena; /* of the whole */
    uint32_t cases;
    uint32_t passed;
    uint32_t failed;
    uint32_t unsaid; /* in ClickHouse */
};

static int setup(void **state)
{
    struct corpus_run *run = calloc(1, sizeof *run);

    assert_non_null(run);
    *state = run;
    assert_int_equal(duckdb_open(NULL, &run->database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(run->database, &run->connection), DuckDBSuccess);
    assert_int_equal(vd_duckdb_functions_register(run->connection), VD_OK);
    corpus_load(run->connection, &run->arena);
    return 0;
}

static int teardown(void **state)
{
    struct corpus_run *run = *state;

    duckdb_disconnect(&run->connection);
    duckdb_close(&run->database);
    vd_arena_release(&run->arena);
    free(run);
    return 0;
}

/* ---- Comparison: what differs first is said in `difference`, which stays empty if nothing does. ---- */

static void append_columns(const struct vd_kql_compiled *compiled, struct vd_buf *out)
{
    for (uint32_t i = 0; i < compiled->column_count; i++) {
        vd_buf_printf(out, "%s%s:%s", i > 0 ? "\t" : "", compiled->columns[i].name,
            vd_kql_type_text(compiled->columns[i].type));
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A row of the file in the form of corpus_actual. */
static char *expected_line(
    struct vd_str row, const struct vd_kql_compiled *compiled, struct vd_arena *arena)
{
    struct vd_buf line = {0};
    struct vd_str cell;
    char *copy;
    uint32_t i = 0;

    while (corpus_next(&row, '\t', &cell)) {
        vd_buf_append_text(&line, i > 0 ? "\t" : "");
        corpus_expected(
            cell, i < compiled->column_count ? compiled->columns[i].type : VD_KQL_STRING, &line);
        i++;
    }
    vd_buf_append(&line, "", 1);
    copy = (char *)vd_arena_copy(arena, line.data, line.length).data;
    vd_buf_release(&line);
    assert_non_null(copy);
    return copy;
}

static char *actual_line(duckdb_result *result, uint64_t row,
    const struct vd_kql_compiled *compiled, struct vd_arena *arena)
{
    struct vd_buf line = {0};
    char *copy;

    for (uint32_t i = 0; i < compiled->column_count; i++) {
        vd_buf_append_text(&line, i > 0 ? "\t" : "");
        corpus_actual(result, i, row, compiled->columns[i].type, &line);
    }
    vd_buf_append(&line, "", 1);
    copy = (char *)vd_arena_copy(arena, line.data, line.length).data;
    vd_buf_release(&line);
    assert_non_null(copy);
    return copy;
}

static void compare_rows(const struct corpus_case *c, const struct vd_kql_compiled *compiled,
    duckdb_result *result, struct vd_arena *arena, struct vd_buf *difference)
{
    const uint64_t count = duckdb_row_count(result);
    char **actual = vd_arena_alloc(arena, (count + 1) * sizeof *actual);
    char **expected = vd_arena_alloc(arena, (c->row_count + 1) * sizeof *expected);

    if (actual == NULL || expected == NULL) {
        fail_msg("out of memory");
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        actual[i] = actual_line(result, i, compiled, arena);
    }
    for (uint32_t i = 0; i < c->row_count; i++) {
        expected[i] = expected_line(c->rows[i], compiled, arena);
    }
    if (!c->is_sorted) {
        qsort(actual, count, sizeof *actual, compare_lines);
        qsort(expected, c->row_count, sizeof *expected, compare_lines);
    }
    for (uint64_t i = 0; i < count || i < c->row_count; i++) {
        if (i >= count || i >= c->row_count || strcmp(actual[i], expected[i]) != 0) {
            vd_buf_printf(difference, "row %d\n    expected: %s\n    actual:   %s", (int)i + 1,
                i < c->row_count ? expected[i] : "no more", i < count ? actual[i] : "no more");
            return;
        }
    }
}

static void run_query(struct corpus_run *run, const struct corpus_case *c,
    const struct vd_kql_compiled *compiled, struct vd_arena *arena, struct vd_buf *difference)
{
    struct vd_buf columns = {0};
    duckdb_result result;

    append_columns(compiled, &columns);
    if (!vd_str_equal(c->columns, (struct vd_str){(const char *)columns.data, columns.length})) {
        vd_buf_printf(difference, "columns\n    expected: %.*s\n    actual:   %.*s",
            VD_STR_ARG(c->columns), (int)columns.length, (const char *)columns.data);
    } else if (c->is_sorted && !compiled->is_sorted) {
        vd_buf_append_text(difference, "not known to be sorted");
    }
    vd_buf_release(&columns);
    if (difference->length > 0) {
        return;
    }
    if (duckdb_query(run->connection, compiled->sql, &result) != DuckDBSuccess) {
        vd_buf_printf(difference, "%s", duckdb_result_error(&result));
    } else {
        compare_rows(c, compiled, &result, arena, difference);
    }
    duckdb_destroy_result(&result);
}

static void compare_problem(
    const struct corpus_case *c, const struct vd_kql_problem *problem, struct vd_buf *difference)
{
    char text[sizeof problem->text];

    assert_int_equal(vd_str_copy(c->text, text, sizeof text), VD_OK);
    if (!c->is_error || problem->line != c->line || problem->column != c->column ||
        strstr(problem->text, text) == NULL) {
        vd_buf_printf(difference, "problem");
        if (c->is_error) {
            vd_buf_printf(difference, "\n    expected: %u:%u %s", c->line, c->column, text);
        }
        vd_buf_printf(
            difference, "\n    actual:   %u:%u %s", problem->line, problem->column, problem->text);
    }
}

/* ---- Golden files ---- */

static void compare_golden(struct vd_str file, const struct corpus_case *c, const char *dialect,
    const char *sql, struct vd_arena *arena, struct vd_buf *difference)
{
    char path[512];
    struct vd_str golden;

    snprintf(path, sizeof path, FOLDER "golden/%.*s.%.*s.%s.sql", VD_STR_ARG(file),
        VD_STR_ARG(c->name), dialect);
    if (getenv("VD_GOLDEN") != NULL) {
        FILE *out = fopen(path, "wb");

        assert_non_null(out);
        fprintf(out, "%s\n", sql);
        assert_int_equal(fclose(out), 0);
    }
    golden = corpus_read(path, arena);
    if (golden.length != strlen(sql) + 1 || memcmp(golden.data, sql, golden.length - 1) != 0) {
        vd_buf_printf(difference,
            "the SQL is not that of %s (VD_GOLDEN=write makes it anew)\n    actual: %s", path, sql);
    }
}

/* ---- Cases ---- */

/* ClickHouse has not all functions; everything else compiles for it too. */
static void compile_for_clickhouse(struct corpus_run *run, struct vd_str file,
    const struct corpus_case *c, struct vd_arena *arena, struct vd_buf *difference)
{
    const struct vd_kql_options options = {.dialect = VD_KQL_CLICKHOUSE, .now_ms = CORPUS_NOW_MS};
    struct vd_kql_compiled compiled;
    struct vd_kql_problem problem;
    int error = vd_kql_compile(c->query, &options, arena, &compiled, &problem);

    if (error == VD_E_UNSUPPORTED) {
        run->unsaid++;
    } else if (error != VD_OK) {
        vd_buf_printf(
            difference, "ClickHouse: %u:%u %s", problem.line, problem.column, problem.text);
    } else if (c->is_golden) {
        compare_golden(file, c, "clickhouse", compiled.sql, arena, difference);
    }
}

static void judge(struct corpus_run *run, struct vd_str file, const struct corpus_case *c,
    struct vd_arena *arena, struct vd_buf *difference)
{
    const struct vd_kql_options options = {.dialect = VD_KQL_DUCKDB, .now_ms = CORPUS_NOW_MS};
    struct vd_kql_compiled compiled;
    struct vd_kql_problem problem;
    int error = vd_kql_compile(c->query, &options, arena, &compiled, &problem);

    if (error != VD_OK) {
        compare_problem(c, &problem, difference);
        return;
    }
    if (c->is_error) {
        vd_buf_printf(difference, "no problem, but expected: %u:%u %.*s", c->line, c->column,
            VD_STR_ARG(c->text));
        return;
    }
    run_query(run, c, &compiled, arena, difference);
    if (c->is_golden && difference->length == 0) {
        compare_golden(file, c, "duckdb", compiled.sql, arena, difference);
    }
    if (difference->length == 0) {
        compile_for_clickhouse(run, file, c, arena, difference);
    }
}

static void run_case(struct corpus_run *run, struct vd_str file, const struct corpus_case *c)
{
    struct vd_arena arena = {0};
    struct vd_buf difference = {0};

    judge(run, file, c, &arena, &difference);
    run->cases++;
    if (difference.length == 0) {
        run->passed++;
    } else {
        run->failed++;
        printf("%.*s.%.*s: %.*s\n", VD_STR_ARG(file), VD_STR_ARG(c->name), (int)difference.length,
            (const char *)difference.data);
    }
    vd_buf_release(&difference);
    vd_arena_release(&arena);
}

static void run_file(struct corpus_run *run, const char *path)
{
    struct vd_arena arena = {0};
    const char *slash = strrchr(path, '/');
    char name[64];
    struct corpus_file file;
    const struct corpus_run before = *run;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(slash + 1, "."), slash + 1);
    file = corpus_parse(corpus_read(path, &arena), name, &arena);
    for (uint32_t i = 0; i < file.count; i++) {
        run_case(run, file.name, &file.cases[i]);
    }
    printf("%-12s %3u of %3u\n", name, run->passed - before.passed, file.count);
    vd_arena_release(&arena);
}

static void test_corpus__every_case(void **state)
{
    struct corpus_run *run = *state;
    glob_t files;

    assert_int_equal(glob(FOLDER "corpus/*.kqlt", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        run_file(run, files.gl_pathv[i]);
    }
    globfree(&files);
    printf("all          %3u of %3u; ClickHouse cannot say %u\n", run->passed, run->cases,
        run->unsaid);
    assert_true(run->cases >= 300);
    assert_int_equal(run->failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_corpus__every_case, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
