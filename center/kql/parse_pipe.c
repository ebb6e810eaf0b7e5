/* SPDX-License-Identifier: MIT */
/* Statements, tables and pipes. */

#include <string.h>

#include "center/kql/parse_internal.h"

/* ---- Sources ---- */

struct vd_kql_node *vd_kql_parse_schema(struct vd_kql_parser *p)
{
    struct vd_kql_node *schema = vd_kql_node_new(p, VD_KQL_SCHEMA, vd_kql_peek(p, 0));
    struct vd_kql_node *tail = NULL;

    vd_kql_expect_sign(p, "(");
    if (vd_kql_is_sign(vd_kql_peek(p, 0), "*")) {
        vd_kql_node_add(schema, &tail, vd_kql_node_new(p, VD_KQL_STAR, vd_kql_next(p)));
    } else if (!vd_kql_is_sign(vd_kql_peek(p, 0), ")")) {
        do {
            struct vd_kql_node *declared = vd_kql_parse_name(p);

            declared->kind = VD_KQL_DECLARATION;
            vd_kql_expect_sign(p, ":");
            declared->value.type = vd_kql_parse_type(p);
            vd_kql_node_add(schema, &tail, vd_kql_node_end(p, declared));
        } while (vd_kql_take_sign(p, ","));
    }
    if (!vd_kql_take_sign(p, ")")) {
        vd_kql_parse_expected(p, "',' or ')'");
    }
    return vd_kql_node_end(p, schema);
}

static struct vd_kql_node *parse_datatable(struct vd_kql_parser *p, const struct vd_kql_token *word)
{
    struct vd_kql_node *table = vd_kql_node_new(p, VD_KQL_DATATABLE, word);
    struct vd_kql_node *tail = NULL;

    vd_kql_node_add(table, &tail, vd_kql_parse_schema(p));
    vd_kql_expect_sign(p, "[");
    while (!vd_kql_is_sign(vd_kql_peek(p, 0), "]")) {
        vd_kql_node_add(table, &tail, vd_kql_parse_expr(p));
        if (!vd_kql_take_sign(p, ",")) {
            break;
        }
    }
    if (!vd_kql_take_sign(p, "]")) {
        vd_kql_parse_expected(p, "',' or ']'");
    }
    return vd_kql_node_end(p, table);
}

static struct vd_kql_node *parse_print(struct vd_kql_parser *p, const struct vd_kql_token *word)
{
    struct vd_kql_node *print = vd_kql_node_new(p, VD_KQL_PRINT, word);
    struct vd_kql_node *tail = NULL;

    vd_kql_parse_list(p, print, &tail);
    return print;
}

static struct vd_kql_node *parse_range(struct vd_kql_parser *p, const struct vd_kql_token *word)
{
    struct vd_kql_node *range = vd_kql_node_new(p, VD_KQL_RANGE, word);
    struct vd_kql_node *tail = NULL;

    range->text = vd_kql_parse_name(p)->text;
    vd_kql_expect_word(p, "from");
    vd_kql_node_add(range, &tail, vd_kql_parse_expr(p));
    vd_kql_expect_word(p, "to");
    vd_kql_node_add(range, &tail, vd_kql_parse_expr(p));
    vd_kql_expect_word(p, "step");
    vd_kql_node_add(range, &tail, vd_kql_parse_expr(p));
    return range;
}

/* union kind=outer withsource=x isfuzzy=true A, (B | ...), C* */
struct vd_kql_node *vd_kql_parse_union(struct vd_kql_parser *p, const struct vd_kql_token *word)
{
    struct vd_kql_node *node = vd_kql_node_new(p, VD_KQL_UNION, word);
    struct vd_kql_node *tail = NULL;

    vd_kql_skip_hints(p);
    while (vd_kql_peek(p, 0)->kind == VD_KQL_TOKEN_NAME && vd_kql_is_sign(vd_kql_peek(p, 1), "=")) {
        if (vd_kql_take_word(p, "kind")) {
            vd_kql_next(p);
            node->text = vd_kql_parse_name(p)->text;
        } else {
            vd_kql_node_add(node, &tail, vd_kql_parse_option(p));
        }
        vd_kql_skip_hints(p);
    }
    do {
        const struct vd_kql_token *next = vd_kql_peek(p, 0);
        const bool has_star = vd_kql_is_sign(next, "*") ||
            (vd_kql_is_sign(vd_kql_peek(p, 1), "*") && !vd_kql_peek(p, 1)->has_space);

        vd_kql_node_add(node, &tail, has_star ? vd_kql_parse_pattern(p) : vd_kql_parse_table(p));
    } while (vd_kql_take_sign(p, ","));
    return vd_kql_node_end(p, node);
}

