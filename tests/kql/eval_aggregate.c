/* SPDX-License-Identifier: MIT */
/* Aggregates of the evaluator, and summarize. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/kql/eval_internal.h"

/* The values of an aggregate's first argument that are not null, of rows where its condition holds. */
struct values {
    struct vd_kql_value *items;
    uint32_t count;
    uint32_t rows; /* with nulls */
    enum vd_kql_type type;
};

static struct values collect(
    struct eval *e, const struct vd_kql_node *argument, const struct vd_kql_node *condition)
{
    struct eval inner = *e;
    struct values values = {.items = eval_new(e, (e->group_count + 1) * sizeof *values.items)};

    inner.has_group = false;
    inner.row = EVAL_NO_ROW;
    if (argument != NULL) {
        values.type = eval_expr(&inner, argument).type;
    }
    for (uint32_t i = 0; i < e->group_count; i++) {
        inner.row = e->group[i];
        if (condition != NULL && !eval_is_true(&inner, condition)) {
            continue;
        }
        values.rows++;
        if (argument != NULL) {
            values.items[values.count] = eval_expr(&inner, argument);
            values.count += values.items[values.count].is_null ? 0 : 1;
        }
    }
    return values;
}

typedef struct vd_kql_value aggregate(struct eval *e, const struct values *values);

static struct vd_kql_value agg_count(struct eval *e, const struct values *values)
{
    (void)e;
    return eval_of_integer(VD_KQL_LONG, values->rows);
}

static struct vd_kql_value agg_dcount(struct eval *e, const struct values *values)
{
    int64_t count = 0;

    for (uint32_t i = 0; i < values->count; i++) {
        bool is_new = true;

        for (uint32_t j = 0; j < i; j++) {
            is_new = is_new && !eval_is_same(e, &values->items[i], &values->items[j]);
        }
        count += is_new ? 1 : 0;
    }
    return eval_of_integer(VD_KQL_LONG, count);
}

static struct vd_kql_value agg_sum(struct eval *e, const struct values *values)
{
    const bool is_real = values->type == VD_KQL_REAL;
    struct vd_kql_value sum = is_real
        ? eval_of_real(0)
        : eval_of_integer(values->type == VD_KQL_TIMESPAN ? VD_KQL_TIMESPAN : VD_KQL_LONG, 0);

    for (uint32_t i = 0; i < values->count; i++) {
        sum = eval_arithmetic(e, VD_STR_LITERAL("+"), &sum, &values->items[i]);
    }
    return sum;
}

static double mean(const struct values *values)
{
    double sum = 0;

    for (uint32_t i = 0; i < values->count; i++) {
        sum += eval_number(&values->items[i]);
    }
    return sum / values->count;
}

static struct vd_kql_value agg_avg(struct eval *e, const struct values *values)
{
    if (!eval_is_number(values->type)) {
        eval_fail(e, "avg of %s", vd_kql_type_text(values->type));
    }
    return values->count > 0 ? eval_of_real(mean(values)) : eval_null(VD_KQL_REAL);
}

static struct vd_kql_value agg_variance(struct eval *e, const struct values *values)
{
    double sum = 0;

    (void)e;
    if (values->count < 2) {
        return eval_of_real(0);
    }
    for (uint32_t i = 0; i < values->count; i++) {
        const double off = eval_number(&values->items[i]) - mean(values);

        sum += off * off;
    }
    return eval_of_real(sum / (values->count - 1));
}

static struct vd_kql_value agg_stdev(struct eval *e, const struct values *values)
{
    return eval_of_real(sqrt(agg_variance(e, values).real));
}

static struct vd_kql_value extreme(struct eval *e, const struct values *values, int sign)
{
    struct vd_kql_value best = eval_null(values->type);

    for (uint32_t i = 0; i < values->count; i++) {
        if (i == 0 || eval_compare(e, &values->items[i], &best) * sign > 0) {
            best = values->items[i];
        }
    }
    return best;
}

static struct vd_kql_value agg_min(struct eval *e, const struct values *values)
{
    return extreme(e, values, -1);
}

static struct vd_kql_value agg_max(struct eval *e, const struct values *values)
{
    return extreme(e, values, 1);
}

static struct vd_kql_value agg_list(struct eval *e, const struct values *values)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < values->count; i++) {
        json_array_append_new(list, eval_as_json(e, &values->items[i]));
    }
    return eval_of_json(e, list);
}

static struct vd_kql_value agg_set(struct eval *e, const struct values *values)
{
    json_t *set = json_array();

    for (uint32_t i = 0; i < values->count; i++) {
        json_t *item = eval_as_json(e, &values->items[i]);
        bool is_new = true;

        for (size_t j = 0; j < json_array_size(set); j++) {
            is_new = is_new && !eval_is_equal_json(json_array_get(set, j), item);
        }
        if (is_new) {
            json_array_append(set, item);
        }
        json_decref(item);
    }
    return eval_of_json(e, set);
}

