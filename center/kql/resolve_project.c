/* SPDX-License-Identifier: MIT */
/* Operators that choose and compute columns. */

#include <string.h>

#include "center/kql/resolve_internal.h"

struct vd_kql_rel *vd_kql_project_begin(struct vd_kql_resolver *r, struct vd_kql_rel *input)
{
    struct vd_kql_rel *project = vd_kql_rel_new(r, VD_KQL_REL_PROJECT, 1);

    project->inputs[0] = input;
    return project;
}

void vd_kql_project_keep(
    struct vd_kql_resolver *r, struct vd_kql_rel *project, const struct vd_kql_column *column)
{
    struct vd_kql_expr *expr = vd_kql_column_expr(r, column);

    vd_kql_columns_add(r, &project->columns, column);
    vd_kql_rel_expr(r, project, expr);
}

void vd_kql_project_add(struct vd_kql_resolver *r, struct vd_kql_rel *project, struct vd_str name,
    struct vd_kql_expr *expr)
{
    const struct vd_kql_rel *input = project->inputs[0];
    const struct vd_kql_column *same = NULL;
    struct vd_kql_column *column;

    name = vd_kql_columns_free_name(r, &project->columns, name);
    if (expr->op == VD_KQL_OP_COLUMN &&
        vd_kql_columns_by_id(&project->columns, expr->column) == NULL) {
        same = vd_kql_columns_by_id(&input->columns, expr->column);
    }
    if (same != NULL && !vd_kql_is_hidden(same)) {
        column = vd_kql_columns_add(r, &project->columns, same);
        column->name = name;
    } else {
        column = vd_kql_columns_new(r, &project->columns, name, expr->type);
        column->json_of = vd_kql_json_of(input, expr);
    }
    vd_kql_rel_expr(r, project, expr);
}

/* Whether something in the projection may still ask for members of that column. */
static bool is_wanted(const struct vd_kql_columns *columns, uint32_t id)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (columns->items[i].id == id || columns->items[i].json_of == id) {
            return true;
        }
    }
    return false;
}

struct vd_kql_rel *vd_kql_project_end(struct vd_kql_resolver *r, struct vd_kql_rel *project)
{
    const struct vd_kql_rel *input = project->inputs[0];

    for (uint32_t i = 0; i < input->columns.count; i++) {
        const struct vd_kql_column *column = &input->columns.items[i];

        if (column->member_of != 0 && is_wanted(&project->columns, column->member_of)) {
            vd_kql_project_keep(r, project, column);
        }
    }
    for (uint32_t i = 0; i < input->order_count; i++) {
        const uint32_t id = input->order[i].column;

        if (vd_kql_columns_by_id(&project->columns, id) == NULL) {
            struct vd_kql_column key = *vd_kql_columns_by_id(&input->columns, id);

            key.is_key = true;
            vd_kql_project_keep(r, project, &key);
        }
    }
    project->order = input->order;
    project->order_count = input->order_count;
    project->is_serialized = input->is_serialized;
    return project;
}

bool vd_kql_matches(struct vd_str pattern, struct vd_str name)
{
    size_t p = 0;
    size_t n = 0;
    size_t star = SIZE_MAX;
    size_t mark = 0;

    while (n < name.length) {
        if (p < pattern.length && pattern.data[p] == '*') {
            star = p++;
            mark = n;
        } else if (p < pattern.length && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.length && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.length;
}

/* What a column is called whose expression has no name: Column1, Column2 ... */
static struct vd_str column_name(
    struct vd_kql_resolver *r, const struct vd_kql_rel *project, const struct vd_kql_node *item)
{
    struct vd_str name = vd_kql_name_of(r, item);

    for (unsigned i = 1; name.length == 0; i++) {
        name = vd_kql_textf(r, "Column%u", i);
        if (vd_kql_columns_find(&project->columns, name) != NULL) {
            name.length = 0;
        }
    }
    return name;
}

static const struct vd_kql_node *value_of(struct vd_kql_resolver *r, const struct vd_kql_node *item)
{
    if (item->kind == VD_KQL_NAMED && item->first->kind == VD_KQL_TUPLE) {
        vd_kql_fail(
            r, item, "several names stand for the columns of an aggregate in summarize only");
    }
    return item->kind == VD_KQL_NAMED ? item->first : item;
}

/* A name that the query itself gives, it gives once. */
static void check_names(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        for (const struct vd_kql_node *other = node->first; other != item; other = other->next) {
            if (item->kind == VD_KQL_NAMED && other->kind == VD_KQL_NAMED &&
                vd_str_equal(item->text, other->text)) {
                vd_kql_fail(r, item, "there is a column '%.*s' already", VD_STR_ARG(item->text));
            }
        }
    }
}

struct vd_kql_rel *vd_kql_resolve_project(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_rel *project = vd_kql_project_begin(r, input);
    const struct vd_kql_place place = {.scope = scope, .row = input};

    check_names(r, node);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        struct vd_kql_expr *expr = vd_kql_resolve_expr(r, &place, value_of(r, item));

        vd_kql_project_add(r, project, column_name(r, project, item), expr);
    }
    return vd_kql_project_end(r, project);
}

