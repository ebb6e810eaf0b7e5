/* SPDX-License-Identifier: MIT */
/* Expressions. */

#include <math.h>
#include <string.h>

#include "tests/kql/eval_internal.h"

/* ---- Names ---- */

const struct eval_let *eval_find_let(const struct eval *e, struct vd_str name)
{
    const struct eval_let *let = e->lets;

    while (let != NULL && !vd_str_equal(let->name, name)) {
        let = let->outer;
    }
    return let;
}

static struct vd_kql_value column_or_let(struct eval *e, struct vd_str name)
{
    const uint32_t column = e->table != NULL ? eval_find_column(e->table, name) : UINT32_MAX;
    const struct eval_let *let;

    if (column != UINT32_MAX && e->has_group) {
        eval_fail(e, "a column outside of an aggregate");
    }
    if (column != UINT32_MAX) {
        return e->row == EVAL_NO_ROW ? eval_null(e->table->columns[column].type)
                                     : e->table->rows[e->row][column];
    }
    let = eval_find_let(e, name);
    if (let == NULL || let->function != NULL || let->table != NULL) {
        eval_fail(e, "no value '%.*s'", VD_STR_ARG(name));
    }
    return let->value;
}

/* ---- Arithmetic ---- */

static int64_t floor_mod(int64_t a, int64_t b)
{
    const int64_t size = b < 0 ? -b : b;

    return ((a % size) + size) % size;
}

static struct vd_kql_value whole(struct eval *e, char op, int64_t a, int64_t b)
{
    if ((op == '/' || op == '%') && b == 0) {
        return eval_null(VD_KQL_LONG);
    }
    switch (op) {
    case '+':
        return eval_of_integer(VD_KQL_LONG, (int64_t)((uint64_t)a + (uint64_t)b));
    case '-':
        return eval_of_integer(VD_KQL_LONG, (int64_t)((uint64_t)a - (uint64_t)b));
    case '*':
        return eval_of_integer(VD_KQL_LONG, (int64_t)((uint64_t)a * (uint64_t)b));
    case '/':
        return eval_of_integer(VD_KQL_LONG, a / b);
    case '%':
        return eval_of_integer(VD_KQL_LONG, floor_mod(a, b));
    default:
        eval_fail(e, "operator %c", op);
    }
}

static struct vd_kql_value broken(struct eval *e, char op, double a, double b)
{
    switch (op) {
    case '+':
        return eval_of_real(a + b);
    case '-':
        return eval_of_real(a - b);
    case '*':
        return eval_of_real(a * b);
    case '/':
        return eval_of_real(a / b);
    default:
        eval_fail(e, "operator %c of reals", op);
    }
}

/* The type that a time and something else give; VD_KQL_TYPE_COUNT: none. */
static enum vd_kql_type time_type(char op, enum vd_kql_type a, enum vd_kql_type b)
{
    const bool is_sum = op == '+' || op == '-';

    if (a == VD_KQL_DATETIME && b == VD_KQL_DATETIME) {
        return op == '-' ? VD_KQL_TIMESPAN : VD_KQL_TYPE_COUNT;
    }
    if (a == VD_KQL_DATETIME && b == VD_KQL_TIMESPAN) {
        return is_sum ? VD_KQL_DATETIME : VD_KQL_TYPE_COUNT;
    }
    if (a == VD_KQL_TIMESPAN && b == VD_KQL_DATETIME) {
        return op == '+' ? VD_KQL_DATETIME : VD_KQL_TYPE_COUNT;
    }
    if (a == VD_KQL_TIMESPAN && b == VD_KQL_TIMESPAN) {
        return op == '/' ? VD_KQL_REAL : (op == '*' ? VD_KQL_TYPE_COUNT : VD_KQL_TIMESPAN);
    }
    if (a == VD_KQL_TIMESPAN && eval_is_number(b)) {
        return op == '*' || op == '/' ? VD_KQL_TIMESPAN : VD_KQL_TYPE_COUNT;
    }
    return b == VD_KQL_TIMESPAN && eval_is_number(a) && op == '*' ? VD_KQL_TIMESPAN
                                                                  : VD_KQL_TYPE_COUNT;
}

static struct vd_kql_value times(
    struct eval *e, char op, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    const enum vd_kql_type type = time_type(op, a->type, b->type);

    if (type == VD_KQL_TYPE_COUNT) {
        eval_fail(e, "operator %c of times", op);
    }
    if (a->is_null || b->is_null) {
        return eval_null(type);
    }
    if (type == VD_KQL_REAL) {
        return eval_of_real((double)a->integer / (double)b->integer);
    }
    if (a->type == VD_KQL_REAL || b->type == VD_KQL_REAL) {
        const double x = eval_number(a);
        const double y = eval_number(b);

        return eval_of_integer(type, (int64_t)round(op == '*' ? x * y : x / y));
    }
    return eval_of_integer(type, whole(e, op, a->integer, b->integer).integer);
}