/* search * is all rows. */
static struct vd_kql_node *parse_predicate(struct vd_kql_parser *p)
{
    const struct vd_kql_token *behind = vd_kql_peek(p, 1);

    if (vd_kql_is_sign(vd_kql_peek(p, 0), "*") &&
        (behind->kind == VD_KQL_TOKEN_END || vd_kql_is_sign(behind, "|") ||
            vd_kql_is_sign(behind, ";") || vd_kql_is_sign(behind, ")"))) {
        return vd_kql_node_new(p, VD_KQL_STAR, vd_kql_next(p));
    }
    return vd_kql_parse_expr(p);
}

/* search kind=... in (A, B) predicate */
struct vd_kql_node *vd_kql_parse_search(struct vd_kql_parser *p, const struct vd_kql_token *word)
{
    struct vd_kql_node *search = vd_kql_node_new(p, VD_KQL_SEARCH, word);
    struct vd_kql_node *options = vd_kql_node_new(p, VD_KQL_SEARCH, word);
    struct vd_kql_node *option_tail = NULL;
    struct vd_kql_node *tail = NULL;

    while (vd_kql_is_word(vd_kql_peek(p, 0), "kind") && vd_kql_is_sign(vd_kql_peek(p, 1), "=")) {
        vd_kql_node_add(options, &option_tail, vd_kql_parse_option(p));
    }
    if (vd_kql_take_word(p, "in")) {
        vd_kql_expect_sign(p, "(");
        do {
            const bool has_star = vd_kql_is_sign(vd_kql_peek(p, 0), "*") ||
                (vd_kql_is_sign(vd_kql_peek(p, 1), "*") && !vd_kql_peek(p, 1)->has_space);

            vd_kql_node_add(
                options, &option_tail, has_star ? vd_kql_parse_pattern(p) : vd_kql_parse_name(p));
        } while (vd_kql_take_sign(p, ","));
        vd_kql_expect_sign(p, ")");
    }
    p->in_search = true;
    vd_kql_node_add(search, &tail, parse_predicate(p));
    p->in_search = false;
    if (options->first != NULL) {
        tail->next = options->first;
        search->child_count += options->child_count;
    }
    return vd_kql_node_end(p, search);
}

/* The words that begin a table, if what follows them fits. */
static struct vd_kql_node *parse_source(struct vd_kql_parser *p)
{
    const struct vd_kql_token *word = vd_kql_peek(p, 0);
    const struct vd_kql_token *after = vd_kql_peek(p, 1);
    const bool has_more = after->kind == VD_KQL_TOKEN_NAME || after->kind == VD_KQL_TOKEN_LITERAL;

    if (vd_kql_is_word(word, "datatable") && vd_kql_is_sign(after, "(")) {
        return parse_datatable(p, vd_kql_next(p));
    }
    if (vd_kql_is_word(word, "print") && !vd_kql_is_sign(after, "|") &&
        !vd_kql_is_sign(after, ")") && after->kind != VD_KQL_TOKEN_END &&
        !vd_kql_is_sign(after, ",")) {
        return parse_print(p, vd_kql_next(p));
    }
    if (vd_kql_is_word(word, "range") && after->kind == VD_KQL_TOKEN_NAME) {
        return parse_range(p, vd_kql_next(p));
    }
    if (vd_kql_is_word(word, "union") &&
        (has_more || vd_kql_is_sign(after, "(") || vd_kql_is_sign(after, "*") ||
            (vd_kql_is_sign(after, "[") && after->has_space))) {
        return vd_kql_parse_union(p, vd_kql_next(p));
    }
    if (vd_kql_is_word(word, "search") &&
        (has_more || vd_kql_is_sign(after, "(") || vd_kql_is_sign(after, "*"))) {
        return vd_kql_parse_search(p, vd_kql_next(p));
    }
    if (vd_kql_is_word(word, "find") && (has_more || vd_kql_is_sign(after, "("))) {
        vd_kql_parse_fail(p, word, "the operator 'find' is not supported");
    }
    if (vd_kql_is_word(word, "externaldata")) {
        vd_kql_parse_fail(p, word,
            "externaldata is not supported: a query reads the five tables and nothing else");
    }
    return NULL;
}

struct vd_kql_node *vd_kql_parse_pipe(struct vd_kql_parser *p)
{
    struct vd_kql_node *source;
    struct vd_kql_node *pipe;
    struct vd_kql_node *tail;

