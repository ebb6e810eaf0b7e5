/* SPDX-License-Identifier: MIT */
/* Statements, scopes, tables and pipes. */

#include <stdio.h>
#include <string.h>

#include "center/kql/resolve_internal.h"
#include "lib/near.h"

/* ---- Scopes ---- */

const struct vd_kql_scope *vd_kql_scope_find(const struct vd_kql_scope *scope, struct vd_str name)
{
    while (scope != NULL && !vd_str_equal(scope->name, name)) {
        scope = scope->outer;
    }
    return scope;
}

struct vd_kql_scope *vd_kql_bind(struct vd_kql_resolver *r, const struct vd_kql_scope *outer,
    struct vd_str name, enum vd_kql_binding_kind kind)
{
    struct vd_kql_scope *scope = vd_kql_new(r, sizeof *scope);

    scope->outer = outer;
    scope->name = name;
    scope->kind = kind;
    scope->tables = r->tables;
    return scope;
}

const struct vd_kql_scope *vd_kql_resolve_lets(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    const struct vd_kql_scope *first = scope;

    for (const struct vd_kql_node *let = node->first; let != NULL && let->kind == VD_KQL_LET;
         let = let->next) {
        struct vd_kql_scope *bound;
        const struct vd_kql_scope *earlier = vd_kql_scope_find(scope, let->text);

        for (const struct vd_kql_scope *s = scope; earlier != NULL && s != first; s = s->outer) {
            if (s == earlier) {
                vd_kql_fail(r, let, "'%.*s' has been defined before", VD_STR_ARG(let->text));
            }
        }
        if (let->first->kind == VD_KQL_PARAMETER) {
            bound = vd_kql_bind(r, scope, let->text, VD_KQL_BIND_VALUE);
            bound->value = vd_kql_parameter_value(r, scope, let->first);
        } else {
            bound = vd_kql_bind(r, scope, let->text, VD_KQL_BIND_NODE);
            bound->node = let->first;
            bound->inner = scope;
        }
        scope = bound;
    }
    return scope;
}

/* The argument that stands for the parameter: by name, by place, or its default; NULL: there is none. */
static const struct vd_kql_node *argument_of(
    const struct vd_kql_node *call, const struct vd_kql_node *parameter, uint32_t i)
{
    const struct vd_kql_node *plain = NULL;
    uint32_t place = 0;

    for (const struct vd_kql_node *item = call->first; item != NULL; item = item->next) {
        if (item->kind == VD_KQL_NAMED && vd_str_equal(item->text, parameter->text)) {
            return item->first;
        }
        if (item->kind != VD_KQL_NAMED && place++ == i) {
            plain = item;
        }
    }
    if (plain == NULL && parameter->first != NULL && parameter->first->kind != VD_KQL_SCHEMA) {
        return parameter->first;
    }
    return plain;
}

const struct vd_kql_scope *vd_kql_resolve_arguments(struct vd_kql_resolver *r,
    const struct vd_kql_place *place, const struct vd_kql_node *call,
    const struct vd_kql_scope *function)
{
    const struct vd_kql_scope *scope = function->inner;
    uint32_t i = 0;

    for (const struct vd_kql_node *parameter = function->node->first;
         parameter != NULL && parameter->kind == VD_KQL_PARAMETER;
         parameter = parameter->next, i++) {
        const struct vd_kql_node *argument = argument_of(call, parameter, i);
        const bool is_table = parameter->first != NULL && parameter->first->kind == VD_KQL_SCHEMA;
        struct vd_kql_scope *bound;

        if (argument == NULL) {
            vd_kql_fail(r, call, "%.*s lacks its argument '%.*s'", VD_STR_ARG(call->text),
                VD_STR_ARG(parameter->text));
        }
        bound =
            vd_kql_bind(r, scope, parameter->text, is_table ? VD_KQL_BIND_NODE : VD_KQL_BIND_VALUE);
        if (is_table) {
            bound->node = argument;
            bound->inner = place->scope;
        } else {
            bound->value = vd_kql_cast(
                r, argument, vd_kql_resolve_expr(r, place, argument), parameter->value.type);
        }
        scope = bound;
    }
    if (call->child_count > i) {
        vd_kql_fail(r, call, "%.*s takes %u arguments, not %u", VD_STR_ARG(call->text), i,
            call->child_count);
    }
    return scope;
}

