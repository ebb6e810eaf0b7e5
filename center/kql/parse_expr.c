/* SPDX-License-Identifier: MIT */
/* Scalar expressions, by precedence. */

#include <string.h>

#include "center/kql/parse_internal.h"

static bool is_name_at(const struct vd_kql_parser *p, uint32_t ahead)
{
    const struct vd_kql_token *token = vd_kql_peek(p, ahead);
    const struct vd_kql_token *inner = vd_kql_peek(p, ahead + 1);

    if (token->kind == VD_KQL_TOKEN_NAME) {
        return token->text.data[0] != '!' && token->text.data[token->text.length - 1] != '~';
    }
    return vd_kql_is_sign(token, "[") && inner->kind == VD_KQL_TOKEN_LITERAL &&
        inner->value.type == VD_KQL_STRING && vd_kql_is_sign(vd_kql_peek(p, ahead + 2), "]");
}

bool vd_kql_is_name(const struct vd_kql_parser *p)
{
    return is_name_at(p, 0);
}

struct vd_kql_node *vd_kql_parse_name(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    struct vd_kql_node *name;

    if (!vd_kql_is_name(p)) {
        vd_kql_parse_expected(p, "a name");
    }
    name = vd_kql_node_new(p, VD_KQL_NAME, token);
    if (token->kind == VD_KQL_TOKEN_NAME) {
        name->text = vd_kql_next(p)->text;
    } else {
        name->text = vd_kql_peek(p, 1)->value.text;
        p->at += 3;
    }
    return vd_kql_node_end(p, name);
}

enum vd_kql_type vd_kql_parse_type(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    enum vd_kql_type type = VD_KQL_STRING;

    if (token->kind != VD_KQL_TOKEN_NAME || !vd_kql_type_parse(token->text, &type)) {
        vd_kql_parse_expected(
            p, "a type (bool, datetime, dynamic, guid, int, long, real, string, timespan)");
    }
    vd_kql_next(p);
    return type;
}

/* ---- Primaries ---- */

static bool is_text(const struct vd_kql_token *token)
{
    return token->kind == VD_KQL_TOKEN_LITERAL && token->value.type == VD_KQL_STRING;
}

/* Texts side by side are one; the first has been taken. */
static void join_texts(
    struct vd_kql_parser *p, struct vd_kql_node *literal, const struct vd_kql_token *first)
{
    const struct vd_kql_token *end = first + 1;
    size_t length = first->value.text.length;
    char *text;

    for (; is_text(end); end++) {
        length += end->value.text.length;
    }
    if (end == first + 1) {
        return;
    }
    text = vd_kql_parse_new(p, length);
    literal->value.text = (struct vd_str){text, length};
    for (const struct vd_kql_token *token = first; token < end; token++) {
        if (token->value.text.length > 0) {
            memcpy(text, token->value.text.data, token->value.text.length);
            text += token->value.text.length;
        }
    }
    p->at += (uint32_t)(end - first - 1);
}

static struct vd_kql_node *parse_literal(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_next(p);
    struct vd_kql_node *literal = vd_kql_node_new(p, VD_KQL_LITERAL, token);

    literal->value = token->value;
    if (is_text(token)) {
        join_texts(p, literal, token);
    }
    return vd_kql_node_end(p, literal);
}

static struct vd_kql_node *parse_bool(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_next(p);
    struct vd_kql_node *literal = vd_kql_node_new(p, VD_KQL_LITERAL, token);

    literal->value = (struct vd_kql_value){
        .type = VD_KQL_BOOL, .integer = vd_str_equal_text(token->text, "true")};
    return literal;
}

