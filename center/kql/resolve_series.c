/* SPDX-License-Identifier: MIT */
/* make-series: aggregates by group and number of the bin, then for each group an array over all bins, a default where there
 * was none. */

#include <string.h>

#include "center/kql/resolve_internal.h"

#define BINS_MAX 1048576 /* as many as Kusto makes */

struct axis {
    struct vd_kql_expr *value;
    struct vd_kql_expr *from;
    struct vd_kql_expr *to;
    struct vd_kql_expr *step;
    struct vd_str name;
};

static struct vd_kql_expr *call2(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    const char *name, struct vd_kql_expr *a, struct vd_kql_expr *b)
{
    struct vd_kql_expr *arguments[] = {a, b};

    return vd_kql_call(r, node, VD_KQL_SCALAR, vd_str_from(name), arguments, 2);
}

/* The least or greatest value of the axis in all rows. */
static struct vd_kql_expr *bound_of(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_rel *input, struct vd_kql_expr *value, const char *aggregate)
{
    struct vd_kql_rel *rel = vd_kql_rel_new(r, VD_KQL_REL_AGGREGATE, 1);
    struct vd_kql_expr *scalar = vd_kql_expr_new(r, VD_KQL_OP_SCALAR, value->type, 0);

    rel->inputs[0] = input;
    vd_kql_rel_expr(
        r, rel, vd_kql_call(r, node, VD_KQL_AGGREGATE, vd_str_from(aggregate), &value, 1));
    vd_kql_columns_new(r, &rel->columns, VD_STR_LITERAL("bound"), value->type);
    scalar->rel = rel;
    return scalar;
}

static bool is_missing(const struct vd_kql_expr *expr)
{
    return expr->op == VD_KQL_OP_CONSTANT && expr->value.is_null;
}

static double number_of(const struct vd_kql_expr *constant)
{
    return constant->type == VD_KQL_REAL ? constant->value.real : (double)constant->value.integer;
}

static bool is_number(const struct vd_kql_expr *expr)
{
    return expr->op == VD_KQL_OP_CONSTANT && !expr->value.is_null;
}

/* As far as it is known: the step leads on, and not to more bins than an array may have. */
static void check_step(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, const struct axis *axis)
{
    if (!is_number(axis->step)) {
        return;
    }
    if (!(number_of(axis->step) > 0)) {
        vd_kql_fail(r, node, "the step is to be more than 0");
    }
    if (is_number(axis->from) && is_number(axis->to) &&
        number_of(axis->to) - number_of(axis->from) > BINS_MAX * number_of(axis->step)) {
        vd_kql_fail(r, node, "a series has at most %d bins", BINS_MAX);
    }
}

static struct axis resolve_axis(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    const struct vd_kql_place place = {.scope = scope, .row = input};
    const struct vd_kql_place constants = {.scope = scope};
    const struct vd_kql_node *value = node->first;
    const struct vd_kql_node *from = value->next;
    struct axis axis = {.name = vd_kql_name_of(r, value)};

    axis.value = vd_kql_resolve_expr(r, &place, value->kind == VD_KQL_NAMED ? value->first : value);
    axis.from = vd_kql_resolve_expr(r, &constants, from);
    axis.to = vd_kql_resolve_expr(r, &constants, from->next);
    axis.step = vd_kql_resolve_expr(r, &constants, from->next->next);
    if (is_missing(axis.from)) {
        axis.from = bound_of(r, node, input, axis.value, "min");
    }
    check_step(r, node, &axis);
    if (is_missing(axis.to)) {
        axis.to = call2(r, node, "+", bound_of(r, node, input, axis.value, "max"), axis.step);
    }
    if (axis.name.length == 0) {
        axis.name = VD_STR_LITERAL("Column1");
    }
    return axis;
}

/* Rows of the axis's range. */
static struct vd_kql_rel *within(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_rel *input, const struct axis *axis)
{
    struct vd_kql_rel *filter = vd_kql_rel_pass(r, VD_KQL_REL_FILTER, input);

    vd_kql_rel_expr(r, filter,
        call2(r, node, "and", call2(r, node, ">=", axis->value, axis->from),
            call2(r, node, "<", axis->value, axis->to)));
    return filter;
}

static struct vd_kql_expr *bin_number(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    const struct axis *axis, struct vd_kql_expr *value)
{
    struct vd_kql_expr *difference = call2(r, node, "-", value, axis->from);

