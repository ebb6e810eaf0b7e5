/* SPDX-License-Identifier: MIT */
/* What stands behind a '|'. */

#include "center/kql/parse_internal.h"
#include "lib/near.h"

/* ---- Parts that several have ---- */

void vd_kql_skip_hints(struct vd_kql_parser *p)
{
    while (vd_kql_is_word(vd_kql_peek(p, 0), "hint") && vd_kql_is_sign(vd_kql_peek(p, 1), ".") &&
        vd_kql_is_sign(vd_kql_peek(p, 3), "=")) {
        p->at += 4;
        vd_kql_next(p);
    }
}

/* kind=NAME */
static struct vd_str parse_kind(struct vd_kql_parser *p)
{
    struct vd_str kind = VD_STR_LITERAL("");

    vd_kql_skip_hints(p);
    while (vd_kql_is_word(vd_kql_peek(p, 0), "kind") && vd_kql_is_sign(vd_kql_peek(p, 1), "=")) {
        p->at += 2;
        kind = vd_kql_parse_name(p)->text;
        vd_kql_skip_hints(p);
    }
    return kind;
}

struct vd_kql_node *vd_kql_parse_pattern(struct vd_kql_parser *p)
{
    const struct vd_kql_token *first = vd_kql_peek(p, 0);
    struct vd_kql_node *pattern;
    bool has_star = vd_kql_is_sign(first, "*");

    if (!has_star && vd_kql_is_name(p) &&
        !(vd_kql_is_sign(vd_kql_peek(p, 1), "*") && !vd_kql_peek(p, 1)->has_space)) {
        return vd_kql_parse_name(p);
    }
    if (!has_star && first->kind != VD_KQL_TOKEN_NAME) {
        vd_kql_parse_expected(p, "a column's name or pattern");
    }
    pattern = vd_kql_node_new(p, VD_KQL_PATTERN, vd_kql_next(p));
    while (!vd_kql_peek(p, 0)->has_space &&
        (vd_kql_is_sign(vd_kql_peek(p, 0), "*") ||
            (vd_kql_peek(p, 0)->kind == VD_KQL_TOKEN_NAME &&
                vd_kql_is_sign(&p->tokens[p->at - 1], "*")))) {
        vd_kql_next(p);
    }
    vd_kql_node_end(p, pattern);
    pattern->text = (struct vd_str){first->text.data, pattern->end - pattern->offset};
    return pattern;
}

static void parse_patterns(
    struct vd_kql_parser *p, struct vd_kql_node *node, struct vd_kql_node **tail)
{
    do {
        vd_kql_node_add(node, tail, vd_kql_parse_pattern(p));
    } while (vd_kql_take_sign(p, ","));
}

static void parse_direction(struct vd_kql_parser *p, struct vd_kql_node *order)
{
    if (vd_kql_is_word(vd_kql_peek(p, 0), "asc") || vd_kql_is_word(vd_kql_peek(p, 0), "desc")) {
        order->text = vd_kql_next(p)->text;
    }
    if (vd_kql_take_word(p, "nulls")) {
        if (vd_kql_take_word(p, "first")) {
            order->value.integer = 1;
        } else {
            if (!vd_kql_take_word(p, "last")) {
                vd_kql_parse_expected(p, "'first' or 'last'");
            }
            order->value.integer = 2;
        }
    }
    vd_kql_node_end(p, order);
}

struct vd_kql_node *vd_kql_parse_order(struct vd_kql_parser *p)
{
    struct vd_kql_node *order = vd_kql_node_around(p, VD_KQL_ORDER, vd_kql_parse_expr(p));

    parse_direction(p, order);
    return order;
}

static void parse_orders(
    struct vd_kql_parser *p, struct vd_kql_node *node, struct vd_kql_node **tail)
{
    do {
        vd_kql_node_add(node, tail, vd_kql_parse_order(p));
    } while (vd_kql_take_sign(p, ","));
}

static struct vd_kql_node *parse_by(struct vd_kql_parser *p)
{
    struct vd_kql_node *by = vd_kql_node_new(p, VD_KQL_BY, vd_kql_next(p));
    struct vd_kql_node *tail = NULL;