struct vd_kql_rel *vd_kql_resolve_inner_table(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    struct vd_kql_rel *rel;

    r->tables++;
    rel = vd_kql_resolve_table(r, scope, node);
    r->tables--;
    return rel;
}

/* ---- Names that are not there ---- */

void vd_kql_fail_name(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_nearest nearest = {0};

    for (uint32_t i = 0; place->row != NULL && i < place->row->columns.count; i++) {
        if (!vd_kql_is_hidden(&place->row->columns.items[i])) {
            vd_nearest_try(&nearest, node->text, place->row->columns.items[i].name);
        }
    }
    for (const struct vd_kql_scope *s = place->scope; s != NULL; s = s->outer) {
        vd_nearest_try(&nearest, node->text, s->name);
    }
    if (nearest.name.data != NULL) {
        vd_kql_fail(r, node, "there is no column or value '%.*s'; did you mean '%.*s'?",
            VD_STR_ARG(node->text), VD_STR_ARG(nearest.name));
    }
    vd_kql_fail(r, node, "there is no column or value '%.*s'", VD_STR_ARG(node->text));
}

static _Noreturn void fail_table(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    struct vd_nearest nearest = {0};
    uint32_t count;
    const struct vd_kql_table *tables = vd_kql_tables(&count);

    for (uint32_t i = 0; i < count; i++) {
        vd_nearest_try(&nearest, node->text, vd_str_from(tables[i].name));
    }
    if (nearest.name.data != NULL) {
        vd_kql_fail(r, node, "there is no table '%.*s'; did you mean '%.*s'?",
            VD_STR_ARG(node->text), VD_STR_ARG(nearest.name));
    }
    vd_kql_fail(r, node,
        "there is no table '%.*s'; there are SecurityAlert, SecurityRecommendation, "
        "SecurityIoTRawEvent, AzureDiagnostics and AzureActivity",
        VD_STR_ARG(node->text));
}

/* ---- Tables ---- */

static struct vd_kql_expr *time_constant(struct vd_kql_resolver *r, int64_t ms)
{
    struct vd_kql_expr *time = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, VD_KQL_DATETIME, 0);

    time->value =
        (struct vd_kql_value){.type = VD_KQL_DATETIME, .integer = ms * (VD_KQL_TICKS_PER_S / 1000)};
    return time;
}

/* Rows of the time that the caller asked for. */
static struct vd_kql_rel *within_time(
    struct vd_kql_resolver *r, struct vd_kql_rel *scan, const struct vd_kql_node *node)
{
    const struct vd_kql_options *options = r->options;
    struct vd_kql_rel *filter;
    struct vd_kql_expr *from[2];
    struct vd_kql_expr *to[2];
    struct vd_kql_expr *both[2];

    if (options->time_from_ms == 0 && options->time_to_ms == 0) {
        return scan;
    }
    filter = vd_kql_rel_pass(r, VD_KQL_REL_FILTER, scan);
    from[0] = to[0] = vd_kql_column_expr(
        r, vd_kql_columns_find(&scan->columns, vd_str_from(scan->table->time_column)));
    from[1] = time_constant(r, options->time_from_ms);
    to[1] = time_constant(r, options->time_to_ms);
    both[0] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL(">="), from, 2);
    both[1] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("<"), to, 2);
    vd_kql_rel_expr(r, filter, vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("and"), both, 2));
    return filter;
}

static struct vd_kql_rel *scan_of(
    struct vd_kql_resolver *r, const struct vd_kql_table *table, const struct vd_kql_node *node)
{
    struct vd_kql_rel *scan = vd_kql_rel_new(r, VD_KQL_REL_SCAN, 0);
    const char **names = vd_kql_new(r, (table->column_count + table->member_count) * sizeof *names);

