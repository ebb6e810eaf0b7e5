/* SPDX-License-Identifier: MIT */
/* Scalar expressions. */

#include <string.h>

#include "center/kql/resolve_internal.h"

/* ---- Calls of the table ---- */

struct vd_kql_expr *vd_kql_cast(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_expr *expr, enum vd_kql_type type)
{
    static const char *const casts[VD_KQL_TYPE_COUNT] = {[VD_KQL_BOOL] = "tobool",
        [VD_KQL_DATETIME] = "todatetime",
        [VD_KQL_DYNAMIC] = "@json",
        [VD_KQL_GUID] = "toguid",
        [VD_KQL_INT] = "toint",
        [VD_KQL_LONG] = "tolong",
        [VD_KQL_REAL] = "toreal",
        [VD_KQL_STRING] = "tostring",
        [VD_KQL_TIMESPAN] = "totimespan"};

    if (expr->type == type) {
        return expr;
    }
    if (expr->op == VD_KQL_OP_CONSTANT && expr->value.is_null) {
        return vd_kql_constant_null(r, type);
    }
    return vd_kql_call(r, node, VD_KQL_SCALAR, vd_str_from(casts[type]), &expr, 1);
}

struct vd_kql_expr *vd_kql_comparable(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_kql_expr *expr)
{
    return expr->type == VD_KQL_DYNAMIC
        ? vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("@canonical"), &expr, 1)
        : expr;
}

/* Three ways to take arguments: members of JSON from columns of their own, all as they are, dynamic ones as text. */
enum reading {
    READ_COLUMNS,
    READ_PLAIN,
    READ_TEXT,
};

/* A comparison with numbers: a member that is a text, or a text or a number, is read as one there. */
static bool compares_numbers(struct vd_str name, struct vd_kql_expr **arguments, uint32_t count)
{
    static const char *const names[] = {"==", "!=", "<", ">", "<=", ">=", "in", "!in"};
    bool has_number = false;
    bool compares = false;

    for (uint32_t i = 0; i < count; i++) {
        has_number = has_number ||
            (vd_kql_member_value(arguments[i]) == NULL &&
                (arguments[i]->type == VD_KQL_LONG || arguments[i]->type == VD_KQL_INT ||
                    arguments[i]->type == VD_KQL_REAL));
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        compares = compares || vd_str_equal_text(name, names[i]);
    }
    return compares && has_number;
}

/* The arguments read so, to `out`; false: that is no other than the way before. */
static bool read_arguments(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    enum reading reading, struct vd_str name, struct vd_kql_expr **arguments, uint32_t count,
    struct vd_kql_expr **out)
{
    const bool has_number = reading == READ_COLUMNS && compares_numbers(name, arguments, count);
    bool differs = reading == READ_PLAIN;

    for (uint32_t i = 0; i < count; i++) {
        out[i] = arguments[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vd_kql_expr *other = NULL;

        if (reading == READ_COLUMNS && vd_kql_reads_columns(name)) {
            other = vd_kql_member_value(arguments[i]);
            if (other != NULL && other->type == VD_KQL_STRING && has_number) {
                other = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("@number"), &other, 1);
            }
        } else if (reading == READ_TEXT && arguments[i]->type == VD_KQL_DYNAMIC) {
            other = vd_kql_cast(r, node, arguments[i], VD_KQL_STRING);
        }
        if (other != NULL) {
            out[i] = other;
            differs = true;
        }
    }
    return differs;
}

/* What is not made of what stands nested in the query, such as 1+1+1 ..., is nested all the same. */
static struct vd_kql_expr *measured(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_kql_expr *expr)
{
    uint32_t deepest = 0;

    for (uint32_t i = 0; i < expr->argument_count; i++) {
        const struct vd_kql_expr *argument = expr->arguments[i];

        deepest = argument != NULL && argument->depth > deepest ? argument->depth : deepest;
    }
    expr->depth = deepest + 1;
    if (expr->depth > VD_KQL_EXPR_DEPTH_MAX) {
        vd_kql_fail(r, node, "the expression is nested too deeply; a chain of operators is, too");
    }
    return expr;
}