/* Columns that exist already are taken away and come last, with their new values. */
struct vd_kql_rel *vd_kql_resolve_extend(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_rel *project = vd_kql_project_begin(r, input);
    const struct vd_kql_place place = {.scope = scope, .row = input};

    check_names(r, node);
    for (uint32_t i = 0; i < input->columns.count; i++) {
        const struct vd_kql_column *column = &input->columns.items[i];
        bool is_replaced = vd_kql_is_hidden(column);

        for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
            is_replaced = is_replaced || vd_str_equal(vd_kql_name_of(r, item), column->name);
        }
        if (!is_replaced) {
            vd_kql_project_keep(r, project, column);
        }
    }
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        struct vd_kql_expr *expr = vd_kql_resolve_expr(r, &place, value_of(r, item));

        vd_kql_project_add(r, project, column_name(r, project, item), expr);
    }
    return vd_kql_project_end(r, project);
}

struct vd_kql_rel *vd_kql_resolve_serialize(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    input->is_serialized = true;
    return node->first != NULL ? vd_kql_resolve_extend(r, scope, input, node) : input;
}

static bool names_column(const struct vd_kql_node *item, const struct vd_kql_column *column)
{
    if (item->kind == VD_KQL_ORDER) {
        item = item->first;
    }
    if (item->kind == VD_KQL_PATTERN || item->kind == VD_KQL_STAR) {
        return item->kind == VD_KQL_STAR || vd_kql_matches(item->text, column->name);
    }
    return vd_str_equal(item->text, column->name);
}

/* A plain name has to be there. */
static void expect_columns(
    struct vd_kql_resolver *r, const struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        const struct vd_kql_node *name = item->kind == VD_KQL_ORDER ? item->first : item;

        if (name->kind == VD_KQL_NAME && vd_kql_columns_find(&input->columns, name->text) == NULL) {
            const struct vd_kql_place place = {.row = input};

            vd_kql_fail_name(r, &place, name);
        }
    }
}

static struct vd_kql_rel *choose(
    struct vd_kql_resolver *r, struct vd_kql_rel *input, const struct vd_kql_node *node, bool keeps)
{
    struct vd_kql_rel *project = vd_kql_project_begin(r, input);

    expect_columns(r, input, node);
    for (uint32_t i = 0; i < input->columns.count; i++) {
        const struct vd_kql_column *column = &input->columns.items[i];
        bool is_named = false;

        for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
            is_named = is_named || names_column(item, column);
        }
        if (!vd_kql_is_hidden(column) && is_named == keeps) {
            vd_kql_project_keep(r, project, column);
        }
    }
    return vd_kql_project_end(r, project);
}

struct vd_kql_rel *vd_kql_resolve_project_away(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    (void)scope;
    return choose(r, input, node, false);
}

struct vd_kql_rel *vd_kql_resolve_project_keep(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    (void)scope;
    return choose(r, input, node, true);
}

struct vd_kql_rel *vd_kql_resolve_project_rename(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_rel *project = vd_kql_project_begin(r, input);

    (void)scope;
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        const struct vd_kql_place place = {.row = input};

        if (item->kind != VD_KQL_NAMED || item->first->kind != VD_KQL_NAME) {
            vd_kql_fail(r, item, "new name = old name is expected");
        }
        if (vd_kql_columns_find(&input->columns, item->first->text) == NULL) {
            vd_kql_fail_name(r, &place, item->first);
        }
    }
    for (uint32_t i = 0; i < input->columns.count; i++) {
        struct vd_kql_column column = input->columns.items[i];

        for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
            if (vd_str_equal(item->first->text, input->columns.items[i].name)) {
                column.name = item->text;
            }
        }
        if (!vd_kql_is_hidden(&column)) {
            if (vd_kql_columns_find(&project->columns, column.name) != NULL) {
                vd_kql_fail(r, node, "there would be two columns '%.*s'", VD_STR_ARG(column.name));
            }
            vd_kql_project_keep(r, project, &column);
        }
    }
    return vd_kql_project_end(r, project);
}

static int compare(struct vd_str a, struct vd_str b)
{
    const size_t shorter = a.length < b.length ? a.length : b.length;
    const int result = memcmp(a.data, b.data, shorter);

    return result != 0 ? result : (a.length > b.length) - (a.length < b.length);
}

/* Those that the item names and are not there yet; sorted by name if it says so. */
static void reorder_by(struct vd_kql_resolver *r, struct vd_kql_rel *project,
    const struct vd_kql_rel *input, const struct vd_kql_node *item)
{
    const bool is_sorted = item->kind == VD_KQL_ORDER;
    const bool descends = is_sorted && vd_str_equal_text(item->text, "desc");

    for (;;) {
        const struct vd_kql_column *next = NULL;

        for (uint32_t i = 0; i < input->columns.count; i++) {
            const struct vd_kql_column *column = &input->columns.items[i];
            const int compared = next != NULL ? compare(column->name, next->name) : 0;

            if (!vd_kql_is_hidden(column) && names_column(item, column) &&
                vd_kql_columns_by_id(&project->columns, column->id) == NULL &&
                (next == NULL || (is_sorted && (descends ? compared > 0 : compared < 0)))) {
                next = column;
            }
        }
        if (next == NULL) {
            return;
        }
        vd_kql_project_keep(r, project, next);
    }
}

struct vd_kql_rel *vd_kql_resolve_project_reorder(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    static const struct vd_kql_node all = {.kind = VD_KQL_STAR};
    struct vd_kql_rel *project = vd_kql_project_begin(r, input);

    (void)scope;
    expect_columns(r, input, node);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        reorder_by(r, project, input, item);
    }
    reorder_by(r, project, input, &all);
    return vd_kql_project_end(r, project);
}
