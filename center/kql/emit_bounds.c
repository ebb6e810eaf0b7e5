/* SPDX-License-Identifier: MIT */
/* What the filters above a scan say of its columns, for tables that look rows up. They still filter: this only leaves out. */

#include <string.h>

#include "center/kql/emit_internal.h"

/* More bounds of one column are not written: one is enough, and the filters hold. */
#define TIMES_MAX 8

/* Bounds found so far. */
struct bounds {
    const struct vd_kql_rel *scan;
    const struct vd_kql_expr *since[TIMES_MAX];
    uint32_t since_count;
    const struct vd_kql_expr *until[TIMES_MAX];
    uint32_t until_count;
    const struct vd_kql_expr *equal[VD_KQL_LOOKUPS_MAX];
};

static bool is_call(const struct vd_kql_expr *expr, const char *name)
{
    return expr->op == VD_KQL_OP_CALL && strcmp(expr->call->name, name) == 0;
}

/* A time that does not depend on the row, and is the same whenever it is worked out. */
static bool is_fixed(const struct vd_kql_expr *expr)
{
    static const char *const names[] = {"+", "-", "bin", "datetime_add", "endofday", "endofmonth",
        "endofweek", "startofday", "startofmonth", "startofweek", "todatetime"};
    bool is = expr->op == VD_KQL_OP_CONSTANT;

    for (size_t i = 0; !is && i < sizeof names / sizeof names[0]; i++) {
        is = is_call(expr, names[i]);
    }
    for (uint32_t i = 0; is && i < expr->argument_count; i++) {
        is = is_fixed(expr->arguments[i]);
    }
    return is;
}

/* The view's column that the expression is, as it is; NULL: none. */
static const char *view_column(const struct vd_kql_rel *scan, const struct vd_kql_expr *expr)
{
    while (is_call(expr, "tostring") && expr->arguments[0]->type == VD_KQL_STRING) {
        expr = expr->arguments[0];
    }
    for (uint32_t i = 0; expr->op == VD_KQL_OP_COLUMN && i < scan->columns.count; i++) {
        if (scan->columns.items[i].id == expr->column) {
            return scan->view_columns[i];
        }
    }
    return NULL;
}

static void add_time(const struct vd_kql_expr **times, uint32_t *count, const struct vd_kql_expr *t)
{
    if (*count < TIMES_MAX) {
        times[(*count)++] = t;
    }
}

/* `column operation value`, where `turned` says that it was written the other way round. */
static void add_comparison(struct bounds *b, const char *column, const char *operation,
    const struct vd_kql_expr *value, bool is_turned)
{
    const struct vd_kql_table *table = b->scan->table;
    const bool is_equal = strcmp(operation, "==") == 0;
    const bool is_below = operation[0] == '<';

    if (strcmp(column, table->time_column) == 0 && value->type == VD_KQL_DATETIME) {
        if (is_equal || is_below == is_turned) {
            add_time(b->since, &b->since_count, value);
        }
        if (is_equal || is_below != is_turned) {
            add_time(b->until, &b->until_count, value);
        }
    }
    /* A NUL ends a text on its way to the table. */
    if (!is_equal || value->op != VD_KQL_OP_CONSTANT || value->type != VD_KQL_STRING ||
        value->value.is_null ||
        (value->value.text.length > 0 &&
            memchr(value->value.text.data, '\0', value->value.text.length) != NULL)) {
        return;
    }
    for (uint32_t i = 0; i < table->lookup_count; i++) {
        if (strcmp(column, table->lookups[i]) == 0) {
            b->equal[i] = value;
        }
    }
}

static void collect(struct bounds *b, const struct vd_kql_expr *condition)
{
    static const char *const operations[] = {"==", "<", "<=", ">", ">="};

    if (is_call(condition, "and")) {
        collect(b, condition->arguments[0]);
        collect(b, condition->arguments[1]);
        return;
    }
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (!is_call(condition, operations[i])) {
            continue;
        }
        for (uint32_t side = 0; side < 2; side++) {
            const char *column = view_column(b->scan, condition->arguments[side]);

            if (column != NULL && is_fixed(condition->arguments[1 - side])) {
                add_comparison(b, column, operations[i], condition->arguments[1 - side], side == 1);
            }
        }
    }
}

static void emit_separator(struct vd_kql_emitter *e, bool *is_first)
{
    vd_kql_emit_text(e, *is_first ? "(" : ", ");
    *is_first = false;
}

static void emit_times(struct vd_kql_emitter *e, const char *name, const char *strictest,
    const struct vd_kql_expr *const *times, uint32_t count, bool *is_first)
{
    const struct vd_kql_emit_place nowhere = {0};

    if (count == 0) {
        return;
    }
    emit_separator(e, is_first);
    vd_buf_printf(e->sql, "%s := %s(", name, strictest);
    for (uint32_t i = 0; i < count; i++) {
        vd_kql_emit_text(e, i > 0 ? ", " : "");
        vd_kql_emit_expr(e, &nowhere, times[i]);
    }
    vd_kql_emit_text(e, ")");
}

void vd_kql_emit_bounds(struct vd_kql_emitter *e, const struct vd_kql_rel *scan)
{
    struct bounds b = {.scan = scan};
    bool is_first = true;

    if (scan->table->lookup_count == 0) {
        return;
    }
    for (const struct vd_kql_emit_filter *f = e->filters; f != NULL; f = f->outer) {
        collect(&b, f->condition);
    }
    emit_times(e, "since", "greatest", b.since, b.since_count, &is_first);
    emit_times(e, "until", "least", b.until, b.until_count, &is_first);
    for (uint32_t i = 0; i < scan->table->lookup_count; i++) {
        if (b.equal[i] != NULL) {
            emit_separator(e, &is_first);
            vd_buf_printf(e->sql, "\"%s\" := ", scan->table->lookups[i]);
            vd_kql_emit_constant(e, &b.equal[i]->value);
        }
    }
    vd_kql_emit_text(e, is_first ? "" : ")");
}
