/* SPDX-License-Identifier: MIT */
/* Operators of the evaluator that take one table. */

#include <string.h>

#include "tests/kql/eval_internal.h"

typedef struct eval_table *operator_function(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node);

static void keep_row(struct eval_table *out, const struct eval_table *input, uint32_t row)
{
    out->rows[out->row_count++] = input->rows[row];
}

static struct eval_table *where(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct eval_table *out = eval_table_like(e, input, 0);

    eval_at(e, input, EVAL_NO_ROW);
    (void)eval_is_true(e, node->first);
    for (uint32_t row = 0; row < input->row_count; row++) {
        eval_at(e, input, row);
        if (eval_is_true(e, node->first)) {
            keep_row(out, input, row);
        }
    }
    out->is_sorted = input->is_sorted;
    return out;
}

static const struct vd_kql_node *value_of(const struct vd_kql_node *item)
{
    return item->kind == VD_KQL_NAMED ? item->first : item;
}

static struct vd_str name_of(struct eval *e, const struct vd_kql_node *item)
{
    if (item->kind != VD_KQL_NAMED && item->kind != VD_KQL_NAME) {
        eval_fail(e, "a value without a name");
    }
    return item->text;
}

static struct eval_table *project(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct eval_table *out = eval_new(e, sizeof *out);

    out->columns = eval_new(e, (node->child_count + 1) * sizeof *out->columns);
    out->rows = eval_new(e, (input->row_count + 1) * sizeof(struct vd_kql_value *));
    eval_at(e, input, EVAL_NO_ROW);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (eval_find_column(out, name_of(e, item)) != UINT32_MAX) {
            eval_fail(e, "a name twice");
        }
        eval_add_column(out, name_of(e, item), eval_expr(e, value_of(item)).type);
    }
    for (uint32_t row = 0; row < input->row_count; row++) {
        struct vd_kql_value *values = eval_add_row(e, out);
        uint32_t at = 0;

        eval_at(e, input, row);
        for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
            values[at++] = eval_expr(e, value_of(item));
        }
    }
    out->is_sorted = input->is_sorted;
    return out;
}

static bool is_named(const struct vd_kql_node *list, struct vd_str name)
{
    for (const struct vd_kql_node *item = list->first; item != NULL; item = item->next) {
        if (vd_str_equal(item->text, name)) {
            return true;
        }
    }
    return false;
}

/* A column that is made anew goes, and comes at the end. All values see the input. */
static struct eval_table *extend(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct eval_table *out = eval_table_like(e, input, node->child_count);
    uint32_t kept;

    out->column_count = 0;
    for (uint32_t i = 0; i < input->column_count; i++) {
        if (!is_named(node, input->columns[i].name)) {
            eval_add_column(out, input->columns[i].name, input->columns[i].type);
        }
    }
    kept = out->column_count;
    eval_at(e, input, EVAL_NO_ROW);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (eval_find_column(out, name_of(e, item)) != UINT32_MAX) {
            eval_fail(e, "a name twice");
        }
        eval_add_column(out, item->text, eval_expr(e, value_of(item)).type);
    }
    for (uint32_t row = 0; row < input->row_count; row++) {
        struct vd_kql_value *values = eval_add_row(e, out);
        const struct vd_kql_node *item = node->first;

        for (uint32_t i = 0; i < kept; i++) {
            values[i] = input->rows[row][eval_find_column(input, out->columns[i].name)];
        }
        eval_at(e, input, row);
        for (uint32_t i = kept; i < out->column_count && item != NULL; i++, item = item->next) {
            values[i] = eval_expr(e, value_of(item));
        }
    }
    out->is_sorted = input->is_sorted;
    return out;
}

/* project-away and project-keep: the columns that stay, as they are. */
static struct eval_table *some_columns(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    const bool keeps = node->kind == VD_KQL_PROJECT_KEEP;
    struct eval_table *out = eval_table_like(e, input, 0);

    out->column_count = 0;
    for (uint32_t i = 0; i < input->column_count; i++) {
        if (is_named(node, input->columns[i].name) == keeps) {
            eval_add_column(out, input->columns[i].name, input->columns[i].type);
        }
    }
    if (out->column_count == 0) {
        eval_fail(e, "no columns");
    }
    for (uint32_t row = 0; row < input->row_count; row++) {
        struct vd_kql_value *values = eval_add_row(e, out);

        for (uint32_t i = 0; i < out->column_count; i++) {
            values[i] = input->rows[row][eval_find_column(input, out->columns[i].name)];
        }
    }
    out->is_sorted = input->is_sorted;
    return out;
}

static struct eval_table *renamed(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct eval_table *out = eval_table_like(e, input, 0);

    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        const uint32_t column = eval_find_column(input, item->first->text);

        if (column == UINT32_MAX || eval_find_column(input, item->text) != UINT32_MAX) {
            eval_fail(e, "a name that is not there, or there already");
        }
        out->columns[column].name = item->text;
    }
    memcpy(out->rows, input->rows, input->row_count * sizeof(struct vd_kql_value *));
    out->row_count = input->row_count;
    out->is_sorted = input->is_sorted;
    return out;
}