struct vd_kql_expr *vd_kql_call(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    enum vd_kql_role role, struct vd_str name, struct vd_kql_expr **arguments, uint32_t count)
{
    const struct vd_kql_overload *overload = NULL;
    enum vd_kql_type types[VD_KQL_ARGUMENTS_MAX];
    char problem[sizeof r->problem->text];
    struct vd_kql_expr *call = vd_kql_expr_new(r, VD_KQL_OP_CALL, VD_KQL_BOOL, count);

    if (count > VD_KQL_ARGUMENTS_MAX) {
        vd_kql_fail(r, node, "%.*s takes no more than %d arguments", VD_STR_ARG(name),
            VD_KQL_ARGUMENTS_MAX);
    }
    if (count == 2) {
        vd_kql_check_sides(r, node, name, arguments[0], arguments[1]);
    }
    vd_kql_check_call_regex(r, node, name, arguments, count);
    for (int reading = READ_COLUMNS; overload == NULL && reading <= READ_TEXT; reading++) {
        char *text = reading == READ_PLAIN ? problem : r->problem->text;

        if (!read_arguments(
                r, node, (enum reading)reading, name, arguments, count, call->arguments)) {
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            types[i] = call->arguments[i]->type;
        }
        overload = vd_kql_overload_find(role, name, types, count, text);
    }
    if (overload == NULL && count == 2) {
        vd_kql_fail_sides(r, node, name, arguments[0], arguments[1]);
    }
    if (overload == NULL) {
        vd_kql_fail(r, node, "%s", problem);
    }
    for (uint32_t i = 0; i < count; i++) {
        const enum vd_kql_type wanted = vd_kql_overload_wants(overload, types, count, i);

        if (wanted != VD_KQL_TYPE_COUNT) {
            call->arguments[i] = vd_kql_cast(r, node, call->arguments[i], wanted);
        }
    }
    call->call = overload;
    call->type = vd_kql_overload_type(overload, types, count);
    return measured(r, node, call);
}

/* Lists are cut into pieces of what a call may take, and these joined by halves. */
static struct vd_kql_expr *call_pieces(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_expr *first, struct vd_kql_expr **list, uint32_t count)
{
    const bool all = vd_str_equal_text(node->text, "has_all") || node->text.data[0] == '!';
    struct vd_kql_expr *sides[2];
    struct vd_kql_expr *arguments[VD_KQL_ARGUMENTS_MAX];

    if (count < VD_KQL_ARGUMENTS_MAX) {
        arguments[0] = first;
        memcpy(arguments + 1, list, count * sizeof(struct vd_kql_expr *));
        return vd_kql_call(r, node, VD_KQL_SCALAR, node->text, arguments, count + 1);
    }
    sides[0] = call_pieces(r, node, first, list, count / 2);
    sides[1] = call_pieces(r, node, first, list + count / 2, count - count / 2);
    return vd_kql_call(
        r, node, VD_KQL_SCALAR, all ? VD_STR_LITERAL("and") : VD_STR_LITERAL("or"), sides, 2);
}

struct vd_kql_expr *vd_kql_call_list(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_expr **arguments, uint32_t count)
{
    return call_pieces(r, node, arguments[0], arguments + 1, count - 1);
}

/* ---- Names ---- */

static bool has_column(const struct vd_kql_expr *expr)
{
    bool has = expr->op == VD_KQL_OP_COLUMN;

    for (uint32_t i = 0; i < expr->argument_count && !has; i++) {
        has = expr->arguments[i] != NULL && has_column(expr->arguments[i]);
    }
    return has;
}

static struct vd_kql_expr *resolve_name(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_column *column =
        place->row != NULL ? vd_kql_columns_find(&place->row->columns, node->text) : NULL;
    const struct vd_kql_scope *bound;

    if (column != NULL) {
        return vd_kql_column_expr(r, column);
    }
    bound = vd_kql_scope_find(place->scope, node->text);
    if (bound == NULL) {
        vd_kql_fail_name(r, place, node);
    }
    if (bound->kind == VD_KQL_BIND_VALUE) {
        if (r->tables > bound->tables && has_column(bound->value)) {
            vd_kql_fail(r, node,
                "'%.*s' is another in each row, and no table is made for each: join instead",
                VD_STR_ARG(node->text));
        }
        return bound->value;
    }
    if (bound->kind == VD_KQL_BIND_NODE && bound->node->kind != VD_KQL_FUNCTION &&
        bound->node->kind != VD_KQL_PIPE) {
        const struct vd_kql_place inner = {.scope = bound->inner};

        return vd_kql_resolve_expr(r, &inner, bound->node);
    }
    if (bound->kind == VD_KQL_BIND_NODE && bound->node->kind == VD_KQL_FUNCTION) {
        struct vd_kql_node call = *node;

        call.kind = VD_KQL_CALL;
        return vd_kql_resolve_call(r, place, &call);
    }
    vd_kql_fail(r, node, "'%.*s' is a table, where a value is expected", VD_STR_ARG(node->text));
}

