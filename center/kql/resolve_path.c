/* SPDX-License-Identifier: MIT */
/* Paths into dynamic values, and members of a table's JSON that have columns of their own. */

#include <string.h>

#include "center/kql/resolve_internal.h"

/* The dynamic value of a member whose text is {0}: by JSON, {1}, only where that is empty. */
static const struct vd_kql_overload text_member = {
    .name = "@member",
    .takes = "sy",
    .gives = 'y',
    .role = VD_KQL_SCALAR,
    .sql = {"CASE WHEN {0} <> '' THEN CAST(to_json({0}) AS VARCHAR) ELSE {1} END",
        "if({0} != '', toJSONString({0}), {1})"},
};

/* Of one that may be a number: JSON alone tells. */
static const struct vd_kql_overload mixed_member = {
    .name = "@member",
    .takes = "sy",
    .gives = 'y',
    .role = VD_KQL_SCALAR,
    .sql = {"{1}", "{1}"},
};

static bool is_json_function(const struct vd_kql_expr *expr)
{
    return expr->op == VD_KQL_OP_CALL &&
        (strcmp(expr->call->name, "parse_json") == 0 ||
            strcmp(expr->call->name, "todynamic") == 0 ||
            strcmp(expr->call->name, "parsejson") == 0 ||
            strcmp(expr->call->name, "toobject") == 0 ||
            strcmp(expr->call->name, "@document") == 0);
}

static bool has_members(const struct vd_kql_rel *row, uint32_t id)
{
    for (uint32_t i = 0; i < row->columns.count; i++) {
        if (row->columns.items[i].member_of == id) {
            return true;
        }
    }
    return false;
}

uint32_t vd_kql_json_of(const struct vd_kql_rel *row, const struct vd_kql_expr *expr)
{
    const struct vd_kql_column *column;

    if (row == NULL) {
        return 0;
    }
    if (expr->op == VD_KQL_OP_COLUMN) {
        column = vd_kql_columns_by_id(&row->columns, expr->column);
        return column != NULL ? column->json_of : 0;
    }
    if (is_json_function(expr) && expr->arguments[0]->op == VD_KQL_OP_COLUMN &&
        has_members(row, expr->arguments[0]->column)) {
        return expr->arguments[0]->column;
    }
    return 0;
}

const struct vd_kql_column *vd_kql_member_find(
    const struct vd_kql_rel *row, uint32_t json_of, struct vd_str name)
{
    for (uint32_t i = 0; json_of != 0 && row != NULL && i < row->columns.count; i++) {
        const struct vd_kql_column *column = &row->columns.items[i];

        if (column->member_of == json_of && vd_str_equal_text(name, column->member->member)) {
            return column;
        }
    }
    return NULL;
}

struct vd_kql_expr *vd_kql_member_value(const struct vd_kql_expr *expr)
{
    const bool is_member = expr->op == VD_KQL_OP_CALL &&
        (expr->call == &text_member || expr->call == &mixed_member ||
            (strcmp(expr->call->name, "@json") == 0 && expr->arguments[0]->op == VD_KQL_OP_COLUMN));

    return is_member ? expr->arguments[0] : NULL;
}