static const struct {
    const char *name;
    aggregate *call;
    uint32_t condition; /* which argument is one; 0: none */
} aggregates[] = {
    {"avg", agg_avg, 0},
    {"avgif", agg_avg, 2},
    {"count", agg_count, 0},
    {"countif", agg_count, 1},
    {"dcount", agg_dcount, 0},
    {"dcountif", agg_dcount, 2},
    {"make_list", agg_list, 0},
    {"make_set", agg_set, 0},
    {"max", agg_max, 0},
    {"maxif", agg_max, 2},
    {"min", agg_min, 0},
    {"minif", agg_min, 2},
    {"stdev", agg_stdev, 0},
    {"sum", agg_sum, 0},
    {"sumif", agg_sum, 2},
    {"variance", agg_variance, 0},
};

bool eval_aggregate(struct eval *e, const struct vd_kql_node *call, struct vd_kql_value *out)
{
    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0]; i++) {
        if (vd_str_equal_text(call->text, aggregates[i].name)) {
            const uint32_t condition = aggregates[i].condition;
            const struct vd_kql_node *second = call->first != NULL ? call->first->next : NULL;
            struct values values;

            if (!vd_str_equal_text(call->text, "count") &&
                call->child_count < (condition == 2 ? 2 : 1)) {
                eval_fail(e, "an aggregate of nothing");
            }
            values = collect(e, condition == 1 ? NULL : call->first,
                condition == 1 ? call->first : (condition == 2 ? second : NULL));

            *out = aggregates[i].call(e, &values);
            return true;
        }
    }
    return false;
}

/* ---- arg_max(x, *) and arg_max(x, a, b) ---- */

/* The row of the group with the greatest or least value; EVAL_NO_ROW: all are null. */
static uint32_t best_row(struct eval *e, const struct vd_kql_node *call)
{
    const int sign = vd_str_equal_text(call->text, "arg_max") ? 1 : -1;
    struct eval inner = *e;
    struct vd_kql_value best = eval_null(VD_KQL_LONG);
    uint32_t row = EVAL_NO_ROW;

    inner.has_group = false;
    for (uint32_t i = 0; i < e->group_count; i++) {
        struct vd_kql_value value;

        inner.row = e->group[i];
        value = eval_expr(&inner, call->first);
        if (!value.is_null && (row == EVAL_NO_ROW || eval_compare(e, &value, &best) * sign > 0)) {
            best = value;
            row = e->group[i];
        }
    }
    return row;
}

/* ---- summarize ---- */

struct group {
    struct vd_kql_value *keys;
    uint32_t *rows;
    uint32_t count;
};

struct summary {
    const struct eval_table *input;
    const struct vd_kql_node *by; /* NULL: one group, even of no rows */
    uint32_t key_count;
    struct group *groups;
    uint32_t group_count;
};

static const struct vd_kql_node *value_of(const struct vd_kql_node *item)
{
    return item->kind == VD_KQL_NAMED ? item->first : item;
}

/* What summarize calls a value without a name. */
static struct vd_str name_of(struct eval *e, const struct vd_kql_node *item)
{
    struct vd_buf out = {0};
    struct vd_str name;

    if (item->kind == VD_KQL_NAMED || item->kind == VD_KQL_NAME) {
        return item->text;
    }
    if (item->kind != VD_KQL_CALL) {
        eval_fail(e, "a value without a name");
    }
    if (vd_str_equal_text(item->text, "bin")) {
        return name_of(e, item->first);
    }
    vd_buf_append(&out, item->text.data, item->text.length);
    vd_buf_append_text(&out, "_");
    if (item->first != NULL && item->first->kind == VD_KQL_NAME) {
        vd_buf_append(&out, item->first->text.data, item->first->text.length);
    }
    name = eval_text(e, out.data, out.length);
    vd_buf_release(&out);
    return name;
}

/* A name that is there already gets a number. */
static void add_named(struct eval *e, struct eval_table *out, const struct vd_kql_node *item)
{
    const struct vd_str name = name_of(e, item);
    const enum vd_kql_type type = eval_expr(e, value_of(item)).type;
    struct vd_str own = name;
    char text[100];

    for (int n = 1; eval_find_column(out, own) != UINT32_MAX; n++) {
        if (item->kind == VD_KQL_NAMED) {
            eval_fail(e, "a name twice");
        }
        snprintf(text, sizeof text, "%.*s%d", VD_STR_ARG(name), n);
        own = eval_text(e, text, strlen(text));
    }
    eval_add_column(out, own, type);
}

static void add_to_group(struct eval *e, struct summary *s, struct vd_kql_value *keys, uint32_t row)
{
    struct group *group = NULL;

    for (uint32_t g = 0; g < s->group_count && group == NULL; g++) {
        bool is_same = true;

        for (uint32_t k = 0; k < s->key_count; k++) {
            is_same = is_same && eval_is_same(e, &keys[k], &s->groups[g].keys[k]);
        }
        group = is_same ? &s->groups[g] : NULL;
    }
    if (group == NULL) {
        group = &s->groups[s->group_count++];
        group->keys = keys;
        group->rows = eval_new(e, (s->input->row_count + 1) * sizeof *group->rows);
    }
    group->rows[group->count++] = row;
}

