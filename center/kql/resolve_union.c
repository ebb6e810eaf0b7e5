/* SPDX-License-Identifier: MIT */
/* union and search: several tables as one. */

#include <string.h>

#include "center/kql/resolve_internal.h"

/* Tables with what each is called. */
struct parts {
    struct vd_kql_rel **rels;
    struct vd_str *names;
    uint32_t count;
    uint32_t capacity;
};

static void add_part(
    struct vd_kql_resolver *r, struct parts *parts, struct vd_kql_rel *rel, struct vd_str name)
{
    if (parts->count == parts->capacity) {
        const uint32_t capacity = parts->capacity > 0 ? parts->capacity * 2 : 8;
        struct vd_kql_rel **rels = vd_kql_new(r, capacity * sizeof(struct vd_kql_rel *));
        struct vd_str *names = vd_kql_new(r, capacity * sizeof *names);

        for (uint32_t i = 0; i < parts->count; i++) {
            rels[i] = parts->rels[i];
            names[i] = parts->names[i];
        }
        parts->rels = rels;
        parts->names = names;
        parts->capacity = capacity;
    }
    parts->rels[parts->count] = rel;
    parts->names[parts->count++] = name;
}

/* A column of the whole: its name, and where each part has it. */
static const struct vd_kql_column *same_in(
    const struct vd_kql_rel *part, const struct vd_kql_column *column)
{
    const struct vd_kql_column *own = vd_kql_columns_find(&part->columns, column->name);

    return own != NULL && own->type == column->type ? own : NULL;
}

static bool is_in_all(const struct parts *parts, const struct vd_kql_column *column)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        if (same_in(parts->rels[i], column) == NULL) {
            return false;
        }
    }
    return true;
}

/* Whether parts have columns of that name whose types differ: these are then called name_type. */
static bool has_two_types(const struct parts *parts, const struct vd_kql_column *column)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct vd_kql_column *own =
            vd_kql_columns_find(&parts->rels[i]->columns, column->name);

        if (own != NULL && own->type != column->type) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct vd_kql_columns *columns, const struct vd_kql_column *column)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (columns->items[i].type == column->type &&
            vd_str_equal(columns->items[i].name, column->name)) {
            return true;
        }
    }
    return false;
}

/* `sources` as the parts call them. */
static void list_columns(struct vd_kql_resolver *r, const struct parts *parts, bool is_inner,
    struct vd_kql_columns *sources)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct vd_kql_columns *columns = &parts->rels[i]->columns;

        for (uint32_t c = 0; c < columns->count; c++) {
            const struct vd_kql_column *column = &columns->items[c];

            if (!vd_kql_is_hidden(column) && !is_listed(sources, column) &&
                (!is_inner || is_in_all(parts, column))) {
                vd_kql_columns_new(r, sources, column->name, column->type);
            }
        }
    }
}

/* One part with exactly the columns of the whole. */
static struct vd_kql_rel *fit(struct vd_kql_resolver *r, struct vd_kql_rel *part,
    const struct vd_kql_columns *sources, struct vd_str source_column, struct vd_str name)
{
    struct vd_kql_rel *project = vd_kql_project_begin(r, part);

    if (source_column.length > 0) {
        vd_kql_columns_new(r, &project->columns, source_column, VD_KQL_STRING);
        vd_kql_rel_expr(r, project, vd_kql_constant_text(r, name));
    }
    for (uint32_t i = 0; i < sources->count; i++) {
        const struct vd_kql_column *own = same_in(part, &sources->items[i]);

        vd_kql_columns_new(r, &project->columns, sources->items[i].name, sources->items[i].type);
        vd_kql_rel_expr(r, project,
            own != NULL ? vd_kql_column_expr(r, own)
                        : vd_kql_constant_null(r, sources->items[i].type));
    }
    return project;
}

