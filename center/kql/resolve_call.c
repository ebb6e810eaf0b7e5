/* SPDX-License-Identifier: MIT */
/* Calls: of the table of functions, of what the language treats in its own way, and of functions of the query. */

#include <string.h>

#include "center/kql/resolve_internal.h"

typedef struct vd_kql_expr *special_function(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);

static void expect_arguments(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, uint32_t least, uint32_t most)
{
    if (node->child_count < least || node->child_count > most) {
        vd_kql_fail(r, node, "%.*s takes %u%s arguments, not %u", VD_STR_ARG(node->text), least,
            most > least ? " or more" : "", node->child_count);
    }
}

static bool is_in_table(enum vd_kql_role role, struct vd_str name)
{
    const char *const *names = vd_kql_function_names(role);

    for (; *names != NULL; names++) {
        if (vd_str_equal_text(name, *names)) {
            return true;
        }
    }
    return false;
}

/* ---- Times ---- */

static struct vd_kql_expr *resolve_now(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *now = vd_kql_expr_new(r, VD_KQL_OP_CONSTANT, VD_KQL_DATETIME, 0);

    expect_arguments(r, node, 0, 1);
    now->value = (struct vd_kql_value){
        .type = VD_KQL_DATETIME, .integer = r->options->now_ms * (VD_KQL_TICKS_PER_S / 1000)};
    if (node->first != NULL) {
        struct vd_kql_expr *sum[] = {now, vd_kql_resolve_expr(r, place, node->first)};

        return vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("+"), sum, 2);
    }
    return now;
}

static struct vd_kql_expr *resolve_ago(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_node nothing = {.text = VD_STR_LITERAL("now")};
    struct vd_kql_expr *difference[2];

    expect_arguments(r, node, 1, 1);
    difference[0] = resolve_now(r, place, &nothing);
    difference[1] = vd_kql_resolve_expr(r, place, node->first);
    if (difference[1]->type != VD_KQL_TIMESPAN) {
        vd_kql_fail(r, node->first, "ago takes a timespan, not a %s",
            vd_kql_type_text(difference[1]->type));
    }
    return vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("-"), difference, 2);
}

/* ---- Choices ---- */

/* The type that all values of a choice can have. */
static enum vd_kql_type common_type(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    enum vd_kql_type a, enum vd_kql_type b)
{
    static const enum vd_kql_type widening[] = {VD_KQL_INT, VD_KQL_LONG, VD_KQL_REAL};
    int ranks[2] = {-1, -1};

    if (a == b) {
        return a;
    }
    for (int i = 0; i < 3; i++) {
        ranks[0] = a == widening[i] ? i : ranks[0];
        ranks[1] = b == widening[i] ? i : ranks[1];
    }
    if (ranks[0] >= 0 && ranks[1] >= 0) {
        return widening[ranks[0] > ranks[1] ? ranks[0] : ranks[1]];
    }
    if (a == VD_KQL_DYNAMIC || b == VD_KQL_DYNAMIC) {
        return VD_KQL_DYNAMIC;
    }
    vd_kql_fail(r, node, "the values are to be of one type, not %s and %s", vd_kql_type_text(a),
        vd_kql_type_text(b));
}

static bool is_null_constant(const struct vd_kql_expr *expr)
{
    return expr->op == VD_KQL_OP_CONSTANT && expr->value.is_null;
}

