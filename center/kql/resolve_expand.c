/* SPDX-License-Identifier: MIT */
/* mv-expand: a row for each element of an array, or each member of a bag; evaluate bag_unpack: members as columns. */

#include <string.h>

#include "center/kql/resolve_internal.h"

static bool is_option(const struct vd_kql_node *item, const char *name)
{
    return item->kind == VD_KQL_OPTION && vd_str_equal_text(item->text, name);
}

struct element {
    struct vd_str name;
    enum vd_kql_type type;
    uint32_t replaces; /* the column of the input; 0: none */
    uint32_t column;   /* of the expansion */
};

static struct element add_element(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *expand, const struct vd_kql_node *item)
{
    const struct vd_kql_rel *input = expand->inputs[0];
    const struct vd_kql_place place = {.scope = scope, .row = input};
    struct element element = {.type = VD_KQL_DYNAMIC};
    const struct vd_kql_node *value = item;
    struct vd_kql_expr *expr;

    if (value->kind == VD_KQL_TYPED) {
        if (!vd_kql_type_parse(value->text, &element.type)) {
            vd_kql_fail(r, value, "there is no type '%.*s'", VD_STR_ARG(value->text));
        }
        value = value->first;
    }
    element.name = vd_kql_name_of(r, value);
    value = value->kind == VD_KQL_NAMED ? value->first : value;
    expr = vd_kql_resolve_expr(r, &place, value);
    if (expr->type != VD_KQL_DYNAMIC) {
        vd_kql_fail(
            r, value, "a dynamic value is expected, not a %s", vd_kql_type_text(expr->type));
    }
    if (element.name.length == 0) {
        element.name = VD_STR_LITERAL("Column1");
    }
    if (vd_kql_columns_find(&input->columns, element.name) != NULL) {
        element.replaces = vd_kql_columns_find(&input->columns, element.name)->id;
    }
    element.column = vd_kql_columns_new(r, &expand->columns, element.name, VD_KQL_DYNAMIC)->id;
    vd_kql_rel_expr(r, expand, expr);
    return element;
}

static struct vd_kql_expr *element_value(struct vd_kql_resolver *r, const struct vd_kql_rel *expand,
    const struct vd_kql_node *node, const struct element *element)
{
    struct vd_kql_expr *value =
        vd_kql_column_expr(r, vd_kql_columns_by_id(&expand->columns, element->column));

    if (element->type == VD_KQL_LONG || element->type == VD_KQL_INT ||
        element->type == VD_KQL_REAL || element->type == VD_KQL_BOOL) {
        value = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("@not_text"), &value, 1);
    }
    return vd_kql_cast(r, node, value, element->type);
}

/* The columns as queries see them: elements in the place of what they replace, others behind. */
static struct vd_kql_rel *arranged(struct vd_kql_resolver *r, struct vd_kql_rel *expand,
    const struct vd_kql_node *node, const struct element *elements, uint32_t count)
{
    struct vd_kql_rel *project = vd_kql_project_begin(r, expand);
    const struct vd_kql_rel *input = expand->inputs[0];

    for (uint32_t i = 0; i < input->columns.count; i++) {
        const struct vd_kql_column *column = &input->columns.items[i];
        const struct element *by = NULL;

        for (uint32_t e = 0; e < count; e++) {
            by = elements[e].replaces == column->id ? &elements[e] : by;
        }
        if (by != NULL) {
            vd_kql_project_add(r, project, column->name, element_value(r, expand, node, by));
        } else if (!vd_kql_is_hidden(column)) {
            vd_kql_project_keep(r, project, column);
        }
    }
    for (uint32_t e = 0; e < count; e++) {
        if (elements[e].replaces == 0) {
            vd_kql_project_add(
                r, project, elements[e].name, element_value(r, expand, node, &elements[e]));
        }
    }
    if (expand->index_column != 0) {
        vd_kql_project_keep(
            r, project, vd_kql_columns_by_id(&expand->columns, expand->index_column));
    }
    return vd_kql_project_end(r, project);
}