    vd_kql_parse_list(p, by, &tail);
    return by;
}

static bool is_end_of_operator(const struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);

    return token->kind == VD_KQL_TOKEN_END || vd_kql_is_sign(token, "|") ||
        vd_kql_is_sign(token, ")") || vd_kql_is_sign(token, ";") || vd_kql_is_sign(token, "}");
}

/* ---- Operators; the node has been made, and its words taken ---- */

typedef void parse_rest(struct vd_kql_parser *p, struct vd_kql_node *node);

static void rest_expr(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    vd_kql_node_add(node, &tail, vd_kql_parse_expr(p));
}

/* plugin(...) : (column:type, ...) */
static void rest_evaluate(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    vd_kql_node_add(node, &tail, vd_kql_parse_expr(p));
    if (vd_kql_take_sign(p, ":")) {
        vd_kql_node_add(node, &tail, vd_kql_parse_schema(p));
    }
}

static void rest_invoke(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    vd_kql_node_add(node, &tail, vd_kql_parse_expr(p));
    if (node->first->kind != VD_KQL_CALL) {
        vd_kql_parse_fail(
            p, vd_kql_peek(p, 0), "a function with its arguments is expected behind invoke");
    }
}

static void rest_sample_distinct(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    vd_kql_node_add(node, &tail, vd_kql_parse_expr(p));
    if (!vd_kql_take_word(p, "of")) {
        vd_kql_parse_expected(p, "'of'");
    }
    vd_kql_node_add(node, &tail, vd_kql_parse_named(p));
}

static void rest_list(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    vd_kql_parse_list(p, node, &tail);
}

static void rest_patterns(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    parse_patterns(p, node, &tail);
}

static void rest_reorder(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    do {
        struct vd_kql_node *pattern = vd_kql_parse_pattern(p);

        if (vd_kql_is_word(vd_kql_peek(p, 0), "asc") || vd_kql_is_word(vd_kql_peek(p, 0), "desc")) {
            pattern = vd_kql_node_around(p, VD_KQL_ORDER, pattern);
            parse_direction(p, pattern);
        }
        vd_kql_node_add(node, &tail, pattern);
    } while (vd_kql_take_sign(p, ","));
}

static void rest_serialize(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    if (!is_end_of_operator(p)) {
        rest_list(p, node);
    }
}

static void rest_summarize(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    vd_kql_skip_hints(p);
    if (!vd_kql_is_word(vd_kql_peek(p, 0), "by")) {
        vd_kql_parse_list(p, node, &tail);
    }
    if (vd_kql_is_word(vd_kql_peek(p, 0), "by")) {
        vd_kql_node_add(node, &tail, parse_by(p));
    }
}

static void rest_count(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    if (vd_kql_take_word(p, "as")) {
        vd_kql_node_add(node, &tail, vd_kql_parse_name(p));
    }
}

static void rest_top(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    if (vd_kql_is_word(vd_kql_peek(p, 0), "by")) {
        vd_kql_parse_expected(p, "how many rows, such as 'top 10 by ...'");
    }
    vd_kql_node_add(node, &tail, vd_kql_parse_expr(p));
    vd_kql_expect_word(p, "by");
    parse_orders(p, node, &tail);
}

static void rest_sort(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    vd_kql_skip_hints(p);
    vd_kql_expect_word(p, "by");
    parse_orders(p, node, &tail);
}

static void rest_distinct(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    if (vd_kql_is_sign(vd_kql_peek(p, 0), "*")) {
        vd_kql_node_add(node, &tail, vd_kql_node_new(p, VD_KQL_STAR, vd_kql_next(p)));
        return;
    }
    vd_kql_parse_list(p, node, &tail);
}

static void rest_join(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    node->text = parse_kind(p);
    vd_kql_node_add(node, &tail, vd_kql_parse_table(p));
    vd_kql_expect_word(p, "on");
    do {
        vd_kql_node_add(node, &tail, vd_kql_parse_expr(p));
    } while (vd_kql_take_sign(p, ","));
}