/* ---- Operators ---- */

static bool is_list_operator(struct vd_str text)
{
    static const char *const names[] = {"in", "!in", "in~", "!in~", "has_any", "has_all"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vd_str_equal_text(text, names[i])) {
            return true;
        }
    }
    return false;
}

static struct vd_kql_expr *negated(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_kql_expr *expr)
{
    return vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("not"), &expr, 1);
}

static struct vd_kql_expr *lower(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_kql_expr *expr)
{
    return vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("tolower"), &expr, 1);
}

/* x in (table): in its first column. */
static struct vd_kql_expr *resolve_within(struct vd_kql_resolver *r,
    const struct vd_kql_place *place, const struct vd_kql_node *node,
    const struct vd_kql_node *table)
{
    const bool any_case = node->text.data[node->text.length - 1] == '~';
    struct vd_kql_rel *rel = vd_kql_resolve_inner_table(r, place->scope, table);
    struct vd_kql_rel *project = vd_kql_project_begin(r, rel);
    struct vd_kql_expr *within = vd_kql_expr_new(r, VD_KQL_OP_WITHIN, VD_KQL_BOOL, 1);
    struct vd_kql_expr *left = vd_kql_resolve_expr(r, place, node->first);
    struct vd_kql_expr *element;

    if (rel->columns.count == 0) {
        vd_kql_fail(r, table, "the table has no column");
    }
    element = vd_kql_column_expr(r, &rel->columns.items[0]);
    if (left->type == VD_KQL_DYNAMIC) {
        left = vd_kql_cast(r, node->first, left, element->type);
    }
    element = vd_kql_cast(r, table, element, left->type);
    if (any_case) {
        left = lower(r, node, left);
        element = lower(r, node, element);
    }
    vd_kql_project_add(r, project, VD_STR_LITERAL("value"), vd_kql_comparable(r, table, element));
    within->arguments[0] = vd_kql_comparable(r, node->first, left);
    within->rel = project;
    return node->text.data[0] == '!' ? negated(r, node, within) : within;
}

static bool is_table(const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_scope *bound;

    if (node->kind == VD_KQL_PIPE) {
        return true;
    }
    if (node->kind != VD_KQL_NAME ||
        (place->row != NULL && vd_kql_columns_find(&place->row->columns, node->text) != NULL)) {
        return false;
    }
    bound = vd_kql_scope_find(place->scope, node->text);
    if (bound == NULL) {
        return vd_kql_table_find(node->text) != NULL;
    }
    return bound->kind == VD_KQL_BIND_REL ||
        (bound->kind == VD_KQL_BIND_NODE && bound->node->kind == VD_KQL_PIPE);
}