struct vd_kql_node *vd_kql_parse_option(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    struct vd_kql_node *option = vd_kql_node_new(p, VD_KQL_OPTION, token);
    struct vd_kql_node *tail = NULL;

    option->text = vd_kql_parse_name(p)->text;
    vd_kql_expect_sign(p, "=");
    token = vd_kql_peek(p, 0);
    if (token->kind == VD_KQL_TOKEN_LITERAL) {
        vd_kql_node_add(option, &tail, parse_literal(p));
    } else if (vd_kql_is_word(token, "true") || vd_kql_is_word(token, "false")) {
        vd_kql_node_add(option, &tail, parse_bool(p));
    } else {
        vd_kql_node_add(option, &tail, vd_kql_parse_name(p));
    }
    return option;
}

static struct vd_kql_node *parse_argument(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    const uint32_t name_length = token->kind == VD_KQL_TOKEN_NAME ? 1 : 3;

    if (vd_kql_is_sign(token, "*") &&
        (vd_kql_is_sign(vd_kql_peek(p, 1), ",") || vd_kql_is_sign(vd_kql_peek(p, 1), ")"))) {
        return vd_kql_node_new(p, VD_KQL_STAR, vd_kql_next(p));
    }
    if (is_name_at(p, 0) && vd_kql_is_sign(vd_kql_peek(p, name_length), "=")) {
        struct vd_kql_node *named = vd_kql_node_new(p, VD_KQL_NAMED, token);
        struct vd_kql_node *tail = NULL;

        named->text = vd_kql_parse_name(p)->text;
        vd_kql_next(p);
        vd_kql_node_add(named, &tail, vd_kql_parse_pipe(p));
        return named;
    }
    return vd_kql_parse_pipe(p);
}

static struct vd_kql_node *parse_call(struct vd_kql_parser *p, struct vd_kql_node *name)
{
    static const char *const tables[] = {"datatable", "print", "search", "union", "externaldata"};
    struct vd_kql_node *tail = NULL;

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (vd_str_equal_text(name->text, tables[i])) {
            vd_kql_parse_fail(p, vd_kql_peek(p, 0),
                "'%s' begins a table and is no function: a table stands in parentheses", tables[i]);
        }
    }
    name->kind = VD_KQL_CALL;
    vd_kql_expect_sign(p, "(");
    while (!vd_kql_is_sign(vd_kql_peek(p, 0), ")")) {
        vd_kql_node_add(name, &tail, parse_argument(p));
        if (!vd_kql_take_sign(p, ",")) {
            break;
        }
    }
    if (!vd_kql_take_sign(p, ")")) {
        vd_kql_parse_expected(p, "',' or ')'");
    }
    return vd_kql_node_end(p, name);
}

static struct vd_kql_node *parse_primary(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    struct vd_kql_node *node;

    if (token->kind == VD_KQL_TOKEN_LITERAL) {
        return parse_literal(p);
    }
    if (vd_kql_take_sign(p, "(")) {
        node = vd_kql_parse_pipe(p);
        vd_kql_expect_sign(p, ")");
        return node;
    }
    if (!is_name_at(p, 0)) {
        vd_kql_parse_expected(p, "a value");
    }
    if (vd_kql_is_word(token, "true") || vd_kql_is_word(token, "false")) {
        return parse_bool(p);
    }
    if (vd_kql_is_word(token, "dynamic") && vd_kql_is_sign(vd_kql_peek(p, 1), "(")) {
        vd_kql_next(p);
        return vd_kql_parse_dynamic(p, token);
    }
    node = vd_kql_parse_name(p);
    if (token->kind == VD_KQL_TOKEN_NAME && vd_kql_is_sign(vd_kql_peek(p, 0), "(")) {
        return parse_call(p, node);
    }
    return node;
}

static struct vd_kql_node *parse_postfix(struct vd_kql_parser *p)
{
    struct vd_kql_node *node = parse_primary(p);
    uint32_t steps = 0;