static void rest_mv_expand(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *parameters = vd_kql_node_new(p, VD_KQL_MV_EXPAND, vd_kql_peek(p, 0));
    struct vd_kql_node *parameter_tail = NULL;
    struct vd_kql_node *tail = NULL;

    while ((vd_kql_is_word(vd_kql_peek(p, 0), "bagexpansion") ||
               vd_kql_is_word(vd_kql_peek(p, 0), "kind") ||
               vd_kql_is_word(vd_kql_peek(p, 0), "with_itemindex")) &&
        vd_kql_is_sign(vd_kql_peek(p, 1), "=")) {
        vd_kql_node_add(parameters, &parameter_tail, vd_kql_parse_option(p));
    }
    do {
        struct vd_kql_node *item = vd_kql_parse_named(p);

        if (vd_kql_take_word(p, "to")) {
            const struct vd_kql_token *type;

            item = vd_kql_node_around(p, VD_KQL_TYPED, item);
            vd_kql_expect_word(p, "typeof");
            vd_kql_expect_sign(p, "(");
            type = vd_kql_peek(p, 0);
            (void)vd_kql_parse_type(p);
            item->text = type->text;
            vd_kql_expect_sign(p, ")");
            vd_kql_node_end(p, item);
        }
        vd_kql_node_add(node, &tail, item);
    } while (vd_kql_take_sign(p, ","));
    if (vd_kql_is_word(vd_kql_peek(p, 0), "limit")) {
        struct vd_kql_node *limit = vd_kql_node_new(p, VD_KQL_OPTION, vd_kql_next(p));
        struct vd_kql_node *limit_tail = NULL;

        limit->text = VD_STR_LITERAL("limit");
        vd_kql_node_add(limit, &limit_tail, vd_kql_parse_expr(p));
        vd_kql_node_add(parameters, &parameter_tail, limit);
    }
    if (parameters->first != NULL) {
        tail->next = parameters->first;
        node->child_count += parameters->child_count;
    }
}

static void rest_parse(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    node->text = parse_kind(p);
    if (vd_kql_is_word(vd_kql_peek(p, 0), "flags") && vd_kql_is_sign(vd_kql_peek(p, 1), "=")) {
        p->at += 3;
    }
    vd_kql_node_add(node, &tail, vd_kql_parse_expr(p));
    vd_kql_expect_word(p, "with");
    while (!is_end_of_operator(p)) {
        const struct vd_kql_token *token = vd_kql_peek(p, 0);
        struct vd_kql_node *part;

        if (vd_kql_is_sign(token, "*")) {
            part = vd_kql_node_new(p, VD_KQL_STAR, vd_kql_next(p));
        } else if (token->kind == VD_KQL_TOKEN_LITERAL && token->value.type == VD_KQL_STRING) {
            part = vd_kql_node_new(p, VD_KQL_LITERAL, vd_kql_next(p));
            part->value = token->value;
        } else {
            part = vd_kql_parse_name(p);
            part->kind = VD_KQL_DECLARATION;
            part->value.type = vd_kql_take_sign(p, ":") ? vd_kql_parse_type(p) : VD_KQL_STRING;
            vd_kql_node_end(p, part);
        }
        vd_kql_node_add(node, &tail, part);
    }
    if (node->child_count < 2) {
        vd_kql_parse_expected(p, "a pattern of texts and columns");
    }
}

static struct vd_kql_node *missing_bound(struct vd_kql_parser *p)
{
    struct vd_kql_node *null = vd_kql_node_new(p, VD_KQL_LITERAL, vd_kql_peek(p, 0));

    null->end = null->offset;
    null->value = (struct vd_kql_value){.type = VD_KQL_LONG, .is_null = true};
    return null;
}