/* iff(condition, a, b) and case(condition, a, condition, b, ..., else) */
static struct vd_kql_expr *resolve_case(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *choice;
    enum vd_kql_type type = VD_KQL_TYPE_COUNT;
    uint32_t i = 0;

    expect_arguments(r, node, 3, VD_KQL_ARGUMENTS_MAX);
    if (node->child_count % 2 == 0) {
        vd_kql_fail(r, node, "%.*s takes pairs of condition and value, and a value for all else",
            VD_STR_ARG(node->text));
    }
    choice = vd_kql_expr_new(r, VD_KQL_OP_CASE, VD_KQL_BOOL, node->child_count);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next, i++) {
        const bool is_condition = i % 2 == 0 && i + 1 < node->child_count;
        struct vd_kql_expr *value = is_condition ? vd_kql_resolve_bool(r, place, item)
                                                 : vd_kql_resolve_expr(r, place, item);

        choice->arguments[i] = value;
        if (!is_condition && !is_null_constant(value)) {
            type =
                type == VD_KQL_TYPE_COUNT ? value->type : common_type(r, item, type, value->type);
        }
    }
    choice->type = type != VD_KQL_TYPE_COUNT ? type : choice->arguments[1]->type;
    for (i = 0; i < choice->argument_count; i++) {
        if (i % 2 == 1 || i + 1 == choice->argument_count) {
            choice->arguments[i] = vd_kql_cast(r, node, choice->arguments[i], choice->type);
        }
    }
    return choice;
}

/* ---- Over rows in their order ---- */

static bool has_window(const struct vd_kql_expr *expr)
{
    bool has = expr->op == VD_KQL_OP_WINDOW;

    for (uint32_t i = 0; i < expr->argument_count && !has; i++) {
        has = expr->arguments[i] != NULL && has_window(expr->arguments[i]);
    }
    return has;
}

/* Computes it a step earlier: the row becomes a projection of itself with one more column, which queries cannot name. */
static struct vd_kql_expr *earlier(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, struct vd_kql_expr *expr)
{
    struct vd_kql_rel *row = (struct vd_kql_rel *)place->row;
    struct vd_kql_rel *before = vd_kql_new(r, sizeof *before);
    struct vd_kql_rel *project;
    struct vd_kql_column *column;

    *before = *row;
    project = vd_kql_project_begin(r, before);
    for (uint32_t i = 0; i < before->columns.count; i++) {
        vd_kql_project_keep(r, project, &before->columns.items[i]);
    }
    column = vd_kql_columns_new(r, &project->columns, VD_STR_LITERAL(""), expr->type);
    column->is_key = true;
    vd_kql_rel_expr(r, project, expr);
    project->order = before->order;
    project->order_count = before->order_count;
    project->is_serialized = before->is_serialized;
    *row = *project;
    return vd_kql_column_expr(r, column);
}

/* How often it has begun anew up to a row. */
static struct vd_kql_expr *restarts(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, struct vd_kql_expr *restart)
{
    struct vd_kql_expr *one = vd_kql_expr_new(r, VD_KQL_OP_CASE, VD_KQL_LONG, 3);
    struct vd_kql_expr *count = vd_kql_expr_new(r, VD_KQL_OP_WINDOW, VD_KQL_LONG, 1);

    one->arguments[0] = restart;
    one->arguments[1] = vd_kql_constant_long(r, 1);
    one->arguments[2] = vd_kql_constant_long(r, 0);
    count->window = VD_KQL_WINDOW_CUMSUM;
    count->arguments[0] = one;
    return earlier(r, place, count);
}

