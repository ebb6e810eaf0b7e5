/* SPDX-License-Identifier: MIT */
/* Every row of the table of functions against DuckDB: functions.txt says what each gives. */

#include <duckdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "center/kql/functions_internal.h"
#include "center/store/duckdb_functions.h"

#define LINE_SIZE      8192
#define ROWS_MAX       2048
#define ARGUMENTS_HERE 24

static const struct vd_kql_overload *const parts[] = {vd_kql_operator_rows, vd_kql_conversion_rows,
    vd_kql_string_rows, vd_kql_time_rows, vd_kql_dynamic_rows, vd_kql_network_rows,
    vd_kql_math_rows, vd_kql_aggregate_rows};

struct world {
    duckdb_database database;
    duckdb_connection connection;
    const struct vd_kql_overload *tried[ROWS_MAX];
    size_t tried_count;
    char from[LINE_SIZE];
    uint32_t failures;
    uint32_t cases;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    assert_int_equal(duckdb_open(NULL, &world->database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(world->database, &world->connection), DuckDBSuccess);
    assert_int_equal(vd_duckdb_functions_register(world->connection), VD_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    duckdb_disconnect(&world->connection);
    duckdb_close(&world->database);
    free(world);
    return 0;
}

static enum vd_kql_type type_of(char letter)
{
#define IS_LETTER(name, text, own) \
    if (letter == own) {           \
        return name;               \
    }
    VD_KQL_TYPES(IS_LETTER)
#undef IS_LETTER
    fail_msg("no type has the letter %c", letter);
    return VD_KQL_TYPE_COUNT;
}

struct call {
    const struct vd_kql_overload *overload;
    enum vd_kql_type types[ARGUMENTS_HERE];
    struct vd_buf sql[ARGUMENTS_HERE];
    uint32_t count;
};

static void tick(struct world *world, const struct vd_kql_overload *overload)
{
    for (size_t i = 0; i < world->tried_count; i++) {
        if (world->tried[i] == overload) {
            return;
        }
    }
    assert_true(world->tried_count < ROWS_MAX);
    world->tried[world->tried_count++] = overload;
}

static void append_argument(const struct call *call, uint64_t i, struct vd_buf *out)
{
    if (i < call->count) {
        vd_buf_append_text(out, "(");
        vd_buf_append(out, call->sql[i].data, call->sql[i].length);
        vd_buf_append_text(out, ")");
    } else {
        assert_non_null(call->overload->missing);
        vd_buf_append_text(out, call->overload->missing);
    }
}

/* {0}, {2*}, {*}, {#}, {^} (there is no order here), {{ */
static void expand(const struct call *call, struct vd_buf *out)
{
    for (const char *c = call->overload->sql[VD_KQL_DUCKDB]; *c != '\0'; c++) {
        char *end;
        uint64_t i;

        if (*c != '{' || c[1] == '{') {
            vd_buf_append(out, c, 1);
            c += *c == '{';
            continue;
        }
        i = strtoul(c + 1, &end, 10);
        if (*end == '#') {
            vd_buf_printf(out, "%u", call->count);
        } else if (*end == '^') {
            assert_int_equal(end[1], '}');
        } else if (*end == '*') {
            for (uint64_t k = i; k < call->count; k++) {
                vd_buf_append_text(out, k > i ? ", " : "");
                append_argument(call, k, out);
            }
        } else {
            append_argument(call, i, out);
        }
        c = strchr(end, '}');
        assert_non_null(c);
    }
}

/* The argument as the type that is wanted of it, as the resolver casts it. */
static void cast(struct world *world, struct call *call, uint32_t i, enum vd_kql_type wanted)
{
    struct call inner = {.count = 1};
    struct vd_buf out = {0};
    char problem[400] = "";
    const char *name = wanted == VD_KQL_DYNAMIC ? "@json"
        : wanted == VD_KQL_STRING               ? "tostring"
        : wanted == VD_KQL_REAL                 ? "toreal"
                                                : "tolong";

    inner.types[0] = call->types[i];
    inner.sql[0] = call->sql[i];
    inner.overload =
        vd_kql_overload_find(VD_KQL_SCALAR, vd_str_from(name), inner.types, 1, problem);
    if (inner.overload == NULL) {
        fail_msg("no cast: %s", problem);
    }
    tick(world, inner.overload);
    expand(&inner, &out);
    vd_buf_release(&call->sql[i]);
    call->sql[i] = out;
}

/* "name | l 1 | s 'a'": the call's SQL. */
static void build(struct world *world, char *text, enum vd_kql_role role, struct vd_buf *out)
{
    char problem[400] = "";
    char *argument = strstr(text, " | ");
    struct call call = {0};

    while (argument != NULL) {
        char *next = strstr(argument + 3, " | ");

        *argument = '\0';
        if (next != NULL) {
            *next = '\0';
        }
        assert_true(call.count < ARGUMENTS_HERE);
        call.types[call.count] = type_of(argument[3]);
        vd_buf_append_text(&call.sql[call.count++], argument + 5);
        if (next != NULL) {
            *next = ' ';
        }
        argument = next;
    }
    call.overload = vd_kql_overload_find(role, vd_str_from(text), call.types, call.count, problem);
    if (call.overload == NULL) {
        fail_msg("%s: %s", text, problem);
    }
    tick(world, call.overload);
    for (uint32_t i = 0; i < call.count; i++) {
        const enum vd_kql_type wanted =
            vd_kql_overload_wants(call.overload, call.types, call.count, i);

        if (wanted != VD_KQL_TYPE_COUNT && wanted != call.types[i]) {
            cast(world, &call, i, wanted);
        }
    }
    expand(&call, out);
    for (uint32_t i = 0; i < call.count; i++) {
        vd_buf_release(&call.sql[i]);
    }
}

/* One line: name and arguments => what comes out as text, NULL, or "error " and a part of its text. */
static void try_line(struct world *world, char *line, int number)
{
    char shown[LINE_SIZE];
    char *expected = strstr(line, " => ");
    struct vd_buf sql = {0};
    duckdb_result result;
    char *got;
    bool ok;

    assert_non_null(expected);
    assert_int_equal(vd_text_copy(line, shown, sizeof shown), VD_OK);
    *expected = '\0';
    expected += 4;
    vd_buf_append_text(&sql, "SELECT CAST((");
    build(world, line, world->from[0] != '\0' ? VD_KQL_AGGREGATE : VD_KQL_SCALAR, &sql);
    vd_buf_printf(&sql, ") AS VARCHAR)%s", world->from);
    vd_buf_append(&sql, "", 1);
    assert_int_equal(sql.error, VD_OK);
    world->cases++;
    if (duckdb_query(world->connection, (const char *)sql.data, &result) != DuckDBSuccess) {
        const char *error = duckdb_result_error(&result);

        ok = strncmp(expected, "error ", 6) == 0 && strstr(error, expected + 6) != NULL;
        if (!ok) {
            print_error("%d: %s\n    error: %s\n    %s\n", number, shown, error, (char *)sql.data);
        }
    } else {
        got = duckdb_value_varchar(&result, 0, 0);
        ok = strcmp(expected, "*") == 0 ? got != NULL
                                        : strcmp(got != NULL ? got : "NULL", expected) == 0;
        if (!ok) {
            print_error("%d: %s\n    got: %s\n    %s\n", number, shown, got != NULL ? got : "NULL",
                (char *)sql.data);
        }
        duckdb_free(got);
    }
    world->failures += ok ? 0 : 1;
    duckdb_destroy_result(&result);
    vd_buf_release(&sql);
}

static void test_functions__give_what_the_file_says(void **state)
{
    struct world *world = *state;
    FILE *file = fopen(VD_SOURCE_DIR "/tests/kql/functions.txt", "r");
    char line[LINE_SIZE];

    assert_non_null(file);
    for (int number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        if (strncmp(line, "from", 4) == 0) {
            /* "from (VALUES ...) t(a)" for the aggregates that follow. */
            world->from[0] = ' ';
            assert_int_equal(vd_text_copy(line, world->from + 1, sizeof world->from - 1), VD_OK);
            continue;
        }
        try_line(world, line, number);
    }
    fclose(file);
    print_message("%u cases, %zu rows of the table\n", world->cases, world->tried_count);
    assert_int_equal(world->failures, 0);
}

static void test_functions__are_all_in_the_file(void **state)
{
    struct world *world = *state;
    uint32_t missing = 0;

    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
        for (const struct vd_kql_overload *row = parts[part]; row->name != NULL; row++) {
            bool found = false;

            for (size_t i = 0; i < world->tried_count && !found; i++) {
                found = world->tried[i] == row;
            }
            if (!found && row->sql[VD_KQL_DUCKDB] != NULL) {
                print_error("not in functions.txt: %s (%s)\n", row->name, row->takes);
                missing++;
            }
        }
    }
    assert_int_equal(missing, 0);
}

/* ---- Every template with every type that it takes ---- */

/* For each type: nulls, ends of its range, and what is hard to write. */
static const char *const samples[VD_KQL_TYPE_COUNT] = {
    [VD_KQL_BOOL] = "(true), (false), (CAST(NULL AS BOOLEAN))",
    [VD_KQL_DATETIME] = "(TIMESTAMP '2024-02-29 12:34:56.789012'), (TIMESTAMP '0001-01-01'), "
                        "(TIMESTAMP '9999-12-31 23:59:59.999999'), (CAST(NULL AS TIMESTAMP))",
    [VD_KQL_DYNAMIC] =
        "('[1,\"a\",null,[2],{\"b\":3}]'), ('{\"a\":1,\"b\":[\"\\u00e9\"],\"\":null}'), "
        "('\"text\"'), ('1.5'), ('null'), ('[]'), ('{}'), (CAST(NULL AS VARCHAR))",
    [VD_KQL_GUID] = "('01234567-89ab-cdef-0123-456789abcdef'), (CAST(NULL AS VARCHAR))",
    [VD_KQL_INT] =
        "(CAST(7 AS INTEGER)), (0), (-2147483648), (2147483647), (CAST(NULL AS INTEGER))",
    [VD_KQL_LONG] = "(CAST(7 AS BIGINT)), (0), (-1), (CAST('-9223372036854775808' AS BIGINT)), "
                    "(9223372036854775807), (CAST(NULL AS BIGINT))",
    [VD_KQL_REAL] = "(CAST(1.5 AS DOUBLE)), (0), (-0.5), (CAST('nan' AS DOUBLE)), (CAST('inf' AS "
                    "DOUBLE)), (CAST('-inf' AS DOUBLE)), (1e300), (CAST(NULL AS DOUBLE))",
    [VD_KQL_STRING] =
        "('day'), (''), ('\u00c4\u4e2d\U0001f600 x'), ('2024-02-29T01:02:03Z'), ('1.2.3.4/8'), ('normal')",
    [VD_KQL_TIMESPAN] =
        "(CAST(864000000000 AS BIGINT)), (0), (-1), "
        "(CAST('-9223372036854775808' AS BIGINT)), (9223372036854775807), (CAST(NULL AS BIGINT))",
};

/* What a function may refuse at run time: a text that is no regular expression, format ... */
static bool is_refusal(const char *error)
{
    static const char *const known[] = {"a format of", "a period of time", "a part of a time",
        "Pattern has 0 groups", "at most 10000 elements"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(error, known[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The overload called with columns of these types. */
static void try_types(struct world *world, const struct vd_kql_overload *overload,
    const enum vd_kql_type *types, uint32_t count)
{
    struct call call = {.overload = overload, .count = count};
    struct vd_buf sql = {0};
    duckdb_result result;

    memcpy(call.types, types, count * sizeof *types);
    for (uint32_t i = 0; i < count; i++) {
        const enum vd_kql_type wanted = vd_kql_overload_wants(overload, types, count, i);

        if (i > 0 &&
            strstr(
                " percentile make_list makelist make_set makeset make_list_if make_set_if extract ",
                overload->name) != NULL &&
            (overload->takes[i] == 'l' || overload->takes[i] == 'r')) {
            /* Constants only. */
            vd_buf_append_text(&call.sql[i], "1");
        } else {
            vd_buf_printf(&call.sql[i], "c%u", i);
        }
        if (wanted != VD_KQL_TYPE_COUNT && wanted != types[i]) {
            cast(world, &call, i, wanted);
        }
    }
    vd_buf_append_text(&sql, "SELECT ");
    expand(&call, &sql);
    vd_buf_append_text(&sql, " FROM (SELECT 1) one");
    for (uint32_t i = 0; i < count; i++) {
        vd_buf_printf(&sql, ", (VALUES %s) t%u(c%u)", samples[types[i]], i, i);
        vd_buf_release(&call.sql[i]);
    }
    vd_buf_append(&sql, "", 1);
    assert_int_equal(sql.error, VD_OK);
    world->cases++;
    if (duckdb_query(world->connection, (const char *)sql.data, &result) != DuckDBSuccess &&
        !is_refusal(duckdb_result_error(&result))) {
        print_error("%s (%s): %s\n    %s\n", overload->name, overload->takes,
            duckdb_result_error(&result), (char *)sql.data);
        world->failures++;
    }
    duckdb_destroy_result(&result);
    vd_buf_release(&sql);
}

/* All ways to put types in the place of letters that stand for several. */
static void try_letters(struct world *world, const struct vd_kql_overload *overload,
    const char *letters, enum vd_kql_type *types, uint32_t count)
{
    char problem[400] = "";

    if (letters[count] == '\0') {
        if (vd_kql_overload_find(
                overload->role, vd_str_from(overload->name), types, count, problem) == overload) {
            try_types(world, overload, types, count);
        }
        return;
    }
    for (int type = 0; type < VD_KQL_TYPE_COUNT; type++) {
        if (count > 0 && letters[count] == '*') {
            /* Once more what was before. */
            types[count] = types[count - 1];
            try_letters(world, overload, letters, types, count + 1);
            return;
        }
        if (strchr("ajxT", letters[count]) != NULL ||
            type_of(letters[count]) == (enum vd_kql_type)type) {
            types[count] = (enum vd_kql_type)type;
            try_letters(world, overload, letters, types, count + 1);
        }
    }
}

static void try_counts(struct world *world, const struct vd_kql_overload *overload)
{
    char letters[ARGUMENTS_HERE] = "";
    enum vd_kql_type types[ARGUMENTS_HERE];
    size_t length = 0;

    for (const char *c = overload->takes; *c != '\0'; c++) {
        if (*c == '?') {
            try_letters(world, overload, letters, types, 0);
        } else if (*c == '*') {
            try_letters(world, overload, letters, types, 0);
            letters[length++] = '*';
        } else {
            letters[length++] = *c;
        }
        assert_true(length < sizeof letters - 1);
    }
    try_letters(world, overload, letters, types, 0);
}

static void test_functions__take_all_that_they_say(void **state)
{
    struct world *world = *state;

    world->failures = 0;
    world->cases = 0;
    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
        for (const struct vd_kql_overload *row = parts[part]; row->name != NULL; row++) {
            if (row->sql[VD_KQL_DUCKDB] != NULL) {
                try_counts(world, row);
            }
        }
    }
    print_message("%u ways to call\n", world->cases);
    assert_int_equal(world->failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions__give_what_the_file_says),
        cmocka_unit_test(test_functions__are_all_in_the_file),
        cmocka_unit_test(test_functions__take_all_that_they_say),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
