/* SPDX-License-Identifier: MIT */
/* Relations as SQL: each a SELECT over the one below it. */

#include "center/kql/emit.h"

#include <stdio.h>

#include "center/kql/emit_internal.h"

#define TEXT_OF_(number) #number
#define TEXT_OF(number)  TEXT_OF_(number)
#define STEPS_MAX        TEXT_OF(VD_KQL_RANGE_MAX)

static struct vd_kql_emit_place over(const struct vd_kql_rel *input)
{
    return (struct vd_kql_emit_place){.rel = input};
}

static void emit_name(struct vd_kql_emitter *e, const struct vd_kql_column *column)
{
    vd_kql_emit_text(e, " AS ");
    vd_kql_emit_column(e, column);
}

static void emit_input(struct vd_kql_emitter *e, const struct vd_kql_rel *input)
{
    vd_kql_emit_text(e, " FROM (");
    vd_kql_emit_rel(e, input);
    vd_buf_printf(e->sql, ") AS t%u", ++e->aliases);
}

/* The columns as they are. */
static void emit_columns(struct vd_kql_emitter *e, const struct vd_kql_columns *columns)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        vd_kql_emit_text(e, i > 0 ? ", " : "");
        vd_kql_emit_column(e, &columns->items[i]);
    }
    vd_kql_emit_text(e, columns->count == 0 ? "1 AS nothing" : "");
}

void vd_kql_emit_order(
    struct vd_kql_emitter *e, const struct vd_kql_rel *order, const struct vd_kql_rel *in)
{
    const struct vd_kql_emit_place place = over(in);