/* x in range(from, to, step), which has been read as an expression: its four parts. */
static bool is_range_axis(const struct vd_kql_node *node)
{
    const struct vd_kql_node *list = node->kind == VD_KQL_BINARY ? node->first->next : NULL;

    if (list == NULL || !vd_str_equal_text(node->text, "in") || list->child_count != 1 ||
        list->first->kind != VD_KQL_CALL || !vd_str_equal_text(list->first->text, "range") ||
        list->first->child_count != 3) {
        return false;
    }
    for (const struct vd_kql_node *part = list->first->first; part != NULL; part = part->next) {
        if (part->kind == VD_KQL_NAMED || part->kind == VD_KQL_STAR) {
            return false;
        }
    }
    return true;
}

static struct vd_kql_node *parse_axis(struct vd_kql_parser *p)
{
    struct vd_kql_node *axis = vd_kql_node_new(p, VD_KQL_AXIS, vd_kql_next(p));
    struct vd_kql_node *tail = NULL;

    vd_kql_node_add(axis, &tail, vd_kql_parse_named(p));
    if (is_range_axis(tail)) {
        const struct vd_kql_node *in = tail;

        axis->first = in->first;
        axis->first->next = in->first->next->first->first;
        axis->child_count = 4;
        return axis;
    }
    vd_kql_node_add(
        axis, &tail, vd_kql_take_word(p, "from") ? vd_kql_parse_expr(p) : missing_bound(p));
    vd_kql_node_add(
        axis, &tail, vd_kql_take_word(p, "to") ? vd_kql_parse_expr(p) : missing_bound(p));
    vd_kql_expect_word(p, "step");
    vd_kql_node_add(axis, &tail, vd_kql_parse_expr(p));
    return axis;
}

static void rest_make_series(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    (void)parse_kind(p);
    do {
        struct vd_kql_node *item = vd_kql_parse_named(p);

        if (vd_kql_take_word(p, "default")) {
            struct vd_kql_node *item_tail = item;

            item = vd_kql_node_around(p, VD_KQL_DEFAULT, item);
            vd_kql_expect_sign(p, "=");
            vd_kql_node_add(item, &item_tail, vd_kql_parse_expr(p));
        }
        vd_kql_node_add(node, &tail, item);
    } while (vd_kql_take_sign(p, ","));
    if (!vd_kql_is_word(vd_kql_peek(p, 0), "on")) {
        vd_kql_parse_expected(p, "'on' with the axis");
    }
    vd_kql_node_add(node, &tail, parse_axis(p));
    if (vd_kql_is_word(vd_kql_peek(p, 0), "by")) {
        vd_kql_node_add(node, &tail, parse_by(p));
    }
}

static void rest_render(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    struct vd_kql_node *tail = NULL;

    node->text = vd_kql_parse_name(p)->text;
    if (vd_kql_take_word(p, "with")) {
        vd_kql_expect_sign(p, "(");
        while (!vd_kql_is_sign(vd_kql_peek(p, 0), ")")) {
            vd_kql_node_add(node, &tail, vd_kql_parse_named(p));
            if (!vd_kql_take_sign(p, ",")) {
                break;
            }
        }
        vd_kql_expect_sign(p, ")");
    }
}

static void rest_as(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    vd_kql_skip_hints(p);
    node->text = vd_kql_parse_name(p)->text;
}