    for (;;) {
        struct vd_kql_node *outer;

        /* a.[0] is a[0]. */
        if (vd_kql_is_sign(vd_kql_peek(p, 0), ".") && vd_kql_is_sign(vd_kql_peek(p, 1), "[") &&
            !is_name_at(p, 1)) {
            vd_kql_next(p);
        }
        if (vd_kql_take_sign(p, ".")) {
            outer = vd_kql_node_around(p, VD_KQL_MEMBER, node);
            outer->text = vd_kql_parse_name(p)->text;
        } else if (vd_kql_is_sign(vd_kql_peek(p, 0), "[")) {
            struct vd_kql_node *tail = node;

            vd_kql_next(p);
            outer = vd_kql_node_around(p, VD_KQL_INDEX, node);
            vd_kql_node_add(outer, &tail, vd_kql_parse_expr(p));
            vd_kql_expect_sign(p, "]");
        } else {
            break;
        }
        vd_kql_enter(p);
        steps++;
        node = vd_kql_node_end(p, outer);
    }
    p->depth -= steps;
    return node;
}

/* ---- Operators ---- */

static struct vd_kql_node *parse_unary(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    struct vd_kql_node *unary;
    struct vd_kql_node *tail = NULL;

    if (!vd_kql_is_sign(token, "-") && !vd_kql_is_sign(token, "+")) {
        return parse_postfix(p);
    }
    vd_kql_enter(p);
    unary = vd_kql_node_new(p, VD_KQL_UNARY, vd_kql_next(p));
    unary->text = token->text;
    vd_kql_node_add(unary, &tail, parse_unary(p));
    vd_kql_leave(p);
    return unary;
}

typedef struct vd_kql_node *parse_operand(struct vd_kql_parser *p);

/* a op b op c ...: to the left; the same operator several times is one node. */
static struct vd_kql_node *parse_chain(
    struct vd_kql_parser *p, parse_operand *operand, const char *const *operators, bool is_word)
{
    struct vd_kql_node *left = operand(p);
    struct vd_kql_node *tail = NULL;
    uint32_t steps = 0;

    for (;;) {
        const struct vd_kql_token *token = vd_kql_peek(p, 0);
        const char *const *found = operators;

        while (*found != NULL &&
            !(is_word ? vd_kql_is_word(token, *found) : vd_kql_is_sign(token, *found))) {
            found++;
        }
        if (*found == NULL) {
            break;
        }
        vd_kql_next(p);
        if (tail == NULL || !vd_str_equal_text(left->text, *found)) {
            vd_kql_enter(p);
            steps++;
            tail = left;
            left = vd_kql_node_around(p, VD_KQL_BINARY, left);
            left->text = vd_str_from(*found);
        }
        vd_kql_node_add(left, &tail, operand(p));
    }
    p->depth -= steps;
    return left;
}

static struct vd_kql_node *parse_product(struct vd_kql_parser *p)
{
    static const char *const operators[] = {"*", "/", "%", NULL};

    return parse_chain(p, parse_unary, operators, false);
}

static struct vd_kql_node *parse_sum(struct vd_kql_parser *p)
{
    static const char *const operators[] = {"+", "-", NULL};

    return parse_chain(p, parse_product, operators, false);
}

static const char *find_text(struct vd_str text, const char *const *list)
{
    while (*list != NULL && !vd_str_equal_text(text, *list)) {
        list++;
    }
    return *list;
}

/* The operator that compares, if one is next; NULL. */
static const char *comparison(const struct vd_kql_parser *p)
{
    static const char *const signs[] = {"==", "=~", "!=", "!~", "<>", "<", ">", "<=", ">=", NULL};
    static const char *const words[] = {"has", "!has", "has_cs", "!has_cs", "hasprefix",
        "!hasprefix", "hasprefix_cs", "!hasprefix_cs", "hassuffix", "!hassuffix", "hassuffix_cs",
        "!hassuffix_cs", "contains", "!contains", "contains_cs", "!contains_cs", "startswith",
        "!startswith", "startswith_cs", "!startswith_cs", "endswith", "!endswith", "endswith_cs",
        "!endswith_cs", "like", "!like", "notcontains", "containscs", NULL};
    const struct vd_kql_token *token = vd_kql_peek(p, 0);

    if (p->in_search && vd_kql_is_sign(token, ":")) {
        return "has";
    }
    return find_text(token->text,
        token->kind == VD_KQL_TOKEN_SIGN       ? signs
            : token->kind == VD_KQL_TOKEN_NAME ? words
                                               : words + sizeof words / sizeof words[0] - 1);
}

