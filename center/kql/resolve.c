/* SPDX-License-Identifier: MIT */
/* What all parts of the resolver need: memory, failures, expressions, columns, relations. */

#include "center/kql/resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "center/kql/resolve_internal.h"

void *vd_kql_new(struct vd_kql_resolver *r, size_t size)
{
    void *memory = vd_arena_alloc(r->arena, size > 0 ? size : 1);

    if (memory == NULL) {
        r->error = VD_E_NOMEM;
        longjmp(r->failed, 1);
    }
    memset(memory, 0, size);
    return memory;
}

void vd_kql_fail(struct vd_kql_resolver *r, const struct vd_kql_node *node, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(r->problem->text, sizeof r->problem->text, format, list);
    va_end(list);
    r->problem->offset = node->offset;
    r->problem->length = node->end - node->offset;
    r->problem->is_syntax = false;
    r->error = VD_E_INVALID;
    longjmp(r->failed, 1);
}

/* Counts what is made: functions that call functions can grow without bound. */
static _Noreturn void fail_size(struct vd_kql_resolver *r, const char *text)
{
    snprintf(r->problem->text, sizeof r->problem->text, "%s", text);
    r->problem->offset = 0;
    r->problem->length = 0;
    r->error = VD_E_LIMIT;
    longjmp(r->failed, 1);
}

static void count_one(struct vd_kql_resolver *r)
{
    if (++r->made > VD_KQL_PLAN_MAX) {
        fail_size(r, "the query is too large once its functions are expanded");
    }
}

struct vd_str vd_kql_textf(struct vd_kql_resolver *r, const char *format, ...)
{
    va_list list;
    char *text;
    int length;

    va_start(list, format);
    length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    text = vd_kql_new(r, (size_t)length + 1);
    va_start(list, format);
    vsnprintf(text, (size_t)length + 1, format, list);
    va_end(list);
    return (struct vd_str){text, (size_t)length};
}

const struct vd_kql_node *vd_kql_child(const struct vd_kql_node *node, uint32_t i)
{
    const struct vd_kql_node *child = node->first;

    while (child != NULL && i-- > 0) {
        child = child->next;
    }
    return child;
}

/* ---- Expressions ---- */

struct vd_kql_expr *vd_kql_expr_new(
    struct vd_kql_resolver *r, enum vd_kql_op op, enum vd_kql_type type, uint32_t arguments)
{
    struct vd_kql_expr *expr = vd_kql_new(r, sizeof *expr);

    count_one(r);
    expr->op = op;
    expr->type = type;
    expr->argument_count = arguments;
    expr->arguments = vd_kql_new(r, arguments * sizeof(struct vd_kql_expr *));
    return expr;
}

struct vd_kql_expr *vd_kql_constant_long(struct vd_kql_resolver *r, int64_t number)
{
    struct vd_kql_expr *expr = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, VD_KQL_LONG, 0);

    expr->value = (struct vd_kql_value){.type = VD_KQL_LONG, .integer = number};
    return expr;
}

struct vd_kql_expr *vd_kql_constant_text(struct vd_kql_resolver *r, struct vd_str text)
{
    struct vd_kql_expr *expr = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, VD_KQL_STRING, 0);

    expr->value = (struct vd_kql_value){.type = VD_KQL_STRING, .text = text};
    return expr;
}

struct vd_kql_expr *vd_kql_constant_null(struct vd_kql_resolver *r, enum vd_kql_type type)
{
    struct vd_kql_expr *expr = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, type, 0);

    expr->value = (struct vd_kql_value){.type = type, .is_null = type != VD_KQL_STRING};
    if (type == VD_KQL_STRING) {
        expr->value.text = VD_STR_LITERAL("");
    }
    return expr;
}

struct vd_kql_expr *vd_kql_column_expr(
    struct vd_kql_resolver *r, const struct vd_kql_column *column)
{
    struct vd_kql_expr *expr = vd_kql_expr_new(r, VD_KQL_OP_COLUMN, column->type, 0);

    expr->column = column->id;
    return expr;
}

bool vd_kql_is_constant(const struct vd_kql_expr *expr)
{
    bool is_constant =
        expr->op != VD_KQL_OP_COLUMN && expr->op != VD_KQL_OP_WINDOW && expr->rel == NULL;

    for (uint32_t i = 0; is_constant && i < expr->argument_count; i++) {
        is_constant = vd_kql_is_constant(expr->arguments[i]);
    }
    return is_constant;
}