    for (uint32_t i = 0; i < table->column_count; i++) {
        names[i] = table->columns[i].name;
        vd_kql_columns_new(
            r, &scan->columns, vd_str_from(table->columns[i].name), table->columns[i].type);
    }
    for (uint32_t i = 0; i < table->member_count; i++) {
        const struct vd_kql_table_member *member = &table->members[i];
        const uint32_t of = vd_kql_columns_find(&scan->columns, vd_str_from(member->column))->id;
        struct vd_kql_column *column =
            vd_kql_columns_new(r, &scan->columns, vd_str_from(member->member), member->type);

        column->member_of = of;
        column->member = member;
        names[table->column_count + i] = member->view_column;
    }
    scan->table = table;
    scan->view_columns = names;
    return within_time(r, scan, node);
}

struct vd_kql_rel *vd_kql_rel_pass(
    struct vd_kql_resolver *r, enum vd_kql_rel_kind kind, struct vd_kql_rel *input)
{
    struct vd_kql_rel *rel = vd_kql_rel_new(r, kind, 1);

    rel->inputs[0] = input;
    for (uint32_t i = 0; i < input->columns.count; i++) {
        vd_kql_columns_add(r, &rel->columns, &input->columns.items[i]);
    }
    rel->order = input->order;
    rel->order_count = input->order_count;
    rel->is_serialized = input->is_serialized;
    return rel;
}

/* The relation with columns of other numbers, so that it can stand beside itself. */
static struct vd_kql_rel *renumbered(struct vd_kql_resolver *r, const struct vd_kql_rel *rel)
{
    struct vd_kql_rel *copy = vd_kql_rel_new(r, VD_KQL_REL_PROJECT, 1);

    copy->inputs[0] = rel;
    for (uint32_t i = 0; i < rel->columns.count; i++) {
        const struct vd_kql_column *column = &rel->columns.items[i];

        if (!vd_kql_is_hidden(column)) {
            vd_kql_columns_new(r, &copy->columns, column->name, column->type);
            vd_kql_rel_expr(r, copy, vd_kql_column_expr(r, column));
        }
    }
    return copy;
}

static struct vd_kql_rel *resolve_table_call(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node);

static struct vd_kql_rel *resolve_table_name(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    const struct vd_kql_scope *bound = vd_kql_scope_find(scope, node->text);
    const struct vd_kql_table *table;

    if (bound != NULL && bound->kind == VD_KQL_BIND_REL) {
        return renumbered(r, bound->rel);
    }
    if (bound != NULL && bound->kind == VD_KQL_BIND_NODE && bound->node->kind != VD_KQL_FUNCTION) {
        struct vd_kql_rel *rel;

        if (++r->depth > VD_KQL_CALL_DEPTH_MAX) {
            vd_kql_fail(r, node, "names stand for one another too deeply");
        }
        rel = vd_kql_resolve_table(r, bound->inner, bound->node);
        r->depth--;
        return rel;
    }
    if (bound != NULL && bound->kind == VD_KQL_BIND_NODE) {
        struct vd_kql_node call = *node;

        call.kind = VD_KQL_CALL;
        return resolve_table_call(r, scope, &call);
    }
    if (bound != NULL) {
        vd_kql_fail(r, node, "'%.*s' is no table", VD_STR_ARG(node->text));
    }
    table = vd_kql_table_find(node->text);
    if (table == NULL) {
        fail_table(r, node);
    }
    return scan_of(r, table, node);
}

static struct vd_kql_rel *resolve_table_call(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    const struct vd_kql_scope *function = vd_kql_scope_find(scope, node->text);
    const struct vd_kql_place place = {.scope = scope};
    const struct vd_kql_node *body;
    struct vd_kql_rel *rel;

    if (vd_str_equal_text(node->text, "materialize") && node->child_count == 1) {
        return vd_kql_resolve_table(r, scope, node->first);
    }
    if (vd_str_equal_text(node->text, "table") && node->child_count == 1 &&
        node->first->kind == VD_KQL_LITERAL && node->first->value.type == VD_KQL_STRING) {
        struct vd_kql_node name = *node->first;

        name.text = name.value.text;
        return resolve_table_name(r, NULL, &name);
    }
    if (function == NULL || function->kind != VD_KQL_BIND_NODE ||
        function->node->kind != VD_KQL_FUNCTION) {
        vd_kql_fail(
            r, node, "there is no function '%.*s' that gives a table", VD_STR_ARG(node->text));
    }
    body = vd_kql_child(function->node, function->node->child_count - 1);
    if (++r->depth > VD_KQL_CALL_DEPTH_MAX) {
        vd_kql_fail(r, node, "functions call one another too deeply");
    }
    rel = vd_kql_resolve_query(r, vd_kql_resolve_arguments(r, &place, node, function), body);
    r->depth--;
    return rel;
}