static const char *list_operator(const struct vd_kql_parser *p)
{
    static const char *const words[] = {
        "in", "!in", "in~", "!in~", "has_any", "!has_any", "has_all", "!has_all", NULL};
    static const char *const none[] = {NULL};
    const struct vd_kql_token *token = vd_kql_peek(p, 0);

    return find_text(token->text, token->kind == VD_KQL_TOKEN_NAME ? words : none);
}

static struct vd_kql_node *parse_in(
    struct vd_kql_parser *p, struct vd_kql_node *left, const char *operator_text)
{
    struct vd_kql_node *binary = vd_kql_node_around(p, VD_KQL_BINARY, left);
    struct vd_kql_node *tail = left;
    struct vd_kql_node *list;
    struct vd_kql_node *items = NULL;

    vd_kql_next(p);
    binary->text = vd_str_from(operator_text);
    list = vd_kql_node_new(p, VD_KQL_LIST, vd_kql_peek(p, 0));
    if (!vd_kql_take_sign(p, "(")) {
        vd_kql_node_add(list, &items, parse_sum(p));
    } else {
        while (!vd_kql_is_sign(vd_kql_peek(p, 0), ")")) {
            vd_kql_node_add(list, &items, vd_kql_parse_pipe(p));
            if (!vd_kql_take_sign(p, ",")) {
                break;
            }
        }
        if (!vd_kql_take_sign(p, ")")) {
            vd_kql_parse_expected(p, "',' or ')'");
        }
        if (list->child_count == 0) {
            vd_kql_parse_fail(
                p, vd_kql_peek(p, 0), "a list without values stands behind '%s'", operator_text);
        }
    }
    vd_kql_node_add(binary, &tail, vd_kql_node_end(p, list));
    return binary;
}

static struct vd_kql_node *parse_between(struct vd_kql_parser *p, struct vd_kql_node *left)
{
    struct vd_kql_node *between = vd_kql_node_around(p, VD_KQL_BETWEEN, left);
    struct vd_kql_node *tail = left;

    between->text = vd_kql_next(p)->text;
    vd_kql_expect_sign(p, "(");
    vd_kql_node_add(between, &tail, parse_sum(p));
    vd_kql_expect_sign(p, "..");
    vd_kql_node_add(between, &tail, parse_sum(p));
    vd_kql_expect_sign(p, ")");
    return vd_kql_node_end(p, between);
}

/* Names of old, and what they are called now. */
static const char *current_name(const char *operator_text)
{
    if (strcmp(operator_text, "<>") == 0) {
        return "!=";
    }
    if (strcmp(operator_text, "notcontains") == 0) {
        return "!contains";
    }
    return strcmp(operator_text, "containscs") == 0 ? "contains_cs" : operator_text;
}

static bool is_comparison_at(struct vd_kql_parser *p, uint32_t ahead)
{
    bool is;

    p->at += ahead;
    is = list_operator(p) != NULL || comparison(p) != NULL ||
        (vd_kql_is_word(vd_kql_peek(p, 0), "matches") &&
            vd_kql_is_word(vd_kql_peek(p, 1), "regex"));
    p->at -= ahead;
    return is;
}

static struct vd_kql_node *parse_comparison(struct vd_kql_parser *p)
{
    /* * has "x": any column. */
    const bool is_any = vd_kql_is_sign(vd_kql_peek(p, 0), "*") && is_comparison_at(p, 1);
    struct vd_kql_node *left =
        is_any ? vd_kql_node_new(p, VD_KQL_STAR, vd_kql_next(p)) : parse_sum(p);
    uint32_t steps = 0;