static struct vd_kql_expr *resolve_window(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    static const struct {
        const char *name;
        enum vd_kql_window window;
        uint32_t least;
        uint32_t most;
    } windows[] = {
        {"prev", VD_KQL_WINDOW_PREV, 1, 3},
        {"next", VD_KQL_WINDOW_NEXT, 1, 3},
        {"row_number", VD_KQL_WINDOW_NUMBER, 0, 2},
        {"row_cumsum", VD_KQL_WINDOW_CUMSUM, 1, 2},
    };
    struct vd_kql_expr *expr = vd_kql_expr_new(r, VD_KQL_OP_WINDOW, VD_KQL_LONG, node->child_count);
    uint32_t i = 0;

    if (place->row == NULL || !place->row->is_serialized) {
        vd_kql_fail(r, node, "%.*s needs rows in an order: it stands behind sort, top or serialize",
            VD_STR_ARG(node->text));
    }
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        struct vd_kql_expr *argument = vd_kql_resolve_expr(r, place, item);

        expr->arguments[i++] = has_window(argument) ? earlier(r, place, argument) : argument;
    }
    for (i = 0; i < 4; i++) {
        if (vd_str_equal_text(node->text, windows[i].name)) {
            expect_arguments(r, node, windows[i].least, windows[i].most);
            expr->window = windows[i].window;
        }
    }
    if (expr->window == VD_KQL_WINDOW_PREV || expr->window == VD_KQL_WINDOW_NEXT) {
        expr->type = expr->arguments[0]->type;
        if (expr->argument_count == 3) {
            expr->arguments[2] = vd_kql_cast(r, node, expr->arguments[2], expr->type);
        }
    } else if (expr->window == VD_KQL_WINDOW_CUMSUM) {
        expr->type =
            expr->arguments[0]->type == VD_KQL_INT ? VD_KQL_LONG : expr->arguments[0]->type;
    }
    if (expr->argument_count == 2 &&
        (expr->window == VD_KQL_WINDOW_NUMBER || expr->window == VD_KQL_WINDOW_CUMSUM)) {
        expr->restart = restarts(r, place, vd_kql_cast(r, node, expr->arguments[1], VD_KQL_BOOL));
        expr->argument_count = 1;
    }
    return expr;
}

/* ---- Tables as values ---- */

static struct vd_kql_expr *resolve_toscalar(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *scalar = vd_kql_expr_new(r, VD_KQL_OP_SCALAR, VD_KQL_LONG, 0);
    struct vd_kql_rel *rel;
    struct vd_kql_rel *project;

    expect_arguments(r, node, 1, 1);
    rel = vd_kql_resolve_inner_table(r, place->scope, node->first);
    if (rel->columns.count == 0) {
        vd_kql_fail(r, node->first, "the table has no column");
    }
    project = vd_kql_project_begin(r, rel);
    vd_kql_project_add(
        r, project, rel->columns.items[0].name, vd_kql_column_expr(r, &rel->columns.items[0]));
    scalar->rel = vd_kql_project_end(r, project);
    scalar->type = rel->columns.items[0].type;
    return scalar;
}

/* column_ifexists("name", instead) */
static struct vd_kql_expr *resolve_column_ifexists(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_column *column;

    expect_arguments(r, node, 2, 2);
    if (node->first->kind != VD_KQL_LITERAL || node->first->value.type != VD_KQL_STRING) {
        vd_kql_fail(r, node->first, "the name of a column in quotation marks is expected");
    }
    column = place->row != NULL ? vd_kql_columns_find(&place->row->columns, node->first->value.text)
                                : NULL;
    return column != NULL ? vd_kql_column_expr(r, column)
                          : vd_kql_resolve_expr(r, place, node->first->next);
}

#define PACKED_AT_ONCE 30

/* pack_all([without null and empty]): all columns of the row as a bag. */
static struct vd_kql_expr *resolve_pack_all(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *pairs[2 * PACKED_AT_ONCE];
    struct vd_kql_expr *bags[VD_KQL_COLUMNS_MAX / PACKED_AT_ONCE + 1];
    const struct vd_kql_columns *columns = place->row != NULL ? &place->row->columns : NULL;
    struct vd_kql_expr *drops = NULL;
    struct vd_kql_expr *packed;
    uint32_t count = 0;
    uint32_t bag_count = 0;

    expect_arguments(r, node, 0, 1);
    if (node->first != NULL) {
        drops = vd_kql_resolve_bool(r, place, node->first);
    }
    for (uint32_t i = 0; columns != NULL && i < columns->count; i++) {
        if (!vd_kql_is_hidden(&columns->items[i])) {
            pairs[count++] = vd_kql_constant_text(r, columns->items[i].name);
            pairs[count++] = vd_kql_column_expr(r, &columns->items[i]);
        }
        if (count == 2 * PACKED_AT_ONCE || (count > 0 && i + 1 == columns->count)) {
            bags[bag_count++] =
                vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("bag_pack"), pairs, count);
            count = 0;
        }
    }
    if (bag_count == 0) {
        vd_kql_fail(r, node, "pack_all() stands where there are columns to pack");
    }
    packed = bag_count == 1
        ? bags[0]
        : vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("bag_merge"), bags, bag_count);
    return drops != NULL && drops->op == VD_KQL_OP_CONSTANT && drops->value.integer != 0
        ? vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("@bag_full"), &packed, 1)
        : packed;
}