/* in~ is in, of what is all made lower case; but for arrays. */
static struct vd_kql_expr *resolve_in_any_case(struct vd_kql_resolver *r,
    const struct vd_kql_node *node, struct vd_kql_expr **arguments, uint32_t count)
{
    struct vd_kql_node in = *node;

    for (uint32_t i = 1; i < count; i++) {
        if (arguments[i]->type != VD_KQL_STRING) {
            return vd_kql_call_list(r, node, arguments, count);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = lower(r, node, arguments[i]);
    }
    in.text = node->text.data[0] == '!' ? VD_STR_LITERAL("!in") : VD_STR_LITERAL("in");
    return vd_kql_call_list(r, &in, arguments, count);
}

/* in, has_any and their kin with what stands in parentheses. */
static struct vd_kql_expr *resolve_list_operator(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_node *list = node->first->next;
    const struct vd_kql_node *only = list->child_count == 1 ? list->first : NULL;
    const bool is_in = vd_str_equal_text(node->text, "in") || vd_str_equal_text(node->text, "!in");
    struct vd_kql_expr **arguments;
    uint32_t count = 1;

    if (only != NULL && is_table(place, only)) {
        return resolve_within(r, place, node, only);
    }
    arguments = vd_kql_new(r, (list->child_count + 1) * sizeof(struct vd_kql_expr *));
    arguments[0] = vd_kql_resolve_expr(r, place, node->first);
    for (const struct vd_kql_node *item = list->first; item != NULL; item = item->next) {
        arguments[count++] = vd_kql_resolve_expr(r, place, item);
    }
    if (count == 2 && is_in && arguments[1]->type == VD_KQL_DYNAMIC) {
        struct vd_kql_expr *swapped[] = {arguments[1], arguments[0]};
        struct vd_kql_expr *has =
            vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("set_has_element"), swapped, 2);

        return node->text.data[0] == '!' ? negated(r, node, has) : has;
    }
    return node->text.data[node->text.length - 1] == '~'
        ? resolve_in_any_case(r, node, arguments, count)
        : vd_kql_call_list(r, node, arguments, count);
}

/* All operands of "and" or "or", of which there may be thousands: halves keep the tree flat. */
static struct vd_kql_expr *resolve_logic(struct vd_kql_resolver *r,
    const struct vd_kql_place *place, const struct vd_kql_node *node,
    const struct vd_kql_node *first, uint32_t count)
{
    struct vd_kql_expr *sides[2];
    const struct vd_kql_node *middle = first;

    if (count == 1) {
        return vd_kql_resolve_bool(r, place, first);
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        middle = middle->next;
    }
    sides[0] = resolve_logic(r, place, node, first, count / 2);
    sides[1] = resolve_logic(r, place, node, middle, count - count / 2);
    return vd_kql_call(r, node, VD_KQL_SCALAR, node->text, sides, 2);
}

/* * has "x": whether any column of text has it; * !has "x": whether none has. */
static struct vd_kql_expr *resolve_any_column(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_str joint =
        node->text.data[0] == '!' ? VD_STR_LITERAL("and") : VD_STR_LITERAL("or");
    const struct vd_kql_node *right = node->first->next;
    struct vd_kql_expr *found = NULL;

    if (right->kind != VD_KQL_LIST && vd_kql_resolve_expr(r, place, right)->type != VD_KQL_STRING) {
        vd_kql_fail(r, right, "a text is expected, which any column may have");
    }
    for (uint32_t i = 0; place->row != NULL && i < place->row->columns.count; i++) {
        const struct vd_kql_column *column = &place->row->columns.items[i];
        struct vd_kql_node name = *node->first;
        struct vd_kql_node binary = *node;
        struct vd_kql_expr *sides[] = {found, NULL};

        if (vd_kql_is_hidden(column) ||
            (column->type != VD_KQL_STRING && column->type != VD_KQL_DYNAMIC)) {
            continue;
        }
        name.kind = VD_KQL_NAME;
        name.text = column->name;
        binary.first = &name;
        sides[1] = vd_kql_resolve_expr(r, place, &binary);
        found = found == NULL ? sides[1] : vd_kql_call(r, node, VD_KQL_SCALAR, joint, sides, 2);
    }
    if (found == NULL) {
        vd_kql_fail(r, node->first, "there is no column of text for '*'");
    }
    return found;
}

static struct vd_kql_expr *resolve_binary(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *result;

    if (vd_str_equal_text(node->text, "and") || vd_str_equal_text(node->text, "or")) {
        return resolve_logic(r, place, node, node->first, node->child_count);
    }
    if (node->first->kind == VD_KQL_STAR) {
        return resolve_any_column(r, place, node);
    }
    if (is_list_operator(node->text) && node->first->next->kind == VD_KQL_LIST) {
        return resolve_list_operator(r, place, node);
    }
    result = vd_kql_resolve_expr(r, place, node->first);
    for (const struct vd_kql_node *next = node->first->next; next != NULL; next = next->next) {
        struct vd_kql_expr *sides[] = {result, vd_kql_resolve_expr(r, place, next)};

        result = vd_kql_call(r, node, VD_KQL_SCALAR, node->text, sides, 2);
    }
    return result;
}