/* ---- Columns ---- */

struct vd_kql_column *vd_kql_columns_add(
    struct vd_kql_resolver *r, struct vd_kql_columns *columns, const struct vd_kql_column *column)
{
    if (columns->count == columns->capacity) {
        const uint32_t capacity = columns->capacity > 0 ? columns->capacity * 2 : 16;
        struct vd_kql_column *items = vd_kql_new(r, capacity * sizeof *items);

        if (columns->count > 0) {
            memcpy(items, columns->items, columns->count * sizeof *items);
        }
        columns->items = items;
        columns->capacity = capacity;
    }
    count_one(r);
    if (columns->count >= VD_KQL_COLUMNS_MAX) {
        fail_size(r, "a table of the query has too many columns");
    }
    columns->items[columns->count] = *column;
    return &columns->items[columns->count++];
}

struct vd_kql_column *vd_kql_columns_new(struct vd_kql_resolver *r, struct vd_kql_columns *columns,
    struct vd_str name, enum vd_kql_type type)
{
    const struct vd_kql_column column = {.name = name, .type = type, .id = ++r->columns};

    return vd_kql_columns_add(r, columns, &column);
}

bool vd_kql_is_hidden(const struct vd_kql_column *column)
{
    return column->member_of != 0 || column->is_key;
}

const struct vd_kql_column *vd_kql_columns_find(
    const struct vd_kql_columns *columns, struct vd_str name)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (!vd_kql_is_hidden(&columns->items[i]) && vd_str_equal(columns->items[i].name, name)) {
            return &columns->items[i];
        }
    }
    return NULL;
}

const struct vd_kql_column *vd_kql_columns_by_id(const struct vd_kql_columns *columns, uint32_t id)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (columns->items[i].id == id) {
            return &columns->items[i];
        }
    }
    return NULL;
}

struct vd_str vd_kql_columns_free_name(
    struct vd_kql_resolver *r, struct vd_kql_columns *columns, struct vd_str name)
{
    struct vd_str candidate = name;
    uint32_t number = vd_str_equal(columns->numbered, name) ? columns->number : 0;

    while (vd_kql_columns_find(columns, candidate) != NULL) {
        candidate = vd_kql_textf(r, "%.*s%u", VD_STR_ARG(name), ++number);
    }
    if (number > 0) {
        columns->numbered = name;
        columns->number = number;
    }
    return candidate;
}

/* ---- Relations ---- */

struct vd_kql_rel *vd_kql_rel_new(
    struct vd_kql_resolver *r, enum vd_kql_rel_kind kind, uint32_t inputs)
{
    struct vd_kql_rel *rel = vd_kql_new(r, sizeof *rel);

    count_one(r);
    rel->kind = kind;
    rel->input_count = inputs;
    rel->inputs = vd_kql_new(r, inputs * sizeof(struct vd_kql_rel *));
    return rel;
}

void vd_kql_rel_expr(struct vd_kql_resolver *r, struct vd_kql_rel *rel, struct vd_kql_expr *expr)
{
    /* Room is doubled whenever the count is a power of two. */
    if ((rel->expr_count & (rel->expr_count - 1)) == 0) {
        const uint32_t room = rel->expr_count > 0 ? rel->expr_count * 2 : 1;
        struct vd_kql_expr **exprs = vd_kql_new(r, room * sizeof(struct vd_kql_expr *));

        for (uint32_t i = 0; i < rel->expr_count; i++) {
            exprs[i] = rel->exprs[i];
        }
        rel->exprs = exprs;
    }
    rel->exprs[rel->expr_count++] = expr;
}

/* ---- The whole ---- */

int vd_kql_resolve(const struct vd_kql_node *query, const struct vd_kql_options *options,
    struct vd_arena *arena, struct vd_kql_plan *out, struct vd_kql_problem *problem)
{
    struct vd_kql_resolver r = {.arena = arena, .options = options, .problem = problem};

    if (setjmp(r.failed) != 0) {
        return r.error;
    }
    vd_kql_check_parameters(&r, query);
    out->rel = vd_kql_resolve_query(&r, NULL, query);
    out->render = r.render;
    out->column_count = r.columns;
    return VD_OK;
}
