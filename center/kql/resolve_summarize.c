/* SPDX-License-Identifier: MIT */
/* summarize, count and distinct: groups, aggregates, and expressions over these. */

#include <string.h>

#include "center/kql/resolve_internal.h"

struct summary {
    struct vd_kql_resolver *r;
    struct vd_kql_place place; /* of the input's rows, with aggregates */
    struct vd_kql_aggregates aggregates;
    struct vd_kql_rel *aggregate; /* groups and aggregates */
    struct vd_kql_rel *project;   /* what is made of them */
};

static struct vd_str default_name(struct summary *s, struct vd_str name)
{
    struct vd_kql_resolver *r = s->r;

    for (unsigned i = 1; name.length == 0; i++) {
        name = vd_kql_textf(r, "Column%u", i);
        if (vd_kql_columns_find(&s->project->columns, name) != NULL) {
            name.length = 0;
        }
    }
    return name;
}

/* ---- Groups ---- */

static void add_group(struct summary *s, const struct vd_kql_node *item)
{
    struct vd_kql_resolver *r = s->r;
    struct vd_kql_place place = s->place;
    struct vd_kql_expr *expr;
    const struct vd_kql_column *column;
    const struct vd_kql_column *same = NULL;

    place.aggregates = NULL;
    expr = vd_kql_resolve_expr(r, &place, item->kind == VD_KQL_NAMED ? item->first : item);
    if (expr->op == VD_KQL_OP_COLUMN &&
        vd_kql_columns_by_id(&s->aggregate->columns, expr->column) == NULL) {
        same = vd_kql_columns_by_id(&s->place.row->columns, expr->column);
    }
    if (same != NULL && !vd_kql_is_hidden(same)) {
        column = vd_kql_columns_add(r, &s->aggregate->columns, same);
    } else {
        column = vd_kql_columns_new(r, &s->aggregate->columns, VD_STR_LITERAL("group"), expr->type);
    }
    vd_kql_rel_expr(r, s->aggregate, vd_kql_comparable(r, item, expr));
    s->aggregate->group_count++;
    vd_kql_project_add(
        r, s->project, default_name(s, vd_kql_name_of(r, item)), vd_kql_column_expr(r, column));
}

/* ---- Aggregates that make several columns ---- */

/* Names that the item gives to the columns of a call, in their order; the rest keep their own. */
struct given {
    const struct vd_kql_node *next; /* NAME of a TUPLE */
    struct vd_str only;
};

static struct vd_str given_name(struct given *given, struct vd_str own)
{
    struct vd_str name = own;

    if (given->next != NULL) {
        name = given->next->text;
        given->next = given->next->next;
    } else if (given->only.length > 0) {
        name = given->only;
        given->only.length = 0;
    }
    return name;
}

static void add_result(
    struct summary *s, struct given *given, struct vd_str own, struct vd_kql_expr *aggregate)
{
    struct vd_kql_expr *column = vd_kql_aggregate_add(s->r, &s->aggregates, aggregate);

    vd_kql_project_add(s->r, s->project, default_name(s, given_name(given, own)), column);
}

static bool is_group(const struct summary *s, uint32_t id)
{
    for (uint32_t i = 0; i < s->aggregate->group_count; i++) {
        const struct vd_kql_expr *group = s->aggregate->exprs[i];

        if (group->type == VD_KQL_DYNAMIC && group->op == VD_KQL_OP_CALL) {
            group = group->arguments[0]; /* it stands in the form that is compared */
        }
        if (group->op == VD_KQL_OP_COLUMN && group->column == id) {
            return true;
        }
    }
    return false;
}

/* The values of a column or, by '*', of all that are neither grouped by nor the key; each with `make`. */
typedef struct vd_kql_expr *make_aggregate(struct summary *s, const struct vd_kql_node *call,
    struct vd_kql_expr *value, struct vd_kql_expr *key);

static void add_values(struct summary *s, const struct vd_kql_node *call,
    const struct vd_kql_node *first, struct given *given, struct vd_kql_expr *key,
    make_aggregate *make)
{
    struct vd_kql_place place = s->place;
    const struct vd_kql_columns *columns = &s->place.row->columns;

    place.aggregates = NULL;
    for (const struct vd_kql_node *item = first; item != NULL; item = item->next) {
        if (item->kind != VD_KQL_STAR) {
            struct vd_kql_expr *value =
                vd_kql_resolve_expr(s->r, &place, item->kind == VD_KQL_NAMED ? item->first : item);

            add_result(s, given, vd_kql_name_of(s->r, item), make(s, call, value, key));
            continue;
        }
        for (uint32_t i = 0; i < columns->count; i++) {
            const struct vd_kql_column *column = &columns->items[i];
            const bool is_key =
                key != NULL && key->op == VD_KQL_OP_COLUMN && key->column == column->id;

            if (!vd_kql_is_hidden(column) && !is_key && !is_group(s, column->id)) {
                add_result(
                    s, given, column->name, make(s, call, vd_kql_column_expr(s->r, column), key));
            }
        }
    }
}