/* When the row was stored, which is what TimeGenerated is. */
static struct vd_kql_expr *resolve_ingestion_time(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_column *time = place->row != NULL
        ? vd_kql_columns_find(&place->row->columns, VD_STR_LITERAL("TimeGenerated"))
        : NULL;

    expect_arguments(r, node, 0, 0);
    if (time == NULL || time->type != VD_KQL_DATETIME) {
        vd_kql_fail(r, node, "ingestion_time() is TimeGenerated, which is no column here");
    }
    return vd_kql_column_expr(r, time);
}

/* The name that a function has now. */
static struct vd_kql_expr *resolve_renamed(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    static const char *const names[][2] = {{"datepart", "datetime_part"}, {"parseurl", "parse_url"},
        {"parseurlquery", "parse_urlquery"}, {"arraylength", "array_length"},
        {"extractall", "extract_all"}, {"url_encode_component", "url_encode"},
        {"base64_encodestring", "base64_encode_tostring"},
        {"base64_decodestring", "base64_decode_tostring"}, {"todecimal", "toreal"},
        {"array_strcat", "strcat_array"}};
    struct vd_kql_node renamed = *node;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vd_str_equal_text(node->text, names[i][0])) {
            renamed.text = vd_str_from(names[i][1]);
        }
    }
    return vd_kql_resolve_call(r, place, &renamed);
}

static const struct {
    const char *name;
    special_function *resolve;
} specials[] = {
    {"now", resolve_now},
    {"ago", resolve_ago},
    {"iff", resolve_case},
    {"iif", resolve_case},
    {"case", resolve_case},
    {"prev", resolve_window},
    {"next", resolve_window},
    {"row_number", resolve_window},
    {"row_cumsum", resolve_window},
    {"toscalar", resolve_toscalar},
    {"column_ifexists", resolve_column_ifexists},
    {"columnifexists", resolve_column_ifexists},
    {"extractjson", vd_kql_resolve_extract_json},
    {"extract_json", vd_kql_resolve_extract_json},
    {"extract_all", vd_kql_resolve_extract_all},
    {"pack_all", resolve_pack_all},
    {"ingestion_time", resolve_ingestion_time},
    {"datepart", resolve_renamed},
    {"parseurl", resolve_renamed},
    {"parseurlquery", resolve_renamed},
    {"arraylength", resolve_renamed},
    {"extractall", resolve_renamed},
    {"url_encode_component", resolve_renamed},
    {"base64_encodestring", resolve_renamed},
    {"base64_decodestring", resolve_renamed},
    {"todecimal", resolve_renamed},
    {"array_strcat", resolve_renamed},
};

/* ---- Functions of the query ---- */

static struct vd_kql_expr *call_own(struct vd_kql_resolver *r, const struct vd_kql_place *place,
    const struct vd_kql_node *node, const struct vd_kql_scope *function)
{
    const struct vd_kql_scope *scope = vd_kql_resolve_arguments(r, place, node, function);
    const struct vd_kql_node *body = function->node->first;
    struct vd_kql_place inner = {0};
    struct vd_kql_expr *result;

    while (body->next != NULL) {
        body = body->next;
    }
    if (++r->depth > VD_KQL_CALL_DEPTH_MAX) {
        vd_kql_fail(r, node, "functions call one another too deeply");
    }
    inner.scope = vd_kql_resolve_lets(r, scope, body);
    while (body->kind == VD_KQL_QUERY) {
        body = vd_kql_child(body, body->child_count - 1);
    }
    result = vd_kql_resolve_expr(r, &inner, body);
    r->depth--;
    return result;
}