static void make_groups(struct eval *e, struct summary *s)
{
    s->key_count = s->by != NULL ? s->by->child_count : 0;
    s->groups = eval_new(e, (s->input->row_count + 1) * sizeof *s->groups);
    for (uint32_t row = 0; row < s->input->row_count; row++) {
        struct vd_kql_value *keys = eval_new(e, (s->key_count + 1) * sizeof *keys);
        uint32_t k = 0;

        eval_at(e, s->input, row);
        for (const struct vd_kql_node *item = s->by != NULL ? s->by->first : NULL; item != NULL;
             item = item->next) {
            keys[k] = eval_expr(e, value_of(item));
            keys[k] = eval_grouped(e, &keys[k]);
            k++;
        }
        add_to_group(e, s, keys, row);
    }
    if (s->by == NULL && s->group_count == 0) {
        s->groups[s->group_count++].keys = eval_new(e, sizeof *s->groups[0].keys);
    }
}

static bool is_arg(const struct vd_kql_node *item)
{
    return item->kind == VD_KQL_CALL &&
        (vd_str_equal_text(item->text, "arg_max") || vd_str_equal_text(item->text, "arg_min"));
}

/* The columns of arg_max: what is compared, then those asked for, or all but those that are there. */
static void add_arg_columns(struct eval *e, struct eval_table *out, const struct eval_table *input,
    const struct vd_kql_node *call)
{
    const uint32_t compared =
        call->child_count < 2 ? UINT32_MAX : eval_find_column(input, call->first->text);

    if (compared == UINT32_MAX) {
        eval_fail(e, "arg_max of no column");
    }
    eval_add_column(out, call->first->text, input->columns[compared].type);
    if (call->first->next->kind != VD_KQL_STAR) {
        for (const struct vd_kql_node *c = call->first->next; c != NULL; c = c->next) {
            const uint32_t column = eval_find_column(input, c->text);

            if (column == UINT32_MAX || eval_find_column(out, c->text) != UINT32_MAX) {
                eval_fail(e, "arg_max of no column, or of one twice");
            }
            eval_add_column(out, c->text, input->columns[column].type);
        }
        return;
    }
    for (uint32_t i = 0; i < input->column_count; i++) {
        if (eval_find_column(out, input->columns[i].name) == UINT32_MAX) {
            eval_add_column(out, input->columns[i].name, input->columns[i].type);
        }
    }
}

static void fill_arg(struct eval *e, const struct eval_table *out, struct vd_kql_value *row,
    uint32_t from, uint32_t to, const struct vd_kql_node *call)
{
    const struct eval_table *input = e->table;
    const uint32_t best = best_row(e, call);

    for (uint32_t i = from; i < to && best != EVAL_NO_ROW; i++) {
        row[i] = input->rows[best][eval_find_column(input, out->columns[i].name)];
    }
}

static void add_columns(
    struct eval *e, struct eval_table *out, const struct summary *s, const struct vd_kql_node *node)
{
    eval_at(e, s->input, EVAL_NO_ROW);
    for (const struct vd_kql_node *item = s->by != NULL ? s->by->first : NULL; item != NULL;
         item = item->next) {
        add_named(e, out, item);
    }
    e->has_group = true;
    e->group_count = 0;
    for (const struct vd_kql_node *item = node->first; item != NULL && item != s->by;
         item = item->next) {
        if (is_arg(item)) {
            add_arg_columns(e, out, s->input, item);
        } else {
            add_named(e, out, item);
        }
    }
    e->has_group = false;
}

static void fill_group(struct eval *e, struct eval_table *out, const struct summary *s,
    const struct group *group, const struct vd_kql_node *node)
{
    struct vd_kql_value *row = eval_add_row(e, out);
    uint32_t at = s->key_count;

    memcpy(row, group->keys, s->key_count * sizeof *row);
    eval_at(e, s->input, EVAL_NO_ROW);
    e->has_group = true;
    e->group = group->rows;
    e->group_count = group->count;
    for (const struct vd_kql_node *item = node->first; item != NULL && item != s->by;
         item = item->next) {
        if (is_arg(item)) {
            fill_arg(e, out, row, at, out->column_count, item);
            at = out->column_count;
        } else {
            row[at++] = eval_expr(e, value_of(item));
        }
    }
    e->has_group = false;
}

struct eval_table *eval_summarize(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct summary s = {.input = input};
    struct eval_table *out = eval_new(e, sizeof *out);

    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        s.by = item->kind == VD_KQL_BY ? item : s.by;
        if (is_arg(item) && item != node->first) {
            eval_fail(e, "arg_max behind another");
        }
    }
    out->columns = eval_new(e,
        (node->child_count + input->column_count + (s.by != NULL ? s.by->child_count : 0) + 1) *
            sizeof *out->columns);
    make_groups(e, &s);
    out->rows = eval_new(e, (s.group_count + 1) * sizeof(struct vd_kql_value *));
    add_columns(e, out, &s, node);
    for (uint32_t g = 0; g < s.group_count; g++) {
        fill_group(e, out, &s, &s.groups[g], node);
    }
    return out;
}