static struct vd_kql_expr *make_arg(struct summary *s, const struct vd_kql_node *call,
    struct vd_kql_expr *value, struct vd_kql_expr *key)
{
    struct vd_kql_expr *arguments[] = {value, key};
    const bool is_max =
        vd_str_equal_text(call->text, "arg_max") || vd_str_equal_text(call->text, "argmax");

    return vd_kql_call(s->r, call, VD_KQL_AGGREGATE,
        is_max ? VD_STR_LITERAL("@arg_max") : VD_STR_LITERAL("@arg_min"), arguments, 2);
}

static void add_arg(struct summary *s, const struct vd_kql_node *call, struct given *given)
{
    const bool is_max =
        vd_str_equal_text(call->text, "arg_max") || vd_str_equal_text(call->text, "argmax");
    struct vd_kql_place place = s->place;
    struct vd_kql_expr *key;
    struct vd_str name;

    if (call->child_count < 1) {
        vd_kql_fail(
            s->r, call, "%.*s takes what is compared, then columns or '*'", VD_STR_ARG(call->text));
    }
    place.aggregates = NULL;
    key = vd_kql_resolve_expr(s->r, &place, call->first);
    name = vd_kql_name_of(s->r, call->first);
    if (name.length == 0) {
        name = is_max ? VD_STR_LITERAL("max_") : VD_STR_LITERAL("min_");
    }
    add_result(s, given, name,
        vd_kql_call(s->r, call, VD_KQL_AGGREGATE,
            is_max ? VD_STR_LITERAL("max") : VD_STR_LITERAL("min"), &key, 1));
    add_values(s, call, call->first->next, given, key, make_arg);
}

static struct vd_kql_expr *make_any(struct summary *s, const struct vd_kql_node *call,
    struct vd_kql_expr *value, struct vd_kql_expr *key)
{
    (void)key;
    return vd_kql_call(s->r, call, VD_KQL_AGGREGATE, VD_STR_LITERAL("take_any"), &value, 1);
}

static bool is_percentage(const struct vd_kql_expr *expr)
{
    const struct vd_kql_value *value = &expr->value;

    if (expr->op != VD_KQL_OP_CONSTANT || value->is_null) {
        return false;
    }
    if (value->type == VD_KQL_REAL) {
        return value->real >= 0 && value->real <= 100;
    }
    return (value->type == VD_KQL_LONG || value->type == VD_KQL_INT) && value->integer >= 0 &&
        value->integer <= 100;
}

/* percentiles(x, 50, 95) and percentile(x, 50): percentile_x_50 ... */
static void add_percentiles(struct summary *s, const struct vd_kql_node *call, struct given *given)
{
    struct vd_kql_place place = s->place;
    struct vd_kql_expr *arguments[2];
    const struct vd_str name =
        call->first != NULL ? vd_kql_name_of(s->r, call->first) : VD_STR_LITERAL("");

    if (call->first == NULL || call->first->next == NULL) {
        vd_kql_fail(s->r, call, "%.*s takes a value and percentages", VD_STR_ARG(call->text));
    }
    place.aggregates = NULL;
    arguments[0] = vd_kql_resolve_expr(s->r, &place, call->first);
    for (const struct vd_kql_node *item = call->first->next; item != NULL; item = item->next) {
        struct vd_str own;

        arguments[1] = vd_kql_resolve_expr(s->r, &place, item);
        if (!is_percentage(arguments[1])) {
            vd_kql_fail(s->r, item, "a percentage is a constant from 0 to 100");
        }
        if (arguments[1]->type == VD_KQL_REAL) {
            own = vd_kql_textf(
                s->r, "percentile_%.*s_%g", VD_STR_ARG(name), arguments[1]->value.real);
            for (size_t i = 0; i < own.length; i++) {
                ((char *)own.data)[i] = (char)(own.data[i] == '.' ? '_' : own.data[i]);
            }
        } else {
            own = vd_kql_textf(s->r, "percentile_%.*s_%lld", VD_STR_ARG(name),
                (long long)arguments[1]->value.integer);
        }
        add_result(s, given, own,
            vd_kql_call(s->r, call, VD_KQL_AGGREGATE, VD_STR_LITERAL("percentile"), arguments, 2));
    }
}

static bool is_any_of(struct vd_str name, const char *const *names)
{
    while (*names != NULL && !vd_str_equal_text(name, *names)) {
        names++;
    }
    return *names != NULL;
}