/* Members of JSON, if all parts come from one table and still have them. */
static struct vd_kql_rel *unite(struct vd_kql_resolver *r, const struct parts *parts, bool is_inner,
    struct vd_str source_column)
{
    struct vd_kql_rel *all = vd_kql_rel_new(r, VD_KQL_REL_UNION, parts->count);
    struct vd_kql_columns sources = {0};

    list_columns(r, parts, is_inner, &sources);
    if (source_column.length > 0) {
        vd_kql_columns_new(r, &all->columns, source_column, VD_KQL_STRING);
    }
    for (uint32_t i = 0; i < sources.count; i++) {
        const struct vd_kql_column *column = &sources.items[i];

        vd_kql_columns_new(r, &all->columns,
            has_two_types(parts, column) ? vd_kql_textf(r, "%.*s_%s", VD_STR_ARG(column->name),
                                               vd_kql_type_text(column->type))
                                         : column->name,
            column->type);
    }
    for (uint32_t i = 0; i < parts->count; i++) {
        all->inputs[i] = fit(r, parts->rels[i], &sources, source_column, parts->names[i]);
    }
    return all;
}

/* All tables and lets whose name fits. */
static void add_matching(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct parts *parts, const struct vd_kql_node *pattern)
{
    uint32_t count;
    const struct vd_kql_table *tables = vd_kql_tables(&count);
    const uint32_t before = parts->count;

    for (uint32_t i = 0; i < count; i++) {
        struct vd_kql_node name = {
            .kind = VD_KQL_NAME, .offset = pattern->offset, .end = pattern->end};

        name.text = vd_str_from(tables[i].name);
        if (vd_kql_matches(pattern->text, name.text)) {
            add_part(r, parts, vd_kql_resolve_table(r, scope, &name), name.text);
        }
    }
    if (parts->count == before) {
        vd_kql_fail(r, pattern, "no table's name fits '%.*s'", VD_STR_ARG(pattern->text));
    }
}

static bool is_known(const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    return node->kind != VD_KQL_NAME || vd_kql_scope_find(scope, node->text) != NULL ||
        vd_kql_table_find(node->text) != NULL;
}

static bool is_true(const struct vd_kql_node *value)
{
    return value->kind == VD_KQL_LITERAL && value->value.type == VD_KQL_BOOL &&
        value->value.integer != 0;
}

struct vd_kql_rel *vd_kql_resolve_union(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct parts parts = {0};
    struct vd_str source = VD_STR_LITERAL("");
    bool is_fuzzy = false;

    if (input != NULL) {
        add_part(r, &parts, input, VD_STR_LITERAL(""));
    }
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind == VD_KQL_OPTION) {
            if (vd_str_equal_text(item->text, "withsource")) {
                source = item->first->text;
            } else if (vd_str_equal_text(item->text, "isfuzzy")) {
                is_fuzzy = is_true(item->first);
            }
        } else if (item->kind == VD_KQL_PATTERN) {
            add_matching(r, scope, &parts, item);
        } else if (!is_fuzzy || is_known(scope, item)) {
            add_part(r, &parts, vd_kql_resolve_table(r, scope, item),
                item->kind == VD_KQL_NAME ? item->text
                                          : vd_kql_textf(r, "union_arg%u", parts.count));
        }
    }
    if (parts.count == 0) {
        vd_kql_fail(r, node, "there is no table to unite");
    }
    return unite(r, &parts, vd_str_equal_text(node->text, "inner"), source);
}

/* ---- search ---- */

/* Whether the text, which may have stars at its ends, is in a column. */
static struct vd_kql_expr *has_text(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_expr *column, struct vd_str text)
{
    const bool before = text.length > 0 && text.data[0] == '*';
    const bool behind = text.length > 1 && text.data[text.length - 1] == '*';
    const struct vd_str inner = {
        text.data + (before ? 1 : 0), text.length - (before ? 1 : 0) - (behind ? 1 : 0)};
    struct vd_kql_expr *sides[] = {column, vd_kql_constant_text(r, inner)};
    struct vd_str operator= VD_STR_LITERAL("has");

