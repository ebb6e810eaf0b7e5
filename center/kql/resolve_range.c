/* SPDX-License-Identifier: MIT */
/* range: rows from a step. */

#include "center/kql/resolve_internal.h"

/* A constant as a number; of a step timespans and of bounds datetimes are ticks. */
static bool number_of(const struct vd_kql_expr *expr, double *out)
{
    if (expr->op != VD_KQL_OP_CONSTANT || expr->value.is_null || expr->type == VD_KQL_STRING ||
        expr->type == VD_KQL_GUID || expr->type == VD_KQL_DYNAMIC) {
        return false;
    }
    *out = expr->type == VD_KQL_REAL ? expr->value.real : (double)expr->value.integer;
    return true;
}

/* Of constants it is known how many steps there are; of others the statement makes none by 0 and not too many. */
static void check_steps(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    const struct vd_kql_expr *from, const struct vd_kql_expr *to, const struct vd_kql_expr *step)
{
    const struct vd_kql_node *step_node = node->first->next->next;
    double bounds[2];
    double by;

    if (!number_of(step, &by)) {
        return;
    }
    if (by == 0) {
        vd_kql_fail(r, step_node, "a step of 0 leads nowhere; one above or below 0 is expected");
    }
    if (number_of(from, &bounds[0]) && number_of(to, &bounds[1]) &&
        (bounds[1] - bounds[0]) / by >= VD_KQL_RANGE_MAX) {
        vd_kql_fail(r, node, "the range has more than %d rows", VD_KQL_RANGE_MAX);
    }
}

/* How many steps there are from the difference and the step; null by 0. */
static struct vd_kql_expr *counted(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_kql_expr **steps)
{
    struct vd_kql_expr *count = vd_kql_cast(
        r, node, vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("/"), steps, 2), VD_KQL_REAL);
    struct vd_kql_expr *zero = vd_kql_constant_long(r, 0);
    struct vd_kql_expr *sides[] = {steps[1], zero};
    struct vd_kql_expr *choice;

    if (steps[1]->op == VD_KQL_OP_CONSTANT) {
        return count;
    }
    if (steps[1]->type == VD_KQL_TIMESPAN) {
        zero->type = zero->value.type = VD_KQL_TIMESPAN;
    }
    choice = vd_kql_expr_new(r, VD_KQL_OP_CASE, VD_KQL_REAL, 3);
    choice->arguments[0] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("=="), sides, 2);
    choice->arguments[1] = vd_kql_constant_null(r, VD_KQL_REAL);
    choice->arguments[2] = count;
    return choice;
}

/* range x from a to b step c: as many rows as there are steps, each by its number. */
struct vd_kql_rel *vd_kql_resolve_range(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node)
{
    struct vd_kql_rel *range = vd_kql_rel_new(r, VD_KQL_REL_RANGE, 0);
    const struct vd_kql_place place = {.scope = scope};
    struct vd_kql_expr *from = vd_kql_resolve_expr(r, &place, node->first);
    struct vd_kql_expr *to = vd_kql_resolve_expr(r, &place, node->first->next);
    struct vd_kql_expr *step = vd_kql_resolve_expr(r, &place, node->first->next->next);
    struct vd_kql_expr *difference[] = {to, from};
    struct vd_kql_expr *steps[2];
    struct vd_kql_expr *value[2];
    struct vd_kql_column counter = {.type = VD_KQL_LONG, .id = ++r->columns, .is_key = true};
    struct vd_kql_order *order = vd_kql_new(r, sizeof *order);

    if (from->type == VD_KQL_INT) {
        from = difference[1] = vd_kql_cast(r, node, from, VD_KQL_LONG);
    }
    check_steps(r, node, from, to, step);
    steps[0] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("-"), difference, 2);
    steps[0] = vd_kql_cast(
        r, node, steps[0], step->type == VD_KQL_TIMESPAN ? VD_KQL_TIMESPAN : VD_KQL_REAL);
    steps[1] = step;
    vd_kql_rel_expr(r, range, counted(r, node, steps));
    value[0] = vd_kql_column_expr(r, &counter);
    value[1] = step;
    value[1] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("*"), value, 2);
    value[0] = from;
    value[0] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("+"), value, 2);
    vd_kql_columns_new(r, &range->columns, node->text, value[0]->type);
    vd_kql_rel_expr(r, range, value[0]);
    (void)vd_kql_columns_add(r, &range->columns, &counter);
    range->counter = counter.id;
    order->column = counter.id;
    range->order = order;
    range->order_count = 1;
    range->is_serialized = true;
    return range;
}
