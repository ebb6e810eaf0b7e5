/* SPDX-License-Identifier: MIT */
/* join and lookup. */

#include <string.h>

#include "center/kql/resolve_internal.h"

static enum vd_kql_join kind_of(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    static const struct {
        const char *name;
        enum vd_kql_join join;
    } kinds[] = {
        {"inner", VD_KQL_JOIN_INNER},
        {"innerunique", VD_KQL_JOIN_INNERUNIQUE},
        {"leftouter", VD_KQL_JOIN_LEFTOUTER},
        {"rightouter", VD_KQL_JOIN_RIGHTOUTER},
        {"fullouter", VD_KQL_JOIN_FULLOUTER},
        {"leftsemi", VD_KQL_JOIN_LEFTSEMI},
        {"leftanti", VD_KQL_JOIN_LEFTANTI},
        {"anti", VD_KQL_JOIN_LEFTANTI},
        {"leftantisemi", VD_KQL_JOIN_LEFTANTI},
        {"rightsemi", VD_KQL_JOIN_RIGHTSEMI},
        {"rightanti", VD_KQL_JOIN_RIGHTANTI},
        {"rightantisemi", VD_KQL_JOIN_RIGHTANTI},
    };
    const bool is_lookup = node->kind == VD_KQL_LOOKUP;

    if (node->text.length == 0) {
        return is_lookup ? VD_KQL_JOIN_LEFTOUTER : VD_KQL_JOIN_INNERUNIQUE;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (vd_str_equal_text(node->text, kinds[i].name) &&
            (!is_lookup || kinds[i].join == VD_KQL_JOIN_INNER ||
                kinds[i].join == VD_KQL_JOIN_LEFTOUTER)) {
            return kinds[i].join;
        }
    }
    vd_kql_fail(r, node,
        is_lookup ? "a lookup is leftouter or inner, not '%.*s'"
                  : "there is no join of the kind '%.*s'",
        VD_STR_ARG(node->text));
}

static struct vd_kql_expr *key_of(struct vd_kql_resolver *r, const struct vd_kql_rel *side,
    const struct vd_kql_node *name, const char *text)
{
    const struct vd_kql_column *column = vd_kql_columns_find(&side->columns, name->text);

    if (column == NULL) {
        vd_kql_fail(
            r, name, "the %s side of the join has no column '%.*s'", text, VD_STR_ARG(name->text));
    }
    return vd_kql_column_expr(r, column);
}

/* A pair of keys, cast to what both can be. */
static void add_keys(struct vd_kql_resolver *r, struct vd_kql_rel *join,
    const struct vd_kql_node *node, struct vd_kql_expr *left, struct vd_kql_expr *right)
{
    static const enum vd_kql_type widening[] = {VD_KQL_LONG, VD_KQL_REAL};

    for (int i = 0; left->type != right->type && i < 2; i++) {
        const enum vd_kql_type type = widening[i];
        const bool fits = (left->type == VD_KQL_INT || left->type == type ||
                              (type == VD_KQL_REAL && left->type == VD_KQL_LONG)) &&
            (right->type == VD_KQL_INT || right->type == type ||
                (type == VD_KQL_REAL && right->type == VD_KQL_LONG));

        if (fits) {
            left = vd_kql_cast(r, node, left, type);
            right = vd_kql_cast(r, node, right, type);
        }
    }
    if (left->type != right->type) {
        vd_kql_fail(r, node, "the join compares a %s with a %s", vd_kql_type_text(left->type),
            vd_kql_type_text(right->type));
    }
    vd_kql_rel_expr(r, join, vd_kql_comparable(r, node, left));
    vd_kql_rel_expr(r, join, vd_kql_comparable(r, node, right));
}

/* The column that a key is, which may be cast. */
static uint32_t column_of(const struct vd_kql_expr *key)
{
    while (key->op == VD_KQL_OP_CALL) {
        key = key->arguments[0];
    }
    return key->column;
}

static bool is_side(const struct vd_kql_node *node, const char *side)
{
    return node->kind == VD_KQL_MEMBER && node->first->kind == VD_KQL_NAME &&
        vd_str_equal_text(node->first->text, side);
}

static void add_condition(struct vd_kql_resolver *r, struct vd_kql_rel *join,
    struct vd_kql_rel *left, struct vd_kql_rel *right, const struct vd_kql_node *node)
{
    const struct vd_kql_node *a = node->first;
    const struct vd_kql_node *b = a != NULL ? a->next : NULL;

    if (node->kind == VD_KQL_NAME) {
        add_keys(r, join, node, key_of(r, left, node, "left"), key_of(r, right, node, "right"));
        return;
    }
    if (node->kind == VD_KQL_BINARY && vd_str_equal_text(node->text, "and")) {
        for (; a != NULL; a = a->next) {
            add_condition(r, join, left, right, a);
        }
        return;
    }
    if (node->kind == VD_KQL_BINARY && vd_str_equal_text(node->text, "==") && b != NULL) {
        if (is_side(a, "$right") && is_side(b, "$left")) {
            const struct vd_kql_node *swapped = a;

            a = b;
            b = swapped;
        }
        if (is_side(a, "$left") && is_side(b, "$right")) {
            add_keys(r, join, node, key_of(r, left, a, "left"), key_of(r, right, b, "right"));
            return;
        }
    }
    vd_kql_fail(r, node, "a condition is a column of both sides, or $left.a == $right.b");
}

/* Columns of both sides; of the right one under names that the left has not. */
static void add_columns(struct vd_kql_resolver *r, struct vd_kql_rel *join,
    const struct vd_kql_rel *left, const struct vd_kql_rel *right, bool is_lookup)
{
    const bool takes_left =
        join->join != VD_KQL_JOIN_RIGHTSEMI && join->join != VD_KQL_JOIN_RIGHTANTI;
    const bool takes_right = takes_left
        ? join->join != VD_KQL_JOIN_LEFTSEMI && join->join != VD_KQL_JOIN_LEFTANTI
        : true;

    for (uint32_t i = 0; takes_left && i < left->columns.count; i++) {
        if (!left->columns.items[i].is_key) {
            vd_kql_columns_add(r, &join->columns, &left->columns.items[i]);
        }
    }
    for (uint32_t i = 0; takes_right && i < right->columns.count; i++) {
        struct vd_kql_column column = right->columns.items[i];
        bool is_left_out = column.is_key;

        for (uint32_t key = 1; is_lookup && key < join->expr_count; key += 2) {
            is_left_out = is_left_out || column_of(join->exprs[key]) == column.id;
        }
        if (!is_left_out) {
            if (!vd_kql_is_hidden(&column)) {
                column.name = vd_kql_columns_free_name(r, &join->columns, column.name);
            }
            vd_kql_columns_add(r, &join->columns, &column);
        }
    }
}

struct vd_kql_rel *vd_kql_resolve_join(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_rel *join = vd_kql_rel_new(r, VD_KQL_REL_JOIN, 2);
    struct vd_kql_rel *right = vd_kql_resolve_table(r, scope, node->first);

    join->join = kind_of(r, node);
    join->inputs[0] = input;
    join->inputs[1] = right;
    for (const struct vd_kql_node *on = node->first->next; on != NULL; on = on->next) {
        add_condition(r, join, input, right, on);
    }
    if (join->expr_count == 0) {
        vd_kql_fail(r, node, "'on' with the columns to compare is expected");
    }
    add_columns(r, join, input, right, node->kind == VD_KQL_LOOKUP);
    return join;
}