static struct eval_table *count(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct eval_table *out = eval_new(e, sizeof *out);

    out->columns = eval_new(e, sizeof *out->columns);
    out->rows = eval_new(e, sizeof(struct vd_kql_value *));
    eval_add_column(
        out, node->first != NULL ? node->first->text : VD_STR_LITERAL("Count"), VD_KQL_LONG);
    eval_add_row(e, out)[0] = eval_of_integer(VD_KQL_LONG, input->row_count);
    return out;
}

static struct eval_table *take(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct eval_table *out = eval_table_like(e, input, 0);
    struct vd_kql_value most;

    eval_at(e, NULL, 0);
    most = eval_expr(e, node->first);
    for (uint32_t row = 0; row < input->row_count && row < most.integer; row++) {
        keep_row(out, input, row);
    }
    out->is_sorted = input->is_sorted;
    return out;
}

/* ---- Sorting ---- */

/* Whether row a of the input stands before row b. */
static bool is_before(struct eval *e, const struct eval_table *input,
    const struct vd_kql_node *orders, uint32_t a, uint32_t b)
{
    for (const struct vd_kql_node *order = orders; order != NULL; order = order->next) {
        const bool is_ascending = vd_str_equal_text(order->text, "asc");
        const bool nulls_first =
            order->value.integer == 1 || (order->value.integer == 0 && is_ascending);
        struct vd_kql_value x;
        struct vd_kql_value y;
        int sign;

        eval_at(e, input, a);
        x = eval_expr(e, order->first);
        eval_at(e, input, b);
        y = eval_expr(e, order->first);
        if (x.is_null != y.is_null) {
            return x.is_null == nulls_first;
        }
        sign = x.is_null ? 0 : eval_compare(e, &x, &y);
        if (sign != 0) {
            return is_ascending == (sign < 0);
        }
    }
    return false;
}

static struct eval_table *sorted(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *orders)
{
    struct eval_table *out = eval_table_like(e, input, 0);
    uint32_t *places = eval_new(e, (input->row_count + 1) * sizeof *places);

    for (uint32_t row = 0; row < input->row_count; row++) {
        uint32_t at = row;

        while (at > 0 && is_before(e, input, orders, row, places[at - 1])) {
            places[at] = places[at - 1];
            at--;
        }
        places[at] = row;
    }
    for (uint32_t i = 0; i < input->row_count; i++) {
        keep_row(out, input, places[i]);
    }
    out->is_sorted = true;
    return out;
}

static struct eval_table *sort(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    return sorted(e, input, node->first);
}

static struct eval_table *top(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    return take(e, sorted(e, input, node->first->next), node);
}

/* ---- Distinct ---- */

static struct eval_table *distinct(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    const bool is_all = node->first->kind == VD_KQL_STAR;
    const struct eval_table *chosen = is_all ? input : project(e, input, node);
    struct eval_table *out = eval_table_like(e, chosen, 0);

    for (uint32_t row = 0; row < chosen->row_count; row++) {
        bool is_new = true;

        for (uint32_t other = 0; other < out->row_count && is_new; other++) {
            bool is_same = true;

            for (uint32_t i = 0; i < out->column_count; i++) {
                is_same = is_same && eval_is_same(e, &chosen->rows[row][i], &out->rows[other][i]);
            }
            is_new = !is_same;
        }
        if (is_new) {
            struct vd_kql_value *values = eval_add_row(e, out);

            for (uint32_t i = 0; i < out->column_count; i++) {
                values[i] = eval_grouped(e, &chosen->rows[row][i]);
            }
        }
    }
    return out;
}

static const struct {
    enum vd_kql_kind kind;
    operator_function *call;
} operators[] = {
    {VD_KQL_WHERE, where},
    {VD_KQL_PROJECT, project},
    {VD_KQL_PROJECT_AWAY, some_columns},
    {VD_KQL_PROJECT_KEEP, some_columns},
    {VD_KQL_PROJECT_RENAME, renamed},
    {VD_KQL_EXTEND, extend},
    {VD_KQL_SUMMARIZE, eval_summarize},
    {VD_KQL_COUNT, count},
    {VD_KQL_TAKE, take},
    {VD_KQL_TOP, top},
    {VD_KQL_SORT, sort},
    {VD_KQL_DISTINCT, distinct},
    {VD_KQL_JOIN, eval_join},
    {VD_KQL_LOOKUP, eval_join},
    {VD_KQL_UNION, eval_union},
    {VD_KQL_MV_EXPAND, eval_mv_expand},
};

struct eval_table *eval_operator(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (operators[i].kind == node->kind) {
            return operators[i].call(e, input, node);
        }
    }
    eval_fail(e, "operator %s", vd_kql_kind_text(node->kind));
}