    if (before && behind) {
        operator= VD_STR_LITERAL("contains");
    } else if (before) {
        operator= VD_STR_LITERAL("hassuffix");
    } else if (behind) {
        operator= VD_STR_LITERAL("hasprefix");
    }
    return vd_kql_call(r, node, VD_KQL_SCALAR, operator, sides, 2);
}

/* A text alone is looked for in all columns of text; anything else is a condition. */
static struct vd_kql_expr *search_condition(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *found = NULL;

    if (node->kind == VD_KQL_BINARY &&
        (vd_str_equal_text(node->text, "and") || vd_str_equal_text(node->text, "or"))) {
        for (const struct vd_kql_node *side = node->first; side != NULL; side = side->next) {
            struct vd_kql_expr *sides[] = {found, search_condition(r, place, side)};

            found = found == NULL ? sides[1]
                                  : vd_kql_call(r, node, VD_KQL_SCALAR, node->text, sides, 2);
        }
        return found;
    }
    if (node->kind == VD_KQL_CALL && vd_str_equal_text(node->text, "not") && node->first != NULL) {
        found = search_condition(r, place, node->first);
        return vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("not"), &found, 1);
    }
    if (node->kind == VD_KQL_STAR) {
        found = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, VD_KQL_BOOL, 0);
        found->value = (struct vd_kql_value){.type = VD_KQL_BOOL, .integer = 1};
        return found;
    }
    if (node->kind != VD_KQL_LITERAL || node->value.type != VD_KQL_STRING) {
        return vd_kql_resolve_bool(r, place, node);
    }
    for (uint32_t i = 0; i < place->row->columns.count; i++) {
        const struct vd_kql_column *column = &place->row->columns.items[i];
        struct vd_kql_expr *sides[2];

        if (vd_kql_is_hidden(column) ||
            (column->type != VD_KQL_STRING && column->type != VD_KQL_DYNAMIC)) {
            continue;
        }
        sides[0] = found;
        sides[1] = vd_kql_cast(r, node, vd_kql_column_expr(r, column), VD_KQL_STRING);
        sides[1] = has_text(r, node, sides[1], node->value.text);
        found = found == NULL ? sides[1]
                              : vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("or"), sides, 2);
    }
    if (found == NULL) {
        found = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, VD_KQL_BOOL, 0);
        found->value = (struct vd_kql_value){.type = VD_KQL_BOOL};
    }
    return found;
}

static struct vd_kql_rel *searched(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *rel, const struct vd_kql_node *predicate)
{
    const struct vd_kql_place place = {.scope = scope, .row = rel};
    struct vd_kql_rel *filter = vd_kql_rel_pass(r, VD_KQL_REL_FILTER, rel);

    vd_kql_rel_expr(r, filter, search_condition(r, &place, predicate));
    return filter;
}

struct vd_kql_rel *vd_kql_resolve_search(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    const struct vd_kql_node all = {.kind = VD_KQL_PATTERN,
        .offset = node->offset,
        .end = node->end,
        .text = VD_STR_LITERAL("*")};
    struct parts parts = {0};

    if (input != NULL) {
        return searched(r, scope, input, node->first);
    }
    for (const struct vd_kql_node *item = node->first->next; item != NULL; item = item->next) {
        if (item->kind == VD_KQL_PATTERN) {
            add_matching(r, scope, &parts, item);
        } else if (item->kind != VD_KQL_OPTION) {
            add_part(r, &parts, vd_kql_resolve_table(r, scope, item), item->text);
        }
    }
    if (parts.count == 0) {
        add_matching(r, scope, &parts, &all);
    }
    for (uint32_t i = 0; i < parts.count; i++) {
        parts.rels[i] = searched(r, scope, parts.rels[i], node->first);
    }
    return unite(r, &parts, false, VD_STR_LITERAL("$table"));
}
