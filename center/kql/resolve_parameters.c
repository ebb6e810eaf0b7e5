/* SPDX-License-Identifier: MIT */
/* Parameters of a query: what is given for them, and their defaults. */

#include <string.h>

#include "center/kql/resolve_internal.h"

/* What is given for a parameter that is no string, read as a literal of its type. */
static struct vd_kql_expr *given_value(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_str text)
{
    const struct vd_str literal =
        vd_kql_textf(r, "%s(%.*s)", vd_kql_type_text(node->value.type), VD_STR_ARG(text));
    struct vd_kql_problem problem = {0};
    struct vd_kql_node *tree = NULL;
    const struct vd_kql_node *value = NULL;
    const struct vd_kql_place nowhere = {0};

    if (vd_kql_parse(literal, r->arena, &tree, &problem) == VD_OK && tree->child_count == 1 &&
        tree->first->child_count == 1) {
        value = tree->first->first;
    }
    if (value == NULL || value->kind != VD_KQL_LITERAL || value->value.type != node->value.type) {
        vd_kql_fail(r, node, "what is given for '%.*s' is no %s", VD_STR_ARG(node->text),
            vd_kql_type_text(node->value.type));
    }
    return vd_kql_resolve_expr(r, &nowhere, value);
}

struct vd_kql_expr *vd_kql_parameter_value(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    const struct vd_kql_place place = {.scope = scope};

    if (node->first != NULL && node->first->kind == VD_KQL_SCHEMA) {
        vd_kql_fail(r, node, "a parameter of the query cannot be a table");
    }
    for (size_t i = 0; i < r->options->parameter_count; i++) {
        const struct vd_kql_parameter *given = &r->options->parameters[i];

        if (vd_str_equal(given->name, node->text)) {
            return node->value.type == VD_KQL_STRING ? vd_kql_constant_text(r, given->value)
                                                     : given_value(r, node, given->value);
        }
    }
    if (node->first == NULL && r->options->lacks_values) {
        return vd_kql_constant_null(r, node->value.type);
    }
    if (node->first == NULL) {
        vd_kql_fail(r, node, "the parameter '%.*s' has no value", VD_STR_ARG(node->text));
    }
    return vd_kql_cast(
        r, node->first, vd_kql_resolve_expr(r, &place, node->first), node->value.type);
}

void vd_kql_check_parameters(struct vd_kql_resolver *r, const struct vd_kql_node *query)
{
    for (size_t i = 0; i < r->options->parameter_count; i++) {
        const struct vd_str name = r->options->parameters[i].name;
        const struct vd_kql_node *let = query->first;

        while (let != NULL &&
            !(let->kind == VD_KQL_LET && let->first->kind == VD_KQL_PARAMETER &&
                vd_str_equal(let->text, name))) {
            let = let->next;
        }
        if (let == NULL) {
            vd_kql_fail(
                r, query, "the query does not declare a parameter '%.*s'", VD_STR_ARG(name));
        }
    }
}
