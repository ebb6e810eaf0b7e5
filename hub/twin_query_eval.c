/* SPDX-License-Identifier: MIT */
/* Says whether WHERE holds for a row. */

#include "hub/twin_query_tree.h"

const json_t *vd_twin_query_follow(
    const struct vd_twin_query *query, size_t path, const json_t *row)
{
    const char *name = query->names + path;

    while (row != NULL && *name != '\0') {
        row = json_object_get(row, name);
        name += strlen(name) + 1;
    }
    return row;
}

int vd_twin_query_compare_numbers(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a);
        json_int_t y = json_integer_value(b);

        return (x > y) - (x < y);
    }
    return (json_number_value(a) > json_number_value(b)) -
        (json_number_value(a) < json_number_value(b));
}

static int compare_texts(const json_t *a, const json_t *b)
{
    size_t a_length = json_string_length(a);
    size_t b_length = json_string_length(b);
    int order = memcmp(
        json_string_value(a), json_string_value(b), a_length < b_length ? a_length : b_length);

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* The one order that two values have to one another; 0 if one is undefined. */
static unsigned order_of(const json_t *a, const json_t *b)
{
    int order = 0;

    if (a == NULL || b == NULL) {
        return 0;
    }
    if (json_is_number(a) && json_is_number(b)) {
        order = vd_twin_query_compare_numbers(a, b);
    } else if (json_is_string(a) && json_is_string(b)) {
        order = compare_texts(a, b);
    } else {
        return json_equal(a, b) ? VD_ORDER_EQUAL : VD_ORDER_NONE;
    }
    return order == 0 ? VD_ORDER_EQUAL : order < 0 ? VD_ORDER_LESS : VD_ORDER_GREATER;
}

static bool holds(const struct vd_twin_query *query, size_t index, const json_t *row);

/* What an operand is, borrowed: of the row, of the query, or one of jansson's constants. NULL: undefined. */
static const json_t *value_of(const struct vd_twin_query *query, size_t index, const json_t *row)
{
    const struct vd_twin_query_node *node = &query->nodes[index];

    if (node->kind == VD_NODE_PATH) {
        return vd_twin_query_follow(query, node->detail, row);
    }
    if (node->kind == VD_NODE_LITERAL) {
        return node->literal;
    }
    return json_boolean(holds(query, index, row));
}

static bool matches_text(
    enum vd_twin_query_function function, const json_t *text, const json_t *part)
{
    size_t length = json_string_length(text);
    size_t part_length = json_string_length(part);

    if (!json_is_string(text) || !json_is_string(part) || part_length > length) {
        return false;
    }
    if (function == VD_CALL_STARTS_WITH) {
        return memcmp(json_string_value(text), json_string_value(part), part_length) == 0;
    }
    if (function == VD_CALL_ENDS_WITH) {
        return memcmp(json_string_value(text) + (length - part_length), json_string_value(part),
                   part_length) == 0;
    }
    return memmem(json_string_value(text), length, json_string_value(part), part_length) != NULL;
}

static bool call_holds(
    const struct vd_twin_query *query, const struct vd_twin_query_node *node, const json_t *row)
{
    const json_t *value = value_of(query, node->child, row);

    switch ((enum vd_twin_query_function)node->detail) {
    case VD_CALL_IS_DEFINED:
        return value != NULL;
    case VD_CALL_IS_NULL:
        return json_is_null(value);
    case VD_CALL_IS_BOOL:
        return json_is_boolean(value);
    case VD_CALL_IS_NUMBER:
        return json_is_number(value);
    case VD_CALL_IS_STRING:
        return json_is_string(value);
    case VD_CALL_IS_OBJECT:
        return json_is_object(value);
    default:
        return matches_text((enum vd_twin_query_function)node->detail, value,
            value_of(query, query->nodes[node->child].next, row));
    }
}

static bool compare_holds(
    const struct vd_twin_query *query, const struct vd_twin_query_node *node, const json_t *row)
{
    const json_t *left = value_of(query, node->child, row);
    const json_t *right = value_of(query, query->nodes[node->child].next, row);

    return (order_of(left, right) & node->detail) != 0;
}

static bool in_holds(
    const struct vd_twin_query *query, const struct vd_twin_query_node *node, const json_t *row)
{
    const json_t *value = value_of(query, node->child, row);
    bool found = false;

    for (size_t i = query->nodes[node->child].next; i != 0 && !found; i = query->nodes[i].next) {
        found = order_of(value, query->nodes[i].literal) == VD_ORDER_EQUAL;
    }
    return value != NULL && found == (node->kind == VD_NODE_IN);
}

/* AND and OR are one: the first child that decides ends it. */
static bool chain_holds(
    const struct vd_twin_query *query, const struct vd_twin_query_node *node, const json_t *row)
{
    bool decides = node->kind == VD_NODE_OR;

    for (size_t i = node->child; i != 0; i = query->nodes[i].next) {
        if (holds(query, i, row) == decides) {
            return decides;
        }
    }
    return !decides;
}

/* Recursion is as deep as the parser let it be. */
static bool holds(const struct vd_twin_query *query, size_t index, const json_t *row)
{
    const struct vd_twin_query_node *node = &query->nodes[index];

    switch (node->kind) {
    case VD_NODE_OR:
    case VD_NODE_AND:
        return chain_holds(query, node, row);
    case VD_NODE_NOT:
        return !holds(query, node->child, row);
    case VD_NODE_COMPARE:
        return compare_holds(query, node, row);
    case VD_NODE_IN:
    case VD_NODE_NIN:
        return in_holds(query, node, row);
    case VD_NODE_CALL:
        return call_holds(query, node, row);
    default:
        return json_is_true(value_of(query, index, row));
    }
}

bool vd_twin_query_matches(const struct vd_twin_query *query, const json_t *row)
{
    return query->where == 0 || holds(query, query->where, row);
}