/* Whether the item was a call that makes columns in its own way. */
static bool add_special(struct summary *s, const struct vd_kql_node *call, struct given *given)
{
    static const char *const args[] = {"arg_max", "arg_min", "argmax", "argmin", NULL};
    static const char *const percentiles[] = {"percentile", "percentiles", NULL};
    static const char *const anys[] = {"take_any", "any", NULL};

    if (call->kind != VD_KQL_CALL) {
        return false;
    }
    if (is_any_of(call->text, args)) {
        add_arg(s, call, given);
    } else if (is_any_of(call->text, percentiles)) {
        add_percentiles(s, call, given);
    } else if (is_any_of(call->text, anys) && call->first != NULL &&
        (vd_str_equal_text(call->text, "take_any") || call->first->kind == VD_KQL_STAR ||
            call->child_count > 1)) {
        add_values(s, call, call->first, given, NULL, make_any);
    } else {
        return false;
    }
    return true;
}

/* ---- The whole ---- */

static void check_aggregated(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    const struct vd_kql_expr *expr, const struct vd_kql_columns *columns)
{
    if (expr->op == VD_KQL_OP_COLUMN && vd_kql_columns_by_id(columns, expr->column) == NULL) {
        vd_kql_fail(r, node, "outside of an aggregate a column stands behind 'by' only");
    }
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        check_aggregated(r, node, expr->arguments[i], columns);
    }
}

static void add_item(struct summary *s, const struct vd_kql_node *item)
{
    const bool is_named = item->kind == VD_KQL_NAMED;
    const bool has_tuple = is_named && item->first->kind == VD_KQL_TUPLE;
    const struct vd_kql_node *value =
        has_tuple ? item->first->next : (is_named ? item->first : item);
    struct given given = {.only = is_named && !has_tuple ? item->text : VD_STR_LITERAL("")};
    struct vd_kql_expr *expr;
    struct vd_str name = VD_STR_LITERAL("");

    given.next = has_tuple ? item->first->first : NULL;
    if (add_special(s, value, &given)) {
        return;
    }
    if (has_tuple) {
        vd_kql_fail(s->r, item, "several names stand for an aggregate that makes several columns");
    }
    expr = vd_kql_resolve_expr(s->r, &s->place, value);
    if (is_named) {
        name = item->text;
    } else if (value->kind == VD_KQL_CALL && expr->op == VD_KQL_OP_COLUMN) {
        name = vd_kql_aggregate_name(s->r, value);
    }
    check_aggregated(s->r, value, expr, &s->aggregates.columns);
    vd_kql_project_add(s->r, s->project, default_name(s, name), expr);
}

static struct vd_kql_rel *summary_end(struct summary *s)
{
    struct vd_kql_rel *aggregate = s->aggregate;

    for (uint32_t i = 0; i < s->aggregates.columns.count; i++) {
        vd_kql_columns_add(s->r, &aggregate->columns, &s->aggregates.columns.items[i]);
        vd_kql_rel_expr(s->r, aggregate, s->aggregates.rel->exprs[i]);
    }
    return vd_kql_project_end(s->r, s->project);
}

static void summary_begin(struct summary *s, struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input)
{
    memset(s, 0, sizeof *s);
    s->r = r;
    s->aggregate = vd_kql_rel_new(r, VD_KQL_REL_AGGREGATE, 1);
    s->aggregate->inputs[0] = input;
    s->project = vd_kql_project_begin(r, s->aggregate);
    s->aggregates.rel = vd_kql_rel_new(r, VD_KQL_REL_AGGREGATE, 0);
    s->place = (struct vd_kql_place){.scope = scope, .row = input, .aggregates = &s->aggregates};
}

struct vd_kql_rel *vd_kql_resolve_summarize(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct summary s;
    const struct vd_kql_node *by = NULL;

    summary_begin(&s, r, scope, input);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        by = item->kind == VD_KQL_BY ? item : by;
    }
    for (const struct vd_kql_node *item = by != NULL ? by->first : NULL; item != NULL;
         item = item->next) {
        add_group(&s, item);
    }
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != VD_KQL_BY) {
            add_item(&s, item);
        }
    }
    return summary_end(&s);
}

struct vd_kql_rel *vd_kql_resolve_count_rows(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct summary s;
    struct given given = {0};

    summary_begin(&s, r, scope, input);
    add_result(&s, &given, node->first != NULL ? node->first->text : VD_STR_LITERAL("Count"),
        vd_kql_call(r, node, VD_KQL_AGGREGATE, VD_STR_LITERAL("count"), NULL, 0));
    return summary_end(&s);
}

struct vd_kql_rel *vd_kql_resolve_distinct(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct summary s;

    summary_begin(&s, r, scope, input);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != VD_KQL_STAR) {
            add_group(&s, item);
            continue;
        }
        for (uint32_t i = 0; i < input->columns.count; i++) {
            struct vd_kql_node name = {
                .kind = VD_KQL_NAME, .offset = item->offset, .end = item->end};

            if (!vd_kql_is_hidden(&input->columns.items[i])) {
                name.text = input->columns.items[i].name;
                add_group(&s, &name);
            }
        }
    }
    return summary_end(&s);
}