    vd_kql_enter(p);
    source = parse_source(p);
    if (source == NULL) {
        source = vd_kql_parse_expr(p);
        if (!vd_kql_is_sign(vd_kql_peek(p, 0), "|")) {
            vd_kql_leave(p);
            return source;
        }
    }
    pipe = vd_kql_node_around(p, VD_KQL_PIPE, source);
    tail = source;
    while (vd_kql_take_sign(p, "|")) {
        vd_kql_node_add(pipe, &tail, vd_kql_parse_operator(p));
    }
    vd_kql_leave(p);
    return vd_kql_node_end(p, pipe);
}

struct vd_kql_node *vd_kql_parse_table(struct vd_kql_parser *p)
{
    struct vd_kql_node *table;

    if (vd_kql_take_sign(p, "(")) {
        table = vd_kql_parse_pipe(p);
        vd_kql_expect_sign(p, ")");
        return table;
    }
    if (!vd_kql_is_name(p)) {
        vd_kql_parse_expected(p, "a table's name or '('");
    }
    if (vd_kql_is_sign(vd_kql_peek(p, 1), "(")) {
        return vd_kql_parse_expr(p);
    }
    return vd_kql_parse_name(p);
}

/* ---- Statements ---- */

static struct vd_kql_node *parse_parameter(struct vd_kql_parser *p)
{
    struct vd_kql_node *parameter = vd_kql_parse_name(p);
    struct vd_kql_node *tail = NULL;

    parameter->kind = VD_KQL_PARAMETER;
    vd_kql_expect_sign(p, ":");
    if (vd_kql_is_sign(vd_kql_peek(p, 0), "(")) {
        vd_kql_node_add(parameter, &tail, vd_kql_parse_schema(p));
        return parameter;
    }
    parameter->value.type = vd_kql_parse_type(p);
    if (vd_kql_take_sign(p, "=")) {
        vd_kql_node_add(parameter, &tail, vd_kql_parse_expr(p));
    }
    return vd_kql_node_end(p, parameter);
}

/* (a: long, T: (x: string)) { statements } */
static struct vd_kql_node *parse_function(struct vd_kql_parser *p)
{
    struct vd_kql_node *function = vd_kql_node_new(p, VD_KQL_FUNCTION, vd_kql_peek(p, 0));
    struct vd_kql_node *tail = NULL;

    vd_kql_expect_sign(p, "(");
    if (!vd_kql_is_sign(vd_kql_peek(p, 0), ")")) {
        do {
            vd_kql_node_add(function, &tail, parse_parameter(p));
        } while (vd_kql_take_sign(p, ","));
    }
    vd_kql_expect_sign(p, ")");
    vd_kql_expect_sign(p, "{");
    vd_kql_node_add(function, &tail, vd_kql_parse_query(p, "}"));
    vd_kql_expect_sign(p, "}");
    return vd_kql_node_end(p, function);
}

static bool is_function(const struct vd_kql_parser *p)
{
    if (!vd_kql_is_sign(vd_kql_peek(p, 0), "(")) {
        return false;
    }
    return (vd_kql_is_sign(vd_kql_peek(p, 1), ")") && vd_kql_is_sign(vd_kql_peek(p, 2), "{")) ||
        (vd_kql_peek(p, 1)->kind == VD_KQL_TOKEN_NAME && vd_kql_is_sign(vd_kql_peek(p, 2), ":"));
}

static struct vd_kql_node *parse_let(struct vd_kql_parser *p)
{
    struct vd_kql_node *let = vd_kql_node_new(p, VD_KQL_LET, vd_kql_next(p));
    struct vd_kql_node *tail = NULL;

    let->text = vd_kql_parse_name(p)->text;
    vd_kql_expect_sign(p, "=");
    if (vd_kql_is_word(vd_kql_peek(p, 0), "view") && vd_kql_is_sign(vd_kql_peek(p, 1), "(")) {
        vd_kql_next(p);
    }
    vd_kql_node_add(let, &tail, is_function(p) ? parse_function(p) : vd_kql_parse_pipe(p));
    return vd_kql_node_end(p, let);
}

/* declare query_parameters(a: string, b: long = 5): a LET for each. */
static void parse_declare(
    struct vd_kql_parser *p, struct vd_kql_node *query, struct vd_kql_node **tail)
{
    vd_kql_next(p);
    vd_kql_next(p);
    vd_kql_expect_sign(p, "(");
    do {
        struct vd_kql_node *let = vd_kql_node_new(p, VD_KQL_LET, vd_kql_peek(p, 0));
        struct vd_kql_node *none = NULL;
        struct vd_kql_node *parameter = parse_parameter(p);

        if (parameter->first != NULL && parameter->first->kind != VD_KQL_LITERAL) {
            const struct vd_kql_token at = {
                .offset = parameter->first->offset, .end = parameter->first->end};

            vd_kql_parse_fail(p, &at, "the value of a parameter of the query is to be a literal");
        }
        let->text = parameter->text;
        vd_kql_node_add(let, &none, parameter);
        vd_kql_node_add(query, tail, vd_kql_node_end(p, let));
    } while (vd_kql_take_sign(p, ","));
    vd_kql_expect_sign(p, ")");
}