    for (uint32_t i = 0; i < order->order_count; i++) {
        const struct vd_kql_expr column = {
            .op = VD_KQL_OP_COLUMN, .column = order->order[i].column};

        vd_kql_emit_text(e, i == 0 ? "ORDER BY " : ", ");
        vd_kql_emit_expr(e, &place, &column);
        vd_kql_emit_text(e, order->order[i].is_descending ? " DESC" : " ASC");
        vd_kql_emit_text(e, order->order[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

/* ---- Sources ---- */

#define ROWS_OF_UNION_MAX 100

static void emit_scan(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    vd_kql_emit_text(e, "SELECT ");
    for (uint32_t i = 0; i < rel->columns.count; i++) {
        vd_buf_printf(e->sql, "%s\"%s\"", i > 0 ? ", " : "", rel->view_columns[i]);
        emit_name(e, &rel->columns.items[i]);
    }
    vd_buf_printf(e->sql, " FROM %s", rel->table->name);
    if (e->dialect == VD_KQL_DUCKDB) {
        vd_kql_emit_bounds(e, rel);
    }
}

/* Many rows: unions would be nested, and DuckDB reads 1,000 of them at most. */
static void emit_values(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = {0};
    const uint32_t width = rel->columns.count;

    vd_kql_emit_text(e, "SELECT * FROM (VALUES ");
    for (uint32_t i = 0; i < rel->expr_count; i++) {
        vd_kql_emit_text(e, i % width > 0 ? ", " : (i > 0 ? "), (" : "("));
        vd_kql_emit_expr(e, &place, rel->exprs[i]);
    }
    vd_buf_printf(e->sql, ")) AS t%u(", ++e->aliases);
    emit_columns(e, &rel->columns);
    vd_kql_emit_text(e, ")");
}

static void emit_rows(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = {0};
    const uint32_t width = rel->columns.count;

    if (width == 0) {
        vd_kql_emit_text(e, "SELECT 1 AS nothing");
        return;
    }
    if (e->dialect == VD_KQL_DUCKDB && rel->expr_count / width > ROWS_OF_UNION_MAX) {
        emit_values(e, rel);
        return;
    }
    for (uint32_t row = 0; row * width < rel->expr_count; row++) {
        vd_kql_emit_text(e, row > 0 ? " UNION ALL SELECT " : "SELECT ");
        for (uint32_t i = 0; i < width; i++) {
            vd_kql_emit_text(e, i > 0 ? ", " : "");
            vd_kql_emit_expr(e, &place, rel->exprs[row * width + i]);
            emit_name(e, &rel->columns.items[i]);
        }
    }
    if (rel->expr_count == 0) {
        vd_kql_emit_text(e, "SELECT ");
        for (uint32_t i = 0; i < width; i++) {
            const struct vd_kql_value nothing = {
                .type = rel->columns.items[i].type, .is_null = true};

            vd_kql_emit_text(e, i > 0 ? ", " : "");
            vd_kql_emit_constant(e, &nothing);
            emit_name(e, &rel->columns.items[i]);
        }
        vd_kql_emit_text(e, " WHERE false");
    }
}

/* range(n) in the dialect, where n may be anything: null and what is below zero make no step. */
static void emit_steps(struct vd_kql_emitter *e, const struct vd_kql_expr *last, bool is_count)
{
    const struct vd_kql_emit_place place = {0};
    const char *const range = e->dialect == VD_KQL_CLICKHOUSE ? "range(toUInt64(greatest(0, least("
                                                              : "range(CAST(greatest(0, least(";

    vd_kql_emit_text(e, range);
    vd_kql_emit_text(e, is_count ? "ceil(coalesce(" : "floor(coalesce(");
    vd_kql_emit_expr(e, &place, last);
    vd_kql_emit_text(e, is_count ? ", 0))" : ", -1)) + 1");
    vd_kql_emit_text(e,
        e->dialect == VD_KQL_CLICKHOUSE ? ", " STEPS_MAX "))))" : ", " STEPS_MAX ")) AS BIGINT))");
}

static void emit_range(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = {0};

    vd_kql_emit_text(e, "SELECT ");
    vd_kql_emit_expr(e, &place, rel->exprs[1]);
    emit_name(e, &rel->columns.items[0]);
    vd_buf_printf(e->sql, ", c_%u", rel->counter);
    vd_kql_emit_text(e,
        e->dialect == VD_KQL_CLICKHOUSE ? " FROM (SELECT toInt64(arrayJoin("
                                        : " FROM (SELECT unnest(");
    emit_steps(e, rel->exprs[0], false);
    vd_buf_printf(e->sql, "%s AS c_%u) AS t%u", e->dialect == VD_KQL_CLICKHOUSE ? "))" : ")",
        rel->counter, ++e->aliases);
}

/* ---- Row by row ---- */

static void emit_filter(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = over(rel->inputs[0]);
    const struct vd_kql_emit_filter filter = {rel->exprs[0], e->filters};

    vd_kql_emit_text(e, "SELECT ");
    emit_columns(e, &rel->columns);
    e->filters = &filter;
    emit_input(e, rel->inputs[0]);
    e->filters = NULL;
    vd_kql_emit_text(e, " WHERE ");
    vd_kql_emit_expr(e, &place, rel->exprs[0]);
}

static void emit_project(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = over(rel->inputs[0]);
    const struct vd_kql_emit_filter *const filters = e->filters;

    e->filters = NULL; /* they are none of the relations in expressions */
    vd_kql_emit_text(e, "SELECT ");
    for (uint32_t i = 0; i < rel->columns.count; i++) {
        vd_kql_emit_text(e, i > 0 ? ", " : "");
        vd_kql_emit_expr(e, &place, rel->exprs[i]);
        emit_name(e, &rel->columns.items[i]);
    }
    vd_kql_emit_text(e, rel->columns.count == 0 ? "1 AS nothing" : "");
    e->filters = filters;
    emit_input(e, rel->inputs[0]);
}

static void emit_limit(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    vd_kql_emit_text(e, "SELECT ");
    emit_columns(e, &rel->columns);
    emit_input(e, rel->inputs[0]);
    vd_kql_emit_text(e, rel->order_count > 0 ? " " : "");
    vd_kql_emit_order(e, rel, rel->inputs[0]);
    vd_buf_printf(e->sql, " LIMIT %lld", (long long)rel->exprs[0]->value.integer);
}

static void emit_sample(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    vd_kql_emit_text(e, "SELECT ");
    emit_columns(e, &rel->columns);
    emit_input(e, rel->inputs[0]);
    vd_buf_printf(e->sql, " ORDER BY %s LIMIT %lld",
        e->dialect == VD_KQL_CLICKHOUSE ? "rand()" : "random()",
        (long long)rel->exprs[0]->value.integer);
}

/* The rows with their numbers in the order, if an aggregate asks for them. */
static void emit_numbered(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_rel *input = rel->inputs[0];
    bool is_needed = false;

    for (uint32_t i = rel->group_count; i < rel->expr_count; i++) {
        is_needed = is_needed || vd_kql_emit_needs_order(e, rel->exprs[i]);
    }
    if (!is_needed || input->order_count == 0) {
        emit_input(e, input);
        return;
    }
    vd_kql_emit_text(e, " FROM (SELECT *, row_number() OVER (");
    vd_kql_emit_order(e, input, input);
    vd_kql_emit_text(e, ") AS " VD_KQL_ROW_NUMBER);
    emit_input(e, input);
    vd_buf_printf(e->sql, ") AS t%u", ++e->aliases);
}

static void emit_aggregate(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = over(rel->inputs[0]);

    vd_kql_emit_text(e, "SELECT ");
    for (uint32_t i = 0; i < rel->columns.count; i++) {
        vd_kql_emit_text(e, i > 0 ? ", " : "");
        vd_kql_emit_expr(e, &place, rel->exprs[i]);
        emit_name(e, &rel->columns.items[i]);
    }
    vd_kql_emit_text(e, rel->columns.count == 0 ? "count(*) AS nothing" : "");
    emit_numbered(e, rel);
    for (uint32_t i = 0; i < rel->group_count; i++) {
        vd_buf_printf(e->sql, "%s%u", i == 0 ? " GROUP BY " : ", ", i + 1);
    }
}

/* ---- Several inputs ---- */

static void emit_union(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    for (uint32_t i = 0; i < rel->input_count; i++) {
        vd_kql_emit_text(e, i > 0 ? " UNION ALL SELECT " : "SELECT ");
        for (uint32_t c = 0; c < rel->columns.count; c++) {
            vd_kql_emit_text(e, c > 0 ? ", " : "");
            vd_kql_emit_column(e, &rel->inputs[i]->columns.items[c]);
            emit_name(e, &rel->columns.items[c]);
        }
        vd_kql_emit_text(e, rel->columns.count == 0 ? "1 AS nothing" : "");
        emit_input(e, rel->inputs[i]);
    }
}

/* The left side, of rows with the same keys any one. */
static void emit_unique(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = over(rel->inputs[0]);
    const bool is_duckdb = e->dialect == VD_KQL_DUCKDB;

    vd_kql_emit_text(e, is_duckdb ? "SELECT DISTINCT ON (" : "SELECT ");
    for (uint32_t i = 0; is_duckdb && i < rel->expr_count; i += 2) {
        vd_kql_emit_text(e, i > 0 ? ", " : "");
        vd_kql_emit_expr(e, &place, rel->exprs[i]);
    }
    vd_kql_emit_text(e, is_duckdb ? ") " : "");
    emit_columns(e, &rel->inputs[0]->columns);
    emit_input(e, rel->inputs[0]);
    for (uint32_t i = 0; !is_duckdb && i < rel->expr_count; i += 2) {
        vd_kql_emit_text(e, i > 0 ? ", " : " LIMIT 1 BY ");
        vd_kql_emit_expr(e, &place, rel->exprs[i]);
    }
}

static bool is_of(const struct vd_kql_rel *side, uint32_t id)
{
    for (uint32_t i = 0; i < side->columns.count; i++) {
        if (side->columns.items[i].id == id) {
            return true;
        }
    }
    return false;
}

/* A text of a side that has no row is empty, not null. */
static void emit_join_columns(
    struct vd_kql_emitter *e, const struct vd_kql_rel *rel, const struct vd_kql_emit_place *place)
{
    const bool left_may_lack =
        rel->join == VD_KQL_JOIN_RIGHTOUTER || rel->join == VD_KQL_JOIN_FULLOUTER;
    const bool right_may_lack =
        rel->join == VD_KQL_JOIN_LEFTOUTER || rel->join == VD_KQL_JOIN_FULLOUTER;

    for (uint32_t i = 0; i < rel->columns.count; i++) {
        const struct vd_kql_column *column = &rel->columns.items[i];
        const struct vd_kql_expr expr = {.op = VD_KQL_OP_COLUMN, .column = column->id};
        const bool may_lack = is_of(rel->inputs[0], column->id) ? left_may_lack : right_may_lack;
        const bool is_text = may_lack && column->type == VD_KQL_STRING && column->member_of == 0;

        vd_kql_emit_text(e, i > 0 ? ", " : "");
        vd_kql_emit_text(e, is_text ? "coalesce(" : "");
        vd_kql_emit_expr(e, place, &expr);
        vd_kql_emit_text(e, is_text ? ", '')" : "");
        emit_name(e, column);
    }
    vd_kql_emit_text(e, rel->columns.count == 0 ? "1 AS nothing" : "");
}

static void emit_join(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    static const char *const words[] = {
        [VD_KQL_JOIN_INNER] = "INNER JOIN",
        [VD_KQL_JOIN_INNERUNIQUE] = "INNER JOIN",
        [VD_KQL_JOIN_LEFTOUTER] = "LEFT JOIN",
        [VD_KQL_JOIN_RIGHTOUTER] = "RIGHT JOIN",
        [VD_KQL_JOIN_FULLOUTER] = "FULL JOIN",
        [VD_KQL_JOIN_LEFTSEMI] = "SEMI JOIN",
        [VD_KQL_JOIN_LEFTANTI] = "ANTI JOIN",
        [VD_KQL_JOIN_RIGHTSEMI] = "SEMI JOIN",
        [VD_KQL_JOIN_RIGHTANTI] = "ANTI JOIN",
    };
    const bool is_turned = rel->join == VD_KQL_JOIN_RIGHTSEMI || rel->join == VD_KQL_JOIN_RIGHTANTI;
    char left[24];
    char right[24];
    struct vd_kql_emit_place place = {.rel = rel->inputs[0], .right = rel->inputs[1]};
    const char *word = words[rel->join];
    const bool is_semi = rel->join == VD_KQL_JOIN_LEFTSEMI || rel->join == VD_KQL_JOIN_RIGHTSEMI;
    const uint32_t first = ++e->aliases;
    const uint32_t second = ++e->aliases;

    snprintf(left, sizeof left, "t%u.", first);
    snprintf(right, sizeof right, "t%u.", second);
    place.left_alias = left;
    place.right_alias = right;
    if (e->dialect == VD_KQL_CLICKHOUSE && rel->join >= VD_KQL_JOIN_LEFTSEMI) {
        word = is_semi ? "LEFT SEMI JOIN" : "LEFT ANTI JOIN";
    }
    vd_kql_emit_text(e, "SELECT ");
    emit_join_columns(e, rel, &place);
    vd_kql_emit_text(e, " FROM (");
    if (rel->join == VD_KQL_JOIN_INNERUNIQUE) {
        emit_unique(e, rel);
    } else {
        vd_kql_emit_rel(e, rel->inputs[is_turned ? 1 : 0]);
    }
    vd_buf_printf(e->sql, ") AS t%u %s (", is_turned ? second : first, word);
    vd_kql_emit_rel(e, rel->inputs[is_turned ? 0 : 1]);
    vd_buf_printf(e->sql, ") AS t%u ON ", is_turned ? first : second);
    for (uint32_t i = 0; i < rel->expr_count; i += 2) {
        vd_kql_emit_text(e, i > 0 ? " AND " : "");
        vd_kql_emit_expr(e, &place, rel->exprs[i]);
        vd_kql_emit_text(e, " = ");
        vd_kql_emit_expr(e, &place, rel->exprs[i + 1]);
    }
}

/* ---- Arrays ---- */

/* The elements of all arrays side by side; the longest says how many rows there are, and a row without any stays one. */
static void emit_element(struct vd_kql_emitter *e, const struct vd_kql_rel *rel, uint32_t i)
{
    if (rel->expands_pairs) {
        vd_buf_printf(e->sql,
            ", CASE WHEN vd_b%u THEN CAST(json_array(json_keys(list_extract(vd_a%u, vd_i))[1], "
            "json_extract(list_extract(vd_a%u, vd_i), '$.*')[1]) AS VARCHAR) ELSE "
            "nullif(list_extract(vd_a%u, vd_i), 'null') END",
            i, i, i, i);
    } else {
        vd_buf_printf(e->sql, ", nullif(list_extract(vd_a%u, vd_i), 'null')", i);
    }
}

/* Of a null comes one row, of an empty array none. */
static void emit_expand(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = over(rel->inputs[0]);
    const struct vd_kql_rel *input = rel->inputs[0];
    const uint32_t alias = ++e->aliases;

    if (e->dialect != VD_KQL_DUCKDB) {
        vd_kql_emit_unsupported(e, "mv-expand");
        return;
    }
    vd_kql_emit_text(e, "SELECT ");
    emit_columns(e, &input->columns);
    for (uint32_t i = 0; i < rel->expr_count; i++) {
        emit_element(e, rel, i);
        emit_name(e, &rel->columns.items[input->columns.count + i]);
    }
    if (rel->index_column != 0) {
        vd_kql_emit_text(e, ", vd_i - 1");
        emit_name(e, &rel->columns.items[rel->columns.count - 1]);
    }
    vd_kql_emit_text(e, " FROM (SELECT *, unnest(range(1, 1 + ");
    vd_kql_emit_text(e, rel->row_limit > 0 ? "least(" : "");
    vd_kql_emit_text(e, "greatest(");
    for (uint32_t i = 0; i < rel->expr_count; i++) {
        vd_buf_printf(e->sql, "%scoalesce(len(vd_a%u), 1)", i > 0 ? ", " : "", i);
    }
    vd_kql_emit_text(e, ")");
    if (rel->row_limit > 0) {
        vd_buf_printf(e->sql, ", %u)", rel->row_limit);
    }
    vd_kql_emit_text(e, ")) AS vd_i FROM (SELECT *");
    for (uint32_t i = 0; i < rel->expr_count; i++) {
        vd_kql_emit_text(e, ", CAST(json_extract(kql_expand(nullif(");
        vd_kql_emit_expr(e, &place, rel->exprs[i]);
        vd_buf_printf(e->sql, ", 'null')), '$[*]') AS VARCHAR[]) AS vd_a%u", i);
        if (rel->expands_pairs) {
            vd_kql_emit_text(e, ", coalesce(json_type(");
            vd_kql_emit_expr(e, &place, rel->exprs[i]);
            vd_buf_printf(e->sql, ") = 'OBJECT', false) AS vd_b%u", i);
        }
    }
    emit_input(e, input);
    vd_buf_printf(e->sql, ")) AS t%u", alias);
}

/* An array of a value over all bins, by a map from the bin's number. */
static void emit_bins(
    struct vd_kql_emitter *e, const struct vd_kql_rel *rel, uint32_t value, uint32_t missing)
{
    const struct vd_kql_emit_place nowhere = {0};
    const struct vd_kql_column *number = &rel->inputs[0]->columns.items[rel->group_count];

    vd_kql_emit_text(e, "'[' || coalesce(array_to_string(list_transform(");
    emit_steps(e, rel->exprs[0], true);
    vd_buf_printf(e->sql, ", lambda c_%u: coalesce(map(list(", rel->counter);
    vd_kql_emit_column(e, number);
    vd_kql_emit_text(e, "), list(");
    vd_kql_emit_column(e, &rel->inputs[0]->columns.items[value]);
    vd_buf_printf(e->sql, "))[c_%u], ", rel->counter);
    vd_kql_emit_expr(e, &nowhere, rel->exprs[missing]);
    vd_kql_emit_text(e, ", 'null')), ','), '') || ']'");
}

static void emit_series(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    const struct vd_kql_emit_place place = over(rel->inputs[0]);
    const uint32_t values = rel->columns.count - rel->group_count - 1;

    if (e->dialect != VD_KQL_DUCKDB) {
        vd_kql_emit_unsupported(e, "make-series");
        return;
    }
    vd_kql_emit_text(e, "SELECT ");
    for (uint32_t i = 0; i < rel->group_count; i++) {
        vd_kql_emit_expr(e, &place, rel->exprs[1 + i]);
        emit_name(e, &rel->columns.items[i]);
        vd_kql_emit_text(e, ", ");
    }
    for (uint32_t i = 0; i < values; i++) {
        emit_bins(e, rel, rel->group_count + 1 + i, 1 + rel->group_count + i);
        emit_name(e, &rel->columns.items[rel->group_count + i]);
        vd_kql_emit_text(e, ", ");
    }
    vd_kql_emit_text(e, "'[' || coalesce(array_to_string(list_transform(");
    emit_steps(e, rel->exprs[0], true);
    vd_buf_printf(e->sql, ", lambda c_%u: ", rel->counter);
    vd_kql_emit_expr(e, &place, rel->exprs[rel->expr_count - 1]);
    vd_kql_emit_text(e, "), ','), '') || ']'");
    emit_name(e, &rel->columns.items[rel->columns.count - 1]);
    emit_input(e, rel->inputs[0]);
    for (uint32_t i = 0; i < rel->group_count; i++) {
        vd_buf_printf(e->sql, "%s%u", i == 0 ? " GROUP BY " : ", ", i + 1);
    }
}

/* ---- The whole ---- */

static bool has_window(const struct vd_kql_expr *expr)
{
    bool has = expr->op == VD_KQL_OP_WINDOW;

    for (uint32_t i = 0; !has && i < expr->argument_count; i++) {
        has = has_window(expr->arguments[i]);
    }
    return has;
}

/* A projection that makes of each row another, whatever rows there are beside it. */
static bool is_by_row(const struct vd_kql_rel *rel)
{
    for (uint32_t i = 0; i < rel->expr_count; i++) {
        if (has_window(rel->exprs[i])) {
            return false;
        }
    }
    return rel->kind == VD_KQL_REL_PROJECT;
}

void vd_kql_emit_rel(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    static void (*const emitters[])(struct vd_kql_emitter *, const struct vd_kql_rel *) = {
        [VD_KQL_REL_SCAN] = emit_scan,
        [VD_KQL_REL_ROWS] = emit_rows,
        [VD_KQL_REL_RANGE] = emit_range,
        [VD_KQL_REL_FILTER] = emit_filter,
        [VD_KQL_REL_PROJECT] = emit_project,
        [VD_KQL_REL_AGGREGATE] = emit_aggregate,
        [VD_KQL_REL_LIMIT] = emit_limit,
        [VD_KQL_REL_SAMPLE] = emit_sample,
        [VD_KQL_REL_JOIN] = emit_join,
        [VD_KQL_REL_UNION] = emit_union,
        [VD_KQL_REL_EXPAND] = emit_expand,
        [VD_KQL_REL_SERIES] = emit_series,
    };

    const struct vd_kql_emit_filter *const filters = e->filters;

    if (e->sql->error != VD_OK) {
        return;
    }
    /* What a filter does to rows above anything else it need not do to those below. */
    if (rel->kind != VD_KQL_REL_FILTER && rel->kind != VD_KQL_REL_SCAN && !is_by_row(rel)) {
        e->filters = NULL;
    }
    emitters[rel->kind](e, rel);
    e->filters = filters;
}

/* What can be named, in the order of the query. */
int vd_kql_emit(const struct vd_kql_plan *plan, enum vd_kql_dialect dialect, struct vd_buf *sql,
    uint32_t *text_functions, struct vd_kql_problem *problem)
{
    struct vd_kql_emitter e = {.dialect = dialect, .sql = sql, .problem = problem};
    bool is_first = true;

    vd_kql_emit_text(&e, "SELECT ");
    for (uint32_t i = 0; i < plan->rel->columns.count; i++) {
        const struct vd_kql_column *column = &plan->rel->columns.items[i];

        if (column->member_of == 0 && !column->is_key) {
            vd_kql_emit_text(&e, is_first ? "" : ", ");
            vd_kql_emit_column(&e, column);
            is_first = false;
        }
    }
    vd_kql_emit_text(&e, is_first ? "1 AS nothing" : "");
    emit_input(&e, plan->rel);
    vd_kql_emit_text(&e, plan->rel->order_count > 0 ? " " : "");
    vd_kql_emit_order(&e, plan->rel, plan->rel);
    *text_functions = e.text_functions;
    return e.error != VD_OK ? e.error : sql->error;
}