static struct vd_kql_expr *resolve_between(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *value = vd_kql_resolve_expr(r, place, node->first);
    struct vd_kql_expr *low = vd_kql_resolve_expr(r, place, node->first->next);
    struct vd_kql_expr *high = vd_kql_resolve_expr(r, place, node->first->next->next);
    struct vd_kql_expr *above[] = {value, low};
    struct vd_kql_expr *below[] = {value, high};
    struct vd_kql_expr *both[2];

    /* between (start .. 1d): that long after the start */
    if (low->type == VD_KQL_DATETIME && high->type == VD_KQL_TIMESPAN) {
        struct vd_kql_expr *sum[] = {low, high};

        below[1] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("+"), sum, 2);
    }
    both[0] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL(">="), above, 2);
    both[1] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("<="), below, 2);
    both[0] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("and"), both, 2);
    return node->text.data[0] == '!' ? negated(r, node, both[0]) : both[0];
}

static struct vd_kql_expr *resolve_unary(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *value = vd_kql_resolve_expr(r, place, node->first);
    const struct vd_kql_value *constant = &value->value;

    if (value->op == VD_KQL_OP_CONSTANT && !constant->is_null && node->text.data[0] == '-' &&
        (value->type == VD_KQL_LONG || value->type == VD_KQL_INT ||
            value->type == VD_KQL_TIMESPAN)) {
        struct vd_kql_expr *negative = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, value->type, 0);

        negative->value = *constant;
        negative->value.integer = (int64_t)(0 - (uint64_t)constant->integer);
        return negative;
    }
    return vd_kql_call(r, node, VD_KQL_SCALAR, node->text, &value, 1);
}

static struct vd_kql_expr *resolve_one(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    switch (node->kind) {
    case VD_KQL_LITERAL: {
        struct vd_kql_expr *constant = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, node->value.type, 0);

        constant->value = node->value;
        return constant;
    }
    case VD_KQL_NAME:
        return resolve_name(r, place, node);
    case VD_KQL_UNARY:
        return resolve_unary(r, place, node);
    case VD_KQL_BINARY:
        return resolve_binary(r, place, node);
    case VD_KQL_BETWEEN:
        return resolve_between(r, place, node);
    case VD_KQL_MEMBER:
    case VD_KQL_INDEX:
        return vd_kql_resolve_path(r, place, node);
    case VD_KQL_CALL:
        return vd_kql_resolve_call(r, place, node);
    case VD_KQL_PIPE:
        if (node->child_count == 1) {
            return vd_kql_resolve_expr(r, place, node->first);
        }
        vd_kql_fail(
            r, node, "a table stands where a value is expected; toscalar() makes one of it");
    case VD_KQL_STAR:
        vd_kql_fail(r, node, "'*' is no value");
    case VD_KQL_NAMED:
        vd_kql_fail(
            r, node, "a value is expected here, and '=' gives one a name; did you mean '=='?");
    default:
        vd_kql_fail(r, node, "a value is expected here");
    }
}

struct vd_kql_expr *vd_kql_resolve_expr(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *expr;

    if (++r->nesting > VD_KQL_NESTING_MAX) {
        vd_kql_fail(r, node, "the query is nested too deeply once its functions are expanded");
    }
    expr = resolve_one(r, place, node);
    r->nesting--;
    return measured(r, node, expr);
}

struct vd_kql_expr *vd_kql_resolve_bool(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *expr = vd_kql_resolve_expr(r, place, node);

    if (expr->type == VD_KQL_DYNAMIC) {
        expr = vd_kql_cast(r, node, expr, VD_KQL_BOOL);
    }
    if (expr->type != VD_KQL_BOOL) {
        vd_kql_fail(r, node, "a condition is expected, not a %s", vd_kql_type_text(expr->type));
    }
    return expr;
}

int64_t vd_kql_resolve_count(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_expr *expr = vd_kql_resolve_expr(r, place, node);

    if (expr->op != VD_KQL_OP_CONSTANT || (expr->type != VD_KQL_LONG && expr->type != VD_KQL_INT) ||
        expr->value.is_null || expr->value.integer < 0) {
        vd_kql_fail(r, node, "a whole number that is known before the query runs is expected");
    }
    return expr->value.integer;
}