/* ---- Sources ---- */

static struct vd_kql_rel *resolve_datatable(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    struct vd_kql_rel *rows = vd_kql_rel_new(r, VD_KQL_REL_ROWS, 0);
    const struct vd_kql_place place = {.scope = scope};
    uint32_t i = 0;

    for (const struct vd_kql_node *declared = node->first->first; declared != NULL;
         declared = declared->next) {
        vd_kql_columns_new(r, &rows->columns, declared->text, declared->value.type);
    }
    if (rows->columns.count == 0) {
        vd_kql_fail(r, node, "a datatable has at least one column");
    }
    for (const struct vd_kql_node *value = node->first->next; value != NULL;
         value = value->next, i++) {
        struct vd_kql_expr *expr = vd_kql_resolve_expr(r, &place, value);

        if (!vd_kql_is_constant(expr)) {
            vd_kql_fail(r, value, "the values of a datatable are constants");
        }
        vd_kql_rel_expr(r, rows,
            vd_kql_cast(r, value, expr, rows->columns.items[i % rows->columns.count].type));
    }
    if (i % rows->columns.count != 0) {
        vd_kql_fail(r, node, "%u values do not fill rows of %u columns", i, rows->columns.count);
    }
    return rows;
}

static struct vd_kql_rel *resolve_print(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    struct vd_kql_rel *rows = vd_kql_rel_new(r, VD_KQL_REL_ROWS, 0);
    const struct vd_kql_place place = {.scope = scope};
    uint32_t i = 0;

    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next, i++) {
        const bool is_named = item->kind == VD_KQL_NAMED;
        struct vd_kql_expr *expr = vd_kql_resolve_expr(r, &place, is_named ? item->first : item);

        vd_kql_columns_new(r, &rows->columns,
            vd_kql_columns_free_name(
                r, &rows->columns, is_named ? item->text : vd_kql_textf(r, "print_%u", i)),
            expr->type);
        vd_kql_rel_expr(r, rows, expr);
    }
    return rows;
}

/* ---- Pipes ---- */

static struct vd_kql_rel *resolve_where(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_rel *filter = vd_kql_rel_pass(r, VD_KQL_REL_FILTER, input);
    const struct vd_kql_place place = {.scope = scope, .row = input};

    vd_kql_rel_expr(r, filter, vd_kql_resolve_bool(r, &place, node->first));
    return filter;
}

/* T | invoke f(a) is f(T, a). */
static struct vd_kql_rel *resolve_invoke(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_scope *table = vd_kql_bind(r, scope, VD_STR_LITERAL("$invoke"), VD_KQL_BIND_REL);
    struct vd_kql_node *call = vd_kql_new(r, 2 * sizeof *call);
    struct vd_kql_node *name = call + 1;

    table->rel = input;
    *call = *node->first;
    *name = (struct vd_kql_node){.kind = VD_KQL_NAME,
        .offset = node->offset,
        .end = node->end,
        .text = table->name,
        .next = call->first};
    call->first = name;
    call->child_count++;
    return resolve_table_call(r, table, call);
}