    if (difference->type != VD_KQL_TIMESPAN) {
        difference = vd_kql_cast(r, node, difference, VD_KQL_REAL);
    }
    return vd_kql_cast(r, node, call2(r, node, "/", difference, axis->step), VD_KQL_REAL);
}

static struct vd_kql_expr *whole(struct vd_kql_resolver *r, struct vd_kql_expr *number)
{
    static const struct vd_kql_overload floor_of = {
        .name = "@floor",
        .takes = "r",
        .gives = 'l',
        .role = VD_KQL_SCALAR,
        .sql = {"CAST(floor({0}) AS BIGINT)", "toInt64(floor({0}))"},
    };
    struct vd_kql_expr *call = vd_kql_expr_new(r, VD_KQL_OP_CALL, VD_KQL_LONG, 1);

    call->call = &floor_of;
    call->arguments[0] = number;
    return call;
}

/* The aggregate that the item is, which has to be alone. */
static struct vd_kql_expr *resolve_aggregate(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, const struct vd_kql_rel *input,
    const struct vd_kql_node *item)
{
    struct vd_kql_aggregates aggregates = {.rel = vd_kql_rel_new(r, VD_KQL_REL_AGGREGATE, 0)};
    const struct vd_kql_place place = {.scope = scope, .row = input, .aggregates = &aggregates};
    const struct vd_kql_expr *expr = vd_kql_resolve_expr(r, &place, item);

    if (expr->op != VD_KQL_OP_COLUMN || aggregates.rel->expr_count != 1) {
        vd_kql_fail(r, item, "an aggregate is expected, as count() or avg(x)");
    }
    return aggregates.rel->exprs[0];
}

struct parts {
    struct vd_kql_rel *aggregate; /* groups, number of the bin, aggregates */
    struct vd_kql_rel *texts;     /* the same, aggregates as JSON */
    struct vd_kql_rel *series;
    const struct vd_kql_node *axis;
    const struct vd_kql_node *by;
};

static void add_groups(
    struct vd_kql_resolver *r, struct parts *parts, const struct vd_kql_place *place)
{
    for (const struct vd_kql_node *item = parts->by != NULL ? parts->by->first : NULL; item != NULL;
         item = item->next) {
        struct vd_kql_expr *expr =
            vd_kql_resolve_expr(r, place, item->kind == VD_KQL_NAMED ? item->first : item);
        struct vd_str name = vd_kql_name_of(r, item);
        const struct vd_kql_column *column =
            vd_kql_columns_new(r, &parts->aggregate->columns, name, expr->type);

        if (name.length == 0) {
            name = VD_STR_LITERAL("Column1");
        }
        vd_kql_rel_expr(r, parts->aggregate, vd_kql_comparable(r, item, expr));
        parts->aggregate->group_count++;
        vd_kql_project_keep(r, parts->texts, column);
        vd_kql_rel_expr(r, parts->series, vd_kql_column_expr(r, column));
        vd_kql_columns_new(r, &parts->series->columns,
            vd_kql_columns_free_name(r, &parts->series->columns, name), expr->type);
        parts->series->group_count++;
    }
}

static bool has_table(const struct vd_kql_expr *expr)
{
    bool has = expr->op == VD_KQL_OP_SCALAR;

    for (uint32_t i = 0; i < expr->argument_count && !has; i++) {
        has = expr->arguments[i] != NULL && has_table(expr->arguments[i]);
    }
    return has;
}