/* Whether a let or a declaration came. */
static bool parse_statement(
    struct vd_kql_parser *p, struct vd_kql_node *query, struct vd_kql_node **tail)
{
    if (vd_kql_is_word(vd_kql_peek(p, 0), "declare") &&
        vd_kql_is_word(vd_kql_peek(p, 1), "query_parameters")) {
        parse_declare(p, query, tail);
        return true;
    }
    if (!vd_kql_is_word(vd_kql_peek(p, 0), "let") || vd_kql_peek(p, 1)->kind == VD_KQL_TOKEN_END) {
        return false;
    }
    vd_kql_node_add(query, tail, parse_let(p));
    return true;
}

/* What stands at the end of a query, if it may end here. */
static bool is_end(const struct vd_kql_parser *p, const char *end)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);

    return end != NULL ? vd_kql_is_sign(token, end) : token->kind == VD_KQL_TOKEN_END;
}

/* Limits and hints, which are ours to set. */
static bool is_known_setting(const struct vd_kql_token *name)
{
    static const char *const known[] = {"notruncation", "norequesttimeout", "truncationmaxsize",
        "truncationmaxrecords", "maxmemoryconsumptionperiterator",
        "max_memory_consumption_per_query_per_node", "query_results_cache_max_age",
        "servertimeout"};
    bool is_known = false;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        is_known = is_known || vd_kql_is_word(name, known[i]);
    }
    return is_known;
}

/* set name; and set name = value; are read and mean nothing. */
static void skip_settings(struct vd_kql_parser *p)
{
    while (vd_kql_is_word(vd_kql_peek(p, 0), "set") && is_known_setting(vd_kql_peek(p, 1))) {
        p->at += 2;
        if (vd_kql_take_sign(p, "=")) {
            (void)vd_kql_parse_expr(p);
        }
        vd_kql_expect_sign(p, ";");
        while (vd_kql_take_sign(p, ";")) {
        }
    }
}

static void refuse_statements(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);

    if (vd_kql_is_sign(token, ".")) {
        vd_kql_parse_fail(p, token,
            "commands that begin with '.' are not supported: a query reads, and changes nothing");
    }
    if (((vd_kql_is_word(token, "set") && !is_known_setting(vd_kql_peek(p, 1))) ||
            (vd_kql_is_word(token, "declare") &&
                !vd_kql_is_word(vd_kql_peek(p, 1), "query_parameters")) ||
            vd_kql_is_word(token, "alias") || vd_kql_is_word(token, "restrict") ||
            vd_kql_is_word(token, "pattern")) &&
        vd_kql_peek(p, 1)->kind == VD_KQL_TOKEN_NAME) {
        vd_kql_parse_fail(p, token, "'%.*s' statements are not supported", VD_STR_ARG(token->text));
    }
}

struct vd_kql_node *vd_kql_parse_query(struct vd_kql_parser *p, const char *end)
{
    struct vd_kql_node *query = vd_kql_node_new(p, VD_KQL_QUERY, vd_kql_peek(p, 0));
    struct vd_kql_node *tail = NULL;
    struct vd_kql_node *body;

    vd_kql_enter(p);
    for (;;) {
        while (vd_kql_take_sign(p, ";")) {
        }
        refuse_statements(p);
        skip_settings(p);
        if (!parse_statement(p, query, &tail)) {
            break;
        }
        if (!is_end(p, end) && !vd_kql_is_sign(vd_kql_peek(p, 0), ";")) {
            vd_kql_parse_expected(p, "';' or an operator");
        }
    }
    if (is_end(p, end)) {
        vd_kql_parse_expected(p, query->first != NULL ? "a query behind the last let" : "a query");
    }
    body = vd_kql_parse_pipe(p);
    if (body->kind != VD_KQL_PIPE) {
        body = vd_kql_node_around(p, VD_KQL_PIPE, body);
    }
    vd_kql_node_add(query, &tail, body);
    while (vd_kql_take_sign(p, ";")) {
    }
    if (!is_end(p, end)) {
        vd_kql_parse_expected(p, "'|', an operator or the end of the query");
    }
    vd_kql_leave(p);
    return query;
}