struct vd_kql_value eval_arithmetic(
    struct eval *e, struct vd_str text, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    const char op = text.data[0];
    const bool is_real = a->type == VD_KQL_REAL || b->type == VD_KQL_REAL;

    if (!eval_is_number(a->type) || !eval_is_number(b->type)) {
        const bool is_time = a->type == VD_KQL_DATETIME || a->type == VD_KQL_TIMESPAN ||
            b->type == VD_KQL_DATETIME || b->type == VD_KQL_TIMESPAN;

        if (!is_time) {
            eval_fail(e, "operator %c of other than numbers", op);
        }
        return times(e, op, a, b);
    }
    if (a->is_null || b->is_null) {
        return eval_null(is_real ? VD_KQL_REAL : VD_KQL_LONG);
    }
    return is_real ? broken(e, op, eval_number(a), eval_number(b))
                   : whole(e, op, a->integer, b->integer);
}

/* ---- Comparing ---- */

static struct vd_kql_value compare(
    struct eval *e, struct vd_str text, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    const bool is_equality = vd_str_equal_text(text, "==") || vd_str_equal_text(text, "!=");
    int order;

    if (a->is_null || b->is_null) {
        if (!is_equality || (a->is_null && b->is_null)) {
            return eval_null(VD_KQL_BOOL);
        }
        return eval_of_bool(text.data[0] == '!');
    }
    if (is_equality) {
        return eval_of_bool(eval_is_same(e, a, b) == (text.data[0] == '='));
    }
    order = eval_compare(e, a, b);
    if (order == 0) {
        return eval_of_bool(text.length == 2);
    }
    return eval_of_bool((order < 0) == (text.data[0] == '<'));
}

static struct vd_kql_value logic(
    bool is_or, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    const bool decides = is_or;

    if ((!a->is_null && (a->integer != 0) == decides) ||
        (!b->is_null && (b->integer != 0) == decides)) {
        return eval_of_bool(decides);
    }
    return a->is_null || b->is_null ? eval_null(VD_KQL_BOOL) : eval_of_bool(!decides);
}

static struct vd_kql_value between(struct eval *e, const struct vd_kql_node *node)
{
    const struct vd_kql_value value = eval_expr(e, node->first);
    const struct vd_kql_value low = eval_expr(e, node->first->next);
    struct vd_kql_value high = eval_expr(e, node->first->next->next);
    struct vd_kql_value result;

    if (value.type == VD_KQL_DATETIME && high.type == VD_KQL_TIMESPAN) {
        high = eval_arithmetic(e, VD_STR_LITERAL("+"), &low, &high);
    }
    {
        const struct vd_kql_value from = compare(e, VD_STR_LITERAL(">="), &value, &low);
        const struct vd_kql_value to = compare(e, VD_STR_LITERAL("<="), &value, &high);

        result = logic(false, &from, &to);
    }
    if (!result.is_null && node->text.data[0] == '!') {
        result.integer = !result.integer;
    }
    return result;
}

/* ---- Lists ---- */

static bool is_in(
    struct eval *e, struct vd_kql_value value, const struct vd_kql_node *list, bool is_cs)
{
    if (!is_cs) {
        value.text = eval_lower(e, value.text);
    }
    for (const struct vd_kql_node *item = list->first; item != NULL; item = item->next) {
        struct vd_kql_value other = eval_expr(e, item);

        if (!is_cs) {
            other.text = eval_lower(e, other.text);
        }
        if (!value.is_null && !other.is_null && eval_is_same(e, &value, &other)) {
            return true;
        }
    }
    return false;
}

static bool has_some(
    struct eval *e, struct vd_kql_value value, const struct vd_kql_node *list, bool all)
{
    for (const struct vd_kql_node *item = list->first; item != NULL; item = item->next) {
        const struct vd_kql_value term = eval_expr(e, item);

        if (eval_has(eval_lower(e, value.text), eval_lower(e, term.text)) != all) {
            return !all;
        }
    }
    return all;
}

static struct vd_kql_value list_operator(struct eval *e, const struct vd_kql_node *node)
{
    const struct vd_kql_value value = eval_expr(e, node->first);
    const struct vd_kql_node *list = node->first->next;
    const bool is_not = node->text.data[0] == '!';
    const struct vd_str name = {node->text.data + is_not, node->text.length - is_not};
    bool holds;

