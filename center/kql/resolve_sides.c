/* SPDX-License-Identifier: MIT */
/* Operators between values that do not go together: which types they are of, and what would do. */

#include <string.h>

#include "center/kql/resolve_internal.h"

static bool is_number(enum vd_kql_type type)
{
    return type == VD_KQL_INT || type == VD_KQL_LONG || type == VD_KQL_REAL;
}

static bool is_time(enum vd_kql_type type)
{
    return type == VD_KQL_DATETIME || type == VD_KQL_TIMESPAN;
}

/* What makes of a text a value of that type. */
static const char *conversion_to(enum vd_kql_type type)
{
    switch (type) {
    case VD_KQL_DATETIME:
        return "todatetime()";
    case VD_KQL_TIMESPAN:
        return "totimespan()";
    case VD_KQL_REAL:
        return "toreal()";
    case VD_KQL_BOOL:
        return "tobool()";
    default:
        return "tolong()";
    }
}

static void check_comparison(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, const struct vd_kql_expr *left, const struct vd_kql_expr *right)
{
    const bool is_order = name.data[0] == '<' || name.data[0] == '>';
    const bool has_text = left->type == VD_KQL_STRING || right->type == VD_KQL_STRING;
    const enum vd_kql_type other = left->type == VD_KQL_STRING ? right->type : left->type;

    if (is_order && left->type == VD_KQL_DYNAMIC && right->type == VD_KQL_DYNAMIC &&
        vd_kql_member_value(left) == NULL && vd_kql_member_value(right) == NULL) {
        vd_kql_fail(r, node,
            "two dynamic values have no order: '%.*s' takes them converted, such as tolong(a) %.*s tolong(b)",
            VD_STR_ARG(name), VD_STR_ARG(name));
    }
    if (has_text && (is_number(other) || is_time(other) || other == VD_KQL_BOOL)) {
        vd_kql_fail(r, node,
            "'%.*s' compares a %s with a %s: one type is expected; %s converts a text",
            VD_STR_ARG(name), vd_kql_type_text(left->type), vd_kql_type_text(right->type),
            conversion_to(other));
    }
    if (is_order && (is_number(left->type) || is_time(left->type)) &&
        (is_number(right->type) || is_time(right->type)) && left->type != right->type &&
        !(is_number(left->type) && is_number(right->type))) {
        vd_kql_fail(r, node, "'%.*s' compares a %s with a %s: one type is expected",
            VD_STR_ARG(name), vd_kql_type_text(left->type), vd_kql_type_text(right->type));
    }
}

static void check_arithmetic(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, enum vd_kql_type left, enum vd_kql_type right)
{
    const char *const types[] = {vd_kql_type_text(left), vd_kql_type_text(right)};

    if (left == VD_KQL_STRING || right == VD_KQL_STRING) {
        const char *hint = name.data[0] == '+' ? "; strcat() joins texts" : "";

        vd_kql_fail(r, node,
            "'%.*s' of a %s and a %s: numbers, times or timespans are expected%s, tolong() makes a number of one",
            VD_STR_ARG(name), types[0], types[1], hint);
    }
    if (left == VD_KQL_DYNAMIC && right == VD_KQL_DYNAMIC) {
        vd_kql_fail(r, node,
            "'%.*s' of two dynamic values: they are expected converted, such as tolong(a) %.*s tolong(b)",
            VD_STR_ARG(name), VD_STR_ARG(name));
    }
    if ((is_time(left) && is_number(right)) || (is_number(left) && is_time(right))) {
        if (name.data[0] == '+' || name.data[0] == '-') {
            vd_kql_fail(r, node,
                "'%.*s' of a %s and a %s: a time or timespan is expected on both sides, such as 1d",
                VD_STR_ARG(name), types[0], types[1]);
        }
    }
}

void vd_kql_check_sides(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, const struct vd_kql_expr *left, const struct vd_kql_expr *right)
{
    static const char *const comparisons[] = {"==", "!=", "<", ">", "<=", ">="};

    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
        if (vd_str_equal_text(name, comparisons[i])) {
            check_comparison(r, node, name, left, right);
        }
    }
}

void vd_kql_fail_sides(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, const struct vd_kql_expr *left, const struct vd_kql_expr *right)
{
    if (name.length == 1 && strchr("+-*/%", name.data[0]) != NULL) {
        check_arithmetic(r, node, name, left->type, right->type);
    }
}