static void add_aggregates(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct parts *parts, const struct vd_kql_node *node)
{
    const struct vd_kql_rel *input = parts->aggregate->inputs[0];
    const struct vd_kql_place constants = {.scope = scope};

    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        const bool has_default = item->kind == VD_KQL_DEFAULT;
        const struct vd_kql_node *named = has_default ? item->first : item;
        const struct vd_kql_node *value = named->kind == VD_KQL_NAMED ? named->first : named;
        struct vd_kql_expr *aggregate;
        struct vd_kql_expr *missing;
        struct vd_str name;

        if (item->kind == VD_KQL_AXIS || item->kind == VD_KQL_BY) {
            continue;
        }
        aggregate = resolve_aggregate(r, scope, input, value);
        name = named->kind == VD_KQL_NAMED ? named->text
            : value->kind == VD_KQL_CALL   ? vd_kql_aggregate_name(r, value)
                                           : VD_STR_LITERAL("Column1");
        vd_kql_rel_expr(r, parts->aggregate, aggregate);
        vd_kql_project_add(r, parts->texts, name,
            vd_kql_cast(r, item,
                vd_kql_column_expr(
                    r, vd_kql_columns_new(r, &parts->aggregate->columns, name, aggregate->type)),
                VD_KQL_DYNAMIC));
        missing = has_default ? vd_kql_resolve_expr(r, &constants, named->next)
                              : vd_kql_constant_long(r, 0);
        if (has_table(missing)) {
            vd_kql_fail(r, named->next, "a value that is known before the query runs is expected");
        }
        vd_kql_rel_expr(r, parts->series, vd_kql_cast(r, item, missing, VD_KQL_DYNAMIC));
        vd_kql_columns_new(r, &parts->series->columns,
            vd_kql_columns_free_name(r, &parts->series->columns, name), VD_KQL_DYNAMIC);
    }
}

static struct parts begin(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    struct parts parts = {0};

    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        parts.axis = item->kind == VD_KQL_AXIS ? item : parts.axis;
        parts.by = item->kind == VD_KQL_BY ? item : parts.by;
    }
    if (parts.axis == NULL) {
        vd_kql_fail(r, node, "'on' with the axis is expected");
    }
    parts.aggregate = vd_kql_rel_new(r, VD_KQL_REL_AGGREGATE, 1);
    parts.texts = vd_kql_project_begin(r, parts.aggregate);
    parts.series = vd_kql_rel_new(r, VD_KQL_REL_SERIES, 1);
    parts.series->inputs[0] = parts.texts;
    return parts;
}

/* What is read from a table may not stand where the bins are made: it becomes a column of their rows, the same in all. */
static struct vd_kql_expr *beside_bins(
    struct vd_kql_resolver *r, struct parts *parts, struct vd_kql_expr *expr)
{
    static const struct vd_kql_overload same = {
        .name = "@same",
        .takes = "a",
        .gives = '0',
        .role = VD_KQL_AGGREGATE,
        .sql = {"min({0})", "min({0})"},
    };
    struct vd_kql_expr *call;

    if (!has_table(expr)) {
        return expr;
    }
    vd_kql_project_add(r, parts->texts, VD_STR_LITERAL("bound"), expr);
    call = vd_kql_expr_new(r, VD_KQL_OP_CALL, expr->type, 1);
    call->call = &same;
    call->arguments[0] =
        vd_kql_column_expr(r, &parts->texts->columns.items[parts->texts->columns.count - 1]);
    return call;
}

struct vd_kql_rel *vd_kql_resolve_make_series(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct parts parts = begin(r, node);
    const struct axis axis = resolve_axis(r, scope, input, parts.axis);
    struct vd_kql_rel *filter = within(r, node, input, &axis);
    const struct vd_kql_place place = {.scope = scope, .row = filter};
    struct vd_kql_expr *number = bin_number(r, node, &axis, axis.value);
    struct vd_kql_column counter = {.type = VD_KQL_LONG, .id = ++r->columns};
    struct vd_kql_expr *at;

    parts.aggregate->inputs[0] = filter;
    vd_kql_rel_expr(r, parts.series, bin_number(r, node, &axis, axis.to));
    add_groups(r, &parts, &place);
    vd_kql_rel_expr(r, parts.aggregate, whole(r, number));
    parts.aggregate->group_count++;
    vd_kql_project_keep(r, parts.texts,
        vd_kql_columns_new(r, &parts.aggregate->columns, VD_STR_LITERAL("bin"), VD_KQL_LONG));
    add_aggregates(r, scope, &parts, node);
    parts.series->counter = counter.id;
    at = call2(r, node, "+", beside_bins(r, &parts, axis.from),
        call2(r, node, "*", vd_kql_column_expr(r, &counter), beside_bins(r, &parts, axis.step)));
    vd_kql_rel_expr(r, parts.series, vd_kql_cast(r, node, at, VD_KQL_DYNAMIC));
    vd_kql_columns_new(r, &parts.series->columns,
        vd_kql_columns_free_name(r, &parts.series->columns, axis.name), VD_KQL_DYNAMIC);
    return parts.series;
}
