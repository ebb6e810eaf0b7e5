/* SPDX-License-Identifier: MIT */
/* The tree as text. */

#include "center/kql/syntax.h"

const char *vd_kql_kind_text(enum vd_kql_kind kind)
{
    static const char *const names[] = {
#define VD_KQL_KIND_NAME(kind) #kind,
        VD_KQL_KINDS(VD_KQL_KIND_NAME)
#undef VD_KQL_KIND_NAME
    };

    return kind < VD_KQL_KIND_COUNT ? names[kind] : "?";
}

static void print_value(const struct vd_kql_value *value, struct vd_buf *out)
{
    vd_buf_printf(out, " %s ", vd_kql_type_text(value->type));
    if (value->is_null) {
        vd_buf_append_text(out, "null");
    } else if (value->type == VD_KQL_REAL) {
        vd_buf_printf(out, "%.17g", value->real);
    } else if (value->type == VD_KQL_STRING || value->type == VD_KQL_DYNAMIC ||
        value->type == VD_KQL_GUID) {
        vd_buf_append(out, value->text.data, value->text.length);
    } else {
        vd_buf_printf(out, "%lld", (long long)value->integer);
    }
}

static void print(const struct vd_kql_node *node, unsigned depth, struct vd_buf *out)
{
    vd_buf_printf(out, "%*s%s", (int)(2 * depth), "", vd_kql_kind_text(node->kind));
    if (node->text.length > 0) {
        vd_buf_append_text(out, " ");
        vd_buf_append(out, node->text.data, node->text.length);
    }
    if (node->kind == VD_KQL_LITERAL) {
        print_value(&node->value, out);
    } else if (node->kind == VD_KQL_DECLARATION ||
        (node->kind == VD_KQL_PARAMETER &&
            (node->first == NULL || node->first->kind != VD_KQL_SCHEMA))) {
        vd_buf_printf(out, ": %s", vd_kql_type_text(node->value.type));
    } else if (node->kind == VD_KQL_ORDER && node->value.integer != 0) {
        vd_buf_append_text(out, node->value.integer == 1 ? " nulls first" : " nulls last");
    }
    vd_buf_append_text(out, "\n");
    for (const struct vd_kql_node *child = node->first; child != NULL; child = child->next) {
        print(child, depth + 1, out);
    }
}

void vd_kql_tree_print(const struct vd_kql_node *node, struct vd_buf *out)
{
    print(node, 0, out);
}
