/* SPDX-License-Identifier: MIT */
/* Random queries give the same by way of SQL and by the evaluator; a difference is shown with both results, as small as it can be. */

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/kql/engine.h"
#include "tests/kql/generate.h"
#include "tests/kql/query_text.h"
#include "tests/kql/shrink.h"

/* VEDETTE_KQL_QUERIES says how many, VEDETTE_KQL_SEED the seed of the first. */
#define QUERIES_DEFAULT 400
#define SHOWN_MAX       5

/* ---- Comparing ---- */

static bool is_near(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b ||
        fabs(a - b) <= 1e-9 * fmax(1e-3, fmax(fabs(a), fabs(b)));
}

static bool is_same_json(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *member;

    if (json_is_number(a) && json_is_number(b)) {
        return is_near(json_number_value(a), json_number_value(b));
    }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        for (size_t i = 0; i < json_array_size(a); i++) {
            if (!is_same_json(json_array_get(a, i), json_array_get(b, i))) {
                return false;
            }
        }
        return true;
    }
    if (json_is_object(a) && json_is_object(b) && json_object_size(a) == json_object_size(b)) {
        json_object_foreach((json_t *)a, key, member)
        {
            if (!is_same_json(member, json_object_get(b, key))) {
                return false;
            }
        }
        return true;
    }
    return json_equal(a, b) == 1;
}

static bool is_same_dynamic(struct vd_str a, struct vd_str b)
{
    json_t *x = json_loadb(a.data, a.length, JSON_DECODE_ANY, NULL);
    json_t *y = json_loadb(b.data, b.length, JSON_DECODE_ANY, NULL);
    const bool is_same = x != NULL && y != NULL && is_same_json(x, y);

    json_decref(x);
    json_decref(y);
    return is_same;
}

static bool is_same_value(const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null && b->is_null;
    }
    switch (a->type) {
    case VD_KQL_REAL:
        return is_near(a->real, b->real);
    case VD_KQL_STRING:
    case VD_KQL_GUID:
        return vd_str_equal(a->text, b->text);
    case VD_KQL_DYNAMIC:
        return is_same_dynamic(a->text, b->text);
    default:
        return a->integer == b->integer;
    }
}

static bool is_same_row(
    const struct eval_table *table, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (!is_same_value(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

static bool has_same_columns(const struct eval_table *a, const struct eval_table *b)
{
    if (a->column_count != b->column_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->column_count; i++) {
        if (!vd_str_equal(a->columns[i].name, b->columns[i].name) ||
            a->columns[i].type != b->columns[i].type) {
            return false;
        }
    }
    return true;
}

static bool has_same_rows(const struct eval_table *a, const struct eval_table *b)
{
    const bool is_sorted = a->is_sorted && b->is_sorted;
    bool *taken = calloc(b->row_count + 1, sizeof *taken);
    bool is_same = a->row_count == b->row_count;

    assert_non_null(taken);
    for (uint32_t i = 0; is_same && i < a->row_count; i++) {
        uint32_t j = is_sorted ? i : 0;

        while (j < b->row_count && (taken[j] || !is_same_row(a, a->rows[i], b->rows[j]))) {
            j = is_sorted ? b->row_count : j + 1;
        }
        is_same = j < b->row_count;
        taken[j < b->row_count ? j : 0] = true;
    }
    free(taken);
    return is_same;
}

/* ---- One query both ways ---- */

enum outcome {
    OUTCOME_SAME,
    OUTCOME_DIFFERS,
    OUTCOME_UNKNOWN, /* the evaluator does not know it */
};

static void describe(const struct eval_table *table, struct vd_buf *out)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        vd_buf_printf(out, "%s%.*s:%s", i > 0 ? " | " : "  ", VD_STR_ARG(table->columns[i].name),
            vd_kql_type_text(table->columns[i].type));
    }
    vd_buf_append_text(out, table->is_sorted ? "   (sorted)\n" : "\n");
    for (uint32_t row = 0; row < table->row_count && row < 20; row++) {
        for (uint32_t i = 0; i < table->column_count; i++) {
            vd_buf_append_text(out, i > 0 ? " | " : "  ");
            kql_literal_text(&table->rows[row][i], out);
        }
        vd_buf_append_text(out, "\n");
    }
}

static enum outcome run(struct engine *engine, struct vd_str query, struct vd_buf *report)
{
    struct vd_arena arena = {0};
    struct vd_kql_node *tree = NULL;
    struct vd_kql_problem place;
    struct eval_table expected = {0};
    struct eval_table found = {0};
    char reason[200];
    char problem[400] = "";
    enum outcome outcome = OUTCOME_UNKNOWN;

    if (vd_kql_parse(query, &arena, &tree, &place) == VD_OK &&
        eval_query(tree, &arena, &expected, reason) == VD_OK) {
        const bool is_good = engine_query(engine, query, &arena, &found, problem);
        const bool is_same = is_good && has_same_columns(&expected, &found) &&
            expected.is_sorted <= found.is_sorted && has_same_rows(&expected, &found);

        outcome = is_same ? OUTCOME_SAME : OUTCOME_DIFFERS;
        if (!is_same && report != NULL) {
            vd_buf_append_text(report, "is to give\n");
            describe(&expected, report);
            vd_buf_printf(report, "and gives %s\n", problem);
            describe(&found, report);
        }
    }
    vd_arena_release(&arena);
    return outcome;
}

static bool still_differs(void *context, struct vd_str query)
{
    return run(context, query, NULL) == OUTCOME_DIFFERS;
}

static void show(struct engine *engine, uint64_t seed, struct vd_buf *query)
{
    struct vd_buf report = {0};

    shrink_query(query, still_differs, engine);
    (void)run(engine, (struct vd_str){(const char *)query->data, query->length}, &report);
    print_error("seed %" PRIu64 "\n%.*s\n%.*s\n", seed, (int)query->length,
        (const char *)query->data, (int)report.length, (const char *)report.data);
    vd_buf_release(&report);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void test_differential__random(void **state)
{
    const uint64_t from = number_of("VEDETTE_KQL_SEED", 1);
    const uint64_t count = number_of("VEDETTE_KQL_QUERIES", QUERIES_DEFAULT);
    uint64_t counts[3] = {0};

    for (uint64_t seed = from; seed < from + count && counts[OUTCOME_DIFFERS] < SHOWN_MAX; seed++) {
        struct vd_buf query = {0};
        enum outcome outcome;

        generate_query(seed, &query);
        outcome = run(*state, (struct vd_str){(const char *)query.data, query.length}, NULL);
        counts[outcome]++;
        if (outcome == OUTCOME_DIFFERS) {
            show(*state, seed, &query);
        }
        vd_buf_release(&query);
    }
    print_message("%" PRIu64 " queries the same, %" PRIu64 " unknown to the evaluator\n",
        counts[OUTCOME_SAME], counts[OUTCOME_UNKNOWN]);
    assert_int_equal(counts[OUTCOME_DIFFERS], 0);
    assert_int_equal(counts[OUTCOME_UNKNOWN], 0);
}

static int set_up(void **state)
{
    *state = engine_new();
    return 0;
}

static int tear_down(void **state)
{
    engine_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_differential__random, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