static const struct {
    const char *name;
    enum vd_kql_kind kind;
    parse_rest *parse;
} operators[] = {
    {"as", VD_KQL_AS, rest_as},
    {"count", VD_KQL_COUNT, rest_count},
    {"distinct", VD_KQL_DISTINCT, rest_distinct},
    {"evaluate", VD_KQL_EVALUATE, rest_evaluate},
    {"extend", VD_KQL_EXTEND, rest_list},
    {"filter", VD_KQL_WHERE, rest_expr},
    {"invoke", VD_KQL_INVOKE, rest_invoke},
    {"join", VD_KQL_JOIN, rest_join},
    {"limit", VD_KQL_TAKE, rest_expr},
    {"lookup", VD_KQL_LOOKUP, rest_join},
    {"make-series", VD_KQL_MAKE_SERIES, rest_make_series},
    {"mv-expand", VD_KQL_MV_EXPAND, rest_mv_expand},
    {"mvexpand", VD_KQL_MV_EXPAND, rest_mv_expand},
    {"order", VD_KQL_SORT, rest_sort},
    {"parse", VD_KQL_PARSE, rest_parse},
    {"parse-where", VD_KQL_PARSE_WHERE, rest_parse},
    {"project", VD_KQL_PROJECT, rest_list},
    {"project-away", VD_KQL_PROJECT_AWAY, rest_patterns},
    {"project-keep", VD_KQL_PROJECT_KEEP, rest_patterns},
    {"project-rename", VD_KQL_PROJECT_RENAME, rest_list},
    {"project-reorder", VD_KQL_PROJECT_REORDER, rest_reorder},
    {"render", VD_KQL_RENDER, rest_render},
    {"sample", VD_KQL_SAMPLE, rest_expr},
    {"sample-distinct", VD_KQL_SAMPLE_DISTINCT, rest_sample_distinct},
    {"serialize", VD_KQL_SERIALIZE, rest_serialize},
    {"sort", VD_KQL_SORT, rest_sort},
    {"summarize", VD_KQL_SUMMARIZE, rest_summarize},
    {"take", VD_KQL_TAKE, rest_expr},
    {"top", VD_KQL_TOP, rest_top},
    {"where", VD_KQL_WHERE, rest_expr},
};

/* Those of Kusto that are not here. */
static const char *const unsupported[] = {"consume", "facet", "find", "fork", "getschema",
    "graph-match", "make-graph", "mv-apply", "partition", "project-by-names", "reduce", "scan",
    "top-hitters", "top-nested", "assert-schema", "execute_and_cache", "parse-kv"};

/* The operator's name, of which parts may be joined by hyphens. */
static struct vd_str operator_name(struct vd_kql_parser *p, struct vd_kql_token *whole)
{
    const struct vd_kql_token *last = vd_kql_next(p);

    *whole = *last;
    while (vd_kql_is_sign(last + 1, "-") && !last[1].has_space &&
        last[2].kind == VD_KQL_TOKEN_NAME && !last[2].has_space) {
        last += 2;
        p->at += 2;
    }
    whole->end = last->end;
    whole->text.length = whole->end - whole->offset;
    return whole->text;
}

static _Noreturn void fail_operator(struct vd_kql_parser *p, const struct vd_kql_token *name)
{
    struct vd_nearest nearest = {0};

    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (vd_str_equal_text(name->text, unsupported[i])) {
            vd_kql_parse_fail(p, name, "the operator '%s' is not supported", unsupported[i]);
        }
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        vd_nearest_try(&nearest, name->text, vd_str_from(operators[i].name));
    }
    vd_nearest_try(&nearest, name->text, VD_STR_LITERAL("union"));
    vd_nearest_try(&nearest, name->text, VD_STR_LITERAL("search"));
    if (nearest.name.data != NULL) {
        vd_kql_parse_fail(p, name, "there is no operator '%.*s'; did you mean '%.*s'?",
            (int)(name->text.length < 60 ? name->text.length : 60), name->text.data,
            VD_STR_ARG(nearest.name));
    }
    vd_kql_parse_fail(p, name, "there is no operator '%.*s'",
        (int)(name->text.length < 60 ? name->text.length : 60), name->text.data);
}

struct vd_kql_node *vd_kql_parse_operator(struct vd_kql_parser *p)
{
    struct vd_kql_token name;
    struct vd_kql_node *node;

    if (vd_kql_peek(p, 0)->kind != VD_KQL_TOKEN_NAME) {
        vd_kql_parse_expected(p, "an operator (where, project, summarize ...)");
    }
    (void)operator_name(p, &name);
    if (vd_str_equal_text(name.text, "union")) {
        return vd_kql_parse_union(p, &name);
    }
    if (vd_str_equal_text(name.text, "search")) {
        return vd_kql_parse_search(p, &name);
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (vd_str_equal_text(name.text, operators[i].name)) {
            node = vd_kql_node_new(p, operators[i].kind, &name);
            operators[i].parse(p, node);
            return vd_kql_node_end(p, node);
        }
    }
    fail_operator(p, &name);
}