    if (vd_str_equal_text(name, "has_any") || vd_str_equal_text(name, "has_all")) {
        holds = has_some(e, value, list, vd_str_equal_text(name, "has_all"));
    } else {
        holds = is_in(e, value, list, !vd_str_equal_text(name, "in~"));
    }
    return eval_of_bool(holds != is_not);
}

/* ---- Operators ---- */

static bool is_any(struct vd_str text, const char *const *list)
{
    while (*list != NULL && !vd_str_equal_text(text, *list)) {
        list++;
    }
    return *list != NULL;
}

static struct vd_kql_value binary_of(
    struct eval *e, struct vd_str text, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    static const char *const comparisons[] = {"==", "!=", "<", ">", "<=", ">=", NULL};
    static const char *const arithmetic[] = {"+", "-", "*", "/", "%", NULL};
    bool holds;

    if (vd_str_equal_text(text, "and") || vd_str_equal_text(text, "or")) {
        return logic(text.data[0] == 'o', a, b);
    }
    if (is_any(text, comparisons)) {
        return compare(e, text, a, b);
    }
    if (is_any(text, arithmetic)) {
        return eval_arithmetic(e, text, a, b);
    }
    if (eval_text_operator(e, text, a, b, &holds)) {
        return eval_of_bool(holds);
    }
    eval_fail(e, "operator %.*s", VD_STR_ARG(text));
}

static struct vd_kql_value binary(struct eval *e, const struct vd_kql_node *node)
{
    struct vd_kql_value value;

    if (node->first->next->kind == VD_KQL_LIST) {
        return list_operator(e, node);
    }
    value = eval_expr(e, node->first);
    for (const struct vd_kql_node *right = node->first->next; right != NULL; right = right->next) {
        const struct vd_kql_value other = eval_expr(e, right);

        value = binary_of(e, node->text, &value, &other);
    }
    return value;
}

static struct vd_kql_value negated(struct eval *e, const struct vd_kql_node *node)
{
    struct vd_kql_value value = eval_expr(e, node->first);

    if (node->text.data[0] == '-' && !value.is_null) {
        if (value.type == VD_KQL_REAL) {
            value.real = -value.real;
        } else {
            value.integer = -value.integer;
        }
    }
    return value;
}

/* ---- Paths ---- */

static struct vd_kql_value part_of(
    struct eval *e, const struct vd_kql_value *whole_value, const struct vd_kql_value *key)
{
    json_t *json;
    json_t *part = NULL;

    if (whole_value->type != VD_KQL_DYNAMIC) {
        eval_fail(e, "a part of what is not dynamic");
    }
    json = eval_json(e, whole_value);
    if (key->type == VD_KQL_STRING) {
        part = json_object_getn(json, key->text.data, key->text.length);
    } else if (json_is_array(json)) {
        const int64_t size = (int64_t)json_array_size(json);
        const int64_t at = key->integer < 0 ? key->integer + size : key->integer;

        part = at >= 0 && at < size ? json_array_get(json, (size_t)at) : NULL;
    }
    part = json_is_null(part) ? NULL : json_incref(part);
    json_decref(json);
    return eval_of_json(e, part);
}

static struct vd_kql_value path(struct eval *e, const struct vd_kql_node *node)
{
    const struct vd_kql_value base = eval_expr(e, node->first);
    const struct vd_kql_value key =
        node->kind == VD_KQL_MEMBER ? eval_of_text(node->text) : eval_expr(e, node->first->next);

    return part_of(e, &base, &key);
}

struct vd_kql_value eval_expr(struct eval *e, const struct vd_kql_node *node)
{
    switch (node->kind) {
    case VD_KQL_LITERAL:
        return node->value;
    case VD_KQL_NAME:
        return column_or_let(e, node->text);
    case VD_KQL_UNARY:
        return negated(e, node);
    case VD_KQL_BINARY:
        return binary(e, node);
    case VD_KQL_BETWEEN:
        return between(e, node);
    case VD_KQL_CALL:
        return eval_call(e, node);
    case VD_KQL_MEMBER:
    case VD_KQL_INDEX:
        return path(e, node);
    default:
        eval_fail(e, "%s in an expression", vd_kql_kind_text(node->kind));
    }
}

bool eval_is_true(struct eval *e, const struct vd_kql_node *node)
{
    const struct vd_kql_value value = eval_expr(e, node);

    if (value.type != VD_KQL_BOOL) {
        eval_fail(e, "a condition that is not bool");
    }
    return !value.is_null && value.integer != 0;
}