struct vd_kql_rel *vd_kql_resolve_mv_expand(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_rel *expand = vd_kql_rel_pass(r, VD_KQL_REL_EXPAND, input);
    struct element *elements = vd_kql_new(r, node->child_count * sizeof *elements);
    const struct vd_kql_place place = {.scope = scope};
    uint32_t count = 0;

    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != VD_KQL_OPTION) {
            elements[count++] = add_element(r, scope, expand, item);
        }
    }
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (is_option(item, "kind") || is_option(item, "bagexpansion")) {
            expand->expands_pairs = vd_str_equal_text(item->first->text, "array");
        } else if (is_option(item, "limit")) {
            expand->row_limit = (uint32_t)vd_kql_resolve_count(r, &place, item->first);
        } else if (is_option(item, "with_itemindex")) {
            expand->index_column = vd_kql_columns_new(r, &expand->columns,
                vd_kql_columns_free_name(r, &expand->columns, item->first->text), VD_KQL_LONG)
                                       ->id;
        }
    }
    if (count == 0) {
        vd_kql_fail(r, node, "a column to expand is expected");
    }
    return arranged(r, expand, node, elements, count);
}

/* ---- evaluate ---- */

/* The member of the bag in `call` that is behind the prefix. */
static struct vd_kql_expr *unpacked(struct vd_kql_resolver *r, const struct vd_kql_place *place,
    const struct vd_kql_node *call, struct vd_str name)
{
    const struct vd_kql_node *prefix = call->first->next;
    struct vd_kql_node bag = *call->first;
    struct vd_kql_node member = {.kind = VD_KQL_MEMBER,
        .offset = bag.offset,
        .end = bag.end,
        .text = name,
        .first = &bag,
        .child_count = 1};

    bag.next = NULL;
    if (prefix != NULL) {
        const struct vd_str text = prefix->value.text;

        if (prefix->kind != VD_KQL_LITERAL || prefix->value.type != VD_KQL_STRING) {
            vd_kql_fail(r, prefix, "a prefix in quotation marks is expected");
        }
        if (name.length <= text.length || memcmp(name.data, text.data, text.length) != 0) {
            return vd_kql_constant_null(r, VD_KQL_DYNAMIC);
        }
        member.text = (struct vd_str){name.data + text.length, name.length - text.length};
    }
    return vd_kql_resolve_expr(r, place, &member);
}

struct vd_kql_rel *vd_kql_resolve_evaluate(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    const struct vd_kql_place place = {.scope = scope, .row = input};
    const struct vd_kql_node *call = node->first;
    const struct vd_kql_node *schema = call->next;
    struct vd_kql_rel *project = vd_kql_project_begin(r, input);

    if (call->kind != VD_KQL_CALL || !vd_str_equal_text(call->text, "bag_unpack") ||
        call->child_count == 0) {
        vd_kql_fail(r, call, "of plugins there is bag_unpack(column) only");
    }
    if (schema == NULL || schema->first == NULL || schema->first->kind != VD_KQL_DECLARATION) {
        vd_kql_fail(r, call,
            "which columns come of it must be said: bag_unpack(column) : (Name:string, Age:long)");
    }
    for (const struct vd_kql_node *item = schema->first; item != NULL; item = item->next) {
        const struct vd_kql_column *column = vd_kql_columns_find(&input->columns, item->text);
        const bool is_bag =
            call->first->kind == VD_KQL_NAME && vd_str_equal(call->first->text, item->text);
        struct vd_kql_expr *value = column != NULL && !is_bag
            ? vd_kql_column_expr(r, column)
            : unpacked(r, &place, call, item->text);

        vd_kql_project_add(r, project, item->text, vd_kql_cast(r, item, value, item->value.type));
    }
    return vd_kql_project_end(r, project);
}
