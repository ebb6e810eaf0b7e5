/* SPDX-License-Identifier: MIT */
/* Parses conditions by recursive descent, to a bounded depth. */

#include "hub/twin_query_parser.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    enum vd_twin_query_function function;
    unsigned arguments;
} functions[] = {
    {"is_defined", VD_CALL_IS_DEFINED, 1},
    {"is_null", VD_CALL_IS_NULL, 1},
    {"is_bool", VD_CALL_IS_BOOL, 1},
    {"is_number", VD_CALL_IS_NUMBER, 1},
    {"is_string", VD_CALL_IS_STRING, 1},
    {"is_object", VD_CALL_IS_OBJECT, 1},
    {"startswith", VD_CALL_STARTS_WITH, 2},
    {"endswith", VD_CALL_ENDS_WITH, 2},
    {"contains", VD_CALL_CONTAINS, 2},
};

static const struct {
    const char *text;
    unsigned orders;
} comparisons[] = {
    {"=", VD_ORDER_EQUAL},
    {"!=", VD_ORDER_LESS | VD_ORDER_GREATER | VD_ORDER_NONE},
    {"<>", VD_ORDER_LESS | VD_ORDER_GREATER | VD_ORDER_NONE},
    {"<", VD_ORDER_LESS},
    {"<=", VD_ORDER_LESS | VD_ORDER_EQUAL},
    {">", VD_ORDER_GREATER},
    {">=", VD_ORDER_GREATER | VD_ORDER_EQUAL},
};

/* 0: there are too many. */
static size_t add_node(
    struct vd_query_parser *parser, enum vd_twin_query_node_kind kind, unsigned detail)
{
    struct vd_twin_query *query = parser->query;

    if (query->node_count == VD_TWIN_QUERY_TERMS_MAX) {
        (void)vd_query_fail_at(parser, vd_query_here(parser), VD_E_LIMIT, "no more than 256 terms");
        return 0;
    }
    query->nodes[++query->node_count] = (struct vd_twin_query_node){.kind = kind, .detail = detail};
    return query->node_count;
}

/* Puts `node` last among the children of `parent`. */
static void adopt(struct vd_twin_query *query, size_t parent, size_t node)
{
    size_t *link = &query->nodes[parent].child;

    while (*link != 0) {
        link = &query->nodes[*link].next;
    }
    *link = node;
}

static json_t *make_text(struct vd_query_parser *parser)
{
    char text[VD_TWIN_QUERY_MAX_BYTES];
    size_t length = vd_query_unquote(parser->token.text, text);
    json_t *value = json_stringn(text, length);

    if (value == NULL) {
        (void)vd_query_fail_at(parser, vd_query_here(parser), VD_E_NOMEM, "memory");
    }
    return value;
}

/* JSON's numbers, so jansson reads them; it wants no zeros before others. */
static json_t *make_number(struct vd_query_parser *parser)
{
    struct vd_str text = parser->token.text;
    json_t *value = json_loadb(text.data, text.length, JSON_DECODE_ANY, NULL);

    if (value == NULL) {
        (void)vd_query_fail(parser, "a number of 64 bits, without zeros before it");
    }
    return value;
}

/* NULL with no failure: the token is no literal. */
static json_t *make_literal(struct vd_query_parser *parser)
{
    if (parser->token.kind == VD_TOKEN_TEXT) {
        return make_text(parser);
    }
    if (parser->token.kind == VD_TOKEN_NUMBER) {
        return make_number(parser);
    }
    if (vd_query_at_word(parser, "true") || vd_query_at_word(parser, "false")) {
        return json_boolean(vd_query_at_word(parser, "true"));
    }
    return vd_query_at_word(parser, "null") ? json_null() : NULL;
}

/* 0: failed, or (no failure) no literal. */
static size_t parse_literal(struct vd_query_parser *parser)
{
    json_t *value = make_literal(parser);
    size_t node = value == NULL ? 0 : add_node(parser, VD_NODE_LITERAL, 0);

    if (node == 0) {
        json_decref(value);
        return 0;
    }
    parser->query->nodes[node].literal = value;
    vd_query_advance(parser);
    return node;
}

static size_t parse_operand(struct vd_query_parser *parser);

static bool enter(struct vd_query_parser *parser)
{
    if (parser->depth == VD_TWIN_QUERY_DEPTH_MAX) {
        return vd_query_fail_at(
            parser, vd_query_here(parser), VD_E_LIMIT, "no more than 32 levels");
    }
    parser->depth++;
    return true;
}

/* The function whose name the token is; COUNT(functions) if none. */
static size_t find_function(const struct vd_query_parser *parser)
{
    size_t i = 0;

    while (i < COUNT(functions) && !vd_query_at_word(parser, functions[i].name)) {
        i++;
    }
    return i;
}