static vd_kql_operator *const operators[VD_KQL_KIND_COUNT] = {
    [VD_KQL_INVOKE] = resolve_invoke,
    [VD_KQL_WHERE] = resolve_where,
    [VD_KQL_PROJECT] = vd_kql_resolve_project,
    [VD_KQL_PROJECT_AWAY] = vd_kql_resolve_project_away,
    [VD_KQL_PROJECT_KEEP] = vd_kql_resolve_project_keep,
    [VD_KQL_PROJECT_RENAME] = vd_kql_resolve_project_rename,
    [VD_KQL_PROJECT_REORDER] = vd_kql_resolve_project_reorder,
    [VD_KQL_EXTEND] = vd_kql_resolve_extend,
    [VD_KQL_SERIALIZE] = vd_kql_resolve_serialize,
    [VD_KQL_SUMMARIZE] = vd_kql_resolve_summarize,
    [VD_KQL_COUNT] = vd_kql_resolve_count_rows,
    [VD_KQL_DISTINCT] = vd_kql_resolve_distinct,
    [VD_KQL_TAKE] = vd_kql_resolve_take,
    [VD_KQL_TOP] = vd_kql_resolve_top,
    [VD_KQL_SORT] = vd_kql_resolve_sort,
    [VD_KQL_SAMPLE] = vd_kql_resolve_sample,
    [VD_KQL_SAMPLE_DISTINCT] = vd_kql_resolve_sample_distinct,
    [VD_KQL_JOIN] = vd_kql_resolve_join,
    [VD_KQL_LOOKUP] = vd_kql_resolve_join,
    [VD_KQL_UNION] = vd_kql_resolve_union,
    [VD_KQL_SEARCH] = vd_kql_resolve_search,
    [VD_KQL_MV_EXPAND] = vd_kql_resolve_mv_expand,
    [VD_KQL_PARSE] = vd_kql_resolve_parse,
    [VD_KQL_PARSE_WHERE] = vd_kql_resolve_parse,
    [VD_KQL_EVALUATE] = vd_kql_resolve_evaluate,
    [VD_KQL_MAKE_SERIES] = vd_kql_resolve_make_series,
    [VD_KQL_RENDER] = vd_kql_resolve_render,
};

static struct vd_kql_rel *resolve_source(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    switch (node->kind) {
    case VD_KQL_NAME:
        return resolve_table_name(r, scope, node);
    case VD_KQL_CALL:
        return resolve_table_call(r, scope, node);
    case VD_KQL_DATATABLE:
        return resolve_datatable(r, scope, node);
    case VD_KQL_PRINT:
        return resolve_print(r, scope, node);
    case VD_KQL_RANGE:
        return vd_kql_resolve_range(r, scope, node);
    case VD_KQL_UNION:
        return vd_kql_resolve_union(r, scope, NULL, node);
    case VD_KQL_SEARCH:
        return vd_kql_resolve_search(r, scope, NULL, node);
    case VD_KQL_PIPE:
        return vd_kql_resolve_table(r, scope, node);
    default:
        vd_kql_fail(r, node, "a table is expected here, not a value");
    }
}

struct vd_kql_rel *vd_kql_resolve_table(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    struct vd_kql_rel *rel;

    if (++r->nesting > VD_KQL_NESTING_MAX) {
        vd_kql_fail(r, node, "the query is nested too deeply once its functions are expanded");
    }
    if (node->kind != VD_KQL_PIPE) {
        rel = resolve_source(r, scope, node);
        r->nesting--;
        return rel;
    }
    rel = resolve_source(r, scope, node->first);
    for (const struct vd_kql_node *step = node->first->next; step != NULL; step = step->next) {
        if (++r->steps > VD_KQL_STEPS_MAX) {
            vd_kql_fail(r, step, "a query has at most %d operators, with those of its functions",
                VD_KQL_STEPS_MAX);
        }
        if (step->kind == VD_KQL_AS) {
            struct vd_kql_scope *bound = vd_kql_bind(r, scope, step->text, VD_KQL_BIND_REL);

            bound->rel = rel;
            scope = bound;
        } else if (operators[step->kind] != NULL) {
            rel = operators[step->kind](r, scope, rel, step);
        } else {
            vd_kql_fail(r, step, "this operator is not supported");
        }
    }
    r->nesting--;
    return rel;
}

struct vd_kql_rel *vd_kql_resolve_query(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    if (node->kind != VD_KQL_QUERY) {
        return vd_kql_resolve_table(r, scope, node);
    }
    return vd_kql_resolve_table(
        r, vd_kql_resolve_lets(r, scope, node), vd_kql_child(node, node->child_count - 1));
}