    for (;;) {
        const char *operator_text;
        struct vd_kql_node *binary;
        struct vd_kql_node *tail = left;

        if ((operator_text = list_operator(p)) != NULL) {
            binary = parse_in(p, left, operator_text);
        } else if (vd_kql_is_word(vd_kql_peek(p, 0), "between") ||
            vd_kql_is_word(vd_kql_peek(p, 0), "!between")) {
            binary = parse_between(p, left);
        } else if (vd_kql_is_word(vd_kql_peek(p, 0), "matches") &&
            vd_kql_is_word(vd_kql_peek(p, 1), "regex")) {
            p->at += 2;
            binary = vd_kql_node_around(p, VD_KQL_BINARY, left);
            binary->text = VD_STR_LITERAL("matches regex");
            vd_kql_node_add(binary, &tail, parse_sum(p));
        } else if ((operator_text = comparison(p)) != NULL) {
            vd_kql_next(p);
            binary = vd_kql_node_around(p, VD_KQL_BINARY, left);
            binary->text = vd_str_from(current_name(operator_text));
            vd_kql_node_add(binary, &tail, parse_sum(p));
        } else {
            break;
        }
        vd_kql_enter(p);
        steps++;
        left = binary;
    }
    p->depth -= steps;
    return left;
}

static struct vd_kql_node *parse_and(struct vd_kql_parser *p)
{
    static const char *const operators[] = {"and", NULL};

    return parse_chain(p, parse_comparison, operators, true);
}

struct vd_kql_node *vd_kql_parse_expr(struct vd_kql_parser *p)
{
    static const char *const operators[] = {"or", NULL};
    struct vd_kql_node *node;

    vd_kql_enter(p);
    node = parse_chain(p, parse_and, operators, true);
    vd_kql_leave(p);
    return node;
}

/* ---- Lists ---- */

/* (a, b) = expression: whether that comes. */
static bool is_tuple(const struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);

    if (!vd_kql_is_sign(token++, "(")) {
        return false;
    }
    while (token->kind == VD_KQL_TOKEN_NAME && vd_kql_is_sign(token + 1, ",")) {
        token += 2;
    }
    return token->kind == VD_KQL_TOKEN_NAME && vd_kql_is_sign(token + 1, ")") &&
        vd_kql_is_sign(token + 2, "=");
}

struct vd_kql_node *vd_kql_parse_named(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    const bool has_tuple = is_tuple(p);
    const uint32_t name_length = token->kind == VD_KQL_TOKEN_NAME ? 1 : 3;
    struct vd_kql_node *named;
    struct vd_kql_node *tail = NULL;

    if (!has_tuple && !(is_name_at(p, 0) && vd_kql_is_sign(vd_kql_peek(p, name_length), "="))) {
        return vd_kql_parse_expr(p);
    }
    named = vd_kql_node_new(p, VD_KQL_NAMED, token);
    if (has_tuple) {
        struct vd_kql_node *tuple = vd_kql_node_new(p, VD_KQL_TUPLE, vd_kql_next(p));
        struct vd_kql_node *names = NULL;

        do {
            vd_kql_node_add(tuple, &names, vd_kql_parse_name(p));
        } while (vd_kql_take_sign(p, ","));
        vd_kql_expect_sign(p, ")");
        vd_kql_node_add(named, &tail, vd_kql_node_end(p, tuple));
    } else {
        named->text = vd_kql_parse_name(p)->text;
    }
    vd_kql_expect_sign(p, "=");
    vd_kql_node_add(named, &tail, vd_kql_parse_expr(p));
    return named;
}

void vd_kql_parse_list(struct vd_kql_parser *p, struct vd_kql_node *node, struct vd_kql_node **tail)
{
    do {
        vd_kql_node_add(node, tail, vd_kql_parse_named(p));
    } while (vd_kql_take_sign(p, ","));
}