/* Behind the name, at '('. */
static size_t parse_call(struct vd_query_parser *parser, size_t which)
{
    size_t node = add_node(parser, VD_NODE_CALL, functions[which].function);

    if (node == 0 || !enter(parser)) {
        return 0;
    }
    for (unsigned i = 0; i < functions[which].arguments; i++) {
        size_t argument;

        if (!vd_query_take_sign(parser, i == 0 ? "(" : ",")) {
            (void)vd_query_fail(parser, i == 0 ? "(" : ",");
            return 0;
        }
        argument = parse_operand(parser);
        if (argument == 0) {
            return 0;
        }
        adopt(parser->query, node, argument);
    }
    parser->depth--;
    return vd_query_take_sign(parser, ")") || vd_query_fail(parser, ")") ? node : 0;
}

static size_t parse_name(struct vd_query_parser *parser)
{
    size_t which = find_function(parser);
    size_t position = parser->position;
    size_t path = 0;
    size_t node;

    /* A member may have a function's name. */
    if (which < COUNT(functions) &&
        vd_str_equal_text(vd_twin_query_lex(parser->text, &position).text, "(")) {
        vd_query_advance(parser);
        return parse_call(parser, which);
    }
    node = add_node(parser, VD_NODE_PATH, 0);
    if (node == 0 || !vd_query_parse_path(parser, &path)) {
        return 0;
    }
    parser->query->nodes[node].detail = (unsigned)path;
    return node;
}

static size_t parse_operand(struct vd_query_parser *parser)
{
    size_t node = parse_literal(parser);

    if (node != 0 || parser->error != VD_OK) {
        return node;
    }
    if (vd_query_take_sign(parser, "(")) {
        node = enter(parser) ? vd_query_parse_or(parser) : 0;
        parser->depth--;
        return node != 0 && (vd_query_take_sign(parser, ")") || vd_query_fail(parser, ")")) ? node
                                                                                            : 0;
    }
    if (parser->token.kind == VD_TOKEN_NAME && !vd_query_is_keyword(parser->token.text)) {
        return parse_name(parser);
    }
    (void)vd_query_fail(parser, "a path, a value, a function or (");
    return 0;
}

/* Behind IN or NIN: [literal, ...], as further children. */
static bool parse_list(struct vd_query_parser *parser, size_t node)
{
    if (!vd_query_take_sign(parser, "[")) {
        return vd_query_fail(parser, "[");
    }
    do {
        size_t literal = parse_literal(parser);

        if (literal == 0) {
            return vd_query_fail(parser, "a value");
        }
        adopt(parser->query, node, literal);
    } while (vd_query_take_sign(parser, ","));
    return vd_query_take_sign(parser, "]") || vd_query_fail(parser, ", or ]");
}

static unsigned orders_of(struct vd_str text)
{
    size_t i = 0;

    while (i < COUNT(comparisons) - 1 && !vd_str_equal_text(text, comparisons[i].text)) {
        i++;
    }
    return comparisons[i].orders;
}

static size_t parse_comparison(struct vd_query_parser *parser)
{
    size_t left = parse_operand(parser);
    bool in = vd_query_at_word(parser, "in");
    size_t node;
    size_t right;

    if (left == 0 ||
        !(in || vd_query_at_word(parser, "nin") || parser->token.kind == VD_TOKEN_COMPARE)) {
        return left;
    }
    if (parser->token.kind == VD_TOKEN_NAME) {
        node = add_node(parser, in ? VD_NODE_IN : VD_NODE_NIN, 0);
        if (node == 0) {
            return 0;
        }
        adopt(parser->query, node, left);
        vd_query_advance(parser);
        return parse_list(parser, node) ? node : 0;
    }
    node = add_node(parser, VD_NODE_COMPARE, orders_of(parser->token.text));
    vd_query_advance(parser);
    right = node != 0 ? parse_operand(parser) : 0;
    if (right == 0) {
        return 0;
    }
    adopt(parser->query, node, left);
    adopt(parser->query, node, right);
    return node;
}

static size_t parse_not(struct vd_query_parser *parser)
{
    size_t node;
    size_t child;

    if (!vd_query_at_word(parser, "not")) {
        return parse_comparison(parser);
    }
    node = add_node(parser, VD_NODE_NOT, 0);
    if (node == 0 || !enter(parser)) {
        return 0;
    }
    vd_query_advance(parser);
    child = parse_not(parser);
    parser->depth--;
    if (child == 0) {
        return 0;
    }
    adopt(parser->query, node, child);
    return node;
}

/* One level of operands with `word` between them: a chain is one node, so that its length is not depth. */
static size_t parse_chain(struct vd_query_parser *parser, const char *word,
    enum vd_twin_query_node_kind kind, size_t (*below)(struct vd_query_parser *))
{
    size_t first = below(parser);
    size_t node = 0;

    while (first != 0 && vd_query_at_word(parser, word)) {
        size_t further;

        if (node == 0) {
            node = add_node(parser, kind, 0);
            if (node == 0) {
                return 0;
            }
            adopt(parser->query, node, first);
        }
        vd_query_advance(parser);
        further = below(parser);
        if (further == 0) {
            return 0;
        }
        adopt(parser->query, node, further);
    }
    return node != 0 ? node : first;
}

static size_t parse_and(struct vd_query_parser *parser)
{
    return parse_chain(parser, "and", VD_NODE_AND, parse_not);
}

size_t vd_query_parse_or(struct vd_query_parser *parser)
{
    return parse_chain(parser, "or", VD_NODE_OR, parse_and);
}
