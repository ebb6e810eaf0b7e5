/* SPDX-License-Identifier: MIT */
/* Operators about the order and number of rows. */

#include "center/kql/resolve_internal.h"

/* The input with columns for keys that are none yet, in the order that the ORDER nodes from `first` on say. */
static struct vd_kql_rel *sorted(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *first)
{
    struct vd_kql_rel *project = vd_kql_project_begin(r, input);
    const struct vd_kql_place place = {.scope = scope, .row = input};
    struct vd_kql_order *order;
    uint32_t count = 0;

    for (const struct vd_kql_node *item = first; item != NULL; item = item->next) {
        count++;
    }
    order = vd_kql_new(r, count * sizeof *order);
    for (uint32_t i = 0; i < input->columns.count; i++) {
        vd_kql_project_keep(r, project, &input->columns.items[i]);
    }
    count = 0;
    for (const struct vd_kql_node *item = first; item != NULL; item = item->next) {
        struct vd_kql_expr *key = vd_kql_resolve_expr(r, &place, item->first);
        struct vd_kql_order *one = &order[count++];

        one->is_descending = !vd_str_equal_text(item->text, "asc");
        one->nulls_first =
            item->value.integer != 0 ? item->value.integer == 1 : !one->is_descending;
        if (key->op == VD_KQL_OP_COLUMN) {
            one->column = key->column;
        } else {
            struct vd_kql_column *column =
                vd_kql_columns_new(r, &project->columns, VD_STR_LITERAL("key"), key->type);

            column->is_key = true;
            one->column = column->id;
            vd_kql_rel_expr(r, project, key);
        }
    }
    project->order = order;
    project->order_count = count;
    project->is_serialized = true;
    return project;
}

struct vd_kql_rel *vd_kql_resolve_sort(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    return sorted(r, scope, input, node->first);
}

static struct vd_kql_rel *limited(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    enum vd_kql_rel_kind kind, struct vd_kql_rel *input, const struct vd_kql_node *count)
{
    struct vd_kql_rel *limit = vd_kql_rel_pass(r, kind, input);
    const struct vd_kql_place place = {.scope = scope};

    vd_kql_rel_expr(r, limit, vd_kql_constant_long(r, vd_kql_resolve_count(r, &place, count)));
    return limit;
}

struct vd_kql_rel *vd_kql_resolve_take(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    return limited(r, scope, VD_KQL_REL_LIMIT, input, node->first);
}

struct vd_kql_rel *vd_kql_resolve_top(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    return limited(
        r, scope, VD_KQL_REL_LIMIT, sorted(r, scope, input, node->first->next), node->first);
}

struct vd_kql_rel *vd_kql_resolve_sample(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_kql_rel *sample = limited(r, scope, VD_KQL_REL_SAMPLE, input, node->first);

    sample->order_count = 0;
    sample->is_serialized = false;
    return sample;
}

struct vd_kql_rel *vd_kql_resolve_sample_distinct(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    const struct vd_kql_node distinct = {.kind = VD_KQL_DISTINCT,
        .offset = node->offset,
        .end = node->end,
        .first = node->first->next,
        .child_count = 1};

    return limited(r, scope, VD_KQL_REL_SAMPLE, vd_kql_resolve_distinct(r, scope, input, &distinct),
        node->first);
}
