/* SPDX-License-Identifier: MIT */
/* Tables, statements and sources of the evaluator. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kql/eval_internal.h"

void eval_fail(struct eval *e, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(e->problem, 200, format, list);
    va_end(list);
    longjmp(e->failed, 1);
}

void *eval_new(struct eval *e, size_t size)
{
    void *memory = vd_arena_alloc(e->arena, size > 0 ? size : 1);

    if (memory == NULL) {
        abort();
    }
    memset(memory, 0, size > 0 ? size : 1);
    return memory;
}

struct vd_str eval_text(struct eval *e, const void *data, size_t length)
{
    char *copy = eval_new(e, length);

    if (length > 0) {
        memcpy(copy, data, length);
    }
    return (struct vd_str){copy, length};
}

/* ---- Tables ---- */

struct eval_table *eval_table_like(struct eval *e, const struct eval_table *table, uint32_t more)
{
    struct eval_table *copy = eval_new(e, sizeof *copy);

    copy->columns = eval_new(e, (table->column_count + more + 1) * sizeof *copy->columns);
    memcpy(copy->columns, table->columns, table->column_count * sizeof *copy->columns);
    copy->column_count = table->column_count;
    copy->rows = eval_new(e, (table->row_count + 1) * sizeof(struct vd_kql_value *));
    return copy;
}

void eval_add_column(struct eval_table *table, struct vd_str name, enum vd_kql_type type)
{
    table->columns[table->column_count++] = (struct eval_column){name, type};
}

uint32_t eval_find_column(const struct eval_table *table, struct vd_str name)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (vd_str_equal(table->columns[i].name, name)) {
            return i;
        }
    }
    return UINT32_MAX;
}

struct vd_kql_value *eval_add_row(struct eval *e, struct eval_table *table)
{
    struct vd_kql_value *row = eval_new(e, (table->column_count + 1) * sizeof *row);

    for (uint32_t i = 0; i < table->column_count; i++) {
        row[i] = eval_null(table->columns[i].type);
    }
    table->rows[table->row_count++] = row;
    return row;
}

void eval_at(struct eval *e, const struct eval_table *table, uint32_t row)
{
    e->table = table;
    e->row = row;
}

/* ---- Sources ---- */

static struct eval_table *datatable(struct eval *e, const struct vd_kql_node *node)
{
    struct eval_table *table = eval_new(e, sizeof *table);
    uint32_t at = 0;
    struct vd_kql_value *row = NULL;

    table->columns = eval_new(e, (node->first->child_count + 1) * sizeof *table->columns);
    table->rows = eval_new(e, node->child_count * sizeof(struct vd_kql_value *));
    for (const struct vd_kql_node *c = node->first->first; c != NULL; c = c->next) {
        eval_add_column(table, c->text, c->value.type);
    }
    eval_at(e, NULL, 0);
    for (const struct vd_kql_node *item = node->first->next; item != NULL; item = item->next) {
        struct vd_kql_value value = eval_expr(e, item);

        if (at == 0) {
            row = eval_add_row(e, table);
        }
        if (value.type == VD_KQL_LONG && table->columns[at].type == VD_KQL_REAL) {
            value = eval_of_real((double)value.integer);
        }
        value.type = table->columns[at].type;
        row[at] = value;
        at = at + 1 < table->column_count ? at + 1 : 0;
    }
    return table;
}

static struct eval_table *print(struct eval *e, const struct vd_kql_node *node)
{
    struct eval_table *table = eval_new(e, sizeof *table);
    struct vd_kql_value *row;
    uint32_t at = 0;

    table->columns = eval_new(e, (node->child_count + 1) * sizeof *table->columns);
    table->rows = eval_new(e, sizeof(struct vd_kql_value *));
    eval_at(e, NULL, 0);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != VD_KQL_NAMED) {
            eval_fail(e, "print without a name");
        }
        eval_add_column(table, item->text, eval_expr(e, item->first).type);
    }
    row = eval_add_row(e, table);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        row[at++] = eval_expr(e, item->first);
    }
    return table;
}