/* An aggregate in an expression of summarize: a column of what it makes. */
static struct vd_kql_expr *call_aggregate(struct vd_kql_resolver *r,
    const struct vd_kql_place *place, const struct vd_kql_node *node,
    struct vd_kql_expr **arguments, uint32_t count)
{
    struct vd_kql_expr *aggregate =
        vd_kql_call(r, node, VD_KQL_AGGREGATE, node->text, arguments, count);

    return vd_kql_aggregate_add(r, place->aggregates, aggregate);
}

struct vd_kql_expr *vd_kql_aggregate_add(
    struct vd_kql_resolver *r, struct vd_kql_aggregates *aggregates, struct vd_kql_expr *aggregate)
{
    const struct vd_kql_column *column =
        vd_kql_columns_new(r, &aggregates->columns, VD_STR_LITERAL("aggregate"), aggregate->type);

    vd_kql_rel_expr(r, aggregates->rel, aggregate);
    return vd_kql_column_expr(r, column);
}

/* extract(..., typeof(long)): the type of the result. */
static struct vd_kql_expr *resolve_typed(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const uint32_t count = node->child_count - 1;
    const struct vd_kql_node *type_name = vd_kql_child(node, count)->first;
    struct vd_kql_node call = *node;
    struct vd_kql_node *arguments = vd_kql_new(r, count * sizeof *arguments);
    enum vd_kql_type type;

    if (type_name == NULL || !vd_kql_type_parse(type_name->text, &type)) {
        vd_kql_fail(r, vd_kql_child(node, count), "a type is expected in typeof()");
    }
    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = *vd_kql_child(node, i);
        arguments[i].next = i + 1 < count ? &arguments[i + 1] : NULL;
    }
    call.first = arguments;
    call.child_count = count;
    return vd_kql_cast(r, node, vd_kql_resolve_call(r, place, &call), type);
}

static bool is_typed(const struct vd_kql_node *node)
{
    const struct vd_kql_node *last =
        node->child_count > 1 ? vd_kql_child(node, node->child_count - 1) : NULL;

    return last != NULL && last->kind == VD_KQL_CALL && vd_str_equal_text(last->text, "typeof") &&
        (vd_str_equal_text(node->text, "extract") || vd_str_equal_text(node->text, "extractjson") ||
            vd_str_equal_text(node->text, "extract_json"));
}

struct vd_kql_expr *vd_kql_resolve_call(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    const struct vd_kql_scope *own = vd_kql_scope_find(place->scope, node->text);
    const bool is_aggregate = is_in_table(VD_KQL_AGGREGATE, node->text);
    const bool is_scalar = is_in_table(VD_KQL_SCALAR, node->text);
    struct vd_kql_place inner = *place;
    struct vd_kql_expr **arguments;
    uint32_t count = 0;

    if (own != NULL && own->kind == VD_KQL_BIND_NODE && own->node->kind == VD_KQL_FUNCTION) {
        return call_own(r, place, node, own);
    }
    if (is_typed(node)) {
        return resolve_typed(r, place, node);
    }
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        if (vd_str_equal_text(node->text, specials[i].name)) {
            return specials[i].resolve(r, place, node);
        }
    }
    if (is_aggregate && !is_scalar && place->aggregates == NULL) {
        vd_kql_fail(r, node,
            "%.*s is an aggregate: it stands in summarize, and in no other aggregate",
            VD_STR_ARG(node->text));
    }
    if (is_aggregate) {
        inner.aggregates = NULL;
    }
    arguments = vd_kql_new(r, (node->child_count + 1) * sizeof(struct vd_kql_expr *));
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        arguments[count++] = vd_kql_resolve_expr(r, &inner, item);
    }
    if (is_aggregate && place->aggregates != NULL) {
        return call_aggregate(r, place, node, arguments, count);
    }
    return vd_kql_call(r, node, VD_KQL_SCALAR, node->text, arguments, count);
}
