/* SPDX-License-Identifier: MIT */
/* The steps one after another. */

#include <stdio.h>
#include <string.h>

#include "center/kql/emit.h"
#include "center/kql/kql.h"
#include "center/kql/resolve.h"

/* Of the statement; templates that name an argument twice make it grow. */
#define SQL_MAX (4u << 20)

/* Columns as they can be named. */
static int describe(
    const struct vd_kql_plan *plan, struct vd_arena *arena, struct vd_kql_compiled *out)
{
    const struct vd_kql_columns *columns = &plan->rel->columns;
    struct vd_kql_result_column *described =
        vd_arena_alloc(arena, (columns->count + 1) * sizeof *described);

    if (described == NULL) {
        return VD_E_NOMEM;
    }
    out->column_count = 0;
    for (uint32_t i = 0; i < columns->count; i++) {
        const struct vd_kql_column *column = &columns->items[i];
        struct vd_buf name = {0};

        if (column->member_of != 0 || column->is_key) {
            continue;
        }
        vd_buf_append(&name, column->name.data, column->name.length);
        vd_buf_append(&name, "", 1);
        described[out->column_count++] = (struct vd_kql_result_column){
            name.error == VD_OK ? vd_arena_copy(arena, name.data, name.length).data : NULL,
            column->type};
        vd_buf_release(&name);
        if (described[out->column_count - 1].name == NULL) {
            return VD_E_NOMEM;
        }
    }
    out->columns = described;
    out->render = plan->render;
    out->is_sorted = plan->rel->order_count > 0;
    return VD_OK;
}

static int emit(const struct vd_kql_plan *plan, const struct vd_kql_options *options,
    struct vd_arena *arena, struct vd_kql_compiled *out, struct vd_kql_problem *problem)
{
    struct vd_buf sql = {.max = SQL_MAX};
    int error = vd_kql_emit(plan, options->dialect, &sql, &out->text_functions, problem);

    if (error == VD_OK) {
        error = describe(plan, arena, out);
    }
    vd_buf_append(&sql, "", 1);
    if (error == VD_E_LIMIT) {
        snprintf(problem->text, sizeof problem->text, "the query becomes too long a statement");
    }
    if (error == VD_OK && out->column_count == 0) {
        snprintf(problem->text, sizeof problem->text, "no column is left");
        error = VD_E_INVALID;
    }
    if (error == VD_OK) {
        out->sql = sql.error == VD_OK ? vd_arena_copy(arena, sql.data, sql.length).data : NULL;
        error = out->sql != NULL ? VD_OK : VD_E_NOMEM;
    }
    vd_buf_release(&sql);
    return error;
}

/* What the query says there; NULL: empty. */
static struct vd_str source_of(struct vd_str text, const struct vd_kql_node *node)
{
    return node != NULL ? (struct vd_str){text.data + node->offset, node->end - node->offset}
                        : (struct vd_str){"", 0};
}

static int list_parameters(struct vd_str text, const struct vd_kql_node *query,
    struct vd_arena *arena, struct vd_kql_compiled *out)
{
    struct vd_kql_declared *list = vd_arena_alloc(arena, (query->child_count + 1) * sizeof *list);

    if (list == NULL) {
        return VD_E_NOMEM;
    }
    out->parameters = list;
    for (const struct vd_kql_node *let = query->first; let != NULL; let = let->next) {
        if (let->kind == VD_KQL_LET && let->first->kind == VD_KQL_PARAMETER) {
            const struct vd_kql_node *parameter = let->first;
            char *name = vd_arena_alloc(arena, parameter->text.length + 1);

            if (name == NULL) {
                return VD_E_NOMEM;
            }
            memcpy(name, parameter->text.data, parameter->text.length);
            name[parameter->text.length] = '\0';
            list[out->parameter_count++] = (struct vd_kql_declared){name, parameter->value.type,
                parameter->first != NULL, source_of(text, parameter->first)};
        }
    }
    return VD_OK;
}

int vd_kql_compile(struct vd_str query, const struct vd_kql_options *options,
    struct vd_arena *arena, struct vd_kql_compiled *out, struct vd_kql_problem *problem)
{
    struct vd_kql_node *tree = NULL;
    struct vd_kql_plan plan = {0};
    int error;

    *out = (struct vd_kql_compiled){0};
    *problem = (struct vd_kql_problem){0};
    error = vd_kql_parse(query, arena, &tree, problem);
    if (error == VD_OK) {
        error = list_parameters(query, tree, arena, out);
    }
    if (error == VD_OK) {
        error = vd_kql_resolve(tree, options, arena, &plan, problem);
    }
    if (error == VD_OK) {
        error = emit(&plan, options, arena, out, problem);
    }
    if (error != VD_OK) {
        vd_kql_problem_locate(problem, query);
    }
    return error;
}