static struct eval_table *range(struct eval *e, const struct vd_kql_node *node)
{
    struct eval_table *table = eval_new(e, sizeof *table);
    struct vd_kql_value bounds[3];
    const struct vd_kql_node *bound = node->first;

    eval_at(e, NULL, 0);
    for (int i = 0; i < 3; i++, bound = bound->next) {
        bounds[i] = eval_expr(e, bound);
        if (bounds[i].type != VD_KQL_LONG || bounds[i].is_null) {
            eval_fail(e, "a range that is not of longs");
        }
    }
    if (bounds[2].integer <= 0 || bounds[1].integer - bounds[0].integer > 10000) {
        eval_fail(e, "a range that is long");
    }
    table->columns = eval_new(e, sizeof *table->columns);
    eval_add_column(table, node->text, VD_KQL_LONG);
    table->rows = eval_new(e, 10002 * sizeof(struct vd_kql_value *));
    for (int64_t x = bounds[0].integer; x <= bounds[1].integer; x += bounds[2].integer) {
        eval_add_row(e, table)[0] = eval_of_integer(VD_KQL_LONG, x);
    }
    table->is_sorted = true;
    return table;
}

static struct eval_table *source(struct eval *e, const struct vd_kql_node *node)
{
    const struct eval_let *let;
    struct eval_table *copy;

    switch (node->kind) {
    case VD_KQL_PIPE:
        return eval_pipe(e, node);
    case VD_KQL_DATATABLE:
        return datatable(e, node);
    case VD_KQL_PRINT:
        return print(e, node);
    case VD_KQL_RANGE:
        return range(e, node);
    case VD_KQL_UNION:
        return eval_union(e, NULL, node);
    case VD_KQL_NAME:
        let = eval_find_let(e, node->text);
        if (let == NULL || let->table == NULL) {
            eval_fail(e, "no table '%.*s'", VD_STR_ARG(node->text));
        }
        copy = eval_table_like(e, let->table, 0);
        copy->row_count = let->table->row_count;
        memcpy(copy->rows, let->table->rows, copy->row_count * sizeof(struct vd_kql_value *));
        return copy;
    default:
        eval_fail(e, "%s as a table", vd_kql_kind_text(node->kind));
    }
}

struct eval_table *eval_pipe(struct eval *e, const struct vd_kql_node *pipe)
{
    struct eval_table *table;

    if (pipe->kind != VD_KQL_PIPE) {
        return source(e, pipe);
    }
    table = source(e, pipe->first);
    for (const struct vd_kql_node *op = pipe->first->next; op != NULL; op = op->next) {
        table = eval_operator(e, table, op);
    }
    return table;
}

/* ---- Statements ---- */

/* Whether a let without a pipe names a table: another let's. */
static bool is_table(const struct eval *e, const struct vd_kql_node *node)
{
    const struct eval_let *let = node->kind == VD_KQL_NAME ? eval_find_let(e, node->text) : NULL;

    return node->kind == VD_KQL_PIPE || (let != NULL && let->table != NULL);
}

static void add_let(struct eval *e, const struct vd_kql_node *node)
{
    struct eval_let *let = eval_new(e, sizeof *let);

    let->name = node->text;
    let->outer = e->lets;
    if (node->first->kind == VD_KQL_FUNCTION) {
        let->function = node->first;
    } else if (is_table(e, node->first)) {
        let->table = eval_pipe(e, node->first);
    } else {
        eval_at(e, NULL, 0);
        let->value = eval_expr(e, node->first);
    }
    e->lets = let;
}

int eval_query(const struct vd_kql_node *query, struct vd_arena *arena, struct eval_table *out,
    char problem[200])
{
    struct eval e = {.arena = arena, .problem = problem};

    if (setjmp(e.failed) != 0) {
        return VD_E_UNSUPPORTED;
    }
    for (const struct vd_kql_node *part = query->first; part != NULL; part = part->next) {
        if (part->kind == VD_KQL_LET) {
            add_let(&e, part);
        } else {
            *out = *eval_pipe(&e, part);
        }
    }
    return VD_OK;
}