bool vd_kql_reads_columns(struct vd_str name)
{
    static const char *const names[] = {"tostring", "toint", "tolong", "todouble", "toreal",
        "todatetime", "totimespan", "toguid", "==", "!=", "=~", "!~", "<", ">", "<=", ">=", "in",
        "!in", "in~", "!in~", "has", "!has", "has_cs", "!has_cs", "has_any", "has_all", "contains",
        "!contains", "contains_cs", "!contains_cs", "startswith", "!startswith", "startswith_cs",
        "!startswith_cs", "endswith", "!endswith", "endswith_cs", "!endswith_cs", "hasprefix",
        "hassuffix", "matches regex", "isempty", "isnotempty", "strlen", "tolower", "toupper",
        "parse_ipv4", "parse_ipv6", "ipv4_is_match", "ipv6_is_match", "ipv4_is_in_range",
        "ipv4_is_private", "ipv4_compare"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vd_str_equal_text(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* $left.a and $right.a */
static struct vd_kql_expr *resolve_side(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const bool is_left = vd_str_equal_text(node->first->text, "$left");
    const struct vd_kql_rel *side = is_left ? place->row : place->right;
    const struct vd_kql_column *column;

    if (place->right == NULL) {
        vd_kql_fail(r, node, "$left and $right stand in the conditions of a join only");
    }
    column = vd_kql_columns_find(&side->columns, node->text);
    if (column == NULL) {
        vd_kql_fail(r, node, "the %s side of the join has no column '%.*s'",
            is_left ? "left" : "right", VD_STR_ARG(node->text));
    }
    return vd_kql_column_expr(r, column);
}

/* The value by a key that is known with the row only. */
static struct vd_kql_expr *resolve_dynamic_index(struct vd_kql_resolver *r,
    const struct vd_kql_node *node, struct vd_kql_expr *base, struct vd_kql_expr *index)
{
    struct vd_kql_expr *arguments[] = {base, index};

    return vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("@index"), arguments, 2);
}

/* The base with one step more. */
static struct vd_kql_expr *with_step(
    struct vd_kql_resolver *r, struct vd_kql_expr *base, const struct vd_kql_step *step)
{
    struct vd_kql_expr *path = vd_kql_expr_new(r, VD_KQL_OP_PATH, VD_KQL_DYNAMIC, 1);
    const uint32_t before = base->op == VD_KQL_OP_PATH ? base->step_count : 0;
    struct vd_kql_step *steps = vd_kql_new(r, (before + 1) * sizeof *steps);

    for (uint32_t i = 0; i < before; i++) {
        steps[i] = base->steps[i];
    }
    steps[before] = *step;
    path->arguments[0] = before > 0 ? base->arguments[0] : base;
    path->steps = steps;
    path->step_count = before + 1;
    return path;
}

struct vd_kql_expr *vd_kql_path_step(struct vd_kql_resolver *r, const struct vd_kql_rel *row,
    const struct vd_kql_node *node, struct vd_kql_expr *base, const struct vd_kql_step *step)
{
    const struct vd_kql_column *member = step->name.data != NULL
        ? vd_kql_member_find(row, vd_kql_json_of(row, base), step->name)
        : NULL;
    if (member != NULL && member->type == VD_KQL_STRING) {
        struct vd_kql_expr *value = vd_kql_expr_new(r, VD_KQL_OP_CALL, VD_KQL_DYNAMIC, 2);

        value->call = member->member->is_mixed ? &mixed_member : &text_member;
        value->arguments[0] = vd_kql_column_expr(r, member);
        value->arguments[1] = with_step(r, base, step);
        return value;
    }
    if (member != NULL) {
        return vd_kql_cast(r, node, vd_kql_column_expr(r, member), VD_KQL_DYNAMIC);
    }
    return with_step(r, base, step);
}

static struct vd_kql_expr *resolve_index(struct vd_kql_resolver *r,
    const struct vd_kql_place *place, const struct vd_kql_node *node, struct vd_kql_expr *base,
    struct vd_kql_step *step)
{
    struct vd_kql_expr *index = vd_kql_resolve_expr(r, place, node->first->next);

    if (index->op == VD_KQL_OP_CONSTANT && index->type == VD_KQL_STRING) {
        step->name = index->value.text;
        return NULL;
    }
    if (index->op == VD_KQL_OP_CONSTANT && !index->value.is_null &&
        (index->type == VD_KQL_LONG || index->type == VD_KQL_INT)) {
        step->number = index->value.integer;
        return NULL;
    }
    return resolve_dynamic_index(r, node, base, index);
}

struct vd_kql_expr *vd_kql_resolve_path(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_step step = {0};
    struct vd_kql_expr *base;

    if (node->kind == VD_KQL_MEMBER && node->first->kind == VD_KQL_NAME &&
        (vd_str_equal_text(node->first->text, "$left") ||
            vd_str_equal_text(node->first->text, "$right"))) {
        return resolve_side(r, place, node);
    }
    base = vd_kql_resolve_expr(r, place, node->first);
    if (base->type != VD_KQL_DYNAMIC) {
        vd_kql_fail(r, node, "a %s has no members; parse_json() makes a dynamic value of a text",
            vd_kql_type_text(base->type));
    }
    if (node->kind == VD_KQL_MEMBER) {
        step.name = node->text;
    } else {
        struct vd_kql_expr *indexed = resolve_index(r, place, node, base, &step);

        if (indexed != NULL) {
            return indexed;
        }
    }
    return vd_kql_path_step(r, place->row, node, base, &step);
}
